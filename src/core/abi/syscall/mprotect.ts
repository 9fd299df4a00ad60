/**
 * mprotect(2): new permissions for a range.
 * Linux: mm/mprotect.c (6.12)   Doc: man 2 mprotect
 */
import type { Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, COST_VMA_CALL, spend } from "../../hw/clock.ts";
import { unsigned } from "../../vm/bytes.ts";
import { doMprotect } from "../../vm/mprotect.ts";
import type { VmState } from "../../vm/state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** mprotect(addr, length, prot). Returns 0, EINVAL, ENOMEM or EACCES (see doMprotect). */
export function sysMprotect(k: VmState, task: Task, args: SyscallArgs): number {
  spend(k, CAUSE_SYSCALL, COST_SYSCALL + COST_VMA_CALL);
  const addr = unsigned(numberArg(args, 0));
  return doMprotect(k, k.task.mm[task], addr, unsigned(numberArg(args, 1)), numberArg(args, 2) | 0);
}
