/**
 * A page fault that got no memory: the task dies, or tries again until there is some.
 *
 *   it was killed, for itself or for others           FAULT_OOM: its program does not go on
 *   nobody may be killed (oom_score_adj -1000 all),   BLOCKED: it sleeps until its cgroup has room, or somebody has
 *   or version 1 has oom_kill_disable                 written a file that may change that
 *
 * Differs: where nobody may be killed but nobody disabled killing, Linux lets the task fault again and again without end, at
 * the cost of a CPU; here it sleeps meanwhile.
 * Linux: mm/oom_kill.c pagefault_out_of_memory, mm/memcontrol-v1.c mem_cgroup_oom_synchronize (6.12)
 * Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 10. OOM Control
 */
import { tellOutOfMemory } from "../alloc/charge.ts";
import { LOG_WARNING, printk } from "../base/dmesg.ts";
import { FAULT_OOM } from "../base/errno.ts";
import { BLOCKED, ROOT_MEMCG, type Task } from "../base/types.ts";
import { isDying } from "../reclaim/oom-task.ts";
import { isBelow, memcgMargin } from "../space/memcg.ts";
import { sleepUntil, TASK_UNINTERRUPTIBLE, taskRows, WAIT_MEMORY, wakeTask } from "../space/task.ts";
import type { VmState } from "./state.ts";

/** Word of `k.task.rows`: 1 when some task may wait for memory. */
const WAITERS = 7;

/** What becomes of it; `user` is 0 when the kernel made the access for the task. Returns FAULT_OOM or BLOCKED. */
export function pagefaultOutOfMemory(k: VmState, task: Task, user: number): number {
  const isWaiting = k.task.memcgInOom[task] !== ROOT_MEMCG;
  if (user === 0 || isDying(k, task) || k.reclaim.halted[0] !== 0) {
    k.task.memcgInOom[task] = ROOT_MEMCG;
    return FAULT_OOM;
  }
  if (!isWaiting) printk(k, LOG_WARNING, "Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF");
  else if (isFirstWaiter(k, task)) tellOutOfMemory(k, k.task.memcgInOom[task]!);
  sleepUntil(k, task, TASK_UNINTERRUPTIBLE, WAIT_MEMORY, Number.POSITIVE_INFINITY);
  k.task.rows[WAITERS] = 1;
  return BLOCKED;
}

/** Wakes those that wait for memory and whose cgroups have room now; all of them when `isChanged`: then they may try. */
export function wakeMemoryWaiters(k: VmState, isChanged: boolean): void {
  const { rows, waitRow, memcgInOom } = k.task;
  if (rows[WAITERS] === 0) return;
  rows[WAITERS] = 0;
  for (let task: Task = 1; task < taskRows(k); task++) {
    if (waitRow[task] !== WAIT_MEMORY) continue;
    if (isChanged || hasRoom(k, task)) {
      memcgInOom[task] = ROOT_MEMCG;
      wakeTask(k, task);
    } else rows[WAITERS] = 1;
  }
}

/** Whether nobody waits yet for the cgroup that the task waits for, or for one above or below it (Linux: mem_cgroup_oom_trylock). */
function isFirstWaiter(k: VmState, task: Task): boolean {
  const { memcgInOom, waitRow } = k.task;
  const memcg = memcgInOom[task]!;
  for (let other: Task = 1; other < taskRows(k); other++) {
    const waited = memcgInOom[other]!;
    if (other === task || waitRow[other] !== WAIT_MEMORY || waited === ROOT_MEMCG) continue;
    if (isBelow(k, memcg, waited) || isBelow(k, waited, memcg)) return false;
  }
  return true;
}

/** Whether a page could be charged to the task's cgroup and everything above it. */
function hasRoom(k: VmState, task: Task): boolean {
  for (let at = k.mm.memcg[k.task.mm[task]]!; at !== ROOT_MEMCG; at = k.memcg.parent[at]!)
    if (memcgMargin(k, at) === 0) return false;
  return true;
}
