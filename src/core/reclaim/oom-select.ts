/**
 * Choosing whom to kill when memory is out: who is asked, in which order, and who wins.
 *
 *   the machine      every process, oldest first
 *   a cgroup         the processes of the cgroup and of those below it, parents before children; inside each in the order
 *                    in which they came there
 *
 * Who takes a swap area out of use fills memory on its own behalf, and is chosen at once. Else the most points win; among equals the one that is asked last. A victim that is still dying ends the search: its memory is
 * on its way.
 * Differs: nodes that a process may not use (cpusets, memory policies) are not modelled, so that every process counts.
 * Linux: mm/oom_kill.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/mm/concepts.rst
 */
import { type Memcg, NONE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { nextMemcg } from "../space/memcg.ts";
import { isLegacy, memcgSwappiness } from "../space/memcg-v1.ts";
import { MMF_OOM_SKIP } from "../space/mm.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import { initTask, TASK_FREE, taskRows } from "../space/task.ts";
import { oomBadness, oomTotalPages, taskWithMemory, UNKILLABLE } from "./oom-badness.ts";
import type { ReclaimState } from "./state.ts";

/** What selectBadProcess returns when a victim is still dying. */
export const STILL_DYING = -1;

/** Memory that is out: the cgroup at its limit, or ROOT_MEMCG for the machine; and the allocation that found out. */
export interface OomControl {
  readonly memcg: Memcg;
  readonly gfp: number;
  readonly order: number;
  /** The highest zone type the allocation may use. */
  readonly highest: number;
}

/** Pages that the choice is made among. */
export function totalPages(k: ReclaimState, oc: OomControl): number {
  return oc.memcg === ROOT_MEMCG ? oomTotalPages(k) : memcgMost(k, oc.memcg) || 1;
}

/** The process to kill: its leader, NONE when there is none, or STILL_DYING. */
export function selectBadProcess(k: ReclaimState, oc: OomControl): Task {
  const total = totalPages(k, oc);
  let chosen: Task = NONE;
  let most = UNKILLABLE;
  for (const leader of candidates(k, oc.memcg)) {
    if (k.task.oomVictim[leader] !== 0) {
      const user = taskWithMemory(k, leader);
      if (user === NONE || (k.mm.oomFlags[k.task.mm[user]] & MMF_OOM_SKIP) !== 0) continue;
      return STILL_DYING;
    }
    const points = k.task.oomOrigin[leader] !== 0 ? Number.POSITIVE_INFINITY : oomBadness(k, leader, total);
    if (points === UNKILLABLE || points < most) continue;
    chosen = leader;
    most = points;
  }
  return chosen;
}

/** Processes that may be asked, in the kernel's order; init is never among them. */
export function candidates(k: ReclaimState, memcg: Memcg): Task[] {
  if (memcg !== ROOT_MEMCG) return memcgProcesses(k, memcg);
  return leaders(k, () => true).sort((a, b) => k.task.pid[a] - k.task.pid[b]);
}

/** Processes in a cgroup and those below it (Linux: mem_cgroup_scan_tasks). */
export function memcgProcesses(k: ReclaimState, root: Memcg): Task[] {
  const { memcg, cgroupPlace } = k.task;
  const found: Task[] = [];
  for (let at = root; at >= 0; at = nextMemcg(k, root, at)) {
    const own = leaders(k, (leader) => memcg[leader] === at);
    found.push(...own.sort((a, b) => cgroupPlace[a] - cgroupPlace[b]));
  }
  return found;
}

/** Leaders of processes that have not ended, but for init. */
function leaders(k: ReclaimState, isWanted: (leader: Task) => boolean): Task[] {
  const { pid, tgid, state, liveThreads } = k.task;
  const found: Task[] = [];
  for (let task: Task = 1; task < taskRows(k); task++) {
    if (state[task] === TASK_FREE || pid[task] !== tgid[task] || liveThreads[task] === 0) continue;
    if (task !== initTask(k) && isWanted(task)) found.push(task);
  }
  return found;
}

/** The most memory and swap that a cgroup may have by its own limits (Linux: mem_cgroup_get_max). */
function memcgMost(k: ReclaimState, memcg: Memcg): number {
  const { max, swapMax, memswMax } = k.memcg;
  if (memcgSwappiness(k, memcg) === 0) return max[memcg];
  const swap = isLegacy(k) ? memswMax[memcg] - max[memcg] : swapMax[memcg];
  return max[memcg] + Math.min(swap, k.swap.state[SWAP_TOTAL]);
}
