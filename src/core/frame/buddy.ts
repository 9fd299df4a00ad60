/**
 * The buddy allocator: free memory of a zone as blocks of 2^order pages, each aligned to its size, on one list for each
 * order and migratetype. A block that is freed looks for its buddy, the other half of the next larger block, and while
 * that is free the two become one:
 *
 *   free 6 (order 0), 7 is free      4 5 6 7      ->  [6 7] order 1
 *   its buddy [4 5] is free          [4 5] [6 7]  ->  [4 5 6 7] order 2, whose buddy is 0, …
 *
 * A block is known by its first page: PG_buddy in FLAGS, its order in PRIVATE, PREV and NEXT for the list. The other
 * pages' records are not touched, and blocks of the largest order that were never handed out have no record at all:
 * they are ranges behind the end of their zone's movable list, so that a machine boots without touching its memory.
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, type Pfn, type Zone } from "../base/types.ts";
import { dropSlot } from "../hw/ram.ts";
import {
  MAX_ORDER_PAGES,
  MAX_PAGE_ORDER,
  MIGRATE_HIGHATOMIC,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_TYPES,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PAGEBLOCK_PAGES,
} from "./mmzone.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  NEXT,
  PAGE_WORDS,
  PG_buddy,
  PG_ZONE_SHIFT,
  PREV,
  PRIVATE,
  REFCOUNT,
} from "./page.ts";
import type { FrameState } from "./state.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS, PGFREE } from "./vmstat.ts";
import { noteFreePages, refreshOpen, zoneOf, zoneSpans, zoneType } from "./zone.ts";

/** Index of a free list in freeHead, freeTail and freeCount. */
export function freeList(zone: Zone, order: number, migratetype: number): number {
  return (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + migratetype;
}

/** Free blocks of one order in a zone, all types together, as /proc/buddyinfo prints them. */
export function freeBlocks(k: FrameState, zone: Zone, order: number): number {
  const { freeCount } = k.zone;
  const first = freeList(zone, order, 0);
  return (
    freeCount[first] +
    freeCount[first + 1] +
    freeCount[first + 2] +
    freeCount[first + 3] +
    freeCount[first + 4]
  );
}

/**
 * Frees 2^order pages straight to the buddy lists. The first page is not in use any more; contents and records of all
 * of them are cleared. Counted as pgfree.
 */
export function freePages(k: FrameState, pfn: Pfn, order: number): void {
  const zone = zoneOf(k, pfn);
  clearPages(k, pfn, order, zone);
  k.vmstat.event[PGFREE] += 1 << order;
  freeBlock(k, zone, pfn, order);
}

/** Puts a block back without looking at its pages: whoever calls has cleared them. */
export function freeBlock(k: FrameState, zone: Zone, pfn: Pfn, order: number): void {
  // A block of several pageblocks is freed by pageblock, because each may have a type of its own.
  const step = Math.min(order, PAGEBLOCK_ORDER);
  for (let at = pfn; at < pfn + (1 << order); at += 1 << step) {
    const migratetype = k.pageblock[at >> PAGEBLOCK_ORDER];
    accountFree(k, zone, 1 << step, migratetype);
    mergeBlock(k, zone, at, step, migratetype);
  }
}

/** Makes 2^order pages as if never used: no contents, records with nothing but their zone. bug() when one is mapped. */
export function clearPages(k: FrameState, pfn: Pfn, order: number, zone: Zone): void {
  const { page, ram } = k;
  for (let at = pfn; at < pfn + (1 << order); at++) {
    const record = at * PAGE_WORDS;
    if (page[record + MAPCOUNT] !== 0) bug(`frame ${at} is freed while it is mapped`);
    page[record + FLAGS] = zone << PG_ZONE_SHIFT;
    page[record + REFCOUNT] = 0;
    page[record + PREV] = 0;
    page[record + NEXT] = 0;
    page[record + MAPPING] = 0;
    page[record + INDEX] = 0;
    page[record + PRIVATE] = 0;
    if (ram.slot[at] !== NONE) dropSlot(k, at);
  }
}

/** Adds free pages of a type to the zone's counters, or takes them off (Linux: account_freepages). */
export function accountFree(k: FrameState, zone: Zone, nrPages: number, migratetype: number): void {
  if (migratetype === MIGRATE_ISOLATE) return;
  const free = k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES] + nrPages;
  k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES] = free;
  if (migratetype === MIGRATE_HIGHATOMIC) {
    k.zone.nrFreeHighatomic[zone] += nrPages;
    refreshOpen(k, zone);
  } else {
    noteFreePages(k, zone, free);
  }
}

/**
 * Joins a block with its free buddies and puts the result on its list: at the tail when its own buddy is likely to be
 * free soon, so that the two can still join, else at the head. The caller counts the pages (accountFree).
 * Linux: __free_one_page
 */
export function mergeBlock(k: FrameState, zone: Zone, pfn: Pfn, order: number, migratetype: number): void {
  const page = k.page;
  const mark = (zone << PG_ZONE_SHIFT) | PG_buddy;
  let at: Pfn = pfn;
  let reached = order;
  while (reached < MAX_PAGE_ORDER) {
    // Flags and order in one look: a free block of this size in this zone. The record of a frame in use, of a hole, or
    // of an untouched block never matches.
    const buddy = at ^ (1 << reached);
    const record = buddy * PAGE_WORDS;
    if (page[record] !== mark || page[record + PRIVATE] !== reached) break;
    let buddyType = migratetype;
    if (reached >= PAGEBLOCK_ORDER) {
      buddyType = k.pageblock[buddy >> PAGEBLOCK_ORDER];
      // A reserve must not grow or shrink by merging.
      if (buddyType !== migratetype && (migratetype >= MIGRATE_PCPTYPES || buddyType >= MIGRATE_PCPTYPES))
        break;
    }
    unlinkBlock(k, zone, buddy, reached, buddyType);
    if (buddyType !== migratetype) setPageblocks(k, buddy, reached, migratetype);
    at &= ~(1 << reached);
    reached++;
  }
  // Where the block that this one would make with its buddy could join its own buddy too, waiting pays: the tail.
  let toTail = false;
  if (reached < MAX_PAGE_ORDER - 1) {
    const higher = ((at & ~(1 << reached)) ^ (1 << (reached + 1))) * PAGE_WORDS;
    toTail = page[higher] === mark && page[higher + PRIVATE] === reached + 1;
  }
  if (toTail) linkTail(k, zone, at, reached, migratetype);
  else linkHead(k, zone, at, reached, migratetype);
}

/** Puts a block at the head of its list: it is handed out next. */
export function linkHead(k: FrameState, zone: Zone, pfn: Pfn, order: number, migratetype: number): void {
  const page = k.page;
  const { freeHead, freeTail, freeCount } = k.zone;
  const list = (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + migratetype;
  const record = pfn * PAGE_WORDS;
  const first = freeHead[list];
  page[record + FLAGS] = (zone << PG_ZONE_SHIFT) | PG_buddy;
  page[record + PRIVATE] = order;
  page[record + PREV] = NONE;
  page[record + NEXT] = first;
  if (first === NONE) freeTail[list] = pfn;
  else page[first * PAGE_WORDS + PREV] = pfn;
  freeHead[list] = pfn;
  freeCount[list]++;
}

/** Puts a block at the tail of its list: it is handed out last. */
export function linkTail(k: FrameState, zone: Zone, pfn: Pfn, order: number, migratetype: number): void {
  const page = k.page;
  const { freeHead, freeTail, freeCount } = k.zone;
  // The untouched ranges stand behind the tail: a block that goes behind them makes them real first.
  if (order === MAX_PAGE_ORDER && migratetype === MIGRATE_MOVABLE) while (revealBlock(k, zone) !== NONE);
  const list = (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + migratetype;
  const record = pfn * PAGE_WORDS;
  const last = freeTail[list];
  page[record + FLAGS] = (zone << PG_ZONE_SHIFT) | PG_buddy;
  page[record + PRIVATE] = order;
  page[record + PREV] = last;
  page[record + NEXT] = NONE;
  if (last === NONE) freeHead[list] = pfn;
  else page[last * PAGE_WORDS + NEXT] = pfn;
  freeTail[list] = pfn;
  freeCount[list]++;
}

/** Takes a block off its list. Its record then holds nothing but its zone. */
export function unlinkBlock(k: FrameState, zone: Zone, pfn: Pfn, order: number, migratetype: number): void {
  const page = k.page;
  const list = (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + migratetype;
  const record = pfn * PAGE_WORDS;
  const previous = page[record + PREV];
  const next = page[record + NEXT];
  if (previous === NONE) k.zone.freeHead[list] = next;
  else page[previous * PAGE_WORDS + NEXT] = next;
  if (next === NONE) k.zone.freeTail[list] = previous;
  else page[next * PAGE_WORDS + PREV] = previous;
  k.zone.freeCount[list]--;
  page[record + FLAGS] = zone << PG_ZONE_SHIFT;
  page[record + PREV] = 0;
  page[record + NEXT] = 0;
  page[record + PRIVATE] = 0;
}

/** The block that is handed out next from a list, which stays on it, or NONE. */
export function firstBlock(k: FrameState, zone: Zone, order: number, migratetype: number): Pfn {
  const list = (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + migratetype;
  const first = k.zone.freeHead[list];
  if (first !== NONE || k.zone.freeCount[list] === 0) return first;
  return revealBlock(k, zone);
}

/**
 * Takes 2^order pages of one type from the smallest block that has them, or NONE. The pages' records hold nothing but
 * their zone, and only the first one's was looked at.
 * Linux: __rmqueue_smallest
 */
export function takeSmallest(k: FrameState, zone: Zone, order: number, migratetype: number): Pfn {
  const { freeCount } = k.zone;
  for (let high = order; high < NR_PAGE_ORDERS; high++) {
    if (freeCount[(zone * NR_PAGE_ORDERS + high) * MIGRATE_TYPES + migratetype] === 0) continue;
    const pfn = firstBlock(k, zone, high, migratetype);
    unlinkBlock(k, zone, pfn, high, migratetype);
    for (let half = high - 1; half >= order; half--) linkHead(k, zone, pfn + (1 << half), half, migratetype);
    accountFree(k, zone, -(1 << order), migratetype);
    return pfn;
  }
  return NONE;
}

/** Gives every pageblock of a block a type. */
export function setPageblocks(k: FrameState, pfn: Pfn, order: number, migratetype: number): void {
  const first = pfn >> PAGEBLOCK_ORDER;
  const nr = 1 << Math.max(0, order - PAGEBLOCK_ORDER);
  for (let block = first; block < first + nr; block++) k.pageblock[block] = migratetype;
}

/**
 * Moves the free pages of the pageblock around `pfn` to the tails of another type's lists, and gives the pageblock that
 * type. False when the zone does not have the whole pageblock; nothing has changed then.
 * Linux: move_freepages_block
 */
export function movePageblock(k: FrameState, zone: Zone, pfn: Pfn, newType: number): boolean {
  const first = pfn & ~(PAGEBLOCK_PAGES - 1);
  if (!zoneSpans(k.zone, zone, first) || !zoneSpans(k.zone, zone, first + PAGEBLOCK_PAGES - 1)) return false;
  const page = k.page;
  const oldType = k.pageblock[first >> PAGEBLOCK_ORDER];
  for (let at = first; at < first + PAGEBLOCK_PAGES; ) {
    const record = at * PAGE_WORDS;
    if ((page[record + FLAGS] & PG_buddy) === 0) {
      at++;
      continue;
    }
    const order = page[record + PRIVATE];
    unlinkBlock(k, zone, at, order, oldType);
    linkTail(k, zone, at, order, newType);
    accountFree(k, zone, -(1 << order), oldType);
    accountFree(k, zone, 1 << order, newType);
    at += 1 << order;
  }
  k.pageblock[first >> PAGEBLOCK_ORDER] = newType;
  return true;
}

/** Makes the zone's next untouched block a real one at the tail of its list, which has counted it since boot. NONE when there is none. */
function revealBlock(k: FrameState, zone: Zone): Pfn {
  const z = k.zone;
  const range = z.firstRange[zone];
  if (range === z.endRange[zone]) return NONE;
  const pfn = z.rangeStart[range] | 0;
  z.rangeStart[range] += MAX_ORDER_PAGES;
  if (z.rangeStart[range] === z.rangeEnd[range]) z.firstRange[zone]++;
  const list = freeList(zone, MAX_PAGE_ORDER, MIGRATE_MOVABLE);
  const record = pfn * PAGE_WORDS;
  const last = z.freeTail[list];
  k.page[record + FLAGS] = (zone << PG_ZONE_SHIFT) | PG_buddy;
  k.page[record + PRIVATE] = MAX_PAGE_ORDER;
  k.page[record + PREV] = last;
  if (last === NONE) z.freeHead[list] = pfn;
  else k.page[last * PAGE_WORDS + NEXT] = pfn;
  z.freeTail[list] = pfn;
  return pfn;
}

/**
 * Walks every free list. Invariants: blocks aligned, in their zone, of their pageblock's type below the pageblock order,
 * linked both ways; no two free buddies of one type apart; NR_FREE_PAGES and nrFreeHighatomic are what the lists have.
 */
export function checkBuddy(k: FrameState): void {
  for (let zone = 1; zone < k.zone.count; zone++) {
    let free = 0;
    let highatomic = 0;
    for (let order = 0; order < NR_PAGE_ORDERS; order++) {
      for (let type = 0; type < MIGRATE_TYPES; type++) {
        const blocks = checkFreeList(k, zone, order, type);
        if (type !== MIGRATE_ISOLATE) free += blocks * (1 << order);
        if (type === MIGRATE_HIGHATOMIC) highatomic += blocks * (1 << order);
      }
    }
    const counted = k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
    if (free !== counted)
      bug(`zone ${zone} (type ${zoneType(zone)}) counts ${counted} free pages and has ${free}`);
    if (highatomic !== k.zone.nrFreeHighatomic[zone])
      bug(`zone ${zone} counts its free atomic reserve wrong`);
  }
}

/** Walks one list; returns its blocks, untouched ones included. */
function checkFreeList(k: FrameState, zone: Zone, order: number, migratetype: number): number {
  const { page, zone: z } = k;
  const list = freeList(zone, order, migratetype);
  let blocks = 0;
  let previous = NONE;
  for (let pfn = z.freeHead[list]; pfn !== NONE; pfn = page[pfn * PAGE_WORDS + NEXT]) {
    const record = pfn * PAGE_WORDS;
    if (page[record + FLAGS] !== ((zone << PG_ZONE_SHIFT) | PG_buddy))
      bug(`frame ${pfn} is on a free list with flags ${page[record]}`);
    if (page[record + PRIVATE] !== order || page[record + PREV] !== previous)
      bug(`frame ${pfn} is linked wrongly on list ${list}`);
    if (page[record + REFCOUNT] !== 0) bug(`free frame ${pfn} has references`);
    if (k.ram.slot[pfn] !== NONE) bug(`free frame ${pfn} keeps contents`);
    if ((pfn & ((1 << order) - 1)) !== 0) bug(`frame ${pfn} is not aligned to order ${order}`);
    if (!zoneSpans(z, zone, pfn)) bug(`frame ${pfn} is on a list of zone ${zone}`);
    if (k.pageblock[pfn >> PAGEBLOCK_ORDER] !== migratetype)
      bug(`frame ${pfn} is on a list of type ${migratetype}`);
    const buddy = (pfn ^ (1 << order)) * PAGE_WORDS;
    const mayMerge = order < PAGEBLOCK_ORDER || (order < MAX_PAGE_ORDER && migratetype < MIGRATE_PCPTYPES);
    if (
      mayMerge &&
      page[buddy] === page[record] &&
      page[buddy + PRIVATE] === order &&
      sameKind(k, pfn, order)
    ) {
      bug(`frames ${pfn} and its buddy are both free at order ${order}`);
    }
    previous = pfn;
    blocks++;
  }
  if (z.freeTail[list] !== previous) bug(`list ${list} ends elsewhere`);
  if (order === MAX_PAGE_ORDER && migratetype === MIGRATE_MOVABLE) {
    for (let range = z.firstRange[zone]; range < z.endRange[zone]; range++) {
      blocks += (z.rangeEnd[range] - z.rangeStart[range]) / MAX_ORDER_PAGES;
    }
  }
  if (blocks !== z.freeCount[list]) bug(`list ${list} counts ${z.freeCount[list]} blocks and has ${blocks}`);
  return blocks;
}

/** True when the block's buddy may merge with it: below the pageblock order always, else when both types are ordinary. */
function sameKind(k: FrameState, pfn: Pfn, order: number): boolean {
  return order < PAGEBLOCK_ORDER || k.pageblock[(pfn ^ (1 << order)) >> PAGEBLOCK_ORDER] < MIGRATE_PCPTYPES;
}
