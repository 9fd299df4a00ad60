/**
 * clone(2).
 * Differs: where the child's stack is and what its thread pointer is, is the simulated program's own business.
 * Linux: kernel/fork.c (6.12)   Doc: man 2 clone
 */
import type { Task } from "../../base/types.ts";
import { doFork } from "../process.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** clone(flags, stack, parent_tid, child_tid, tls). Returns the new task's id, -EINVAL, -EAGAIN, -ENOMEM, or BLOCKED. */
export function sysClone(k: AbiState, task: Task, args: SyscallArgs): number {
  return doFork(k, task, numberArg(args, 0) | 0, {
    parentTid: numberArg(args, 2),
    childTid: numberArg(args, 3),
  });
}
