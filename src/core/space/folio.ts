/**
 * References to page frames: whoever uses a frame holds one, and the last to let go frees it.
 *
 *   page table entry +1      page cache +1      LRU batch +1      a call in progress +1
 *
 * Differs: folios are single pages here, so a folio is its pfn.
 * Linux: mm/swap.c, include/linux/mm.h (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { FLAGS, INDEX, MAPPING, PAGE_WORDS, PG_lru, PRIVATE, REFCOUNT } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { lruvecRemove } from "./lru-move.ts";
import { unchargePage } from "./memcg.ts";
import type { SpaceState } from "./state.ts";

/** Flags that outlive a page's user: which zone the frame is in. */
const KEPT_FLAGS = 0xff000000 | 0;

/** Takes one more reference. */
export function getFolio(k: SpaceState, pfn: Pfn): void {
  k.page[pfn * PAGE_WORDS + REFCOUNT]!++;
}

/** Lets a reference go; the last one frees the frame. */
export function putFolio(k: SpaceState, pfn: Pfn): void {
  if (--k.page[pfn * PAGE_WORDS + REFCOUNT]! === 0) releaseFolio(k, pfn);
}

/** Frees a frame whose reference count has just become 0: off its LRU list, its record clean, to the allocator. */
export function releaseFolio(k: SpaceState, pfn: Pfn): void {
  cleanRecord(k, pfn);
  freePage(k, pfn);
}

/** All of the above but the last step, for callers that free in batches. */
export function cleanRecord(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  if ((page[record + FLAGS]! & PG_lru) !== 0) lruvecRemove(k, pfn);
  k.lruGen.page[pfn] = 0;
  if (k.pageMemcg[pfn] !== ROOT_MEMCG) unchargePage(k, pfn);
  page[record + FLAGS]! &= KEPT_FLAGS;
  page[record + MAPPING] = 0;
  page[record + INDEX] = 0;
  page[record + PRIVATE] = 0;
}
