/**
 * What becomes of a batch of pages at the end of an inactive list, one after the other (Linux: shrink_folio_list):
 *
 *   used since?         several times, or executable: active;  once: another round
 *   anonymous           gets a slot in swap (none left: active), is unmapped, written; freed once the write is done
 *   file, mapped        is unmapped
 *   dirty               anonymous: written now;  file: marked to be reclaimed as soon as the flushers have written it
 *   under write-back    marked in the same way, and out of the way on the active list
 *   clean               leaves its cache, a shadow stays, the frame is free
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */

import { type Memcg, NONE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapbacked,
  PG_swapcache,
  PG_unevictable,
  PG_writeback,
  PG_ZONE_SHIFT,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import {
  NR_NODE_ITEMS,
  NR_VMSCAN_IMMEDIATE,
  NR_VMSCAN_WRITE,
  PGACTIVATE,
  PGLAZYFREED,
} from "../frame/vmstat.ts";
import {
  CAUSE_RECLAIM,
  CAUSE_RECLAIM_WAIT,
  COST_FREE_CACHED,
  COST_SCAN_PAGE,
  COST_SWAP_OUT_PAGE,
  COST_UNMAP_PAGE,
  spend,
} from "../hw/clock.ts";
import { flushPlug } from "../hw/plug.ts";
import { releaseFolio } from "../space/folio.ts";
import { completeIo } from "../space/io.ts";
import { isLruGen } from "../space/lru-gen.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { removePage } from "../space/pagecache.ts";
import { folioReferenced, tryToUnmap } from "../space/rmap-walk.ts";
import { removeShmemPage, shmemToSwapCache } from "../space/shmem.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import {
  addToSwap,
  deleteFromSwapCache,
  folioFreeSwap,
  markSwapZeros,
  swapRequest,
} from "../space/swap-cache.ts";
import { chargeSwapOut, memcgSwapFull } from "../space/swap-room.ts";
import { VM_EXEC, VM_LOCKED } from "../space/vma.ts";
import { hasZswap, ZSWAP_WORK_NS } from "../space/zswap.ts";
import { idleUntil, runFlushers } from "./flusher.ts";
import { __GFP_FS, __GFP_IO } from "./gfp.ts";
import { settleNodeSlabs } from "./node-slab.ts";
import { psiAwake, psiSleep } from "./psi.ts";
import { PGDAT_DIRTY, PGDAT_WRITEBACK } from "./scan-control.ts";
import type { ReclaimState, ScanControl } from "./state.ts";
import { workingsetEviction } from "./workingset.ts";
import { sendToSwap } from "./zram-store.ts";
import { mayWriteBack, runZswapWorker } from "./zswap-shrink.ts";
import { zswapStore } from "./zswap-store.ts";

/** What `k.reclaim.stat` counts of a batch, in pages. */
export const STAT_DIRTY = 0;
export const STAT_UNQUEUED_DIRTY = 1;
export const STAT_CONGESTED = 2;
export const STAT_WRITEBACK = 3;
export const STAT_IMMEDIATE = 4;
export const STAT_PAGEOUT = 5;
export const STAT_REF_KEEP = 6;
export const STAT_UNMAP_FAIL = 7;
export const STAT_ACTIVATE_ANON = 8;
export const STAT_ACTIVATE_FILE = 9;
const STAT_UNMAPPED = 10;

/** What the marks of a page say (Linux: enum folio_references). */
const REF_RECLAIM = 0;
const REF_RECLAIM_CLEAN = 1;
const REF_KEEP = 2;
const REF_ACTIVATE = 3;

/** What is done with a page. */
const FREED = 0;
const KEEP = 1;
const ACTIVATE = 2;

/**
 * Looks at the first `count` pages of `k.reclaim.isolated`, each held by one reference and on no list. Those that were not freed
 * are in `k.reclaim.kept` afterwards, in order; `k.reclaim.stat` says what was met. Returns the pages freed; the
 * number kept is count minus that.
 */
export function shrinkFolioList(
  k: ReclaimState,
  count: number,
  sc: ScanControl,
  node: number,
  ignoreReferences: boolean,
): number {
  const { isolated, kept, stat } = k.reclaim;
  stat.fill(0);
  let freed = 0;
  let left = 0;
  // Write-back that is over by now is not in anybody's way.
  completeIo(k, k.clock.ns[0]);
  if (k.writeback.firstRunNs[0] <= k.clock.ns[0]) runFlushers(k, k.clock.ns[0]);
  const work = k.zswap.state;
  for (let i = 0; i < count; i++) {
    // Whoever is woken gets its turn between two pages (Linux: cond_resched).
    if (work[ZSWAP_WORK_NS] <= k.clock.ns[0]) runZswapWorker(k);
    const pfn = isolated[i];
    const fate = shrinkOne(k, pfn, sc, node, ignoreReferences);
    if (fate === FREED) {
      freed++;
      continue;
    }
    if (fate === ACTIVATE) activate(k, pfn);
    kept[left++] = pfn;
  }
  const costs =
    stat[STAT_UNMAPPED] * COST_UNMAP_PAGE +
    stat[STAT_PAGEOUT] * COST_SWAP_OUT_PAGE +
    freed * COST_FREE_CACHED;
  spend(k, CAUSE_RECLAIM, count * COST_SCAN_PAGE + costs);
  k.vmstat.event[PGACTIVATE] += stat[STAT_ACTIVATE_ANON] + stat[STAT_ACTIVATE_FILE];
  return freed;
}

/** One page. Returns FREED, KEEP or ACTIVATE. */
function shrinkOne(k: ReclaimState, pfn: Pfn, sc: ScanControl, node: number, ignore: boolean): number {
  const { page } = k;
  const { stat } = k.reclaim;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS];
  if ((flags & PG_locked) !== 0) return KEEP;
  sc.nrScanned++;
  if ((flags & (PG_unevictable | PG_mlocked)) !== 0) return ACTIVATE;
  if (!sc.mayUnmap && page[record + MAPCOUNT] !== 0) return KEEP;
  // A walk of page tables has found it in use while it was on no list.
  if (isLruGen(k) && !ignore && page[record + MAPCOUNT] !== 0 && (flags & PG_referenced) !== 0) return KEEP;
  const waits = countWaiting(k, pfn, flags, sc, node);
  if (waits !== FREED) return waits;
  const references = ignore ? REF_RECLAIM : checkReferences(k, pfn, sc.memcg);
  if (references === REF_ACTIVATE) return ACTIVATE;
  if (references === REF_KEEP) {
    stat[STAT_REF_KEEP]++;
    return KEEP;
  }
  const isAnon = (page[record + MAPPING] & 1) !== 0;
  if (isAnon && (flags & (PG_swapbacked | PG_swapcache)) === PG_swapbacked) {
    if ((sc.gfp & __GFP_IO) === 0) return KEEP;
    if (!addToSwap(k, pfn)) return ACTIVATE;
    settleNodeSlabs(k);
  }
  if (page[record + MAPCOUNT] !== 0 && !unmap(k, pfn)) return ACTIVATE;
  if ((page[record + FLAGS] & PG_dirty) !== 0) {
    const fate = writeDirty(k, pfn, sc, node, references);
    if (fate !== FREED) return fate;
  }
  return removeMapping(k, pfn, sc.memcg) ? FREED : KEEP;
}

/** Takes a page out of all page tables, and notes that it was tried and whether it failed. */
function unmap(k: ReclaimState, pfn: Pfn): boolean {
  const { stat } = k.reclaim;
  stat[STAT_UNMAPPED]++;
  const isDone = tryToUnmap(k, pfn);
  if (!isDone) stat[STAT_UNMAP_FAIL]++;
  return isDone;
}

/** Notes that the page is dirty or under write-back. Returns what is done with one under write-back, or FREED: go on. */
function countWaiting(k: ReclaimState, pfn: Pfn, flags: number, sc: ScanControl, node: number): number {
  const { stat } = k.reclaim;
  // Anonymous pages are dirty by nature; only those of the swap cache are asked.
  const isAsked = (flags & PG_swapbacked) === 0 || (flags & PG_swapcache) !== 0;
  const isFile = (flags & PG_swapbacked) === 0;
  const isDirty = isFile && (flags & PG_dirty) !== 0;
  const isWriteback = (flags & PG_writeback) !== 0;
  if (isFile && (isDirty || isWriteback)) stat[STAT_DIRTY]++;
  if (isDirty && !isWriteback) stat[STAT_UNQUEUED_DIRTY]++;
  if (isFile && isWriteback && (flags & PG_reclaim) !== 0) stat[STAT_CONGESTED]++;
  if (!isWriteback || !isAsked) return FREED;
  const isBlocked = (k.reclaim.nodeFlags[node] & PGDAT_WRITEBACK) !== 0;
  if (sc.isKswapd && (flags & PG_reclaim) !== 0 && isBlocked) {
    stat[STAT_IMMEDIATE]++;
    return ACTIVATE;
  }
  if (sc.isCgroup && isLegacy(k) && (flags & PG_reclaim) !== 0 && awaitWriteback(k, pfn, sc)) return FREED;
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_reclaim;
  stat[STAT_WRITEBACK]++;
  return ACTIVATE;
}

/**
 * Reclaim of a cgroup of version 1 waits for the write it meets again: nothing else slows down those who dirty its pages
 * (Linux: writeback_throttling_sane). Returns false where it may not wait.
 */
function awaitWriteback(k: ReclaimState, pfn: Pfn, sc: ScanControl): boolean {
  if ((sc.gfp & (__GFP_IO | __GFP_FS)) === 0) return false;
  const isSwap = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_swapcache) !== 0;
  const row = isSwap ? swapRequest(k, pfn) : k.page[pfn * PAGE_WORDS + PRIVATE];
  if (row === NONE) return false;
  // What is held back has no time at which it is done.
  flushPlug(k);
  const asleep = psiSleep(k, true);
  idleUntil(k, k.disk.completeNs[row], CAUSE_RECLAIM_WAIT);
  psiAwake(k, asleep, true);
  completeIo(k, k.clock.ns[0]);
  // Linux takes the page up anew, and so counts it twice.
  sc.nrScanned++;
  return (k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) === 0;
}

/** Whether the page was used lately, and how (Linux: folio_check_references). Marks it as seen. */
function checkReferences(k: ReclaimState, pfn: Pfn, memcg: Memcg): number {
  const at = pfn * PAGE_WORDS + FLAGS;
  const mappings = folioReferenced(k, pfn, memcg);
  const vmFlags = k.lruvec.referencedFlags[0];
  const wasReferenced = (k.page[at] & PG_referenced) !== 0;
  k.page[at] &= ~PG_referenced;
  if ((vmFlags & VM_LOCKED) !== 0) return REF_ACTIVATE;
  const isFile = (k.page[at] & PG_swapbacked) === 0;
  if (mappings !== 0) {
    // A mapped page begins with the mark of the fault that brought it: it takes a second look to tell it is in use.
    k.page[at] |= PG_referenced;
    if (wasReferenced || mappings > 1) return REF_ACTIVATE;
    return (vmFlags & VM_EXEC) !== 0 && isFile ? REF_ACTIVATE : REF_KEEP;
  }
  return wasReferenced && isFile ? REF_RECLAIM_CLEAN : REF_RECLAIM;
}

/** A dirty page that nothing maps. Returns FREED when it is clean now and can go. */
function writeDirty(k: ReclaimState, pfn: Pfn, sc: ScanControl, node: number, references: number): number {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  const isFile = (flags & PG_swapbacked) === 0;
  const isKswapdsTurn = sc.isKswapd && (flags & PG_reclaim) !== 0;
  if (isFile && !(isKswapdsTurn && (k.reclaim.nodeFlags[node] & PGDAT_DIRTY) !== 0)) {
    k.vmstat.node[node * NR_NODE_ITEMS + NR_VMSCAN_IMMEDIATE]++;
    k.page[record + FLAGS] |= PG_reclaim;
    return ACTIVATE;
  }
  if (references === REF_RECLAIM_CLEAN) return KEEP;
  // Swap may be written whenever I/O is allowed, a file only where the file system may be entered, too.
  const mayEnter = (sc.gfp & __GFP_FS) !== 0 || ((flags & PG_swapcache) !== 0 && (sc.gfp & __GFP_IO) !== 0);
  if (!mayEnter || !sc.mayWritepage) return KEEP;
  return pageout(k, pfn, node);
}

/** Writes a page of the swap cache. ext4 gives reclaim no way to write a page of its own. Linux's name for it is the same. */
function pageout(k: ReclaimState, pfn: Pfn, node: number): number {
  const record = pfn * PAGE_WORDS;
  const { page } = k;
  // The cache's reference and reclaim's own: anybody else's means that the page is in use.
  if (page[record + REFCOUNT] !== 2) return KEEP;
  if ((page[record + FLAGS] & PG_swapcache) === 0 && !isShmemMovedOut(k, pfn)) return ACTIVATE;
  page[record + FLAGS] = (page[record + FLAGS] & ~PG_dirty) | PG_reclaim;
  if (folioFreeSwap(k, pfn)) {
    page[record + FLAGS] &= ~PG_reclaim;
    return countPageout(k, node, KEEP);
  }
  if (!markSwapZeros(k, pfn) && !zswapStore(k, pfn) && !writeToSwap(k, pfn)) {
    page[record + FLAGS] = (page[record + FLAGS] | PG_dirty) & ~PG_reclaim;
    return ACTIVATE;
  }
  if ((page[record + FLAGS] & PG_writeback) !== 0) return countPageout(k, node, KEEP);
  page[record + FLAGS] &= ~PG_reclaim;
  return countPageout(k, node, FREED);
}

/** Sends a page to its slot, unless its cgroup wants nothing of it on a disk. */
function writeToSwap(k: ReclaimState, pfn: Pfn): boolean {
  return (!hasZswap(k) || mayWriteBack(k, k.pageMemcg[pfn])) && sendToSwap(k, pfn);
}

/** Moves a page of shared memory to the swap cache. False for pages of other files, and where there is no slot for it. */
function isShmemMovedOut(k: ReclaimState, pfn: Pfn): boolean {
  const isShmem = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_swapbacked) !== 0;
  return isShmem && k.swap.state[SWAP_TOTAL] > 0 && shmemToSwapCache(k, pfn);
}

function countPageout(k: ReclaimState, node: number, fate: number): number {
  k.vmstat.node[node * NR_NODE_ITEMS + NR_VMSCAN_WRITE]++;
  k.reclaim.stat[STAT_PAGEOUT]++;
  return fate;
}

/** Takes a clean page that only its cache and reclaim hold out of the cache and frees it (Linux: __remove_mapping). */
function removeMapping(k: ReclaimState, pfn: Pfn, target: Memcg): boolean {
  const record = pfn * PAGE_WORDS;
  const { page } = k;
  const flags = page[record + FLAGS];
  if ((page[record + MAPPING] & 1) !== 0 && (flags & PG_swapbacked) === 0) {
    if (page[record + REFCOUNT] !== 1) return false;
    k.vmstat.event[PGLAZYFREED]++;
    countMemcgEvents(k, k.pageMemcg[pfn], PGLAZYFREED, 1);
    page[record + REFCOUNT] = 0;
    releaseFolio(k, pfn);
    return true;
  }
  if (page[record + REFCOUNT] !== 2 || (flags & PG_dirty) !== 0) return false;
  if ((flags & PG_swapcache) !== 0) {
    const entry = page[record + PRIVATE];
    deleteFromSwapCache(k, pfn, workingsetEviction(k, pfn, target));
    if (isLegacy(k)) chargeSwapOut(k, pfn, entry);
  } else {
    const inode = page[record + MAPPING] >> 1;
    if (inode === NONE) return false;
    const index = page[record + INDEX] >>> 0;
    if ((flags & PG_swapbacked) !== 0) removeShmemPage(k, inode, index, pfn);
    else removePage(k, inode, index, pfn, workingsetEviction(k, pfn, target));
  }
  page[record + REFCOUNT] = 0;
  releaseFolio(k, pfn);
  return true;
}

/** The page stays in memory and is not looked at again soon; a slot that it has is worth more than it. */
function activate(k: ReclaimState, pfn: Pfn): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  if ((k.page[at] & PG_swapcache) !== 0 && memcgSwapFull(k, pfn)) folioFreeSwap(k, pfn);
  if ((k.page[at] & PG_mlocked) !== 0) return;
  k.page[at] |= PG_active;
  const isFile = (k.page[at] & PG_swapbacked) === 0;
  k.reclaim.stat[isFile ? STAT_ACTIVATE_FILE : STAT_ACTIVATE_ANON]++;
  const memcg = k.pageMemcg[pfn];
  if (memcg !== ROOT_MEMCG) countMemcgEvents(k, memcg, PGACTIVATE, 1);
}

/** Node of a frame. */
export function nodeOfPage(k: ReclaimState, pfn: Pfn): number {
  return ((k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT) - 1) >> 2;
}
