/**
 * zswap: a page that goes to swap is compressed and kept in memory for the time being. It has a slot, but nothing is written.
 *
 *   reclaim -> all zeros? a note in the slot
 *           -> zswapStore: compressed, in a group of zsmalloc's frames, youngest of its cgroup's list        no I/O
 *           -> refused (pool full, cgroup at memory.zswap.max, not compressible): written to the disk
 *   a fault -> zswapLoad: the page is made again, dirty, and the compressed one is gone
 *   pool full, or the shrinker asks: the oldest go to the disk after all (reclaim/zswap-shrink.ts)
 *
 * Here are the compressed pages and what is charged for them; what needs reclaim stands above. The contents themselves stay
 * with the slot (hw/content.ts), whoever keeps them.
 *
 * A cgroup of version 2 pays for the bytes: they are charged in pages, of which each CPU keeps the rest that was not needed for the
 * next object of the same cgroup (kernel memory, as far as memory.stat goes).
 * Differs: the descriptors of compressed pages (slab) are not modelled.
 * Linux: mm/zswap.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, NONE, PAGE_SIZE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_ZONE_SHIFT } from "../frame/page.ts";
import { ZSWPIN } from "../frame/vmstat.ts";
import { CAUSE_COMPRESS, COMPRESS_NS, spend } from "../hw/clock.ts";
import type { Machine } from "../hw/machine.ts";
import { onlineMemcg, refillStock } from "./memcg.ts";
import { countMemcgEvents } from "./memcg-count.ts";
import { subtree } from "./memcg-subtree.ts";
import type { SpaceState } from "./state.ts";
import type { ZswapColumns } from "./swap-state.ts";
import { OBJ_LENGTH, OBJ_LRU_NEXT, OBJ_LRUVEC, OBJ_OWNER, OBJ_WORDS, zsFree, zsPoolOf } from "./zsmalloc.ts";
import { addZswapLru, checkZswapLru, removeZswapLru } from "./zswap-lru.ts";

/** The compressors that there are, in the order of their pools. */
export const COMPRESSORS: readonly string[] = ["lzo", "lzo-rle", "lz4", "lz4hc", "zstd", "deflate"];

/**
 * `state`: compressed pages; 1 while the pool was full and is not below the threshold yet; the cgroup whose turn the worker
 * had last (-1: none); when the worker goes on, or Infinity; number of the compressor; and the counts of debugfs.
 */
export const ZSWAP_STORED = 0;
export const ZSWAP_FULL = 1;
export const ZSWAP_NEXT_MEMCG = 2;
export const ZSWAP_WORK_NS = 3;
export const ZSWAP_COMPRESSOR = 4;
export const ZSWAP_LIMIT_HIT = 5;
export const ZSWAP_REJECT_RECLAIM = 6;
export const ZSWAP_REJECT_ALLOC = 7;
export const ZSWAP_REJECT_KMEMCACHE = 8;
export const ZSWAP_REJECT_COMPRESS = 9;
export const ZSWAP_REJECT_POOR = 10;
export const ZSWAP_WRITTEN_BACK = 11;
/** Progress of the worker: tries of this walk through the cgroups, failures. */
export const ZSWAP_ATTEMPTS = 12;
export const ZSWAP_FAILURES = 13;
/** 1 once it was switched on. */
export const ZSWAP_EVER_ON = 14;
const ZSWAP_STATES = 15;

/** Bits of OBJ_LENGTH above the length: the entry is young; it belongs to a cgroup, which counts it. */
const LENGTH_MASK = 0xffff;
export const ENTRY_REFERENCED = 0x10000;
const ENTRY_OWNED = 0x20000;

/** Nothing in zswap. `slots`: rows of swap slots, 0 where the kernel was built without zswap. */
export function createZswap(slots: number, memcgs: number, machine: Machine): ZswapColumns {
  const nodes = machine.nodes.length;
  const state = new Float64Array(ZSWAP_STATES);
  state[ZSWAP_NEXT_MEMCG] = -1;
  state[ZSWAP_WORK_NS] = Number.POSITIVE_INFINITY;
  state[ZSWAP_COMPRESSOR] = Math.max(0, COMPRESSORS.indexOf(machine.config.zswap));
  const lists = (): Int32Array => new Int32Array(memcgs * nodes);
  return {
    entry: new Int32Array(Math.max(1, slots)),
    head: lists(),
    tail: lists(),
    size: lists(),
    diskSwapins: new Float64Array(memcgs * nodes),
    bytes: new Float64Array(memcgs),
    stored: new Float64Array(memcgs),
    charged: new Float64Array(memcgs),
    left: new Float64Array(memcgs),
    stockMemcg: new Int32Array(machine.cpus),
    stockBytes: new Float64Array(machine.cpus),
    state,
  };
}

/** Whether the kernel has zswap at all. */
export function hasZswap(k: SpaceState): boolean {
  return k.zswap.entry.length > 1;
}

/** Frames that hold compressed pages of zswap (Linux: zswap_total_pages). */
export function zswapTotalPages(k: SpaceState): number {
  let pages = 0;
  for (let pool = 0; pool < COMPRESSORS.length; pool++) pages += k.zsmalloc.pages[pool];
  return pages;
}

/** Bytes of the cgroup and everything below it (Linux: memory.zswap.current). */
export function zswapBytesOf(k: SpaceState, memcg: Memcg): number {
  let bytes = 0;
  for (const at of subtree(k, memcg)) bytes += k.zswap.bytes[at];
  return bytes;
}

/** Compressed pages of the cgroup and everything below it. */
export function zswapStoredOf(k: SpaceState, memcg: Memcg): number {
  let pages = 0;
  for (const at of subtree(k, memcg)) pages += k.zswap.stored[at];
  return pages;
}

/** Bytes of an entry. */
export function zswapLength(k: SpaceState, object: number): number {
  return k.zsmalloc.object[object * OBJ_WORDS + OBJ_LENGTH] & LENGTH_MASK;
}

/** Makes an object the compressed page of a slot (its row, its entry), the youngest of its cgroup on the page's node. */
export function addZswapEntry(k: SpaceState, object: number, row: number, pfn: Pfn): void {
  const z = k.zswap;
  const memcg = onlineMemcg(k, k.pageMemcg[pfn]);
  const isOwned = k.pageMemcg[pfn] !== ROOT_MEMCG;
  const at = object * OBJ_WORDS;
  if (isOwned && k.memcg.legacy[0] === 0) {
    z.bytes[memcg] += zswapLength(k, object);
    z.stored[memcg]++;
  }
  k.zsmalloc.object[at + OBJ_LENGTH] |= ENTRY_REFERENCED | (isOwned ? ENTRY_OWNED : 0);
  k.zsmalloc.object[at + OBJ_OWNER] = row;
  z.entry[row] = object;
  z.state[ZSWAP_STORED]++;
  addZswapLru(k, object, lruvecOfPage(k, pfn, memcg));
}

/** The compressed page of a slot's row, if there is one, is gone (Linux: zswap_invalidate). */
export function dropZswap(k: SpaceState, row: number): void {
  const object = k.zswap.entry[row];
  if (object !== NONE) freeZswapEntry(k, object);
}

/** Frees a compressed page (Linux: zswap_entry_free). */
export function freeZswapEntry(k: SpaceState, object: number): void {
  const z = k.zswap;
  const at = object * OBJ_WORDS;
  const isOwned = (k.zsmalloc.object[at + OBJ_LENGTH] & ENTRY_OWNED) !== 0;
  const bytes = zswapLength(k, object);
  z.entry[k.zsmalloc.object[at + OBJ_OWNER]] = NONE;
  const memcg = memcgOf(k, removeZswapLru(k, object));
  if (isOwned && k.memcg.legacy[0] === 0) {
    refillBytes(k, memcg, bytes, true);
    z.bytes[memcg] -= bytes;
    z.stored[memcg]--;
  }
  z.state[ZSWAP_STORED]--;
  zsFree(k, object);
}

/** Lets the time pass that it takes to make a page again. */
export function spendDecompressing(k: SpaceState, object: number): void {
  spend(k, CAUSE_COMPRESS, COMPRESS_NS[COMPRESSORS[zsPoolOf(k, object)]][1]);
}

/**
 * Makes the page of a slot again, if zswap has it; unless zswap keeps its own, it is dirty then, and only here. Returns false when it is not
 * in zswap.
 */
export function zswapLoad(k: SpaceState, row: number, keepsOwn: boolean): boolean {
  const object = k.zswap.entry[row];
  if (object === NONE) return false;
  spendDecompressing(k, object);
  k.vmstat.event[ZSWPIN]++;
  countEntryEvents(k, object, ZSWPIN);
  if (!keepsOwn) freeZswapEntry(k, object);
  return true;
}

/** Something happened to an entry that its cgroup counts. */
export function countEntryEvents(k: SpaceState, object: number, event: number): void {
  const at = object * OBJ_WORDS;
  if ((k.zsmalloc.object[at + OBJ_LENGTH] & ENTRY_OWNED) !== 0)
    countMemcgEvents(k, memcgOf(k, k.zsmalloc.object[at + OBJ_LRUVEC]), event, 1);
}

/** A page is read from the disk although zswap is there: its shrinker was too eager (Linux: zswap_folio_swapin). */
export function noteDiskSwapin(k: SpaceState, pfn: Pfn): void {
  k.zswap.diskSwapins[lruvecOfPage(k, pfn, onlineMemcg(k, k.pageMemcg[pfn]))]++;
}

/** Takes bytes from what the running CPU keeps charged for the cgroup. False: it has not so many (Linux: consume_obj_stock). */
export function consumeBytes(k: SpaceState, memcg: Memcg, bytes: number): boolean {
  const { stockMemcg, stockBytes } = k.zswap;
  const cpu = k.boot[2];
  if (stockMemcg[cpu] !== memcg || stockBytes[cpu] < bytes) return false;
  stockBytes[cpu] -= bytes;
  return true;
}

/**
 * The running CPU keeps bytes that are charged to the cgroup and that nothing uses; whole pages of them may be given back
 * (Linux: refill_obj_stock).
 */
export function refillBytes(k: SpaceState, memcg: Memcg, bytes: number, mayUncharge: boolean): void {
  const z = k.zswap;
  const cpu = k.boot[2];
  let isOther = false;
  if (z.stockMemcg[cpu] !== memcg) {
    drainBytes(k, cpu);
    z.stockMemcg[cpu] = memcg;
    z.stockBytes[cpu] = z.left[memcg];
    z.left[memcg] = 0;
    isOther = true;
  }
  z.stockBytes[cpu] += bytes;
  if ((!mayUncharge && !isOther) || z.stockBytes[cpu] <= PAGE_SIZE) return;
  const pages = Math.floor(z.stockBytes[cpu] / PAGE_SIZE);
  z.stockBytes[cpu] -= pages * PAGE_SIZE;
  unchargeZswapPages(k, memcg, pages);
}

/** A CPU keeps charged bytes no longer: whole pages go back, the rest stays with the cgroup (Linux: drain_obj_stock). */
function drainBytes(k: SpaceState, cpu: number): void {
  const z = k.zswap;
  const memcg = z.stockMemcg[cpu];
  const pages = Math.floor(z.stockBytes[cpu] / PAGE_SIZE);
  z.left[memcg] += z.stockBytes[cpu] - pages * PAGE_SIZE;
  z.stockBytes[cpu] = 0;
  if (pages > 0) unchargeZswapPages(k, memcg, pages);
}

/** Pages were charged for compressed bytes of the cgroup. */
export function noteZswapCharge(k: SpaceState, memcg: Memcg, pages: number): void {
  k.zswap.charged[memcg] += pages;
  if (memcg !== ROOT_MEMCG) k.memcg.kmem[memcg] += pages;
}

function unchargeZswapPages(k: SpaceState, memcg: Memcg, pages: number): void {
  k.zswap.charged[memcg] -= pages;
  if (memcg === ROOT_MEMCG) return;
  k.memcg.kmem[memcg] -= pages;
  refillStock(k, memcg, pages);
}

/** Bug when entries, slots and lists do not know each other, or charges are not for the bytes there are. */
export function checkZswap(k: SpaceState): void {
  const z = k.zswap;
  if (checkZswapLru(k) !== z.state[ZSWAP_STORED])
    bug(`${z.state[ZSWAP_STORED]} compressed pages are not those on the lists`);
  const bytes = new Float64Array(z.bytes.length);
  for (let lruvec = 0; lruvec < z.head.length; lruvec++)
    for (let object = z.head[lruvec]; object !== NONE; ) {
      const at = object * OBJ_WORDS;
      if (z.entry[k.zsmalloc.object[at + OBJ_OWNER]] !== object)
        bug(`compressed page ${object} is not its slot's`);
      if ((k.zsmalloc.object[at + OBJ_LENGTH] & ENTRY_OWNED) !== 0)
        bytes[memcgOf(k, lruvec)] += zswapLength(k, object);
      object = k.zsmalloc.object[at + OBJ_LRU_NEXT];
    }
  for (let memcg = 0; memcg < bytes.length; memcg++) {
    if (k.memcg.legacy[0] === 0 && bytes[memcg] !== z.bytes[memcg])
      bug(`memory cgroup ${memcg} has ${bytes[memcg]} bytes in zswap and counts ${z.bytes[memcg]}`);
    let charged = z.bytes[memcg] + z.left[memcg];
    for (let cpu = 0; cpu < z.stockMemcg.length; cpu++)
      if (z.stockMemcg[cpu] === memcg) charged += z.stockBytes[cpu];
    if (memcg !== ROOT_MEMCG && charged !== z.charged[memcg] * PAGE_SIZE)
      bug(`memory cgroup ${memcg} is charged ${z.charged[memcg]} pages for ${charged} bytes`);
  }
}

function memcgOf(k: SpaceState, lruvec: Lruvec): Memcg {
  return Math.floor(lruvec / k.lruvec.nodes);
}

function lruvecOfPage(k: SpaceState, pfn: Pfn, memcg: Memcg): Lruvec {
  const node = ((k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT) - 1) >> 2;
  return memcg * k.lruvec.nodes + node;
}
