/**
 * LRU lists as lists: doubly linked through the page records, newest at the head, counted by node and by zone.
 *
 *   head[node, list] -> pfn <-NEXT/PREV-> pfn <-> … <-> pfn <- tail[node, list]
 *
 * Invariant: PG_lru says a page is on the list its other flags choose; NR_* of node and zone count the lists.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import type { Pfn } from "../base/types.ts";
import {
  FLAGS,
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_lru,
  PG_swapbacked,
  PG_unevictable,
  PG_ZONE_SHIFT,
  PREV,
  REFCOUNT,
} from "../frame/page.ts";
import { NR_INACTIVE_ANON, NR_NODE_ITEMS, NR_ZONE_INACTIVE_ANON, NR_ZONE_ITEMS } from "../frame/vmstat.ts";
import type { SpaceState } from "./state.ts";

/** The lists of a node; the counters NR_INACTIVE_ANON … and NR_ZONE_INACTIVE_ANON … stand in the same order. */
export const LRU_INACTIVE_ANON = 0;
export const LRU_ACTIVE_ANON = 1;
export const LRU_INACTIVE_FILE = 2;
export const LRU_ACTIVE_FILE = 3;
export const LRU_UNEVICTABLE = 4;
export const NR_LRU_LISTS = 5;

/** The list a page with these flags belongs on. */
export function lruListOf(flags: number): number {
  if ((flags & PG_unevictable) !== 0) return LRU_UNEVICTABLE;
  const base = (flags & PG_swapbacked) !== 0 ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  return (flags & PG_active) !== 0 ? base + 1 : base;
}

/** Links a page at the head of its list and counts it. The page is on no list. */
export function lruvecAdd(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record]! | PG_lru;
  page[record + FLAGS] = flags;
  const list = lruListOf(flags);
  const zone = flags >>> PG_ZONE_SHIFT;
  const node = (zone - 1) >> 2;
  linkAtHead(k, pfn, node * NR_LRU_LISTS + list);
  countLru(k, zone, list, 1);
}

/** Takes a page off its list and forgets which it was on (Linux: lruvec_del_folio and __folio_clear_lru_flags). */
export function lruvecRemove(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record]!;
  const list = lruListOf(flags);
  const zone = flags >>> PG_ZONE_SHIFT;
  unlink(k, pfn, ((zone - 1) >> 2) * NR_LRU_LISTS + list);
  page[record] = flags & ~(PG_lru | PG_active | PG_unevictable);
  countLru(k, zone, list, -1);
}

/** Unlinks a page from a list whose row is known; counters are the caller's. Hot: zap calls it page by page. */
export function unlink(k: SpaceState, pfn: Pfn, row: number): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const prev = page[record + PREV]!;
  const next = page[record + NEXT]!;
  if (prev !== 0) page[prev * PAGE_WORDS + NEXT] = next;
  else k.lruvec.head[row] = next;
  if (next !== 0) page[next * PAGE_WORDS + PREV] = prev;
  else k.lruvec.tail[row] = prev;
  k.lruvec.size[row]!--;
}

/** Changes the counters of one list: of its node and of the page's zone. */
export function countLru(k: SpaceState, zone: number, list: number, pages: number): void {
  const node = (zone - 1) >> 2;
  k.vmstat.node[node * NR_NODE_ITEMS + NR_INACTIVE_ANON + list]! += pages;
  k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_ZONE_INACTIVE_ANON + list]! += pages;
}

/** Links a page at the head of the list of that row; flags and counters are the caller's. */
export function linkAtHead(k: SpaceState, pfn: Pfn, row: number): void {
  const page = k.page;
  const { head, tail, size } = k.lruvec;
  const first = head[row]!;
  page[pfn * PAGE_WORDS + PREV] = 0;
  page[pfn * PAGE_WORDS + NEXT] = first;
  if (first !== 0) page[first * PAGE_WORDS + PREV] = pfn;
  else tail[row] = pfn;
  head[row] = pfn;
  size[row]!++;
}

/** Walks every list. Bug when a page's flags, links or the counters disagree with the list it is on. */
export function checkLruvecs(k: SpaceState): void {
  for (let row = 0; row < k.lruvec.head.length; row++) {
    const count = checkOneList(k, row);
    if (k.lruvec.size[row] !== count) bug(`LRU list ${row} has ${count} pages, not ${k.lruvec.size[row]}`);
    const node = Math.floor(row / NR_LRU_LISTS);
    const item = k.vmstat.node[node * NR_NODE_ITEMS + NR_INACTIVE_ANON + (row % NR_LRU_LISTS)]!;
    if (item !== count) bug(`the counter of LRU list ${row} is ${item}, the list has ${count} pages`);
  }
}

/** Follows one list from its head. Returns its length. */
function checkOneList(k: SpaceState, row: number): number {
  let prev = 0;
  let count = 0;
  for (let pfn = k.lruvec.head[row]!; pfn !== 0; pfn = k.page[pfn * PAGE_WORDS + NEXT]!) {
    const flags = k.page[pfn * PAGE_WORDS]!;
    if ((flags & PG_lru) === 0) bug(`frame ${pfn} is on LRU list ${row} without PG_lru`);
    if (lruListOf(flags) !== row % NR_LRU_LISTS)
      bug(`frame ${pfn} is on LRU list ${row}, its flags say ${lruListOf(flags)}`);
    if (k.page[pfn * PAGE_WORDS + PREV] !== prev)
      bug(`frame ${pfn} on LRU list ${row} does not know its neighbour`);
    if (k.page[pfn * PAGE_WORDS + REFCOUNT]! < 1)
      bug(`frame ${pfn} is on LRU list ${row} without a reference`);
    prev = pfn;
    count++;
  }
  if (k.lruvec.tail[row] !== prev) bug(`LRU list ${row} ends at ${prev}, not ${k.lruvec.tail[row]}`);
  return count;
}
