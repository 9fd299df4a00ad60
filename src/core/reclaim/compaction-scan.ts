/**
 * The two scanners of compaction. One goes up through the zone and takes used pages off their lists, the other comes down
 * and takes free pages off the buddy's; where they meet, the zone is done.
 *
 *   [u u . u][. u . .] ...            ... [. . u .][. . . .]        u: used, movable    .: free
 *    migrate scanner -->                      <-- free scanner
 *
 * Pageblocks where a scanner found nothing are marked to be skipped, until kswapd goes to sleep or all has failed often.
 * Differs: what looks through the free lists for a better place to begin is not there (fast_find_migrateblock,
 * fast_isolate_freepages); frames that nobody has touched since boot are passed over by pageblock.
 * Linux: mm/compaction.c (6.12)   Doc: Documentation/mm/page_migration.rst
 */
import type { Pfn, Zone } from "../base/types.ts";
import { accountFree, movePageblock, unlinkBlock } from "../frame/buddy.ts";
import {
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER,
  PAGEBLOCK_PAGES,
} from "../frame/mmzone.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_buddy,
  PG_lru,
  PG_swapcache,
  PG_writeback,
  PG_ZONE_SHIFT,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import { COMPACTISOLATED } from "../frame/vmstat.ts";
import { zoneWatermarkOk } from "../frame/watermark.ts";
import { zoneSpans } from "../frame/zone.ts";
import { __GFP_FS } from "./gfp.ts";
import { isolateToMove, MIGRATE_ASYNC, MIGRATE_SYNC, putBack } from "./migrate.ts";
import type { ReclaimState } from "./state.ts";

/** Pages that are isolated before they are moved. */
const CLUSTER_PAGES = 32;

/** One run of compaction on a zone (Linux: struct compact_control). */
export interface CompactControl {
  readonly zone: Zone;
  /** Order wanted, or -1: as large as can be, because an operator says so. */
  readonly order: number;
  readonly gfp: number;
  readonly migratetype: number;
  /** MIGRATE_* of migrate.ts. */
  readonly mode: number;
  /** For the watermark that the allocation would need: ALLOC_* and the highest zone type. */
  readonly flags: number;
  readonly highest: number;
  /** An allocation waits for it. */
  readonly isDirect: boolean;
  wholeZone: boolean;
  readonly ignoresSkip: boolean;
  /** Free pages are taken from pageblocks of any type. */
  readonly ignoresType: boolean;
  /** Where the scanners are. */
  migratePfn: Pfn;
  freePfn: Pfn;
  /** Pages isolated: used ones, the last first to be moved; free blocks by order. */
  readonly used: Pfn[];
  readonly free: Pfn[][];
  nrUsed: number;
  nrFree: number;
  usedScanned: number;
  freeScanned: number;
  /** The pageblock is to be scanned to its end. */
  finishesBlock: boolean;
}

/** A run that has not begun. */
export function createCompact(
  request: Pick<CompactControl, "zone" | "order" | "gfp" | "migratetype" | "mode"> & Partial<CompactControl>,
): CompactControl {
  return {
    flags: 0,
    highest: 0,
    isDirect: false,
    wholeZone: false,
    ignoresSkip: false,
    ignoresType: false,
    migratePfn: 0,
    freePfn: 0,
    used: [],
    free: Array.from({ length: NR_PAGE_ORDERS }, () => []),
    nrUsed: 0,
    nrFree: 0,
    usedScanned: 0,
    freeScanned: 0,
    finishesBlock: false,
    ...request,
  };
}

/** The first frame of the pageblock around one. */
export function pageblockStart(pfn: Pfn): Pfn {
  return Math.floor(pfn / PAGEBLOCK_PAGES) * PAGEBLOCK_PAGES;
}

/** The first frame behind the zone. */
export function zoneEnd(k: ReclaimState, zone: Zone): Pfn {
  return k.zone.startPfn[zone] + k.zone.spannedPages[zone];
}

/** Whether the scanners have met (Linux: compact_scanners_met). */
export function haveMet(c: CompactControl): boolean {
  return Math.floor(c.freePfn / PAGEBLOCK_PAGES) <= Math.floor(c.migratePfn / PAGEBLOCK_PAGES);
}

/** Isolates used pages of the next pageblock that has some. Returns whether there are any to move (Linux: isolate_migratepages). */
export function isolateUsed(k: ReclaimState, c: CompactControl): boolean {
  let low = c.migratePfn;
  let end = pageblockStart(low) + PAGEBLOCK_PAGES;
  for (; end <= c.freePfn; low = end, c.migratePfn = low, end += PAGEBLOCK_PAGES) {
    const start = Math.max(pageblockStart(low), k.zone.startPfn[c.zone]);
    if (!isInZone(k, c.zone, start, end)) continue;
    const isAtStart = low === pageblockStart(low) || low === k.zone.startPfn[c.zone];
    if (isAtStart && !c.ignoresSkip && isSkipped(k, start)) continue;
    if (!isSource(k, c, start)) {
      cacheMigrate(k, c, end);
      continue;
    }
    isolateUsedBlock(k, c, low, end);
    break;
  }
  return c.used.length > 0;
}

/** A free page for a page to be moved to, isolating more where there is none. Returns it with one reference, or 0. */
export function takeTarget(k: ReclaimState, c: CompactControl): Pfn {
  let order = c.free.findIndex((blocks) => blocks.length > 0);
  if (order < 0) {
    isolateFree(k, c);
    order = c.free.findIndex((blocks) => blocks.length > 0);
    if (order < 0) return 0;
  }
  const pfn = c.free[order]!.shift()!;
  // The first page is taken; what is behind it becomes smaller blocks.
  while (order > 0) {
    order--;
    c.free[order]!.unshift(pfn + (1 << order));
  }
  k.page[pfn * PAGE_WORDS + REFCOUNT] = 1;
  c.nrFree--;
  c.nrUsed--;
  return pfn;
}

/** A page that nothing could be moved to is the next to be tried. */
export function giveTarget(k: ReclaimState, c: CompactControl, pfn: Pfn): void {
  k.page[pfn * PAGE_WORDS + REFCOUNT] = 0;
  c.free[0]!.unshift(pfn);
  c.nrFree++;
  c.nrUsed++;
}

/** Puts all isolated pages back that were not moved. */
export function putUsedBack(k: ReclaimState, c: CompactControl): void {
  for (let i = c.used.length - 1; i >= 0; i--) putBack(k, c.used[i]!);
  c.used.length = 0;
  c.nrUsed = 0;
}

/** Marks a pageblock to be skipped, or looks whether it is. */
export function setSkipped(k: ReclaimState, pfn: Pfn, isSkip: boolean): void {
  k.compaction.skip[Math.floor(pfn / PAGEBLOCK_PAGES)] = isSkip ? 1 : 0;
}

export function isSkipped(k: ReclaimState, pfn: Pfn): boolean {
  return k.compaction.skip[Math.floor(pfn / PAGEBLOCK_PAGES)] !== 0;
}

/** Whether the whole pageblock is the zone's (Linux: pageblock_pfn_to_page). */
function isInZone(k: ReclaimState, zone: Zone, start: Pfn, end: Pfn): boolean {
  return zoneSpans(k.zone, zone, start) && zoneSpans(k.zone, zone, end - 1);
}

/** Async direct compaction empties only pageblocks of the kind that is wanted (Linux: suitable_migration_source). */
function isSource(k: ReclaimState, c: CompactControl, start: Pfn): boolean {
  return (
    c.mode !== MIGRATE_ASYNC ||
    !c.isDirect ||
    k.pageblock[Math.floor(start / PAGEBLOCK_PAGES)] === c.migratetype
  );
}

/** Whether used pages may be moved into the pageblock (Linux: suitable_migration_target). */
function isTarget(k: ReclaimState, c: CompactControl, start: Pfn): boolean {
  const record = start * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  // Nobody has touched it since boot: it is free as a whole, or nothing but a hole.
  if (flags === 0) return false;
  if ((flags & PG_buddy) !== 0 && k.page[record + PRIVATE] >= (c.order > 0 ? c.order : PAGEBLOCK_ORDER))
    return false;
  return c.ignoresType || k.pageblock[Math.floor(start / PAGEBLOCK_PAGES)] === MIGRATE_MOVABLE;
}

/** Remembers how far the migrate scanner has come, for the next run (Linux: update_cached_migrate). */
function cacheMigrate(k: ReclaimState, c: CompactControl, pfn: Pfn): void {
  const { cachedMigrate } = k.compaction;
  const beyond = pageblockStart(pfn) + PAGEBLOCK_PAGES;
  const at = c.zone * 2;
  if (beyond > cachedMigrate[at]) cachedMigrate[at] = beyond;
  if (c.mode !== MIGRATE_ASYNC && beyond > cachedMigrate[at + 1]) cachedMigrate[at + 1] = beyond;
}

/** Isolates used pages of [from, end), which lies in one pageblock (Linux: isolate_migratepages_block). */
function isolateUsedBlock(k: ReclaimState, c: CompactControl, from: Pfn, end: Pfn): void {
  const { page } = k;
  // An async allocation wants one free block of its order: a page that stays spoils the whole of that block.
  const step = c.isDirect && c.mode === MIGRATE_ASYNC ? 1 << c.order : 0;
  const isWhole = from === pageblockStart(from) || from === k.zone.startPfn[c.zone];
  let nextSkip = step === 0 ? Number.POSITIVE_INFINITY : Math.floor(from / step + 1) * step;
  let isolated = 0;
  let isMarked = false;
  let low = from;
  for (; low < end; low++) {
    if (low >= nextSkip) {
      if (isolated > 0) break;
      nextSkip = Math.floor(low / step + 1) * step;
    }
    c.usedScanned++;
    const record = low * PAGE_WORDS;
    const flags = page[record + FLAGS];
    if ((flags & PG_buddy) !== 0 || (flags === 0 && low === pageblockStart(low))) {
      const pages = flags === 0 ? end - low : 1 << page[record + PRIVATE];
      low += pages - 1;
      c.usedScanned += pages - 1;
      continue;
    }
    if (mayIsolate(k, c, low)) {
      if (!isMarked && isWhole) {
        isMarked = true;
        const wasSkipped = !c.ignoresSkip && isSkipped(k, from);
        if (!c.ignoresSkip) setSkipped(k, from, true);
        if (wasSkipped && !c.finishesBlock) {
          low = end;
          break;
        }
      }
      isolateToMove(k, low);
      c.used.push(low);
      c.nrUsed++;
      isolated++;
      if (c.nrUsed >= CLUSTER_PAGES && !c.finishesBlock) {
        low++;
        break;
      }
      continue;
    }
    if (step === 0) continue;
    if (isolated > 0) {
      putUsedBack(k, c);
      isolated = 0;
    }
    if (low < nextSkip) {
      low = nextSkip - 1;
      nextSkip += step;
    }
  }
  low = Math.min(low, end);
  if (low === end && (isolated === 0 || c.finishesBlock)) {
    if (isWhole && !isMarked) setSkipped(k, from, true);
    cacheMigrate(k, c, low);
  }
  k.vmstat.event[COMPACTISOLATED] += isolated;
  c.migratePfn = low;
}

/** Whether the page is on a list, and nothing is seen that would keep it from being moved. */
function mayIsolate(k: ReclaimState, c: CompactControl, pfn: Pfn): boolean {
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS];
  if ((flags & PG_lru) === 0) return false;
  const hasMapping = (flags & PG_swapcache) !== 0 || (page[record + MAPPING] & 1) === 0;
  if (!hasMapping && page[record + REFCOUNT] > page[record + MAPCOUNT]) return false;
  if (hasMapping && (c.gfp & __GFP_FS) === 0) return false;
  return c.mode === MIGRATE_SYNC || (flags & PG_writeback) === 0;
}

/** Isolates as many free pages as there are used ones to move (Linux: isolate_freepages). */
function isolateFree(k: ReclaimState, c: CompactControl): void {
  const { cachedFree } = k.compaction;
  let from = c.freePfn;
  let start = pageblockStart(from);
  let end = Math.min(start + PAGEBLOCK_PAGES, zoneEnd(k, c.zone));
  const lowest = pageblockStart(c.migratePfn) + PAGEBLOCK_PAGES;
  let stride = c.mode === MIGRATE_ASYNC ? CLUSTER_PAGES : 1;
  for (; start >= lowest; end = start, start -= PAGEBLOCK_PAGES, from = start) {
    if (!isInZone(k, c.zone, start, end) || !isTarget(k, c, start)) continue;
    if (!c.ignoresSkip && isSkipped(k, start)) continue;
    const before = c.nrFree;
    from = isolateFreeBlock(k, c, from, end, stride);
    if (from === end) {
      setSkipped(k, start, true);
      cachedFree[c.zone] = Math.min(cachedFree[c.zone], start - PAGEBLOCK_PAGES);
    }
    if (c.nrFree >= c.nrUsed) {
      if (from >= end) from = start - PAGEBLOCK_PAGES;
      break;
    }
    if (from < end) break;
    stride = c.nrFree > before ? 1 : Math.min(CLUSTER_PAGES, stride * 2);
  }
  c.freePfn = from;
}

/** Takes free blocks of [from, end) until there are enough. Returns where it ended (Linux: isolate_freepages_block). */
function isolateFreeBlock(k: ReclaimState, c: CompactControl, from: Pfn, end: Pfn, stride: number): Pfn {
  const { page } = k;
  const before = c.nrFree;
  let pfn = from;
  for (; pfn < end; pfn += stride) {
    c.freeScanned++;
    const record = pfn * PAGE_WORDS;
    if ((page[record + FLAGS] & PG_buddy) === 0) continue;
    const order = page[record + PRIVATE];
    if (!takeFreeBlock(k, c.zone, pfn, order)) break;
    c.free[order]!.push(pfn);
    c.nrFree += 1 << order;
    c.freeScanned += (1 << order) - 1;
    if (c.nrUsed <= c.nrFree) {
      pfn += 1 << order;
      break;
    }
    pfn += (1 << order) - 1;
  }
  k.vmstat.event[COMPACTISOLATED] += c.nrFree - before;
  return Math.min(pfn, end);
}

/** Takes a block out of the buddy as an allocation would. False: the zone's watermark forbids it (Linux: __isolate_free_page). */
function takeFreeBlock(k: ReclaimState, zone: Zone, pfn: Pfn, order: number): boolean {
  const mark = k.zone.watermarkMin[zone] + (1 << order);
  if (!zoneWatermarkOk(k, zone, 0, mark, { highest: 0, flags: 0 })) return false;
  const type = k.pageblock[pfn >> PAGEBLOCK_ORDER];
  unlinkBlock(k, zone, pfn, order, type);
  accountFree(k, zone, -(1 << order), type);
  // The other pages' records may never have been written.
  for (let at = pfn; at < pfn + (1 << order); at++) k.page[at * PAGE_WORDS + FLAGS] = zone << PG_ZONE_SHIFT;
  if (order >= PAGEBLOCK_ORDER - 1)
    for (let at = pfn; at < pfn + (1 << order) - 1; at += PAGEBLOCK_PAGES) {
      const other = k.pageblock[at >> PAGEBLOCK_ORDER];
      if (other < MIGRATE_PCPTYPES && other !== MIGRATE_MOVABLE) movePageblock(k, zone, at, MIGRATE_MOVABLE);
    }
  return true;
}
