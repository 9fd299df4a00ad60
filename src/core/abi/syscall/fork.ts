/**
 * fork(2) and vfork(2).
 * Linux: kernel/fork.c (6.12)   Doc: man 2 fork, man 2 vfork
 */
import type { Task } from "../../base/types.ts";
import { SIGCHLD } from "../../space/task.ts";
import { CLONE_VFORK, CLONE_VM, doFork } from "../process.ts";
import type { AbiState } from "../state.ts";

/** fork(). Returns the child's pid, -EAGAIN or -ENOMEM. */
export function sysFork(k: AbiState, task: Task): number {
  return doFork(k, task, SIGCHLD);
}

/** vfork(): the memory is shared, and the parent is BLOCKED until the child has executed a program or ended. */
export function sysVfork(k: AbiState, task: Task): number {
  return doFork(k, task, CLONE_VFORK | CLONE_VM | SIGCHLD);
}
