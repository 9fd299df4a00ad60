/**
 * Writing to a file through the page cache: page by page, and a page is read from the disk first only when part of it
 * is kept. What a write leaves is dirty pages; the disk learns of them by
 * write-back, and who leaves too many waits for that.
 *
 *   page on the disk, written in part   read, then copied into
 *   page on the disk, written whole     not read
 *   page of a hole or past the end      zeros around what is written
 *   past the old end of the file        the rest of the page with the old end becomes zeros too (file-tail.ts)
 *
 * How far a call has got is its task's progress: the bytes written; as -1 - bytes when it waits for that page of the
 * old end, which it has read for itself.
 *
 * Linux: mm/filemap.c generic_perform_write, fs/ext4/inode.c (6.12)   Doc: Documentation/filesystems/vfs.rst
 */

import { EFAULT, EFBIG, ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, type OpenFile, PAGE_SIZE, type Pfn, type Task } from "../base/types.ts";
import { CAUSE_COPY, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import { fillBytes } from "../hw/content.ts";
import { balanceDirtyPages } from "../reclaim/balance-dirty.ts";
import { __GFP_WRITE, GFP_HIGHUSER_MOVABLE } from "../reclaim/gfp.ts";
import { MAX_FILE_BYTES } from "../space/file.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { isUptodate, sleepOnFolio } from "../space/io.ts";
import { endRead, findPage, isBufferReady, isOnDisk, pageRequest, startReads } from "../space/pagecache.ts";
import { markDirty } from "../space/writeback.ts";
import type { FileTransfer } from "./file-read.ts";
import { TAIL_BROUGHT, zeroTail } from "./file-tail.ts";
import { addPage } from "./readahead.ts";
import type { VmState } from "./state.ts";
import { copyUserToFrame, faultInReadable } from "./user-copy.ts";

/**
 * Writes from the task's memory to a regular file, which grows as needed. Returns the bytes written, -EFAULT when not
 * even the first could be loaded, -EFBIG at the largest size, -ENOMEM, or BLOCKED: how far it got is in
 * `k.task.progress[task]`, and the same call goes on from there.
 */
export function filemapWrite(k: VmState, task: Task, file: OpenFile, what: FileTransfer): number {
  const inode = k.file.inode[file];
  const { progress } = k.task;
  if (what.position >= MAX_FILE_BYTES) return -EFBIG;
  const bytes = Math.min(what.bytes, MAX_FILE_BYTES - what.position);
  let error = 0;
  while (bytesDone(progress[task]) < bytes && error === 0) {
    const done = bytesDone(progress[task]);
    const position = what.position + done;
    const at = position - Math.floor(position / PAGE_SIZE) * PAGE_SIZE;
    const part = Math.min(bytes - done, PAGE_SIZE - at);
    error = writePart(k, task, inode, { position, addr: what.addr + done, bytes: part });
    if (error === BLOCKED) return BLOCKED;
  }
  const done = bytesDone(progress[task]);
  progress[task] = 0;
  return done > 0 ? done : error;
}

/** Bytes written, from a task's progress. */
function bytesDone(progress: number): number {
  return progress < 0 ? -1 - progress : progress;
}

/** Writes to one page and moves the task's progress on. Returns 0, BLOCKED, -EFAULT or -ENOMEM. */
function writePart(k: VmState, task: Task, inode: Inode, what: FileTransfer): number {
  const index = Math.floor(what.position / PAGE_SIZE);
  const at = what.position - index * PAGE_SIZE;
  // The source first, while no page of the file is held: it could be the very page that is written.
  // Where only some of it can be read, the write is one of that many bytes: what is kept of the page is more then.
  const bytes = faultInReadable(k, task, what.addr, what.bytes);
  if (bytes < 0) return bytes === BLOCKED ? BLOCKED : -EFAULT;
  const pfn = beginWrite(k, task, inode, index, { at, bytes });
  if (pfn < 0) return pfn;
  getFolio(k, pfn);
  const written = writeHeld(k, task, inode, { ...what, bytes }, pfn);
  putFolio(k, pfn);
  return written;
}

/** The rest of writePart, while the page is held. */
function writeHeld(k: VmState, task: Task, inode: Inode, what: FileTransfer, pfn: Pfn): number {
  const f = k.file;
  const at = what.position - Math.floor(what.position / PAGE_SIZE) * PAGE_SIZE;
  const tail = zeroOldEnd(k, task, inode, what.position);
  if (tail < 0) return tail;
  const copied = copyUserToFrame(k, task, what.addr, { pfn, at, bytes: what.bytes });
  // Its bytes could be read a moment ago, and nobody else ran since: only reclaim of the source page comes here.
  if (copied < 0) return copied === BLOCKED ? BLOCKED : -EFAULT;
  spend(k, CAUSE_COPY, Math.ceil((COST_COPY_PAGE * copied) / PAGE_SIZE));
  markDirty(k, pfn);
  f.sizeBytes[inode] = Math.max(f.sizeBytes[inode], what.position + copied);
  k.task.progress[task] += copied;
  balanceDirtyPages(k, inode);
  return 0;
}

/**
 * Zeroes what lies between the old end of the file and a position behind it, in the page of the old end.
 * Returns 0, BLOCKED, or -ENOMEM.
 */
function zeroOldEnd(k: VmState, task: Task, inode: Inode, position: number): number {
  const old = k.file.sizeBytes[inode];
  if (position <= old) return 0;
  const { progress } = k.task;
  const tail = zeroTail(k, task, inode, old, progress[task] < 0);
  if (tail === TAIL_BROUGHT) progress[task] = -1 - bytesDone(progress[task]);
  if (tail === TAIL_BROUGHT || tail === BLOCKED) return BLOCKED;
  progress[task] = bytesDone(progress[task]);
  return tail;
}

/** The page to write to, in the cache, with what is kept of it up to date. BLOCKED, -ENOMEM. */
function beginWrite(
  k: VmState,
  task: Task,
  inode: Inode,
  index: number,
  part: { at: number; bytes: number },
): Pfn {
  let pfn = findPage(k, inode, index);
  if (pfn === NONE) {
    pfn = addPage(k, inode, index, GFP_HIGHUSER_MOVABLE | __GFP_WRITE);
    if (pfn < 0) return -ENOMEM;
    return prepareNew(k, task, inode, index, part);
  }
  if (isUptodate(k, pfn)) return pfn;
  if (isBufferReady(k, pfn)) {
    endRead(k, pfn);
    return pfn;
  }
  // In the cache, but nothing was ever read into it.
  if (pageRequest(k, pfn) === NONE) return prepareNew(k, task, inode, index, part);
  return waitFor(k, task, pfn);
}

/** A page in the cache that holds nothing yet: read when part of it is on the disk and kept, zeros otherwise. */
function prepareNew(
  k: VmState,
  task: Task,
  inode: Inode,
  index: number,
  part: { at: number; bytes: number },
): Pfn {
  const pfn = findPage(k, inode, index);
  if (part.bytes < PAGE_SIZE && isOnDisk(k, inode, index)) {
    startReads(k, inode, index, 1);
    return waitFor(k, task, pfn);
  }
  fillBytes(k, { pfn, at: 0, bytes: PAGE_SIZE }, 0);
  endRead(k, pfn);
  return pfn;
}

/** Puts the task to sleep until the page has arrived. Returns BLOCKED. */
function waitFor(k: VmState, task: Task, pfn: Pfn): number {
  const row = pageRequest(k, pfn);
  sleepOnFolio(k, task, pfn, row);
  return BLOCKED;
}
