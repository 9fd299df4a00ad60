/**
 * Reclaim: getting memory back for an allocation that waits, or for a cgroup at its limit.
 *
 *   tryToFreePages, tryToFreeMemcgPages
 *     priority 12, 11, … 0: a 4096th, a 2048th, … all of each list is scanned, until enough is free
 *       shrinkNode: every cgroup below the one that is short, or as many as it takes
 *         policy: shrinkLruvec, or with MGLRU lruGenShrinkLruvec; for the machine MGLRU has an order of cgroups of its own
 *
 * What did not help is tried harder: the whole tree of cgroups, active pages whatever the balance, memory.low overridden.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import { type Memcg, NONE, ROOT_MEMCG, type Zone } from "../base/types.ts";
import { COSTLY_ORDER } from "../frame/mmzone.ts";
import {
  ALLOCSTALL_DMA,
  NR_ACTIVE_FILE,
  NR_FREE_PAGES,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_NODE_ITEMS,
  NR_ZONE_ITEMS,
} from "../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_MIN, watermark, zoneWatermarkOk } from "../frame/watermark.ts";
import { finishPlug } from "../hw/plug.ts";
import { isLruGen } from "../space/lru-gen.ts";
import {
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  LRUVEC_CGROUP_CONGESTED,
  LRUVEC_NODE_CONGESTED,
  lruvecOf,
} from "../space/lru-list.ts";
import {
  calculateProtection,
  iterReclaim,
  MEMCG_FREE,
  MEMCG_LOW,
  memcgBelowLow,
  memcgBelowMin,
  memcgEvent,
  nextMemcg,
} from "../space/memcg.ts";
import {
  FLUSHED_ACTIVATE_ANON,
  FLUSHED_ACTIVATE_FILE,
  flushedState,
  flushMemcgStatsIfDue,
} from "../space/memcg-flush.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { nrSwapPages } from "../space/swap-room.ts";
import { compactGap, isSuitable, mayCompact } from "./compaction-suitable.ts";
import { GFP_HIGHUSER_MOVABLE, GFP_RECLAIM_MASK } from "./gfp.ts";
import { inactiveIsLow, shrinkLruvec } from "./policy/classic.ts";
import { lruGenShrinkLruvec, lruGenShrinkNode } from "./policy/mglru-shrink.ts";
import { psiMemstallEnter, psiMemstallLeave } from "./psi.ts";
import {
  createScan,
  DEACTIVATE_ANON,
  DEACTIVATE_FILE,
  DEF_PRIORITY,
  PGDAT_DIRTY,
  PGDAT_WRITEBACK,
  SWAP_CLUSTER_MAX,
} from "./scan-control.ts";
import { shrinkSlab } from "./shrinker.ts";
import { softLimitReclaim } from "./soft-limit.ts";
import type { ReclaimState, ScanControl } from "./state.ts";
import { considerThrottle, throttleForCongestion, throttleForWriteback } from "./throttle.ts";
import { vmpressure, vmpressurePrio } from "./vmpressure.ts";

/** What a request of tryToFreeMemcgPages says besides (Linux: MEMCG_RECLAIM_*). */
export const MEMCG_RECLAIM_MAY_SWAP = 2;
export const MEMCG_RECLAIM_PROACTIVE = 4;

/**
 * Frees pages of a cgroup and those below it, at least 32. `options` are MEMCG_RECLAIM_*, `swappiness` is the request's own
 * or -1. Returns the pages freed.
 */
export function tryToFreeMemcgPages(
  k: ReclaimState,
  memcg: Memcg,
  pages: number,
  gfp: number,
  options: { readonly flags: number; readonly swappiness: number },
): number {
  const sc = createScan({
    nrToReclaim: Math.max(pages, SWAP_CLUSTER_MAX),
    gfp: (gfp & GFP_RECLAIM_MASK) | (GFP_HIGHUSER_MOVABLE & ~GFP_RECLAIM_MASK),
    memcg,
    isCgroup: true,
    maySwap: (options.flags & MEMCG_RECLAIM_MAY_SWAP) !== 0,
    isProactive: (options.flags & MEMCG_RECLAIM_PROACTIVE) !== 0,
    swappiness: options.swappiness,
  });
  const hasEntered = psiMemstallEnter(k);
  const freed = insideReclaim(k, sc);
  psiMemstallLeave(k, hasEntered);
  return freed;
}

/** Frees pages for an allocation of 2^order pages from zones up to type `highest`. Returns the pages freed. */
export function tryToFreePages(k: ReclaimState, order: number, gfp: number, highest: number): number {
  return insideReclaim(k, createScan({ nrToReclaim: SWAP_CLUSTER_MAX, gfp, order, reclaimIdx: highest }));
}

/**
 * Scans the lists of one node, of every cgroup below the one that is short (Linux: shrink_node). Where `sc.pause` is set afterwards, the
 * turn was over: the next call goes on from there.
 */
export function shrinkNode(k: ReclaimState, node: number, sc: ScanControl): void {
  if (isLruGen(k) && sc.memcg === ROOT_MEMCG) {
    if (sc.pause === undefined) forgetTaken(sc);
    lruGenShrinkNode(k, node, sc);
    return;
  }
  if (sc.pause === undefined) sc.nodeReclaimed = sc.nrReclaimed;
  do {
    shrinkNodeOnce(k, node, sc);
    if (sc.pause !== undefined) return;
  } while (needsRoomToCompact(k, node, sc.nrReclaimed - sc.passReclaimed, sc));
  if (sc.nrReclaimed > sc.nodeReclaimed) k.reclaim.failures[node] = 0;
  else if (sc.cacheTrimMode) sc.cacheTrimFailed = true;
}

/** A pass begins: no page was taken. */
function forgetTaken(sc: ScanControl): void {
  sc.dirty = 0;
  sc.unqueuedDirty = 0;
  sc.congested = 0;
  sc.writeback = 0;
  sc.immediate = 0;
  sc.taken = 0;
  sc.fileTaken = 0;
}

/** One pass over a node. */
function shrinkNodeOnce(k: ReclaimState, node: number, sc: ScanControl): void {
  if (sc.pause === undefined) {
    forgetTaken(sc);
    sc.passReclaimed = sc.nrReclaimed;
    sc.passScanned = sc.nrScanned;
    if (!isLruGen(k)) prepareScan(k, node, sc);
  }
  shrinkMemcgs(k, node, sc);
  if (sc.pause !== undefined) return;
  const reclaimed = sc.nrReclaimed - sc.passReclaimed;
  if (!sc.isProactive) vmpressure(k, sc.gfp, sc.memcg, sc.nrScanned - sc.passScanned, reclaimed);
  const target = lruvecOf(k, sc.memcg, node);
  if (sc.isKswapd) {
    if (sc.writeback !== 0 && sc.writeback === sc.taken) k.reclaim.nodeFlags[node] |= PGDAT_WRITEBACK;
    if (sc.unqueuedDirty === sc.fileTaken) k.reclaim.nodeFlags[node] |= PGDAT_DIRTY;
    if (sc.immediate !== 0) throttleForWriteback(k, node);
  }
  if (sc.dirty !== 0 && sc.dirty === sc.congested) {
    if (sc.isCgroup && !isLegacy(k)) k.lruvec.flags[target] |= LRUVEC_CGROUP_CONGESTED;
    if (sc.isKswapd) k.lruvec.flags[target] |= LRUVEC_NODE_CONGESTED;
  }
  if (!sc.isKswapd && (k.lruvec.flags[target] & (LRUVEC_CGROUP_CONGESTED | LRUVEC_NODE_CONGESTED)) !== 0)
    throttleForCongestion(k, node);
}

/** Remembers how many refaults there were, so that the next run sees whether there are more (Linux: snapshot_refaults). */
export function snapshotRefaults(k: ReclaimState, memcg: Memcg, node: number): void {
  const lruvec = lruvecOf(k, memcg, node);
  k.lruvec.refaults[lruvec * 2] = flushedState(k, lruvec, FLUSHED_ACTIVATE_ANON);
  k.lruvec.refaults[lruvec * 2 + 1] = flushedState(k, lruvec, FLUSHED_ACTIVATE_FILE);
}

/** Reclaim does not reclaim for itself. */
function insideReclaim(k: ReclaimState, sc: ScanControl): number {
  if (k.reclaim.inside[0] !== 0) bug("reclaim began inside reclaim");
  k.reclaim.inside[0] = 1;
  const freed = doTryToFreePages(k, sc);
  k.reclaim.inside[0] = 0;
  return freed;
}

/** Rounds of falling priority, and what is tried when they did not help (Linux: do_try_to_free_pages). */
function doTryToFreePages(k: ReclaimState, sc: ScanControl): number {
  const initial = sc.priority;
  for (;;) {
    if (!sc.isCgroup) k.vmstat.event[ALLOCSTALL_DMA + sc.reclaimIdx]++;
    sc.priority++;
    while (--sc.priority >= 0) {
      if (!sc.isProactive) vmpressurePrio(k, sc.gfp, sc.memcg, sc.priority);
      sc.nrScanned = 0;
      shrinkZones(k, sc);
      if (sc.nrReclaimed >= sc.nrToReclaim || sc.compactionReady) break;
      if (sc.priority < DEF_PRIORITY - 2) sc.mayWritepage = true;
    }
    forEachNode(k, sc, snapshotNode);
    if (sc.nrReclaimed !== 0) return sc.nrReclaimed;
    // Compaction can go ahead: no reason to try harder, or to kill anybody.
    if (sc.compactionReady) return 1;
    if (!sc.fullWalk) sc.fullWalk = true;
    else if (sc.skippedDeactivate) {
      sc.forceDeactivate = true;
      sc.skippedDeactivate = false;
    } else if (sc.lowSkipped) {
      sc.forceDeactivate = false;
      sc.lowReclaim = true;
      sc.lowSkipped = false;
    } else return 0;
    sc.priority = initial;
  }
}

/** Whether a zone has room for compaction, or the block itself, so that an allocation needs no more reclaim. */
function isCompactionReady(k: ReclaimState, zone: Zone, sc: ScanControl): boolean {
  if (!mayCompact(sc.gfp)) return false;
  const how = { highest: sc.reclaimIdx, flags: 0 };
  if (zoneWatermarkOk(k, zone, sc.order, watermark(k, zone, ALLOC_WMARK_MIN), how)) return true;
  if (!isSuitable(k, zone, sc.order, sc.reclaimIdx)) return false;
  return zoneWatermarkOk(k, zone, 0, watermark(k, zone, ALLOC_WMARK_HIGH) + compactGap(sc.order), how);
}

/** Whether reclaim for several pages goes on with a node, because compaction would still lack room (Linux: should_continue_reclaim). */
function needsRoomToCompact(k: ReclaimState, node: number, reclaimed: number, sc: ScanControl): boolean {
  if (sc.order === 0 || !mayCompact(sc.gfp) || reclaimed === 0) return false;
  if (sc.order <= COSTLY_ORDER && sc.priority >= DEF_PRIORITY - 2) return false;
  const how = { highest: sc.reclaimIdx, flags: 0 };
  for (let type = 0; type <= sc.reclaimIdx; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.managedPages[zone] === 0) continue;
    if (zoneWatermarkOk(k, zone, sc.order, watermark(k, zone, ALLOC_WMARK_MIN), how)) return false;
    if (isSuitable(k, zone, sc.order, sc.reclaimIdx)) return false;
  }
  const at = node * NR_NODE_ITEMS;
  let inactive = k.vmstat.node[at + NR_INACTIVE_FILE];
  if (nrSwapPages(k) > 0) inactive += k.vmstat.node[at + NR_INACTIVE_ANON];
  return inactive > compactGap(sc.order);
}

/** A node's turn: cgroups above their soft limits come first when it is for the machine. */
function shrinkZone(k: ReclaimState, node: number, sc: ScanControl): void {
  if (!sc.isCgroup) {
    const soft = softLimitReclaim(k, node, sc);
    sc.nrReclaimed += soft.reclaimed;
    sc.nrScanned += soft.scanned;
  }
  shrinkNode(k, node, sc);
}

function snapshotNode(k: ReclaimState, node: number, sc: ScanControl): void {
  snapshotRefaults(k, sc.memcg, node);
  if (sc.isCgroup) k.lruvec.flags[lruvecOf(k, sc.memcg, node)] &= ~LRUVEC_CGROUP_CONGESTED;
}

/** Every node of the running CPU's zonelist, once. */
function shrinkZones(k: ReclaimState, sc: ScanControl): void {
  forEachNode(k, sc, shrinkZone);
  considerThrottle(k, k.cpuNode[k.boot[2]], sc);
}

/** Calls for each node that has a zone the allocation may use, nearest first. */
function forEachNode(
  k: ReclaimState,
  sc: ScanControl,
  visit: (k: ReclaimState, node: number, sc: ScanControl) => void,
): void {
  const local = k.cpuNode[k.boot[2]];
  let last = -1;
  for (let at = k.preferred[local * 4 + sc.reclaimIdx]; k.zonelist[at] !== NONE; at++) {
    const zone = k.zonelist[at];
    const node = (zone - 1) >> 2;
    if (((zone - 1) & 3) > sc.reclaimIdx || k.zone.managedPages[zone] === 0) continue;
    if (visit === shrinkZone && sc.order > COSTLY_ORDER && isCompactionReady(k, zone, sc)) {
      sc.compactionReady = true;
      continue;
    }
    if (node === last) continue;
    last = node;
    visit(k, node, sc);
  }
}

/** The cgroups below the one that is short: all of them, or from where the last walk ended until enough is free. */
function shrinkMemcgs(k: ReclaimState, node: number, sc: ScanControl): void {
  const isPartial = !sc.isKswapd && !sc.fullWalk;
  const root = sc.memcg;
  let memcg = isPartial ? iterReclaim(k, root, node, true) : pausedMemcg(k, sc);
  while (memcg >= 0) {
    calculateProtection(k, root, memcg);
    const isLow = memcgBelowLow(k, root, memcg);
    if (sc.pause === undefined && isLow && !sc.lowReclaim && !memcgBelowMin(k, root, memcg))
      sc.lowSkipped = true;
    else if (!memcgBelowMin(k, root, memcg)) {
      if (isLow) memcgEvent(k, memcg, MEMCG_LOW);
      const lruvec = lruvecOf(k, memcg, node);
      if (isLruGen(k)) lruGenShrinkLruvec(k, lruvec, sc);
      else shrinkLruvec(k, lruvec, sc);
      if (sc.pause !== undefined) return;
      shrinkSlab(k, lruvec, sc.priority, sc.gfp);
      if (isPartial && sc.nrReclaimed >= sc.nrToReclaim) return;
    }
    memcg = isPartial ? iterReclaim(k, root, node, false) : nextMemcg(k, root, memcg);
  }
}

/** Where a walk of all cgroups begins: with the one that a pause was made in, if it is still there. */
function pausedMemcg(k: ReclaimState, sc: ScanControl): Memcg {
  if (sc.pause === undefined) return sc.memcg;
  const memcg = Math.floor(sc.pause.lruvec / k.lruvec.nodes);
  if (k.memcg.state[memcg] !== MEMCG_FREE) return memcg;
  finishPlug(k);
  sc.pause = undefined;
  return sc.memcg;
}

/** What the lists' lengths and refaults say of this node's pass (Linux: prepare_scan_control). */
function prepareScan(k: ReclaimState, node: number, sc: ScanControl): void {
  flushMemcgStatsIfDue(k);
  const target = lruvecOf(k, sc.memcg, node);
  sc.anonCost = k.lruvec.anonCost[target];
  sc.fileCost = k.lruvec.fileCost[target];
  if (sc.forceDeactivate) sc.mayDeactivate = DEACTIVATE_ANON | DEACTIVATE_FILE;
  else {
    const anon = flushedState(k, target, FLUSHED_ACTIVATE_ANON);
    const file = flushedState(k, target, FLUSHED_ACTIVATE_FILE);
    const { refaults } = k.lruvec;
    sc.mayDeactivate =
      (anon !== refaults[target * 2] || inactiveIsLow(k, target, LRU_INACTIVE_ANON) ? DEACTIVATE_ANON : 0) |
      (file !== refaults[target * 2 + 1] || inactiveIsLow(k, target, LRU_INACTIVE_FILE)
        ? DEACTIVATE_FILE
        : 0);
  }
  const inactiveFile = flushedState(k, target, LRU_INACTIVE_FILE);
  sc.cacheTrimMode =
    inactiveFile >>> sc.priority !== 0 && (sc.mayDeactivate & DEACTIVATE_FILE) === 0 && !sc.noCacheTrim;
  if (!sc.isCgroup) sc.fileIsTiny = isFileTiny(k, node, sc);
}

/** Whether file pages and free ones together are fewer than the high watermarks while anonymous ones abound. */
function isFileTiny(k: ReclaimState, node: number, sc: ScanControl): boolean {
  const at = node * NR_NODE_ITEMS;
  let high = 0;
  let free = 0;
  for (let zone = node * 4 + 1; zone <= node * 4 + 4; zone++) {
    free += k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
    if (k.zone.managedPages[zone] > 0) high += watermark(k, zone, ALLOC_WMARK_HIGH);
  }
  const file = k.vmstat.node[at + NR_ACTIVE_FILE] + k.vmstat.node[at + NR_INACTIVE_FILE];
  const anon = k.vmstat.node[at + NR_INACTIVE_ANON];
  return file + free <= high && (sc.mayDeactivate & DEACTIVATE_ANON) === 0 && anon >>> sc.priority !== 0;
}
