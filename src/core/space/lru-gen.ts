/**
 * Generations: the state of the multi-generational LRU (MGLRU). Pages are grouped by when they were last seen in use:
 *
 *   min_seq            …            max_seq         sequence numbers; generation = number modulo 4
 *   oldest, evicted next            youngest        anonymous and file pages have one max_seq and a min_seq each
 *
 * A list per generation, kind and zone. A page's own generation may run ahead of the list it lies on: the walkers of page
 * tables change the number, and eviction moves the page when it comes across it. Inside a generation, pages that
 * programs read or write through descriptors are in tiers by how often: 0 (once), 1 (twice), 2 (up to 4), 3 (more).
 * Invariant: a page that is on a list has its generation + 1 in `page`, and nrPages counts pages by that number.
 * Linux: include/linux/mm_inline.h, include/linux/mmzone.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Lruvec, Pfn } from "../base/types.ts";
import {
  FLAGS,
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
  PG_ZONE_SHIFT,
  PREV,
  REFCOUNT,
} from "../frame/page.ts";
import { countLru, lruvecOfPage } from "./lru-list.ts";
import type { LruGenColumns, SpaceState } from "./state.ts";
import { VM_RAND_READ, VM_SEQ_READ } from "./vma.ts";

/** Generations there can be at one time, and the fewest that eviction leaves. */
export const MAX_NR_GENS = 4;
export const MIN_NR_GENS = 2;
export const MAX_NR_TIERS = 4;
/** Kinds of pages. */
export const LRU_GEN_ANON = 0;
export const LRU_GEN_FILE = 1;
/** Bits of the tunable lru_gen/enabled: MGLRU itself, walks of page tables, use of the accessed bit above the last level. */
export const LRU_GEN_CORE = 1;
export const LRU_GEN_MM_WALK = 2;
export const LRU_GEN_NONLEAF_YOUNG = 4;
/** Pages that eviction takes and statistics need at least, and that one scan looks at or one step moves at most. */
export const MIN_LRU_BATCH = 64;
export const MAX_LRU_BATCH = 4096;

/** Zone types, lists a lruvec has, words of `state`: in a fault on memory with recency; reclaim has a walk of its own; MGLRU is on. */
export const NR_ZONE_TYPES = 4;
export const GEN_LISTS = MAX_NR_GENS * 2 * NR_ZONE_TYPES;
export const IN_FAULT = 0;
export const HAS_WALK = 1;
const IS_ON = 2;

/** A page's byte: generation + 1 (0: on no list), uses beyond the second, generation of the list it lies on. */
const GEN_BITS = 7;
const REFS_SHIFT = 3;
const REFS_BITS = 3 << REFS_SHIFT;
const LIST_SHIFT = 5;
const LIST_BITS = 3 << LIST_SHIFT;
/** Those that say where a page is. */
export const GEN_PLACE_BITS = GEN_BITS | LIST_BITS;
/** Most uses that are told apart (Linux: BIT(LRU_REFS_WIDTH)). */
export const MOST_REFS = 4;
/** Words of a Bloom filter: 2^15 bits. */
export const FILTER_WORDS = 1024;
/** Memory cgroups are in one of three generations and eight bins of a node. */
export const MEMCG_NR_GENS = 3;
export const MEMCG_NR_BINS = 8;

/** Columns for so many frames, memory cgroups, nodes and address spaces. Every lruvec begins with four generations. */
export function createLruGen(frames: number, memcgs: number, nodes: number, mms: number): LruGenColumns {
  const lruvecs = memcgs * nodes;
  return {
    page: new Uint8Array(frames),
    state: new Uint8Array(4),
    maxSeq: new Int32Array(lruvecs).fill(MIN_NR_GENS + 1),
    minSeq: new Int32Array(lruvecs * 2),
    birthNs: new Float64Array(lruvecs * MAX_NR_GENS),
    head: new Int32Array(lruvecs * GEN_LISTS),
    tail: new Int32Array(lruvecs * GEN_LISTS),
    nrPages: new Int32Array(lruvecs * GEN_LISTS),
    avgRefaulted: new Float64Array(lruvecs * 8),
    avgTotal: new Float64Array(lruvecs * 8),
    protectedPages: new Float64Array(lruvecs * 8),
    evicted: new Float64Array(lruvecs * 8),
    refaulted: new Float64Array(lruvecs * 8),
    walkSeq: new Int32Array(lruvecs).fill(MIN_NR_GENS),
    walkHead: new Int32Array(lruvecs),
    walkTail: new Int32Array(lruvecs),
    walkStats: new Float64Array(lruvecs * 4),
    filter: new Int32Array(lruvecs * 2 * FILTER_WORDS),
    hasFilter: new Uint8Array(lruvecs * 2),
    firstMm: new Int32Array(memcgs),
    lastMm: new Int32Array(memcgs),
    mmNext: new Int32Array(mms),
    mmPrev: new Int32Array(mms),
    mmMemcg: new Int32Array(mms),
    mmUsed: new Uint8Array(mms * nodes),
    mmWalkedNs: new Float64Array(mms * nodes),
    fifoSeq: new Int32Array(nodes),
    fifoCount: new Int32Array(nodes * MEMCG_NR_GENS),
    fifoHead: new Int32Array(nodes * MEMCG_NR_GENS * MEMCG_NR_BINS),
    fifoTail: new Int32Array(nodes * MEMCG_NR_GENS * MEMCG_NR_BINS),
    fifoNext: new Int32Array(lruvecs),
    fifoPrev: new Int32Array(lruvecs),
    fifoPlace: new Int32Array(lruvecs),
    fifoSegment: new Uint8Array(lruvecs),
  };
}

/** Whether MGLRU is the policy now (Linux: lru_gen_enabled). */
export function isLruGen(k: SpaceState): boolean {
  return k.lruGen.state[IS_ON] !== 0;
}

/** A fault on memory begins; in VMAs that have no recency what it brings is not hot (Linux: lru_gen_enter_fault). */
export function enterLruFault(k: SpaceState, vmFlags: number): void {
  k.lruGen.state[IN_FAULT] = isLruGen(k) && (vmFlags & (VM_SEQ_READ | VM_RAND_READ)) === 0 ? 1 : 0;
}

/** It is over. */
export function exitLruFault(k: SpaceState): void {
  k.lruGen.state[IN_FAULT] = 0;
}

/** Makes the policy the one that the tunable asks for. Pages on lists are the caller's. */
export function setLruPolicy(k: SpaceState): void {
  k.lruGen.state[IS_ON] = k.knob.lruGenEnabled & LRU_GEN_CORE;
}

/** Row of a list and of its count. */
export function genRow(lruvec: Lruvec, gen: number, type: number, zoneType: number): number {
  return lruvec * GEN_LISTS + gen * (2 * NR_ZONE_TYPES) + type * NR_ZONE_TYPES + zoneType;
}

/** Kind of a page with these flags: LRU_GEN_ANON also for shared memory, LRU_GEN_FILE also for lazily freed pages. */
export function genTypeOf(flags: number): number {
  return (flags & PG_swapbacked) !== 0 ? LRU_GEN_ANON : LRU_GEN_FILE;
}

/** A page's generation, or -1 when it is on no list of MGLRU (Linux: folio_lru_gen). */
export function genOf(k: SpaceState, pfn: Pfn): number {
  return (k.lruGen.page[pfn] & GEN_BITS) - 1;
}

/** Uses of a page beyond the first, as far as they are told apart (Linux: folio_lru_refs). */
export function refsOf(k: SpaceState, pfn: Pfn): number {
  const workingset = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_workingset) !== 0 ? 1 : 0;
  return ((k.lruGen.page[pfn] & REFS_BITS) >> REFS_SHIFT) + workingset;
}

/** The tier of a page with so many uses beyond the first: 0 | 1 | 2 | 3, 4. */
export function tierOf(refs: number): number {
  return refs === 0 ? 0 : 32 - Math.clz32(refs);
}

/** Whether pages of the generation count as active: it is one of the two youngest. */
export function isActiveGen(k: SpaceState, lruvec: Lruvec, gen: number): boolean {
  const max = k.lruGen.maxSeq[lruvec];
  return gen === (max & 3) || gen === ((max - 1) & 3);
}

/**
 * Puts a page that is on no list into a generation. `isOldest`: reclaim wants it next (Linux: lru_gen_add_folio).
 *
 *   hot (PG_active)                                         youngest
 *   cannot go at once: not in swap yet, waits for its write second youngest
 *   everything else                                         second oldest, or the oldest when there are few or it is wanted
 */
export function lruGenAdd(k: SpaceState, pfn: Pfn, isOldest: boolean): void {
  const { page, lruGen: g } = k;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS] | PG_lru;
  const lruvec = lruvecOfPage(k, pfn);
  const type = genTypeOf(flags);
  const gen = seqForNew(k, lruvec, flags, isOldest) & 3;
  page[record + FLAGS] = flags & ~PG_active;
  g.page[pfn] = (g.page[pfn] & REFS_BITS) | (gen + 1) | (gen << LIST_SHIFT);
  const row = genRow(lruvec, gen, type, ((flags >>> PG_ZONE_SHIFT) - 1) & 3);
  countGen(k, lruvec, row, flags >>> PG_ZONE_SHIFT, 1);
  if (isOldest) linkGenTail(k, pfn, row);
  else linkGenHead(k, pfn, row);
}

/**
 * The same for the pages of a batch, in `words` from `from` on, whose reference goes; runs of pages alike are counted once.
 * Those that nobody holds now are left at the beginning of the batch. Returns how many.
 */
export function lruGenAddAll(k: SpaceState, words: Int32Array, from: number, count: number): number {
  const { page, lruGen: g } = k;
  let last = 0;
  let gen = 0;
  let row = 0;
  let lruvec = 0;
  let pages = 0;
  let dying = 0;
  for (let i = from; i < from + count; i++) {
    const pfn = words[i];
    const record = pfn * PAGE_WORDS;
    const flags = page[record + FLAGS] | PG_lru;
    const own = lruvecOfPage(k, pfn);
    // Most often a page is like the one before it.
    if (flags !== last || own !== lruvec) {
      if (pages !== 0) countGen(k, lruvec, row, last >>> PG_ZONE_SHIFT, pages);
      gen = seqForNew(k, own, flags, false) & 3;
      row = genRow(own, gen, genTypeOf(flags), ((flags >>> PG_ZONE_SHIFT) - 1) & 3);
      last = flags;
      lruvec = own;
      pages = 0;
    }
    pages++;
    page[record + FLAGS] = flags & ~PG_active;
    g.page[pfn] = (g.page[pfn] & REFS_BITS) | (gen + 1) | (gen << LIST_SHIFT);
    linkGenHead(k, pfn, row);
    if (--page[record + REFCOUNT] === 0) words[from + dying++] = pfn;
  }
  if (pages !== 0) countGen(k, lruvec, row, last >>> PG_ZONE_SHIFT, pages);
  return dying;
}

/** The generation's number for a page that is on no list. */
function seqForNew(k: SpaceState, lruvec: Lruvec, flags: number, isOldest: boolean): number {
  const { maxSeq, minSeq } = k.lruGen;
  const max = maxSeq[lruvec];
  if ((flags & PG_active) !== 0) return max;
  const type = genTypeOf(flags);
  const waits = (flags & PG_reclaim) !== 0 && (flags & (PG_dirty | PG_writeback)) !== 0;
  if ((type === LRU_GEN_ANON && (flags & PG_swapcache) === 0) || waits) return max - 1;
  const min = minSeq[lruvec * 2 + type];
  return isOldest || min + MIN_NR_GENS >= max ? min : min + 1;
}

/** Counts pages of one zone that come to a place in the generations, or leave it. */
export function countGen(k: SpaceState, lruvec: Lruvec, row: number, zone: number, pages: number): void {
  k.lruGen.nrPages[row] += pages;
  const place = row % GEN_LISTS;
  countLru(k, lruvec, zone, ((place >> 2) & 1) * 2 + (isActiveGen(k, lruvec, place >> 3) ? 1 : 0), pages);
}

/** Takes a page off its list (Linux: lru_gen_del_folio). Returns whether its generation counted as active. */
export function lruGenDel(k: SpaceState, pfn: Pfn): boolean {
  const { page, lruGen: g } = k;
  const flags = page[pfn * PAGE_WORDS + FLAGS];
  const lruvec = lruvecOfPage(k, pfn);
  const type = genTypeOf(flags);
  const zone = flags >>> PG_ZONE_SHIFT;
  const byte = g.page[pfn];
  const gen = (byte & GEN_BITS) - 1;
  const isActive = isActiveGen(k, lruvec, gen);
  unlinkGen(k, pfn, genRow(lruvec, byte >> LIST_SHIFT, type, (zone - 1) & 3));
  g.page[pfn] = byte & REFS_BITS;
  page[pfn * PAGE_WORDS + FLAGS] = flags & ~PG_lru;
  countGen(k, lruvec, genRow(lruvec, gen, type, (zone - 1) & 3), zone, -1);
  return isActive;
}

/** A use through a descriptor: referenced, then workingset, then counted (Linux: folio_inc_refs). */
export function incRefs(k: SpaceState, pfn: Pfn): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  const flags = k.page[at];
  if ((flags & PG_unevictable) !== 0) return;
  if ((flags & PG_referenced) === 0) k.page[at] = flags | PG_referenced;
  else if ((flags & PG_workingset) === 0) k.page[at] = flags | PG_workingset;
  else if ((k.lruGen.page[pfn] & REFS_BITS) !== REFS_BITS) k.lruGen.page[pfn] += 1 << REFS_SHIFT;
}

/** Sets or forgets all counted uses of a page. */
export function setRefs(k: SpaceState, pfn: Pfn, isMost: boolean): void {
  if (isMost) k.lruGen.page[pfn] |= REFS_BITS;
  else k.lruGen.page[pfn] &= ~REFS_BITS;
}

/**
 * A page was used through its mapping: its generation becomes `gen`, its list follows later. One that reclaim has just
 * taken off its list is marked as referenced instead (Linux: folio_update_gen).
 */
export function updateGen(k: SpaceState, pfn: Pfn, lruvec: Lruvec, gen: number): void {
  const { page, lruGen: g } = k;
  const at = pfn * PAGE_WORDS + FLAGS;
  const byte = g.page[pfn];
  if ((byte & GEN_BITS) === 0) {
    page[at] |= PG_referenced;
    return;
  }
  page[at] &= ~(PG_referenced | PG_workingset);
  g.page[pfn] = (byte & LIST_BITS) | (gen + 1);
  moveCount(k, lruvec, page[at], (byte & GEN_BITS) - 1, gen);
}

/**
 * A page of the oldest generation gets another round, in the next one, unless it has moved on already; its list follows
 * with moveToGen. Returns its generation (Linux: folio_inc_gen).
 */
export function incGen(k: SpaceState, pfn: Pfn, lruvec: Lruvec, isReclaiming: boolean): number {
  const { page, lruGen: g } = k;
  const at = pfn * PAGE_WORDS + FLAGS;
  const old = g.minSeq[lruvec * 2 + genTypeOf(page[at])] & 3;
  const now = genOf(k, pfn);
  if (now !== old) return now;
  const gen = (old + 1) & 3;
  page[at] &= ~(PG_referenced | PG_workingset);
  if (isReclaiming) page[at] |= PG_reclaim;
  g.page[pfn] = (g.page[pfn] & LIST_BITS) | (gen + 1);
  moveCount(k, lruvec, page[at], old, gen);
  return gen;
}

/** Puts a page on the list of its generation, at the head or at the tail. */
export function moveToGen(k: SpaceState, pfn: Pfn, lruvec: Lruvec, atTail: boolean): void {
  const g = k.lruGen;
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  const byte = g.page[pfn];
  const gen = (byte & GEN_BITS) - 1;
  const base = genRow(lruvec, 0, genTypeOf(flags), ((flags >>> PG_ZONE_SHIFT) - 1) & 3);
  unlinkGen(k, pfn, base + (byte >> LIST_SHIFT) * (2 * NR_ZONE_TYPES));
  g.page[pfn] = (byte & ~LIST_BITS) | (gen << LIST_SHIFT);
  if (atTail) linkGenTail(k, pfn, base + gen * (2 * NR_ZONE_TYPES));
  else linkGenHead(k, pfn, base + gen * (2 * NR_ZONE_TYPES));
}

/** Pages of a generation and a kind, in all zones. */
export function genSize(k: SpaceState, lruvec: Lruvec, gen: number, type: number): number {
  const row = genRow(lruvec, gen, type, 0);
  const { nrPages } = k.lruGen;
  return nrPages[row] + nrPages[row + 1] + nrPages[row + 2] + nrPages[row + 3];
}

/** Counts a page in another generation; a promotion makes it active. */
function moveCount(k: SpaceState, lruvec: Lruvec, flags: number, from: number, to: number): void {
  if (from === to) return;
  const { nrPages } = k.lruGen;
  const type = genTypeOf(flags);
  const zone = flags >>> PG_ZONE_SHIFT;
  nrPages[genRow(lruvec, from, type, (zone - 1) & 3)]--;
  nrPages[genRow(lruvec, to, type, (zone - 1) & 3)]++;
  if (isActiveGen(k, lruvec, from) === isActiveGen(k, lruvec, to)) return;
  const delta = isActiveGen(k, lruvec, to) ? 1 : -1;
  countLru(k, lruvec, zone, type * 2, -delta);
  countLru(k, lruvec, zone, type * 2 + 1, delta);
}

/** Links a page at the head of a list; what says that it is there is the caller's. */
export function linkGenHead(k: SpaceState, pfn: Pfn, row: number): void {
  const { page } = k;
  const { head, tail } = k.lruGen;
  const first = head[row];
  page[pfn * PAGE_WORDS + PREV] = 0;
  page[pfn * PAGE_WORDS + NEXT] = first;
  if (first !== 0) page[first * PAGE_WORDS + PREV] = pfn;
  else tail[row] = pfn;
  head[row] = pfn;
}

function linkGenTail(k: SpaceState, pfn: Pfn, row: number): void {
  const { page } = k;
  const { head, tail } = k.lruGen;
  const last = tail[row];
  page[pfn * PAGE_WORDS + PREV] = last;
  page[pfn * PAGE_WORDS + NEXT] = 0;
  if (last !== 0) page[last * PAGE_WORDS + NEXT] = pfn;
  else head[row] = pfn;
  tail[row] = pfn;
}

/** Takes a page out of a list. */
export function unlinkGen(k: SpaceState, pfn: Pfn, row: number): void {
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const prev = page[record + PREV];
  const next = page[record + NEXT];
  if (prev !== 0) page[prev * PAGE_WORDS + NEXT] = next;
  else k.lruGen.head[row] = next;
  if (next !== 0) page[next * PAGE_WORDS + PREV] = prev;
  else k.lruGen.tail[row] = prev;
}

/** The generation on whose list a page lies: its own, or the one it had when it was put there. */
export function listGenOf(k: SpaceState, pfn: Pfn): number {
  return k.lruGen.page[pfn] >> LIST_SHIFT;
}
