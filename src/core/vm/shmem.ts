/**
 * Faults on shared memory, and its beginning and end.
 *
 *   nothing there     a page of zeros, for a load, too
 *   in the cache      mapped; a load maps what is ready around it with it
 *   in swap           read back with the slots around it; the task waits; a major fault
 *
 * Nobody is told of stores: an entry of a writable mapping is writable from the beginning.
 * Differs: a mapping with MAP_NORESERVE promises nothing; Linux promises its pages one by one as they are touched.
 * Linux: mm/shmem.c, mm/memory.c do_shared_fault (6.12)   Doc: Documentation/filesystems/tmpfs.rst
 */
import { chargeFolio, roomForObjects } from "../alloc/charge.ts";
import { allocPage } from "../alloc/pages.ts";
import { ENOMEM, FAULT_OOM, FAULT_SIGBUS } from "../base/errno.ts";
import {
  BLOCKED,
  type Inode,
  type Mm,
  NONE,
  type OpenFile,
  type Pfn,
  type Task,
  type Vma,
} from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_uptodate, PG_writeback } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { PGMAJFAULT } from "../frame/vmstat.ts";
import { CAUSE_ZEROING, COST_CLEAR_PAGE, spend } from "../hw/clock.ts";
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE } from "../reclaim/gfp.ts";
import { putFile } from "../space/file.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { completeIo, isUptodate, waitRow } from "../space/io.ts";
import { nodeBytes } from "../space/kmem-nodes.ts";
import { folioAddLru } from "../space/lruvec.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { filePages, findPage } from "../space/pagecache.ts";
import {
  addShmemPage,
  createShmem,
  evictShmem,
  loseShmemSwap,
  SHMEM_LOST,
  SHMEM_NORESERVE,
  SHMEM_PROMISED,
  shmemFromSwapCache,
  shmemSwapAt,
} from "../space/shmem.ts";
import { findSwapCache, swapRequest } from "../space/swap-cache.ts";
import { sleepUntil, TASK_UNINTERRUPTIBLE } from "../space/task.ts";
import { acctMemory, vmEnoughMemory } from "./accounting.ts";
import { faultAround } from "./fault-around.ts";
import { FAULT_FLAG_WRITE, RETRY_TRIED, VM_FAULT_MAJOR } from "./fault-flags.ts";
import { mapFilePage } from "./map-file-page.ts";
import type { VmState } from "./state.ts";
import { bringIn, findReadAhead, readCluster } from "./swapin.ts";

/** Shared memory for a mapping of so many pages, open. Returns -ENOMEM when it cannot be promised, or -ENFILE. */
export function shmemZeroSetup(k: VmState, mm: Mm, pages: number, isReserved: boolean): OpenFile {
  if (isReserved && vmEnoughMemory(k, mm, pages) < 0) return -ENOMEM;
  const file = createShmem(k, pages, isReserved ? SHMEM_PROMISED : SHMEM_NORESERVE);
  if (file < 0 && isReserved) acctMemory(k, -pages);
  return file;
}

/** A mapping gives its reference to its file back; shared memory that nobody else has goes with the last. */
export function putMappedFile(k: VmState, file: OpenFile): void {
  const inode = k.file.inode[file];
  putFile(k, file);
  if (k.file.shmem[inode] === 0 || k.file.openCount[inode] !== 0) return;
  if (k.file.shmem[inode] === SHMEM_PROMISED) acctMemory(k, -filePages(k, inode));
  evictShmem(k, inode);
}

/**
 * Handles a fault on shared memory. Returns 0 (a minor fault), VM_FAULT_MAJOR, BLOCKED (the task waits, ask again),
 * FAULT_SIGBUS beyond its end or when swap cannot be read, FAULT_OOM.
 */
export function shmemFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const inode = k.file.inode[k.vma.file[vma]];
  const index = k.vma.pgoff[vma] + (vpn - k.vma.start[vma]);
  const isWrite = (flags & FAULT_FLAG_WRITE) !== 0;
  if (!isWrite) {
    const around = faultAround(k, vma, vpn);
    if (around !== 0) return around < 0 ? FAULT_OOM : endFault(k, task, 0);
  }
  if (index >= filePages(k, inode)) return FAULT_SIGBUS;
  const pfn = getShmemPage(k, task, vma, inode, index);
  if (pfn === BLOCKED) return BLOCKED;
  if (pfn < 0) return endFault(k, task, pfn);
  // Held while a table is made: reclaim leaves it alone.
  getFolio(k, pfn);
  const mapped = mapFilePage(k, vma, vpn, pfn, isWrite);
  putFolio(k, pfn);
  return endFault(k, task, mapped);
}

/** What the fault came to, counted as major when the page had to be read. */
function endFault(k: VmState, task: Task, result: number): number {
  const { faultTried } = k.task;
  const wasMajor = (faultTried[task] & RETRY_TRIED) !== 0;
  faultTried[task] = 0;
  return result === 0 && wasMajor ? VM_FAULT_MAJOR : result;
}

/** The page of an index, made or brought back from swap. BLOCKED, FAULT_OOM, FAULT_SIGBUS (Linux: shmem_get_folio_gfp). */
function getShmemPage(k: VmState, task: Task, vma: Vma, inode: Inode, index: number): Pfn {
  for (;;) {
    const cached = findPage(k, inode, index);
    if (cached !== NONE) return cached;
    const entry = shmemSwapAt(k, inode, index);
    if (entry === NONE) return makePage(k, vma, inode, index);
    if (entry === SHMEM_LOST) return FAULT_SIGBUS;
    const mm = k.vma.mm[vma];
    let pfn = findReadAhead(k, entry);
    if (pfn === NONE) {
      k.task.faultTried[task] |= RETRY_TRIED;
      k.vmstat.event[PGMAJFAULT]++;
      countMemcgEvents(k, k.mm.memcg[mm], PGMAJFAULT, 1);
      readCluster(k, mm, entry);
      pfn = bringIn(k, mm, entry);
      if (pfn < 0) return FAULT_OOM;
      if (pfn === NONE) continue;
    }
    if (sleepOnSwap(k, task, pfn)) return BLOCKED;
    // Making room for the page may have put it out again.
    if (shmemSwapAt(k, inode, index) !== entry || findSwapCache(k, entry) !== pfn) continue;
    if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) === 0) {
      loseShmemSwap(k, inode, index);
      return FAULT_SIGBUS;
    }
    shmemFromSwapCache(k, inode, index, pfn);
    return pfn;
  }
}

/** Puts the task to sleep while the page is being read, or written. Returns whether it sleeps. */
function sleepOnSwap(k: VmState, task: Task, pfn: Pfn): boolean {
  let row = !isUptodate(k, pfn) ? waitRow(k, pfn) : NONE;
  if (row === NONE && (k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) !== 0) {
    completeIo(k, k.clock.ns[0]);
    if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) !== 0) row = swapRequest(k, pfn);
  }
  if (row === NONE) return false;
  sleepUntil(k, task, TASK_UNINTERRUPTIBLE, row, k.disk.completeNs[row]);
  return true;
}

/** A new page of zeros, in the cache and on the list of anonymous memory. */
function makePage(k: VmState, vma: Vma, inode: Inode, index: number): Pfn {
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_ZERO);
  if (pfn < 0) return FAULT_OOM;
  const isCharged = chargeFolio(k, pfn, k.vma.mm[vma], GFP_HIGHUSER_MOVABLE) === 0;
  if (!isCharged) {
    freePage(k, pfn);
    return FAULT_OOM;
  }
  const room = roomForObjects(k, nodeBytes(k, inode, index), GFP_HIGHUSER_MOVABLE);
  if (room < 0 || addShmemPage(k, inode, index, pfn) < 0) {
    putFolio(k, pfn);
    return FAULT_OOM;
  }
  spend(k, CAUSE_ZEROING, COST_CLEAR_PAGE);
  folioAddLru(k, pfn);
  return pfn;
}
