/**
 * Mapping a page that came back from swap where its entry was: one of the swap cache, which others may share, or one that was read
 * without the cache, which is the task's alone.
 * Linux: mm/memory.c do_swap_page (6.12)   Doc: docs/map.md
 */
import { FAULT_OOM } from "../base/errno.ts";
import { NONE, type Pfn, type Vma } from "../base/types.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_anonExclusive,
  PG_lru,
  PG_mlocked,
  REFCOUNT,
} from "../frame/page.ts";
import { NR_ANON_MAPPED } from "../frame/vmstat.ts";
import {
  PTE_DIRTY,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  pteHigh,
  pteLow,
} from "../hw/pte.ts";
import { getFolio } from "../space/folio.ts";
import { lruAddDrain } from "../space/lruvec.ts";
import { modLruvecState } from "../space/memcg-count.ts";
import { addRss, MM_ANONPAGES, MM_SWAPENTS } from "../space/mm.ts";
import { findRecentPte } from "../space/pagetable.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { swapFree } from "../space/swap.ts";
import { findSwapCache, folioFreeSwap } from "../space/swap-cache.ts";
import { memcgSwapFull } from "../space/swap-room.ts";
import { VM_LOCKED, VM_WRITE } from "../space/vma.ts";
import { doWpPage } from "./anon.ts";
import { FAULT_FLAG_WRITE } from "./fault-flags.ts";
import { prepareAnonVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/** Maps a page of the swap cache where its entry was. Returns 0 or a negative errno. */
export function mapSwapped(k: VmState, vma: Vma, vpn: number, pte: number, flags: number): number {
  const { words } = k.ram;
  const { page } = k;
  const low = words[pte];
  const entry = words[pte + 1];
  const pfn = findSwapCache(k, entry);
  const record = pfn * PAGE_WORDS;
  const mm = k.vma.mm[vma];
  const vmFlags = k.vma.flags[vma];
  const isWrite = (flags & FAULT_FLAG_WRITE) !== 0;
  if (k.vma.anonVma[vma] === NONE && prepareAnonVma(k, vma) < 0) return FAULT_OOM;
  getFolio(k, pfn);
  if (isWrite && (page[record + FLAGS] & PG_lru) === 0) lruAddDrain(k);
  const isExclusive = (low & PTE_SWP_EXCLUSIVE) !== 0;
  swapFree(k, entry);
  const isSpare = isWrite && page[record + REFCOUNT] === 2;
  if (
    memcgSwapFull(k, pfn) ||
    (vmFlags & VM_LOCKED) !== 0 ||
    (page[record + FLAGS] & PG_mlocked) !== 0 ||
    isSpare
  )
    folioFreeSwap(k, pfn);
  addRss(k, mm, MM_ANONPAGES, 1);
  addRss(k, mm, MM_SWAPENTS, -1);
  let bits = protLow(vmFlags) | ((low & PTE_SWP_SOFT_DIRTY) !== 0 ? PTE_SOFT_DIRTY : 0);
  const isAlone = isExclusive || page[record + REFCOUNT] === 1;
  let needsCopy = isWrite;
  if (isAlone) {
    if ((vmFlags & VM_WRITE) !== 0) {
      bits |= PTE_RW;
      if (isWrite) {
        bits |= PTE_DIRTY | PTE_SOFT_DIRTY;
        needsCopy = false;
      }
    }
    page[record + FLAGS] |= PG_anonExclusive;
  }
  addSwappedRmap(k, pfn, vma, vpn);
  words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
  words[pte] = pteLow(pfn, bits);
  return needsCopy ? doWpPage(k, vma, vpn, pte) : 0;
}

/** Maps a page that nobody else knows where its entry was; the slot loses a user. Returns 0 or a negative errno. */
export function mapDirect(k: VmState, pfn: Pfn, vma: Vma, vpn: number, flags: number): number {
  const { words } = k.ram;
  const mm = k.vma.mm[vma];
  const vmFlags = k.vma.flags[vma];
  const pte = findRecentPte(k, mm, vpn);
  const low = words[pte];
  if (k.vma.anonVma[vma] === NONE && prepareAnonVma(k, vma) < 0) return FAULT_OOM;
  swapFree(k, words[pte + 1]);
  addRss(k, mm, MM_ANONPAGES, 1);
  addRss(k, mm, MM_SWAPENTS, -1);
  let bits = protLow(vmFlags) | ((low & PTE_SWP_SOFT_DIRTY) !== 0 ? PTE_SOFT_DIRTY : 0);
  const isWrite = (flags & FAULT_FLAG_WRITE) !== 0;
  const mayWrite = (vmFlags & VM_WRITE) !== 0;
  if (mayWrite) bits |= PTE_RW;
  if (mayWrite && isWrite) bits |= PTE_DIRTY | PTE_SOFT_DIRTY;
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_anonExclusive;
  addSwappedRmap(k, pfn, vma, vpn);
  words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
  words[pte] = pteLow(pfn, bits);
  return isWrite && !mayWrite ? doWpPage(k, vma, vpn, pte) : 0;
}

/** The page is mapped: as the VMA's own when nothing mapped it before, else once more. The reference is the entry's. */
export function addSwappedRmap(k: VmState, pfn: Pfn, vma: Vma, vpn: number): void {
  const record = pfn * PAGE_WORDS;
  const { page } = k;
  if ((page[record + MAPPING] & 1) === 0) {
    // A page that others may share belongs to the root of the family (Linux: __folio_set_anon).
    const own = k.vma.anonVma[vma];
    const isOwn = (page[record + FLAGS] & PG_anonExclusive) !== 0;
    page[record + MAPPING] = (isOwn ? own : k.anonVma.root[own]) * 2 + 1;
    page[record + INDEX] = k.vma.pgoff[vma] + (vpn - k.vma.start[vma]);
  }
  if (++page[record + MAPCOUNT] === 1) modLruvecState(k, pfn, NR_ANON_MAPPED, 1);
}
