/**
 * munmap(2): removes every mapping of a range.
 * Linux: mm/mmap.c (6.12)   Doc: man 2 munmap
 */
import type { Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, COST_VMA_CALL, spend } from "../../hw/clock.ts";
import { unsigned } from "../../vm/bytes.ts";
import { doMunmap } from "../../vm/munmap.ts";
import type { VmState } from "../../vm/state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** munmap(addr, length). Returns 0, EINVAL or ENOMEM (see doMunmap). */
export function sysMunmap(k: VmState, task: Task, args: SyscallArgs): number {
  spend(k, CAUSE_SYSCALL, COST_SYSCALL + COST_VMA_CALL);
  return doMunmap(k, k.task.mm[task], unsigned(numberArg(args, 0)), unsigned(numberArg(args, 1)));
}
