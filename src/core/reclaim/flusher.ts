/**
 * The threads that write dirty files: one a writer, which runs when there is reason to and looks after everything by itself
 *
 *   asked to (reclaim met dirty pages only, or an operator)   writes all that is dirty now
 *   every dirty_writeback_centisecs                           writes files dirty for dirty_expire_centisecs
 *   more dirty pages than the background limit                writes until there are not
 *
 * a piece of a file at a time (1024 pages or more), oldest files first. A thread has a clock of its own, as kswapd has, and
 * works beside the task that runs. On a single CPU what it computes is taken from the task, unless the task waits then.
 * Differs: the thread writes without being preempted for as long as the piece takes.
 * Linux: fs/fs-writeback.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_*)
 */
import { type Inode, NONE, ROOT_MEMCG } from "../base/types.ts";
import { NR_FILE_DIRTY } from "../frame/vmstat.ts";
import { CAUSE_IO_WAIT, CAUSE_RECLAIM_WAIT } from "../hw/clock.ts";
import { FLUSHER_PLUG, flushPlug, switchPlug } from "../hw/plug.ts";
import { completeIo } from "../space/io.ts";
import { writePagesInTurn } from "../space/write-out.ts";
import { forgetInode, moveInode, redirtyTail } from "../space/writeback.ts";
import {
  CENTISECOND_NS,
  hasDirty,
  oldestOf,
  runWriterAt,
  WB_DIRTY,
  WB_IO,
  WB_MORE,
  WORK_ALL,
  WORK_BACKGROUND,
  WORK_NONE,
  WORK_OLD,
} from "../space/writer.ts";
import { isOverBackground, nodeSum } from "./dirty-limits.ts";
import { beginEstimate, ESTIMATE_TICKS, ticksNow, updateBandwidth } from "./dirty-rate.ts";
import { psiAwake, psiSleep } from "./psi.ts";
import type { ReclaimState } from "./state.ts";

/** Pages a thread writes of a file at least before it looks at the next (Linux: MIN_WRITEBACK_PAGES). */
const LEAST_PAGES = 1024;
/** The part of the dirty limit that it writes of a file at most: one in so many (Linux: DIRTY_SCOPE). */
const DIRTY_SCOPE = 8;
/** A thread is done with its files for now after so long (Linux: HZ / 10). */
const TURN_NS = 1e8;

/** Asks the threads of all disks to write everything (Linux: wakeup_flusher_threads). */
export function wakeAllFlushers(k: ReclaimState): void {
  const w = k.writeback;
  flushPlug(k);
  for (let writer = 0; writer < w.dirty.length; writer++) {
    if (w.asked[writer] !== 0 || !hasDirty(w, writer)) continue;
    w.asked[writer] = 1;
    runWriterAt(k, writer, k.clock.ns[0]);
  }
}

/** Sees to it that a writer's thread looks whether there is too much (Linux: wb_start_background_writeback). */
export function wakeFlusher(k: ReclaimState, writer: number): void {
  if (k.writeback.work[writer] === WORK_NONE) runWriterAt(k, writer, k.clock.ns[0]);
}

/**
 * Lets the threads that have something to do work up to the running CPU's now. `idleSinceNs`: from when on the CPU has had
 * nothing else to do (now, when it has).
 */
export function runFlushers(k: ReclaimState, idleSinceNs: number): void {
  const w = k.writeback;
  while (w.firstRunNs[0] <= k.clock.ns[0]) {
    let first = -1;
    for (let writer = 0; writer < w.runNs.length; writer++)
      if (w.runNs[writer] === w.firstRunNs[0]) {
        first = writer;
        break;
      }
    if (first >= 0) runOne(k, first, idleSinceNs);
    let leastNs = Number.POSITIVE_INFINITY;
    for (let writer = 0; writer < w.runNs.length; writer++) leastNs = Math.min(leastNs, w.runNs[writer]);
    w.firstRunNs[0] = leastNs;
  }
}

/**
 * The running task does nothing until `untilNs`, or until `isDone` says so; what the disks and the threads do meanwhile is
 * done. The time is on account of `cause`.
 */
export function idleUntil(k: ReclaimState, untilNs: number, cause: number, isDone?: () => boolean): void {
  const { clock, disk, writeback: w } = k;
  const beginNs = clock.ns[0];
  flushPlug(k);
  // Those that throttle reclaim wait for time to pass, all others for a disk.
  const isIo = cause !== CAUSE_RECLAIM_WAIT;
  const asleep = psiSleep(k, isIo);
  while (clock.ns[0] < untilNs && (isDone === undefined || !isDone())) {
    const idleSinceNs = clock.ns[0];
    let nextNs = Math.min(untilNs, Math.max(idleSinceNs, w.firstRunNs[0]));
    for (let queue = 0; queue < disk.head.length; queue++)
      if (disk.head[queue] !== NONE) nextNs = Math.min(nextNs, disk.completeNs[disk.head[queue]]);
    clock.ns[0] = Math.max(nextNs, idleSinceNs);
    completeIo(k, clock.ns[0]);
    runFlushers(k, idleSinceNs);
  }
  psiAwake(k, asleep, isIo);
  clock.spent[cause] += clock.ns[0] - beginNs;
}

/** One step of one thread on its own clock; on a single CPU what it computed delays the task. */
function runOne(k: ReclaimState, writer: number, idleSinceNs: number): void {
  const { clock, boot, writeback: w } = k;
  const nowNs = clock.ns[0];
  const cpu = boot[2];
  const isAlone = k.machine.cpus === 1;
  const beginNs = isAlone ? Math.max(w.runNs[writer], Math.min(idleSinceNs, nowNs)) : w.runNs[writer];
  const waitedBefore = clock.spent[CAUSE_IO_WAIT];
  const plug = switchPlug(k, FLUSHER_PLUG);
  clock.ns[0] = beginNs;
  if (!isAlone) boot[2] = (cpu + 1) % k.machine.cpus;
  const sleepsUntilNs = step(k, writer);
  switchPlug(k, plug);
  boot[2] = cpu;
  const endNs = clock.ns[0];
  const waited = clock.spent[CAUSE_IO_WAIT] - waitedBefore;
  w.runNs[writer] = Math.max(endNs, sleepsUntilNs);
  clock.ns[0] = isAlone ? Math.max(nowNs, endNs - waited) : nowNs;
}

/** One piece of work, or the choice of the next. Returns when to go on: Infinity when somebody must ask first. */
function step(k: ReclaimState, writer: number): number {
  const w = k.writeback;
  if (w.work[writer] !== WORK_NONE && writeSome(k, writer)) return k.clock.ns[0];
  if (w.work[writer] === WORK_ALL) w.asked[writer] = 0;
  for (let work = w.work[writer] + 1; work <= WORK_BACKGROUND; work++) {
    if (!beginWork(k, writer, work)) continue;
    w.work[writer] = work;
    return k.clock.ns[0];
  }
  w.work[writer] = WORK_NONE;
  if (w.asked[writer] !== 0) return k.clock.ns[0];
  const intervalNs = k.knob.dirtyWritebackCentisecs * CENTISECOND_NS;
  return hasDirty(w, writer) && intervalNs > 0 ? k.clock.ns[0] + intervalNs : Number.POSITIVE_INFINITY;
}

/** Sets up a piece of work, if there is reason for it. */
function beginWork(k: ReclaimState, writer: number, work: number): boolean {
  const w = k.writeback;
  const nowNs = k.clock.ns[0];
  w.workBeforeNs[writer] = nowNs;
  w.workPages[writer] = Number.POSITIVE_INFINITY;
  if (work === WORK_BACKGROUND) return isOverBackground(k, writer);
  const pages = nodeSum(k, NR_FILE_DIRTY);
  if (work === WORK_ALL) {
    if (w.asked[writer] === 0) return false;
    w.workPages[writer] = pages;
    if (pages === 0) w.asked[writer] = 0;
    return pages > 0;
  }
  const intervalNs = k.knob.dirtyWritebackCentisecs * CENTISECOND_NS;
  if (intervalNs === 0 || nowNs < w.lastOldNs[writer] + intervalNs) return false;
  w.lastOldNs[writer] = nowNs;
  w.workPages[writer] = pages;
  return pages > 0;
}

/** A round of the work under way. Returns whether there is more to do (Linux: wb_writeback). */
function writeSome(k: ReclaimState, writer: number): boolean {
  const w = k.writeback;
  const work = w.work[writer];
  if (w.workPages[writer] <= 0) return false;
  if (work === WORK_BACKGROUND && !isOverBackground(k, writer)) return false;
  const isQueued = oldestOf(w, writer, WB_IO) === NONE;
  if (isQueued) queueInodes(k, writer);
  const progress = writeInodes(k, writer);
  return progress > 0 || !isQueued;
}

/** Chooses the inodes whose turn it is: those not done with, then those that are dirty for long enough (Linux: queue_io). */
function queueInodes(k: ReclaimState, writer: number): void {
  const w = k.writeback;
  if (w.work[writer] === WORK_OLD)
    w.workBeforeNs[writer] = k.clock.ns[0] - k.knob.dirtyExpireCentisecs * CENTISECOND_NS;
  else if (w.work[writer] === WORK_BACKGROUND) w.workBeforeNs[writer] = k.clock.ns[0];
  for (const list of [WB_MORE, WB_DIRTY])
    for (;;) {
      const inode = oldestOf(w, writer, list);
      if (inode === NONE || (list === WB_DIRTY && k.file.dirtiedNs[inode] > w.workBeforeNs[writer])) break;
      moveInode(k, inode, WB_IO);
    }
}

/** Writes pieces of the chosen inodes until the turn is over. Returns pages, and inodes that are clean (Linux: writeback_sb_inodes). */
function writeInodes(k: ReclaimState, writer: number): number {
  const w = k.writeback;
  const beginNs = k.clock.ns[0];
  let done = 0;
  for (;;) {
    const inode = oldestOf(w, writer, WB_IO);
    if (inode === NONE) return done;
    const most = pieceSize(k, writer);
    beginEstimate(k, writer);
    const sent = writePagesInTurn(k, inode, most);
    if (ticksNow(k) > w.rateNs[writer] + ESTIMATE_TICKS) updateBandwidth(k, writer);
    w.workPages[writer] -= sent;
    done += sent;
    if (k.file.dirtyPages[inode] === 0) done++;
    requeue(k, inode, sent >= most);
    if (done > 0 && (k.clock.ns[0] > beginNs + TURN_NS || w.workPages[writer] <= 0)) return done;
  }
}

/** Pages of a file to write in one go (Linux: writeback_chunk_size). */
function pieceSize(k: ReclaimState, writer: number): number {
  const w = k.writeback;
  const scope = Math.floor(w.dirtyLimit[ROOT_MEMCG] / DIRTY_SCOPE);
  const pages = Math.min(Math.floor(w.avgBandwidth[writer] / 2), scope, w.workPages[writer]);
  return Math.floor((pages + LEAST_PAGES) / LEAST_PAGES) * LEAST_PAGES;
}

/** Where an inode goes after its piece: it has more, it has to wait, or it is clean (Linux: requeue_inode). */
function requeue(k: ReclaimState, inode: Inode, isCutShort: boolean): void {
  const { file: f, writeback: w } = k;
  const writer = f.writer[inode];
  const isYoung = w.work[writer] === WORK_OLD && f.dirtiedNs[inode] > w.workBeforeNs[writer];
  if (f.dirtyPages[inode] === 0) forgetInode(k, inode);
  else if (isCutShort && !isYoung) moveInode(k, inode, WB_MORE);
  else redirtyTail(k, inode);
}
