/**
 * Faults on mapped files.
 *
 *   read              what is ready around the page is mapped; else the page is fetched and mapped alone
 *   write, private    the page is fetched, copied into an anonymous page, and that is mapped
 *   write, shared     the page is fetched, becomes dirty, and is mapped writable
 *
 * Fetching may have to wait for the disk. Nobody waits here: the task sleeps on the disk request and the fault is
 * asked for again; fault-flags.ts says how such a fault is counted.
 * Linux: mm/memory.c do_fault, mm/filemap.c filemap_fault (6.12)   Doc: Documentation/filesystems/locking.rst
 */

import { chargeFolio } from "../alloc/charge.ts";
import { allocPage } from "../alloc/pages.ts";
import { FAULT_OOM, FAULT_SIGBUS } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, type Pfn, type Task, type Vma } from "../base/types.ts";
import { freePage } from "../frame/pcp.ts";
import { PGMAJFAULT } from "../frame/vmstat.ts";
import { CAUSE_COPY, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import { pteHigh, pteLow } from "../hw/pte.ts";
import { copyContent } from "../hw/ram.ts";
import { balanceDirtyPages } from "../reclaim/balance-dirty.ts";
import { __GFP_COMP, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../reclaim/gfp.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { isUptodate, sleepOnFolio } from "../space/io.ts";
import { enterLruFault, exitLruFault } from "../space/lru-gen.ts";
import { folioAddLruVma } from "../space/lruvec.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { addRss, MM_ANONPAGES } from "../space/mm.ts";
import { filePages, findPage, pageRequest, startReads } from "../space/pagecache.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { addAnonRmap } from "../space/rmap.ts";
import { VM_SHARED } from "../space/vma.ts";
import { faultAround } from "./fault-around.ts";
import {
  FAULT_FLAG_POPULATE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  FAULT_FLAG_WRITE,
  RETRY_MMAP_LOCK,
  RETRY_TRIED,
  VM_FAULT_MAJOR,
} from "./fault-flags.ts";
import { mapFilePage, writeBits } from "./map-file-page.ts";
import { ensurePte } from "./pte-alloc.ts";
import { addPage, readAheadOfFault, readAroundFault } from "./readahead.ts";
import { prepareAnonVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/** Answers of one attempt besides 0, VM_FAULT_MAJOR and FAULT_*: retry, and whether that attempt was a major one. */
const RETRY = -1;
const RETRY_MAJOR = -2;

/**
 * Handles a fault on a VMA that has a file. `flags` are FAULT_FLAG_*: WRITE and USER are looked at; what a retry needs
 * to remember is kept in `k.task.faultTried` by this function, which clears it when the fault ends.
 * Returns 0 (done: count a minor fault), VM_FAULT_MAJOR (done: count a major fault), BLOCKED (the task waits for a disk
 * request, try the access again), FAULT_SIGBUS past the end of the file, FAULT_OOM.
 */
export function fileFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  enterLruFault(k, k.vma.flags[vma]);
  const result = tryFileFault(k, task, vma, vpn, flags);
  exitLruFault(k);
  return result;
}

/** The same, with what is used counting for MGLRU. */
function tryFileFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const { faultTried } = k.task;
  // A retry that comes before its page has arrived is not an attempt.
  if (faultTried[task] !== 0 && sleepOnPage(k, task, vma, vpn)) return BLOCKED;
  for (;;) {
    const state = faultTried[task];
    const tried = (state & RETRY_TRIED) !== 0;
    const result = attempt(k, vma, vpn, tried ? flags | FAULT_FLAG_TRIED : flags);
    if (result !== RETRY && result !== RETRY_MAJOR) {
      faultTried[task] = 0;
      if (result >= 0 && (flags & FAULT_FLAG_WRITE) !== 0 && (k.vma.flags[vma] & VM_SHARED) !== 0)
        balanceDirtyPages(k, k.file.inode[k.vma.file[vma]]);
      return result === 0 && tried ? VM_FAULT_MAJOR : result;
    }
    const underVmaLock = (flags & FAULT_FLAG_USER) !== 0 && !(state & RETRY_MMAP_LOCK);
    const remembered = state | RETRY_MMAP_LOCK | (!underVmaLock || result === RETRY_MAJOR ? RETRY_TRIED : 0);
    faultTried[task] = (flags & FAULT_FLAG_POPULATE) !== 0 ? 0 : remembered;
    if (sleepOnPage(k, task, vma, vpn)) return BLOCKED;
  }
}

/** One attempt. Returns 0, VM_FAULT_MAJOR, RETRY, RETRY_MAJOR, FAULT_SIGBUS or FAULT_OOM. */
function attempt(k: VmState, vma: Vma, vpn: number, flags: number): number {
  const isWrite = (flags & FAULT_FLAG_WRITE) !== 0;
  const isShared = (k.vma.flags[vma] & VM_SHARED) !== 0;
  if (!isWrite) {
    const around = faultAround(k, vma, vpn);
    if (around !== 0) return around < 0 ? FAULT_OOM : 0;
  } else if (!isShared && prepareAnonVma(k, vma) < 0) {
    return FAULT_OOM;
  }
  const fetched = fetchPage(k, vma, vpn, flags);
  if (fetched < 0) return fetched;
  const inode = k.file.inode[k.vma.file[vma]];
  const pfn = findPage(k, inode, indexOf(k, vma, vpn));
  // Held while tables and copies are made: reclaim leaves it alone.
  getFolio(k, pfn);
  const mapped = isWrite && !isShared ? mapCopy(k, vma, vpn, pfn) : mapFilePage(k, vma, vpn, pfn, isWrite);
  putFolio(k, pfn);
  return mapped < 0 ? mapped : fetched;
}

/**
 * Brings the page that the fault needs into the cache (Linux: filemap_fault). Returns 0 when it is there and uptodate,
 * VM_FAULT_MAJOR when it had to be made, RETRY or RETRY_MAJOR when something was read, FAULT_SIGBUS, FAULT_OOM.
 */
function fetchPage(k: VmState, vma: Vma, vpn: number, flags: number): number {
  const file = k.vma.file[vma];
  const inode = k.file.inode[file];
  const index = indexOf(k, vma, vpn);
  if (index >= filePages(k, inode)) return FAULT_SIGBUS;
  // Linux lets go of its lock before it reads, but only once; the second attempt waits with the lock held.
  const mayDrop = !(flags & FAULT_FLAG_TRIED);
  let pfn = findPage(k, inode, index);
  let major = 0;
  let dropped = false;
  if (pfn !== NONE) {
    if (mayDrop) dropped = readAheadOfFault(k, file, vma, index);
    // Reading ahead may have cost it its place: the next attempt begins from nothing.
    if (findPage(k, inode, index) !== pfn) return RETRY;
  } else {
    k.vmstat.event[PGMAJFAULT]++;
    countMemcgEvents(k, k.mm.memcg[k.vma.mm[vma]], PGMAJFAULT, 1);
    major = VM_FAULT_MAJOR;
    dropped = readAroundFault(k, file, vma, index) && mayDrop;
    pfn = findPage(k, inode, index);
    if (pfn === NONE) {
      pfn = readAlone(k, inode, index);
      if (pfn < 0) return dropped ? RETRY_MAJOR : FAULT_OOM;
      dropped = mayDrop;
    }
  }
  if (!isUptodate(k, pfn)) {
    if (pageRequest(k, pfn) === NONE) startReads(k, inode, index, 1);
    dropped = true;
  }
  if (!dropped) return major;
  return major === 0 ? RETRY : RETRY_MAJOR;
}

/** Puts one page into the cache and starts to read it. Returns its frame, or -ENOMEM. */
function readAlone(k: VmState, inode: Inode, index: number): Pfn {
  const pfn = addPage(k, inode, index, GFP_HIGHUSER_MOVABLE);
  if (pfn > 0) startReads(k, inode, index, 1);
  return pfn;
}

/** Puts the task to sleep when the page it faulted on is still being read. Returns whether it sleeps. */
function sleepOnPage(k: VmState, task: Task, vma: Vma, vpn: number): boolean {
  const inode = k.file.inode[k.vma.file[vma]];
  const pfn = findPage(k, inode, indexOf(k, vma, vpn));
  if (pfn === NONE || isUptodate(k, pfn)) return false;
  const row = pageRequest(k, pfn);
  if (row === NONE) return false;
  sleepOnFolio(k, task, pfn, row);
  return true;
}

/** Copies a page of the file into a new anonymous page and maps that (Linux: do_cow_fault). */
function mapCopy(k: VmState, vma: Vma, vpn: number, source: Pfn): number {
  const mm = k.vma.mm[vma];
  const pte = ensurePte(k, mm, vpn);
  if (pte < 0) return FAULT_OOM;
  const { words } = k.ram;
  if (words[pte] !== 0 || words[pte + 1] !== 0) return 0;
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP);
  if (pfn < 0) return FAULT_OOM;
  if (chargeFolio(k, pfn, mm, GFP_KERNEL) < 0) {
    freePage(k, pfn);
    return FAULT_OOM;
  }
  copyContent(k, source, pfn);
  spend(k, CAUSE_COPY, COST_COPY_PAGE);
  addAnonRmap(k, pfn, vma, vpn);
  const vmFlags = k.vma.flags[vma];
  folioAddLruVma(k, pfn, vmFlags);
  addRss(k, mm, MM_ANONPAGES, 1);
  words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
  words[pte] = pteLow(pfn, protLow(vmFlags)) | writeBits(k, vma);
  return 0;
}

/** Page of the file at this vpn of its VMA. */
function indexOf(k: VmState, vma: Vma, vpn: number): number {
  return k.vma.pgoff[vma] + (vpn - k.vma.start[vma]);
}
