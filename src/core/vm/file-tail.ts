/**
 * The last page of a file when its end moves: what lies behind the old end in that page may be anything a mapping has
 * stored there, and becomes zeros.
 *
 *   old end inside page 1, new end beyond:   [ 0 ][ 1|z][ 2 ]...      z: zeroed, page 1 dirty
 *
 * ext4 has the block in a buffer before it changes it: a block on the disk is read, and the page then holds data without
 * being called uptodate; where there is no block, an empty page stays in the cache that nobody has read into.
 * Linux: fs/ext4/inode.c __ext4_block_zero_page_range, ext4_zero_partial_blocks (6.12)   Doc: man 2 ftruncate
 */

import { ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Inode, NONE, PAGE_SIZE, type Pfn, type Task } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_dirty, PG_uptodate, PG_writeback, PRIVATE } from "../frame/page.ts";
import { fillBytes } from "../hw/content.ts";
import { GFP_HIGHUSER_MOVABLE } from "../reclaim/gfp.ts";
import { completeIo, isUptodate, sleepOnFolio } from "../space/io.ts";
import { markPageAccessed } from "../space/lruvec.ts";
import {
  findPage,
  forgetUptodate,
  isBufferReady,
  isOnDisk,
  leaveUnread,
  pageRequest,
  startReads,
} from "../space/pagecache.ts";
import { sleepUntil, TASK_UNINTERRUPTIBLE } from "../space/task.ts";
import { markDirty } from "../space/writeback.ts";
import { addPage } from "./readahead.ts";
import type { VmState } from "./state.ts";

/** The task sleeps as with BLOCKED, and it is this call that has the page read: tell `zeroTail` so the next time. */
export const TAIL_BROUGHT = BLOCKED - 1;

/**
 * Zeroes the page around byte `from` of the file from there on and dirties it, if it has a block or is dirty. `brought`:
 * an earlier try of the same call returned TAIL_BROUGHT. Returns 0, BLOCKED, TAIL_BROUGHT, or -ENOMEM.
 */
export function zeroTail(k: VmState, task: Task, inode: Inode, from: number, brought: boolean): number {
  const index = Math.floor(from / PAGE_SIZE);
  const at = from - index * PAGE_SIZE;
  if (at === 0) return 0;
  let pfn = findPage(k, inode, index);
  let isOurs = brought;
  if (pfn === NONE) {
    pfn = addPage(k, inode, index, GFP_HIGHUSER_MOVABLE);
    if (pfn < 0) return -ENOMEM;
    leaveUnread(k, pfn);
  }
  // A page of a hole that was only read has no block, and stays clean.
  if (!isOnDisk(k, inode, index) && !(k.page[pfn * PAGE_WORDS + FLAGS] & PG_dirty)) {
    markPageAccessed(k, pfn);
    return 0;
  }
  if (!isUptodate(k, pfn) && !isBufferReady(k, pfn)) {
    if (pageRequest(k, pfn) === NONE) {
      startReads(k, inode, index, 1);
      isOurs = true;
    }
    if (sleepOn(k, task, pfn) === BLOCKED) return isOurs ? TAIL_BROUGHT : BLOCKED;
  }
  if (isOurs) forgetUptodate(k, pfn);
  markPageAccessed(k, pfn);
  fillBytes(k, { pfn, at, bytes: PAGE_SIZE - at }, 0);
  markDirty(k, pfn);
  return 0;
}

/** Puts the task to sleep until the page has arrived. Returns BLOCKED, or 0 when nobody reads the page. */
export function sleepOn(k: VmState, task: Task, pfn: Pfn): number {
  const row = pageRequest(k, pfn);
  if (row === NONE || k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) return 0;
  sleepOnFolio(k, task, pfn, row);
  return BLOCKED;
}

/** Puts the task to sleep until the page has been written. Returns BLOCKED, or 0 when it is not on its way to the disk. */
export function sleepOnWriteback(k: VmState, task: Task, pfn: Pfn): number {
  if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) === 0) return 0;
  const row = k.page[pfn * PAGE_WORDS + PRIVATE];
  if (k.disk.completeNs[row] <= k.clock.ns[0]) completeIo(k, k.clock.ns[0]);
  if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) === 0) return 0;
  sleepUntil(k, task, TASK_UNINTERRUPTIBLE, row, k.disk.completeNs[row]);
  return BLOCKED;
}
