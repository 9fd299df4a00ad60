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
 * (alloc_factor), and bulk frees grow with the pages freed since the last allocation (free_count).
 *
 * Invariant: PREV of a list's first page means nothing, so that taking it writes no other page's record.
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (percpu_pagelist_high_fraction)
 */
import { bug } from "../base/bug.ts";
import { emit, TRACE_MM_PAGE_FREE } from "../base/trace.ts";
import { NONE, type Pfn, type Zone } from "../base/types.ts";
import type { Machine } from "../hw/machine.ts";
import { dropSlot } from "../hw/ram.ts";
import { accountFree, clearPages, firstBlock, freePages, linkBlock, mergeBlock, unlinkBlock } from "./buddy.ts";
import { claimBlock, stealBlock } from "./fallback.ts";
import {
  FLAGS, INDEX, MAPCOUNT, MAPPING, NEXT, PAGE_WORDS, PG_active, PG_buddy, PG_locked, PG_lru, PG_mlocked, PG_pcp, PG_reserved,
  PG_table, PG_unevictable, PG_writeback, PG_ZONE_SHIFT, PREV, PRIVATE, REFCOUNT,
} from "./page.ts";
import type { FrameState, PcpColumns, ZoneColumns } from "./state.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS, PGFREE } from "./vmstat.ts";
import { ALLOC_NOFRAGMENT, ALLOC_WMARK_HIGH, ALLOC_WMARK_LOW, watermark, zoneWatermarkOk } from "./watermark.ts";
import {
  BOOT_RUNNING_CPU, MIGRATE_HIGHATOMIC, MIGRATE_ISOLATE, MIGRATE_MOVABLE, MIGRATE_PCPTYPES, MIGRATE_TYPES, NR_PAGE_ORDERS,
  PAGEBLOCK_ORDER, refreshFastLimit, ZONE_BELOW_HIGH, ZONE_MOVABLE, ZONE_RECLAIM_ACTIVE, zoneNode, zoneOf,
} from "./zone.ts";

/** Orders up to this have a list (Linux: PAGE_ALLOC_COSTLY_ORDER), and 2 MiB pages. */
export const COSTLY_ORDER = 3;
export const NR_PCP_LISTS = 14;
const LOW_LISTS = 12;
/** A refill or a drain is at most batch << 5 pages. */
export const BATCH_SCALE_MAX = 5;

/** Flags of a row: the last free was of several pages; the cache is large enough to keep a batch of those. */
export const PCPF_PREV_FREE_HIGH_ORDER = 1;
export const PCPF_FREE_HIGH_BATCH = 2;

/** A megabyte: the largest batch before it is quartered. */
const MOST_BATCH_PAGES = 256;
const HIGH_MAX_FRACTION = 8;

/** A page with one of these flags, or mapped, is in use: freeing it is our mistake. */
const IN_USE = PG_locked | PG_lru | PG_active | PG_writeback | PG_reserved | PG_unevictable | PG_mlocked | PG_buddy | PG_pcp | PG_table;

/** Empty lists; high and batch are set by setupPageset. */
export function createPcp(machine: Machine, zones: ZoneColumns): PcpColumns {
  const rows = zones.count * machine.cpus;
  return {
    cpus: machine.cpus,
    count: new Int32Array(rows),
    high: new Int32Array(rows),
    highMin: new Int32Array(rows),
    highMax: new Int32Array(rows),
    batch: new Int32Array(rows).fill(1),
    allocFactor: new Int32Array(rows),
    freeCount: new Int32Array(rows),
    flags: new Int32Array(rows),
    head: new Int32Array(rows * NR_PCP_LISTS),
    tail: new Int32Array(rows * NR_PCP_LISTS),
  };
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

/** The order of a list's blocks. */
export function pcpOrder(list: number): number {
  return list >= LOW_LISTS ? PAGEBLOCK_ORDER : Math.floor(list / MIGRATE_PCPTYPES);
}

/**
 * Frees one page to the running CPU's list: nobody refers to it any more and nothing maps it. Its contents are gone and
 * its record is cleared. bug() when it is in use or free already.
 */
export function freePage(k: FrameState, pfn: Pfn): void {
  const { page, ram } = k;
  const { head, count, freeCount, allocFactor, batch } = k.pcp;
  const record = pfn * PAGE_WORDS;
  const flags = page[record];
  if ((flags & IN_USE) !== 0 || page[record + MAPCOUNT] !== 0) freedInUse(k, pfn);
  const zone = flags >>> PG_ZONE_SHIFT !== NONE ? flags >>> PG_ZONE_SHIFT : zoneOf(k, pfn);
  let migratetype: number = k.pageblock[pfn >> PAGEBLOCK_ORDER];
  if (migratetype >= MIGRATE_PCPTYPES) {
    if (migratetype === MIGRATE_ISOLATE) {
      freePages(k, pfn, 0);
      return;
    }
    migratetype = MIGRATE_MOVABLE;
  }
  if (ram.slot[pfn] !== NONE) dropSlot(k, pfn);
  const row = zone * k.pcp.cpus + k.boot[BOOT_RUNNING_CPU];
  const list = row * NR_PCP_LISTS + migratetype;
  const first = head[list];
  page[record] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  page[record + REFCOUNT] = 0;
  page[record + NEXT] = first;
  page[record + MAPPING] = 0;
  page[record + INDEX] = 0;
  page[record + PRIVATE] = 0;
  if (first === NONE) k.pcp.tail[list] = pfn;
  else page[first * PAGE_WORDS + PREV] = pfn;
  head[list] = pfn;
  allocFactor[row] >>= 1;
  k.vmstat.event[PGFREE]++;
  const nrPages = ++count[row];
  if (freeCount[row] < batch[row] << BATCH_SCALE_MAX) freeCount[row]++;
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_FREE)) !== 0) emit(k.trace, TRACE_MM_PAGE_FREE, k.clock.ns[0], pfn, 0, 0);
  if (nrPages >= k.pcp.high[row] || (k.zone.flags[zone] | k.pcp.flags[row] & PCPF_PREV_FREE_HIGH_ORDER) !== 0) {
    k.pcp.flags[row] &= ~PCPF_PREV_FREE_HIGH_ORDER;
    settleFree(k, zone, row, migratetype, false);
  }
}

/** Frees the first `count` pages of the array, in order, each as freePage does. */
export function freePageList(k: FrameState, pfns: Int32Array, count: number): void {
  for (let i = 0; i < count; i++) freePage(k, pfns[i]);
}

/** Frees 2^order pages to the running CPU's list, or to the buddy lists where the order has none (Linux: free_unref_page). */
export function freeUnref(k: FrameState, pfn: Pfn, order: number): void {
  if (order === 0) {
    freePage(k, pfn);
    return;
  }
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_FREE)) !== 0) emit(k.trace, TRACE_MM_PAGE_FREE, k.clock.ns[0], pfn, order, 0);
  if ((k.page[pfn * PAGE_WORDS] & IN_USE) !== 0) freedInUse(k, pfn);
  let migratetype: number = k.pageblock[pfn >> PAGEBLOCK_ORDER];
  if (!hasPcpList(order) || migratetype === MIGRATE_ISOLATE) {
    freePages(k, pfn, order);
    return;
  }
  if (migratetype >= MIGRATE_PCPTYPES) migratetype = MIGRATE_MOVABLE;
  const zone = zoneOf(k, pfn);
  clearPages(k, pfn, order, zone);
  const p = k.pcp;
  const row = zone * p.cpus + k.boot[BOOT_RUNNING_CPU];
  const list = pcpList(migratetype, order);
  pushHead(k, row * NR_PCP_LISTS + list, zone, pfn);
  p.allocFactor[row] >>= 1;
  k.vmstat.event[PGFREE] += 1 << order;
  p.count[row] += 1 << order;
  let freeHigh = false;
  if (order <= COSTLY_ORDER) {
    // Blocks of a few pages fragment memory when they pile up: a CPU that only frees them gives them back.
    freeHigh =
      p.freeCount[row] >= p.batch[row] &&
      (p.flags[row] & PCPF_PREV_FREE_HIGH_ORDER) !== 0 &&
      ((p.flags[row] & PCPF_FREE_HIGH_BATCH) === 0 || p.count[row] >= p.batch[row]);
    p.flags[row] |= PCPF_PREV_FREE_HIGH_ORDER;
  } else {
    p.flags[row] &= ~PCPF_PREV_FREE_HIGH_ORDER;
  }
  if (p.freeCount[row] < p.batch[row] << BATCH_SCALE_MAX) p.freeCount[row] += 1 << order;
  settleFree(k, zone, row, list, freeHigh);
}

/**
 * Takes 2^order pages from the running CPU's list, which is filled from the buddy lists when empty. NONE when the zone
 * has none. The records hold the zone and nothing else.
 * Linux: rmqueue_pcplist
 */
export function takePcp(k: FrameState, zone: Zone, order: number, migratetype: number, allocFlags: number): Pfn {
  const p = k.pcp;
  const row = zone * p.cpus + k.boot[BOOT_RUNNING_CPU];
  const list = row * NR_PCP_LISTS + pcpList(migratetype, order);
  p.freeCount[row] >>= 1;
  if (p.head[list] === NONE) {
    refillPcp(k, zone, order, migratetype, allocFlags);
    if (p.head[list] === NONE) return NONE;
  }
  const pfn = p.head[list];
  const record = pfn * PAGE_WORDS;
  p.head[list] = k.page[record + NEXT];
  if (p.head[list] === NONE) p.tail[list] = NONE;
  p.count[row] -= 1 << order;
  k.page[record + FLAGS] = zone << PG_ZONE_SHIFT;
  k.page[record + PREV] = 0;
  k.page[record + NEXT] = 0;
  return pfn;
}

/** Fills the running CPU's empty list with as many blocks as nr_pcp_alloc asks for, or as the zone has. */
export function refillPcp(k: FrameState, zone: Zone, order: number, migratetype: number, allocFlags: number): void {
  const p = k.pcp;
  const row = zone * p.cpus + k.boot[BOOT_RUNNING_CPU];
  const list = row * NR_PCP_LISTS + pcpList(migratetype, order);
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
  p.count[row] += taken << order;
}

/** Gives every page on the CPU's lists of the zone back to the buddy lists. */
export function drainPcp(k: FrameState, zone: Zone, cpu: number): void {
  const row = zone * k.pcp.cpus + cpu;
  while (k.pcp.count[row] > 0) {
    freeBulk(k, zone, row, Math.min(k.pcp.count[row], k.pcp.batch[row] << BATCH_SCALE_MAX), 0);
  }
}

/** Gives every page on any CPU's lists back (Linux: drain_all_pages). */
export function drainAllPcp(k: FrameState): void {
  for (let cpu = 0; cpu < k.pcp.cpus; cpu++) for (let zone = 1; zone < k.zone.count; zone++) drainPcp(k, zone, cpu);
}

/** Lowers `high` of a CPU that no longer needs it and drains what is above; true when there is more to do next time. */
export function decayPcpHigh(k: FrameState, zone: Zone, cpu: number): boolean {
  const p = k.pcp;
  const row = zone * p.cpus + cpu;
  const highMin = p.highMin[row];
  let more = false;
  if (p.high[row] > highMin) {
    p.high[row] = Math.max(p.count[row] - (p.batch[row] << BATCH_SCALE_MAX), p.high[row] - (p.high[row] >> 3), highMin);
    more = p.high[row] > highMin;
  }
  for (let left = p.count[row] - p.high[row]; left > 0; left -= p.batch[row]) {
    freeBulk(k, zone, row, Math.min(left, p.batch[row]), 0);
    more = true;
  }
  return more;
}

/** Sets batch, high_min and high_max of every CPU for the zone, from its size and its low watermark. */
export function setupPageset(k: FrameState, zone: Zone): void {
  if (k.zone.presentPages[zone] === 0) return;
  const p = k.pcp;
  const managed = k.zone.managedPages[zone];
  const quarter = Math.max(1, Math.floor(Math.min(Math.floor(managed / 1024), MOST_BATCH_PAGES) / 4));
  const batch = Math.max(1, 2 ** Math.floor(Math.log2(quarter + Math.floor(quarter / 2))) - 1);
  const cpus = k.machine.nodes[zoneNode(zone)].cpus.length || p.cpus;
  const share = (pages: number): number => Math.max(Math.floor(pages / cpus), batch * 4);
  const fraction = k.knob.percpuPagelistHighFraction;
  const highMin = share(fraction === 0 ? watermark(k, zone, ALLOC_WMARK_LOW) : Math.floor(managed / fraction));
  const highMax = fraction === 0 ? share(Math.floor(managed / HIGH_MAX_FRACTION)) : highMin;
  for (let row = zone * p.cpus; row < (zone + 1) * p.cpus; row++) {
    p.batch[row] = batch;
    p.highMin[row] = highMin;
    p.highMax[row] = highMax;
    // Differs: Linux brings `high` into the new bounds when the list is used next.
    if (p.high[row] !== 0) p.high[row] = clamp(p.high[row], highMin, highMax);
    if (k.machine.cacheSliceBytes / 4096 > 3 * batch) p.flags[row] |= PCPF_FREE_HIGH_BATCH;
    else p.flags[row] &= ~PCPF_FREE_HIGH_BATCH;
  }
}

/**
 * Walks every per-CPU list. Invariants: pages marked PG_pcp with nothing else in their records, in the zone, linked both
 * ways; count is the number of pages on the lists.
 */
export function checkPcp(k: FrameState): void {
  const { page, pcp } = k;
  for (let row = 0; row < pcp.count.length; row++) {
    const zone = Math.floor(row / pcp.cpus);
    let pages = 0;
    for (let list = 0; list < NR_PCP_LISTS; list++) {
      const at = row * NR_PCP_LISTS + list;
      let previous = NONE;
      for (let pfn = pcp.head[at]; pfn !== NONE; pfn = page[pfn * PAGE_WORDS + NEXT]) {
        const record = pfn * PAGE_WORDS;
        if (page[record] !== ((zone << PG_ZONE_SHIFT) | PG_pcp)) bug(`frame ${pfn} is on a per-CPU list with flags ${page[record]}`);
        if (previous !== NONE && page[record + PREV] !== previous) bug(`frame ${pfn} is linked wrongly on a per-CPU list`);
        if (page[record + REFCOUNT] !== 0 || page[record + MAPPING] !== 0 || page[record + PRIVATE] !== 0) bug(`frame ${pfn} is free and in use`);
        if (k.ram.slot[pfn] !== NONE) bug(`frame ${pfn} on a per-CPU list keeps contents`);
        previous = pfn;
        pages += 1 << pcpOrder(list);
      }
      if (pcp.tail[at] !== previous) bug(`per-CPU list ${at} ends elsewhere`);
    }
    if (pages !== pcp.count[row]) bug(`per-CPU row ${row} counts ${pcp.count[row]} pages and has ${pages}`);
  }
}

function freedInUse(k: FrameState, pfn: Pfn): never {
  const record = pfn * PAGE_WORDS;
  bug(`frame ${pfn} is freed while in use: flags 0x${(k.page[record] >>> 0).toString(16)}, mapcount ${k.page[record + MAPCOUNT]}`);
}

/** After a free: adjusts high, and gives pages back when the lists have reached it. */
function settleFree(k: FrameState, zone: Zone, row: number, list: number, freeHigh: boolean): void {
  const p = k.pcp;
  const high = highAfterFree(k, zone, row, freeHigh);
  if (p.count[row] < high) return;
  const batch = p.batch[row];
  let nr: number;
  if (freeHigh) nr = Math.min(p.count[row], batch << BATCH_SCALE_MAX);
  else if (high < batch) nr = 1;
  else {
    const most = high - batch;
    nr = p.freeCount[row] < batch ? batch : p.freeCount[row] > most ? most : p.freeCount[row];
  }
  freeBulk(k, zone, row, nr, list);
  if ((k.zone.flags[zone] & ZONE_BELOW_HIGH) !== 0) {
    const mark = watermark(k, zone, ALLOC_WMARK_HIGH);
    if (zoneWatermarkOk(k, zone, 0, mark, { highest: ZONE_MOVABLE, flags: 0 })) {
      k.zone.flags[zone] &= ~ZONE_BELOW_HIGH;
      refreshFastLimit(k.zone, zone);
    }
  }
}

/** The length at which lists are too long, after tuning it (Linux: nr_pcp_high). */
function highAfterFree(k: FrameState, zone: Zone, row: number, freeHigh: boolean): number {
  const p = k.pcp;
  const min = p.highMin[row];
  const max = p.highMax[row];
  const batch = p.batch[row];
  const high = clamp(p.high[row], min, max);
  p.high[row] = high;
  if (high === 0) return 0;
  if (freeHigh) {
    p.high[row] = Math.max(high - (batch << BATCH_SCALE_MAX), min);
    return 0;
  }
  const flags = k.zone.flags[zone];
  if ((flags & ZONE_RECLAIM_ACTIVE) !== 0) {
    p.high[row] = Math.max(high - Math.max(p.freeCount[row], batch), min);
    return Math.min(batch << 2, p.high[row]);
  }
  if (min === max) return high;
  if ((flags & ZONE_BELOW_HIGH) !== 0) {
    p.high[row] = Math.max(high - Math.max(p.freeCount[row], batch), min);
    return Math.max(p.count[row], min);
  }
  if (p.count[row] >= high) {
    const needed = p.freeCount[row] + batch;
    if (high < needed) p.high[row] = clamp(needed, min, max);
  }
  return high;
}

/** Blocks to take from the buddy lists at once; raises high and the factor (Linux: nr_pcp_alloc). */
function nrToTake(k: FrameState, zone: Zone, row: number, order: number): number {
  const p = k.pcp;
  const base = p.batch[row];
  const min = p.highMin[row];
  const max = p.highMax[row];
  let high = clamp(p.high[row], min, max);
  p.high[row] = high;
  if (high < base) return 1;
  let batch = order === 0 ? base << p.allocFactor[row] : base;
  if (min !== max && (k.zone.flags[zone] & ZONE_BELOW_HIGH) === 0) {
    high = Math.min(high + batch, max);
    p.high[row] = high;
  }
  if (order === 0) {
    const most = Math.max(high - p.count[row] - base, base);
    if (batch <= most && p.allocFactor[row] < BATCH_SCALE_MAX) p.allocFactor[row]++;
    batch = Math.min(batch, most);
  }
  return batch > 1 ? Math.max(batch >> order, 2) : batch;
}

/**
 * Takes the smallest block of the type and puts up to `most` pieces of 2^order pages, in order of address, at the tail of
 * the list; the rest of the block goes back. The same as taking them one by one, because every piece after the first
 * comes out of the same block until it is used up. Returns the pieces taken.
 */
function takeRun(k: FrameState, zone: Zone, list: number, order: number, want: { migratetype: number; most: number }): number {
  const { migratetype, most } = want;
  const { freeCount } = k.zone;
  let high = order;
  while (freeCount[(zone * NR_PAGE_ORDERS + high) * MIGRATE_TYPES + migratetype] === 0) if (++high === NR_PAGE_ORDERS) return 0;
  const block = firstBlock(k, zone, high, migratetype);
  unlinkBlock(k, zone, block, high, migratetype);
  const pieces = Math.min(most, 1 << (high - order));
  const end = block + (pieces << order);
  // What is left over is the tail of the block, cut into the largest aligned pieces, smallest first.
  for (let at = end, half = order; at < block + (1 << high); half++) {
    if (((at - block) & (1 << half)) === 0) continue;
    linkBlock(k, zone, at, half, migratetype, false);
    at += 1 << half;
  }
  if (migratetype === MIGRATE_HIGHATOMIC) accountFree(k, zone, -(pieces << order), migratetype);
  else k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES] -= pieces << order;
  const { page } = k;
  const { head, tail } = k.pcp;
  const mark = (zone << PG_ZONE_SHIFT) | PG_pcp;
  let last = tail[list];
  for (let pfn = block; pfn < end; pfn += 1 << order) {
    const record = pfn * PAGE_WORDS;
    page[record] = mark;
    page[record + PREV] = last;
    if (last === NONE) head[list] = pfn;
    else page[last * PAGE_WORDS + NEXT] = pfn;
    last = pfn;
  }
  page[last * PAGE_WORDS + NEXT] = NONE;
  tail[list] = last;
  return pieces;
}

/** Gives `count` pages back from the tails of the lists in turn, `first` before the others (Linux: free_pcppages_bulk). */
function freeBulk(k: FrameState, zone: Zone, row: number, count: number, first: number): void {
  const p = k.pcp;
  const { page, pageblock } = k;
  let left = Math.min(p.count[row], count);
  let list = first - 1;
  let ordinary = 0;
  while (left > 0) {
    do {
      if (++list === NR_PCP_LISTS) list = 0;
    } while (p.head[row * NR_PCP_LISTS + list] === NONE);
    const at = row * NR_PCP_LISTS + list;
    const order = pcpOrder(list);
    do {
      const pfn = p.tail[at];
      const record = pfn * PAGE_WORDS;
      if (pfn === p.head[at]) {
        p.head[at] = NONE;
        p.tail[at] = NONE;
      } else {
        const previous = page[record + PREV];
        p.tail[at] = previous;
        page[previous * PAGE_WORDS + NEXT] = NONE;
      }
      left -= 1 << order;
      p.count[row] -= 1 << order;
      page[record + PREV] = 0;
      const migratetype = pageblock[pfn >> PAGEBLOCK_ORDER];
      if (migratetype < MIGRATE_PCPTYPES) ordinary += 1 << order;
      else accountFree(k, zone, 1 << order, migratetype);
      mergeBlock(k, zone, pfn, order, migratetype);
    } while (left > 0 && p.head[at] !== NONE);
  }
  k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES] += ordinary;
}

/** Puts a block at the head of a per-CPU list. */
function pushHead(k: FrameState, list: number, zone: Zone, pfn: Pfn): void {
  const { head, tail } = k.pcp;
  const first = head[list];
  k.page[pfn * PAGE_WORDS] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  k.page[pfn * PAGE_WORDS + NEXT] = first;
  if (first === NONE) tail[list] = pfn;
  else k.page[first * PAGE_WORDS + PREV] = pfn;
  head[list] = pfn;
}

/** Puts a block at the tail of a per-CPU list. */
function pushTail(k: FrameState, list: number, zone: Zone, pfn: Pfn): void {
  const { head, tail } = k.pcp;
  const last = tail[list];
  k.page[pfn * PAGE_WORDS] = (zone << PG_ZONE_SHIFT) | PG_pcp;
  k.page[pfn * PAGE_WORDS + PREV] = last;
  k.page[pfn * PAGE_WORDS + NEXT] = NONE;
  if (last === NONE) head[list] = pfn;
  else k.page[last * PAGE_WORDS + NEXT] = pfn;
  tail[list] = pfn;
}

function clamp(value: number, least: number, most: number): number {
  return value < least ? least : value > most ? most : value;
}
