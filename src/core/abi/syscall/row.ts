/**
 * The shape of a system call: what every file of this folder exports and what the table lists.
 *
 * A file `name.ts` exports `sysName(k, task, args)`. Arguments come as the program passed them, six at most: numbers
 * (an int that is negative arrives negative, an address as bytes), and paths and string lists as strings, because
 * simulated programs have no bytes of their own to point to.
 * Linux: arch/x86/entry/syscalls/syscall_64.tbl (6.12)   Doc: man 2 syscalls
 */
import type { Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";

/** Arguments of one call. A missing argument is 0. */
export type SyscallArgs = readonly (number | string | readonly string[])[];

/** Runs the call for the task. Returns the result (>= 0), a negative errno, or BLOCKED (asked again with the same arguments). */
export type SyscallRun = (k: AbiState, task: Task, args: SyscallArgs) => number;

/** One line of the table. */
export interface SyscallRow {
  readonly nr: number;
  readonly name: string;
  /** "exact", or "partial: " and what is missing. */
  readonly faithful: string;
  readonly run: SyscallRun;
}

/** Argument `index` as a number; 0 when it is missing or no number. */
export function numberArg(args: SyscallArgs, index: number): number {
  const value = args[index];
  return typeof value === "number" ? value : 0;
}

/** Argument `index` as a string; "" when it is missing or no string. */
export function stringArg(args: SyscallArgs, index: number): string {
  const value = args[index];
  return typeof value === "string" ? value : "";
}

/** Argument `index` as a list of strings (argv, envp); a single string is a list of one, nothing is the empty list. */
export function listArg(args: SyscallArgs, index: number): readonly string[] {
  const value = args[index];
  if (typeof value === "string") return [value];
  return typeof value === "object" ? value : [];
}
