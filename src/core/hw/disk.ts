/**
 * Disks: a request is a row with the time at which it is done. Nothing happens in between, so a row is all there is.
 *
 *   flash        latency of all requests overlaps, the data leaves one after the other:
 *                |--latency--|=bytes=|
 *                 |--latency--|      |=bytes=|
 *   rotational   one request at a time, and a request that does not continue the last one seeks first
 *
 * So the rows of one disk complete in the order they were submitted, and each disk keeps them in one queue.
 * Linux: block/blk-mq.c (6.12) decides the order; the times are the hardware's   Doc: Documentation/block/stat.rst
 */
import { bug } from "../base/bug.ts";
import { NONE } from "../base/types.ts";
import { CAUSE_IO_WAIT } from "./clock.ts";
import type { DiskSpec } from "./machine.ts";
import type { HwState } from "./state.ts";

/** Requests under way, and the disks they are on. Request row 0 is NONE. */
export interface DiskColumns {
  /** By request: the virtual time at which its data is in memory. */
  readonly completeNs: Float64Array;
  /** By request: the disk it is on. */
  readonly disk: Int32Array;
  /** By request: OP_READ or OP_WRITE. */
  readonly op: Uint8Array;
  /** By request: whose pages it moves (an inode, or -1 - type of a swap area), the first page index and how many. */
  readonly owner: Int32Array;
  readonly index: Float64Array;
  readonly pages: Int32Array;
  /** By request: the next one of the same disk; of a free row, the next free one. */
  readonly next: Int32Array;
  /** By disk: oldest and newest request of its queue, and when its last byte is through. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly busyUntilNs: Float64Array;
  /** By disk: requests it takes at a time, where its turn is in `doneNs`, and where its part of that column begins. */
  readonly depth: Int32Array;
  readonly turn: Int32Array;
  readonly firstTurn: Int32Array;
  /** By disk and turn: when the request that took the turn last is done. */
  readonly doneNs: Float64Array;
  /** By disk: owner and page index at which the next request would need no seek. */
  readonly lastOwner: Int32Array;
  readonly lastIndex: Float64Array;
  /** By disk, from the machine: latency, cost of a byte, and 1 when it seeks. */
  readonly latencyNs: Float64Array;
  readonly nsPerByte: Float64Array;
  readonly rotational: Uint8Array;
  /** By disk, since boot: requests and bytes read, and written. */
  readonly reads: Float64Array;
  readonly readBytes: Float64Array;
  readonly writes: Float64Array;
  readonly writeBytes: Float64Array;
  /** By disk: 1 when its next request fails, and by request: 1 when it failed. */
  readonly failNext: Uint8Array;
  readonly failed: Uint8Array;
  /** [0] first row never used, [1] head of the free list, [2] requests under way. */
  readonly state: Int32Array;
  /**
   * What was written back to the disks: by block a fill word, or a slot of 1024 words in `blockWords`; and the pool's
   * bookkeeping. content.ts reads and writes them.
   */
  readonly blockFill: Int32Array;
  readonly blockSlot: Int32Array;
  readonly blockWords: Int32Array;
  readonly blockState: Int32Array;
}

/** What this file sees of the kernel: the disks stand on floor 4 of the kernel object, their machine on floor 2. */
export interface DiskState extends HwState {
  readonly disk: DiskColumns;
}

/** What a request does. */
export const OP_READ = 0;
export const OP_WRITE = 1;

/** What to move: `pages` pages of `owner` (an inode, or -1 - type of a swap area) from page `index` on. */
export interface DiskRequest {
  readonly disk: number;
  readonly op: number;
  readonly owner: number;
  readonly index: number;
  readonly pages: number;
}

const REQUESTS = 65536;
const USUAL_DEPTH = 1023;
/** Blocks that can hold what was written, and how many of those can hold more than one repeated word. */
const BLOCKS = 1048576;
const BLOCK_SLOTS = 262144;
const FIRST_NEVER_USED = 0;
const FREE_HEAD = 1;
const UNDER_WAY = 2;
const PAGE_BYTES = 4096;

/** Idle disks, one per specification; a machine without any has one ordinary flash disk. */
export function createDisk(specs: readonly DiskSpec[]): DiskColumns {
  const disks = Math.max(1, specs.length);
  const depth = Int32Array.from({ length: disks }, (_, disk) => specs[disk]?.queueDepth ?? USUAL_DEPTH);
  const firstTurn = new Int32Array(disks);
  for (let disk = 1; disk < disks; disk++) firstTurn[disk] = firstTurn[disk - 1] + depth[disk - 1];
  const state = new Int32Array(4);
  state[FIRST_NEVER_USED] = 1;
  const columns: DiskColumns = {
    completeNs: new Float64Array(REQUESTS),
    disk: new Int32Array(REQUESTS),
    op: new Uint8Array(REQUESTS),
    owner: new Int32Array(REQUESTS),
    index: new Float64Array(REQUESTS),
    pages: new Int32Array(REQUESTS),
    next: new Int32Array(REQUESTS),
    head: new Int32Array(disks),
    tail: new Int32Array(disks),
    busyUntilNs: new Float64Array(disks),
    depth,
    turn: new Int32Array(disks),
    firstTurn,
    doneNs: new Float64Array(depth.reduce((sum, turns) => sum + turns, 0)),
    lastOwner: new Int32Array(disks),
    lastIndex: new Float64Array(disks),
    latencyNs: new Float64Array(disks).fill(80000),
    nsPerByte: new Float64Array(disks).fill(0.5),
    rotational: new Uint8Array(disks),
    reads: new Float64Array(disks),
    readBytes: new Float64Array(disks),
    writes: new Float64Array(disks),
    writeBytes: new Float64Array(disks),
    failNext: new Uint8Array(disks),
    failed: new Uint8Array(REQUESTS),
    state,
    blockFill: new Int32Array(BLOCKS),
    blockSlot: new Int32Array(BLOCKS),
    blockWords: new Int32Array(BLOCK_SLOTS * 1024),
    blockState: Int32Array.of(1, NONE, 1, NONE),
  };
  specs.forEach((spec, disk) => {
    columns.latencyNs[disk] = spec.readNs;
    columns.nsPerByte[disk] = 1e9 / spec.bytesPerSecond;
    columns.rotational[disk] = spec.rotational ? 1 : 0;
  });
  return columns;
}

/**
 * Sends a request to its disk, now. Returns its row: whoever needs it done waits until `completeNs` of it.
 */
export function submitIo(k: DiskState, request: DiskRequest): number {
  const d = k.disk;
  const row = takeRow(d);
  const { disk } = request;
  const bytes = request.pages * PAGE_BYTES;
  const turn = d.firstTurn[disk] + d.turn[disk];
  if (d.doneNs[turn] > k.clock.ns[0]) waitForTurn(k, d.doneNs[turn]);
  const now = k.clock.ns[0];
  const transferNs = Math.ceil(bytes * d.nsPerByte[disk]);
  const continues = d.lastOwner[disk] === request.owner && d.lastIndex[disk] === request.index;
  if (d.rotational[disk] === 1) {
    const begin = Math.max(now, d.busyUntilNs[disk]);
    d.busyUntilNs[disk] = begin + (continues ? 0 : d.latencyNs[disk]) + transferNs;
  } else {
    d.busyUntilNs[disk] = Math.max(now + d.latencyNs[disk], d.busyUntilNs[disk]) + transferNs;
  }
  d.completeNs[row] = d.busyUntilNs[disk];
  d.doneNs[turn] = d.busyUntilNs[disk];
  d.turn[disk] = (d.turn[disk] + 1) % d.depth[disk];
  d.disk[row] = disk;
  d.op[row] = request.op;
  d.failed[row] = d.failNext[disk];
  d.failNext[disk] = 0;
  d.owner[row] = request.owner;
  d.index[row] = request.index;
  d.pages[row] = request.pages;
  d.next[row] = NONE;
  if (d.tail[disk] === NONE) d.head[disk] = row;
  else d.next[d.tail[disk]] = row;
  d.tail[disk] = row;
  d.lastOwner[disk] = request.owner;
  d.lastIndex[disk] = request.index + request.pages;
  if (request.op === OP_READ) {
    d.reads[disk]++;
    d.readBytes[disk] += bytes;
  } else {
    d.writes[disk]++;
    d.writeBytes[disk] += bytes;
  }
  return row;
}

/** The request that is done first among those done by `nowNs`, or NONE. Equal times: the disk with the lower number. */
export function firstDone(d: DiskColumns, nowNs: number): number {
  let best = NONE;
  for (let disk = 0; disk < d.head.length; disk++) {
    const row = d.head[disk];
    if (row === NONE || d.completeNs[row] > nowNs) continue;
    if (best === NONE || d.completeNs[row] < d.completeNs[best]) best = row;
  }
  return best;
}

/** Takes the oldest request of its disk off the queue and frees its row. */
export function retireIo(d: DiskColumns, row: number): void {
  const disk = d.disk[row];
  if (d.head[disk] !== row) bug(`disk request ${row} is not the oldest of disk ${disk}`);
  d.head[disk] = d.next[row];
  if (d.head[disk] === NONE) d.tail[disk] = NONE;
  d.next[row] = d.state[FREE_HEAD];
  d.pages[row] = 0;
  d.state[FREE_HEAD] = row;
  d.state[UNDER_WAY]--;
}

/** Walks the queues. Invariants: completion times never fall along a queue; the queues hold what is under way. */
export function checkDisks(k: DiskState): void {
  const d = k.disk;
  let queued = 0;
  for (let disk = 0; disk < d.head.length; disk++) {
    let last = NONE;
    for (let row = d.head[disk]; row !== NONE; row = d.next[row]) {
      if (d.disk[row] !== disk) bug(`disk request ${row} is on the queue of another disk`);
      if (last !== NONE && d.completeNs[row] < d.completeNs[last])
        bug(`disk request ${row} overtakes ${last}`);
      last = row;
      queued++;
    }
    if (d.tail[disk] !== last) bug(`the queue of disk ${disk} does not end at its tail`);
  }
  if (queued !== d.state[UNDER_WAY]) bug(`${d.state[UNDER_WAY]} disk requests under way, ${queued} queued`);
}

/** The queue is full: the running CPU waits until a request is done. */
function waitForTurn(k: DiskState, untilNs: number): void {
  k.clock.spent[CAUSE_IO_WAIT] += untilNs - k.clock.ns[0];
  k.clock.ns[0] = untilNs;
}

function takeRow(d: DiskColumns): number {
  d.state[UNDER_WAY]++;
  const free = d.state[FREE_HEAD];
  if (free !== NONE) {
    d.state[FREE_HEAD] = d.next[free];
    return free;
  }
  if (d.state[FIRST_NEVER_USED] >= d.completeNs.length) bug("no row left for a disk request");
  return d.state[FIRST_NEVER_USED]++;
}
