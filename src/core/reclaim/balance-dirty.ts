/**
 * Who dirties pages of files faster than they can be written is made to wait.
 *
 *   a task dirties so many pages -> balance: below free run: goes on, and looks again after the more pages the further it is
 *                                            above: its writer's thread runs, and the task sleeps as long as its rate says
 *
 * Differs: pages are counted exactly where Linux counts them in batches a CPU; a CPU does not look when all its tasks
 * together dirtied many pages (bdp_ratelimits), nor does a task inherit what one that ended had not been looked at for
 * (dirty_throttle_leaks); a cgroup does not ask the writers of other cgroups to write its pages
 * (mem_cgroup_flush_foreign); after its last page a writer's bandwidth is not worked out once more (bw_dwork).
 * Linux: mm/page-writeback.c balance_dirty_pages (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_ratio)
 */
import { type Inode, NONE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { NR_FILE_DIRTY } from "../frame/vmstat.ts";
import { CAUSE_DIRTY_WAIT } from "../hw/clock.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { WORK_NONE } from "../space/writer.ts";
import {
  createControl,
  type DirtyControl,
  domainLimits,
  freeRunCeiling,
  nodeSum,
  writerPart,
} from "./dirty-limits.ts";
import { ESTIMATE_TICKS, findPosition, HZ, sleepEndNs, ticksNow, UNIT, updateRates } from "./dirty-rate.ts";
import { idleUntil, runFlushers, wakeFlusher } from "./flusher.ts";
import type { ReclaimState } from "./state.ts";

/** Pages after which a task looks while its writer is above its limit (Linux: 32 >> (PAGE_SHIFT - 10)). */
const EXCEEDED_PAUSE = 8;
/** Longest sleep, in ticks (Linux: MAX_PAUSE), and the pages below which sleeps are made longer (Linux: DIRTY_POLL_THRESH). */
const MAX_PAUSE = HZ / 5;
const POLL_PAGES = 32;
/** Ticks in rounds of a power of two, as rates are divided by them. */
const HZ_ROUND = 256;
const HZ_8_ROUND = 32;

/** The running task has dirtied a page of the file, perhaps. It may wait here (Linux: balance_dirty_pages_ratelimited). */
export function balanceDirtyPages(k: ReclaimState, inode: Inode): void {
  const { task: t, writeback: w } = k;
  const task = t.cpuTask[k.boot[2]];
  if (task === NONE || k.file.shmem[inode] !== 0) return;
  if (w.firstRunNs[0] <= k.clock.ns[0]) runFlushers(k, k.clock.ns[0]);
  const writer = k.file.disk[inode] * w.memcgs + (isLegacy(k) ? ROOT_MEMCG : t.memcg[task]);
  const pause = t.dirtiedPause[task];
  if (t.dirtied[task] >= (w.exceeded[writer] !== 0 ? Math.min(pause, EXCEEDED_PAUSE) : pause))
    balance(k, task, writer);
}

/** Looks at the limits, and sleeps until the task has been slow enough. */
function balance(k: ReclaimState, task: Task, writer: number): void {
  const { task: t, writeback: w } = k;
  const pagesDirtied = t.dirtied[task];
  const memcg = writer % w.memcgs;
  for (;;) {
    const now = ticksNow(k);
    const controls = lookAtDomains(k, writer, memcg);
    const machine = controls[0]!;
    const isIdle = w.work[writer] === WORK_NONE;
    if (nodeSum(k, NR_FILE_DIRTY) > machine.background && isIdle) wakeFlusher(k, writer);
    if (controls.every((c) => c.freeRun)) {
      t.pausedTick[task] = now;
      t.dirtied[task] = 0;
      t.dirtiedPause[task] = Math.min(...controls.map(pollInterval));
      return;
    }
    if (isIdle) wakeFlusher(k, writer);
    for (const c of controls) lookAtWriter(k, c);
    const chosen = controls.reduce((least, c) => (c.position < least.position ? c : least));
    w.exceeded[writer] = controls.some((c) => c.exceeded) ? 1 : 0;
    if (now > w.rateNs[writer] + ESTIMATE_TICKS) updateRates(k, writer, controls);
    if (!sleepForRate(k, task, chosen, pagesDirtied, now)) return;
  }
}

/** The machine's domain, and the cgroup's that the writer belongs to. */
function lookAtDomains(k: ReclaimState, writer: number, memcg: number): readonly DirtyControl[] {
  const machine = createControl(writer, ROOT_MEMCG);
  domainLimits(k, machine, machine, true);
  machine.freeRun = machine.dirty <= freeRunCeiling(machine);
  if (memcg === ROOT_MEMCG) return [machine];
  const cgroup = createControl(writer, memcg);
  domainLimits(k, cgroup, machine, true);
  cgroup.freeRun = cgroup.dirty <= freeRunCeiling(cgroup);
  return [machine, cgroup];
}

/** The writer's part in a domain, and what follows from it for its speed. */
function lookAtWriter(k: ReclaimState, c: DirtyControl): void {
  const w = k.writeback;
  c.writerLimit = writerPart(k, c, c.limit);
  c.writerDirty = w.dirty[c.writer] + w.writeback[c.writer];
  c.exceeded = c.writerDirty > c.writerLimit && c.dirty > c.limit;
  findPosition(k, c);
}

/** Sleeps for what the pages cost at the task's rate. Returns whether to look again afterwards. */
function sleepForRate(k: ReclaimState, task: Task, c: DirtyControl, pages: number, now: number): boolean {
  const { task: t, writeback: w } = k;
  const rate = w.rate[c.writer];
  const taskRate = Math.floor((rate * c.position) / UNIT);
  const most = longestPause(k, c);
  const { least, nextPages } = shortestPause(k, c, most, taskRate);
  let pause = most;
  let virtualNow = now;
  if (taskRate !== 0) {
    const period = Math.floor((HZ * pages) / taskRate);
    pause = t.pausedTick[task] === 0 ? period : period - (now - t.pausedTick[task]);
    if (pause < least) {
      creditPause(k, task, { pause, period, pages, now });
      return false;
    }
    if (pause > most) {
      virtualNow += Math.min(pause - most, most);
      pause = most;
    }
  }
  idleUntil(k, sleepEndNs(k, pause), CAUSE_DIRTY_WAIT);
  t.pausedTick[task] = virtualNow + pause;
  t.dirtied[task] = 0;
  t.dirtiedPause[task] = nextPages;
  return taskRate === 0 && c.writerDirty > countError(k);
}

/** Pages by which Linux may miscount a writer's: what its CPUs keep to themselves (Linux: wb_stat_error). */
function countError(k: ReclaimState): number {
  const { cpus } = k.machine;
  return cpus * 8 * (1 + Math.floor(Math.log2(cpus)));
}

/** Too short to sleep for: it is remembered for the next time. */
function creditPause(
  k: ReclaimState,
  task: Task,
  of: { pause: number; period: number; pages: number; now: number },
): void {
  const t = k.task;
  if (of.pause < -HZ) {
    t.pausedTick[task] = of.now;
    t.dirtied[task] = 0;
  } else if (of.period !== 0) {
    t.pausedTick[task] += of.period;
    t.dirtied[task] = 0;
  } else if (t.dirtiedPause[task] <= of.pages) t.dirtiedPause[task] += of.pages;
}

/** A sleep that is no longer than the disk has work for, in ticks (Linux: wb_max_pause). */
function longestPause(k: ReclaimState, c: DirtyControl): number {
  const bandwidth = k.writeback.avgBandwidth[c.writer];
  return Math.min(MAX_PAUSE, Math.floor(c.writerDirty / (1 + Math.floor(bandwidth / HZ_8_ROUND))) + 1);
}

/** The least worth sleeping for, and after how many pages the task looks next (Linux: wb_min_pause). */
function shortestPause(
  k: ReclaimState,
  c: DirtyControl,
  most: number,
  taskRate: number,
): { least: number; nextPages: number } {
  const w = k.writeback;
  const rate = w.rate[c.writer];
  const high = Math.floor(Math.log2(w.avgBandwidth[c.writer]));
  const low = Math.floor(Math.log2(rate));
  let target = Math.max(1, Math.floor(HZ / 100));
  if (high > low) target += Math.floor(((high - low) * 10 * HZ) / 1024);
  target = Math.min(target, 1 + Math.floor(most / 2));
  let pages = Math.floor((rate * target) / HZ_ROUND);
  if (pages < POLL_PAGES) {
    target = most;
    pages = Math.floor((rate * target) / HZ_ROUND);
    if (pages > POLL_PAGES) {
      pages = POLL_PAGES;
      target = Math.floor((HZ * POLL_PAGES) / rate);
    }
  }
  if (Math.floor((HZ * pages) / (taskRate + 1)) > most) {
    target = most;
    pages = Math.floor((taskRate * target) / HZ_ROUND);
  }
  return { least: pages >= POLL_PAGES ? 1 + Math.floor(target / 2) : target, nextPages: pages };
}

/** Pages until the next look: fewer the nearer the limit is (Linux: dirty_poll_interval). */
function pollInterval(c: DirtyControl): number {
  return c.limit > c.dirty ? 2 ** Math.floor(Math.floor(Math.log2(c.limit - c.dirty)) / 2) : 1;
}
