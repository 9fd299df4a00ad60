/**
 * Taking mappings away: entries, then the pages nobody else has, then the tables that are left empty, then the TLBs.
 *
 *   gatherMmu          open (munmap of several VMAs is one gather, so that it flushes once)
 *     zapRange …       clear entries, count down, free what has no reference left
 *     freePageTables   a table goes when no VMA reaches into the range it covers:
 *
 *          floor: end of the VMA below      ceiling: start of the VMA above
 *            |====|..................|-- unmapped --|.........|====|
 *                 [ tables wholly inside floor … ceiling go       ]
 *   finishMmu          one flush of what was cleared
 *
 * Nothing else runs in between, so pages go back to the allocator a page table's worth at a time, before the flush; how
 * often Linux flushes on the way (every 9678 pages, and after dirty file pages) is kept.
 * Linux: mm/memory.c, mm/mmu_gather.c (6.12)   Doc: Documentation/mm/page_tables.rst
 */
import { bug } from "../base/bug.ts";
import { type Mm, NONE, PAGE_SIZE, type Pfn, ROOT_MEMCG, type Vma, vpnLow } from "../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  NEXT,
  PAGE_WORDS,
  PG_lru,
  PG_swapbacked,
  PG_swapcache,
  PG_table,
  PREV,
  REFCOUNT,
} from "../frame/page.ts";
import { freePage, freePageList } from "../frame/pcp.ts";
import { NR_PAGETABLE } from "../frame/vmstat.ts";
import { CAUSE_EXIT, CAUSE_MUNMAP, COST_ZAP_PAGE, spend } from "../hw/clock.ts";
import { forgetTables } from "../hw/mmu.ts";
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_MAPPED,
  PTE_POISONED_HIGH,
  PTE_PRESENT,
  PTE_PSE,
  PTE_SPECIAL,
  ptePfn,
} from "../hw/pte.ts";
import { putFolio } from "./folio.ts";
import { GEN_PLACE_BITS } from "./lru-gen.ts";
import { lruAddDrain, markPageAccessed } from "./lruvec.ts";
import { unchargeKernelPage, unchargePage } from "./memcg.ts";
import { modLruvecState } from "./memcg-count.ts";
import { addRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS, updateHiwaterRss } from "./mm.ts";
import { afterHole, findPteTable, NO_PTE_TABLE } from "./pagetable.ts";
import { removeRmap } from "./rmap.ts";
import type { SpaceState } from "./state.ts";
import { freeSwapCache } from "./swap-cache.ts";
import { flushTlbMmRange } from "./tlb-flush.ts";
import { VM_RAND_READ, VM_SEQ_READ } from "./vma.ts";
import { markMappedDirty } from "./writeback.ts";
import { beginZapRun, countZapRun, RUN_FLAGS, zapRunRow } from "./zap-run.ts";
import { zapSwapEntries } from "./zap-swap.ts";

/** Fields of `k.lruvec.gatherRange`. The range is in vpns; empty when start >= end. */
const GATHER_MM = 0;
const GATHER_START = 1;
const GATHER_END = 2;
const GATHER_PAGES = 3;
const GATHER_TABLES = 4;
const GATHER_FULL = 5;

/** Pages Linux gathers before it must flush: 7 in the structure itself and 19 pages of 509 (Linux: MAX_GATHER_BATCH_COUNT). */
const GATHER_LIMIT = 7 + 19 * 509;

/** Opens an unmapping; `full`: the whole address space goes. Between it and finishMmu, zapRange and freePageTables add to it. */
export function gatherMmu(k: SpaceState, mm: Mm, full = false): void {
  const gather = k.lruvec.gatherRange;
  if (gather[GATHER_MM] !== NONE) bug(`an unmapping of address space ${gather[GATHER_MM]} is open already`);
  resetGather(k);
  gather[GATHER_MM] = mm;
  gather[GATHER_PAGES] = 0;
  gather[GATHER_FULL] = full ? 1 : 0;
}

/** Flushes what was cleared from the TLBs and closes the unmapping. */
export function finishMmu(k: SpaceState): void {
  flushGather(k);
  k.lruvec.gatherRange[GATHER_MM] = NONE;
}

/**
 * Removes every mapping in the vpns [start, end) of a VMA and frees the pages that nobody else has. The VMA and its page
 * tables stay. Inside an open unmapping it adds to it; otherwise it is one by itself.
 */
export function zapRange(k: SpaceState, mm: Mm, vma: Vma, start: number, end: number): void {
  const isOpen = k.lruvec.gatherRange[GATHER_MM] !== NONE;
  if (!isOpen) {
    lruAddDrain(k);
    gatherMmu(k, mm);
    updateHiwaterRss(k, mm);
  }
  let vpn = start;
  while (vpn < end) {
    const table = findPteTable(k, mm, vpn);
    if (table < 0) {
      vpn = afterHole(vpn, table);
      continue;
    }
    const stop = Math.min(end, afterHole(vpn, NO_PTE_TABLE));
    zapTable(k, vma, vpn, stop - vpn, table + (vpnLow(vpn) & 511) * 2);
    vpn = stop;
  }
  if (!isOpen) finishMmu(k);
}

/** zapRange for every VMA from `first` to `last`, whole, as munmap does with VMAs it has cut to size. */
export function zapVmas(k: SpaceState, mm: Mm, first: Vma, last: Vma): void {
  lruAddDrain(k);
  updateHiwaterRss(k, mm);
  const isOpen = k.lruvec.gatherRange[GATHER_MM] !== NONE;
  if (!isOpen) gatherMmu(k, mm);
  let vma = first;
  for (;;) {
    zapRange(k, mm, vma, k.vma.start[vma]!, k.vma.end[vma]!);
    if (vma === last) break;
    vma = k.vma.next[vma]!;
  }
  if (!isOpen) finishMmu(k);
}

/**
 * Frees the page tables that cover nothing outside the vpns [floor, ceiling): floor is the end of the VMA below what
 * was unmapped (0 when there is none), ceiling the start of the VMA above (0 or the end of user space: no limit).
 * Their entries are empty by now.
 */
export function freePageTables(k: SpaceState, mm: Mm, floor: number, ceiling: number): void {
  const isOpen = k.lruvec.gatherRange[GATHER_MM] !== NONE;
  if (!isOpen) gatherMmu(k, mm);
  const { levels } = k.machine;
  const top = levels === 5 ? 2 ** 44 : 2 ** 35;
  // User space ends one page below the top; that page belongs to no VMA and keeps no table.
  const limit = ceiling === 0 || ceiling >= top - 1 ? top : ceiling;
  freeTablesBelow(k, { mm, floor, ceiling: limit }, k.mm.pgd[mm]!, levels, 0);
  if (!isOpen) finishMmu(k);
}

/** Bug when an unmapping was left open. */
export function checkGather(k: SpaceState): void {
  if (k.lruvec.gatherRange[GATHER_MM] !== NONE)
    bug(`the unmapping of address space ${k.lruvec.gatherRange[GATHER_MM]} was not finished`);
}

/** Clears `count` entries from the one at word `pte`, which maps `vpn`, on. They lie in one table. */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the loop of munmap and exit, in one piece for speed
function zapTable(k: SpaceState, vma: Vma, vpn: number, count: number, pte: number): void {
  const { words } = k.ram;
  const { page } = k;
  const { gather } = k.lruvec;
  let first = -1;
  let last = -1;
  let anon = 0;
  let freed = 0;
  let pages = 0;
  let swapped = 0;
  let isDirty = false;
  // The run of pages alike that this one belongs to: what tells it from others, the ends of its list, what to count.
  const { pageMemcg } = k;
  const genPage = k.lruGen.page;
  let { head, tail } = k.lruvec;
  let runFlags = 0;
  let runMemcg = -1;
  let runGen = 0;
  let row = 0;
  let unmapped = 0;
  let unlisted = 0;
  for (let i = 0; i < count; i++) {
    const at = pte + i * 2;
    const low = words[at]!;
    const high = words[at + 1]!;
    if ((low | high) === 0) continue;
    words[at] = 0;
    words[at + 1] = 0;
    if (first < 0) first = i;
    last = i;
    if ((low & PTE_MAPPED) === 0) {
      if (high === PTE_POISONED_HIGH) continue;
      const entries = zapSwapEntries(k, at, low, high, count - i);
      swapped += entries;
      i += entries - 1;
      last = i;
      continue;
    }
    if ((low & PTE_SPECIAL) !== 0) continue;
    const pfn = ptePfn(low, high);
    const record = pfn * PAGE_WORDS;
    pages++;
    if ((page[record + MAPPING]! & 1) === 0) {
      if (zapFilePage(k, vma, pfn, low)) isDirty = true;
      continue;
    }
    const flags = page[record + FLAGS]!;
    const gen = genPage[pfn]! & GEN_PLACE_BITS;
    if ((flags & RUN_FLAGS) !== runFlags || gen !== runGen || pageMemcg[pfn] !== runMemcg) {
      countZapRun(k, unmapped, unlisted);
      unmapped = 0;
      unlisted = 0;
      runFlags = flags & RUN_FLAGS;
      runGen = gen;
      runMemcg = pageMemcg[pfn]!;
      ({ head, tail } = beginZapRun(k, pfn) ? k.lruGen : k.lruvec);
      row = zapRunRow(k);
    }
    anon++;
    if (--page[record + MAPCOUNT]! === 0) unmapped++;
    if (--page[record + REFCOUNT]! === 0) {
      if ((flags & PG_lru) !== 0) {
        const prev = page[record + PREV]!;
        const next = page[record + NEXT]!;
        if (prev !== 0) page[prev * PAGE_WORDS + NEXT] = next;
        else head[row] = next;
        if (next !== 0) page[next * PAGE_WORDS + PREV] = prev;
        else tail[row] = prev;
        genPage[pfn] = 0;
        unlisted++;
      }
      if (runMemcg !== ROOT_MEMCG) unchargePage(k, pfn);
      page[record + FLAGS] = flags & 0xff000000;
      gather[freed++] = pfn;
    } else if ((flags & PG_swapcache) !== 0) freeSwapCache(k, pfn);
  }
  if (last < 0) return;
  countZapRun(k, unmapped, unlisted);
  if (anon !== 0) addRss(k, k.vma.mm[vma]!, MM_ANONPAGES, -anon);
  if (swapped !== 0) addRss(k, k.vma.mm[vma]!, MM_SWAPENTS, -swapped);
  if (freed !== 0) freePageList(k, gather, freed);
  noteCleared(k, vpn + first, vpn + last + 1, pages, isDirty);
}

/** The part of zapping that is for page cache pages: what the entry knew goes to the page. Returns whether it was dirty. */
function zapFilePage(k: SpaceState, vma: Vma, pfn: Pfn, low: number): boolean {
  const isDirty = (low & PTE_DIRTY) !== 0;
  if (isDirty) markMappedDirty(k, pfn);
  if ((low & PTE_ACCESSED) !== 0 && (k.vma.flags[vma]! & (VM_SEQ_READ | VM_RAND_READ)) === 0)
    markPageAccessed(k, pfn);
  const isShmem = (k.page[pfn * PAGE_WORDS + FLAGS]! & PG_swapbacked) !== 0;
  addRss(k, k.vma.mm[vma]!, isShmem ? MM_SHMEMPAGES : MM_FILEPAGES, -1);
  removeRmap(k, pfn);
  putFolio(k, pfn);
  return isDirty;
}

/** Widens the range to flush, and flushes where Linux must: its batches are full, or dirty pages were unmapped. */
function noteCleared(k: SpaceState, start: number, end: number, pages: number, force: boolean): void {
  const gather = k.lruvec.gatherRange;
  if (start < gather[GATHER_START]!) gather[GATHER_START] = start;
  if (end > gather[GATHER_END]!) gather[GATHER_END] = end;
  gather[GATHER_PAGES]! += pages;
  spend(k, gather[GATHER_FULL] === 1 ? CAUSE_EXIT : CAUSE_MUNMAP, pages * COST_ZAP_PAGE);
  if (gather[GATHER_PAGES]! >= GATHER_LIMIT) {
    gather[GATHER_PAGES]! -= GATHER_LIMIT;
    flushGather(k);
  } else if (force) flushGather(k);
}

function flushGather(k: SpaceState): void {
  const gather = k.lruvec.gatherRange;
  const isEmpty = gather[GATHER_START]! >= gather[GATHER_END]!;
  if (isEmpty && gather[GATHER_TABLES] === 0) return;
  const mm = gather[GATHER_MM]!;
  if (gather[GATHER_FULL] === 1)
    flushTlbMmRange(k, mm, 0, Number.POSITIVE_INFINITY, gather[GATHER_TABLES] === 1);
  else flushTlbMmRange(k, mm, gather[GATHER_START]!, gather[GATHER_END]!, gather[GATHER_TABLES] === 1);
  resetGather(k);
}

function resetGather(k: SpaceState): void {
  const gather = k.lruvec.gatherRange;
  gather[GATHER_START] = Number.POSITIVE_INFINITY;
  gather[GATHER_END] = 0;
  gather[GATHER_TABLES] = 0;
}

/** What freePageTables was asked for. */
interface FreeJob {
  readonly mm: Mm;
  readonly floor: number;
  readonly ceiling: number;
}

/** Looks at the entries of one table (level 5 or 4: the top, 2: PMD) that reach into the job's range. */
function freeTablesBelow(k: SpaceState, job: FreeJob, table: Pfn, level: number, base: number): void {
  const { words, slot } = k.ram;
  const first = slot[table]! * 1024;
  const span = 2 ** (9 * (level - 1));
  const from = Math.max(0, Math.floor((job.floor - base) / span));
  const to = Math.min(511, Math.ceil((job.ceiling - base) / span) - 1);
  for (let i = from; i <= to; i++) {
    const at = first + i * 2;
    const entry = words[at]!;
    if ((entry & (PTE_PRESENT | PTE_PSE)) !== PTE_PRESENT) continue;
    const child = ptePfn(entry, words[at + 1]!);
    const childBase = base + i * span;
    if (level > 2) freeTablesBelow(k, job, child, level - 1, childBase);
    if (childBase < job.floor || childBase + span > job.ceiling) continue;
    words[at] = 0;
    words[at + 1] = 0;
    freeTable(k, job.mm, child, level);
    const gather = k.lruvec.gatherRange;
    gather[GATHER_TABLES] = 1;
    if (level > 2) continue;
    if (childBase < gather[GATHER_START]!) gather[GATHER_START] = childBase;
    if (childBase + 1 > gather[GATHER_END]!) gather[GATHER_END] = childBase + 1;
  }
}

/** Frees the table below an entry of `level`. Tables of the fourth level of five are not counted, as in Linux. */
function freeTable(k: SpaceState, mm: Mm, pfn: Pfn, level: number): void {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS]!;
  if ((flags & PG_table) === 0) bug(`frame ${pfn} is freed as a page table and is none`);
  if (level < 5) {
    k.mm.pgtablesBytes[mm]! -= PAGE_SIZE;
    modLruvecState(k, pfn, NR_PAGETABLE, -1);
  }
  if (k.pageMemcg[pfn] !== ROOT_MEMCG) unchargeKernelPage(k, pfn);
  k.page[record + FLAGS] = flags & ~PG_table;
  k.page[record + REFCOUNT] = 0;
  forgetTables(k);
  freePage(k, pfn);
}
