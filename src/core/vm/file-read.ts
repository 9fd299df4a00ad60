/**
 * Reading a file through the page cache.
 *
 *   pages wanted   |--------------------------------------------|
 *   one batch      [U][U][U][U]…[R]   up to 31 cached pages; ends with a page that carries the read-ahead mark, or one
 *                                     that has not arrived: the mark moves the window on, the other is waited for
 *
 * Linux: mm/filemap.c filemap_read (6.12)   Doc: Documentation/filesystems/vfs.rst
 */

import { EFAULT, ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, type OpenFile, PAGE_SIZE, type Pfn, type Task } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_readahead } from "../frame/page.ts";
import { CAUSE_COPY, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import { GFP_HIGHUSER_MOVABLE } from "../reclaim/gfp.ts";
import { MAX_FILE_BYTES, openFile, putFile } from "../space/file.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { isUptodate, quiesceDisks, sleepOnFolio } from "../space/io.ts";
import { markPageAccessed } from "../space/lruvec.ts";
import { filePages, findPage, pageRequest, startReads } from "../space/pagecache.ts";
import { addPage, readAheadAsync, readAheadSync } from "./readahead.ts";
import type { VmState } from "./state.ts";
import { copyFrameToUser } from "./user-copy.ts";

/** Pages looked up at once (Linux: PAGEVEC_SIZE). */
const BATCH_PAGES = 31;
/** Pages that a program which reads a whole file asks for at a time: 128 KiB, as cp and cat do. */
const WHOLE_FILE_PAGES = 32;

/** Instead of a user address: the bytes go to the kernel itself. */
const NOWHERE = -1;

/** What to read and where to: `bytes` bytes from byte `position` of the file, to the user address `addr`. */
export interface FileTransfer {
  readonly position: number;
  readonly addr: number;
  readonly bytes: number;
}

/**
 * Reads from a regular file into the task's memory. Returns the bytes read, 0 at or past the end of the file,
 * -EFAULT when not even the first byte could be stored, -ENOMEM, or BLOCKED: how far it got is in
 * `k.task.progress[task]`, and the same call goes on from there.
 */
export function filemapRead(k: VmState, task: Task, file: OpenFile, what: FileTransfer): number {
  const f = k.file;
  const inode = f.inode[file];
  const { progress } = k.task;
  const bytes = Math.min(what.bytes, MAX_FILE_BYTES - what.position);
  let lastPosition = progress[task] > 0 ? what.position + progress[task] : f.raPrevPos[file];
  let error = 0;
  while (bytes > progress[task] && error === 0) {
    const done = progress[task];
    const position = what.position + done;
    if (position >= f.sizeBytes[inode]) break;
    const pages = getPages(k, task, file, position, bytes - done);
    if (pages === BLOCKED) return BLOCKED;
    if (pages < 0) {
      error = pages;
      break;
    }
    const end = Math.min(
      f.sizeBytes[inode],
      what.position + bytes,
      (Math.floor(position / PAGE_SIZE) + pages) * PAGE_SIZE,
    );
    const addr = what.addr === NOWHERE ? NOWHERE : what.addr + done;
    error = copyOut(k, task, inode, { position, addr, bytes: end - position }, lastPosition);
    if (error === BLOCKED) return BLOCKED;
    lastPosition = what.position + progress[task];
  }
  const done = progress[task];
  progress[task] = 0;
  f.raPrevPos[file] = lastPosition;
  return done > 0 ? done : error;
}

/**
 * Reads bytes of a file for the kernel's own use, as exec reads headers: the pages come into the cache, nobody's memory
 * is touched. Returns as filemapRead.
 */
export function kernelRead(k: VmState, task: Task, file: OpenFile, position: number, bytes: number): number {
  return filemapRead(k, task, file, { position, addr: NOWHERE, bytes });
}

/**
 * Reads the whole file into the page cache, as somebody with a descriptor of his own would who reads it from start to
 * end and throws the bytes away; waits until it is all there. Returns 0 or -ENOMEM, -ENFILE.
 */
export function warmFile(k: VmState, inode: Inode): number {
  const file = openFile(k, inode, 0);
  if (file < 0) return file;
  const pages = filePages(k, inode);
  let failed = 0;
  for (let index = 0; index < pages && failed === 0; index++) {
    const wanted = Math.min(pages, (Math.floor(index / WHOLE_FILE_PAGES) + 1) * WHOLE_FILE_PAGES) - index;
    const ready = findOrReadAhead(k, file, index, wanted);
    if (ready < 0) {
      failed = ready;
      break;
    }
    if (k.page[ready * PAGE_WORDS + FLAGS] & PG_readahead) readAheadAsync(k, file, index, wanted);
    if (!isUptodate(k, ready)) {
      if (pageRequest(k, ready) === NONE) startReads(k, inode, index, 1);
      quiesceDisks(k);
    }
    markPageAccessed(k, ready);
    k.file.raPrevPos[file] = (index + 1) * PAGE_SIZE;
  }
  putFile(k, file);
  quiesceDisks(k);
  return failed;
}

/**
 * Finds the pages from `position` on that are cached one after the other, reads ahead where that is due, and sees to
 * it that they are uptodate. Returns their number (at least 1), BLOCKED, or -ENOMEM.
 */
function getPages(k: VmState, task: Task, file: OpenFile, position: number, bytes: number): number {
  const inode = k.file.inode[file];
  const first = Math.floor(position / PAGE_SIZE);
  const beyond = Math.ceil((position + bytes) / PAGE_SIZE);
  const found = findOrReadAhead(k, file, first, beyond - first);
  if (found < 0) return found;
  const pages = batchLength(k, inode, first, Math.min(beyond, first + BATCH_PAGES));
  const last = first + pages - 1;
  const pfn = findPage(k, inode, last);
  getFolio(k, pfn);
  if (k.page[pfn * PAGE_WORDS + FLAGS] & PG_readahead) readAheadAsync(k, file, last, beyond - last);
  if (!isUptodate(k, pfn) && pageRequest(k, pfn) === NONE) startReads(k, inode, last, 1);
  const isReady = isUptodate(k, pfn);
  putFolio(k, pfn);
  if (isReady) return pages;
  const row = pageRequest(k, pfn);
  sleepOnFolio(k, task, pfn, row);
  return BLOCKED;
}

/** Page `index`, after a read-ahead when it was not cached; made alone when that brought nothing. -ENOMEM. */
function findOrReadAhead(k: VmState, file: OpenFile, index: number, wanted: number): Pfn {
  const inode = k.file.inode[file];
  let pfn = findPage(k, inode, index);
  if (pfn !== NONE) return pfn;
  readAheadSync(k, file, index, wanted);
  pfn = findPage(k, inode, index);
  if (pfn !== NONE) return pfn;
  pfn = addPage(k, inode, index, GFP_HIGHUSER_MOVABLE);
  if (pfn < 0) return -ENOMEM;
  startReads(k, inode, index, 1);
  return pfn;
}

/** Pages of a batch that begins with the cached page `first` and ends before `beyond`. */
function batchLength(k: VmState, inode: Inode, first: number, beyond: number): number {
  let index = first;
  for (; index < beyond; index++) {
    const pfn = findPage(k, inode, index);
    if (pfn === NONE) break;
    if (!isUptodate(k, pfn) || k.page[pfn * PAGE_WORDS + FLAGS] & PG_readahead) return index - first + 1;
  }
  return index - first;
}

/** Copies uptodate pages out and moves the task's progress on. Returns 0, BLOCKED or -EFAULT. */
function copyOut(k: VmState, task: Task, inode: Inode, what: FileTransfer, lastPosition: number): number {
  let done = 0;
  while (done < what.bytes) {
    const position = what.position + done;
    const index = Math.floor(position / PAGE_SIZE);
    const at = position - index * PAGE_SIZE;
    const bytes = Math.min(what.bytes - done, PAGE_SIZE - at);
    const pfn = findPage(k, inode, index);
    // Reading ahead, or storing what was read, may have cost a page its place: the caller looks again.
    if (pfn === NONE) return 0;
    // A page that the last read ended in was marked then.
    if (done > 0 || Math.floor((lastPosition - 1) / PAGE_SIZE) !== index) markPageAccessed(k, pfn);
    getFolio(k, pfn);
    const copied =
      what.addr === NOWHERE ? bytes : copyFrameToUser(k, task, what.addr + done, { pfn, at, bytes });
    putFolio(k, pfn);
    if (copied === BLOCKED) return BLOCKED;
    if (copied < 0) return -EFAULT;
    spend(k, CAUSE_COPY, Math.ceil((COST_COPY_PAGE * copied) / PAGE_SIZE));
    done += copied;
    k.task.progress[task] += copied;
  }
  return 0;
}
