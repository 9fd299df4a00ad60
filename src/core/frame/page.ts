/**
 * The record of one page frame: word offsets and flag bits (Linux: struct page and folio in one).
 *
 * Differs: MAPCOUNT counts mappings from 0, not from -1, so that an untouched record is all zeros.
 * Linux: include/linux/mm_types.h, page-flags.h (6.12)   Doc: Documentation/mm/page_tables.rst
 */

/** Words in one record, as a shift: record of pfn starts at `pfn << PAGE_WORDS_SHIFT` (multiply above 2^27 frames). */
export const PAGE_WORDS = 8;
export const FLAGS = 0;
export const REFCOUNT = 1;
export const MAPCOUNT = 2;
export const PREV = 3;
export const NEXT = 4;
/** Whom the page belongs to: anon_vma * 2 + 1 for anonymous pages, inode * 2 for page cache, 0 for neither. */
export const MAPPING = 5;
/** Page index in its mapping, low 32 bits. */
export const INDEX = 6;
/** Order while in the buddy; owner's use otherwise. */
export const PRIVATE = 7;

/** Flag bits, Linux's names. Bits 24-31 hold the zone row (0: not looked up yet). */
export const PG_locked = 1 << 0;
export const PG_referenced = 1 << 1;
export const PG_uptodate = 1 << 2;
export const PG_dirty = 1 << 3;
export const PG_lru = 1 << 4;
export const PG_active = 1 << 5;
export const PG_workingset = 1 << 6;
export const PG_reserved = 1 << 7;
export const PG_buddy = 1 << 8;
export const PG_table = 1 << 9;
export const PG_swapbacked = 1 << 10;
export const PG_anonExclusive = 1 << 11;
export const PG_writeback = 1 << 12;
export const PG_readahead = 1 << 13;
export const PG_unevictable = 1 << 14;
export const PG_mlocked = 1 << 15;
/** On a per-CPU list. */
export const PG_pcp = 1 << 16;
/** Under write-back or to be written, and to be reclaimed as soon as that is done; the same bit, as in Linux. */
export const PG_reclaim = 1 << 13;
export const PG_head = 1 << 20;
export const PG_tail = 1 << 21;
/** In the swap cache: PRIVATE is its swap entry. */
export const PG_swapcache = 1 << 22;
export const PG_ZONE_SHIFT = 24;

/** A page with one of these is in use or free already: freeing it is our mistake (Linux: PAGE_FLAGS_CHECK_AT_FREE). */
export const PG_IN_USE =
  PG_locked |
  PG_lru |
  PG_active |
  PG_reserved |
  PG_buddy |
  PG_table |
  PG_writeback |
  PG_unevictable |
  PG_mlocked |
  PG_pcp;

/** MAPPING word of an anonymous page. */
export function anonMapping(anonVma: number): number {
  return anonVma * 2 + 1;
}

/** MAPPING word of a page cache page. */
export function fileMapping(inode: number): number {
  return inode * 2;
}
