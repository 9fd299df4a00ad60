/**
 * Changing a file's size, writing it back, and dropping it from the cache.
 *
 *   before   [ 0 ][ 1 ][ 2 ][ 3 ]        ftruncate to the middle of page 1:
 *   after    [ 0 ][ 1|0]                 pages 2 and 3 are unmapped everywhere, private copies too, and dropped;
 *                                        page 1 stays, zeros from there on, dirty
 *
 * Linux: mm/truncate.c, mm/memory.c unmap_mapping_range, fs/ext4/inode.c (6.12)   Doc: man 2 ftruncate, man 2 posix_fadvise
 */
import { EFBIG, ETXTBSY } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, PAGE_SIZE, type Task, type Vma } from "../base/types.ts";
import { xaErase, xaLoad, xaNext } from "../base/xarray.ts";
import { FLAGS, MAPCOUNT, PAGE_WORDS, PG_dirty, PG_locked, PG_writeback } from "../frame/page.ts";
import { clearBlockTail, freeBlock } from "../hw/content.ts";
import { MAX_FILE_BYTES } from "../space/file.ts";
import { putFolio } from "../space/folio.ts";
import { isUptodate, quiesceDisks } from "../space/io.ts";
import { deactivateFileFolio, lruAddDrainAll } from "../space/lruvec.ts";
import { FOREIGN_NODES } from "../space/node-slab.ts";
import { filePages, findPage, nextCached, pageRequest, removePage } from "../space/pagecache.ts";
import { dropShadows } from "../space/shadow-reclaim.ts";
import { isSwapFile } from "../space/swap-room.ts";
import { writePages } from "../space/write-out.ts";
import { zapRange } from "../space/zap.ts";
import { sleepOn, sleepOnWriteback, TAIL_BROUGHT, zeroTail } from "./file-tail.ts";
import type { VmState } from "./state.ts";

const NO_LIMIT = Number.MAX_SAFE_INTEGER;
/** Progress of a call that had the tail read for itself. */
const BROUGHT_TAIL = 1;

/**
 * Sets a file's size. What lies beyond it is unmapped from every address space, dropped, and forgotten by the disk; the
 * rest of the last page becomes zeros, for which it is brought into the cache if the disk has it.
 * Returns 0, -EFBIG, -ETXTBSY (a swap area in use does not shrink), -ENOMEM, or BLOCKED: the same call goes on when the page has been read.
 */
export function truncateFile(k: VmState, task: Task, inode: Inode, sizeBytes: number): number {
  const f = k.file;
  if (sizeBytes > MAX_FILE_BYTES) return -EFBIG;
  const old = f.sizeBytes[inode];
  if (sizeBytes <= old && isSwapFile(k, inode)) return -ETXTBSY;
  // A page that is being read or written cannot leave the cache before the disk is done with it.
  const waiting = waitForDisk(k, task, inode, Math.floor(sizeBytes / PAGE_SIZE));
  if (waiting < 0) return waiting;
  // A file that shrinks is cut at its new end; one that grows may have anything after its old end in the last page.
  const { progress } = k.task;
  const tail = zeroTail(k, task, inode, Math.min(old, sizeBytes), progress[task] === BROUGHT_TAIL);
  if (tail === TAIL_BROUGHT) progress[task] = BROUGHT_TAIL;
  if (tail === TAIL_BROUGHT || tail === BLOCKED) return BLOCKED;
  progress[task] = 0;
  if (tail < 0) return tail;
  f.sizeBytes[inode] = sizeBytes;
  if (sizeBytes > old) return 0;
  // First nobody can reach the pages any more, then they go: the other way round a fault could map them again.
  const keptPages = Math.ceil(sizeBytes / PAGE_SIZE);
  unmapFile(k, inode, keptPages);
  for (
    let index = nextCached(k, inode, keptPages, NO_LIMIT);
    index >= 0;
    index = nextCached(k, inode, index + 1, NO_LIMIT)
  ) {
    dropPage(k, inode, index);
  }
  dropShadows(k, inode, keptPages);
  forgetBlocks(k, inode, sizeBytes);
  return 0;
}

/** Unmaps the file's pages from `index` on in every address space, private copies included. */
export function unmapFile(k: VmState, inode: Inode, index: number): void {
  const v = k.vma;
  // A VMA that begins beyond `index` loses all its pages, one that ends before it none.
  for (let vma: Vma = k.file.firstVma[inode]; vma !== NONE; vma = v.nextShared[vma]) {
    const from = Math.max(v.start[vma], v.start[vma] + index - v.pgoff[vma]);
    if (from < v.end[vma]) zapRange(k, v.mm[vma], vma, from, v.end[vma]);
  }
}

/**
 * Writes the file's dirty pages back and waits until the disk has them, on nobody's account: what a host does between two
 * steps of a program. Returns the pages written.
 */
export function writeBackFile(k: VmState, inode: Inode): number {
  quiesceDisks(k);
  const sent = writePages(k, inode, 0, NO_LIMIT, NO_LIMIT);
  quiesceDisks(k);
  return sent;
}

/**
 * Drops the clean pages `first` to `last` that nobody maps and no disk has to do with (Linux: invalidate_mapping_pages; what
 * POSIX_FADV_DONTNEED does after a write-back). Returns the pages dropped.
 */
export function invalidatePages(k: VmState, inode: Inode, first: number, last: number): number {
  if (k.file.shmem[inode] !== 0) return 0;
  // A page in an LRU batch has one reference more and would be kept.
  lruAddDrainAll(k);
  let dropped = 0;
  for (
    let index = nextCached(k, inode, first, last);
    index >= 0;
    index = nextCached(k, inode, index + 1, last)
  ) {
    const pfn = findPage(k, inode, index);
    const flags = k.page[pfn * PAGE_WORDS + FLAGS];
    if ((flags & PG_locked) !== 0) continue;
    if (k.page[pfn * PAGE_WORDS + MAPCOUNT] > 0 || (flags & (PG_dirty | PG_writeback)) !== 0) {
      // It stays, but reclaim shall find it soon.
      deactivateFileFolio(k, pfn);
      continue;
    }
    dropPage(k, inode, index);
    dropped++;
  }
  if (first === 0 && last >= filePages(k, inode) - 1) dropShadows(k, inode, 0);
  return dropped;
}

/** Takes one page out of the cache and lets the cache's reference go. */
function dropPage(k: VmState, inode: Inode, index: number): void {
  const pfn = findPage(k, inode, index);
  removePage(k, inode, index, pfn);
  putFolio(k, pfn);
}

/** Puts the task to sleep when a disk has to do with a cached page from `from` on. Returns 0 or BLOCKED. */
function waitForDisk(k: VmState, task: Task, inode: Inode, from: number): number {
  for (
    let index = nextCached(k, inode, from, NO_LIMIT);
    index >= 0;
    index = nextCached(k, inode, index + 1, NO_LIMIT)
  ) {
    const pfn = findPage(k, inode, index);
    if (sleepOnWriteback(k, task, pfn) === BLOCKED) return BLOCKED;
    if (isUptodate(k, pfn) || pageRequest(k, pfn) === NONE) continue;
    return sleepOn(k, task, pfn);
  }
  return 0;
}

/** The disk forgets what it has beyond the new end of the file. */
function forgetBlocks(k: VmState, inode: Inode, sizeBytes: number): void {
  const f = k.file;
  f.diskBytes[inode] = Math.min(f.diskBytes[inode], sizeBytes);
  const kept = filePages(k, inode);
  for (
    let index = xaNext(k.xarray, f.blocks[inode], kept, NO_LIMIT);
    index >= 0;
    index = xaNext(k.xarray, f.blocks[inode], index + 1, NO_LIMIT)
  ) {
    freeBlock(k.disk, xaLoad(k.xarray, f.blocks[inode], index));
    const before = k.xarray.state[2];
    f.blocks[inode] = xaErase(k.xarray, f.blocks[inode], index);
    k.nodeSlab.state[FOREIGN_NODES] += k.xarray.state[2] - before;
  }
  const tail = sizeBytes - Math.floor(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
  const block = tail === 0 ? NONE : xaLoad(k.xarray, f.blocks[inode], kept - 1);
  if (block !== NONE) clearBlockTail(k.disk, block, tail);
}
