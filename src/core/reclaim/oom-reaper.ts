/**
 * Getting a victim's memory: it ends by itself, or the reaper takes what nobody else needs.
 *
 *   killed, nobody else works on its memory      it is emptied at once: the victim runs and ends while the allocation waits
 *   killed, somebody works on it                 the reaper comes two seconds later and takes private memory; mappings stay
 *   killed while it allocates itself             it ends when its allocation has failed
 *
 * Differs: in Linux the victim races with whom it was killed for; here it is always the first to get a CPU.
 * Linux: mm/oom_kill.c, mm/mmap.c exit_mmap (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { LOG_INFO, printk } from "../base/dmesg.ts";
import { type Mm, NONE, PAGE_SIZE, type Task } from "../base/types.ts";
import { CAUSE_IDLE, spend } from "../hw/clock.ts";
import { lruAddDrain } from "../space/lruvec.ts";
import { isAlive } from "../space/memcg-task.ts";
import {
  MM_ANONPAGES,
  MM_EMPTIED,
  MM_FILEPAGES,
  MM_SHMEMPAGES,
  MMF_OOM_REAP_QUEUED,
  MMF_OOM_SKIP,
  readRss,
} from "../space/mm.ts";
import { taskRows } from "../space/task.ts";
import { VM_PFNMAP, VM_SHARED } from "../space/vma.ts";
import { finishMmu, freePageTables, gatherMmu, zapRange, zapVmas } from "../space/zap.ts";
import { currentTask, isDying } from "./oom-task.ts";
import type { ReclaimState } from "./state.ts";

/** OOM_REAPER_DELAY: two seconds. */
const REAPER_DELAY_NS = 2e9;
const KIB_PER_PAGE = PAGE_SIZE / 1024;

/** The memory of a process that was killed is wanted back: by emptyQueued where that is safe, else by the reaper. */
export function queueReaper(k: ReclaimState, mm: Mm): void {
  const { oomFlags, reapNs } = k.mm;
  if ((oomFlags[mm] & MMF_OOM_REAP_QUEUED) !== 0) return;
  oomFlags[mm] |= MMF_OOM_REAP_QUEUED;
  reapNs[mm] = k.clock.ns[0] + REAPER_DELAY_NS;
}

/** Takes the memory of victims that nobody works on. */
export function emptyQueued(k: ReclaimState): void {
  const { oomFlags, rowCount } = k.mm;
  for (let mm: Mm = 1; mm < rowCount[1]; mm++) {
    const isQueued = (oomFlags[mm] & (MMF_OOM_REAP_QUEUED | MM_EMPTIED)) === MMF_OOM_REAP_QUEUED;
    if (isQueued && isLetGo(k, mm)) emptyMm(k, mm);
  }
}

/** Lets the time pass until the reaper has looked at those that are queued. False when none is. */
export function waitForReaper(k: ReclaimState): boolean {
  const { oomFlags, reapNs, rowCount } = k.mm;
  let isReaped = false;
  for (let mm: Mm = 1; mm < rowCount[1]; mm++) {
    if (reapNs[mm] === 0 || (oomFlags[mm] & MMF_OOM_SKIP) !== 0) continue;
    if (reapNs[mm] > k.clock.ns[0]) spend(k, CAUSE_IDLE, reapNs[mm] - k.clock.ns[0]);
    reap(k, mm);
    isReaped = true;
  }
  return isReaped;
}

/** Whether every user of the memory is a task that was killed and does not run now. */
function isLetGo(k: ReclaimState, mm: Mm): boolean {
  const current = currentTask(k);
  if (k.task.mm[current] === mm) return false;
  let users = 0;
  for (let task: Task = 1; task < taskRows(k); task++) {
    if (!isAlive(k, task) || k.task.mm[task] !== mm) continue;
    if (!isDying(k, task)) return false;
    users++;
  }
  return users === k.mm.users[mm];
}

/** Unmaps everything and frees the page tables, as the end of its last user does; the mappings go when that has ended. */
function emptyMm(k: ReclaimState, mm: Mm): void {
  const { firstVma, lastVma, oomFlags } = k.mm;
  lruAddDrain(k);
  gatherMmu(k, mm, true);
  zapVmas(k, mm, firstVma[mm], lastVma[mm]);
  freePageTables(k, mm, 0, 0);
  finishMmu(k);
  oomFlags[mm] |= MMF_OOM_SKIP | MM_EMPTIED;
}

/** Takes the pages of private memory (Linux: oom_reap_task_mm). */
function reap(k: ReclaimState, mm: Mm): void {
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma])
    if ((k.vma.flags[vma] & (VM_SHARED | VM_PFNMAP)) === 0)
      zapRange(k, mm, vma, k.vma.start[vma], k.vma.end[vma]);
  k.mm.oomFlags[mm] |= MMF_OOM_SKIP;
  const kib = (member: number): string => `${readRss(k, mm, member) * KIB_PER_PAGE}kB`;
  printk(
    k,
    LOG_INFO,
    `oom_reaper: reaped process ${k.task.pid[userOf(k, mm)]} (${k.task.comm[userOf(k, mm)]}), now ` +
      `anon-rss:${kib(MM_ANONPAGES)}, file-rss:${kib(MM_FILEPAGES)}, shmem-rss:${kib(MM_SHMEMPAGES)}`,
  );
}

/** The first victim that uses the memory. */
function userOf(k: ReclaimState, mm: Mm): Task {
  for (let task: Task = 1; task < taskRows(k); task++)
    if (isAlive(k, task) && k.task.mm[task] === mm && isDying(k, task)) return task;
  return NONE;
}
