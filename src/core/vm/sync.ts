/**
 * Waiting until the disk has what a file holds: fsync and its relatives.
 *
 *   1  every dirty page of the range is sent; one that was stored to again while it is being written is waited for first
 *   2  every page of the range under write-back is waited for
 *   3  a write that failed since this open file was told last is reported, once to each open file
 *
 * A call that waits is asked again. How far it got is its task's progress: 1 + the page that it has to send next, or
 * -1 - the page that it waits for.
 * Differs: nothing is sent for the journal, and the disk has no cache of its own that would have to be emptied.
 * Linux: mm/filemap.c file_write_and_wait_range, lib/errseq.c, fs/sync.c (6.12)   Doc: Documentation/core-api/errseq.rst
 */
import { EBUSY, EINVAL, EIO, ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, type OpenFile, type Task } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_dirty, PG_writeback } from "../frame/page.ts";
import { wakeAllFlushers } from "../reclaim/flusher.ts";
import { S_IFCHR, S_IFMT } from "../space/file.ts";
import { findPage, nextCached } from "../space/pagecache.ts";
import { VM_LOCKED, VM_SHARED } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { writePages } from "../space/write-out.ts";
import { sleepOnWriteback } from "./file-tail.ts";
import { MS_ASYNC, MS_INVALIDATE, MS_SYNC } from "./mman.ts";
import type { VmState } from "./state.ts";

const LAST_PAGE = Number.MAX_SAFE_INTEGER;

/** What sync_file_range does, one after the other: wait, send, wait. */
export const SYNC_FILE_RANGE_WAIT_BEFORE = 1;
export const SYNC_FILE_RANGE_WRITE = 2;
export const SYNC_FILE_RANGE_WAIT_AFTER = 4;
const SYNC_FILE_RANGE_WRITE_AND_WAIT = 7;

/**
 * Writes the pages `first` to `last` of the open file and waits for them. Returns 0, -EINVAL for a file that cannot be
 * written out, -EIO when a write failed that this open file has not been told of, or BLOCKED.
 */
export function fsyncRange(k: VmState, task: Task, file: OpenFile, first: number, last: number): number {
  const inode = k.file.inode[file];
  if ((k.file.mode[inode] & S_IFMT) === S_IFCHR) return -EINVAL;
  // Shared memory has no disk.
  if (k.file.shmem[inode] !== 0) return 0;
  if (sendAll(k, task, inode, first, last) === BLOCKED) return BLOCKED;
  if (waitForRange(k, task, inode, first, last) === BLOCKED) return BLOCKED;
  return reportWriteError(k, file);
}

/** fsyncRange of the whole file. */
export function fsyncFile(k: VmState, task: Task, file: OpenFile): number {
  return fsyncRange(k, task, file, 0, LAST_PAGE);
}

/**
 * Waits, sends and waits again, as SYNC_FILE_RANGE_* say, for the pages `first` to `last`. Sending alone passes over pages
 * that are being written. Returns 0, -EIO as fsyncRange, or BLOCKED.
 */
export function syncFileRange(
  k: VmState,
  task: Task,
  file: OpenFile,
  range: { readonly first: number; readonly last: number },
  flags: number,
): number {
  const { first, last } = range;
  const { step, progress } = k.task;
  const inode = k.file.inode[file];
  if (step[task] === 0) {
    if ((flags & SYNC_FILE_RANGE_WAIT_BEFORE) !== 0) {
      if (waitForRange(k, task, inode, first, last) === BLOCKED) return BLOCKED;
      const failed = reportWriteError(k, file);
      if (failed < 0) return failed;
    }
    step[task] = 1;
  }
  if (step[task] === 1) {
    if ((flags & SYNC_FILE_RANGE_WRITE_AND_WAIT) === SYNC_FILE_RANGE_WRITE_AND_WAIT) {
      if (sendAll(k, task, inode, first, last) === BLOCKED) return BLOCKED;
    } else if ((flags & SYNC_FILE_RANGE_WRITE) !== 0) writePages(k, inode, first, last, LAST_PAGE);
    progress[task] = 0;
    step[task] = 2;
  }
  if ((flags & SYNC_FILE_RANGE_WAIT_AFTER) !== 0 && waitForRange(k, task, inode, first, last) === BLOCKED)
    return BLOCKED;
  step[task] = 0;
  return (flags & SYNC_FILE_RANGE_WAIT_AFTER) !== 0 ? reportWriteError(k, file) : 0;
}

/** Writes all files and waits for them; errors stay untold (Linux: ksys_sync). Returns 0 or BLOCKED. */
export function syncAll(k: VmState, task: Task): number {
  const { step } = k.task;
  if (step[task] === 0) {
    wakeAllFlushers(k);
    step[task] = 1;
  }
  for (let inode = step[task]; inode < k.file.rows[0]; inode++) {
    step[task] = inode;
    if (sendAll(k, task, inode, 0, LAST_PAGE) === BLOCKED) return BLOCKED;
    if (waitForRange(k, task, inode, 0, LAST_PAGE) === BLOCKED) return BLOCKED;
  }
  step[task] = 0;
  return 0;
}

/**
 * msync of the pages [start, end): with MS_SYNC writes what shared mappings of files there have, one mapping after the
 * other. Returns 0, -EBUSY (MS_INVALIDATE of locked memory), -EIO, -ENOMEM (a hole; the rest was done unless only
 * MS_ASYNC was asked for), or BLOCKED.
 */
export function doMsync(k: VmState, task: Task, start: number, end: number, flags: number): number {
  const v = k.vma;
  const { step } = k.task;
  // One flag and one place: whether there was a hole is remembered in the sign of the place.
  let hasHole = step[task] < 0;
  let from = step[task] === 0 ? start : Math.abs(step[task]);
  step[task] = 0;
  for (;;) {
    const vma = findVma(k, k.task.mm[task], from);
    if (vma === NONE) return -ENOMEM;
    if (from < v.start[vma]) {
      if (flags === MS_ASYNC) return -ENOMEM;
      from = v.start[vma];
      if (from >= end) return -ENOMEM;
      hasHole = true;
    }
    if ((flags & MS_INVALIDATE) !== 0 && (v.flags[vma] & VM_LOCKED) !== 0) return -EBUSY;
    const beyond = Math.min(end, v.end[vma]);
    if ((flags & MS_SYNC) !== 0 && v.file[vma] !== NONE && (v.flags[vma] & VM_SHARED) !== 0) {
      const toIndex = v.pgoff[vma] - v.start[vma];
      const error = fsyncRange(k, task, v.file[vma], from + toIndex, beyond - 1 + toIndex);
      if (error === BLOCKED) step[task] = hasHole ? -from : from;
      if (error < 0) return error;
    }
    from = v.end[vma];
    if (from >= end) return hasHole ? -ENOMEM : 0;
  }
}

/** Sends what is dirty. Returns 0, or BLOCKED while a page that is dirty again is still being written. */
function sendAll(k: VmState, task: Task, inode: Inode, first: number, last: number): number {
  const { progress } = k.task;
  if (progress[task] < 0) return 0;
  let from = progress[task] === 0 ? first : progress[task] - 1;
  for (;;) {
    const busy = nextWith(k, inode, from, last, PG_dirty | PG_writeback);
    const to = busy < 0 ? last : busy - 1;
    if (to >= from) writePages(k, inode, from, to, LAST_PAGE);
    if (busy < 0) break;
    progress[task] = busy + 1;
    if (sleepOnWriteback(k, task, findPage(k, inode, busy)) === BLOCKED) return BLOCKED;
    from = busy;
  }
  progress[task] = 0;
  return 0;
}

/** Returns 0 when none of the pages is under write-back any more, or BLOCKED. */
function waitForRange(k: VmState, task: Task, inode: Inode, first: number, last: number): number {
  const { progress } = k.task;
  const from = progress[task] < 0 ? -1 - progress[task] : first;
  for (
    let index = nextWith(k, inode, from, last, PG_writeback);
    index >= 0;
    index = nextWith(k, inode, index + 1, last, PG_writeback)
  ) {
    progress[task] = -1 - index;
    if (sleepOnWriteback(k, task, findPage(k, inode, index)) === BLOCKED) return BLOCKED;
  }
  progress[task] = 0;
  return 0;
}

/** The first cached page from `from` to `last` that has all of these flags, or -1. */
function nextWith(k: VmState, inode: Inode, from: number, last: number, flags: number): number {
  if (k.file.writebackPages[inode] === 0) return -1;
  let index = nextCached(k, inode, from, last);
  while (index >= 0 && (k.page[findPage(k, inode, index) * PAGE_WORDS + FLAGS] & flags) !== flags)
    index = nextCached(k, inode, index + 1, last);
  return index;
}

/** Tells an open file of writes that failed. Returns -EIO when there is something new, or 0. */
function reportWriteError(k: VmState, file: OpenFile): number {
  const f = k.file;
  const inode = f.inode[file];
  if (f.errorsSeen[file] === f.writeErrors[inode]) return 0;
  f.errorsSeen[file] = f.writeErrors[inode];
  f.errorsTold[inode] = f.writeErrors[inode];
  return -EIO;
}
