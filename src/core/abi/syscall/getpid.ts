/**
 * getpid(2), gettid(2), getppid(2).
 * Linux: kernel/sys.c (6.12)   Doc: man 2 getpid, man 2 gettid
 */
import { NONE, type Task } from "../../base/types.ts";
import { leaderOf } from "../../space/task.ts";
import type { AbiState } from "../state.ts";

/** getpid(): the id of the process, which all its threads share. */
export function sysGetpid(k: AbiState, task: Task): number {
  return k.task.tgid[task];
}

/** gettid(): the id of this thread. */
export function sysGettid(k: AbiState, task: Task): number {
  return k.task.pid[task];
}

/** getppid(): the process of the parent; 0 when there is none. */
export function sysGetppid(k: AbiState, task: Task): number {
  const parent = k.task.parent[leaderOf(k, task)];
  return parent === NONE ? 0 : k.task.tgid[parent];
}
