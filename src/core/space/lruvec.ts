/**
 * LRU lists: the order in which reclaim will look at pages. Per node two lists for anonymous pages, two for files and
 * one for what must stay. A page reaches its list through a batch of its CPU, which holds a reference meanwhile:
 *
 *   new page -> batch of the CPU (up to 31, +1 reference each) -> inactive anon | active anon | inactive file | …
 *                                                                  head: newest … tail: oldest
 *
 * So a page in a batch cannot be reused on write nor freed before the batch is drained, which is why both do drain.
 * Differs: these are the classic lists; Debian's kernels have the multi-generational ones on by default, where a page
 * that a fault brought in counts as active.
 * Linux: mm/swap.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { Cpu, Pfn } from "../base/types.ts";
import {
  FLAGS,
  PAGE_WORDS,
  PG_active,
  PG_lru,
  PG_referenced,
  PG_unevictable,
  PG_ZONE_SHIFT,
  REFCOUNT,
} from "../frame/page.ts";
import { PGACTIVATE } from "../frame/vmstat.ts";
import { releaseFolio } from "./folio.ts";
import { countLru, linkAtHead, lruListOf, lruvecAdd, lruvecRemove, NR_LRU_LISTS } from "./lru-list.ts";
import type { LruvecColumns, SpaceState } from "./state.ts";

/** Batches of a CPU: first the pages to be added, then those to become active. */
const BATCH_ACTIVATE = 1;
const NR_LRU_BATCHES = 2;
/** Pages a batch holds (Linux: PAGEVEC_SIZE), and words it takes with its count. */
export const BATCH_PAGES = 31;
const BATCH_WORDS = 32;

/** Pages that an unmapping may have on the way to the allocator: one page table's worth. */
const GATHER_WORDS = 512;

/** Empty lists and batches. */
export function createLruvec(nodes: number, cpus: number): LruvecColumns {
  return {
    head: new Int32Array(nodes * NR_LRU_LISTS),
    tail: new Int32Array(nodes * NR_LRU_LISTS),
    size: new Int32Array(nodes * NR_LRU_LISTS),
    batch: new Int32Array(cpus * NR_LRU_BATCHES * BATCH_WORDS),
    gather: new Int32Array(GATHER_WORDS),
    gatherRange: new Float64Array(8),
  };
}

/** Queues a new page for its LRU list; the list is chosen when the batch is drained (Linux: folio_add_lru). */
export function folioAddLru(k: SpaceState, pfn: Pfn): void {
  const batch = k.lruvec.batch;
  const at = k.boot[2]! * (NR_LRU_BATCHES * BATCH_WORDS);
  k.page[pfn * PAGE_WORDS + REFCOUNT]!++;
  const count = batch[at]! + 1;
  batch[at + count] = pfn;
  batch[at] = count;
  if (count === BATCH_PAGES) drainAdd(k, at);
}

/** Puts everything that waits in the running CPU's batches where it belongs (Linux: lru_add_drain). */
export function lruAddDrain(k: SpaceState): void {
  lruAddDrainCpu(k, k.boot[2]!);
}

/** The same for any CPU. */
export function lruAddDrainCpu(k: SpaceState, cpu: Cpu): void {
  const at = cpu * (NR_LRU_BATCHES * BATCH_WORDS);
  if (k.lruvec.batch[at] !== 0) drainAdd(k, at);
  if (k.lruvec.batch[at + BATCH_WORDS] !== 0) drainActivate(k, at + BATCH_WORDS);
}

/** Drains the batches of every CPU (Linux: lru_add_drain_all). */
export function lruAddDrainAll(k: SpaceState): void {
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) lruAddDrainCpu(k, cpu);
}

/**
 * Notes that a page was used: inactive and unreferenced -> referenced -> active (Linux: folio_mark_accessed).
 */
export function markPageAccessed(k: SpaceState, pfn: Pfn): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  const flags = k.page[at]!;
  if ((flags & PG_referenced) === 0) {
    k.page[at] = flags | PG_referenced;
    return;
  }
  if ((flags & (PG_unevictable | PG_active)) !== 0) return;
  if ((flags & PG_lru) !== 0) activate(k, pfn);
  else activateInBatch(k, pfn);
  k.page[at] = k.page[at]! & ~PG_referenced;
}

/** Moves a batch of new pages to their lists and drops the batch's references; counters change once a run of equal pages. */
function drainAdd(k: SpaceState, at: number): void {
  const batch = k.lruvec.batch;
  const page = k.page;
  const count = batch[at]!;
  let zone = 0;
  let list = 0;
  let pages = 0;
  let dying = 0;
  batch[at] = 0;
  for (let i = 1; i <= count; i++) {
    const pfn = batch[at + i]!;
    const record = pfn * PAGE_WORDS;
    const flags = page[record + FLAGS]! | PG_lru;
    page[record + FLAGS] = flags;
    if (flags >>> PG_ZONE_SHIFT !== zone || lruListOf(flags) !== list) {
      if (pages !== 0) countLru(k, zone, list, pages);
      zone = flags >>> PG_ZONE_SHIFT;
      list = lruListOf(flags);
      pages = 0;
    }
    pages++;
    linkAtHead(k, pfn, ((zone - 1) >> 2) * NR_LRU_LISTS + list);
    // The batch may have been the last to hold the page; its place in the batch is free to remember that.
    if (--page[record + REFCOUNT]! === 0) batch[at + ++dying] = pfn;
  }
  if (pages !== 0) countLru(k, zone, list, pages);
  for (let i = 1; i <= dying; i++) releaseFolio(k, batch[at + i]!);
}

/** Queues a page on an inactive list for its active one (Linux: folio_activate). */
function activate(k: SpaceState, pfn: Pfn): void {
  const batch = k.lruvec.batch;
  const at = k.boot[2]! * (NR_LRU_BATCHES * BATCH_WORDS) + BATCH_ACTIVATE * BATCH_WORDS;
  k.page[pfn * PAGE_WORDS + REFCOUNT]!++;
  const count = batch[at]! + 1;
  batch[at + count] = pfn;
  batch[at] = count;
  if (count === BATCH_PAGES) drainActivate(k, at);
}

/** A page that still waits in this CPU's add batch is marked, and will be added as active. */
function activateInBatch(k: SpaceState, pfn: Pfn): void {
  const batch = k.lruvec.batch;
  const at = k.boot[2]! * (NR_LRU_BATCHES * BATCH_WORDS);
  for (let i = batch[at]!; i > 0; i--) {
    if (batch[at + i] === pfn) {
      k.page[pfn * PAGE_WORDS + FLAGS]! |= PG_active;
      return;
    }
  }
}

function drainActivate(k: SpaceState, at: number): void {
  const batch = k.lruvec.batch;
  const count = batch[at]!;
  batch[at] = 0;
  for (let i = 1; i <= count; i++) {
    const pfn = batch[at + i]!;
    const record = pfn * PAGE_WORDS;
    const flags = k.page[record + FLAGS]!;
    if ((flags & PG_lru) !== 0 && (flags & (PG_active | PG_unevictable)) === 0) {
      lruvecRemove(k, pfn);
      k.page[record + FLAGS]! |= PG_active;
      lruvecAdd(k, pfn);
      k.vmstat.event[PGACTIVATE]!++;
    }
    if (--k.page[record + REFCOUNT]! === 0) releaseFolio(k, pfn);
  }
}
