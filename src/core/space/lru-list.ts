/**
 * LRU lists as lists: doubly linked through the page records, newest at the head, counted by lruvec, node and zone.
 *
 *   head[lruvec, list] -> pfn <-NEXT/PREV-> pfn <-> … <-> pfn <- tail[lruvec, list]
 *
 * A lruvec is one memory cgroup on one node; a page is on those of the cgroup it is charged to.
 * Invariant: PG_lru says a page is on the list its other flags choose; NR_* of node and zone count the lists.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { Lruvec, Memcg, Pfn } from "../base/types.ts";
import {
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_swapbacked,
  PG_unevictable,
  PG_ZONE_SHIFT,
  PREV,
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
  return base + ((flags & PG_active) !== 0 ? 1 : 0);
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
