/**
 * What the OOM killer asks of single tasks: who runs, who is dying, whether killing it would free anything.
 * Linux: mm/oom_kill.c (6.12)   Doc: docs/map.md
 */
import { NONE, type Task } from "../base/types.ts";
import { isAlive } from "../space/memcg-task.ts";
import { MMF_OOM_SKIP } from "../space/mm.ts";
import { taskRows } from "../space/task.ts";
import type { ReclaimState } from "./state.ts";

/** The task that runs on this CPU, or NONE. */
export function currentTask(k: ReclaimState): Task {
  const task = k.task.cpuTask[k.boot[2]];
  return task !== NONE && isAlive(k, task) ? task : NONE;
}

/** Whether the task was sent a signal that ends it, or ends already. */
export function isDying(k: ReclaimState, task: Task): boolean {
  return k.task.fatalSignal[task] !== 0;
}

/**
 * Whether the task will give its memory back soon, because it and everybody who shares it are dying, and the reaper has
 * not been there already (Linux: task_will_free_mem).
 */
export function willFreeMemory(k: ReclaimState, task: Task): boolean {
  const mm = k.task.mm[task];
  if (task === NONE || mm === NONE || !isDying(k, task)) return false;
  if ((k.mm.oomFlags[mm] & MMF_OOM_SKIP) !== 0) return false;
  for (let other: Task = 1; other < taskRows(k); other++)
    if (isAlive(k, other) && k.task.mm[other] === mm && !isDying(k, other)) return false;
  return true;
}
