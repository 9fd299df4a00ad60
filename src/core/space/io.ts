/**
 * Finished I/O: what the disks have done by a time is carried over into the pages, and the rows are free again.
 *
 *   file read   the page holds the data, is uptodate and unlocked
 *   file write  the page is under write-back no more
 *   swap read   the same for a page of the swap cache
 *   swap write  the page is under write-back no more; one that reclaim waits for goes where reclaim looks next
 *
 * Linux: mm/filemap.c, mm/page_io.c (6.12)   Doc: Documentation/filesystems/vfs.rst
 */
import { bug } from "../base/bug.ts";
import { type Inode, NONE, type Pfn, type Task } from "../base/types.ts";
import {
  FLAGS,
  PAGE_WORDS,
  PG_locked,
  PG_swapcache,
  PG_uptodate,
  PG_workingset,
  PRIVATE,
} from "../frame/page.ts";
import { firstDone, OP_READ, retireIo } from "../hw/disk.ts";
import { endRead, findPage, loadFromDisk } from "./pagecache.ts";
import type { SpaceState } from "./state.ts";
import { endSwapRead, endSwapWrite, swapRequest } from "./swap-cache.ts";
import { sleepUntil, TASK_UNINTERRUPTIBLE } from "./task.ts";
import { endWriteback } from "./writeback.ts";

/** Ends the disk requests that are done by `nowNs`. */
export function completeIo(k: SpaceState, nowNs: number): void {
  const { disk } = k;
  if (disk.state[2] === 0) return;
  for (let row = firstDone(disk, nowNs); row !== NONE; row = firstDone(disk, nowNs)) {
    const owner = disk.owner[row];
    const first = disk.index[row];
    const beyond = first + disk.pages[row];
    // The row goes first: what its end sets in motion may need one.
    const isRead = disk.op[row] === OP_READ;
    const hasFailed = disk.failed[row] !== 0;
    retireIo(disk, row);
    if (owner > 0 && isRead) endFileRead(k, owner, first, beyond);
    else if (owner > 0) endFileWrite(k, owner, first, beyond, hasFailed);
    else {
      // Numbers of slots are small integers, as the index of a file's page need not be.
      for (let index = first | 0; index < beyond; index++) {
        if (isRead) endSwapRead(k, -1 - owner, index, hasFailed);
        else endSwapWrite(k, -1 - owner, index, hasFailed);
      }
    }
  }
}

/** Lets the running CPU wait until no disk request is under way (the time passes and is on nobody's account). */
export function quiesceDisks(k: SpaceState): void {
  const { disk, clock } = k;
  for (let i = 0; i < disk.tail.length; i++) {
    const row = disk.tail[i];
    if (row !== NONE) clock.ns[0] = Math.max(clock.ns[0], disk.completeNs[row]);
  }
  completeIo(k, clock.ns[0]);
}

/** True when the page's data is in memory (by now on the running CPU's clock). */
export function isUptodate(k: SpaceState, pfn: Pfn): boolean {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  if (flags & PG_uptodate) return true;
  const row = waitRow(k, pfn);
  if (row === NONE || k.disk.completeNs[row] > k.clock.ns[0]) return false;
  completeIo(k, k.clock.ns[0]);
  return (k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) !== 0;
}

/** Whether page `index` is cached and its data is there: what mincore says of it. */
export function isPresent(k: SpaceState, inode: Inode, index: number): boolean {
  const pfn = findPage(k, inode, index);
  return pfn !== NONE && isUptodate(k, pfn);
}

/** The request that a locked page waits for, or NONE. */
export function waitRow(k: SpaceState, pfn: Pfn): number {
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  if ((flags & PG_locked) === 0) return NONE;
  return (flags & PG_swapcache) !== 0 ? swapRequest(k, pfn) : k.page[pfn * PAGE_WORDS + PRIVATE];
}

/**
 * Puts the task to sleep until a request for this page is done. When the page was in use before it was reclaimed, the sleep
 * is for want of memory (Linux: folio_wait_bit_common). The caller returns BLOCKED.
 */
export function sleepOnFolio(k: SpaceState, task: Task, pfn: Pfn, row: number): void {
  sleepUntil(k, task, TASK_UNINTERRUPTIBLE, row, k.disk.completeNs[row]);
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  k.task.isThrashing[task] = (flags & (PG_workingset | PG_uptodate)) === PG_workingset ? 1 : 0;
}

function endFileRead(k: SpaceState, inode: Inode, first: number, beyond: number): void {
  for (let index = first; index < beyond; index++) {
    const pfn = findPage(k, inode, index);
    if (pfn === NONE) bug(`page ${index} of inode ${inode} left the cache while it was read`);
    loadFromDisk(k, inode, index, pfn);
    endRead(k, pfn);
  }
}

function endFileWrite(k: SpaceState, inode: Inode, first: number, beyond: number, hasFailed: boolean): void {
  for (let index = first; index < beyond; index++) {
    const pfn = findPage(k, inode, index);
    if (pfn === NONE) bug(`page ${index} of inode ${inode} left the cache while it was written`);
    endWriteback(k, inode, pfn, hasFailed);
  }
}
