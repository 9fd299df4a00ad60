/**
 * Read-ahead: reading pages of a file before somebody asks for them.
 *
 *             |<----- asyncSize ----------|
 *   |---------------------- size -------->|
 *   |=========#===========================|
 *   ^start    ^page marked PG_readahead: whoever comes here starts the next window
 *
 * A read that misses the cache starts a window (sync), a read or a fault that meets the mark moves it on (async). The
 * window grows from 4 pages to `raPages` (read_ahead_kb), then stays. A fault on a mapping that misses reads around
 * the page instead, unless misses outnumber hits by 100.
 * Linux: mm/readahead.c, mm/filemap.c (6.12)   Doc: Documentation/core-api/mm-api.rst
 */

import { chargeFolioTo, roomForObjects } from "../alloc/charge.ts";
import { allocPage } from "../alloc/pages.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Inode, NONE, type OpenFile, PAGE_SIZE, type Pfn, type Vma } from "../base/types.ts";
import { xaNextMiss, xaPrevMiss } from "../base/xarray.ts";
import { FLAGS, PAGE_WORDS, PG_readahead, PG_writeback } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { CAUSE_PAGE_CACHE, COST_CACHE_PAGE, spend } from "../hw/clock.ts";
import {
  __GFP_COMP,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_WRITE,
  GFP_HIGHUSER_MOVABLE,
} from "../reclaim/gfp.ts";
import { settleNodeSlabs } from "../reclaim/node-slab.ts";
import { workingsetRefault } from "../reclaim/workingset.ts";
import { FILE_RANDOM } from "../space/file.ts";
import { putFolio } from "../space/folio.ts";
import { nodeBytes } from "../space/kmem-nodes.ts";
import { folioAddLru } from "../space/lruvec.ts";
import { currentMemcg } from "../space/memcg-current.ts";
import { filePages, findPage, insertPage, startReads } from "../space/pagecache.ts";
import { shadowAt } from "../space/shadow-nodes.ts";
import { VM_RAND_READ, VM_SEQ_READ } from "../space/vma.ts";
import type { VmState } from "./state.ts";

/** Misses of a mapping above which it is not read around any more, and the most that are counted. */
const MMAP_LOTSAMISS = 100;
const MMAP_MISS_MOST = 1000;
/** Pages that one piece of a forced read-ahead has: 2 MiB. */
const FORCED_CHUNK = 512;

/**
 * Puts a new page into the cache at an index that holds nothing: locked, on its way to the LRU, not read.
 * Returns its frame, or -ENOMEM.
 */
export function addPage(k: VmState, inode: Inode, index: number, gfp: number): Pfn {
  const pfn = allocPage(k, gfp | __GFP_COMP);
  if (pfn < 0) return -ENOMEM;
  if (chargeFolioTo(k, pfn, currentMemcg(k), gfp) < 0) {
    freePage(k, pfn);
    return -ENOMEM;
  }
  if (roomForObjects(k, nodeBytes(k, inode, index), gfp) < 0) {
    putFolio(k, pfn);
    return -ENOMEM;
  }
  // Making room may have brought the page in by another way, or changed what is remembered of it.
  const shadow = shadowAt(k, inode, index);
  if (insertPage(k, inode, index, pfn) < 0) {
    putFolio(k, pfn);
    return -ENOMEM;
  }
  settleNodeSlabs(k);
  if (shadow !== 0 && (gfp & __GFP_WRITE) === 0) workingsetRefault(k, pfn, shadow);
  folioAddLru(k, pfn);
  spend(k, CAUSE_PAGE_CACHE, COST_CACHE_PAGE);
  return pfn;
}

/**
 * Reads ahead because page `index` is not cached and `wanted` pages from there are asked for by read(): starts a
 * window, or reads just those pages when the access looks random (Linux: page_cache_sync_ra).
 */
export function readAheadSync(k: VmState, file: OpenFile, index: number, wanted: number): void {
  const f = k.file;
  const inode = f.inode[file];
  if (f.raPages[file] === 0) {
    forceReadAhead(k, file, index, 1);
    return;
  }
  if (f.openFlags[file] & FILE_RANDOM) {
    forceReadAhead(k, file, index, wanted);
    return;
  }
  const most = maxPages(k, file, wanted);
  // The position before the first read is -1, whose page Linux gets by an unsigned shift: no index is near it.
  const previous = f.raPrevPos[file];
  const distance = previous < 0 ? Number.POSITIVE_INFINITY : index - Math.floor(previous / PAGE_SIZE);
  if (index === 0 || wanted > most || distance === 0 || distance === 1) {
    const size = initialSize(wanted, most);
    setWindow(k, file, index, size, size > wanted ? size - wanted : size >> 1);
    readWindow(k, file);
    return;
  }
  const miss = xaPrevMiss(k.xarray, f.pages[inode], index - 1, most);
  const before = index - miss - 1;
  if (before <= wanted) {
    readPages(k, inode, index, wanted, 0);
    return;
  }
  // Cached from the file's beginning: somebody reads all of it.
  const history = miss < 0 ? before * 2 : before;
  setWindow(k, file, index, Math.min(history + wanted, most), 1);
  readWindow(k, file);
}

/**
 * Reads ahead because a read or a fault met the mark on a cached page: moves the window on, or finds where the cached
 * run ends and starts one there (Linux: page_cache_async_ra).
 */
export function readAheadAsync(k: VmState, file: OpenFile, index: number, wanted: number): void {
  const f = k.file;
  const inode = f.inode[file];
  if (f.raPages[file] === 0) return;
  const at = findPage(k, inode, index) * PAGE_WORDS + FLAGS;
  if (k.page[at] & PG_writeback) return;
  k.page[at] &= ~PG_readahead;
  const most = maxPages(k, file, wanted);
  if (index === f.raStart[file] + f.raSize[file] - f.raAsyncSize[file]) {
    const size = Math.max(f.raSize[file], nextSize(f.raSize[file], most));
    setWindow(k, file, f.raStart[file] + f.raSize[file], size, size);
    readWindow(k, file);
    return;
  }
  const begin = xaNextMiss(k.xarray, f.pages[inode], index + 1, most);
  if (begin - index > most) return;
  const size = nextSize(begin - index + wanted, most);
  setWindow(k, file, begin, size, size);
  readWindow(k, file);
}

/**
 * Reads because a fault at page `index` of the mapping misses the cache. Returns true when it read something (Linux
 * then drops its lock on the address space, so the fault will be retried), false when the mapping wants no read-ahead.
 */
export function readAroundFault(k: VmState, file: OpenFile, vma: Vma, index: number): boolean {
  const f = k.file;
  const vmFlags = k.vma.flags[vma];
  const raPages = f.raPages[file];
  if (vmFlags & VM_RAND_READ || raPages === 0) return false;
  if (vmFlags & VM_SEQ_READ) {
    readAheadSync(k, file, index, raPages);
    return true;
  }
  if (f.raMmapMiss[file] < MMAP_MISS_MOST) f.raMmapMiss[file]++;
  if (f.raMmapMiss[file] > MMAP_LOTSAMISS) return false;
  setWindow(k, file, Math.max(0, index - Math.floor(raPages / 2)), raPages, Math.floor(raPages / 4));
  readWindow(k, file);
  return true;
}

/**
 * Notes that a fault at page `index` hit the cache, and moves the window on when the page carries the mark. Returns
 * true when it read something, as readAroundFault.
 */
export function readAheadOfFault(k: VmState, file: OpenFile, vma: Vma, index: number): boolean {
  const f = k.file;
  if (k.vma.flags[vma] & VM_RAND_READ || f.raPages[file] === 0) return false;
  if (f.raMmapMiss[file] > 0) f.raMmapMiss[file]--;
  const pfn = findPage(k, f.inode[file], index);
  if (!(k.page[pfn * PAGE_WORDS + FLAGS] & PG_readahead)) return false;
  readAheadAsync(k, file, index, f.raPages[file]);
  return true;
}

/** Reads `wanted` pages from `index` on, no window kept, 2 MiB at a time (Linux: force_page_cache_ra). */
export function forceReadAhead(k: VmState, file: OpenFile, index: number, wanted: number): void {
  const beyond = index + Math.min(wanted, Math.max(ioPages(k), k.file.raPages[file]));
  for (let at = index; at < beyond; at += FORCED_CHUNK) {
    readPages(k, k.file.inode[file], at, Math.min(FORCED_CHUNK, beyond - at), 0);
  }
}

/** Reads the file's window. */
function readWindow(k: VmState, file: OpenFile): void {
  const f = k.file;
  readPages(k, f.inode[file], f.raStart[file], f.raSize[file], f.raAsyncSize[file]);
}

function setWindow(k: VmState, file: OpenFile, index: number, size: number, asyncSize: number): void {
  const f = k.file;
  f.raStart[file] = index;
  f.raSize[file] = size;
  f.raAsyncSize[file] = asyncSize;
}

/**
 * Reads those of `wanted` pages from `index` on that are not cached, up to the end of the file; each run of them is
 * one request. The first of the last `asyncSize` pages gets the mark, unless it was cached already.
 */
function readPages(k: VmState, inode: Inode, index: number, wanted: number, asyncSize: number): void {
  const last = filePages(k, inode) - 1;
  if (index > last) return;
  const pages = Math.min(wanted, last - index + 1);
  // Counted from the clipped end: a window that the end of the file cuts short may have no marked page.
  const mark = index + pages - asyncSize;
  let runStart = index;
  const beyond = index + pages;
  for (let at = index; at < beyond; at++) {
    if (findPage(k, inode, at) !== NONE) {
      startReads(k, inode, runStart, at - runStart);
      runStart = at + 1;
      continue;
    }
    const pfn = addPage(k, inode, at, GFP_HIGHUSER_MOVABLE | __GFP_NORETRY | __GFP_NOWARN);
    if (pfn < 0) {
      startReads(k, inode, runStart, at - runStart);
      return;
    }
    if (at === mark) k.page[pfn * PAGE_WORDS + FLAGS] |= PG_readahead;
  }
  startReads(k, inode, runStart, beyond - runStart);
}

/** The largest window: `raPages`, or what the disk takes at once when a single read asks for more than that. */
function maxPages(k: VmState, file: OpenFile, wanted: number): number {
  const raPages = k.file.raPages[file];
  return wanted > raPages && ioPages(k) > raPages ? Math.min(wanted, ioPages(k)) : raPages;
}

/** Pages in the largest request of a disk (max_sectors_kb). */
function ioPages(k: VmState): number {
  return Math.floor(k.knob.maxSectorsKb / 4);
}

/** First window: the request up to a power of two, times 4 when small, times 2 when medium. */
function initialSize(wanted: number, most: number): number {
  let size = 1;
  while (size < wanted) size *= 2;
  if (size <= most >>> 5) return size * 4;
  return size <= most >>> 2 ? size * 2 : most;
}

/** The window after one of `size` pages. */
function nextSize(size: number, most: number): number {
  if (size < most >>> 4) return 4 * size;
  return size <= most >>> 1 ? 2 * size : most;
}
