/**
 * The way on to the LRU lists and between them. Per node and memory cgroup there are two lists for anonymous pages, two
 * for files and one for what must stay. A page moves through a batch of its CPU, which holds a reference meanwhile:
 *
 *   new page -> batch of the CPU (up to 31, +1 reference each) -> inactive anon | active anon | inactive file | …
 *                                                                  head: newest … tail: oldest
 *
 * So a page in a batch cannot be reused on write nor freed before the batch is drained, which is why both do drain.
 * Moving has a batch a kind, drained in the order of the BATCH_ constants.
 * Linux: mm/swap.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { type Cpu, type Lruvec, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_lru,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  PG_ZONE_SHIFT,
  REFCOUNT,
} from "../frame/page.ts";
import { PGACTIVATE, PGDEACTIVATE, PGLAZYFREE, PGROTATED } from "../frame/vmstat.ts";
import { releaseFolio } from "./folio.ts";
import { IN_FAULT, incRefs, isLruGen, lruGenAddAll } from "./lru-gen.ts";
import {
  countLru,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  linkAtHead,
  lruListOf,
  lruvecOfPage,
  NR_LRU_LISTS,
} from "./lru-list.ts";
import { lruvecAdd, lruvecAddTail, lruvecRemove } from "./lru-move.ts";
import { countMemcgEvents } from "./memcg-count.ts";
import { FLUSHED_WORDS, firstFlushNs, flushedState } from "./memcg-flush.ts";
import { MOST_SHRINKERS } from "./shadow-nodes.ts";
import type { LruvecColumns, SpaceState } from "./state.ts";
import { VM_RAND_READ, VM_SEQ_READ } from "./vma.ts";

/** Batches of a CPU, in the order in which they are drained. */
const BATCH_ADD = 0;
const BATCH_MOVE_TAIL = 1;
const BATCH_DEACTIVATE_FILE = 2;
const BATCH_DEACTIVATE = 3;
const BATCH_LAZYFREE = 4;
const BATCH_ACTIVATE = 5;
const NR_LRU_BATCHES = 6;
/** Pages a batch holds (Linux: PAGEVEC_SIZE), and words it takes with its count. */
export const BATCH_PAGES = 31;
const BATCH_WORDS = 32;

/** Pages that an unmapping may have on the way to the allocator: one page table's worth. */
const GATHER_WORDS = 512;
/** What a page of I/O counts beside a page rotated (Linux: SWAP_CLUSTER_MAX). */
const COST_OF_IO = 32;

/** Empty lists and batches, for as many memory cgroups as `memcgs`. */
export function createLruvec(memcgs: number, nodes: number, cpus: number, seed: number): LruvecColumns {
  const lists = memcgs * nodes * NR_LRU_LISTS;
  return {
    nodes,
    head: new Int32Array(lists),
    tail: new Int32Array(lists),
    size: new Int32Array(lists),
    zoneSize: new Int32Array(lists * 4),
    anonCost: new Float64Array(memcgs * nodes),
    fileCost: new Float64Array(memcgs * nodes),
    nonresidentAge: new Float64Array(memcgs * nodes),
    refaults: new Float64Array(memcgs * nodes * 2),
    flushed: new Float64Array(memcgs * nodes * FLUSHED_WORDS),
    nextFlushNs: Float64Array.of(firstFlushNs(seed)),
    flags: new Uint8Array(memcgs * nodes),
    deferred: new Float64Array(memcgs * nodes * MOST_SHRINKERS),
    batch: new Int32Array(cpus * NR_LRU_BATCHES * BATCH_WORDS),
    referencedFlags: new Int32Array(1),
    gather: new Int32Array(GATHER_WORDS),
    gatherRange: new Float64Array(8),
    zapRun: new Int32Array(5),
  };
}

/**
 * The same for a page that a fault in a VMA with these flags has made: with MGLRU it is among the youngest, unless the
 * VMA's pages are not used in an order that tells anything (Linux: folio_add_lru_vma).
 */
export function folioAddLruVma(k: SpaceState, pfn: Pfn, vmFlags: number): void {
  if (isLruGen(k) && (vmFlags & (VM_SEQ_READ | VM_RAND_READ)) === 0)
    k.page[pfn * PAGE_WORDS + FLAGS]! |= PG_active;
  queueAdd(k, pfn);
}

/** Queues a new page for its LRU list; the list is chosen when the batch is drained (Linux: folio_add_lru). */
export function folioAddLru(k: SpaceState, pfn: Pfn): void {
  if (k.lruGen.state[IN_FAULT] !== 0) k.page[pfn * PAGE_WORDS + FLAGS]! |= PG_active;
  queueAdd(k, pfn);
}

function queueAdd(k: SpaceState, pfn: Pfn): void {
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
  for (let which = BATCH_MOVE_TAIL; which < NR_LRU_BATCHES; which++)
    if (k.lruvec.batch[at + which * BATCH_WORDS] !== 0) drainMoves(k, at + which * BATCH_WORDS, which);
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
  if (isLruGen(k)) {
    incRefs(k, pfn);
    return;
  }
  if ((flags & PG_referenced) === 0) {
    k.page[at] = flags | PG_referenced;
    return;
  }
  if ((flags & (PG_unevictable | PG_active)) !== 0) return;
  if ((flags & PG_lru) !== 0) queueMove(k, pfn, BATCH_ACTIVATE);
  else activateInBatch(k, pfn);
  k.page[at] = k.page[at]! & ~PG_referenced;
  ageNonresident(k, lruvecOfPage(k, pfn), 1);
}

/** An inactive page that is in use: to the active list (Linux: folio_activate). */
export function folioActivate(k: SpaceState, pfn: Pfn): void {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
  if ((flags & (PG_active | PG_unevictable)) === 0 && (flags & PG_lru) !== 0)
    queueMove(k, pfn, BATCH_ACTIVATE);
}

/** A page whose write-back is over and that reclaim wants: to the end where reclaim looks next (Linux: folio_rotate_reclaimable). */
export function folioRotateReclaimable(k: SpaceState, pfn: Pfn): void {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
  if ((flags & (PG_locked | PG_dirty | PG_unevictable)) !== 0 || (flags & PG_lru) === 0) return;
  queueMove(k, pfn, BATCH_MOVE_TAIL);
}

/** A file page that could not be dropped: to the inactive list, to be reclaimed soon (Linux: deactivate_file_folio). */
export function deactivateFileFolio(k: SpaceState, pfn: Pfn): void {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
  if ((flags & PG_unevictable) === 0 && (flags & PG_lru) !== 0) queueMove(k, pfn, BATCH_DEACTIVATE_FILE);
}

/** An active page that a program will not need soon: to the head of the inactive list (Linux: folio_deactivate). */
export function folioDeactivate(k: SpaceState, pfn: Pfn): void {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
  if ((flags & PG_unevictable) === 0 && (flags & PG_lru) !== 0 && ((flags & PG_active) !== 0 || isLruGen(k)))
    queueMove(k, pfn, BATCH_DEACTIVATE);
}

/** An anonymous page whose contents may be dropped: to the inactive file list (Linux: folio_mark_lazyfree). */
export function folioMarkLazyfree(k: SpaceState, pfn: Pfn): void {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
  if (isLazyfreeable(k, pfn, flags) && (flags & PG_lru) !== 0) queueMove(k, pfn, BATCH_LAZYFREE);
}

/** The lruvec and all above it have seen `pages` more evictions or activations (Linux: workingset_age_nonresident). */
export function ageNonresident(k: SpaceState, lruvec: Lruvec, pages: number): void {
  const { nodes, nonresidentAge } = k.lruvec;
  let at = lruvec;
  while (at >= nodes) {
    nonresidentAge[at]! += pages;
    at = k.memcg.parent[Math.floor(at / nodes)]! * nodes + (at % nodes);
  }
  nonresidentAge[at]! += pages;
}

/**
 * Reclaim of anonymous or file pages has cost `io` pages of I/O and `rotated` pages looked at in vain; older costs fade as the
 * lists are gone through (Linux: lru_note_cost).
 */
export function lruNoteCost(
  k: SpaceState,
  lruvec: Lruvec,
  isFile: boolean,
  io: number,
  rotated: number,
): void {
  const { nodes, anonCost, fileCost } = k.lruvec;
  const cost = io * COST_OF_IO + rotated;
  for (let at = lruvec; ; at = k.memcg.parent[Math.floor(at / nodes)]! * nodes + (at % nodes)) {
    if (isFile) fileCost[at]! += cost;
    else anonCost[at]! += cost;
    let pages = 0;
    for (let list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) pages += flushedState(k, at, list);
    if (fileCost[at]! + anonCost[at]! > Math.floor(pages / 4)) {
      fileCost[at] = Math.floor(fileCost[at]! / 2);
      anonCost[at] = Math.floor(anonCost[at]! / 2);
    }
    if (at < nodes) return;
  }
}

/** Moves a batch of new pages into their generations and drops the batch's references. */
function drainAddGen(k: SpaceState, at: number): void {
  const batch = k.lruvec.batch;
  const page = k.page;
  const count = batch[at]!;
  batch[at] = 0;
  let evictable = 0;
  for (let i = 1; i <= count; i++) {
    const pfn = batch[at + i]!;
    if ((page[pfn * PAGE_WORDS + FLAGS]! & PG_unevictable) === 0) batch[at + ++evictable] = pfn;
    else {
      lruvecAdd(k, pfn);
      if (--page[pfn * PAGE_WORDS + REFCOUNT]! === 0) releaseFolio(k, pfn);
    }
  }
  const dying = lruGenAddAll(k, batch, at + 1, evictable);
  for (let i = 1; i <= dying; i++) releaseFolio(k, batch[at + i]!);
}

/** Moves a batch of new pages to their lists and drops the batch's references; counters change once a run of equal pages. */
function drainAdd(k: SpaceState, at: number): void {
  if (isLruGen(k)) {
    drainAddGen(k, at);
    return;
  }
  const batch = k.lruvec.batch;
  const page = k.page;
  const count = batch[at]!;
  let lruvec = 0;
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
    const own = k.pageMemcg[pfn]! * k.lruvec.nodes + (((flags >>> PG_ZONE_SHIFT) - 1) >> 2);
    if (flags >>> PG_ZONE_SHIFT !== zone || lruListOf(flags) !== list || own !== lruvec) {
      if (pages !== 0) countLru(k, lruvec, zone, list, pages);
      zone = flags >>> PG_ZONE_SHIFT;
      list = lruListOf(flags);
      lruvec = own;
      pages = 0;
    }
    pages++;
    linkAtHead(k, pfn, lruvec * NR_LRU_LISTS + list);
    // The batch may have been the last to hold the page; its place in the batch is free to remember that.
    if (--page[record + REFCOUNT]! === 0) batch[at + ++dying] = pfn;
  }
  if (pages !== 0) countLru(k, lruvec, zone, list, pages);
  for (let i = 1; i <= dying; i++) releaseFolio(k, batch[at + i]!);
}

/** Queues a page that is on a list for a move. */
function queueMove(k: SpaceState, pfn: Pfn, which: number): void {
  const batch = k.lruvec.batch;
  const at = k.boot[2]! * (NR_LRU_BATCHES * BATCH_WORDS) + which * BATCH_WORDS;
  k.page[pfn * PAGE_WORDS + REFCOUNT]!++;
  const count = batch[at]! + 1;
  batch[at + count] = pfn;
  batch[at] = count;
  if (count === BATCH_PAGES) drainMoves(k, at, which);
}

/** A page that still waits in this CPU's add batch is marked, and will be added as active. */
function activateInBatch(k: SpaceState, pfn: Pfn): void {
  const batch = k.lruvec.batch;
  const at = k.boot[2]! * (NR_LRU_BATCHES * BATCH_WORDS) + BATCH_ADD * BATCH_WORDS;
  for (let i = batch[at]!; i > 0; i--) {
    if (batch[at + i] === pfn) {
      k.page[pfn * PAGE_WORDS + FLAGS]! |= PG_active;
      return;
    }
  }
}

/** Makes the moves of a batch for the pages that are on a list still, and drops the batch's references. */
function drainMoves(k: SpaceState, at: number, which: number): void {
  const batch = k.lruvec.batch;
  const count = batch[at]!;
  batch[at] = 0;
  for (let i = 1; i <= count; i++) {
    const pfn = batch[at + i]!;
    const flags = k.page[pfn * PAGE_WORDS + FLAGS]!;
    if ((flags & PG_lru) !== 0 && (flags & PG_unevictable) === 0) moveOne(k, pfn, flags, which);
    if (--k.page[pfn * PAGE_WORDS + REFCOUNT]! === 0) releaseFolio(k, pfn);
  }
}

function moveOne(k: SpaceState, pfn: Pfn, flags: number, which: number): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  if (which === BATCH_ACTIVATE) {
    if ((flags & PG_active) !== 0) return;
    lruvecRemove(k, pfn);
    k.page[at]! |= PG_active;
    lruvecAdd(k, pfn);
    count(k, pfn, PGACTIVATE);
  } else if (which === BATCH_MOVE_TAIL) {
    lruvecRemove(k, pfn);
    lruvecAddTail(k, pfn);
    k.vmstat.event[PGROTATED]!++;
  } else if (which === BATCH_DEACTIVATE_FILE) deactivateFile(k, pfn, flags);
  else if (which === BATCH_DEACTIVATE) {
    if ((flags & PG_active) === 0 && !isLruGen(k)) return;
    lruvecRemove(k, pfn);
    k.page[at]! &= ~PG_referenced;
    lruvecAdd(k, pfn);
    count(k, pfn, PGDEACTIVATE);
  } else if (isLazyfreeable(k, pfn, flags)) {
    lruvecRemove(k, pfn);
    k.page[at]! &= ~(PG_referenced | PG_swapbacked);
    lruvecAdd(k, pfn);
    count(k, pfn, PGLAZYFREE);
  }
}

/** A page of a file that nobody maps: where reclaim comes next or, when it must be written first, to be rotated after that. */
function deactivateFile(k: SpaceState, pfn: Pfn, flags: number): void {
  const record = pfn * PAGE_WORDS;
  if (k.page[record + MAPCOUNT] !== 0) return;
  lruvecRemove(k, pfn);
  k.page[record + FLAGS]! &= ~PG_referenced;
  if ((flags & (PG_writeback | PG_dirty)) !== 0) {
    lruvecAdd(k, pfn);
    k.page[record + FLAGS]! |= PG_reclaim;
  } else {
    lruvecAddTail(k, pfn);
    k.vmstat.event[PGROTATED]!++;
  }
  if ((flags & PG_active) !== 0) count(k, pfn, PGDEACTIVATE);
}

function isLazyfreeable(k: SpaceState, pfn: Pfn, flags: number): boolean {
  return (
    (k.page[pfn * PAGE_WORDS + MAPPING]! & 1) !== 0 &&
    (flags & PG_swapbacked) !== 0 &&
    (flags & (PG_swapcache | PG_unevictable)) === 0
  );
}

/** Counts an event of one page, for the machine and for the page's cgroup. */
function count(k: SpaceState, pfn: Pfn, event: number): void {
  k.vmstat.event[event]!++;
  const memcg = k.pageMemcg[pfn]!;
  if (memcg !== ROOT_MEMCG) countMemcgEvents(k, memcg, event, 1);
}
