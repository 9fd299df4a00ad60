/**
 * On to the lists and off them: the one place that knows which policy keeps a page. With MGLRU pages go into generations
 * (lru-gen.ts), all but the unevictable ones, which like all pages of the classic LRU are on the lists of lru-list.ts.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Pfn } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_active, PG_lru, PG_unevictable, PG_ZONE_SHIFT } from "../frame/page.ts";
import { genOf, isLruGen, lruGenAdd, lruGenDel } from "./lru-gen.ts";
import {
  countLru,
  linkAtHead,
  linkAtTail,
  lruListOf,
  lruvecOfPage,
  NR_LRU_LISTS,
  unlink,
} from "./lru-list.ts";
import type { SpaceState } from "./state.ts";

/** Links a page at the head of its list and counts it. The page is on no list. */
export function lruvecAdd(k: SpaceState, pfn: Pfn): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record] | PG_lru;
  if (isLruGen(k) && (flags & PG_unevictable) === 0) {
    lruGenAdd(k, pfn, false);
    return;
  }
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
  const flags = page[record] | PG_lru;
  if (isLruGen(k) && (flags & PG_unevictable) === 0) {
    lruGenAdd(k, pfn, true);
    return;
  }
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
  const flags = page[record];
  if (genOf(k, pfn) >= 0) {
    lruGenDel(k, pfn);
    return;
  }
  const list = lruListOf(flags);
  const lruvec = lruvecOfPage(k, pfn);
  unlink(k, pfn, lruvec * NR_LRU_LISTS + list);
  page[record] = flags & ~(PG_lru | PG_active | PG_unevictable);
  countLru(k, lruvec, flags >>> PG_ZONE_SHIFT, list, -1);
}
