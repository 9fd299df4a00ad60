/**
 * brk(2): moves the end of the heap.
 * Linux: mm/mmap.c (6.12)   Doc: man 2 brk
 */
import type { Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, COST_VMA_CALL, spend } from "../../hw/clock.ts";
import { doBrk } from "../../vm/brk.ts";
import { unsigned } from "../../vm/bytes.ts";
import type { VmState } from "../../vm/state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** brk(addr). Returns the end of the heap in force afterwards; it never fails, it only does not move. */
export function sysBrk(k: VmState, task: Task, args: SyscallArgs): number {
  spend(k, CAUSE_SYSCALL, COST_SYSCALL + COST_VMA_CALL);
  return doBrk(k, k.task.mm[task], unsigned(numberArg(args, 0)));
}
