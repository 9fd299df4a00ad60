/**
 * Tasks in memory cgroups: who is where, and where a process's memory is charged.
 *
 *   /        subtree_control: memory      task.memcg: the cgroup a task is in
 *     a      subtree_control: (empty)     mm.memcg:   the nearest one above it, or itself, whose parent hands out
 *       b    no memory files              memory: tasks in a/b are charged to a
 *
 * A task that moves takes nothing along: its pages stay charged to the old cgroup until they are freed.
 * Linux: kernel/cgroup/cgroup.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { type Memcg, type Mm, NONE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { NR_EVENTS, PGFAULT } from "../frame/vmstat.ts";
import { lruGenMigrateMm } from "./lru-gen-mm.ts";
import { isBelow } from "./memcg.ts";
import { chargedMemcg } from "./memcg-current.ts";
import type { SpaceState } from "./state.ts";
import { TASK_FREE, TASK_ZOMBIE, taskRows } from "./task.ts";

/** Word of `k.task.rows`: the last place given in a cgroup. */
const LAST_PLACE = 5;

/** Path of a cgroup from the root of the tree, as /proc/PID/cgroup prints it. */
export function pathOfMemcg(k: SpaceState, memcg: Memcg): string {
  let path = "";
  for (let at = memcg; at !== ROOT_MEMCG; at = k.memcg.parent[at]) path = `/${k.memcg.name[at]}${path}`;
  return path === "" ? "/" : path;
}

/** A new task begins where the one that made it is. */
export function inheritMemcg(k: SpaceState, task: Task, from: Task): void {
  k.task.memcg[task] = k.task.memcg[from];
  placeInCgroup(k, task);
}

/** Puts all threads of a process into a cgroup; what it allocates from now on is charged there (Linux: cgroup_attach_task). */
export function moveProcess(k: SpaceState, leader: Task, memcg: Memcg): void {
  let thread = leader;
  if (k.task.memcg[leader] !== memcg) placeInCgroup(k, leader);
  do {
    settleFaults(k, thread);
    k.task.memcg[thread] = memcg;
    thread = k.task.nextThread[thread];
  } while (thread !== leader);
  const mm = k.task.mm[leader];
  if (mm !== NONE && ownerOf(k, mm) === k.task.tgid[leader]) chargeTo(k, mm, memcg);
}

/** Memory was handed out to the children of a cgroup, or is no longer: its tasks below are charged elsewhere from now on. */
export function updateCharged(k: SpaceState, top: Memcg): void {
  for (let task = 1; task < taskRows(k); task++) {
    if (!isAlive(k, task) || !isBelow(k, k.task.memcg[task], top)) continue;
    settleFaults(k, task);
    const mm = k.task.mm[task];
    if (mm !== NONE && ownerOf(k, mm) === k.task.tgid[task]) chargeTo(k, mm, k.task.memcg[task]);
  }
}

/** What an address space allocates from now on is charged to the cgroup or the nearest one above it with memory. */
function chargeTo(k: SpaceState, mm: Mm, memcg: Memcg): void {
  k.mm.memcg[mm] = chargedMemcg(k, memcg);
  lruGenMigrateMm(k, mm);
}

/**
 * Gives the faults that a task has had since the last time to its cgroup's count. They are not counted there one by one:
 * the task counts them anyway.
 */
export function settleFaults(k: SpaceState, task: Task): void {
  const faults = k.task.minFlt[task] + k.task.majFlt[task];
  const mm = k.task.mm[task];
  const memcg = mm === NONE ? ROOT_MEMCG : k.mm.memcg[mm];
  if (memcg !== ROOT_MEMCG)
    k.memcg.vmEvent[memcg * NR_EVENTS + PGFAULT] += faults - k.task.countedFaults[task];
  k.task.countedFaults[task] = faults;
}

/** The same for every task, before somebody reads the counts. */
export function settleAllFaults(k: SpaceState): void {
  for (let task = 1; task < taskRows(k); task++) if (isAlive(k, task)) settleFaults(k, task);
}

/** Whether a task that has not ended is in the cgroup or, unless `own`, in one below it. */
export function hasTasks(k: SpaceState, memcg: Memcg, own: boolean): boolean {
  for (let task = 1; task < taskRows(k); task++) {
    if (!isAlive(k, task) || isKernels(k, task)) continue;
    if (own ? k.task.memcg[task] === memcg : isBelow(k, k.task.memcg[task], memcg)) return true;
  }
  return false;
}

/** Whether the row is a task that has not ended. */
export function isAlive(k: SpaceState, task: Task): boolean {
  return k.task.state[task] !== TASK_FREE && k.task.state[task] !== TASK_ZOMBIE;
}

/** Whether the task has no program: init, which only inherits orphans here. */
function isKernels(k: SpaceState, task: Task): boolean {
  return k.task.mm[task] === NONE;
}

/** The process that an address space is charged for: the oldest that runs in it (Linux: mm->owner). */
function ownerOf(k: SpaceState, mm: Mm): number {
  const { tgid, startNs } = k.task;
  let owner: Task = NONE;
  for (let task = 1; task < taskRows(k); task++) {
    if (!isAlive(k, task) || k.task.mm[task] !== mm) continue;
    if (owner === NONE || startNs[task] < startNs[owner]) owner = task;
  }
  return tgid[owner];
}

/** Puts a process behind all others of its cgroup. */
function placeInCgroup(k: SpaceState, leader: Task): void {
  k.task.cgroupPlace[leader] = ++k.task.rows[LAST_PLACE];
}
