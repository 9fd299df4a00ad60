/**
 * Per-CPU page lists: in front of the buddy lists of each zone every CPU has lists of its own, for orders 0 to 3 by
 * migratetype and for 2 MiB pages. Most allocations and frees touch nothing else.
 *
 *   list 0..2   order 0: unmovable, movable, reclaimable      list 12  order 9, not movable
 *   list 3..11  orders 1, 2, 3 in the same way                list 13  order 9, movable
 *
 * Pages are freed to the head and allocated from the head: the page freed last is still in the cache. What is too much
 * goes back from the tail. A list has grown too long at `high`, which tunes itself between high_min (its share of the
 * low watermark) and high_max (its share of an eighth of the zone). Refills double while nothing is freed
 * (alloc_factor), and bulk frees grow with the pages freed since the last allocation (free_count): pcp-tune.ts.
 *
 * Invariant: PREV of a list's first page means nothing, so that taking it writes no other page's record.
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (percpu_pagelist_high_fraction)
 */
import { bug } from "../base/bug.ts";
import { emit, TRACE_MM_PAGE_FREE } from "../base/trace.ts";
import { NONE, type Pfn, type Zone } from "../base/types.ts";
import type { Machine } from "../hw/machine.ts";
import { dropSlot } from "../hw/ram.ts";
import { accountFree, clearPages, firstBlock, freePages, linkHead, unlinkBlock } from "./buddy.ts";
import { claimBlock, stealBlock } from "./fallback.ts";
import {
  BATCH_SCALE_MAX,
  BOOT_RUNNING_CPU,
  COSTLY_ORDER,
  HEAD_TO_TAIL,
  LOW_LISTS,
  MIGRATE_ISOLATE,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  MIGRATE_TYPES,
  NR_PAGE_ORDERS,
  NR_PCP_LISTS,
  PAGEBLOCK_ORDER,
  PCP_ALLOC_FACTOR,
  PCP_BATCH,
  PCP_COUNT,
  PCP_FLAGS,
  PCP_FREE_COUNT,
  PCP_FREED,
  PCP_HEAD,
  PCP_HIGH,
  PCP_TAIL,
  PCP_TAKEN,
  PCP_WORDS,
  PCP_ZONE_FLAGS,
  PCPF_FREE_HIGH_BATCH,
  PCPF_PREV_FREE_HIGH_ORDER,
} from "./mmzone.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  NEXT,
  PAGE_WORDS,
  PG_IN_USE,
  PG_pcp,
  PG_ZONE_SHIFT,
  PREV,
  PRIVATE,
  REFCOUNT,
} from "./page.ts";
import { pcpOrder, settleFree } from "./pcp-drain.ts";
import { nrToTake, pcpRow } from "./pcp-tune.ts";
import type { FrameState, PcpColumns, ZoneColumns } from "./state.ts";
import { NR_ZONE_ITEMS, NUMA_HIT, NUMA_LOCAL, PGALLOC_DMA, PGFREE } from "./vmstat.ts";
import { ALLOC_NOFRAGMENT } from "./watermark.ts";
import { zoneOf, zoneType } from "./zone.ts";

/** Counters of a row are folded at the latest when this bit of one is set. */
const FOLD_AT = 0x40000000;

/** Empty lists; high and batch are set by setupPageset. */
export function createPcp(machine: Machine, zones: ZoneColumns): PcpColumns {
  const nrRows = zones.count * machine.cpus;
  const rows = new Int32Array(nrRows * PCP_WORDS);
  for (let row = 0; row < nrRows; row++) rows[row * PCP_WORDS + PCP_BATCH] = 1;
  return { cpus: machine.cpus, rows };
}

/** True when blocks of this order have per-CPU lists. */
export function hasPcpList(order: number): boolean {
  return order <= COSTLY_ORDER || order === PAGEBLOCK_ORDER;
}

/** The list of an order and type. */
export function pcpList(migratetype: number, order: number): number {
  if (order > COSTLY_ORDER) return migratetype === MIGRATE_MOVABLE ? LOW_LISTS + 1 : LOW_LISTS;
  return order * MIGRATE_PCPTYPES + migratetype;
}

/**
 * Frees one page to the running CPU's list: nobody refers to it any more and nothing maps it. Its contents are gone and
 * its record is cleared. bug() when it is in use or free already.
 */
export function freePage(k: FrameState, pfn: Pfn): void {
  const { page, pcp } = k;
  const record = pfn * PAGE_WORDS;
  const flags = page[record];
  if ((flags & PG_IN_USE) !== 0 || page[record + MAPCOUNT] !== 0) freedInUse(k, pfn);
  // Only a page that never came from allocPage (boot frees some) does not know its zone.
  const zone = flags >>> PG_ZONE_SHIFT !== NONE ? flags >>> PG_ZONE_SHIFT : zoneOf(k, pfn);
  let migratetype: number = k.pageblock[pfn >> PAGEBLOCK_ORDER];
  if (migratetype >= MIGRATE_PCPTYPES) {
    if (migratetype === MIGRATE_ISOLATE) {
      freePages(k, pfn, 0);
      return;
    }
    // The atomic reserve's pages go with the movable ones, whose list is the one that is drained most.
    migratetype = MIGRATE_MOVABLE;
  }
  if (k.ram.slot[pfn] !== NONE) dropSlot(k, pfn);
  const rows = pcp.rows;
  const row = (zone * pcp.cpus + (k.boot[BOOT_RUNNING_CPU] | 0)) * PCP_WORDS;
  const list = row + PCP_HEAD + migratetype;
  const first = rows[list];
  page[record] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  page[record + REFCOUNT] = 0;
  page[record + NEXT] = first;
  page[record + MAPPING] = 0;
  page[record + INDEX] = 0;
  page[record + PRIVATE] = 0;
  if (first === NONE) rows[list + HEAD_TO_TAIL] = pfn;
  else page[first * PAGE_WORDS + PREV] = pfn;
  rows[list] = pfn;
  // A free is a sign that fewer pages have to be fetched at a time.
  rows[row + PCP_ALLOC_FACTOR] >>= 1;
  const nrPages = rows[row + PCP_COUNT] + 1;
  rows[row + PCP_COUNT] = nrPages;
  const nrFreed = rows[row + PCP_FREED] + 1;
  rows[row + PCP_FREED] = nrFreed;
  if (rows[row + PCP_FREE_COUNT] < rows[row + PCP_BATCH] << BATCH_SCALE_MAX) rows[row + PCP_FREE_COUNT]++;
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_FREE)) !== 0) emit(k, TRACE_MM_PAGE_FREE, pfn, 0, 0);
  // One test for everything rare: a list too long, a zone short of memory, a counter about to overflow.
  const special =
    rows[row + PCP_ZONE_FLAGS] | (rows[row + PCP_FLAGS] & PCPF_PREV_FREE_HIGH_ORDER) | (nrFreed & FOLD_AT);
  if (nrPages >= rows[row + PCP_HIGH] || special !== 0) {
    rows[row + PCP_FLAGS] &= ~PCPF_PREV_FREE_HIGH_ORDER;
    if ((nrFreed & FOLD_AT) !== 0) foldPcp(k);
    settleFree(k, zone, row, migratetype, false);
  }
}

/** Frees the first `count` pages of the array, in order, each as freePage does. */
export function freePageList(k: FrameState, pfns: Int32Array, count: number): void {
  let done = 0;
  while (done < count) {
    done += pushRun(k, pfns, done, count);
    // The page after a run is the one that differs, or that makes the list too long.
    if (done < count) freePage(k, pfns[done++]);
  }
}

/**
 * Pushes pages from number `from` on to their list, as many as are alike (zone, type, no contents of their own) and as
 * it takes before freePage would have anything else to do. Returns how many; 0 when already the first is no such page.
 */
function pushRun(k: FrameState, pfns: Int32Array, from: number, count: number): number {
  const { page, pageblock, pcp } = k;
  const { slot } = k.ram;
  const rows = pcp.rows;
  const zone = page[pfns[from] * PAGE_WORDS] >>> PG_ZONE_SHIFT;
  const migratetype = pageblock[pfns[from] >> PAGEBLOCK_ORDER];
  const row = (zone * pcp.cpus + (k.boot[BOOT_RUNNING_CPU] | 0)) * PCP_WORDS;
  const special =
    rows[row + PCP_ZONE_FLAGS] | (rows[row + PCP_FLAGS] & PCPF_PREV_FREE_HIGH_ORDER) | k.trace.mask[0];
  if (zone === NONE || migratetype >= MIGRATE_PCPTYPES || special !== 0) return 0;
  const room = Math.min(
    count - from,
    rows[row + PCP_HIGH] - rows[row + PCP_COUNT] - 1,
    FOLD_AT - rows[row + PCP_FREED] - 1,
  );
  const list = row + PCP_HEAD + migratetype;
  const mark = (zone << PG_ZONE_SHIFT) | PG_pcp;
  let first = rows[list];
  let pushed = 0;
  while (pushed < room) {
    const pfn = pfns[from + pushed];
    const record = pfn * PAGE_WORDS;
    const flags = page[record];
    if (flags >>> PG_ZONE_SHIFT !== zone || pageblock[pfn >> PAGEBLOCK_ORDER] !== migratetype) break;
    if ((flags & PG_IN_USE) !== 0 || page[record + MAPCOUNT] !== 0 || slot[pfn] !== NONE) break;
    page[record] = mark;
    page[record + REFCOUNT] = 0;
    page[record + NEXT] = first;
    page[record + MAPPING] = 0;
    page[record + INDEX] = 0;
    page[record + PRIVATE] = 0;
    if (first === NONE) rows[list + HEAD_TO_TAIL] = pfn;
    else page[first * PAGE_WORDS + PREV] = pfn;
    first = pfn;
    pushed++;
  }
  rows[list] = first;
  rows[row + PCP_COUNT] += pushed;
  rows[row + PCP_FREED] += pushed;
  rows[row + PCP_ALLOC_FACTOR] >>= Math.min(pushed, 31);
  const most = rows[row + PCP_BATCH] << BATCH_SCALE_MAX;
  if (rows[row + PCP_FREE_COUNT] < most)
    rows[row + PCP_FREE_COUNT] = Math.min(rows[row + PCP_FREE_COUNT] + pushed, most);
  return pushed;
}

/** Frees 2^order pages to the running CPU's list, or to the buddy lists where the order has none (Linux: free_unref_page). */
export function freeUnref(k: FrameState, pfn: Pfn, order: number): void {
  if (order === 0) {
    freePage(k, pfn);
    return;
  }
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_FREE)) !== 0) emit(k, TRACE_MM_PAGE_FREE, pfn, order, 0);
  if ((k.page[pfn * PAGE_WORDS] & PG_IN_USE) !== 0) freedInUse(k, pfn);
  let migratetype: number = k.pageblock[pfn >> PAGEBLOCK_ORDER];
  if (!hasPcpList(order) || migratetype === MIGRATE_ISOLATE) {
    freePages(k, pfn, order);
    return;
  }
  if (migratetype >= MIGRATE_PCPTYPES) migratetype = MIGRATE_MOVABLE;
  const zone = zoneOf(k, pfn);
  clearPages(k, pfn, order, zone);
  const rows = k.pcp.rows;
  const row = pcpRow(k, zone, k.boot[BOOT_RUNNING_CPU]);
  const list = pcpList(migratetype, order);
  pushHead(k, row + PCP_HEAD + list, zone, pfn);
  rows[row + PCP_ALLOC_FACTOR] >>= 1;
  k.vmstat.event[PGFREE] += 1 << order;
  rows[row + PCP_COUNT] += 1 << order;
  let freeHigh = false;
  if (order <= COSTLY_ORDER) {
    // Blocks of a few pages fragment memory when they pile up: a CPU that only frees them gives them back.
    freeHigh =
      rows[row + PCP_FREE_COUNT] >= rows[row + PCP_BATCH] &&
      (rows[row + PCP_FLAGS] & PCPF_PREV_FREE_HIGH_ORDER) !== 0 &&
      ((rows[row + PCP_FLAGS] & PCPF_FREE_HIGH_BATCH) === 0 ||
        rows[row + PCP_COUNT] >= rows[row + PCP_BATCH]);
    rows[row + PCP_FLAGS] |= PCPF_PREV_FREE_HIGH_ORDER;
  } else {
    rows[row + PCP_FLAGS] &= ~PCPF_PREV_FREE_HIGH_ORDER;
  }
  if (rows[row + PCP_FREE_COUNT] < rows[row + PCP_BATCH] << BATCH_SCALE_MAX)
    rows[row + PCP_FREE_COUNT] += 1 << order;
  settleFree(k, zone, row, list, freeHigh);
}

/**
 * Takes 2^order pages from the running CPU's list, which is filled from the buddy lists when empty. NONE when the zone
 * has none. The records hold the zone and nothing else.
 * Linux: rmqueue_pcplist
 */
export function takePcp(
  k: FrameState,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
): Pfn {
  const rows = k.pcp.rows;
  const row = pcpRow(k, zone, k.boot[BOOT_RUNNING_CPU]);
  const list = row + PCP_HEAD + pcpList(migratetype, order);
  rows[row + PCP_FREE_COUNT] >>= 1;
  if (rows[list] === NONE) {
    refillPcp(k, zone, order, migratetype, allocFlags);
    if (rows[list] === NONE) return NONE;
  }
  const pfn = rows[list];
  const record = pfn * PAGE_WORDS;
  rows[list] = k.page[record + NEXT];
  if (rows[list] === NONE) rows[list + HEAD_TO_TAIL] = NONE;
  rows[row + PCP_COUNT] -= 1 << order;
  k.page[record + FLAGS] = zone << PG_ZONE_SHIFT;
  k.page[record + PREV] = 0;
  k.page[record + NEXT] = 0;
  return pfn;
}

/** Fills the running CPU's empty list with as many blocks as nr_pcp_alloc asks for, or as the zone has. */
export function refillPcp(
  k: FrameState,
  zone: Zone,
  order: number,
  migratetype: number,
  allocFlags: number,
): void {
  const rows = k.pcp.rows;
  const row = pcpRow(k, zone, k.boot[BOOT_RUNNING_CPU]);
  const list = row + PCP_HEAD + pcpList(migratetype, order);
  const wanted = nrToTake(k, zone, row, order);
  let taken = 0;
  let isStealing = false;
  while (taken < wanted) {
    if (!isStealing) {
      const run = takeRun(k, zone, list, order, { migratetype, most: wanted - taken });
      if (run > 0) {
        taken += run;
        continue;
      }
    }
    // A claimed pageblock refills the type's own lists, so the next round looks there again; a stolen page does not.
    let pfn = isStealing ? NONE : claimBlock(k, zone, order, migratetype, allocFlags);
    if (pfn === NONE) {
      if ((allocFlags & ALLOC_NOFRAGMENT) !== 0) break;
      pfn = stealBlock(k, zone, order, migratetype);
      if (pfn === NONE) break;
      isStealing = true;
    }
    pushTail(k, list, zone, pfn);
    taken++;
  }
  rows[row + PCP_COUNT] += taken << order;
}

/**
 * Walks every per-CPU list. Invariants: pages marked PG_pcp with nothing else in their records, in the zone, linked both
 * ways; count is the number of pages on the lists.
 */
export function checkPcp(k: FrameState): void {
  const { page } = k;
  const { rows, cpus } = k.pcp;
  for (let row = 0; row < rows.length; row += PCP_WORDS) {
    const zone = Math.floor(row / (PCP_WORDS * cpus));
    let pages = 0;
    for (let list = 0; list < NR_PCP_LISTS; list++) {
      let previous = NONE;
      for (let pfn = rows[row + PCP_HEAD + list]; pfn !== NONE; pfn = page[pfn * PAGE_WORDS + NEXT]) {
        const record = pfn * PAGE_WORDS;
        if (page[record] !== ((zone << PG_ZONE_SHIFT) | PG_pcp))
          bug(`frame ${pfn} is on a per-CPU list with flags ${page[record]}`);
        if (previous !== NONE && page[record + PREV] !== previous)
          bug(`frame ${pfn} is linked wrongly on a per-CPU list`);
        if (page[record + REFCOUNT] !== 0 || page[record + MAPPING] !== 0 || page[record + PRIVATE] !== 0)
          bug(`frame ${pfn} is free and in use`);
        if (k.ram.slot[pfn] !== NONE) bug(`frame ${pfn} on a per-CPU list keeps contents`);
        previous = pfn;
        pages += 1 << pcpOrder(list);
      }
      if (rows[row + PCP_TAIL + list] !== previous)
        bug(`per-CPU list ${list} of zone ${zone} ends elsewhere`);
    }
    if (pages !== rows[row + PCP_COUNT])
      bug(`zone ${zone} counts ${rows[row + PCP_COUNT]} per-CPU pages and has ${pages}`);
  }
}

/** Adds what CPUs took and freed since the last time to pgalloc_*, pgfree and numa_*. Readers of those call it first. */
export function foldPcp(k: FrameState): void {
  const { rows, cpus } = k.pcp;
  const items = k.vmstat.zone;
  for (let row = cpus * PCP_WORDS; row < rows.length; row += PCP_WORDS) {
    const zone = Math.floor(row / (PCP_WORDS * cpus));
    const taken = rows[row + PCP_TAKEN];
    k.vmstat.event[PGALLOC_DMA + zoneType(zone)] += taken;
    items[zone * NR_ZONE_ITEMS + NUMA_HIT] += taken;
    items[zone * NR_ZONE_ITEMS + NUMA_LOCAL] += taken;
    k.vmstat.event[PGFREE] += rows[row + PCP_FREED];
    rows[row + PCP_TAKEN] = 0;
    rows[row + PCP_FREED] = 0;
  }
}

function freedInUse(k: FrameState, pfn: Pfn): never {
  const record = pfn * PAGE_WORDS;
  bug(
    `frame ${pfn} is freed while in use: flags 0x${(k.page[record] >>> 0).toString(16)}, mapcount ${k.page[record + MAPCOUNT]}`,
  );
}

/**
 * Takes the smallest block of the type and puts up to `most` pieces of 2^order pages, in order of address, at the tail of
 * the list; the rest of the block goes back. The same as taking them one by one, because every piece after the first
 * comes out of the same block until it is used up. Returns the pieces taken.
 */
function takeRun(
  k: FrameState,
  zone: Zone,
  list: number,
  order: number,
  want: { migratetype: number; most: number },
): number {
  const { migratetype, most } = want;
  const { freeCount } = k.zone;
  let high = order;
  while (freeCount[(zone * NR_PAGE_ORDERS + high) * MIGRATE_TYPES + migratetype] === 0)
    if (++high === NR_PAGE_ORDERS) return 0;
  const block = firstBlock(k, zone, high, migratetype);
  unlinkBlock(k, zone, block, high, migratetype);
  const pieces = Math.min(most, 1 << (high - order));
  const end = block + (pieces << order);
  // What is left over is the tail of the block, cut into the largest aligned pieces, smallest first.
  for (let at = end, half = order; at < block + (1 << high); half++) {
    if (((at - block) & (1 << half)) === 0) continue;
    linkHead(k, zone, at, half, migratetype);
    at += 1 << half;
  }
  accountFree(k, zone, -(pieces << order), migratetype);
  const { page } = k;
  const rows = k.pcp.rows;
  const mark = (zone << PG_ZONE_SHIFT) | PG_pcp;
  let last = rows[list + HEAD_TO_TAIL];
  for (let pfn = block; pfn < end; pfn += 1 << order) {
    const record = pfn * PAGE_WORDS;
    page[record] = mark;
    page[record + PREV] = last;
    if (last === NONE) rows[list] = pfn;
    else page[last * PAGE_WORDS + NEXT] = pfn;
    last = pfn;
  }
  page[last * PAGE_WORDS + NEXT] = NONE;
  rows[list + HEAD_TO_TAIL] = last;
  return pieces;
}

/** Puts a block at the head of a per-CPU list. */
function pushHead(k: FrameState, list: number, zone: Zone, pfn: Pfn): void {
  const rows = k.pcp.rows;
  const first = rows[list];
  k.page[pfn * PAGE_WORDS] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  k.page[pfn * PAGE_WORDS + NEXT] = first;
  if (first === NONE) rows[list + HEAD_TO_TAIL] = pfn;
  else k.page[first * PAGE_WORDS + PREV] = pfn;
  rows[list] = pfn;
}

/** Puts a block at the tail of a per-CPU list. */
function pushTail(k: FrameState, list: number, zone: Zone, pfn: Pfn): void {
  const rows = k.pcp.rows;
  const last = rows[list + HEAD_TO_TAIL];
  k.page[pfn * PAGE_WORDS] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  k.page[pfn * PAGE_WORDS + PREV] = last;
  k.page[pfn * PAGE_WORDS + NEXT] = NONE;
  if (last === NONE) rows[list] = pfn;
  else k.page[last * PAGE_WORDS + NEXT] = pfn;
  rows[list + HEAD_TO_TAIL] = pfn;
}
