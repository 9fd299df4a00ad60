/**
 * What reclaim asks of the reverse map: was the page used since somebody last looked, and take it out of every page table.
 *
 *   folioReferenced   entries with the accessed bit, which is cleared (the TLB is not flushed for that, as on x86)
 *   tryToUnmap        entry of a file page -> empty; of an anonymous page -> its swap entry; of a lazily freed one -> empty
 *
 * Linux: mm/rmap.c (6.12)   Doc: Documentation/mm/unevictable-lru.rst
 */
import { type Memcg, NONE, type Pfn, ROOT_MEMCG, type Vma } from "../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_anonExclusive,
  PG_dirty,
  PG_swapbacked,
  PG_swapcache,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_SOFT_DIRTY, PTE_SWP_EXCLUSIVE, PTE_SWP_SOFT_DIRTY } from "../hw/pte.ts";
import { isLruGen } from "./lru-gen.ts";
import { lookAround } from "./lru-gen-walk.ts";
import { isBelow } from "./memcg.ts";
import { addRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS, updateHiwaterRss } from "./mm.ts";
import { findRecentPte, normalPage } from "./pagetable.ts";
import { removeRmap, vpnInVma } from "./rmap.ts";
import type { SpaceState } from "./state.ts";
import { swapDuplicate } from "./swap.ts";
import { flushTlbMmPage } from "./tlb-flush.ts";
import { VM_LOCKED, VM_RAND_READ, VM_SEQ_READ } from "./vma.ts";
import { markMappedDirty } from "./writeback.ts";

/**
 * Number of mappings of the page that were used, of address spaces below `memcg` only (ROOT_MEMCG: of all); their
 * accessed bits are cleared. The VM_* flags of the VMAs that used it, VM_LOCKED when one holds it, are left in
 * `k.lruvec.referencedFlags[0]`.
 */
export function folioReferenced(k: SpaceState, pfn: Pfn, memcg: Memcg): number {
  const { referencedFlags } = k.lruvec;
  referencedFlags[0] = 0;
  const record = pfn * PAGE_WORDS;
  const mapping = k.page[record + MAPPING];
  let left = k.page[record + MAPCOUNT];
  if (left === 0 || mapping === 0) return 0;
  let referenced = 0;
  const isAnon = (mapping & 1) !== 0;
  const a = k.anonVma;
  let chain = isAnon ? a.firstChain[mapping >> 1] : NONE;
  let vma = isAnon ? (chain === NONE ? NONE : a.chainVma[chain]) : k.file.firstVma[mapping >> 1];
  while (vma !== NONE && left > 0) {
    const pte = entryIn(k, pfn, vma, memcg);
    if (pte >= 0) {
      left--;
      const flags = k.vma.flags[vma];
      if ((flags & VM_LOCKED) !== 0) {
        referencedFlags[0] |= VM_LOCKED;
        return referenced;
      }
      if (wasUsed(k, pfn, vma, pte)) {
        referenced++;
        referencedFlags[0] |= flags;
      }
    }
    if (isAnon) {
      chain = a.chainNext[chain];
      vma = chain === NONE ? NONE : a.chainVma[chain];
    } else vma = k.vma.nextShared[vma];
  }
  return referenced;
}

/** Removes every mapping of the page. Returns whether it is mapped nowhere now (Linux: try_to_unmap). */
export function tryToUnmap(k: SpaceState, pfn: Pfn): boolean {
  const record = pfn * PAGE_WORDS;
  const mapping = k.page[record + MAPPING];
  const isAnon = (mapping & 1) !== 0;
  const a = k.anonVma;
  let chain = isAnon ? a.firstChain[mapping >> 1] : NONE;
  let vma = isAnon ? (chain === NONE ? NONE : a.chainVma[chain]) : k.file.firstVma[mapping >> 1];
  while (vma !== NONE && k.page[record + MAPCOUNT] > 0) {
    const pte = anyEntryIn(k, pfn, vma);
    if (pte >= 0 && !unmapOne(k, pfn, vma, pte, isAnon)) return false;
    if (isAnon) {
      chain = a.chainNext[chain];
      vma = chain === NONE ? NONE : a.chainVma[chain];
    } else vma = k.vma.nextShared[vma];
  }
  return k.page[record + MAPCOUNT] === 0;
}

/** Whether the entry was used, and so may be those around it, which MGLRU looks at, too. */
function wasUsed(k: SpaceState, pfn: Pfn, vma: Vma, pte: number): boolean {
  if (isLruGen(k)) return lookAround(k, pfn, vma, vpnInVma(k, pfn, vma), pte);
  if ((k.ram.words[pte] & PTE_ACCESSED) === 0) return false;
  k.ram.words[pte] &= ~PTE_ACCESSED;
  return true;
}

/** The entry of a VMA that counts for folioReferenced, or -1: no such entry, no use of it, or another cgroup's. */
function entryIn(k: SpaceState, pfn: Pfn, vma: Vma, memcg: Memcg): number {
  if ((k.vma.flags[vma] & (VM_SEQ_READ | VM_RAND_READ)) !== 0) return -1;
  if (memcg !== ROOT_MEMCG && !isBelow(k, k.mm.memcg[k.vma.mm[vma]], memcg)) return -1;
  return anyEntryIn(k, pfn, vma);
}

/** The VMA's entry for the page, or -1. */
function anyEntryIn(k: SpaceState, pfn: Pfn, vma: Vma): number {
  const vpn = vpnInVma(k, pfn, vma);
  if (vpn < 0) return -1;
  const pte = findRecentPte(k, k.vma.mm[vma], vpn);
  return pte >= 0 && normalPage(k, pte) === pfn ? pte : -1;
}

/** Removes one mapping. False: the page must stay mapped there. */
function unmapOne(k: SpaceState, pfn: Pfn, vma: Vma, pte: number, isAnon: boolean): boolean {
  if ((k.vma.flags[vma] & VM_LOCKED) !== 0) return false;
  const { words } = k.ram;
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const low = words[pte];
  const mm = k.vma.mm[vma];
  if ((low & PTE_DIRTY) !== 0) {
    if (isAnon) page[record + FLAGS] |= PG_dirty;
    else markMappedDirty(k, pfn);
  }
  updateHiwaterRss(k, mm);
  if (!isAnon) {
    words[pte] = 0;
    words[pte + 1] = 0;
    addRss(k, mm, (page[record + FLAGS] & PG_swapbacked) !== 0 ? MM_SHMEMPAGES : MM_FILEPAGES, -1);
  } else if ((page[record + FLAGS] & PG_swapbacked) === 0) {
    // Lazily freed: gone if nobody wrote to it since, and nobody else holds it; else it is ordinary memory again.
    const isHeld = page[record + REFCOUNT] !== 1 + page[record + MAPCOUNT];
    if (isHeld || (page[record + FLAGS] & PG_dirty) !== 0) {
      page[record + FLAGS] |= PG_swapbacked;
      return false;
    }
    words[pte] = 0;
    words[pte + 1] = 0;
    addRss(k, mm, MM_ANONPAGES, -1);
  } else {
    if ((page[record + FLAGS] & PG_swapcache) === 0) return false;
    const entry = page[record + PRIVATE];
    swapDuplicate(k, entry);
    const isExclusive = (page[record + FLAGS] & PG_anonExclusive) !== 0;
    page[record + FLAGS] &= ~PG_anonExclusive;
    words[pte] =
      (isExclusive ? PTE_SWP_EXCLUSIVE : 0) | ((low & PTE_SOFT_DIRTY) !== 0 ? PTE_SWP_SOFT_DIRTY : 0);
    words[pte + 1] = entry;
    addRss(k, mm, MM_ANONPAGES, -1);
    addRss(k, mm, MM_SWAPENTS, 1);
  }
  flushTlbMmPage(k, mm, vpnInVma(k, pfn, vma));
  removeRmap(k, pfn);
  page[record + REFCOUNT]--;
  return true;
}
