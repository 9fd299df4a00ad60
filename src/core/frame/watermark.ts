/**
 * Watermarks: how much of a zone stays free, and for whom.
 *
 *   free pages
 *     high  ----  kswapd is content
 *     low   ----  an ordinary allocation fails here and wakes kswapd
 *     min   ----  reclaim by the allocating task; below it only those who free memory or cannot wait
 *
 * min is the zone's share of min_free_kbytes (four times the square root of lowmem, in kB); low and high lie above it at
 * equal distances: a quarter of min, or watermark_scale_factor ten-thousandths of the zone if that is more. On top of a
 * mark comes lowmem_reserve: what a zone keeps from allocations that could have used a higher zone.
 * Linux: mm/page_alloc.c, mm/khugepaged.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { NONE, type Zone } from "../base/types.ts";
import { freeList } from "./buddy.ts";
import {
  BOOT_MIN_FREE_KBYTES,
  BOOT_TOTALRESERVE,
  MIGRATE_HIGHATOMIC,
  MIGRATE_PCPTYPES,
  NR_PAGE_ORDERS,
  PAGEBLOCK_PAGES,
  ZONE_MOVABLE,
  ZONE_NORMAL,
  ZONES_PER_NODE,
} from "./mmzone.ts";
import type { FrameState } from "./state.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS } from "./vmstat.ts";
import { refreshOpen, zoneType } from "./zone.ts";

/** How an allocation may proceed. The low two bits choose the watermark: min, low, high. */
export const ALLOC_WMARK_MIN = 0;
export const ALLOC_WMARK_LOW = 1;
export const ALLOC_WMARK_HIGH = 2;
export const ALLOC_WMARK_MASK = 3;
/** Looks at no watermark; an OOM victim; cannot wait; may use half of min; keeps pageblock types apart; has a reserve of its own; wakes kswapd. */
export const ALLOC_NO_WATERMARKS = 4;
export const ALLOC_OOM = 8;
export const ALLOC_NON_BLOCK = 0x10;
export const ALLOC_MIN_RESERVE = 0x20;
export const ALLOC_NOFRAGMENT = 0x100;
export const ALLOC_HIGHATOMIC = 0x200;
export const ALLOC_KSWAPD = 0x800;
const ALLOC_RESERVES = ALLOC_NON_BLOCK | ALLOC_MIN_RESERVE | ALLOC_HIGHATOMIC | ALLOC_OOM;

/** By zone type: a zone keeps one page for this many pages above it (vm.lowmem_reserve_ratio). 0: keeps nothing. */
const LOWMEM_RESERVE_RATIO: readonly number[] = [256, 256, 32, 0];
const LEAST_KBYTES = 128;
const MOST_KBYTES = 262144;
/** Bounds of the movable zone's own min, in pages. */
const LEAST_MOVABLE_MIN = 32;
const MOST_MOVABLE_MIN = 128;

/** A watermark of the zone, boost included: mark is ALLOC_WMARK_MIN, _LOW or _HIGH. */
export function watermark(k: FrameState, zone: Zone, mark: number): number {
  const z = k.zone;
  const column =
    mark === ALLOC_WMARK_MIN ? z.watermarkMin : mark === ALLOC_WMARK_LOW ? z.watermarkLow : z.watermarkHigh;
  return column[zone] + z.watermarkBoost[zone];
}

/** Pages on which GFP_USER allocations can count: managed, less the high watermark (Linux: nr_free_buffer_pages). */
export function freeBufferPages(k: FrameState): number {
  let pages = 0;
  for (let zone = 1; zone < k.zone.count; zone++) {
    if (zoneType(zone) <= ZONE_NORMAL)
      pages += Math.max(0, k.zone.managedPages[zone] - watermark(k, zone, ALLOC_WMARK_HIGH));
  }
  return pages;
}

/** min_free_kbytes for a machine of this size. */
export function usualMinFreeKbytes(k: FrameState): number {
  const kbytes = Math.floor(Math.sqrt(freeBufferPages(k) * 4 * 16));
  return Math.min(Math.max(kbytes, LEAST_KBYTES), MOST_KBYTES);
}

/** What khugepaged raises min_free_kbytes to, so that whole pageblocks stay free: eleven a zone, at most 5 % of lowmem. */
export function hugepageMinFreeKbytes(k: FrameState): number {
  let zones = 0;
  for (let zone = 1; zone < k.zone.count; zone++)
    if (zoneType(zone) <= ZONE_NORMAL && k.zone.presentPages[zone] > 0) zones++;
  const pages = PAGEBLOCK_PAGES * zones * (2 + MIGRATE_PCPTYPES * MIGRATE_PCPTYPES);
  return Math.min(pages, Math.floor(freeBufferPages(k) / 20)) * 4;
}

/** Sets min, low and high of every zone from min_free_kbytes and the scale factor; takes every boost back. */
export function setupWatermarks(k: FrameState, minFreeKbytes: number, scaleFactor: number): void {
  const z = k.zone;
  const pagesMin = Math.floor(minFreeKbytes / 4);
  k.boot[BOOT_MIN_FREE_KBYTES] = minFreeKbytes;
  let lowmem = 0;
  for (let zone = 1; zone < z.count; zone++)
    if (zoneType(zone) !== ZONE_MOVABLE) lowmem += z.managedPages[zone];
  for (let zone = 1; zone < z.count; zone++) {
    const managed = z.managedPages[zone];
    const share = Math.floor((pagesMin * managed) / lowmem);
    const min =
      zoneType(zone) === ZONE_MOVABLE
        ? Math.min(Math.max(Math.floor(managed / 1024), LEAST_MOVABLE_MIN), MOST_MOVABLE_MIN)
        : share;
    const step = Math.max(Math.floor(share / 4), Math.floor((managed * scaleFactor) / 10000));
    z.watermarkMin[zone] = min;
    z.watermarkLow[zone] = min + step;
    z.watermarkHigh[zone] = min + step * 2;
    z.watermarkBoost[zone] = 0;
    refreshOpen(k, zone);
  }
  setupTotalReserve(k);
}

/** Sets lowmem_reserve of every zone: pages above it in its node, divided by the zone's ratio. */
export function setupLowmemReserve(k: FrameState): void {
  const z = k.zone;
  for (let zone = 1; zone < z.count; zone++) {
    const type = zoneType(zone);
    const ratio = z.managedPages[zone] === 0 ? 0 : LOWMEM_RESERVE_RATIO[type];
    let above = 0;
    for (let upper = type + 1; upper <= ZONE_MOVABLE; upper++) {
      above += z.managedPages[zone - type + upper];
      z.lowmemReserve[zone * ZONES_PER_NODE + upper] = ratio === 0 ? 0 : Math.floor(above / ratio);
    }
    refreshOpen(k, zone);
  }
  setupTotalReserve(k);
}

/** Pages no user can ever get: in each zone its largest reserve and its high watermark (Linux: totalreserve_pages). */
function setupTotalReserve(k: FrameState): void {
  const z = k.zone;
  let total = 0;
  for (let zone = 1; zone < z.count; zone++) {
    let most = 0;
    for (let type = zoneType(zone); type < ZONES_PER_NODE; type++)
      most = Math.max(most, z.lowmemReserve[zone * ZONES_PER_NODE + type]);
    total += Math.min(most + watermark(k, zone, ALLOC_WMARK_HIGH), z.managedPages[zone]);
  }
  k.boot[BOOT_TOTALRESERVE] = total;
}

/**
 * True when the zone stays above `mark` after an allocation of 2^order pages whose highest zone type is `highest`, and
 * a block of that size is there.
 * Linux: __zone_watermark_ok
 */
export function zoneWatermarkOk(
  k: FrameState,
  zone: Zone,
  order: number,
  mark: number,
  how: { highest: number; flags: number },
): boolean {
  const z = k.zone;
  let free = k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES] - ((1 << order) - 1);
  let min = mark;
  if ((how.flags & ALLOC_RESERVES) === 0) {
    free -= z.nrFreeHighatomic[zone];
  } else {
    if ((how.flags & ALLOC_MIN_RESERVE) !== 0) {
      min -= Math.floor(min / 2);
      if ((how.flags & ALLOC_NON_BLOCK) !== 0) min -= Math.floor(min / 4);
    }
    if ((how.flags & ALLOC_OOM) !== 0) min -= Math.floor(min / 2);
  }
  if (free <= min + z.lowmemReserve[zone * ZONES_PER_NODE + how.highest]) return false;
  if (order === 0) return true;
  for (let large = order; large < NR_PAGE_ORDERS; large++) {
    const first = freeList(zone, large, 0);
    for (let type = 0; type < MIGRATE_PCPTYPES; type++) if (z.freeCount[first + type] > 0) return true;
    if ((how.flags & (ALLOC_HIGHATOMIC | ALLOC_OOM)) !== 0 && z.freeCount[first + MIGRATE_HIGHATOMIC] > 0)
      return true;
  }
  return false;
}

/**
 * The same as allocation asks it: against the min watermark, a single page that may use half of it does not see a boost.
 * Linux: zone_watermark_fast
 */
export function zoneWatermarkFast(
  k: FrameState,
  zone: Zone,
  order: number,
  mark: number,
  how: { highest: number; flags: number },
): boolean {
  if (zoneWatermarkOk(k, zone, order, mark, how)) return true;
  const isBoosted = k.zone.watermarkBoost[zone] !== NONE;
  if (
    order === 0 &&
    isBoosted &&
    (how.flags & ALLOC_MIN_RESERVE) !== 0 &&
    (how.flags & ALLOC_WMARK_MASK) === ALLOC_WMARK_MIN
  ) {
    return zoneWatermarkOk(k, zone, order, k.zone.watermarkMin[zone], how);
  }
  return false;
}
