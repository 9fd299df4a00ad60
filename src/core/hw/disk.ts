/**
 * Disks: a request is a row with the time at which it is done. Nothing happens in between, so a row is all there is.
 *
 *   flash        requests pass one after the other, and each is done a latency later, that of a read or of a write:
 *                |request, bytes|--latency--|
 *                               |request, bytes|--latency--|
 *   rotational   one request at a time, and a request that does not continue the last one seeks first
 *
 * So the reads of one disk complete in the order they were submitted, and so do its writes: each disk keeps two queues.
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
  /** By disk and op (disk * 2 + op): oldest and newest request of the queue. By disk: when its last byte is through. */
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
  /** By disk and op, from the machine: latency, and what a byte takes. By disk: what a request takes, and 1 when it seeks. */
  readonly latencyNs: Float64Array;
  readonly nsPerByte: Float64Array;
  readonly requestNs: Float64Array;
  readonly rotational: Uint8Array;
  /** By disk, since boot: requests and bytes read, and written. */
  readonly reads: Float64Array;
  readonly readBytes: Float64Array;
  readonly writes: Float64Array;
  readonly writeBytes: Float64Array;
  /** By disk: 1 when its next request fails, and by request: 1 when it failed. */
  readonly failNext: Uint8Array;
  readonly failed: Uint8Array;
  /** [0] first row never used, [1] head of the free list, [2] requests under way, [3] the plug in use (plug.ts). */
  readonly state: Int32Array;
  /** By plug: how often it was put in, first and last request held back, how many, and 1 when they are for several disks. */
  readonly plugDepth: Int32Array;
  readonly plugHead: Int32Array;
  readonly plugTail: Int32Array;
  readonly plugCount: Int32Array;
  readonly plugMixed: Uint8Array;
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
/** A plug for the task that runs, one for kswapd of each node, and one for the threads that write files. */
const PLUGS = 66;
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
    head: new Int32Array(disks * 2),
    tail: new Int32Array(disks * 2),
    busyUntilNs: new Float64Array(disks),
    depth,
    turn: new Int32Array(disks),
    firstTurn,
    doneNs: new Float64Array(depth.reduce((sum, turns) => sum + turns, 0)),
    lastOwner: new Int32Array(disks),
    lastIndex: new Float64Array(disks),
    latencyNs: new Float64Array(disks * 2).fill(80000),
    requestNs: new Float64Array(disks),
    nsPerByte: new Float64Array(disks * 2).fill(0.5),
    rotational: new Uint8Array(disks),
    reads: new Float64Array(disks),
    readBytes: new Float64Array(disks),
    writes: new Float64Array(disks),
    writeBytes: new Float64Array(disks),
    failNext: new Uint8Array(disks),
    failed: new Uint8Array(REQUESTS),
    state,
    plugDepth: new Int32Array(PLUGS),
    plugHead: new Int32Array(PLUGS),
    plugTail: new Int32Array(PLUGS),
    plugCount: new Int32Array(PLUGS),
    plugMixed: new Uint8Array(PLUGS),
    blockFill: new Int32Array(BLOCKS),
    blockSlot: new Int32Array(BLOCKS),
    blockWords: new Int32Array(BLOCK_SLOTS * 1024),
    blockState: Int32Array.of(1, NONE, 1, NONE),
  };
  specs.forEach((spec, disk) => {
    columns.latencyNs[disk * 2 + OP_READ] = spec.readNs;
    columns.latencyNs[disk * 2 + OP_WRITE] = spec.writeNs;
    columns.requestNs[disk] = spec.requestNs;
    columns.nsPerByte[disk * 2 + OP_READ] = 1e9 / spec.bytesPerSecond;
    columns.nsPerByte[disk * 2 + OP_WRITE] = 1e9 / spec.writeBytesPerSecond;
    columns.rotational[disk] = spec.rotational ? 1 : 0;
  });
  return columns;
}

/**
 * Sends a request to its disk, now. Returns its row: whoever needs it done waits until `completeNs` of it.
 */
export function submitIo(k: DiskState, request: DiskRequest): number {
  const row = createRequest(k.disk, request.disk, request.op, request.owner, request.index);
  k.disk.pages[row] = request.pages;
  dispatchIo(k, row);
  return row;
}

/** Writes a request for one page down that is not on its disk yet. Returns its row. */
export function createRequest(
  d: DiskColumns,
  disk: number,
  op: number,
  owner: number,
  index: number,
): number {
  const row = takeRow(d);
  d.disk[row] = disk;
  d.op[row] = op;
  d.owner[row] = owner;
  d.index[row] = index;
  d.pages[row] = 1;
  d.next[row] = NONE;
  d.completeNs[row] = Number.POSITIVE_INFINITY;
  return row;
}

/** Sends a request to its disk that was written down before; waits for its turn when the disk has as many as it takes. */
export function dispatchIo(k: DiskState, row: number): void {
  const d = k.disk;
  const disk = d.disk[row];
  const bytes = d.pages[row] * PAGE_BYTES;
  const turn = d.firstTurn[disk] + d.turn[disk];
  if (d.doneNs[turn] > k.clock.ns[0]) waitForTurn(k, d.doneNs[turn]);
  const now = k.clock.ns[0];
  const queue = disk * 2 + d.op[row];
  const latencyNs = d.latencyNs[queue];
  const continues = d.lastOwner[disk] === d.owner[row] && d.lastIndex[disk] === d.index[row];
  const begin = Math.max(now, d.busyUntilNs[disk]);
  const passed = begin + d.requestNs[disk] + Math.ceil(bytes * d.nsPerByte[queue]);
  if (d.rotational[disk] === 1) {
    d.busyUntilNs[disk] = passed + (continues ? 0 : latencyNs);
    d.completeNs[row] = d.busyUntilNs[disk];
  } else {
    d.busyUntilNs[disk] = passed;
    d.completeNs[row] = passed + latencyNs;
  }
  d.doneNs[turn] = d.completeNs[row];
  d.turn[disk] = (d.turn[disk] + 1) % d.depth[disk];
  d.failed[row] = d.failNext[disk];
  d.failNext[disk] = 0;
  d.next[row] = NONE;
  if (d.tail[queue] === NONE) d.head[queue] = row;
  else d.next[d.tail[queue]] = row;
  d.tail[queue] = row;
  d.lastOwner[disk] = d.owner[row];
  d.lastIndex[disk] = d.index[row] + d.pages[row];
  if (d.op[row] === OP_READ) {
    d.reads[disk]++;
    d.readBytes[disk] += bytes;
  } else {
    d.writes[disk]++;
    d.writeBytes[disk] += bytes;
  }
}

/** The request that is done first among those done by `nowNs`, or NONE. Equal times: the disk with the lower number, reads first. */
export function firstDone(d: DiskColumns, nowNs: number): number {
  let best = NONE;
  for (let queue = 0; queue < d.head.length; queue++) {
    const row = d.head[queue];
    if (row === NONE || d.completeNs[row] > nowNs) continue;
    if (best === NONE || d.completeNs[row] < d.completeNs[best]) best = row;
  }
  return best;
}

/** Takes the oldest request off its queue and frees its row. */
export function retireIo(d: DiskColumns, row: number): void {
  const queue = d.disk[row] * 2 + d.op[row];
  if (d.head[queue] !== row) bug(`disk request ${row} is not the oldest of queue ${queue}`);
  d.head[queue] = d.next[row];
  if (d.head[queue] === NONE) d.tail[queue] = NONE;
  d.next[row] = d.state[FREE_HEAD];
  d.pages[row] = 0;
  d.state[FREE_HEAD] = row;
  d.state[UNDER_WAY]--;
}

/** Walks the queues. Invariants: completion times never fall along a queue; the queues hold what is under way. */
export function checkDisks(k: DiskState): void {
  const d = k.disk;
  let queued = 0;
  for (let queue = 0; queue < d.head.length; queue++) {
    let last = NONE;
    for (let row = d.head[queue]; row !== NONE; row = d.next[row]) {
      if (d.disk[row] * 2 + d.op[row] !== queue) bug(`disk request ${row} is on queue ${queue}, not its own`);
      if (last !== NONE && d.completeNs[row] < d.completeNs[last])
        bug(`disk request ${row} overtakes ${last}`);
      last = row;
      queued++;
    }
    if (d.tail[queue] !== last) bug(`queue ${queue} of the disks does not end at its tail`);
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
