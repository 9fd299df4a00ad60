/**
 * The swap cache: pages in memory that have a slot. A page is in it from the moment reclaim has found a slot for it until
 * it is freed, or until nobody refers to the slot any more and the page is wanted back alone.
 *
 *   out:  anonymous page -> addToSwap (dirty) -> unmapped -> submitSwapWrite -> write-back ends -> page freed, shadow left
 *   in:   slot -> addPageToCache (locked) -> startSwapRead -> read ends: uptodate, unlocked -> mapped
 *
 * The cache owns one reference of each of its pages. PRIVATE of such a page is its entry.
 * Linux: mm/swap_state.c, mm/page_io.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, type Pfn, type SwapEntry } from "../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  PAGE_WORDS,
  PG_dirty,
  PG_locked,
  PG_reclaim,
  PG_swapbacked,
  PG_swapcache,
  PG_uptodate,
  PG_writeback,
  PG_ZONE_SHIFT,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import {
  NR_FILE_PAGES,
  NR_SWAPCACHE,
  NR_WRITEBACK,
  NR_WRITTEN,
  NR_ZONE_ITEMS,
  NR_ZONE_WRITE_PENDING,
  PGPGIN,
  PGPGOUT,
  PSWPIN,
  PSWPOUT,
  SWPIN_ZERO,
  SWPOUT_ZERO,
} from "../frame/vmstat.ts";
import { CAUSE_IO_WAIT } from "../hw/clock.ts";
import { loadBlock, saveBlock } from "../hw/content.ts";
import { OP_READ, OP_WRITE } from "../hw/disk.ts";
import { sendPage } from "../hw/plug.ts";
import { setFill, WORDS_PER_PAGE } from "../hw/ram.ts";
import { putFolio } from "./folio.ts";
import { folioRotateReclaimable } from "./lruvec.ts";
import { countMemcgEvents, modLruvecState } from "./memcg-count.ts";
import { emptySwapNode, fillSwapNode } from "./node-slab.ts";
import type { SpaceState } from "./state.ts";
import {
  allocSwap,
  MAX_SWAPFILES,
  releaseSwapSlot,
  SLOT_BAD,
  SLOT_BLOCK,
  SLOT_COUNT,
  SLOT_PAGE,
  SLOT_REQUEST,
  SLOT_STATE,
  SLOT_WORDS,
  SLOT_ZERO,
  SLOTS_PER_AREA,
  SWAP_UNKNOWN_CONTENTS,
  SWP_SYNCHRONOUS_IO,
  SWP_USED,
  setSwapShadow,
  swapRecord,
  swapShadow,
  swapSlot,
} from "./swap.ts";
import { readZram, zramOfArea } from "./zram.ts";
import { hasZswap, noteDiskSwapin, zswapLoad } from "./zswap.ts";

/** What pgpgin and pgpgout count in. */
const SECTORS_PER_PAGE = 8;

/** Finds a slot for an anonymous page and puts it into the cache, dirty. False: there is no slot (Linux: add_to_swap). */
export function addToSwap(k: SpaceState, pfn: Pfn): boolean {
  const entry = allocSwap(k, pfn);
  if (entry === NONE) return false;
  addPageToCache(k, pfn, entry);
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_dirty;
  return true;
}

/** The page is the slot's from now on; the cache takes a reference of its own. */
export function addPageToCache(k: SpaceState, pfn: Pfn, entry: SwapEntry): void {
  const record = pfn * PAGE_WORDS;
  const at = swapRecord(k, entry);
  if (k.swap.slot[at + SLOT_PAGE] !== NONE) bug(`swap entry ${entry} is cached already`);
  if (swapShadow(k, at) === 0) fillSwapNode(k, at / SLOT_WORDS);
  k.swap.slot[at + SLOT_PAGE] = pfn;
  k.page[record + FLAGS] |= PG_swapcache | PG_swapbacked;
  k.page[record + PRIVATE] = entry;
  k.page[record + REFCOUNT]++;
  modLruvecState(k, pfn, NR_FILE_PAGES, 1);
  modLruvecState(k, pfn, NR_SWAPCACHE, 1);
}

/**
 * Takes the page out of the cache, leaving `shadow` (0: nothing). The cache's reference is the caller's. A slot that
 * nobody refers to is free then.
 */
export function deleteFromSwapCache(k: SpaceState, pfn: Pfn, shadow: number): void {
  const record = pfn * PAGE_WORDS;
  const entry = k.page[record + PRIVATE];
  const at = swapRecord(k, entry);
  setSwapShadow(k, at, shadow);
  k.swap.slot[at + SLOT_PAGE] = NONE;
  if (shadow === 0) emptySwapNode(k, at / SLOT_WORDS);
  k.page[record + FLAGS] &= ~PG_swapcache;
  k.page[record + PRIVATE] = NONE;
  modLruvecState(k, pfn, NR_FILE_PAGES, -1);
  modLruvecState(k, pfn, NR_SWAPCACHE, -1);
  if (k.swap.slot[at + SLOT_COUNT] === 0) releaseSwapSlot(k, entry);
}

/** The page in the cache, arrived or not, or NONE. */
export function findSwapCache(k: SpaceState, entry: SwapEntry): Pfn {
  return k.swap.slot[swapRecord(k, entry) + SLOT_PAGE];
}

/** Gives the page's slot back when nobody else refers to it; the page is dirty then. Linux's name for it is the same. */
export function folioFreeSwap(k: SpaceState, pfn: Pfn): boolean {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & PG_swapcache) === 0 || (flags & PG_writeback) !== 0) return false;
  if (k.swap.slot[swapRecord(k, k.page[record + PRIVATE]) + SLOT_COUNT] !== 0) return false;
  deleteFromSwapCache(k, pfn, 0);
  k.page[record + FLAGS] |= PG_dirty;
  putFolio(k, pfn);
  return true;
}

/** A page has lost a mapping: without any it is worth no slot that nobody else refers to (Linux: free_swap_cache). */
export function freeSwapCache(k: SpaceState, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & PG_swapcache) === 0 || (flags & PG_locked) !== 0 || k.page[record + MAPCOUNT] !== 0) return;
  folioFreeSwap(k, pfn);
}

/** The request under way for a page of the cache, or NONE. */
export function swapRequest(k: SpaceState, pfn: Pfn): number {
  return k.swap.slot[swapRecord(k, k.page[pfn * PAGE_WORDS + PRIVATE]) + SLOT_REQUEST];
}

/** Notes a page of the cache that is all zeros as such: there is nothing to write (Linux: swap_zeromap_folio_set). False: it is not. */
export function markSwapZeros(k: SpaceState, pfn: Pfn): boolean {
  const at = swapRecord(k, k.page[pfn * PAGE_WORDS + PRIVATE]);
  const s = k.swap;
  if (s.state[SWAP_UNKNOWN_CONTENTS] !== 0 || !isZeroFilled(k, pfn)) return false;
  s.slot[at + SLOT_STATE] |= SLOT_ZERO;
  k.vmstat.event[SWPOUT_ZERO]++;
  countMemcgEvents(k, k.pageMemcg[pfn], SWPOUT_ZERO, 1);
  return true;
}

/** Keeps the contents of a page of the cache with its slot. Returns false when the model's disk keeps no more: the page is to stay. */
export function keepSwapContents(k: SpaceState, pfn: Pfn): boolean {
  const at = swapRecord(k, k.page[pfn * PAGE_WORDS + PRIVATE]);
  const s = k.swap;
  const block = saveBlock(k, pfn, s.slot[at + SLOT_BLOCK]);
  if (block === NONE) return false;
  s.slot[at + SLOT_BLOCK] = block;
  s.slot[at + SLOT_STATE] &= ~(SLOT_ZERO | SLOT_BAD);
  return true;
}

/** Writes a page of the cache, which is not dirty any more. Returns false when its contents cannot be kept: the page is to stay. */
export function submitSwapWrite(k: SpaceState, pfn: Pfn): boolean {
  const entry = k.page[pfn * PAGE_WORDS + PRIVATE];
  const at = swapRecord(k, entry);
  const s = k.swap;
  if (!keepSwapContents(k, pfn)) return false;
  const type = entry >>> 26;
  if ((s.flags[type] & SWP_SYNCHRONOUS_IO) !== 0) {
    writeSwapNow(k, pfn, transferNow(k, s.disk[type], OP_WRITE));
    return true;
  }
  beginWrite(k, pfn);
  s.slot[at + SLOT_REQUEST] = sendPage(k, s.disk[type], OP_WRITE, -1 - type, entry & (SLOTS_PER_AREA - 1));
  return true;
}

/** A page of the cache was written by a device that is done at once, or it failed to (Linux: swap_writepage_bdev_sync). */
export function writeSwapNow(k: SpaceState, pfn: Pfn, hasFailed: boolean): void {
  beginWrite(k, pfn);
  endWrite(k, pfn, hasFailed);
}

function beginWrite(k: SpaceState, pfn: Pfn): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  k.vmstat.event[PSWPOUT]++;
  k.vmstat.event[PGPGOUT] += SECTORS_PER_PAGE;
  countMemcgEvents(k, k.pageMemcg[pfn], PSWPOUT, 1);
  k.page[at] |= PG_writeback;
  modLruvecState(k, pfn, NR_WRITEBACK, 1);
  k.vmstat.zone[(k.page[at] >>> PG_ZONE_SHIFT) * NR_ZONE_ITEMS + NR_ZONE_WRITE_PENDING]++;
}

/**
 * Reads the slot of a page, which is locked until it is there: one of the cache, or one that is only to be the slot's copy, where the
 * device is done at once; zswap keeps its own then (Linux: swap_read_folio).
 */
export function startSwapRead(k: SpaceState, pfn: Pfn): void {
  const s = k.swap;
  const record = pfn * PAGE_WORDS;
  const entry = k.page[record + PRIVATE];
  const at = swapRecord(k, entry);
  k.page[record + FLAGS] |= PG_locked;
  s.slot[at + SLOT_STATE] &= ~SLOT_BAD;
  if ((s.slot[at + SLOT_STATE] & SLOT_ZERO) !== 0) {
    k.vmstat.event[SWPIN_ZERO]++;
    countMemcgEvents(k, k.pageMemcg[pfn], SWPIN_ZERO, 1);
    finishRead(k, pfn, at);
    return;
  }
  if (hasZswap(k)) {
    const isCached = (k.page[record + FLAGS] & PG_swapcache) !== 0;
    if (zswapLoad(k, at / SLOT_WORDS, !isCached)) {
      finishRead(k, pfn, at);
      if (isCached) k.page[record + FLAGS] |= PG_dirty;
      return;
    }
    noteDiskSwapin(k, pfn);
  }
  k.vmstat.event[PSWPIN]++;
  k.vmstat.event[PGPGIN] += SECTORS_PER_PAGE;
  countMemcgEvents(k, k.pageMemcg[pfn], PSWPIN, 1);
  const type = entry >>> 26;
  if ((s.flags[type] & SWP_SYNCHRONOUS_IO) !== 0) {
    const device = zramOfArea(k, type);
    if (device >= 0) readZram(k, device, at / SLOT_WORDS);
    else if (transferNow(k, s.disk[type], OP_READ)) s.slot[at + SLOT_STATE] |= SLOT_BAD;
    finishRead(k, pfn, at);
    return;
  }
  s.slot[at + SLOT_REQUEST] = sendPage(k, s.disk[type], OP_READ, -1 - type, entry & (SLOTS_PER_AREA - 1));
}

/** A read is done: the page holds the slot's contents, or is not uptodate when it failed. */
export function endSwapRead(k: SpaceState, type: number, index: number, hasFailed: boolean): void {
  const at = (k.swap.base[type] + index) * SLOT_WORDS;
  k.swap.slot[at + SLOT_REQUEST] = NONE;
  if (hasFailed) k.swap.slot[at + SLOT_STATE] |= SLOT_BAD;
  const pfn = k.swap.slot[at + SLOT_PAGE];
  if (pfn === NONE) bug(`slot ${index} of swap area ${type} left the cache while it was read`);
  finishRead(k, pfn, at);
}

/** A write is done. One that failed leaves the page dirty, and it will be tried again (Linux: end_swap_bio_write). */
export function endSwapWrite(k: SpaceState, type: number, index: number, hasFailed: boolean): void {
  const at = (k.swap.base[type] + index) * SLOT_WORDS;
  k.swap.slot[at + SLOT_REQUEST] = NONE;
  const pfn = k.swap.slot[at + SLOT_PAGE];
  if (pfn === NONE) bug(`slot ${index} of swap area ${type} left the cache while it was written`);
  endWrite(k, pfn, hasFailed);
}

/** Bug when a cached page and its slot do not know each other, or the counters are not what the cache holds. */
export function checkSwapCache(k: SpaceState): void {
  const s = k.swap;
  for (let type = 0; type < MAX_SWAPFILES; type++) {
    if ((s.flags[type] & SWP_USED) === 0) continue;
    for (let row = s.base[type] + 1; row < s.base[type] + s.pages[type]; row++) {
      const pfn = s.slot[row * SLOT_WORDS + SLOT_PAGE];
      if (pfn === NONE) continue;
      const record = pfn * PAGE_WORDS;
      if ((k.page[record + FLAGS] & PG_swapcache) === 0 || swapSlot(k, k.page[record + PRIVATE]) !== row)
        bug(`swap slot ${row} caches frame ${pfn}, which does not know it`);
      if (k.page[record + REFCOUNT] < 1) bug(`frame ${pfn} is in the swap cache without a reference`);
    }
  }
}

function finishRead(k: SpaceState, pfn: Pfn, at: number): void {
  const { slot } = k.swap;
  const record = pfn * PAGE_WORDS;
  const state = slot[at + SLOT_STATE];
  if ((state & SLOT_BAD) === 0) {
    const block = slot[at + SLOT_BLOCK];
    if (block !== NONE && (state & SLOT_ZERO) === 0) loadBlock(k, block, pfn);
    else setFill(k, pfn, 0);
    k.page[record + FLAGS] |= PG_uptodate;
  }
  k.page[record + FLAGS] &= ~PG_locked;
}

function endWrite(k: SpaceState, pfn: Pfn, hasFailed: boolean): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  if (hasFailed) {
    k.page[at] |= PG_dirty;
    k.page[at] &= ~PG_reclaim;
  }
  const isWanted = (k.page[at] & PG_reclaim) !== 0;
  k.page[at] &= ~PG_reclaim;
  if (isWanted) folioRotateReclaimable(k, pfn);
  k.page[at] &= ~PG_writeback;
  modLruvecState(k, pfn, NR_WRITEBACK, -1);
  modLruvecState(k, pfn, NR_WRITTEN, 1);
  k.vmstat.zone[(k.page[at] >>> PG_ZONE_SHIFT) * NR_ZONE_ITEMS + NR_ZONE_WRITE_PENDING]--;
}

/** The time a device without a queue takes for a page passes on the running CPU. Returns whether the transfer failed. */
function transferNow(k: SpaceState, disk: number, op: number): boolean {
  const { latencyNs, requestNs, nsPerByte } = k.disk;
  const ns = latencyNs[disk * 2 + op] + requestNs[disk] + Math.ceil(4096 * nsPerByte[disk * 2 + op]);
  k.clock.ns[0] += ns;
  k.clock.spent[CAUSE_IO_WAIT] += ns;
  const hasFailed = k.disk.failNext[disk] !== 0;
  k.disk.failNext[disk] = 0;
  return hasFailed;
}

function isZeroFilled(k: SpaceState, pfn: Pfn): boolean {
  const { slot, fill, words } = k.ram;
  if (slot[pfn] === NONE) return fill[pfn] === 0;
  const first = slot[pfn] * WORDS_PER_PAGE;
  for (let at = first; at < first + WORDS_PER_PAGE; at++) if (words[at] !== 0) return false;
  return true;
}
