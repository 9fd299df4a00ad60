/**
 * Shared memory as a file without a disk: its pages are in the page cache, age on the lists of anonymous memory, and go to
 * swap. The file's tree says where each is:
 *
 *   nothing      zeros, never touched             pfn      in memory           -entry   in swap, or on its way from there
 *
 *   out:  page cache -> swap cache (-entry left in the tree) -> written -> freed      in:  swap cache -> page cache, dirty
 *
 * Linux: mm/shmem.c (6.12)   Doc: Documentation/filesystems/tmpfs.rst
 */
import { bug } from "../base/bug.ts";
import { ENFILE } from "../base/errno.ts";
import { type Inode, NONE, type OpenFile, PAGE_SIZE, type Pfn, type SwapEntry } from "../base/types.ts";
import { xaErase, xaLoad, xaNext, xaNodes, xaStore } from "../base/xarray.ts";
import {
  FLAGS,
  fileMapping,
  INDEX,
  MAPPING,
  PAGE_WORDS,
  PG_dirty,
  PG_locked,
  PG_swapbacked,
  PG_uptodate,
} from "../frame/page.ts";
import { NR_FILE_PAGES, NR_SHMEM } from "../frame/vmstat.ts";
import { createInode, O_RDWR, openFile, S_IFREG } from "./file.ts";
import { putFolio } from "./folio.ts";
import { unchargeNodes } from "./kmem-nodes.ts";
import { modLruvecState } from "./memcg-count.ts";
import { findPage, insertPage, nextCached, removePage } from "./pagecache.ts";
import type { SpaceState } from "./state.ts";
import { allocSwap, swapDuplicate, swapFree } from "./swap.ts";
import { addPageToCache, deleteFromSwapCache, findSwapCache, freeSwapCache } from "./swap-cache.ts";

const LAST_INDEX = Number.MAX_SAFE_INTEGER;
/** Device number of the kernel's own mount of tmpfs: 00:01. */
const SHMEM_DEV = 1;

/** In the place of an entry whose page could not be read: whoever comes gets SIGBUS (Linux: a poisoned entry). */
export const SHMEM_LOST = 0x7fffffff;

/** Kinds of a file's memory, in `k.file.shmem`: not shared memory, or shared memory with its size promised or not. */
export const SHMEM_PROMISED = 1;
export const SHMEM_NORESERVE = 2;

/** A file of shared memory without a name, open. `kind` is SHMEM_*. Returns the open file, or -ENFILE. */
export function createShmem(k: SpaceState, pages: number, kind: number): OpenFile {
  const inode = createInode(k, {
    path: "/dev/zero",
    sizeBytes: pages * PAGE_SIZE,
    mode: S_IFREG | 0o777,
    dev: SHMEM_DEV,
    sparse: true,
  });
  if (inode < 0) return -ENFILE;
  k.file.linkCount[inode] = 0;
  k.file.shmem[inode] = kind;
  return openFile(k, inode, O_RDWR);
}

/** The swap entry that stands for page `index`, or NONE. */
export function shmemSwapAt(k: SpaceState, inode: Inode, index: number): SwapEntry {
  const value = xaLoad(k.xarray, k.file.pages[inode], index);
  return value < 0 ? -value : NONE;
}

/** Puts a new page of zeros at an index that holds nothing; the cache takes over its reference. Returns 0 or -ENOMEM. */
export function addShmemPage(k: SpaceState, inode: Inode, index: number, pfn: Pfn): number {
  const at = pfn * PAGE_WORDS + FLAGS;
  k.page[at] |= PG_swapbacked;
  const error = insertPage(k, inode, index, pfn);
  if (error < 0) return error;
  modLruvecState(k, pfn, NR_SHMEM, 1);
  k.page[at] = (k.page[at] & ~PG_locked) | PG_uptodate;
  return 0;
}

/**
 * Finds a slot for a page that nothing maps and moves it from its file to the swap cache. False: there is no slot (Linux:
 * shmem_writepage, before it writes).
 */
export function shmemToSwapCache(k: SpaceState, pfn: Pfn): boolean {
  const { file: f, page } = k;
  const record = pfn * PAGE_WORDS;
  const inode = page[record + MAPPING] >> 1;
  const index = page[record + INDEX] >>> 0;
  const entry = allocSwap(k, pfn);
  if (entry === NONE) return false;
  leaveCache(k, inode, pfn);
  // The place exists, so nothing has to be made for it.
  f.pages[inode] = xaStore(k.xarray, f.pages[inode], index, -entry);
  f.swapped[inode]++;
  addPageToCache(k, pfn, entry);
  swapDuplicate(k, entry);
  // The page cache's reference.
  putFolio(k, pfn);
  return true;
}

/** Moves a page of the swap cache, which has arrived and is not being written, to where its entry stands. */
export function shmemFromSwapCache(k: SpaceState, inode: Inode, index: number, pfn: Pfn): void {
  const { file: f, page } = k;
  const record = pfn * PAGE_WORDS;
  const entry = shmemSwapAt(k, inode, index);
  swapFree(k, entry);
  // The swap cache's reference becomes the page cache's.
  deleteFromSwapCache(k, pfn, 0);
  f.pages[inode] = xaStore(k.xarray, f.pages[inode], index, pfn);
  f.nrPages[inode]++;
  f.swapped[inode]--;
  page[record + MAPPING] = fileMapping(inode);
  page[record + INDEX] = index;
  page[record + FLAGS] |= PG_dirty;
  modLruvecState(k, pfn, NR_FILE_PAGES, 1);
  modLruvecState(k, pfn, NR_SHMEM, 1);
}

/** The page of a swap entry could not be read: its contents are lost, and the slot is free. */
export function loseShmemSwap(k: SpaceState, inode: Inode, index: number): void {
  const { file: f } = k;
  const entry = shmemSwapAt(k, inode, index);
  f.pages[inode] = xaStore(k.xarray, f.pages[inode], index, -SHMEM_LOST);
  f.swapped[inode]--;
  freeEntry(k, entry);
}

/** Takes a page out of its file; the caller gets the cache's reference. It was never stored to, or nobody wants it any more. */
export function removeShmemPage(k: SpaceState, inode: Inode, index: number, pfn: Pfn): void {
  modLruvecState(k, pfn, NR_SHMEM, -1);
  removePage(k, inode, index, pfn);
}

/** The first index from `index` on whose page is in swap area `type`, or -1. */
export function nextSwapped(k: SpaceState, inode: Inode, index: number, type: number): number {
  const root = k.file.pages[inode];
  let at = xaNext(k.xarray, root, index, LAST_INDEX);
  while (at >= 0 && !(xaLoad(k.xarray, root, at) < 0 && -xaLoad(k.xarray, root, at) >>> 26 === type))
    at = xaNext(k.xarray, root, at + 1, LAST_INDEX);
  return at;
}

/** Pages of [first, beyond) that are in swap. */
export function countSwapped(k: SpaceState, inode: Inode, first: number, beyond: number): number {
  const root = k.file.pages[inode];
  let pages = 0;
  for (
    let at = xaNext(k.xarray, root, first, beyond - 1);
    at >= 0;
    at = xaNext(k.xarray, root, at + 1, beyond - 1)
  )
    if (xaLoad(k.xarray, root, at) < 0 && xaLoad(k.xarray, root, at) !== -SHMEM_LOST) pages++;
  return pages;
}

/** Nobody can reach the file any more: its memory and its swap are free, and its row. */
export function evictShmem(k: SpaceState, inode: Inode): void {
  const f = k.file;
  for (
    let index = nextCached(k, inode, 0, LAST_INDEX);
    index >= 0;
    index = nextCached(k, inode, index + 1, LAST_INDEX)
  ) {
    const pfn = findPage(k, inode, index);
    removeShmemPage(k, inode, index, pfn);
    putFolio(k, pfn);
  }
  for (
    let index = xaNext(k.xarray, f.pages[inode], 0, LAST_INDEX);
    index >= 0;
    index = xaNext(k.xarray, f.pages[inode], index + 1, LAST_INDEX)
  ) {
    const entry = shmemSwapAt(k, inode, index);
    const before = xaNodes(k.xarray);
    f.pages[inode] = xaErase(k.xarray, f.pages[inode], index);
    unchargeNodes(k, inode, before);
    if (entry === SHMEM_LOST) continue;
    freeEntry(k, entry);
    f.swapped[inode]--;
  }
  if (f.nrPages[inode] !== 0 || f.swapped[inode] !== 0) bug(`shared memory ${inode} has pages left`);
  f.shmem[inode] = 0;
  f.path[inode] = "";
  f.nextDirty[inode] = f.rows[3];
  f.rows[3] = inode;
}

/** Nobody refers to a slot any more; a page that is in the swap cache for it alone goes with it. */
function freeEntry(k: SpaceState, entry: SwapEntry): void {
  swapFree(k, entry);
  const pfn = findSwapCache(k, entry);
  if (pfn !== NONE) freeSwapCache(k, pfn);
}

/** The page leaves its file's counts; what stands in its place is the caller's. */
function leaveCache(k: SpaceState, inode: Inode, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  k.file.nrPages[inode]--;
  k.page[record + MAPPING] = 0;
  k.page[record + INDEX] = 0;
  modLruvecState(k, pfn, NR_FILE_PAGES, -1);
  modLruvecState(k, pfn, NR_SHMEM, -1);
}

/** Bug when shared memory does not count what it has in swap, or a slot of it is free. */
export function checkShmem(k: SpaceState): void {
  const f = k.file;
  for (let inode = 1; inode < f.rows[0]; inode++) {
    if (f.shmem[inode] === 0) continue;
    const swapped = countSwapped(k, inode, 0, LAST_INDEX);
    if (swapped !== f.swapped[inode])
      bug(`shared memory ${inode} has ${swapped} pages in swap and counts ${f.swapped[inode]}`);
  }
}
