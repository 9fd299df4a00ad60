/**
 * Every system call there is: number, name, how faithful, and the function that does it.
 * Linux: arch/x86/entry/syscalls/syscall_64.tbl (6.12)   Doc: man 2 syscalls
 */
import { ENOSYS } from "../../base/errno.ts";
import type { Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";
import type { SyscallArgs, SyscallRow } from "./row.ts";

/** The table, by number. A call that is not in it does not exist: ENOSYS. */
export const SYSCALLS: readonly SyscallRow[] = [];

/**
 * Does call number `nr` for the task. Returns the result (>= 0), a negative errno, or BLOCKED when the task must wait:
 * then the scheduler asks again with the same arguments.
 */
export function syscall(k: AbiState, task: Task, nr: number, args: SyscallArgs): number {
  for (const row of SYSCALLS) if (row.nr === nr) return row.run(k, task, args);
  return -ENOSYS;
}
