/**
 * When a zone has no free page of the wanted migratetype: take from another type, and rather a whole pageblock than a
 * page of it, because pages that cannot move spoil a pageblock for everybody who needs it whole.
 *
 *   1. claim: the largest block of another type. A pageblock or more changes its type; of a smaller block's pageblock all
 *      free pages change type if with the pages already of the wanted kind they make up half of it.
 *   2. steal: just the pages wanted, from the smallest block of another type.
 *
 * Taking from another type is a sign of fragmentation: it boosts the watermarks, so that kswapd frees more.
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (watermark_boost_factor)
 */

import { emit, TRACE_MM_PAGE_ALLOC_EXTFRAG } from "../base/trace.ts";
import { NONE, type Pfn, type Zone } from "../base/types.ts";
import {
  accountFree,
  firstBlock,
  linkHead,
  linkTail,
  movePageblock,
  setPageblocks,
  takeSmallest,
  unlinkBlock,
} from "./buddy.ts";
import {
  MAX_PAGE_ORDER,
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_RECLAIMABLE,
  MIGRATE_TYPES,
  MIGRATE_UNMOVABLE,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PAGEBLOCK_PAGES,
  ZONE_BOOSTED_WATERMARK,
} from "./mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_buddy, PG_lru, PRIVATE } from "./page.ts";
import type { FrameState } from "./state.ts";
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from "./watermark.ts";
import { refreshOpen, setZoneFlags, zoneSpans } from "./zone.ts";

/** By migratetype: the types it falls back to, in order. */
const FALLBACKS: readonly (readonly number[])[] = [
  [MIGRATE_RECLAIMABLE, MIGRATE_MOVABLE],
  [MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE],
  [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE],
];

/**
 * Takes 2^order pages of the zone for `migratetype`, from its own lists or from another type's, or NONE.
 * Linux: __rmqueue
 */
export function takeBlock(
  k: FrameState,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
): Pfn {
  const own = takeSmallest(k, zone, order, migratetype);
  if (own !== NONE) return own;
  const claimed = claimBlock(k, zone, order, migratetype, allocFlags);
  if (claimed !== NONE || (allocFlags & ALLOC_NOFRAGMENT) !== 0) return claimed;
  return stealBlock(k, zone, order, migratetype);
}

/** Takes 2^order pages by making a pageblock of another type one of this type, or NONE (Linux: __rmqueue_claim). */
export function claimBlock(
  k: FrameState,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
): Pfn {
  const least = order < PAGEBLOCK_ORDER && (allocFlags & ALLOC_NOFRAGMENT) !== 0 ? PAGEBLOCK_ORDER : order;
  for (let high = MAX_PAGE_ORDER; high >= least; high--) {
    const other = fallbackType(k, zone, high, migratetype);
    if (other < 0) continue;
    // Smaller blocks than this are not worth a pageblock to movable pages, which do no harm where they are.
    if (high < PAGEBLOCK_ORDER >> 1 && migratetype === MIGRATE_MOVABLE) return NONE;
    const block = firstBlock(k, zone, high, other);
    const pfn =
      high >= PAGEBLOCK_ORDER
        ? claimWhole(k, zone, block, { low: order, high }, migratetype)
        : claimPageblock(k, zone, block, order, { migratetype, allocFlags });
    if (pfn !== NONE) {
      traceFallback(k, pfn, order, high);
      return pfn;
    }
  }
  return NONE;
}

/** Takes 2^order pages of another type's smallest block, which keeps its type, or NONE (Linux: __rmqueue_steal). */
export function stealBlock(k: FrameState, zone: Zone, order: number, migratetype: number): Pfn {
  for (let high = order; high < NR_PAGE_ORDERS; high++) {
    const other = fallbackType(k, zone, high, migratetype);
    if (other < 0) continue;
    const pfn = firstBlock(k, zone, high, other);
    unlinkBlock(k, zone, pfn, high, other);
    for (let half = high - 1; half >= order; half--) linkHead(k, zone, pfn + (1 << half), half, other);
    accountFree(k, zone, -(1 << order), other);
    traceFallback(k, pfn, order, high);
    return pfn;
  }
  return NONE;
}

/**
 * After an atomic allocation of several pages: keeps the rest of its pageblock for others like it, up to about a
 * hundredth of the zone.
 */
export function reserveHighatomic(k: FrameState, zone: Zone, pfn: Pfn, order: number): void {
  const z = k.zone;
  const hundredth = Math.floor(z.managedPages[zone] / 100);
  if (hundredth < PAGEBLOCK_PAGES) return;
  const most = Math.ceil(hundredth / PAGEBLOCK_PAGES) * PAGEBLOCK_PAGES;
  if (z.nrReservedHighatomic[zone] >= most) return;
  if (k.pageblock[pfn >> PAGEBLOCK_ORDER] >= MIGRATE_PCPTYPES) return;
  if (order < PAGEBLOCK_ORDER) {
    if (movePageblock(k, zone, pfn, MIGRATE_HIGHATOMIC)) z.nrReservedHighatomic[zone] += PAGEBLOCK_PAGES;
  } else {
    setPageblocks(k, pfn, order, MIGRATE_HIGHATOMIC);
    z.nrReservedHighatomic[zone] += 1 << order;
  }
}

/**
 * When an allocation is about to fail: gives a pageblock of the zone's atomic reserve to ordinary use. The last one is
 * given only when `force` says so. Returns true when something was given.
 */
export function unreserveHighatomic(k: FrameState, zone: Zone, migratetype: number, force: boolean): boolean {
  const z = k.zone;
  if (!force && z.nrReservedHighatomic[zone] <= PAGEBLOCK_PAGES) return false;
  for (let order = 0; order < NR_PAGE_ORDERS; order++) {
    const pfn = firstBlock(k, zone, order, MIGRATE_HIGHATOMIC);
    if (pfn === NONE) continue;
    z.nrReservedHighatomic[zone] -= Math.min(
      Math.max(PAGEBLOCK_PAGES, 1 << order),
      z.nrReservedHighatomic[zone],
    );
    if (order < PAGEBLOCK_ORDER) return movePageblock(k, zone, pfn, migratetype);
    unlinkBlock(k, zone, pfn, order, MIGRATE_HIGHATOMIC);
    accountFree(k, zone, -(1 << order), MIGRATE_HIGHATOMIC);
    setPageblocks(k, pfn, order, migratetype);
    linkTail(k, zone, pfn, order, migratetype);
    accountFree(k, zone, 1 << order, migratetype);
    return true;
  }
  return false;
}

/** The first type to fall back to that has a block of this order, or -1. */
function fallbackType(k: FrameState, zone: Zone, order: number, migratetype: number): number {
  const first = (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES;
  const types = FALLBACKS[migratetype];
  if (k.zone.freeCount[first + types[0]] > 0) return types[0];
  return k.zone.freeCount[first + types[1]] > 0 ? types[1] : -1;
}

/** Takes a block of one or two whole pageblocks, which change their type. */
function claimWhole(
  k: FrameState,
  zone: Zone,
  block: Pfn,
  orders: { low: number; high: number },
  migratetype: number,
): Pfn {
  const other = k.pageblock[block >> PAGEBLOCK_ORDER];
  unlinkBlock(k, zone, block, orders.high, other);
  setPageblocks(k, block, orders.high, migratetype);
  for (let half = orders.high - 1; half >= orders.low; half--)
    linkHead(k, zone, block + (1 << half), half, migratetype);
  accountFree(k, zone, -(1 << orders.high), other);
  accountFree(k, zone, (1 << orders.high) - (1 << orders.low), migratetype);
  return block;
}

/** Takes from a pageblock of another type if enough of it is free or of the wanted kind to make it this type's. */
function claimPageblock(
  k: FrameState,
  zone: Zone,
  block: Pfn,
  order: number,
  how: { migratetype: number; allocFlags: number },
): Pfn {
  const { page } = k;
  const other = k.pageblock[block >> PAGEBLOCK_ORDER];
  if (other === MIGRATE_HIGHATOMIC) return NONE;
  if (boostWatermark(k, zone) && (how.allocFlags & ALLOC_KSWAPD) !== 0) {
    setZoneFlags(k, zone, k.zone.flags[zone] | ZONE_BOOSTED_WATERMARK);
  }
  const first = block & ~(PAGEBLOCK_PAGES - 1);
  if (!zoneSpans(k.zone, zone, first) || !zoneSpans(k.zone, zone, first + PAGEBLOCK_PAGES - 1)) return NONE;
  let free = 0;
  let movable = 0;
  for (let at = first; at < first + PAGEBLOCK_PAGES; ) {
    const flags = page[at * PAGE_WORDS + FLAGS];
    if ((flags & PG_buddy) !== 0) {
      const nr = 1 << page[at * PAGE_WORDS + PRIVATE];
      free += nr;
      at += nr;
      continue;
    }
    if ((flags & PG_lru) !== 0) movable++;
    at++;
  }
  let alike = 0;
  if (how.migratetype === MIGRATE_MOVABLE) alike = movable;
  else if (other === MIGRATE_MOVABLE) alike = PAGEBLOCK_PAGES - (free + movable);
  if (free + alike < PAGEBLOCK_PAGES / 2) return NONE;
  movePageblock(k, zone, block, how.migratetype);
  return takeSmallest(k, zone, order, how.migratetype);
}

/** Raises the zone's watermarks by a pageblock, up to watermark_boost_factor of high. False where that is of no use. */
function boostWatermark(k: FrameState, zone: Zone): boolean {
  const z = k.zone;
  if (k.knob.watermarkBoostFactor === 0 || PAGEBLOCK_PAGES * 4 > z.managedPages[zone]) return false;
  const scaled = Math.floor((z.watermarkHigh[zone] * k.knob.watermarkBoostFactor) / 10000);
  if (scaled === 0) return false;
  z.watermarkBoost[zone] = Math.min(
    z.watermarkBoost[zone] + PAGEBLOCK_PAGES,
    Math.max(PAGEBLOCK_PAGES, scaled),
  );
  refreshOpen(k, zone);
  return true;
}

function traceFallback(k: FrameState, pfn: Pfn, order: number, fallbackOrder: number): void {
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_ALLOC_EXTFRAG)) !== 0) {
    emit(k, TRACE_MM_PAGE_ALLOC_EXTFRAG, pfn, order, fallbackOrder);
  }
}
