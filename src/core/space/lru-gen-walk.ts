/**
 * Walks of page tables: every entry that was used since the last walk loses its accessed bit, and its page moves to the
 * youngest generation, many pages for one look at a table, where the reverse map would need a walk for each page.
 *
 *   address space -> entries of the second last level, one for 2 MiB
 *     not accessed itself, or not in the Bloom filter: passed over      (unless the walk is forced to see everything)
 *     else its 512 entries are looked at; one used in eight or more: into the filter for the next walk
 *
 * lookAround does the same for up to 64 entries beside a used one that eviction came across, and tells the filter.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { type Lruvec, type Mm, NONE, type Pfn, type Vma, vpnLow } from "../base/types.ts";
import {
  FLAGS,
  MAPPING,
  PAGE_WORDS,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
} from "../frame/page.ts";
import { CAUSE_RECLAIM, COST_WALK, spend } from "../hw/clock.ts";
import { forgetTables } from "../hw/mmu.ts";
import { PTE_ACCESSED, PTE_DIRTY } from "../hw/pte.ts";
import {
  genOf,
  genTypeOf,
  HAS_WALK,
  LRU_GEN_FILE,
  LRU_GEN_NONLEAF_YOUNG,
  MIN_LRU_BATCH,
  updateGen,
} from "./lru-gen.ts";
import { addToFilter, testFilter } from "./lru-gen-bloom.ts";
import {
  MM_LEAF_TOTAL,
  MM_LEAF_YOUNG,
  MM_NONLEAF_ADDED,
  MM_NONLEAF_FOUND,
  type MmWalk,
  NR_MM_STATS,
} from "./lru-gen-mm.ts";
import { lruvecOfPage } from "./lru-list.ts";
import { folioActivate } from "./lruvec.ts";
import {
  afterHole,
  findPmdTable,
  findPteTable,
  NO_PTE_TABLE,
  normalPage,
  PAGES_PER_PTE_TABLE,
} from "./pagetable.ts";
import type { SpaceState } from "./state.ts";
import { VM_ACCESS_FLAGS, VM_LOCKED, VM_RAND_READ, VM_SEQ_READ, VM_SPECIAL } from "./vma.ts";
import { markMappedDirty } from "./writeback.ts";

/** Entries in a line of the cache: a table is worth a walk when one in each line is used. */
const PTES_PER_LINE = 8;

/** Walks an address space (Linux: walk_mm). */
export function walkMm(k: SpaceState, walk: MmWalk, mm: Mm): void {
  const usesNonleaf = !walk.forceScan && (k.knob.lruGenEnabled & LRU_GEN_NONLEAF_YOUNG) !== 0;
  let cleared = false;
  let vma = nextVma(k, walk, k.mm.firstVma[mm]);
  let vpn = vma === NONE ? 0 : k.vma.start[vma];
  while (vma !== NONE) {
    const table = findPteTable(k, mm, vpn);
    const after = afterHole(vpn, table < 0 ? table : NO_PTE_TABLE);
    if (table >= 0) {
      const above = findPmdTable(k, mm, vpn);
      const index = vpnLow(vpn) >>> 9;
      const word = k.ram.slot[above] * 1024 + index * 2;
      const isYoung = (k.ram.words[word] & PTE_ACCESSED) !== 0;
      if (usesNonleaf && isYoung) {
        k.ram.words[word] &= ~PTE_ACCESSED;
        cleared = true;
      }
      if (
        (isYoung || !usesNonleaf) &&
        (walk.forceScan || testFilter(k, walk.lruvec, walk.seq, above, index))
      ) {
        count(k, walk, MM_NONLEAF_FOUND);
        if (walkTable(k, walk, vma, vpn, table)) {
          count(k, walk, MM_NONLEAF_ADDED);
          addToFilter(k, walk.lruvec, walk.seq + 1, above, index);
        }
      }
    } else if (table === NO_PTE_TABLE) count(k, walk, MM_LEAF_TOTAL);
    while (vma !== NONE && k.vma.end[vma] <= after) vma = nextVma(k, walk, k.vma.next[vma]);
    if (vma !== NONE) vpn = Math.max(after, k.vma.start[vma]);
  }
  // The processor must go through the upper levels again to mark them.
  if (cleared) forgetTables(k);
}

/**
 * The entry of an isolated page may have been used. Returns whether it was; it is marked as unused then, and so are those
 * around it, whose pages become young (Linux: lru_gen_look_around).
 */
export function lookAround(k: SpaceState, pfn: Pfn, vma: Vma, vpn: number, pte: number): boolean {
  const { words } = k.ram;
  if ((words[pte] & PTE_ACCESSED) === 0) return false;
  words[pte] &= ~PTE_ACCESSED;
  if ((k.vma.flags[vma] & VM_SPECIAL) !== 0) return true;
  const table = vpn - (vpnLow(vpn) & (PAGES_PER_PTE_TABLE - 1));
  let start = Math.max(table, k.vma.start[vma]);
  let end = Math.min(table + PAGES_PER_PTE_TABLE, k.vma.end[vma]);
  if (end - start === 1) return true;
  if (end - start > MIN_LRU_BATCH) {
    if (vpn - start < MIN_LRU_BATCH / 2) end = start + MIN_LRU_BATCH;
    else if (end - vpn < MIN_LRU_BATCH / 2) start = end - MIN_LRU_BATCH;
    else {
      start = vpn - MIN_LRU_BATCH / 2;
      end = vpn + MIN_LRU_BATCH / 2;
    }
  }
  const lruvec = lruvecOfPage(k, pfn);
  const canSwap = genTypeOf(k.page[pfn * PAGE_WORDS + FLAGS]) !== LRU_GEN_FILE;
  let young = 1;
  for (let at = pte - (vpn - start) * 2, i = start; i < end; i++, at += 2) {
    const other = takeYoung(k, at, lruvec, canSwap);
    if (other === NONE) continue;
    young++;
    makeYoung(k, other, lruvec);
  }
  const mm = k.vma.mm[vma];
  if (isSuitable(end - start, young))
    addToFilter(k, lruvec, k.lruGen.maxSeq[lruvec], findPmdTable(k, mm, vpn), vpnLow(vpn) >>> 9);
  return true;
}

/** The first VMA from `vma` on that is worth a walk, or NONE (Linux: should_skip_vma). */
function nextVma(k: SpaceState, walk: MmWalk, vma: Vma): Vma {
  let at = vma;
  while (at !== NONE && isSkipped(k, walk, at)) at = k.vma.next[at];
  return at;
}

function isSkipped(k: SpaceState, walk: MmWalk, vma: Vma): boolean {
  const flags = k.vma.flags[vma];
  if ((flags & VM_ACCESS_FLAGS) === 0) return true;
  if ((flags & (VM_SEQ_READ | VM_RAND_READ | VM_LOCKED | VM_SPECIAL)) !== 0) return true;
  return k.vma.special[vma] !== 0 || (k.vma.file[vma] === NONE && !walk.canSwap);
}

/** The entries of one table that belong to VMAs worth a walk. Returns whether enough were used (Linux: walk_pte_range). */
function walkTable(k: SpaceState, walk: MmWalk, first: Vma, from: number, table: number): boolean {
  const base = from - (vpnLow(from) & (PAGES_PER_PTE_TABLE - 1));
  const { lruvec, canSwap } = walk;
  const gen = k.lruGen.maxSeq[lruvec] & 3;
  let total = 0;
  let young = 0;
  let start = from;
  let vma = first;
  while (vma !== NONE && start < base + PAGES_PER_PTE_TABLE) {
    const end = Math.min(base + PAGES_PER_PTE_TABLE, k.vma.end[vma]);
    for (let at = start; at < end; at++) {
      total++;
      const pfn = takeYoung(k, table + (at - base) * 2, lruvec, canSwap);
      if (pfn === NONE) continue;
      young++;
      updateGen(k, pfn, lruvec, gen);
    }
    vma = nextVma(k, walk, k.vma.next[vma]);
    if (vma !== NONE) start = k.vma.start[vma];
  }
  k.lruGen.walkStats[lruvec * NR_MM_STATS + MM_LEAF_TOTAL] += total;
  k.lruGen.walkStats[lruvec * NR_MM_STATS + MM_LEAF_YOUNG] += young;
  spend(k, CAUSE_RECLAIM, Math.ceil(total / PTES_PER_LINE) * COST_WALK);
  return isSuitable(total, young);
}

/**
 * The page of an entry that was used, which is marked as unused; a store through it is remembered at the page. NONE when it
 * was not used, or when its page is none of the lruvec's.
 */
function takeYoung(k: SpaceState, pte: number, lruvec: Lruvec, canSwap: boolean): Pfn {
  const low = k.ram.words[pte];
  if ((low & PTE_ACCESSED) === 0) return NONE;
  const pfn = normalPage(k, pte);
  if (pfn === NONE || lruvecOfPage(k, pfn) !== lruvec) return NONE;
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if (!canSwap && genTypeOf(flags) !== LRU_GEN_FILE) return NONE;
  k.ram.words[pte] = low & ~PTE_ACCESSED;
  if ((low & PTE_DIRTY) !== 0 && (flags & PG_dirty) === 0) {
    // Ordinary anonymous pages that are not in swap are never clean.
    if ((k.page[record + MAPPING] & 1) === 0) markMappedDirty(k, pfn);
    else if ((flags & (PG_swapbacked | PG_swapcache)) !== PG_swapbacked) k.page[record + FLAGS] |= PG_dirty;
  }
  return pfn;
}

/** A used page beside the one that eviction looks at: young at once in a walk, else by way of its batch. */
function makeYoung(k: SpaceState, pfn: Pfn, lruvec: Lruvec): void {
  const young = k.lruGen.maxSeq[lruvec] & 3;
  if (k.lruGen.state[HAS_WALK] !== 0) updateGen(k, pfn, lruvec, young);
  else {
    const gen = genOf(k, pfn);
    if (gen < 0) k.page[pfn * PAGE_WORDS + FLAGS] |= PG_referenced;
    else if (gen !== young) folioActivate(k, pfn);
  }
}

/** On average one used entry for each line of the cache (Linux: suitable_to_scan). */
function isSuitable(total: number, young: number): boolean {
  return young * PTES_PER_LINE >= total;
}

function count(k: SpaceState, walk: MmWalk, stat: number): void {
  k.lruGen.walkStats[walk.lruvec * NR_MM_STATS + stat]++;
}
