/**
 * Moving a page to another frame of its zone, under the eyes of everybody who maps it.
 *
 *   page cache or swap cache --\                                   /--> target
 *   entry, entry, entry -------+--> source          ==>   entries +
 *   LRU list ------------------/                                   \--> LRU list (through the batch)
 *
 * What was in the source is copied; its references, mappings and charge become the target's; it is free afterwards. Linux
 * leaves migration entries in the page tables meanwhile; here nobody runs in between.
 * Linux: mm/migrate.c, mm/rmap.c try_to_migrate (6.12)   Doc: Documentation/mm/page_migration.rst
 */
import type { Pfn } from "../base/types.ts";
import { xaStore } from "../base/xarray.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  PG_ZONE_SHIFT,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import { CAUSE_COPY, CAUSE_IO_WAIT, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import { PTE_DIRTY, pteHigh, pteLow } from "../hw/pte.ts";
import { copyContent } from "../hw/ram.ts";
import { putFolio } from "../space/folio.ts";
import { genOf, IN_FAULT, lruGenDel } from "../space/lru-gen.ts";
import { lruvecRemove } from "../space/lru-move.ts";
import { folioAddLru } from "../space/lruvec.ts";
import { forEachMapping } from "../space/rmap.ts";
import { SLOT_PAGE, swapRecord } from "../space/swap.ts";
import { flushTlbMmPage } from "../space/tlb-flush.ts";
import { markMappedDirty } from "../space/writeback.ts";
import { idleUntil } from "./flusher.ts";
import type { ReclaimState } from "./state.ts";

/** How much a migration may wait: not at all; for locks, but no page that a disk is busy with; for disks, too. */
export const MIGRATE_ASYNC = 0;
export const MIGRATE_SYNC_LIGHT = 1;
export const MIGRATE_SYNC = 2;

/** What a page loses on its way: its place on a list, and what only the frame has. */
const LEFT_BEHIND = PG_locked | PG_writeback | (-1 << PG_ZONE_SHIFT);
/** The low bits of a low word: what an entry has besides its frame; and what of the high word is no frame number. */
const ENTRY_FLAGS = 0xfff;
const ENTRY_HIGH_FLAGS = ~0xfffff;

/** Takes a page off its list to move it; it stays active if it was. The caller has a reference from then on. */
export function isolateToMove(k: ReclaimState, pfn: Pfn): void {
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS];
  if (genOf(k, pfn) >= 0) {
    if (lruGenDel(k, pfn)) page[record + FLAGS] |= PG_active;
  } else {
    lruvecRemove(k, pfn);
    page[record + FLAGS] |= flags & (PG_active | PG_unevictable);
  }
  page[record + REFCOUNT]++;
}

/** Puts a page back that was not moved, at the young end of its list (Linux: putback_movable_pages). */
export function putBack(k: ReclaimState, pfn: Pfn): void {
  addToList(k, pfn);
  putFolio(k, pfn);
}

/**
 * Moves an isolated page to the empty frame `target`, which has one reference. Returns false when it cannot be moved now;
 * it is still isolated then, and the target as it was.
 */
export function migratePage(k: ReclaimState, source: Pfn, target: Pfn, mode: number): boolean {
  if (!isQuiet(k, source, mode) || !hasOnlyOwners(k, source)) return false;
  moveEntries(k, source, target);
  moveCacheEntry(k, source, target);
  const { page } = k;
  const from = source * PAGE_WORDS;
  const to = target * PAGE_WORDS;
  copyContent(k, source, target);
  spend(k, CAUSE_COPY, COST_COPY_PAGE);
  page[to + FLAGS] = (page[to + FLAGS] & (-1 << PG_ZONE_SHIFT)) | (page[from + FLAGS] & ~LEFT_BEHIND);
  for (const word of [MAPPING, INDEX, PRIVATE, MAPCOUNT]) {
    page[to + word] = page[from + word];
    page[from + word] = 0;
  }
  // All references but that of the isolation are of mappings and caches, and now the target's, beside the one it has.
  page[to + REFCOUNT] += page[from + REFCOUNT] - 1;
  page[from + REFCOUNT] = 1;
  page[from + FLAGS] &= -1 << PG_ZONE_SHIFT;
  k.pageMemcg[target] = k.pageMemcg[source];
  k.pageMemcg[source] = 0;
  addToList(k, target);
  putFolio(k, target);
  putFolio(k, source);
  return true;
}

/** Queues a page for its list. That somebody else is in a page fault now says nothing about this page. */
function addToList(k: ReclaimState, pfn: Pfn): void {
  const { state } = k.lruGen;
  const inFault = state[IN_FAULT];
  state[IN_FAULT] = 0;
  folioAddLru(k, pfn);
  state[IN_FAULT] = inFault;
}

/** Whether no disk is busy with the page, after waiting for it where the mode allows that. */
function isQuiet(k: ReclaimState, pfn: Pfn, mode: number): boolean {
  const at = pfn * PAGE_WORDS + FLAGS;
  const isBusy = (): boolean => (k.page[at] & (PG_locked | PG_writeback)) !== 0;
  if (!isBusy()) return true;
  if (mode !== MIGRATE_SYNC) return false;
  const { disk } = k;
  while (isBusy() && disk.state[2] !== 0) idleUntil(k, k.clock.ns[0] + 1e6, CAUSE_IO_WAIT, () => !isBusy());
  return !isBusy();
}

/** Whether mappings, caches and the isolation are all that refers to the page (Linux: folio_expected_refs). */
function hasOnlyOwners(k: ReclaimState, pfn: Pfn): boolean {
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const mapping = page[record + MAPPING];
  if (mapping === 0 && (page[record + FLAGS] & PG_swapcache) === 0) return false;
  const isCached = (page[record + FLAGS] & PG_swapcache) !== 0 || (mapping & 1) === 0;
  return page[record + REFCOUNT] === page[record + MAPCOUNT] + (isCached ? 2 : 1);
}

/** Lets every entry of the source point to the target, with all its flags. */
function moveEntries(k: ReclaimState, source: Pfn, target: Pfn): void {
  const { words } = k.ram;
  const record = source * PAGE_WORDS;
  if (k.page[record + MAPCOUNT] === 0) return;
  const isAnon = (k.page[record + MAPPING] & 1) !== 0;
  forEachMapping(k, source, (vma, vpn, pte) => {
    const low = words[pte];
    const high = words[pte + 1];
    if ((low & PTE_DIRTY) !== 0) {
      if (isAnon) k.page[record + FLAGS] |= PG_dirty;
      else markMappedDirty(k, source);
    }
    words[pte] = pteLow(target, low & ENTRY_FLAGS);
    words[pte + 1] = pteHigh(target, high & ENTRY_HIGH_FLAGS);
    flushTlbMmPage(k, k.vma.mm[vma], vpn);
    return true;
  });
}

/** The target takes the source's place in the page cache or the swap cache. */
function moveCacheEntry(k: ReclaimState, source: Pfn, target: Pfn): void {
  const { page, file: f } = k;
  const record = source * PAGE_WORDS;
  if ((page[record + FLAGS] & PG_swapcache) !== 0) {
    k.swap.slot[swapRecord(k, page[record + PRIVATE]) + SLOT_PAGE] = target;
    return;
  }
  const mapping = page[record + MAPPING];
  if ((mapping & 1) !== 0) return;
  const inode = mapping >> 1;
  const index = page[record + INDEX] >>> 0;
  f.pages[inode] = xaStore(k.xarray, f.pages[inode], index, target);
}
