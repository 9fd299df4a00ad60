/**
 * Faults on private memory: the first touch of a page, and the first store to a page that is shared or not writable.
 *
 *   absent       read  -> the page of zeros, read-only           (not resident)
 *                write -> a new page of zeros, exclusive
 *   zero page    write -> a new page of zeros
 *   anonymous    write -> exclusive, or nobody else has a reference: the same page, writable again (reuse)
 *                         otherwise: a copy (copy on write), the old page loses a mapping
 *   file page    write -> private: a copy; shared: the file is told, the entry becomes writable (write-notify)
 *
 * A page is exclusive from its birth until a fork shares it; after that a store reuses it only when its last reference
 * is the faulting entry, LRU batches of this CPU being drained first.
 * Linux: mm/memory.c (6.12)   Doc: Documentation/mm/page_tables.rst
 */

import { chargeFolio, chargeFolioTo } from "../alloc/charge.ts";
import { allocPage } from "../alloc/pages.ts";
import { FAULT_OOM, FAULT_SIGBUS } from "../base/errno.ts";
import { type Mm, NONE, type Pfn, ROOT_MEMCG, type Vma } from "../base/types.ts";
import { FLAGS, MAPPING, PAGE_WORDS, PG_anonExclusive, PG_lru, REFCOUNT } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { PGREUSE } from "../frame/vmstat.ts";
import { CAUSE_COW, CAUSE_ZEROING, COST_CLEAR_PAGE, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import { WALK_PFN, WALK_READY, WALK_RIGHTS, WALK_SIZE } from "../hw/mmu.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_RW, PTE_SOFT_DIRTY, PTE_SPECIAL, pteHigh, pteLow } from "../hw/pte.ts";
import { copyContent } from "../hw/ram.ts";
import { RIGHT_DIRTY, RIGHT_EXEC, RIGHT_USER, RIGHT_WRITE, SIZE_4K } from "../hw/tlb-places.ts";
import { balanceDirtyPages } from "../reclaim/balance-dirty.ts";
import { __GFP_COMP, __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../reclaim/gfp.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { folioAddLruVma, lruAddDrain } from "../space/lruvec.ts";
import { addRss, MM_ANONPAGES, MM_FILEPAGES } from "../space/mm.ts";
import { normalPage } from "../space/pagetable.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { addAnonRmap, moveAnonRmap, removeRmap } from "../space/rmap.ts";
import { freeSwapCache } from "../space/swap-cache.ts";
import { flushTlbMmPage } from "../space/tlb-flush.ts";
import { VM_EXEC, VM_MAYSHARE, VM_SHARED, VM_WRITE } from "../space/vma.ts";
import { markMappedDirty } from "../space/writeback.ts";
import { FAULT_FLAG_WRITE } from "./fault-flags.ts";
import { ensurePte } from "./pte-alloc.ts";
import { prepareAnonVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";
import { ZERO_PAGE } from "./zero-page.ts";

const GFP_COPY = GFP_HIGHUSER_MOVABLE | __GFP_COMP;
const GFP_ANON = GFP_COPY | __GFP_ZERO;
/** What an entry gets that is made for a store. */
const DIRTY = PTE_DIRTY | PTE_SOFT_DIRTY;

/**
 * The first touch of a page of private anonymous memory. `entry` is its page table entry, or -1 when a table is missing.
 * Returns 0, FAULT_OOM, or FAULT_SIGBUS in shared memory without a file.
 */
export function doAnonymousPage(k: VmState, vma: Vma, vpn: number, flags: number, entry: number): number {
  const vmFlags = k.vma.flags[vma]!;
  if ((vmFlags & VM_SHARED) !== 0) return FAULT_SIGBUS;
  const mm = k.vma.mm[vma]!;
  const pte = entry >= 0 ? entry : ensurePte(k, mm, vpn);
  if (pte < 0) return FAULT_OOM;
  const { words } = k.ram;
  if ((flags & FAULT_FLAG_WRITE) === 0) {
    const zero = k.zeroPfn[ZERO_PAGE]!;
    words[pte + 1] = pteHigh(zero, protHigh(vmFlags));
    words[pte] = pteLow(zero, protLow(vmFlags) | PTE_SPECIAL);
    return 0;
  }
  if (k.vma.anonVma[vma] === NONE && prepareAnonVma(k, vma) < 0) return FAULT_OOM;
  const pfn = allocPage(k, GFP_ANON);
  if (pfn < 0) return FAULT_OOM;
  if (k.mm.memcg[mm] !== ROOT_MEMCG && chargeNew(k, pfn, mm) < 0) return FAULT_OOM;
  spend(k, CAUSE_ZEROING, COST_CLEAR_PAGE);
  addRss(k, mm, MM_ANONPAGES, 1);
  addAnonRmap(k, pfn, vma, vpn);
  folioAddLruVma(k, pfn, vmFlags);
  words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
  words[pte] = pteLow(pfn, protLow(vmFlags) | ((vmFlags & VM_WRITE) !== 0 ? PTE_RW | DIRTY : 0));
  leaveTranslation(k, pfn, vmFlags);
  return 0;
}

/** A store to a page that is there but not writable, in a VMA that is. `pte` is its entry. Returns 0 or FAULT_OOM. */
export function doWpPage(k: VmState, vma: Vma, vpn: number, pte: number): number {
  const pfn = normalPage(k, pte);
  if ((k.vma.flags[vma]! & (VM_SHARED | VM_MAYSHARE)) !== 0) {
    if (pfn !== NONE) markMappedDirty(k, pfn);
    reuse(k, vma, pte);
    if (pfn !== NONE) balanceDirtyPages(k, k.file.inode[k.vma.file[vma]]);
    return 0;
  }
  if (pfn !== NONE && (k.page[pfn * PAGE_WORDS + MAPPING]! & 1) !== 0) {
    const at = pfn * PAGE_WORDS + FLAGS;
    if ((k.page[at]! & PG_anonExclusive) !== 0 || canReuse(k, pfn, vma)) {
      k.page[at]! |= PG_anonExclusive;
      reuse(k, vma, pte);
      return 0;
    }
  }
  return copyPage(k, vma, vpn, pte);
}

/** Makes an entry writable and dirty where it is (Linux: wp_page_reuse). */
function reuse(k: VmState, vma: Vma, pte: number): void {
  const isWritable = (k.vma.flags[vma]! & VM_WRITE) !== 0;
  k.ram.words[pte]! |= PTE_ACCESSED | DIRTY | (isWritable ? PTE_RW : 0);
  k.vmstat.event[PGREUSE]!++;
}

/** Whether the faulting entry holds the page's last reference; then the page is this VMA's own from now on. */
function canReuse(k: VmState, pfn: Pfn, vma: Vma): boolean {
  const record = pfn * PAGE_WORDS;
  if (k.page[record + REFCOUNT]! > 3) return false;
  if ((k.page[record + FLAGS]! & PG_lru) === 0) lruAddDrain(k);
  if (k.page[record + REFCOUNT] !== 1) return false;
  moveAnonRmap(k, pfn, vma);
  return true;
}

/** Copy on write: a new page with the old one's contents takes its place (Linux: wp_page_copy). */
function copyPage(k: VmState, vma: Vma, vpn: number, pte: number): number {
  const mm = k.vma.mm[vma]!;
  if (prepareAnonVma(k, vma) < 0) return FAULT_OOM;
  const old = normalPage(k, pte);
  const { words } = k.ram;
  const before = words[pte]!;
  const beforeHigh = words[pte + 1]!;
  // The old page must not go while room is made for the new one; it may lose this mapping meanwhile.
  if (old !== NONE) getFolio(k, old);
  const pfn = allocPage(k, old === NONE ? GFP_ANON : GFP_COPY);
  const isCharged = pfn > 0 && (k.mm.memcg[mm] === ROOT_MEMCG || chargeCopy(k, pfn, mm) === 0);
  if (!isCharged || words[pte] !== before || words[pte + 1] !== beforeHigh) {
    if (isCharged) putFolio(k, pfn);
    if (old !== NONE) putFolio(k, old);
    return isCharged ? 0 : FAULT_OOM;
  }
  if (old !== NONE) putFolio(k, old);
  if (old === NONE) {
    spend(k, CAUSE_ZEROING, COST_CLEAR_PAGE);
    addRss(k, mm, MM_ANONPAGES, 1);
  } else {
    copyContent(k, old, pfn);
    spend(k, CAUSE_COW, COST_COPY_PAGE);
    if ((k.page[old * PAGE_WORDS + MAPPING]! & 1) === 0) {
      addRss(k, mm, MM_FILEPAGES, -1);
      addRss(k, mm, MM_ANONPAGES, 1);
    }
  }
  flushTlbMmPage(k, mm, vpn);
  addAnonRmap(k, pfn, vma, vpn);
  const vmFlags = k.vma.flags[vma]!;
  folioAddLruVma(k, pfn, vmFlags);
  words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
  words[pte] = pteLow(pfn, protLow(vmFlags) | DIRTY | ((vmFlags & VM_WRITE) !== 0 ? PTE_RW : 0));
  leaveTranslation(k, pfn, vmFlags);
  if (old !== NONE) {
    removeRmap(k, old);
    freeSwapCache(k, old);
    putFolio(k, old);
  }
  return 0;
}

/** Charges a new page to the address space's cgroup; without room it is given back. Returns 0 or a negative errno. */
function chargeNew(k: VmState, pfn: Pfn, mm: Mm): number {
  const error = chargeFolio(k, pfn, mm, GFP_KERNEL);
  if (error < 0) freePage(k, pfn);
  return error;
}

/** The same for a copy: what is above memory.high is made good for when the fault is over, or the old page could go first. */
function chargeCopy(k: VmState, pfn: Pfn, mm: Mm): number {
  const error = chargeFolioTo(k, pfn, k.mm.memcg[mm]!, GFP_KERNEL);
  if (error < 0) freePage(k, pfn);
  return error;
}

/** What the walk after this fault would find in the entry just written for a store: the frame, and every right. */
function leaveTranslation(k: VmState, pfn: Pfn, vmFlags: number): void {
  if ((vmFlags & VM_WRITE) === 0) return;
  const walk = k.tlb.walk;
  walk[WALK_PFN] = pfn;
  walk[WALK_RIGHTS] = RIGHT_USER | RIGHT_WRITE | RIGHT_DIRTY | ((vmFlags & VM_EXEC) !== 0 ? RIGHT_EXEC : 0);
  walk[WALK_SIZE] = SIZE_4K;
  walk[WALK_READY] = 1;
}
