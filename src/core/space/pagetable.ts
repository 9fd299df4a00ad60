/**
 * Page tables as the kernel reads them: from an address space and a vpn to the words of an entry. A table is a frame
 * whose content is 512 entries of two words; an entry is named by the index of its low word in `k.ram.words`.
 *
 *   pgd -> [p4d with 5 levels] -> pud (512 GiB) -> pmd (1 GiB) -> pte table (2 MiB) -> entry
 *
 * Linux: include/linux/pgtable.h, mm/pagewalk.c (6.12)   Doc: Documentation/mm/page_tables.rst
 */
import { bug } from "../base/bug.ts";
import { type Mm, NONE, PAGE_SIZE, type Pfn, vpnHigh, vpnLow } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_table } from "../frame/page.ts";
import { cachedTable } from "../hw/mmu.ts";
import { PTE_MAPPED, PTE_PRESENT, PTE_PSE, PTE_SPECIAL, ptePfn } from "../hw/pte.ts";
import type { SpaceState } from "./state.ts";

/** Pages below one entry of each level, and so below one table of the level before: PTE, PMD, PUD, P4D, PGD. */
export const PAGES_PER_PTE_TABLE = 512;
export const PAGES_PER_PMD_TABLE = 262144;
export const PAGES_PER_PUD_TABLE = 134217728;
export const PAGES_PER_P4D_TABLE = 68719476736;

/** Answers of findPteTable when a table is missing: nothing is mapped up to the next multiple of … pages. */
export const NO_PTE_TABLE = -1;
export const NO_PMD_TABLE = -2;
export const NO_PUD_TABLE = -3;
export const NO_P4D_TABLE = -4;
const SPAN: readonly number[] = [
  1,
  PAGES_PER_PTE_TABLE,
  PAGES_PER_PMD_TABLE,
  PAGES_PER_PUD_TABLE,
  PAGES_PER_P4D_TABLE,
];

/** The table (index of its first word) that an upper entry points to, or NO_* of the level below it. */
function below(k: SpaceState, at: number, missing: number): number {
  const entry = k.ram.words[at]!;
  // A large page is no table; nothing on Linux's side makes one here.
  if ((entry & (PTE_PRESENT | PTE_PSE)) !== PTE_PRESENT) return missing;
  return k.ram.slot[ptePfn(entry, k.ram.words[at + 1]!)]! * 1024;
}

/** Index of the first word of the PTE table that covers the vpn, or a negative NO_* that says how much is missing. */
export function findPteTable(k: SpaceState, mm: Mm, vpn: number): number {
  const high = vpnHigh(vpn);
  let table = k.ram.slot[k.mm.pgd[mm]!]! * 1024;
  if (k.machine.levels === 5) {
    table = below(k, table + (high >>> 18) * 2, NO_P4D_TABLE);
    if (table < 0) return table;
  }
  table = below(k, table + ((high >>> 9) & 511) * 2, NO_PUD_TABLE);
  if (table < 0) return table;
  table = below(k, table + (high & 511) * 2, NO_PMD_TABLE);
  if (table < 0) return table;
  return below(k, table + (vpnLow(vpn) >>> 9) * 2, NO_PTE_TABLE);
}

/** Frame of the table whose entries cover 2 MiB each and one of which covers the vpn, or a negative NO_*. */
export function findPmdTable(k: SpaceState, mm: Mm, vpn: number): Pfn {
  const { words } = k.ram;
  const high = vpnHigh(vpn);
  let table = k.ram.slot[k.mm.pgd[mm]!]! * 1024;
  if (k.machine.levels === 5) {
    table = below(k, table + (high >>> 18) * 2, NO_P4D_TABLE);
    if (table < 0) return table;
  }
  table = below(k, table + ((high >>> 9) & 511) * 2, NO_PUD_TABLE);
  if (table < 0) return table;
  const at = table + (high & 511) * 2;
  if ((words[at]! & (PTE_PRESENT | PTE_PSE)) !== PTE_PRESENT) return NO_PMD_TABLE;
  return ptePfn(words[at]!, words[at + 1]!);
}

/** The first vpn after the hole that findPteTable answered with. */
export function afterHole(vpn: number, missing: number): number {
  const span = SPAN[-missing]!;
  return (Math.floor(vpn / span) + 1) * span;
}

/** Index of the entry's low word in `k.ram.words`, or -1 when a table on the way is missing. */
export function findPte(k: SpaceState, mm: Mm, vpn: number): number {
  const table = findPteTable(k, mm, vpn);
  return table < 0 ? -1 : table + (vpnLow(vpn) & 511) * 2;
}

/** The same for a page that is likely in use: where the processor's walks have been of late, the upper tables are not read. */
export function findRecentPte(k: SpaceState, mm: Mm, vpn: number): number {
  const low = vpnLow(vpn);
  const table = cachedTable(k, k.mm.pgd[mm]!, vpnHigh(vpn), low);
  return table < 0 ? findPte(k, mm, vpn) : table + (low & 511) * 2;
}

/** The frame an entry maps with a reference count of its own, or NONE: absent, or special (zero page, vvar). */
export function normalPage(k: SpaceState, pte: number): Pfn {
  const low = k.ram.words[pte]!;
  if ((low & PTE_MAPPED) === 0 || (low & PTE_SPECIAL) !== 0) return NONE;
  return ptePfn(low, k.ram.words[pte + 1]!);
}

/**
 * The first vpn in [vpn, end) with an entry that is not empty, or `end`. Loops over a range ask again from the next
 * vpn: no callback, no allocation. For hot loops take whole tables with findPteTable and afterHole.
 */
export function nextMapped(k: SpaceState, mm: Mm, vpn: number, end: number): number {
  const { words } = k.ram;
  let at = vpn;
  while (at < end) {
    const table = findPteTable(k, mm, at);
    if (table < 0) {
      at = afterHole(at, table);
      continue;
    }
    const stop = Math.min(end, afterHole(at, NO_PTE_TABLE));
    for (let pte = table + (vpnLow(at) & 511) * 2; at < stop; at++, pte += 2) {
      if ((words[pte]! | words[pte + 1]!) !== 0) return at;
    }
  }
  return end;
}

/** Calls `visit` for every entry in [start, end) that is not empty, in order. Not for hot loops. */
export function forEachPte(
  k: SpaceState,
  mm: Mm,
  start: number,
  end: number,
  visit: (vpn: number, pte: number) => void,
): void {
  for (let vpn = nextMapped(k, mm, start, end); vpn < end; vpn = nextMapped(k, mm, vpn + 1, end)) {
    visit(vpn, findPte(k, mm, vpn));
  }
}

/**
 * Walks every table of every address space. Bug when a table is not marked as one, when pgtablesBytes is not what a
 * recount gives, or when an entry lies outside every VMA.
 */
export function checkPageTables(k: SpaceState): void {
  for (let mm = 1; mm < k.mm.users.length && mm < k.mm.rowCount[1]!; mm++) {
    if (k.mm.pgd[mm] === NONE) continue;
    const counted = countTables(k, k.mm.pgd[mm]!, k.machine.levels) - 1;
    // Tables of the fifth level are not counted, as in Linux.
    const uncounted = k.machine.levels === 5 ? countEntries(k, k.mm.pgd[mm]!) : 0;
    const bytes = (counted - uncounted) * PAGE_SIZE;
    if (bytes !== k.mm.pgtablesBytes[mm])
      bug(`page tables of ${mm} take ${bytes} bytes, not ${k.mm.pgtablesBytes[mm]}`);
    checkMappedInVmas(k, mm);
  }
}

function checkMappedInVmas(k: SpaceState, mm: Mm): void {
  const top = k.machine.levels === 5 ? 2 ** 44 : 2 ** 35;
  let vma = k.mm.firstVma[mm]!;
  for (let vpn = nextMapped(k, mm, 0, top); vpn < top; vpn = nextMapped(k, mm, vpn + 1, top)) {
    while (vma !== NONE && k.vma.end[vma]! <= vpn) vma = k.vma.next[vma]!;
    if (vma === NONE || k.vma.start[vma]! > vpn) bug(`page ${vpn} of ${mm} is mapped outside every VMA`);
  }
}

function countEntries(k: SpaceState, table: Pfn): number {
  const first = k.ram.slot[table]! * 1024;
  let count = 0;
  for (let at = first; at < first + 1024; at += 2) if ((k.ram.words[at]! & PTE_PRESENT) !== 0) count++;
  return count;
}

function countTables(k: SpaceState, table: Pfn, level: number): number {
  if ((k.page[table * PAGE_WORDS + FLAGS]! & PG_table) === 0)
    bug(`frame ${table} is used as a page table but not marked`);
  if (k.ram.slot[table] === NONE) bug(`page table ${table} has no contents`);
  if (level === 1) return 1;
  const first = k.ram.slot[table]! * 1024;
  let count = 1;
  for (let at = first; at < first + 1024; at += 2) {
    const entry = k.ram.words[at]!;
    if ((entry & (PTE_PRESENT | PTE_PSE)) === PTE_PRESENT)
      count += countTables(k, ptePfn(entry, k.ram.words[at + 1]!), level - 1);
  }
  return count;
}
