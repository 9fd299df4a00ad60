/**
 * exit(2), which ends a thread, and exit_group(2), which ends the process.
 * Linux: kernel/exit.c (6.12)   Doc: man 2 _exit, man 2 exit_group
 */
import type { Task } from "../../base/types.ts";
import { doExit, doExitGroup } from "../process.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** exit(status). Does not return to the program; the 0 is nobody's. */
export function sysExit(k: AbiState, task: Task, args: SyscallArgs): number {
  doExit(k, task, numberArg(args, 0));
  return 0;
}

/** exit_group(status). Does not return to the program. */
export function sysExitGroup(k: AbiState, task: Task, args: SyscallArgs): number {
  doExitGroup(k, task, numberArg(args, 0));
  return 0;
}
