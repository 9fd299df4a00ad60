/**
 * fork's copy of an address space: the same VMAs, and the entries of those whose pages cannot be found again.
 *
 *   parent's VMA                       child's entries
 *   has anonymous pages (anon_vma)     copied; private writable ones lose W in both, their pages are shared
 *   frames of the kernel (PFNMAP)      copied
 *   anything else                      none: its faults will find the pages in the page cache
 *
 * A copied entry is old (not accessed) in the child, and clean when the mapping is shared. The pages stop being
 * exclusive, so the first store on either side copies.
 * Linux: kernel/fork.c dup_mmap, mm/memory.c copy_page_range (6.12)   Doc: Documentation/mm/page_tables.rst
 */
import { ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, type Pfn, type Vma, vpnLow } from "../base/types.ts";
import { FLAGS, MAPCOUNT, MAPPING, PAGE_WORDS, PG_anonExclusive, REFCOUNT } from "../frame/page.ts";
import { CAUSE_FORK, COST_FORK_PAGE, spend } from "../hw/clock.ts";
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_MAPPED,
  PTE_POISONED_HIGH,
  PTE_RW,
  PTE_SPECIAL,
  PTE_SWP_EXCLUSIVE,
  ptePfn,
} from "../hw/pte.ts";
import { getFile } from "../space/file.ts";
import { addRss, MM_ANONPAGES, MM_FILEPAGES, MM_SWAPENTS, readMmRss } from "../space/mm.ts";
import { afterHole, findPteTable, NO_PMD_TABLE, NO_PTE_TABLE } from "../space/pagetable.ts";
import { addFileRmap } from "../space/rmap.ts";
import { swapDuplicate } from "../space/swap.ts";
import { flushTlbMmAll } from "../space/tlb-flush.ts";
import { isCowMapping, VM_MIXEDMAP, VM_PFNMAP, VM_SHARED, VM_WIPEONFORK } from "../space/vma.ts";
import { ensurePmdTable, ensurePte, ensurePudTable } from "./pte-alloc.ts";
import type { VmState } from "./state.ts";
import { dupVma } from "./vma-dup.ts";

/**
 * Makes `child`, an empty address space, a copy of `parent`. Returns 0, or -ENOMEM (no memory, or the promise is
 * refused): the child then holds a part of it and is to be put.
 */
export function dupMmap(k: VmState, parent: Mm, child: Mm): number {
  const columns = k.mm;
  for (const total of [columns.totalVm, columns.dataVm, columns.execVm, columns.stackVm])
    total[child] = total[parent]!;
  for (const place of layoutColumns(k)) place[child] = place[parent]!;
  columns.layout[child] = columns.layout[parent]!;
  columns.exeFile[child] = columns.exeFile[parent]!;
  if (columns.exeFile[child] !== NONE) getFile(k, columns.exeFile[child]!);
  columns.hiwaterVm[child] = columns.totalVm[parent]!;
  let error = 0;
  for (let vma = columns.firstVma[parent]!; vma !== NONE && error === 0; vma = k.vma.next[vma]!) {
    const copy = dupVma(k, vma, child);
    if (copy < 0) error = -ENOMEM;
    else if (copy !== NONE && (k.vma.flags[copy]! & VM_WIPEONFORK) === 0) error = copyPageRange(k, copy, vma);
  }
  // Entries of the parent lost their write permission.
  flushTlbMmAll(k, parent);
  columns.hiwaterRss[child] = readMmRss(k, child);
  return error;
}

/** Copies the entries of a VMA to its copy in the child. Returns 0 or -ENOMEM. */
export function copyPageRange(k: VmState, dst: Vma, src: Vma): number {
  if ((k.vma.flags[src]! & (VM_PFNMAP | VM_MIXEDMAP)) === 0 && k.vma.anonVma[src] === NONE) return 0;
  const parent = k.vma.mm[src]!;
  const child = k.vma.mm[dst]!;
  const end = k.vma.end[src]!;
  let vpn = k.vma.start[src]!;
  while (vpn < end) {
    const table = findPteTable(k, parent, vpn);
    if (table < 0) {
      // The child gets the upper tables that the parent has, even where they lead to nothing.
      const upper =
        table === NO_PTE_TABLE
          ? ensurePmdTable(k, child, vpn)
          : table === NO_PMD_TABLE
            ? ensurePudTable(k, child, vpn)
            : 0;
      if (upper < 0) return -ENOMEM;
      vpn = afterHole(vpn, table);
      continue;
    }
    const stop = Math.min(end, afterHole(vpn, NO_PTE_TABLE));
    const to = ensurePte(k, child, vpn);
    if (to < 0) return -ENOMEM;
    const counts = copyTable(k, dst, table + (vpnLow(vpn) & 511) * 2, to, stop - vpn);
    if (counts !== 0) countCopied(k, child, counts);
    vpn = stop;
  }
  return 0;
}

/**
 * Copies `count` entries from word `from` to word `to`; both runs lie in one table each. Returns anonymous pages plus
 * 1024 times file pages.
 */
function copyTable(k: VmState, dst: Vma, from: number, to: number, count: number): number {
  const { words } = k.ram;
  const { page } = k;
  const flags = k.vma.flags[dst]!;
  const keep = isCowMapping(flags) ? ~PTE_RW : ~0;
  const clear = ~((flags & VM_SHARED) !== 0 ? PTE_ACCESSED | PTE_DIRTY : PTE_ACCESSED);
  let anon = 0;
  let file = 0;
  for (let i = 0; i < count; i++) {
    const at = from + i * 2;
    const low = words[at]!;
    const high = words[at + 1]!;
    if ((low & PTE_MAPPED) === 0) {
      if (high === 0) continue;
      if (high === PTE_POISONED_HIGH) {
        words[to + i * 2 + 1] = high;
        continue;
      }
      swapDuplicate(k, high);
      words[at] = low & ~PTE_SWP_EXCLUSIVE;
      words[to + i * 2] = low & ~PTE_SWP_EXCLUSIVE;
      words[to + i * 2 + 1] = high;
      addRss(k, k.vma.mm[dst]!, MM_SWAPENTS, 1);
      continue;
    }
    if ((low & PTE_SPECIAL) === 0) {
      const record = ptePfn(low, high) * PAGE_WORDS;
      if ((page[record + MAPPING]! & 1) !== 0) {
        page[record + REFCOUNT]!++;
        page[record + MAPCOUNT]!++;
        page[record + FLAGS]! &= ~PG_anonExclusive;
        anon++;
      } else {
        copyFilePage(k, ptePfn(low, high));
        file++;
      }
    }
    words[at] = low & keep;
    words[to + i * 2] = low & keep & clear;
    words[to + i * 2 + 1] = high;
  }
  return anon + file * 1024;
}

function copyFilePage(k: VmState, pfn: Pfn): void {
  k.page[pfn * PAGE_WORDS + REFCOUNT]!++;
  addFileRmap(k, pfn);
}

/** The counts of one table go to the child at once, as Linux adds them. */
function countCopied(k: VmState, child: Mm, counts: number): void {
  const anon = counts & 1023;
  const file = counts >> 10;
  if (file !== 0) addRss(k, child, MM_FILEPAGES, file);
  if (anon !== 0) addRss(k, child, MM_ANONPAGES, anon);
  spend(k, CAUSE_FORK, (anon + file) * COST_FORK_PAGE);
}

/** Where things lie, which the child inherits as numbers. */
function layoutColumns(k: VmState): Float64Array[] {
  const m = k.mm;
  return [
    m.startCode,
    m.endCode,
    m.startData,
    m.endData,
    m.startBrk,
    m.brk,
    m.startStack,
    m.argStart,
    m.argEnd,
    m.envStart,
    m.envEnd,
    m.mmapBase,
    m.mmapLegacyBase,
    m.vdso,
  ];
}
