/**
 * Whether compaction is worth trying: a zone must have free pages to move to, an allocation must fail for their places and
 * not for their number, and where compaction was in vain it is not tried for a while.
 *
 *   in vain once, twice, … six times and more     left alone for 2, 4, … 64 requests of that order and above
 *   a block was made                              orders up to that one are not left alone
 *
 * Linux: mm/compaction.c compaction_suitable, defer_compaction, mm/vmstat.c fragmentation_index (6.12)
 * Doc: Documentation/admin-guide/sysctl/vm.rst (extfrag_threshold)
 */
import type { Zone } from "../base/types.ts";
import { freeBlocks } from "../frame/buddy.ts";
import { COSTLY_ORDER, NR_PAGE_ORDERS } from "../frame/mmzone.ts";
import {
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MASK,
  ALLOC_WMARK_MIN,
  watermark,
  zoneWatermarkOk,
} from "../frame/watermark.ts";
import { __GFP_IO } from "./gfp.ts";
import type { ReclaimState } from "./state.ts";

/** What became of it: the later, the more was done (Linux: enum compact_result). */
export const COMPACT_SKIPPED = 1;
export const COMPACT_DEFERRED = 2;
export const COMPACT_CONTINUE = 4;
export const COMPACT_COMPLETE = 5;
export const COMPACT_PARTIAL_SKIPPED = 6;
export const COMPACT_CONTENDED = 7;
export const COMPACT_SUCCESS = 8;

/** Requests a zone is left alone for, as a power of two at most (Linux: COMPACT_MAX_DEFER_SHIFT). */
export const MOST_DEFER_SHIFT = 6;
/** Whether an allocation with these flags may move pages (Linux: gfp_compaction_allowed). */
export function mayCompact(gfp: number): boolean {
  return (gfp & __GFP_IO) !== 0;
}

/** Free pages that compaction for an order needs beside the watermark, to move to (Linux: compact_gap). */
export function compactGap(order: number): number {
  return 2 << order;
}

/** Whether compaction is what an allocation needs: SUCCESS it needs nothing, SKIPPED there is too little free, or CONTINUE. */
export function suitsAllocation(
  k: ReclaimState,
  zone: Zone,
  order: number,
  highest: number,
  flags: number,
): number {
  const mark = watermark(k, zone, flags & ALLOC_WMARK_MASK);
  if (zoneWatermarkOk(k, zone, order, mark, { highest, flags })) return COMPACT_SUCCESS;
  return isSuitable(k, zone, order, highest) ? COMPACT_CONTINUE : COMPACT_SKIPPED;
}

/** Whether there is enough free in small pieces, and pieces are the problem (Linux: compaction_suitable). */
export function isSuitable(k: ReclaimState, zone: Zone, order: number, highest: number): boolean {
  if (!hasRoomToMove(k, zone, order, highest, 0)) return false;
  if (order <= COSTLY_ORDER) return true;
  const index = fragmentationIndex(k, zone, order);
  return index < 0 || index > k.knob.extfragThreshold;
}

/** Whether a zone with `more` free pages than it has could be compacted for the order (Linux: __compaction_suitable). */
export function hasRoomToMove(
  k: ReclaimState,
  zone: Zone,
  order: number,
  highest: number,
  more: number,
): boolean {
  const mark = watermark(k, zone, order > COSTLY_ORDER ? ALLOC_WMARK_LOW : ALLOC_WMARK_MIN);
  return zoneWatermarkOk(k, zone, 0, mark + compactGap(order) - more, { highest, flags: 0 });
}

/**
 * Why an allocation of the order would fail: near 0 there is too little free, near 1000 it lies in too small pieces; -1000:
 * it would not fail (Linux: fragmentation_index).
 */
export function fragmentationIndex(k: ReclaimState, zone: Zone, order: number): number {
  let pages = 0;
  let blocks = 0;
  let isThere = false;
  for (let at = 0; at < NR_PAGE_ORDERS; at++) {
    const count = freeBlocks(k, zone, at);
    blocks += count;
    pages += count * (1 << at);
    if (at >= order && count > 0) isThere = true;
  }
  if (blocks === 0) return 0;
  if (isThere) return -1000;
  return 1000 - Math.floor((1000 + Math.floor((pages * 1000) / (1 << order))) / blocks);
}

/** A zone is left alone for a while (Linux: defer_compaction). */
export function deferCompaction(k: ReclaimState, zone: Zone, order: number): void {
  const { considered, deferShift, orderFailed } = k.compaction;
  considered[zone] = 0;
  deferShift[zone] = Math.min(deferShift[zone] + 1, MOST_DEFER_SHIFT);
  orderFailed[zone] = Math.min(orderFailed[zone], order);
}

/** Whether this request leaves the zone alone (Linux: compaction_deferred). */
export function isDeferred(k: ReclaimState, zone: Zone, order: number): boolean {
  const { considered, deferShift, orderFailed } = k.compaction;
  if (order < orderFailed[zone]) return false;
  const limit = 1 << deferShift[zone];
  considered[zone] = Math.min(considered[zone] + 1, limit);
  return considered[zone] < limit;
}

/** Compaction of the order is worth it again; `isServed`: an allocation got its block (Linux: compaction_defer_reset). */
export function resetDeferred(k: ReclaimState, zone: Zone, order: number, isServed: boolean): void {
  const { considered, deferShift, orderFailed } = k.compaction;
  if (isServed) {
    considered[zone] = 0;
    deferShift[zone] = 0;
  }
  if (order >= orderFailed[zone]) orderFailed[zone] = order + 1;
}

/** Whether a zone has been left alone for as often as can be. */
export function isRestarting(k: ReclaimState, zone: Zone, order: number): boolean {
  const { considered, deferShift, orderFailed } = k.compaction;
  if (order < orderFailed[zone] || deferShift[zone] !== MOST_DEFER_SHIFT) return false;
  return considered[zone] >= 1 << deferShift[zone];
}
