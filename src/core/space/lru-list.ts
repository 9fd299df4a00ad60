/**
 * LRU lists as lists: doubly linked through the page records, newest at the head, counted by lruvec, node and zone.
 *
 *   head[lruvec, list] -> pfn <-NEXT/PREV-> pfn <-> … <-> pfn <- tail[lruvec, list]
 *
 * A lruvec is one memory cgroup on one node; a page is on those of the cgroup it is charged to.
 * Invariant: PG_lru says a page is on the list its other flags choose; NR_* of node and zone count the lists.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, type Pfn, ROOT_MEMCG } from "../base/types.ts";
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

/** The lruvec holds pages that reclaim of its cgroup, or kswapd of its node, found all waiting for write-back. */
export const LRUVEC_CGROUP_CONGESTED = 1;
export const LRUVEC_NODE_CONGESTED = 2;

/** The lruvec of a memory cgroup on a node (Linux: mem_cgroup_lruvec). */
export function lruvecOf(k: SpaceState, memcg: Memcg, node: number): Lruvec {
  return memcg * k.lruvec.nodes + node;
}

/** The lruvec a page belongs to (Linux: folio_lruvec). */
export function lruvecOfPage(k: SpaceState, pfn: Pfn): Lruvec {
  return k.pageMemcg[pfn]! * k.lruvec.nodes + (((k.page[pfn * PAGE_WORDS]! >>> PG_ZONE_SHIFT) - 1) >> 2);
}

/** Links a page at the head of its list and counts it. The page is on no list. */
export function lruvecAdd(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record]! | PG_lru;
  page[record + FLAGS] = flags;
  const list = lruListOf(flags);
  const lruvec = lruvecOfPage(k, pfn);
  linkAtHead(k, pfn, lruvec * NR_LRU_LISTS + list);
  countLru(k, lruvec, flags >>> PG_ZONE_SHIFT, list, 1);
}

/** The same at the tail, where reclaim looks next. */
export function lruvecAddTail(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record]! | PG_lru;
  page[record + FLAGS] = flags;
  const list = lruListOf(flags);
  const lruvec = lruvecOfPage(k, pfn);
  linkAtTail(k, pfn, lruvec * NR_LRU_LISTS + list);
  countLru(k, lruvec, flags >>> PG_ZONE_SHIFT, list, 1);
}

/** Takes a page off its list and forgets which it was on (Linux: lruvec_del_folio and __folio_clear_lru_flags). */
export function lruvecRemove(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record]!;
  const list = lruListOf(flags);
  const lruvec = lruvecOfPage(k, pfn);
  unlink(k, pfn, lruvec * NR_LRU_LISTS + list);
  page[record] = flags & ~(PG_lru | PG_active | PG_unevictable);
  countLru(k, lruvec, flags >>> PG_ZONE_SHIFT, list, -1);
}

/** Unlinks a page from a list whose row is known; counters are the caller's. */
export function unlink(k: SpaceState, pfn: Pfn, row: number): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const prev = page[record + PREV]!;
  const next = page[record + NEXT]!;
  if (prev !== 0) page[prev * PAGE_WORDS + NEXT] = next;
  else k.lruvec.head[row] = next;
  if (next !== 0) page[next * PAGE_WORDS + PREV] = prev;
  else k.lruvec.tail[row] = prev;
}

/** Changes the counters of one list of a lruvec, for pages of one zone: its own, its node's, its zone's. */
export function countLru(k: SpaceState, lruvec: Lruvec, zone: number, list: number, pages: number): void {
  const node = (zone - 1) >> 2;
  k.lruvec.size[lruvec * NR_LRU_LISTS + list]! += pages;
  k.lruvec.zoneSize[(lruvec * 4 + ((zone - 1) & 3)) * NR_LRU_LISTS + list]! += pages;
  k.vmstat.node[node * NR_NODE_ITEMS + NR_INACTIVE_ANON + list]! += pages;
  k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_ZONE_INACTIVE_ANON + list]! += pages;
}

/** Links a page at the head of the list of that row; flags and counters are the caller's. */
export function linkAtHead(k: SpaceState, pfn: Pfn, row: number): void {
  const page = k.page;
  const { head, tail } = k.lruvec;
  const first = head[row]!;
  page[pfn * PAGE_WORDS + PREV] = 0;
  page[pfn * PAGE_WORDS + NEXT] = first;
  if (first !== 0) page[first * PAGE_WORDS + PREV] = pfn;
  else tail[row] = pfn;
  head[row] = pfn;
}

/** The same at the tail. */
export function linkAtTail(k: SpaceState, pfn: Pfn, row: number): void {
  const page = k.page;
  const { head, tail } = k.lruvec;
  const last = tail[row]!;
  page[pfn * PAGE_WORDS + PREV] = last;
  page[pfn * PAGE_WORDS + NEXT] = 0;
  if (last !== 0) page[last * PAGE_WORDS + NEXT] = pfn;
  else head[row] = pfn;
  tail[row] = pfn;
}

/** Walks every list. Bug when a page's flags, links, cgroup or the counters disagree with the list it is on. */
export function checkLruvecs(k: SpaceState): void {
  const { nodes } = k.lruvec;
  const onNode = new Float64Array(nodes * NR_LRU_LISTS);
  for (let memcg: Memcg = ROOT_MEMCG; memcg < Math.max(1, k.memcg.rows[0]!); memcg++) {
    for (let node = 0; node < nodes; node++) {
      const lruvec = lruvecOf(k, memcg, node);
      for (let list = 0; list < NR_LRU_LISTS; list++) {
        const row = lruvec * NR_LRU_LISTS + list;
        const count = checkOneList(k, lruvec, list);
        if (k.lruvec.size[row] !== count)
          bug(`LRU list ${row} has ${count} pages, not ${k.lruvec.size[row]}`);
        let byZone = 0;
        for (let type = 0; type < 4; type++)
          byZone += k.lruvec.zoneSize[(lruvec * 4 + type) * NR_LRU_LISTS + list]!;
        if (byZone !== count) bug(`LRU list ${row} has ${count} pages, its zones count ${byZone}`);
        onNode[node * NR_LRU_LISTS + list]! += count;
      }
    }
  }
  for (let row = 0; row < onNode.length; row++) {
    const node = Math.floor(row / NR_LRU_LISTS);
    const item = k.vmstat.node[node * NR_NODE_ITEMS + NR_INACTIVE_ANON + (row % NR_LRU_LISTS)]!;
    if (item !== onNode[row])
      bug(
        `counter ${row % NR_LRU_LISTS} of node ${node} is ${item}, its LRU lists have ${onNode[row]} pages`,
      );
  }
}

/** Follows one list from its head. Returns its length. */
function checkOneList(k: SpaceState, lruvec: Lruvec, list: number): number {
  const row = lruvec * NR_LRU_LISTS + list;
  let prev = 0;
  let count = 0;
  for (let pfn = k.lruvec.head[row]!; pfn !== 0; pfn = k.page[pfn * PAGE_WORDS + NEXT]!) {
    const flags = k.page[pfn * PAGE_WORDS]!;
    if ((flags & PG_lru) === 0) bug(`frame ${pfn} is on LRU list ${row} without PG_lru`);
    if (lruListOf(flags) !== list)
      bug(`frame ${pfn} is on LRU list ${row}, its flags say ${lruListOf(flags)}`);
    if (lruvecOfPage(k, pfn) !== lruvec) bug(`frame ${pfn} is on LRU list ${row} and charged elsewhere`);
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
