/**
 * Advice about the pages of a range, rather than about the VMA:
 *
 *   COLD       not needed soon: off the active list, accessed bits forgotten; nothing is freed
 *   PAGEOUT    not needed soon: freed at once, what is dirty through swap or its file
 *   FREE       contents not needed: may be dropped without being written, until the program writes again
 *   WILLNEED   needed soon: what is in swap is read, and a file's pages
 *
 * COLD and PAGEOUT leave pages alone that somebody else maps, too.
 * Linux: mm/madvise.c (6.12)   Doc: man 2 madvise
 */
import { EINVAL } from "../base/errno.ts";
import { type Mm, NONE, type Vma, vpnLow } from "../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_referenced,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
} from "../frame/page.ts";
import { finishPlug, startPlug } from "../hw/plug.ts";
import { isSwapPte, PTE_ACCESSED, PTE_DIRTY, PTE_POISONED_HIGH } from "../hw/pte.ts";
import { isolatePage, reclaimPages } from "../reclaim/reclaim-pages.ts";
import { folioDeactivate, folioMarkLazyfree, lruAddDrain } from "../space/lruvec.ts";
import { addRss, MM_SWAPENTS, updateHiwaterRss } from "../space/mm.ts";
import { afterHole, findPte, NO_PTE_TABLE, nextMapped, normalPage } from "../space/pagetable.ts";
import { folioFreeSwap } from "../space/swap-cache.ts";
import { flushTlbMmRange } from "../space/tlb-flush.ts";
import { isAnonymousVma, VM_LOCKED, VM_PFNMAP } from "../space/vma.ts";
import { zapSwapEntries } from "../space/zap-swap.ts";
import { forceReadAhead } from "./readahead.ts";
import type { VmState } from "./state.ts";
import { bringIn } from "./swapin.ts";

/** Pages of one VMA, [start, end) in vpns. */
export interface PageRange {
  readonly start: number;
  readonly end: number;
}

/** MADV_COLD. Returns 0, or -EINVAL for a locked VMA or one without page records. */
export function adviseCold(k: VmState, vma: Vma, range: PageRange): number {
  if ((k.vma.flags[vma] & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL;
  lruAddDrain(k);
  const mm = k.vma.mm[vma];
  let first = range.end;
  let last = range.start;
  for (let vpn = nextMapped(k, mm, range.start, range.end); vpn < range.end; ) {
    const pte = findPte(k, mm, vpn);
    const pfn = ownPage(k, pte);
    if (pfn !== NONE) {
      if ((k.ram.words[pte] & PTE_ACCESSED) !== 0) {
        k.ram.words[pte] &= ~PTE_ACCESSED;
        first = Math.min(first, vpn);
        last = vpn + 1;
      }
      forgetUse(k, pfn);
      folioDeactivate(k, pfn);
    }
    vpn = nextMapped(k, mm, vpn + 1, range.end);
  }
  if (first < last) flushTlbMmRange(k, mm, first, last, false);
  return 0;
}

/**
 * MADV_PAGEOUT. Returns 0, or -EINVAL as adviseCold. Differs: every task may write every file here, so that the pages of no
 * shared mapping are left out.
 */
export function advisePageout(k: VmState, vma: Vma, range: PageRange): number {
  if ((k.vma.flags[vma] & (VM_LOCKED | VM_PFNMAP)) !== 0) return -EINVAL;
  lruAddDrain(k);
  startPlug(k);
  // One page table at a time, as the walk of Linux has it.
  for (let from = range.start; from < range.end; ) {
    const end = Math.min(range.end, afterHole(from, NO_PTE_TABLE));
    reclaimPages(k, isolateRange(k, k.vma.mm[vma], from, end));
    from = end;
  }
  finishPlug(k);
  return 0;
}

/** Takes the pages of one page table that only this program maps into `k.reclaim.isolated`. Returns how many. */
function isolateRange(k: VmState, mm: Mm, start: number, end: number): number {
  const { isolated } = k.reclaim;
  let count = 0;
  for (let vpn = nextMapped(k, mm, start, end); vpn < end; vpn = nextMapped(k, mm, vpn + 1, end)) {
    const pfn = ownPage(k, findPte(k, mm, vpn));
    if (pfn === NONE) continue;
    forgetUse(k, pfn);
    // A page that must stay goes back where it was: it is left there.
    if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_unevictable) === 0 && isolatePage(k, pfn))
      isolated[count++] = pfn;
  }
  return count;
}

/** The page of an entry if it is on a list and mapped there alone, or NONE. */
function ownPage(k: VmState, pte: number): number {
  const pfn = normalPage(k, pte);
  if (pfn === NONE) return NONE;
  const record = pfn * PAGE_WORDS;
  return (k.page[record + FLAGS] & PG_lru) !== 0 && k.page[record + MAPCOUNT] === 1 ? pfn : NONE;
}

/** A page that was active remembers that it belonged to the working set. */
function forgetUse(k: VmState, pfn: number): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  k.page[at] &= ~PG_referenced;
  if ((k.page[at] & PG_active) !== 0) k.page[at] |= PG_workingset;
}

/** MADV_FREE. Returns 0, or -EINVAL where the memory is not anonymous. */
export function adviseFree(k: VmState, vma: Vma, range: PageRange): number {
  const mm = k.vma.mm[vma];
  if (!isAnonymousVma(k, vma)) return -EINVAL;
  lruAddDrain(k);
  updateHiwaterRss(k, mm);
  const { words } = k.ram;
  let swapped = 0;
  let first = range.end;
  let last = range.start;
  for (let vpn = nextMapped(k, mm, range.start, range.end); vpn < range.end; ) {
    const pte = findPte(k, mm, vpn);
    const high = words[pte + 1];
    if (isSwapPte(words[pte], high)) {
      // Reading it in would cost more than a new page of zeros.
      if (high === PTE_POISONED_HIGH) {
        words[pte] = 0;
        words[pte + 1] = 0;
      } else
        swapped += zapSwapEntries(
          k,
          pte,
          words[pte],
          high,
          Math.min(range.end - vpn, 512 - (vpnLow(vpn) & 511)),
        );
    } else if (mayDrop(k, pte)) {
      if ((words[pte] & (PTE_ACCESSED | PTE_DIRTY)) !== 0) {
        words[pte] &= ~(PTE_ACCESSED | PTE_DIRTY);
        first = Math.min(first, vpn);
        last = vpn + 1;
      }
      folioMarkLazyfree(k, normalPage(k, pte));
    }
    vpn = nextMapped(k, mm, vpn + 1, range.end);
  }
  if (swapped !== 0) addRss(k, mm, MM_SWAPENTS, -swapped);
  if (first < last) flushTlbMmRange(k, mm, first, last, false);
  return 0;
}

/** Whether the page's contents can go: a copy of them in swap, or a mark that they were written, goes first. */
function mayDrop(k: VmState, pte: number): boolean {
  const pfn = normalPage(k, pte);
  if (pfn === NONE) return false;
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & (PG_swapcache | PG_dirty)) === 0) return true;
  if ((flags & PG_locked) !== 0 || k.page[record + MAPCOUNT] !== 1) return false;
  if ((flags & PG_swapcache) !== 0 && !folioFreeSwap(k, pfn)) return false;
  k.page[record + FLAGS] &= ~PG_dirty;
  return true;
}

/** MADV_WILLNEED: starts to read. Returns 0. */
export function adviseWillneed(k: VmState, vma: Vma, range: PageRange): number {
  const file = k.vma.file[vma];
  if (file !== NONE) {
    const index = range.start - k.vma.start[vma] + k.vma.pgoff[vma];
    forceReadAhead(k, file, index, range.end - range.start);
    return 0;
  }
  const mm = k.vma.mm[vma];
  for (let vpn = nextMapped(k, mm, range.start, range.end); vpn < range.end; ) {
    const pte = findPte(k, mm, vpn);
    const high = k.ram.words[pte + 1];
    // Without memory to read into, the advice is not followed; nobody is told.
    if (isSwapPte(k.ram.words[pte], high) && high !== PTE_POISONED_HIGH) bringIn(k, mm, high);
    vpn = nextMapped(k, mm, vpn + 1, range.end);
  }
  lruAddDrain(k);
  return 0;
}
