/**
 * Entries of a page of a file or of shared memory: what a new one holds, and mapping one page by it.
 *
 *   file, load or private         read-only; the first store to a shared mapping takes a fault, which the file system hears of
 *   file, store, shared           writable and dirty, and so is the page
 *   shared memory                 all rights the mapping has: nobody is told of stores
 *
 * Linux: mm/memory.c finish_fault, set_pte_range (6.12)   Doc: Documentation/filesystems/locking.rst
 */
import { FAULT_OOM } from "../base/errno.ts";
import type { Pfn, Vma } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_swapbacked } from "../frame/page.ts";
import { PTE_DIRTY, PTE_RW, PTE_SOFT_DIRTY, pteHigh, pteLow } from "../hw/pte.ts";
import { getFolio } from "../space/folio.ts";
import { addRss, MM_FILEPAGES, MM_SHMEMPAGES } from "../space/mm.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { addFileRmap } from "../space/rmap.ts";
import { VM_SHARED, VM_WRITE } from "../space/vma.ts";
import { markMappedDirty } from "../space/writeback.ts";
import { ensurePte } from "./pte-alloc.ts";
import type { VmState } from "./state.ts";

/**
 * Maps a page of the VMA's file at a vpn; for a store the page and its entry are dirty and writable. What somebody else has
 * put there meanwhile stays. Returns 0, or FAULT_OOM.
 */
export function mapFilePage(k: VmState, vma: Vma, vpn: number, pfn: Pfn, isWrite: boolean): number {
  const mm = k.vma.mm[vma];
  const pte = ensurePte(k, mm, vpn);
  if (pte < 0) return FAULT_OOM;
  const { words } = k.ram;
  if (words[pte] !== 0 || words[pte + 1] !== 0) return 0;
  let low = fileEntryLow(k, vma, pfn);
  if (isWrite) {
    markMappedDirty(k, pfn);
    low |= writeBits(k, vma);
  }
  words[pte + 1] = pteHigh(pfn, protHigh(k.vma.flags[vma]));
  words[pte] = low;
  getFolio(k, pfn);
  addFileRmap(k, pfn);
  addRss(k, mm, isShmemPage(k, pfn) ? MM_SHMEMPAGES : MM_FILEPAGES, 1);
  return 0;
}

/** The low word of a new entry for a load. */
export function fileEntryLow(k: VmState, vma: Vma, pfn: Pfn): number {
  const flags = k.vma.flags[vma];
  return pteLow(pfn, protLow(isShmemPage(k, pfn) ? flags : flags & ~VM_SHARED));
}

/** What an entry made for a store has besides: dirty, and writable where the VMA is. */
export function writeBits(k: VmState, vma: Vma): number {
  const dirty = PTE_DIRTY | PTE_SOFT_DIRTY;
  return (k.vma.flags[vma] & VM_WRITE) !== 0 ? dirty | PTE_RW : dirty;
}

function isShmemPage(k: VmState, pfn: Pfn): boolean {
  return (k.page[pfn * PAGE_WORDS + FLAGS] & PG_swapbacked) !== 0;
}
