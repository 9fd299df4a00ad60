/**
 * mprotect: new permissions for a range, VMA by VMA, and then for every page that is mapped there.
 *
 * A private page is made writable here only when nothing would be copied on the first store: an anonymous page that
 * belongs to this address space alone (PG_anonExclusive). A page of a shared file is made writable when it is dirty
 * already, for then the file system knows of the writing. All others stay read-only and take a fault.
 * What was done to the VMAs before an error stays done.
 * Linux: mm/mprotect.c (6.12)   Doc: man 2 mprotect
 */
import { EACCES, EINVAL, ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE, type Vma, vpnLow } from "../base/types.ts";
import { FLAGS, MAPPING, PAGE_WORDS, PG_anonExclusive } from "../frame/page.ts";
import { CAUSE_SYSCALL, COST_PROTECT_PAGE, spend } from "../hw/clock.ts";
import {
  PTE_DIRTY,
  PTE_MAPPED,
  PTE_NX_HIGH,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SOFT_DIRTY,
  PTE_USER,
} from "../hw/pte.ts";
import { afterHole, findPteTable, NO_PTE_TABLE, normalPage } from "../space/pagetable.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { flushTlbMmRange } from "../space/tlb-flush.ts";
import {
  isAnonymousVma,
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_HUGETLB,
  VM_NORESERVE,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_WRITE,
} from "../space/vma.ts";
import { findVmaIntersection } from "../space/vma-tree.ts";
import { acctMemory, mayExpandVm, vmEnoughMemory, vmStatAccount } from "./accounting.ts";
import { isPageAligned, pageAlign, TWO_TO_64 } from "./bytes.ts";
import { modifyVma, rangeOf } from "./merge.ts";
import { PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP, PROT_READ, PROT_SEM, PROT_WRITE } from "./mman.ts";
import type { VmState } from "./state.ts";

/** Low word bits of an entry that permissions decide. */
const PERMISSION_BITS = PTE_PRESENT | PTE_RW | PTE_USER | PTE_PROTNONE;
/** Bits whose change a TLB must hear of, and bits it must hear of when they go. */
const FLUSH_ON_CHANGE = PTE_RW | PTE_USER | PTE_PROTNONE;
const FLUSH_ON_CLEAR = PTE_PRESENT | PTE_DIRTY;

/**
 * Gives [addr, addr + len) bytes the permissions `prot` (PROT_*). Returns 0, -EINVAL (addr not at a page, unknown bits,
 * PROT_GROWSDOWN outside a stack), -ENOMEM (a hole in the range, a limit, or the promise is refused), or -EACCES (the
 * file behind a mapping does not allow it).
 */
export function doMprotect(k: VmState, mm: Mm, addr: number, len: number, prot: number): number {
  const grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
  const access = prot & ~(PROT_GROWSDOWN | PROT_GROWSUP);
  if (grows === (PROT_GROWSDOWN | PROT_GROWSUP) || !isPageAligned(addr)) return -EINVAL;
  if (len === 0) return 0;
  const bytes = pageAlign(len);
  if (bytes >= TWO_TO_64 || addr + bytes >= TWO_TO_64) return -ENOMEM;
  if ((access & ~(PROT_READ | PROT_WRITE | PROT_EXEC | PROT_SEM)) !== 0) return -EINVAL;
  const end = (addr + bytes) / PAGE_SIZE;
  let start = addr / PAGE_SIZE;
  const vma = findVmaIntersection(k, mm, start, end);
  if (vma === NONE) return -ENOMEM;
  if ((grows & PROT_GROWSDOWN) !== 0) {
    start = k.vma.start[vma];
    if ((k.vma.flags[vma] & VM_GROWSDOWN) === 0) return -EINVAL;
  } else {
    if (k.vma.start[vma] > start) return -ENOMEM;
    if ((grows & PROT_GROWSUP) !== 0) return -EINVAL;
  }
  const flush: FlushRange = { start: Number.POSITIVE_INFINITY, end: 0 };
  const error = protectRange(k, vma, { start, end, flags: access & VM_ACCESS_FLAGS }, flush);
  if (flush.end > 0) flushTlbMmRange(k, mm, flush.start, flush.end, false);
  return error;
}

/** A range in vpns and the flags it is to have. */
interface Change {
  readonly start: number;
  readonly end: number;
  readonly flags: number;
}

/** The pages whose entries changed in a way TLBs must hear of (Linux: struct mmu_gather). */
export interface FlushRange {
  start: number;
  end: number;
}

/** Goes from the VMA that contains the start of the range, part by part. `flags` are the VM_ACCESS_FLAGS asked for. */
function protectRange(k: VmState, first: Vma, range: Change, flush: FlushRange): number {
  const columns = k.vma;
  let vma: Vma = first;
  let from = range.start;
  let prev = from > columns.start[vma] ? vma : columns.prev[vma];
  for (;;) {
    const flags = range.flags | (columns.flags[vma] & ~VM_ACCESS_FLAGS);
    // Each permission has its VM_MAY* bit four places further left.
    if ((flags & ~(flags >> 4) & VM_ACCESS_FLAGS) !== 0) return -EACCES;
    const to = Math.min(columns.end[vma], range.end);
    const result = protectVma(k, prev, vma, { start: from, end: to, flags }, flush);
    if (result < 0) return result;
    // Merging may have taken in the VMA after this part: it has the permissions already.
    prev = result;
    from = columns.end[result];
    if (from >= range.end) return 0;
    vma = columns.next[result];
    if (vma === NONE || columns.start[vma] !== from) return -ENOMEM;
  }
}

/**
 * Changes the flags of a part of one VMA. `prev` is the VMA before that part (the same VMA when the part begins inside
 * it). `flush` grows by the pages to flush. Returns the VMA that has the part now, or -ENOMEM. Linux: mprotect_fixup.
 */
export function protectVma(k: VmState, prev: Vma, vma: Vma, change: Change, flush: FlushRange): Vma {
  const { start, end } = change;
  const mm = k.vma.mm[vma];
  const oldFlags = k.vma.flags[vma];
  let newFlags = change.flags;
  if (newFlags === oldFlags) return vma;
  const pages = end - start;
  let charged = 0;
  // Private memory that becomes writable is promised, once.
  if ((newFlags & VM_WRITE) !== 0) {
    if (!mayExpandVm(k, mm, newFlags, pages) && mayExpandVm(k, mm, oldFlags, pages)) return -ENOMEM;
    if ((oldFlags & (VM_ACCOUNT | VM_WRITE | VM_HUGETLB | VM_SHARED | VM_NORESERVE)) === 0) {
      charged = pages;
      if (vmEnoughMemory(k, mm, charged) < 0) return -ENOMEM;
      newFlags |= VM_ACCOUNT;
    }
  } else if ((oldFlags & VM_ACCOUNT) !== 0 && isAnonymousVma(k, vma) && k.vma.anonVma[vma] === NONE) {
    // Nothing was ever written here, so the promise can be taken back.
    newFlags &= ~VM_ACCOUNT;
  }
  const changed = modifyVma(k, prev, vma, rangeOf(k, vma, start, end, newFlags));
  if (changed < 0) {
    acctMemory(k, -charged);
    return changed;
  }
  k.vma.flags[changed] = newFlags;
  changeProtection(k, changed, start, end, flush);
  if ((oldFlags & VM_ACCOUNT) !== 0 && (newFlags & VM_ACCOUNT) === 0) acctMemory(k, -pages);
  vmStatAccount(k, mm, oldFlags, -pages);
  vmStatAccount(k, mm, newFlags, pages);
  return changed;
}

/** Gives every mapped page in [start, end) the permissions of the VMA (Linux: change_protection). */
function changeProtection(k: VmState, vma: Vma, start: number, end: number, flush: FlushRange): void {
  const mm = k.vma.mm[vma];
  const { words } = k.ram;
  let vpn = start;
  let pages = 0;
  while (vpn < end) {
    const table = findPteTable(k, mm, vpn);
    if (table < 0) {
      vpn = afterHole(vpn, table);
      continue;
    }
    const stop = Math.min(end, afterHole(vpn, NO_PTE_TABLE));
    for (let pte = table + (vpnLow(vpn) & 511) * 2; vpn < stop; vpn++, pte += 2) {
      if ((words[pte] & PTE_MAPPED) === 0) continue;
      pages++;
      if (!changeEntry(k, vma, pte)) continue;
      if (vpn < flush.start) flush.start = vpn;
      if (vpn >= flush.end) flush.end = vpn + 1;
    }
  }
  if (pages !== 0) spend(k, CAUSE_SYSCALL, pages * COST_PROTECT_PAGE);
}

/** Changes one entry. Returns whether a TLB may hold something that is not true any more (Linux: pte_needs_flush). */
function changeEntry(k: VmState, vma: Vma, pte: number): boolean {
  const { words } = k.ram;
  const flags = k.vma.flags[vma];
  const oldLow = words[pte];
  const oldHigh = words[pte + 1];
  // Shared files ask to hear of the first store (write-notify), so no mapping is writable by its flags alone.
  let low = (oldLow & ~PERMISSION_BITS) | (protLow(flags) & PERMISSION_BITS & ~PTE_RW);
  const high = (oldHigh & ~PTE_NX_HIGH) | protHigh(flags);
  if ((flags & VM_WRITE) !== 0 && mayWriteEntry(k, flags, pte)) low |= PTE_RW;
  words[pte] = low;
  words[pte + 1] = high;
  // An entry without PRESENT was in no TLB.
  if ((oldLow & PTE_PRESENT) === 0) return false;
  return (
    ((oldLow ^ low) & FLUSH_ON_CHANGE) !== 0 || (oldLow & ~low & FLUSH_ON_CLEAR) !== 0 || oldHigh !== high
  );
}

/** Whether a store to the page of this entry needs no fault (Linux: can_change_pte_writable). */
function mayWriteEntry(k: VmState, flags: number, pte: number): boolean {
  const low = k.ram.words[pte];
  if ((flags & VM_SOFTDIRTY) === 0 && (low & PTE_SOFT_DIRTY) === 0) return false;
  if ((flags & VM_SHARED) !== 0) return (low & PTE_DIRTY) !== 0;
  // The zero page and page cache pages are copied first.
  const pfn = normalPage(k, pte);
  if (pfn === NONE) return false;
  const page = pfn * PAGE_WORDS;
  return (k.page[page + MAPPING] & 1) !== 0 && (k.page[page + FLAGS] & PG_anonExclusive) !== 0;
}
