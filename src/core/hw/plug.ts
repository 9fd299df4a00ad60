/**
 * Plugs: what one task sends to disks in a row is held back until it says that this was all, so that neighbours become one
 * request.
 *
 *   startPlug   page 7, 8, 9 -> one request of 3 pages;  12 -> another   finishPlug: both go to the disk
 *
 * A plug within a plug is none: only the outermost end sends. So what reclaim writes while a fault has its read-ahead under a
 * plug stays in memory, under write-back, until the fault's plug is pulled, and reclaim that waits for pages to become clean
 * goes on through the lists meanwhile. A plug is pulled early when a request comes to 32 others, or when the oldest of those
 * it holds has 128 KiB; and when its task sleeps.
 * Linux: block/blk-core.c, blk-mq.c, blk-merge.c (6.12)   Doc: Documentation/block/biodoc.rst
 */
import { bug } from "../base/bug.ts";
import { NONE } from "../base/types.ts";
import { createRequest, type DiskColumns, type DiskState, dispatchIo } from "./disk.ts";

/** The plug of the threads that write files: one at a time is at it. */
export const FLUSHER_PLUG = 65;

/** Requests a plug holds (Linux: BLK_MAX_REQUEST_COUNT), twice as many when they are for several disks. */
const MOST_REQUESTS = 32;
/** Pages of the oldest request that pull the plug (Linux: BLK_PLUG_FLUSH_SIZE). */
const FLUSH_PAGES = 32;
/** Pages a request may grow to: each is a segment of its own (Linux: BLK_MAX_SEGMENTS). */
const MOST_PAGES = 128;
/** Where `state` of the disks says whose plug is in use; that of the running task is 0. */
const IN_USE = 3;

/** From here on requests of the one who runs are held back. */
export function startPlug(k: DiskState): void {
  k.disk.plugDepth[k.disk.state[IN_USE]]++;
}

/** The end of what the matching startPlug began; the outermost sends what is held back. */
export function finishPlug(k: DiskState): void {
  const { plugDepth, state } = k.disk;
  if (plugDepth[state[IN_USE]] === 0) bug("a plug is pulled that nobody put in");
  if (--plugDepth[state[IN_USE]] === 0) flushPlug(k);
}

/** Sends what is held back now: whoever is about to sleep does, or what it waits for might never come (Linux: blk_flush_plug). */
export function flushPlug(k: DiskState): void {
  const d = k.disk;
  const plug = d.state[IN_USE];
  let row = d.plugHead[plug];
  d.plugHead[plug] = NONE;
  d.plugTail[plug] = NONE;
  d.plugCount[plug] = 0;
  d.plugMixed[plug] = 0;
  while (row !== NONE) {
    const next = d.next[row];
    dispatchIo(k, row);
    row = next;
  }
}

/** Somebody else runs for a while, with a plug of its own: kswapd of a node (node + 1), FLUSHER_PLUG, or the task again (0). Returns who ran before. */
export function switchPlug(k: DiskState, plug: number): number {
  const { state } = k.disk;
  const before = state[IN_USE];
  state[IN_USE] = plug;
  return before;
}

/** Whose plug is in use: that of the task that runs (0), or another's that works beside it. */
export function plugInUse(k: DiskState): number {
  return k.disk.state[IN_USE];
}

/**
 * Sends a request for one page of `owner` (an inode, or -1 - type of a swap area), or holds it back under a plug, there with its
 * neighbours as one. Returns the row that it is part of.
 */
export function sendPage(k: DiskState, disk: number, op: number, owner: number, index: number): number {
  const d = k.disk;
  const plug = d.state[IN_USE];
  if (d.plugDepth[plug] === 0) {
    const row = createRequest(d, disk, op, owner, index);
    dispatchIo(k, row);
    return row;
  }
  const newest = newestHeld(d, plug, disk);
  if (newest !== NONE && d.op[newest] === op && d.owner[newest] === owner && extend(d, newest, index))
    return newest;
  const row = createRequest(d, disk, op, owner, index);
  hold(k, plug, row);
  return row;
}

/** Bug when requests are held back although nobody has a plug in. */
export function checkPlugs(k: DiskState): void {
  const { plugDepth, plugHead } = k.disk;
  for (let plug = 0; plug < plugDepth.length; plug++)
    if (plugDepth[plug] !== 0 || plugHead[plug] !== NONE) bug(`plug ${plug} was left in`);
}

/** The request held back that a page for this disk might become part of, or NONE. */
function newestHeld(d: DiskColumns, plug: number, disk: number): number {
  let row = d.plugTail[plug];
  if (row === NONE || d.disk[row] === disk) return row;
  if (d.plugMixed[plug] === 0) return NONE;
  // Among requests for several disks the search is from the oldest on, and ends with the first for this one.
  for (row = d.plugHead[plug]; row !== NONE && d.disk[row] !== disk; ) row = d.next[row];
  return row;
}

/** Makes the page part of a request, when it is next to it and there is room. */
function extend(d: DiskColumns, row: number, index: number): boolean {
  const first = d.index[row];
  const isNext = first + d.pages[row] === index;
  if (d.pages[row] >= MOST_PAGES || (!isNext && first - 1 !== index)) return false;
  d.index[row] = isNext ? first : index;
  d.pages[row]++;
  return true;
}

/** Puts a request to those held back; sends them first when they are enough (Linux: blk_add_rq_to_plug). */
function hold(k: DiskState, plug: number, row: number): void {
  const d = k.disk;
  const oldest = d.plugHead[plug];
  const most = d.plugMixed[plug] !== 0 ? MOST_REQUESTS * 2 : MOST_REQUESTS;
  if (oldest !== NONE && (d.plugCount[plug] >= most || d.pages[oldest] >= FLUSH_PAGES)) flushPlug(k);
  const first = d.plugHead[plug];
  if (first === NONE) d.plugHead[plug] = row;
  else {
    if (d.disk[first] !== d.disk[row]) d.plugMixed[plug] = 1;
    d.next[d.plugTail[plug]] = row;
  }
  d.plugTail[plug] = row;
  d.plugCount[plug]++;
}
