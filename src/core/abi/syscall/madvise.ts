/**
 * madvise(2): advice about a range, and throwing its pages away.
 * Linux: mm/madvise.c (6.12)   Doc: man 2 madvise
 */
import type { Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, spend } from "../../hw/clock.ts";
import { unsigned } from "../../vm/bytes.ts";
import { doMadvise } from "../../vm/madvise.ts";
import type { VmState } from "../../vm/state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** madvise(addr, length, advice). Returns 0 or a negative errno (see doMadvise). */
export function sysMadvise(k: VmState, task: Task, args: SyscallArgs): number {
  spend(k, CAUSE_SYSCALL, COST_SYSCALL);
  const addr = unsigned(numberArg(args, 0));
  return doMadvise(k, k.task.mm[task], addr, unsigned(numberArg(args, 1)), numberArg(args, 2) | 0);
}
