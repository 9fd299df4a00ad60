/**
 * Walks the page table entries of a VMA for the files that report on pages (smaps, pagemap): from table to table, so
 * that a large mapping with few pages costs little.
 * Linux: mm/pagewalk.c (6.12)   Doc: Documentation/mm/page_tables.rst
 */
import { NONE, type Mm } from "../../base/types.ts";
import { PTE_PRESENT, PTE_SPECIAL, PTRS_PER_TABLE, ptePfn } from "../../hw/pte.ts";
import { findPte } from "../../space/pagetable.ts";
import type { AbiState } from "../state.ts";

/** Called for each entry that is not empty: the page it translates, and the entry's two words. */
export type EntryVisitor = (vpn: number, low: number, high: number) => void;

/** Visits every non-empty last-level entry of [from, to) in the address space, upwards. */
export function forEachEntry(k: AbiState, mm: Mm, from: number, to: number, visit: EntryVisitor): void {
  const { words } = k.ram;
  let vpn = from;
  while (vpn < to) {
    const nextTable = (Math.floor(vpn / PTRS_PER_TABLE) + 1) * PTRS_PER_TABLE;
    const stop = Math.min(nextTable, to);
    let at = findPte(k, mm, vpn);
    if (at >= 0) {
      for (; vpn < stop; vpn++, at += 2) {
        const low = words[at];
        const high = words[at + 1];
        if ((low | high) !== 0) visit(vpn, low, high);
      }
    }
    vpn = stop;
  }
}

/**
 * The page an entry maps as /proc counts pages: NONE for an entry that is not present, the zero page, and frames
 * without a page record of their own, such as the vvar (Linux: vm_normal_page).
 */
export function normalPage(low: number, high: number): number {
  return (low & (PTE_PRESENT | PTE_SPECIAL)) === PTE_PRESENT ? ptePfn(low, high) : NONE;
}
