/**
 * What the kernel keeps for a task, charged to the cgroup of the task that makes it, in the order of copy_process:
 *
 *   every task     task_struct and kernel stack ... pid
 *   its own files  descriptor table
 *   a process      credentials, fs, sighand, signal
 *
 * The stack goes when the task has ended, the rest when somebody has waited for it.
 * Differs: what fs, sighand and credentials hold is not shared by processes that clone asks to share it.
 * Linux: kernel/fork.c (copy_process), kernel/exit.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */

import { chargeKernelPages, roomForObjects } from "../alloc/charge.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Memcg, ROOT_MEMCG, type Task } from "../base/types.ts";
import {
  chargeObject,
  countStack,
  KMEM_CRED,
  KMEM_FILES,
  KMEM_FS,
  KMEM_PID,
  KMEM_SIGHAND,
  KMEM_SIGNAL,
  KMEM_TASK,
  STACK_PAGES,
  unchargeObject,
  unchargeStack,
} from "../space/kmem.ts";
import { leaderOf } from "../space/task.ts";
import type { AbiState } from "./state.ts";

const THREAD_OBJECTS = [KMEM_TASK, KMEM_PID];
const PROCESS_OBJECTS = [KMEM_CRED, KMEM_FS, KMEM_SIGHAND, KMEM_SIGNAL];

/** What a new task has of its own. */
export interface TaskParts {
  readonly isThread: boolean;
  readonly sharesFds: boolean;
}

/** Charges all but the pid of a task that is about to be made. Returns the cgroup, or -ENOMEM with nothing charged. */
export function chargeNewTask(k: AbiState, parts: TaskParts): Memcg {
  if (roomForObjects(k, KMEM_TASK) < 0) return -ENOMEM;
  const memcg = chargeObject(k, KMEM_TASK);
  if (chargeKernelPages(k, STACK_PAGES) < 0) {
    unchargeObject(k, memcg, KMEM_TASK);
    return -ENOMEM;
  }
  if (memcg !== ROOT_MEMCG) countStack(k, memcg);
  const done = [KMEM_TASK];
  for (const bytes of objectsOf(parts)) {
    if (roomForObjects(k, bytes) < 0) {
      for (const charged of done) unchargeObject(k, memcg, charged);
      unchargeStack(k, memcg);
      return -ENOMEM;
    }
    chargeObject(k, bytes);
    done.push(bytes);
  }
  return memcg;
}

/** The task was not made after all. */
export function unchargeNewTask(k: AbiState, memcg: Memcg, parts: TaskParts): void {
  for (const bytes of [KMEM_TASK, ...objectsOf(parts)]) unchargeObject(k, memcg, bytes);
  unchargeStack(k, memcg);
}

/** The task was made: what was charged is its own, and its pid is charged. */
export function ownNewTask(k: AbiState, task: Task, memcg: Memcg, parts: TaskParts): void {
  k.task.stackMemcg[task] = memcg;
  k.task.taskMemcg[task] = memcg;
  if (!parts.sharesFds) k.task.tableMemcg[k.task.fdTable[task]] = memcg;
  chargeObject(k, KMEM_PID);
}

/** A task has ended: its stack goes. */
export function endTaskStack(k: AbiState, task: Task): void {
  unchargeStack(k, k.task.stackMemcg[task]);
  k.task.stackMemcg[task] = ROOT_MEMCG;
}

/** Nobody asks for a task any more: what the kernel kept of it goes. Its row is still in its group. */
export function unchargeTask(k: AbiState, task: Task): void {
  const memcg = k.task.taskMemcg[task];
  k.task.taskMemcg[task] = ROOT_MEMCG;
  for (const bytes of THREAD_OBJECTS) unchargeObject(k, memcg, bytes);
  if (leaderOf(k, task) === task) for (const bytes of PROCESS_OBJECTS) unchargeObject(k, memcg, bytes);
}

function objectsOf(parts: TaskParts): number[] {
  const objects = parts.isThread ? [] : [KMEM_CRED];
  if (!parts.sharesFds) objects.push(KMEM_FILES);
  if (!parts.isThread) objects.push(KMEM_FS, KMEM_SIGHAND, KMEM_SIGNAL);
  return objects;
}
