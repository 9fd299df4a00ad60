/**
 * How many dirty pages there may be: for the machine, and for the cgroup whose pages a writer keeps.
 *
 *   dirtyable memory   free pages above the reserves, and the pages of files
 *   0 ------------- background ------- free run ------- limit
 *                   10 % of it         half way         20 % of it
 *                   threads write      writers are slowed down from here on
 *
 * A cgroup's dirtyable memory is its file pages and what it may still grow by, as of the last flush of its statistics.
 * Linux: mm/page-writeback.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_*)
 */
import { type Memcg, PAGE_SIZE, ROOT_MEMCG } from "../base/types.ts";
import { BOOT_TOTALRESERVE } from "../frame/mmzone.ts";
import {
  NR_ACTIVE_FILE,
  NR_FILE_DIRTY,
  NR_FREE_PAGES,
  NR_INACTIVE_FILE,
  NR_NODE_ITEMS,
  NR_WRITEBACK,
  NR_ZONE_ITEMS,
} from "../frame/vmstat.ts";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_FILE, lruvecOf } from "../space/lru-list.ts";
import {
  FLUSHED_DIRTY,
  FLUSHED_WRITEBACK,
  flushedState,
  flushMemcgStatsIfDue,
} from "../space/memcg-flush.ts";
import { domainOf, writerShare } from "../space/writer.ts";
import type { ReclaimState } from "./state.ts";

/** One domain as a writer sees it (Linux: struct dirty_throttle_control). Pages. */
export interface DirtyControl {
  readonly writer: number;
  /** ROOT_MEMCG: the machine. */
  readonly domain: Memcg;
  avail: number;
  dirty: number;
  limit: number;
  background: number;
  /** The writer's own part. */
  writerDirty: number;
  writerLimit: number;
  /** How much faster or slower than its usual rate it may dirty pages: 1024 for as fast. */
  position: number;
  freeRun: boolean;
  exceeded: boolean;
}

/** A domain nothing is known of yet. */
export function createControl(writer: number, domain: Memcg): DirtyControl {
  return {
    writer,
    domain,
    avail: 0,
    dirty: 0,
    limit: 0,
    background: 0,
    writerDirty: 0,
    writerLimit: 0,
    position: 0,
    freeRun: false,
    exceeded: false,
  };
}

/** Whether a writer's pages are more than its thread lets be: in the machine, or in the cgroup (Linux: wb_over_bg_thresh). */
export function isOverBackground(k: ReclaimState, writer: number): boolean {
  const machine = createControl(writer, ROOT_MEMCG);
  if (domainOverBackground(k, machine, machine)) return true;
  const memcg = domainOf(k.writeback, writer);
  return memcg !== ROOT_MEMCG && domainOverBackground(k, createControl(writer, memcg), machine);
}

/** Fills in what a domain has and what its limits are. `machine` is the machine's control, which is to be filled in first. */
export function domainLimits(
  k: ReclaimState,
  c: DirtyControl,
  machine: DirtyControl,
  withWriteback: boolean,
): void {
  if (c.domain === ROOT_MEMCG) {
    c.avail = dirtyableMemory(k);
    c.dirty = nodeSum(k, NR_FILE_DIRTY) + (withWriteback ? nodeSum(k, NR_WRITEBACK) : 0);
  } else cgroupPages(k, c, machine, withWriteback);
  setLimits(k, c, machine);
}

/** The part of a limit of the domain that is the writer's. */
export function writerPart(k: ReclaimState, c: DirtyControl, limit: number): number {
  return Math.floor(limit * writerShare(k, c.writer, c.domain));
}

/** Where slowing down begins (Linux: dirty_freerun_ceiling). */
export function freeRunCeiling(c: DirtyControl): number {
  return Math.floor((c.limit + c.background) / 2);
}

/** Sum of a counter of all nodes. */
export function nodeSum(k: ReclaimState, item: number): number {
  let pages = 0;
  for (let node = 0; node < k.machine.nodes.length; node++)
    pages += k.vmstat.node[node * NR_NODE_ITEMS + item];
  return Math.max(0, pages);
}

function domainOverBackground(k: ReclaimState, c: DirtyControl, machine: DirtyControl): boolean {
  domainLimits(k, c, machine, false);
  if (c.dirty > c.background) return true;
  return k.writeback.dirty[c.writer] > writerPart(k, c, c.background);
}

/** Pages that files could have, dirty ones among them (Linux: global_dirtyable_memory). */
function dirtyableMemory(k: ReclaimState): number {
  let free = 0;
  for (let zone = 1; zone < k.zone.count; zone++) free += k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
  free -= Math.min(free, k.boot[BOOT_TOTALRESERVE]);
  return free + nodeSum(k, NR_INACTIVE_FILE) + nodeSum(k, NR_ACTIVE_FILE) + 1;
}

/** The same of a cgroup: its file pages, and room that others' clean pages could make (Linux: mem_cgroup_wb_stats, mdtc_calc_avail). */
function cgroupPages(k: ReclaimState, c: DirtyControl, machine: DirtyControl, withWriteback: boolean): void {
  flushMemcgStatsIfDue(k);
  let file = 0;
  c.dirty = 0;
  for (let node = 0; node < k.lruvec.nodes; node++) {
    const lruvec = lruvecOf(k, c.domain, node);
    file += flushedState(k, lruvec, LRU_INACTIVE_FILE) + flushedState(k, lruvec, LRU_ACTIVE_FILE);
    c.dirty += flushedState(k, lruvec, FLUSHED_DIRTY);
    if (withWriteback) c.dirty += flushedState(k, lruvec, FLUSHED_WRITEBACK);
  }
  const m = k.memcg;
  let headroom = Number.POSITIVE_INFINITY;
  for (let memcg = c.domain; memcg !== ROOT_MEMCG; memcg = m.parent[memcg])
    headroom = Math.min(headroom, Math.max(0, Math.min(m.max[memcg], m.high[memcg]) - m.usage[memcg]));
  const clean = file - Math.min(file, c.dirty);
  const allClean = machine.avail - Math.min(machine.avail, machine.dirty);
  c.avail = file + Math.min(headroom, allClean - Math.min(allClean, clean));
}

/** Background and hard limit from the tunables; a cgroup's share of sizes in bytes is that of its memory (Linux: domain_dirty_limits). */
function setLimits(k: ReclaimState, c: DirtyControl, machine: DirtyControl): void {
  const { dirtyRatio, dirtyBytes, dirtyBackgroundRatio, dirtyBackgroundBytes } = k.knob;
  c.limit = oneLimit(c, machine, dirtyRatio, dirtyBytes);
  c.background = oneLimit(c, machine, dirtyBackgroundRatio, dirtyBackgroundBytes);
  if (c.background >= c.limit) c.background = Math.floor(c.limit / 2);
}

function oneLimit(c: DirtyControl, machine: DirtyControl, ratio: number, bytes: number): number {
  if (bytes !== 0 && c.domain === ROOT_MEMCG) return Math.ceil(bytes / PAGE_SIZE);
  // In parts of a page, as the kernel has it.
  const part =
    bytes === 0
      ? Math.floor((ratio * PAGE_SIZE) / 100)
      : Math.min(Math.ceil(bytes / machine.avail), PAGE_SIZE);
  return Math.floor((part * c.avail) / PAGE_SIZE);
}
