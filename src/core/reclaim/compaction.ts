/**
 * Compaction: free memory that lies about in small pieces is made into large blocks, by moving used pages from the lower end
 * of a zone to free places at its upper end.
 *
 *   suitable?   whether it is worth trying (compaction-suitable.ts)
 *   compactZone isolate up to 32 used pages -> move them -> again, until a block of the order is free or the scanners meet
 *
 * An allocation compacts async first, which neither waits nor looks at pageblocks of another kind, then sync, then
 * everything. Differs: a block is not held back for the allocation that waits (capture_control); the zone is not compacted
 * by and by without being asked (compaction_proactiveness).
 * Linux: mm/compaction.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (compact_memory)
 */
import { bug } from "../base/bug.ts";
import { NONE, type Zone } from "../base/types.ts";
import { freeList } from "../frame/buddy.ts";
import {
  COSTLY_ORDER,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PAGEBLOCK_PAGES,
} from "../frame/mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_buddy, PG_lru } from "../frame/page.ts";
import { freeUnref } from "../frame/pcp.ts";
import { drainPcp } from "../frame/pcp-drain.ts";
import { COMPACTFREE_SCANNED, COMPACTMIGRATE_SCANNED } from "../frame/vmstat.ts";
import { lruAddDrain, lruAddDrainAll } from "../space/lruvec.ts";
import {
  type CompactControl,
  createCompact,
  giveTarget,
  haveMet,
  isolateUsed,
  isSkipped,
  pageblockStart,
  putUsedBack,
  setSkipped,
  takeTarget,
  zoneEnd,
} from "./compaction-scan.ts";
import {
  COMPACT_COMPLETE,
  COMPACT_CONTENDED,
  COMPACT_CONTINUE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SUCCESS,
  isRestarting,
  MOST_DEFER_SHIFT,
  suitsAllocation,
} from "./compaction-suitable.ts";
import { GFP_KERNEL } from "./gfp.ts";
import { MIGRATE_ASYNC, MIGRATE_SYNC, MIGRATE_SYNC_LIGHT, migratePage, putBack } from "./migrate.ts";
import { currentTask, isDying } from "./oom-task.ts";
import type { CompactionColumns, ReclaimState } from "./state.ts";

/** How hard an allocation compacts (Linux: enum compact_priority). */
export const COMPACT_PRIO_SYNC_FULL = 0;
export const COMPACT_PRIO_SYNC_LIGHT = 1;
export const COMPACT_PRIO_ASYNC = 2;

/** Between two frames that are looked at to see whether a pageblock is worth a visit: 8 of them. */
const SAMPLE_STEP = 1 << COSTLY_ORDER;
/** The order of a huge page, with which moving pages on is not worth flushing when one has stayed. */
const HUGE_ORDER = 9;

/** An allocation that compaction is to help. */
export interface CompactRequest {
  readonly order: number;
  readonly gfp: number;
  readonly migratetype: number;
  /** ALLOC_* with the watermark it needs, and the highest zone type. */
  readonly flags: number;
  readonly highest: number;
}

/** Zones that nobody has compacted. */
export function createCompaction(nodes: number, zones: number, frames: number): CompactionColumns {
  return {
    cachedMigrate: new Float64Array(zones * 2),
    cachedFree: new Float64Array(zones),
    initMigrate: new Float64Array(zones),
    considered: new Int32Array(zones),
    deferShift: new Uint8Array(zones),
    orderFailed: new Uint8Array(zones),
    flushesSkip: new Uint8Array(zones),
    skip: new Uint8Array(Math.ceil(frames / PAGEBLOCK_PAGES) + 1),
    daemonOrder: new Int32Array(nodes),
    daemonHighest: new Int32Array(nodes).fill(3),
    daemonNs: new Float64Array(nodes),
  };
}

/** Compacts one zone for an allocation. Returns COMPACT_* (Linux: compact_zone_order). */
export function compactZoneFor(
  k: ReclaimState,
  zone: Zone,
  request: CompactRequest,
  priority: number,
): number {
  const isFull = priority === COMPACT_PRIO_SYNC_FULL;
  return compactZone(
    k,
    createCompact({
      ...request,
      zone,
      mode: priority === COMPACT_PRIO_ASYNC ? MIGRATE_ASYNC : MIGRATE_SYNC_LIGHT,
      isDirect: true,
      wholeZone: isFull,
      ignoresSkip: isFull,
      ignoresType: isFull,
    }),
  );
}

/** Compacts all zones as far as it goes: what writing 1 to vm.compact_memory does. */
export function compactAll(k: ReclaimState): void {
  lruAddDrainAll(k);
  for (let zone = 1; zone < k.zone.count; zone++) {
    if (k.zone.presentPages[zone] === 0) continue;
    if (isDying(k, currentTask(k))) return;
    const c = createCompact({
      zone,
      order: -1,
      gfp: GFP_KERNEL,
      migratetype: 0,
      mode: MIGRATE_SYNC,
      wholeZone: true,
      ignoresSkip: true,
    });
    compactZone(k, c);
  }
}

/** Moves pages of one zone. Returns COMPACT_* (Linux: compact_zone). */
export function compactZone(k: ReclaimState, c: CompactControl): number {
  const { inside } = k.reclaim;
  if (c.order >= 0) {
    const suits = suitsAllocation(k, c.zone, c.order, c.highest, c.flags);
    if (suits !== COMPACT_CONTINUE) return suits;
    if (isRestarting(k, c.zone, c.order)) resetSkipped(k, c.zone);
  }
  setPositions(k, c);
  lruAddDrain(k);
  const wasInside = inside[0];
  inside[0] = 1;
  const result = moveUntilDone(k, c);
  inside[0] = wasInside;
  releaseFree(k, c);
  k.vmstat.event[COMPACTMIGRATE_SCANNED] += c.usedScanned;
  k.vmstat.event[COMPACTFREE_SCANNED] += c.freeScanned;
  return result;
}

/** Pageblocks of a node's zones are visited again, where a whole run has ended lately (Linux: reset_isolation_suitable). */
export function resetNodeSkipped(k: ReclaimState, node: number): void {
  for (let zone = node * 4 + 1; zone <= node * 4 + 4; zone++)
    if (k.zone.presentPages[zone] > 0) resetSkipped(k, zone);
}

/** Where the scanners begin: at the ends, or where the last run left off. */
function setPositions(k: ReclaimState, c: CompactControl): void {
  const s = k.compaction;
  const { zone } = c;
  const start = k.zone.startPfn[zone];
  const end = zoneEnd(k, zone);
  const at = zone * 2 + (c.mode === MIGRATE_ASYNC ? 0 : 1);
  if (c.wholeZone) {
    c.migratePfn = start;
    c.freePfn = pageblockStart(end - 1);
    return;
  }
  if (s.cachedFree[zone] < start || s.cachedFree[zone] >= end) s.cachedFree[zone] = pageblockStart(end - 1);
  c.freePfn = s.cachedFree[zone];
  c.migratePfn = s.cachedMigrate[at];
  if (c.migratePfn < start || c.migratePfn >= end) {
    c.migratePfn = start;
    s.cachedMigrate[zone * 2] = start;
    s.cachedMigrate[zone * 2 + 1] = start;
  }
  if (c.migratePfn <= s.initMigrate[zone]) c.wholeZone = true;
}

/** Isolates and moves until it is finished. Returns COMPACT_*. */
function moveUntilDone(k: ReclaimState, c: CompactControl): number {
  const { cachedMigrate } = k.compaction;
  const at = c.zone * 2;
  let updatesCached = c.mode === MIGRATE_ASYNC && cachedMigrate[at] === cachedMigrate[at + 1];
  let lastMoved = 0;
  for (let result = finished(k, c); ; result = finished(k, c)) {
    if (result !== COMPACT_CONTINUE) return result;
    c.finishesBlock = pageblockStart(lastMoved) === pageblockStart(c.migratePfn);
    let isAgain = true;
    while (isAgain) {
      isAgain = false;
      if (!isolateUsed(k, c)) {
        if (updatesCached) cachedMigrate[at + 1] = cachedMigrate[at];
        break;
      }
      updatesCached = false;
      lastMoved = Math.max(k.zone.startPfn[c.zone], pageblockStart(c.migratePfn - 1));
      const { stayed, isOutOfTargets } = moveUsed(k, c);
      if (isOutOfTargets && !haveMet(c)) return COMPACT_CONTENDED;
      const isInside = c.migratePfn !== pageblockStart(c.migratePfn);
      if (stayed > 0 && isInside && !c.ignoresSkip && !c.finishesBlock && c.mode < MIGRATE_SYNC) {
        // The rest of the pageblock now, so that it is marked and not come back to.
        c.finishesBlock = true;
        if (c.order === HUGE_ORDER) lastMoved = 0;
        isAgain = true;
      }
    }
    if (
      c.order > 0 &&
      lastMoved !== 0 &&
      lastMoved < Math.floor(c.migratePfn / (1 << c.order)) * (1 << c.order)
    ) {
      // What was moved away from is free, but on this CPU's lists, where it merges with nothing.
      lruAddDrain(k);
      drainPcp(k, c.zone, k.boot[2]);
      lastMoved = 0;
    }
  }
}

/** Moves what is isolated, the last page first; what cannot be moved goes back. */
function moveUsed(k: ReclaimState, c: CompactControl): { stayed: number; isOutOfTargets: boolean } {
  let stayed = 0;
  let isOutOfTargets = false;
  while (c.used.length > 0) {
    const source = c.used[c.used.length - 1]!;
    const target = takeTarget(k, c);
    if (target === NONE) {
      isOutOfTargets = true;
      stayed += c.used.length;
      putUsedBack(k, c);
      break;
    }
    c.used.pop();
    if (migratePage(k, source, target, c.mode)) continue;
    stayed++;
    giveTarget(k, c, target);
    putBack(k, source);
  }
  c.nrUsed = 0;
  return { stayed, isOutOfTargets };
}

/** Whether a run has come to its end (Linux: compact_finished). */
function finished(k: ReclaimState, c: CompactControl): number {
  const s = k.compaction;
  if (haveMet(c)) {
    const start = k.zone.startPfn[c.zone];
    s.cachedMigrate[c.zone * 2] = start;
    s.cachedMigrate[c.zone * 2 + 1] = start;
    s.cachedFree[c.zone] = pageblockStart(zoneEnd(k, c.zone) - 1);
    if (c.isDirect) s.flushesSkip[c.zone] = 1;
    return c.wholeZone ? COMPACT_COMPLETE : COMPACT_PARTIAL_SKIPPED;
  }
  if (c.order < 0 || c.migratePfn !== pageblockStart(c.migratePfn)) return COMPACT_CONTINUE;
  if (hasBlock(k, c)) return COMPACT_SUCCESS;
  return isDying(k, currentTask(k)) ? COMPACT_CONTENDED : COMPACT_CONTINUE;
}

/** Whether a block is free that the allocation could take, from its own kind or as a pageblock's new owner. */
function hasBlock(k: ReclaimState, c: CompactControl): boolean {
  const { freeCount } = k.zone;
  for (let order = c.order; order < NR_PAGE_ORDERS; order++) {
    const first = freeList(c.zone, order, 0);
    if (freeCount[first + c.migratetype] > 0) return true;
    if (order < PAGEBLOCK_ORDER >> 1 && c.migratetype === MIGRATE_MOVABLE) continue;
    for (let type = 0; type < MIGRATE_PCPTYPES; type++) if (freeCount[first + type] > 0) return true;
  }
  return false;
}

/** Gives isolated free blocks back that nothing was moved to. */
function releaseFree(k: ReclaimState, c: CompactControl): void {
  const { cachedFree } = k.compaction;
  let highest = 0;
  c.free.forEach((blocks, order) => {
    for (const pfn of blocks) {
      freeUnref(k, pfn, order);
      highest = Math.max(highest, pfn);
    }
    blocks.length = 0;
  });
  c.nrFree = 0;
  if (pageblockStart(highest) > cachedFree[c.zone]) cachedFree[c.zone] = pageblockStart(highest);
}

/** Clears the marks of pageblocks that look worth a visit, and lets the next run begin there (Linux: __reset_isolation_suitable). */
function resetSkipped(k: ReclaimState, zone: Zone): void {
  const s = k.compaction;
  if (s.flushesSkip[zone] === 0) return;
  s.flushesSkip[zone] = 0;
  let low = k.zone.startPfn[zone];
  let high = zoneEnd(k, zone) - 1;
  let source = high;
  let target = low;
  let [hasSource, hasTarget] = [false, false];
  for (; low < high; low += PAGEBLOCK_PAGES, high -= PAGEBLOCK_PAGES) {
    if (isWorthIt(k, zone, low, true, hasSource) && low < source) {
      hasSource = true;
      source = low;
      s.initMigrate[zone] = low;
      s.cachedMigrate[zone * 2] = low;
      s.cachedMigrate[zone * 2 + 1] = low;
    }
    if (isWorthIt(k, zone, high, hasTarget, true) && high > target) {
      hasTarget = true;
      target = high;
      s.cachedFree[zone] = high;
    }
  }
  if (source < target) return;
  s.cachedMigrate[zone * 2] = low;
  s.cachedMigrate[zone * 2 + 1] = low;
  s.cachedFree[zone] = high;
}

/** Whether a sample of a pageblock has a page to move or a free one; its mark is cleared then (Linux: __reset_isolation_pfn). */
function isWorthIt(k: ReclaimState, zone: Zone, pfn: number, asSource: boolean, asTarget: boolean): boolean {
  if (asSource && asTarget && !isSkipped(k, pfn)) return true;
  if (!asSource && asTarget && k.pageblock[pfn >> PAGEBLOCK_ORDER] !== MIGRATE_MOVABLE) return false;
  const first = Math.max(pageblockStart(pfn), k.zone.startPfn[zone]);
  const last = Math.min(pageblockStart(pfn) + PAGEBLOCK_PAGES, zoneEnd(k, zone)) - 1;
  for (let at = first; at <= last; at += SAMPLE_STEP) {
    const flags = k.page[at * PAGE_WORDS + FLAGS];
    if ((asSource && (flags & PG_lru) !== 0) || (asTarget && (flags & PG_buddy) !== 0)) {
      setSkipped(k, pfn, false);
      return true;
    }
  }
  return false;
}

/** Walks zones. Invariants: nobody is left alone for more than 64 requests, or waits for more than it is; scanners stay near their zones. */
export function checkCompaction(k: ReclaimState): void {
  const { considered, deferShift, cachedFree } = k.compaction;
  for (let zone = 1; zone < k.zone.count; zone++) {
    if (deferShift[zone] > MOST_DEFER_SHIFT)
      bug(`zone ${zone} is not compacted for 2^${deferShift[zone]} requests`);
    if (considered[zone] > 1 << deferShift[zone])
      bug(`zone ${zone} was left alone ${considered[zone]} times`);
    if (cachedFree[zone] > zoneEnd(k, zone)) bug(`free pages of zone ${zone} are looked for behind it`);
  }
}
