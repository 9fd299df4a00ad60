/**
 * How good a victim a process is when memory is out: what killing it would free, moved by what its owner asked for.
 *
 *   points = resident pages + swapped pages + pages of page tables + oom_score_adj * (all pages / 1000)
 *
 * oom_score_adj stands at the leader of a thread group: the threads of a process share it, as Linux keeps it in the
 * signal structure. -1000 keeps a process from being chosen at all.
 * Linux: mm/oom_kill.c oom_badness, fs/proc/base.c __set_oom_adj (6.12)   Doc: Documentation/filesystems/proc.rst, 3.1
 */
import { NONE, PAGE_SIZE, type Task } from "../base/types.ts";
import { BOOT_TOTALRAM } from "../frame/mmzone.ts";
import { isAlive } from "../space/memcg-task.ts";
import { MM_EMPTIED, MM_SWAPENTS, MMF_OOM_SKIP, readMmRss, readRss } from "../space/mm.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import { initTask, leaderOf, taskRows } from "../space/task.ts";
import type { ReclaimState } from "./state.ts";

/** Bounds of oom_score_adj; a process at the least is never killed for memory. */
export const OOM_SCORE_ADJ_MIN = -1000;
export const OOM_SCORE_ADJ_MAX = 1000;
/** Badness of a process that cannot be chosen (Linux: LONG_MIN). */
export const UNKILLABLE = Number.NEGATIVE_INFINITY;

/** Pages a victim is measured against when the whole machine is out of memory: RAM and swap. */
export function oomTotalPages(k: ReclaimState): number {
  return k.boot[BOOT_TOTALRAM] + k.swap.state[SWAP_TOTAL];
}

/** Points of a process among `totalPages`, below 0 when its adjustment outweighs its memory; or UNKILLABLE. */
export function oomBadness(k: ReclaimState, task: Task, totalPages: number): number {
  const user = taskWithMemory(k, task);
  // A child in vfork runs in its parent's memory: killing it would free nothing.
  if (user === NONE || task === initTask(k) || k.task.vforkParent[user] !== NONE) return UNKILLABLE;
  const adj = k.task.oomScoreAdj[leaderOf(k, task)];
  const mm = k.task.mm[user];
  if (adj === OOM_SCORE_ADJ_MIN || (k.mm.oomFlags[mm] & MMF_OOM_SKIP) !== 0) return UNKILLABLE;
  const tables = Math.floor(k.mm.pgtablesBytes[mm] / PAGE_SIZE);
  const points = readMmRss(k, mm) + readRss(k, mm, MM_SWAPENTS) + tables;
  return points + adj * Math.floor(totalPages / 1000);
}

/** /proc/PID/oom_score: badness as two thirds of 0 to 2000; 0 for a process that cannot be chosen. */
export function oomScore(k: ReclaimState, task: Task): number {
  const totalPages = oomTotalPages(k);
  const badness = oomBadness(k, task, totalPages);
  if (badness === UNKILLABLE) return 0;
  return Math.trunc(((1000 + Math.trunc((badness * 1000) / totalPages)) * 2) / 3);
}

/** The adjustment of a process. */
export function oomScoreAdj(k: ReclaimState, task: Task): number {
  return k.task.oomScoreAdj[leaderOf(k, task)];
}

/**
 * Sets the adjustment, -1000 to 1000, of a process and of all others that use its memory, since killing one of them
 * frees nothing while another lives. Who shares the memory only until exec is left out.
 */
export function setOomScoreAdj(k: ReclaimState, task: Task, adj: number): void {
  const t = k.task;
  const user = taskWithMemory(k, task);
  t.oomScoreAdj[leaderOf(k, task)] = adj;
  if (user === NONE || t.vforkParent[user] !== NONE) return;
  for (let other: Task = 1; other < taskRows(k); other++) {
    if (!isAlive(k, other) || t.mm[other] !== t.mm[user] || t.vforkParent[other] !== NONE) continue;
    t.oomScoreAdj[leaderOf(k, other)] = adj;
  }
}

/** A thread of the process that still has its memory, the leader first; NONE when all have let go of it. */
export function taskWithMemory(k: ReclaimState, task: Task): Task {
  const leader = leaderOf(k, task);
  let thread = leader;
  do {
    const mm = k.task.mm[thread];
    if (isAlive(k, thread) && mm !== NONE && (k.mm.oomFlags[mm] & MM_EMPTIED) === 0) return thread;
    thread = k.task.nextThread[thread];
  } while (thread !== leader);
  return NONE;
}
