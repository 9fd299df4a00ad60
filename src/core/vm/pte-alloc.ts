/**
 * Making page tables: a missing table is a zeroed frame from the allocator, entered into the table above it.
 *
 * Tables of the last three levels count in VmPTE and in nr_page_table_pages; the top one, and with five levels the one
 * below it, do not. All are charged to the cgroup of the task that makes them.
 * Linux: mm/memory.c, arch/x86/mm/pgtable.c, include/asm-generic/pgalloc.h (6.12)   Doc: Documentation/mm/page_tables.rst
 */

import { chargeKernelPage } from "../alloc/charge.ts";
import { allocPages } from "../alloc/pages.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Mm, PAGE_SIZE, type Pfn, vpnHigh, vpnLow } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_table } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { NR_PAGETABLE } from "../frame/vmstat.ts";
import { PTE_PRESENT, PTE_TABLE, pteHigh, pteLow, ptePfn } from "../hw/pte.ts";
import { takeSlot } from "../hw/ram.ts";
import { GFP_PGTABLE_USER } from "../reclaim/gfp.ts";
import { modLruvecState } from "../space/memcg-count.ts";
import { findPteTable } from "../space/pagetable.ts";
import type { VmState } from "./state.ts";

/** A table that counts in VmPTE, and one that does not. */
const COUNTED = 1;
const UNCOUNTED = 0;

/** Index in `k.ram.words` of the entry for `vpn`, its tables made where missing; -ENOMEM when there is no memory. */
export function ensurePte(k: VmState, mm: Mm, vpn: number): number {
  const table = findPteTable(k, mm, vpn);
  const low = vpnLow(vpn);
  if (table >= 0) return table + (low & 511) * 2;
  const pmd = ensurePmdTable(k, mm, vpn);
  if (pmd < 0) return pmd;
  const made = ensureBelow(k, mm, pmd + (low >>> 9) * 2, COUNTED);
  return made < 0 ? made : made + (low & 511) * 2;
}

/** The same down to the table above the last, which a fault makes before it knows whether it will succeed. */
export function ensurePmdTable(k: VmState, mm: Mm, vpn: number): number {
  const table = ensurePudTable(k, mm, vpn);
  return table < 0 ? table : ensureBelow(k, mm, table + (vpnHigh(vpn) & 511) * 2, COUNTED);
}

/** The same down to the table above that one. */
export function ensurePudTable(k: VmState, mm: Mm, vpn: number): number {
  const high = vpnHigh(vpn);
  let table = k.ram.slot[k.mm.pgd[mm]!]! * 1024;
  if (k.machine.levels === 5) {
    table = ensureBelow(k, mm, table + (high >>> 18) * 2, UNCOUNTED);
    if (table < 0) return table;
  }
  return ensureBelow(k, mm, table + ((high >>> 9) & 511) * 2, COUNTED);
}

/** A zeroed table of its own for an address space: its top (Linux: pgd_alloc). Returns the frame or -ENOMEM. */
export function allocPgd(k: VmState): Pfn {
  return allocTable(k);
}

/** The table an entry points to, made when the entry is empty. Index of its first word, or -ENOMEM. */
function ensureBelow(k: VmState, mm: Mm, at: number, counted: number): number {
  const { words, slot } = k.ram;
  if ((words[at]! & PTE_PRESENT) !== 0) return slot[ptePfn(words[at]!, words[at + 1]!)]! * 1024;
  const pfn = allocTable(k);
  if (pfn < 0) return pfn;
  if (counted === COUNTED) {
    k.mm.pgtablesBytes[mm]! += PAGE_SIZE;
    modLruvecState(k, pfn, NR_PAGETABLE, 1);
  }
  words[at] = pteLow(pfn, PTE_TABLE);
  words[at + 1] = pteHigh(pfn, 0);
  return slot[pfn]! * 1024;
}

function allocTable(k: VmState): Pfn {
  const pfn = allocPages(k, GFP_PGTABLE_USER, 0);
  if (pfn < 0) return -ENOMEM;
  if (chargeKernelPage(k, pfn, GFP_PGTABLE_USER) < 0) {
    freePage(k, pfn);
    return -ENOMEM;
  }
  takeSlot(k, pfn);
  k.page[pfn * PAGE_WORDS + FLAGS]! |= PG_table;
  return pfn;
}
