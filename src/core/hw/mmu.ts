/**
 * The page walk: what the processor does when its TLB has no answer.
 *
 *   vpn  = [pml5 9 bits] pml4 9 bits | pdpt 9 bits | pd 9 bits | pt 9 bits
 *           high (18 or 27 bits)                   | low (18 bits)
 *
 * A walk begins at the last table when the way there is remembered (the processor's paging-structure cache); only ways
 * that withhold no right are, and freeing any table forgets them all.
 *
 * Rights are the conjunction over the levels (NX: the disjunction). Only a walk that succeeds sets the accessed bit,
 * on every level it went through, and, when it stores, the dirty bit of the leaf.
 * Linux: arch/x86/include/asm/pgtable_types.h (6.12)   Doc: Intel SDM vol. 3A, 4.5 to 4.8
 */
import type { Pfn } from "../base/types.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_PRESENT, PTE_PSE, PTE_RW, PTE_USER, ptePfn } from "./pte.ts";
import type { HwState } from "./state.ts";
import { TABLE_CACHE_SLOTS } from "./tlb.ts";
import { RIGHT_DIRTY, RIGHT_EXEC, RIGHT_USER, RIGHT_WRITE, SIZE_1G, SIZE_2M, SIZE_4K } from "./tlb-places.ts";

/** Kinds of access. MODIFY is a read and a write of the same place by one instruction. */
export const ACCESS_LOAD = 0;
export const ACCESS_STORE = 1;
export const ACCESS_FETCH = 2;
export const ACCESS_MODIFY = 3;

/** Rights a kind of access needs in a cached translation; DIRTY so that the first store walks and sets the bit. */
export const NEED_LOAD = RIGHT_USER;
export const NEED_STORE = RIGHT_USER | RIGHT_WRITE | RIGHT_DIRTY;
export const NEED_FETCH = RIGHT_USER | RIGHT_EXEC;

/** What `k.tlb.walk` holds after a successful walk. After a refused one WALK_WORD is the entry of the last level, or -1. */
export const WALK_PFN = 0;
export const WALK_RIGHTS = 1;
export const WALK_SIZE = 2;
export const WALK_WORD = 3;
/**
 * 1 when a fault handler has left there what the walk after it would find, so that it need not be made: an entry that
 * it has just written, accessed and dirty. walkTables clears it.
 */
export const WALK_READY = 4;
/** The entry of the TLB (tlb.ts) that the caller found for the page, or 0. */
export const WALK_ENTRY = 5;

/** Bits of a page fault's error code. */
export const PF_PROT = 1;
export const PF_WRITE = 2;
export const PF_USER = 4;
export const PF_INSTR = 16;

/** The address is not canonical: a general protection fault, not a page fault. */
export const NOT_CANONICAL = -256;

/** True when the vpn's bits above the last implemented one all equal it. Kernel addresses are negative vpns. */
export function isCanonical(k: HwState, vpn: number): boolean {
  const half = k.machine.levels === 5 ? 2 ** 44 : 2 ** 35;
  return vpn < half && vpn >= -half;
}

/**
 * Walks the tables at `pgd` for a user-mode access of `kind`. Returns 0 with the translation in `k.tlb.walk`, or
 * -1 - error code (PF_*) when the access is refused, NOT_CANONICAL when the address cannot exist.
 */
export function walkTables(k: HwState, pgd: Pfn, high: number, low: number, kind: number): number {
  const { tableCache, walk } = k.tlb;
  walk[WALK_READY] = 0;
  const number = low >>> 9;
  const cached = ((number ^ (high << 3) ^ pgd) & (TABLE_CACHE_SLOTS - 1)) << 2;
  if (tableCache[cached + 1] === high && tableCache[cached + 2] === number && tableCache[cached] === pgd) {
    return finishWalk(k, tableCache[cached + 3]! + (low & 511) * 2, PTE_RW | PTE_USER, kind);
  }
  return walkAll(k, pgd, high, low, kind);
}

/** First word of the last table on the way to a page where a walk has been of late, or -1: the way must be gone from the top. */
export function cachedTable(k: HwState, pgd: Pfn, high: number, low: number): number {
  const { tableCache } = k.tlb;
  const number = low >>> 9;
  const cached = ((number ^ (high << 3) ^ pgd) & (TABLE_CACHE_SLOTS - 1)) << 2;
  const isIt =
    tableCache[cached + 1] === high && tableCache[cached + 2] === number && tableCache[cached] === pgd;
  return isIt ? tableCache[cached + 3]! : -1;
}

/** Makes every walk begin at the top again: a table was freed, or an entry above the last level changed. */
export function forgetTables(k: HwState): void {
  k.tlb.tableCache.fill(0);
}

/** The whole way down from the top. */
function walkAll(k: HwState, pgd: Pfn, high: number, low: number, kind: number): number {
  const { words, slot } = k.ram;
  let table = slot[pgd]!;
  k.tlb.walk[WALK_WORD] = -1;
  let rights = PTE_RW | PTE_USER;
  let nx = 0;
  if (k.machine.levels === 5) {
    if (high < 0 || high >= 1 << 26) return refuseHigh(high, 26, kind);
    const at = table * 1024 + (high >>> 18) * 2;
    const entry = words[at]!;
    if ((entry & PTE_PRESENT) === 0) return refuse(kind, 0);
    rights &= entry;
    nx |= words[at + 1]!;
    table = slot[ptePfn(entry, words[at + 1]!)]!;
  } else if (high < 0 || high >= 1 << 17) return refuseHigh(high, 17, kind);
  const pgdAt = table * 1024 + ((high >>> 9) & 511) * 2;
  const pgdEntry = words[pgdAt]!;
  if ((pgdEntry & PTE_PRESENT) === 0) return refuse(kind, 0);
  rights &= pgdEntry;
  nx |= words[pgdAt + 1]!;
  const pudAt = slot[ptePfn(pgdEntry, words[pgdAt + 1]!)]! * 1024 + (high & 511) * 2;
  const pudEntry = words[pudAt]!;
  if ((pudEntry & PTE_PRESENT) === 0) return refuse(kind, 0);
  rights &= pudEntry;
  nx |= words[pudAt + 1]!;
  if ((pudEntry & PTE_PSE) !== 0)
    return finishHuge(k, pudAt, rights | (nx & 0x80000000), low, SIZE_1G * 4 + kind);
  const pmdAt = slot[ptePfn(pudEntry, words[pudAt + 1]!)]! * 1024 + (low >>> 9) * 2;
  const pmdEntry = words[pmdAt]!;
  if ((pmdEntry & PTE_PRESENT) === 0) return refuse(kind, 0);
  rights &= pmdEntry;
  nx |= words[pmdAt + 1]!;
  if ((pmdEntry & PTE_PSE) !== 0)
    return finishHuge(k, pmdAt, rights | (nx & 0x80000000), low, SIZE_2M * 4 + kind);
  const pteAt = slot[ptePfn(pmdEntry, words[pmdAt + 1]!)]! * 1024 + (low & 511) * 2;
  // The upper levels are made with the accessed bit set and only a program of our own could clear it there.
  if ((pmdEntry & pudEntry & pgdEntry & PTE_ACCESSED) === 0) {
    words[pgdAt] = pgdEntry | PTE_ACCESSED;
    words[pudAt] = pudEntry | PTE_ACCESSED;
    words[pmdAt] = pmdEntry | PTE_ACCESSED;
  }
  const upper = rights | (nx & 0x80000000);
  if ((upper & (PTE_RW | PTE_USER)) === (PTE_RW | PTE_USER) && upper >= 0) {
    const cached = (((low >>> 9) ^ (high << 3) ^ pgd) & (TABLE_CACHE_SLOTS - 1)) << 2;
    k.tlb.tableCache[cached] = pgd;
    k.tlb.tableCache[cached + 1] = high;
    k.tlb.tableCache[cached + 2] = low >>> 9;
    k.tlb.tableCache[cached + 3] = pteAt - (low & 511) * 2;
  }
  return finishWalk(k, pteAt, upper, kind);
}

/** The leaf of a walk: checks the rights, sets the bits, leaves the translation of a 4 KiB page. */
function finishWalk(k: HwState, at: number, upper: number, kind: number): number {
  const words = k.ram.words;
  const entry = words[at]!;
  const walk = k.tlb.walk;
  walk[WALK_WORD] = at;
  if ((entry & PTE_PRESENT) === 0) return refuse(kind, 0);
  const high = words[at + 1]!;
  const rights = entry & upper & (PTE_RW | PTE_USER);
  const isExec = (high | (upper & 0x80000000)) >= 0;
  if ((rights & PTE_USER) === 0) return refuse(kind, PF_PROT);
  if ((kind & 1) !== 0) {
    if ((rights & PTE_RW) === 0) return refuse(kind, PF_PROT);
    if ((entry & (PTE_ACCESSED | PTE_DIRTY)) !== (PTE_ACCESSED | PTE_DIRTY))
      words[at] = entry | PTE_ACCESSED | PTE_DIRTY;
    walk[WALK_RIGHTS] = rights | RIGHT_DIRTY | (isExec ? RIGHT_EXEC : 0);
  } else {
    if (kind === ACCESS_FETCH && !isExec) return refuse(kind, PF_PROT);
    if ((entry & PTE_ACCESSED) === 0) words[at] = entry | PTE_ACCESSED;
    walk[WALK_RIGHTS] = rights | (entry & PTE_DIRTY) | (isExec ? RIGHT_EXEC : 0);
  }
  walk[WALK_PFN] = ptePfn(entry, high);
  walk[WALK_SIZE] = SIZE_4K;
  return 0;
}

/** A leaf above the last level: the same, and the frame is the part of the large page that was asked for. */
function finishHuge(k: HwState, at: number, upper: number, low: number, sizeAndKind: number): number {
  const refused = finishWalk(k, at, upper, sizeAndKind & 3);
  if (refused !== 0) return refused;
  const size = sizeAndKind >> 2;
  const walk = k.tlb.walk;
  // Bit 12 of a large leaf is its memory type (PAT), not a frame bit; the base is aligned to the size.
  const mask = size === SIZE_2M ? 511 : 0x3ffff;
  walk[WALK_PFN] = (walk[WALK_PFN]! & ~mask) | (low & mask);
  walk[WALK_SIZE] = size;
  return 0;
}

function refuse(kind: number, present: number): number {
  return (
    -1 - (present | PF_USER | ((kind & 1) !== 0 ? PF_WRITE : 0) | (kind === ACCESS_FETCH ? PF_INSTR : 0))
  );
}

/** The kernel's half is mapped for the supervisor only; between the halves no address exists. */
function refuseHigh(high: number, bits: number, kind: number): number {
  return high < 0 && high >= -(1 << bits) ? refuse(kind, PF_PROT) : NOT_CANONICAL;
}
