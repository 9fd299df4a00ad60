/**
 * The rows of writers: their lists' ends, when their threads run, and how much of what a domain writes is theirs.
 *
 * A domain is the machine, or a cgroup. Of the pages it has written lately a writer's share is
 *
 *   share of the writer / share of the domain          both halved every three seconds
 *
 * and as much of the domain's dirty limit is the writer's: a slow disk does not fill memory that a fast one could use.
 * Linux: mm/page-writeback.c, lib/flex_proportions.c, mm/backing-dev.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { type Inode, type Memcg, NONE, ROOT_MEMCG } from "../base/types.ts";
import type { WritebackColumns } from "./file-state.ts";
import type { SpaceState } from "./state.ts";

/** Lists of a writer. */
export const WB_DIRTY = 0;
export const WB_IO = 1;
export const WB_MORE = 2;
export const LISTS = 3;

/** What a writer's thread is doing: looking for work, everything there is, what is old, what is above the background limit. */
export const WORK_NONE = 0;
export const WORK_ALL = 1;
export const WORK_OLD = 2;
export const WORK_BACKGROUND = 3;

/** A hundredth of a second, the unit of the kernel's intervals. */
export const CENTISECOND_NS = 1e7;
/** How long a period of the shares is (Linux: VM_COMPLETIONS_PERIOD_LEN). */
const PERIOD_NS = 3e9;
/** Pages a second that a writer is believed to write before it was seen to: 100 MB (Linux: INIT_BW). */
const FIRST_BANDWIDTH = 25600;

/** Writers without anything to do. */
export function createWriteback(disks: number, memcgs: number): WritebackColumns {
  const writers = disks * memcgs;
  const numbers = (): Float64Array => new Float64Array(writers);
  return {
    memcgs,
    newest: new Int32Array(writers * LISTS),
    oldest: new Int32Array(writers * LISTS),
    dirty: numbers(),
    writeback: numbers(),
    dirtied: numbers(),
    written: numbers(),
    runNs: numbers().fill(Number.POSITIVE_INFINITY),
    firstRunNs: Float64Array.of(Number.POSITIVE_INFINITY),
    work: new Uint8Array(writers),
    asked: new Uint8Array(writers),
    workPages: numbers(),
    workBeforeNs: numbers(),
    lastOldNs: numbers(),
    bandwidth: numbers().fill(FIRST_BANDWIDTH),
    avgBandwidth: numbers().fill(FIRST_BANDWIDTH),
    rate: numbers().fill(FIRST_BANDWIDTH),
    balancedRate: numbers().fill(FIRST_BANDWIDTH),
    rateNs: numbers(),
    dirtiedThen: numbers(),
    writtenThen: numbers(),
    exceeded: new Uint8Array(writers),
    share: new Float64Array(writers * 2),
    sharePeriod: new Float64Array(writers * 2),
    domainShare: new Float64Array(memcgs),
    domainPeriod: new Float64Array(memcgs),
    domainPeriodNs: new Float64Array(memcgs),
    dirtyLimit: new Float64Array(memcgs),
    dirtyLimitNs: new Float64Array(memcgs),
  };
}

/**
 * The writers of a cgroup whose row is another's from now on know nothing of what the former one wrote. Files that are
 * still on their lists stay there, counted.
 */
export function resetWriters(k: SpaceState, memcg: Memcg): void {
  const w = k.writeback;
  for (let writer = memcg; writer < w.runNs.length; writer += w.memcgs) {
    for (const rate of [w.bandwidth, w.avgBandwidth, w.rate, w.balancedRate]) rate[writer] = FIRST_BANDWIDTH;
    for (const column of [w.rateNs, w.dirtied, w.written, w.dirtiedThen, w.writtenThen, w.exceeded])
      column[writer] = 0;
    for (const column of [w.share, w.sharePeriod]) column.fill(0, writer * 2, writer * 2 + 2);
  }
  const domain = [w.domainShare, w.domainPeriod, w.domainPeriodNs, w.dirtyLimit, w.dirtyLimitNs];
  for (const column of domain) column[memcg] = 0;
}

/** Whether the writer has inodes to write (Linux: wb_has_dirty_io). */
export function hasDirty(w: WritebackColumns, writer: number): boolean {
  const at = writer * LISTS;
  return w.oldest[at] !== NONE || w.oldest[at + WB_IO] !== NONE || w.oldest[at + WB_MORE] !== NONE;
}

/** The oldest inode of a writer's list, or NONE. */
export function oldestOf(w: WritebackColumns, writer: number, list: number): Inode {
  return w.oldest[writer * LISTS + list];
}

/** The writer's thread runs at `atNs`, or earlier if that was settled already. */
export function runWriterAt(k: SpaceState, writer: number, atNs: number): void {
  const w = k.writeback;
  if (atNs < w.runNs[writer]) w.runNs[writer] = atNs;
  if (atNs < w.firstRunNs[0]) w.firstRunNs[0] = atNs;
}

/** The cgroup whose domain the writer is in besides the machine's, or ROOT_MEMCG for none. */
export function domainOf(w: WritebackColumns, writer: number): Memcg {
  return writer % w.memcgs;
}

/** Counts a page that the writer has written, in its domains, too (Linux: wb_writeout_inc). */
export function noteWritten(k: SpaceState, writer: number): void {
  const w = k.writeback;
  w.written[writer]++;
  addShare(k, writer, ROOT_MEMCG);
  const memcg = domainOf(w, writer);
  if (memcg !== ROOT_MEMCG) addShare(k, writer, memcg);
}

/** The writer's share of what the domain writes, 0 to 1 (Linux: fprop_fraction_percpu). */
export function writerShare(k: SpaceState, writer: number, domain: Memcg): number {
  const w = k.writeback;
  foldDomain(k, domain);
  const own = foldShare(w, writer, domain);
  if (own === 0) return 0;
  return Math.min(1, own / w.domainShare[domain]);
}

function addShare(k: SpaceState, writer: number, domain: Memcg): void {
  const w = k.writeback;
  foldDomain(k, domain);
  foldShare(w, writer, domain);
  w.share[writer * 2 + (domain === ROOT_MEMCG ? 0 : 1)]++;
  w.domainShare[domain]++;
  if (w.domainPeriodNs[domain] === 0) w.domainPeriodNs[domain] = k.clock.ns[0] + PERIOD_NS;
}

/** Halves the domain's sum for every period that is over. */
function foldDomain(k: SpaceState, domain: Memcg): void {
  const w = k.writeback;
  const endNs = w.domainPeriodNs[domain];
  if (endNs === 0 || k.clock.ns[0] < endNs) return;
  if (w.domainShare[domain] <= 1) {
    w.domainPeriodNs[domain] = 0;
    return;
  }
  const periods = Math.floor((k.clock.ns[0] - endNs) / PERIOD_NS) + 1;
  w.domainShare[domain] = Math.floor(w.domainShare[domain] / 2 ** Math.min(periods, 60));
  w.domainPeriod[domain] += periods;
  w.domainPeriodNs[domain] = endNs + periods * PERIOD_NS;
}

/** Brings the writer's part up to the domain's period. Returns it. */
function foldShare(w: WritebackColumns, writer: number, domain: Memcg): number {
  const at = writer * 2 + (domain === ROOT_MEMCG ? 0 : 1);
  const behind = w.domainPeriod[domain] - w.sharePeriod[at];
  if (behind > 0) {
    w.share[at] = Math.floor(w.share[at] / 2 ** Math.min(behind, 60));
    w.sharePeriod[at] = w.domainPeriod[domain];
  }
  return w.share[at];
}
