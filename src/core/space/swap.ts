/**
 * Swap areas: which slots of which area are in use, by how many page table entries, and what lies in them.
 *
 *   area (type)      slots 0 (header) 1 2 3 …          row of a slot = base of its area + number in the area
 *   entry            type * 2^26 + number
 *   record           8 words: entries that refer to the slot, its page in the swap cache, its block on the disk, …
 *
 * Slots are taken cluster by cluster (512 slots): each CPU goes on in a cluster of its own, then takes a free one, then
 * one that has a hole. Areas of the highest priority come first, equal ones in turn.
 *
 * While there is plenty of swap each CPU takes 64 slots at a time, from one area, and hands them out one by one; slots that
 * became free it collects, charged as they were, and gives back when it has 64. Both count as in use meanwhile.
 * Linux: mm/swapfile.c, mm/swap_slots.c (6.12)   Doc: Documentation/admin-guide/mm/concepts.rst
 */
import { bug } from "../base/bug.ts";
import { ENOMEM } from "../base/errno.ts";
import { NONE, type Pfn, ROOT_MEMCG, type SwapEntry } from "../base/types.ts";
import { freeBlock } from "../hw/content.ts";
import { holdMemcg, MEMCG_SWAP_FAIL, MEMCG_SWAP_MAX, memcgEvent, onlineMemcg } from "./memcg.ts";
import { isLegacy, unchargeMemsw } from "./memcg-v1.ts";
import { emptySwapNode, fillSwapNode } from "./node-slab.ts";
import type { SpaceState } from "./state.ts";
import type { SwapColumns } from "./swap-state.ts";
import { notifyZramFree, zramOfArea } from "./zram.ts";
import { dropZswap, hasZswap } from "./zswap.ts";

/** Areas there can be (Linux: MAX_SWAPFILES with what Debian's configuration reserves), slots of one, and of all. */
export const MAX_SWAPFILES = 28;
export const SLOTS_PER_AREA = 1 << 26;
export const MOST_SLOTS = 1 << 24;
/** Slots of a cluster (Linux: SWAPFILE_CLUSTER). */
export const SWAPFILE_CLUSTER = 512;
const CLUSTER_SHIFT = 9;

/** Flags of an area. */
export const SWP_USED = 1;
export const SWP_WRITEOK = 2;
export const SWP_SOLIDSTATE = 4;
export const SWP_SYNCHRONOUS_IO = 8;

/** Most entries that can refer to a slot (Linux counts on in a page beside the map; here the column is wide enough). */
const MOST_COUNT = 0xffff;

/**
 * Word offsets in a slot's record: page table entries that refer to the slot (Linux: swap_map); its page in the swap cache;
 * the cgroup it is charged to; the block of hw/disk.ts with the contents; SLOT_* bits; the disk request under way, or NONE;
 * in two words what workingset.ts remembers of the page that was evicted.
 */
export const SLOT_COUNT = 0;
export const SLOT_PAGE = 1;
export const SLOT_MEMCG = 2;
export const SLOT_BLOCK = 3;
export const SLOT_STATE = 4;
export const SLOT_REQUEST = 5;
const SLOT_SHADOW = 6;
export const SLOT_WORDS = 8;

/** Bits of a slot's state: the page was all zeros, so nothing was written (Linux: zeromap); the slot could not be read. */
export const SLOT_ZERO = 1;
export const SLOT_BAD = 2;
/** Nobody's, but in a CPU's cache, to be handed out or to be given back. */
export const SLOT_HELD = 4;
/**
 * Slots a CPU takes or gives back at a time (Linux: SWAP_SLOTS_CACHE_SIZE); free slots for each CPU with which that begins, and
 * below which it ends; words of `handCounts`: place of the next slot to hand out, slots left, slots to give back.
 */
const HAND = 64;
const HAND_BEGIN = 5 * HAND;
const HAND_END = 2 * HAND;
const NEXT_OUT = 0;
export const HAND_LEFT = 1;
export const HAND_BACK = 2;
export const HAND_COUNTS = 3;
/** A cluster's state; the first two are lists, too. */
const CLUSTER_FREE = 0;
const CLUSTER_NONFULL = 1;
const CLUSTER_FULL = 2;
const CLUSTER_TAKEN = 3;

/**
 * `state`: slots that are free, all slots, first row never used, the turn among areas of equal priority, and 1 when a
 * page that looks all zeros may not be: programs replayed from a recording store values that nobody recorded.
 */
export const SWAP_FREE = 0;
export const SWAP_TOTAL = 1;
const FIRST_NEVER_USED = 2;
const TURN = 3;
export const SWAP_UNKNOWN_CONTENTS = 4;
/** Areas on rotating disks; and for read-ahead on them: slot that faulted last, pages used since, the last window. */
export const SWAP_ROTATING = 5;
export const CLUSTER_RA_SLOT = 6;
export const CLUSTER_RA_HITS = 7;
export const CLUSTER_RA_WINDOW = 8;
/** 1 while CPUs may keep slots (there is an area, and no swapoff under way), and 1 while they do: there is plenty. */
const MAY_KEEP = 10;
const KEEPS = 11;
/** Areas ever in use at a time: types from this one on never were. */
export const AREAS = 9;

/** No area. */
export function createSwapColumns(cpus: number): SwapColumns {
  const areas = (): Int32Array => new Int32Array(MAX_SWAPFILES);
  const clusters = MOST_SLOTS / SWAPFILE_CLUSTER;
  return {
    flags: new Uint8Array(MAX_SWAPFILES),
    prio: areas(),
    pages: areas(),
    inuse: areas(),
    base: areas(),
    disk: new Uint8Array(MAX_SWAPFILES),
    path: [],
    slot: new Int32Array(MOST_SLOTS * SLOT_WORDS),
    clusterCount: new Uint16Array(clusters),
    clusterNext: new Int32Array(clusters),
    clusterPrev: new Int32Array(clusters),
    clusterState: new Uint8Array(clusters),
    listHead: new Int32Array(MAX_SWAPFILES * 2),
    listTail: new Int32Array(MAX_SWAPFILES * 2),
    current: new Int32Array(MAX_SWAPFILES * cpus),
    handOut: new Int32Array(cpus * HAND),
    handBack: new Int32Array(cpus * HAND),
    handCounts: new Int32Array(cpus * HAND_COUNTS),
    taken: new Int32Array(HAND),
    state: Float64Array.of(0, 0, SWAPFILE_CLUSTER, 0, 0, 0, 0, 4, 0, 0, 0, 0),
  };
}

/** What swapon is told of an area. */
export interface SwapArea {
  /** Pages with the header; at least 2. */
  readonly pages: number;
  readonly prio: number;
  /** Row of the disk it lies on. */
  readonly disk: number;
  /** SWP_SOLIDSTATE, SWP_SYNCHRONOUS_IO. */
  readonly flags: number;
  readonly path: string;
}

/** Takes an area into use. Returns its type, or -ENOMEM when there are no rows for it. */
export function addSwapArea(k: SpaceState, area: SwapArea): number {
  const s = k.swap;
  let type = 0;
  while (type < MAX_SWAPFILES && (s.flags[type] & SWP_USED) !== 0) type++;
  const clusters = Math.ceil(area.pages / SWAPFILE_CLUSTER);
  const base = s.state[FIRST_NEVER_USED];
  if (type === MAX_SWAPFILES || base + clusters * SWAPFILE_CLUSTER > MOST_SLOTS) return -ENOMEM;
  s.state[FIRST_NEVER_USED] = base + clusters * SWAPFILE_CLUSTER;
  s.flags[type] = SWP_USED | SWP_WRITEOK | area.flags;
  s.prio[type] = area.prio;
  s.pages[type] = area.pages;
  s.inuse[type] = 0;
  s.base[type] = base;
  s.disk[type] = area.disk;
  s.state[AREAS] = Math.max(s.state[AREAS], type + 1);
  s.path[type] = area.path;
  const first = base >> CLUSTER_SHIFT;
  for (let cluster = first; cluster < first + clusters; cluster++) {
    s.clusterCount[cluster] = 0;
    append(s, type, cluster, CLUSTER_FREE);
  }
  // The header's slot, and what the last cluster has beyond the end of the area, is never given out.
  s.slot[base * SLOT_WORDS + SLOT_COUNT] = MOST_COUNT;
  s.clusterCount[first]++;
  for (let slot = base + area.pages; slot < base + clusters * SWAPFILE_CLUSTER; slot++) {
    s.slot[slot * SLOT_WORDS + SLOT_COUNT] = MOST_COUNT;
    s.clusterCount[slot >> CLUSTER_SHIFT]++;
  }
  s.state[SWAP_FREE] += area.pages - 1;
  s.state[SWAP_TOTAL] += area.pages - 1;
  if ((area.flags & SWP_SOLIDSTATE) === 0) s.state[SWAP_ROTATING]++;
  s.state[MAY_KEEP] = 1;
  return type;
}

/** No more slots are taken from the area; those in use stay until they are freed (swapoff's first step). */
export function stopSwapArea(k: SpaceState, type: number): void {
  const s = k.swap;
  s.state[MAY_KEEP] = 0;
  drainHands(k);
  s.flags[type] &= ~SWP_WRITEOK;
  s.state[SWAP_FREE] -= s.pages[type] - 1 - s.inuse[type];
  s.state[SWAP_TOTAL] -= s.pages[type] - 1;
}

/** Takes it into use again, when swapoff did not succeed. */
export function resumeSwapArea(k: SpaceState, type: number): void {
  const s = k.swap;
  s.state[MAY_KEEP] = 1;
  s.flags[type] |= SWP_WRITEOK;
  s.state[SWAP_FREE] += s.pages[type] - 1 - s.inuse[type];
  s.state[SWAP_TOTAL] += s.pages[type] - 1;
}

/** Forgets an area of which no slot is in use. Its rows are not given to another. */
export function dropSwapArea(k: SpaceState, type: number): void {
  const s = k.swap;
  if (s.inuse[type] !== 0) bug(`swap area ${type} is dropped with ${s.inuse[type]} slots in use`);
  if ((s.flags[type] & SWP_SOLIDSTATE) === 0) s.state[SWAP_ROTATING]--;
  for (const column of [s.flags, s.prio, s.pages, s.base, s.disk]) column[type] = 0;
  s.listHead.fill(0, type * 2, type * 2 + 2);
  s.listTail.fill(0, type * 2, type * 2 + 2);
  s.path[type] = "";
  k.zram.ofArea[type] = 0;
  s.state[MAY_KEEP] = s.flags.some((flags) => (flags & SWP_WRITEOK) !== 0) ? 1 : 0;
  s.current.fill(0, type * k.machine.cpus, (type + 1) * k.machine.cpus);
}

/** Row of an entry's slot. */
export function swapSlot(k: SpaceState, entry: SwapEntry): number {
  return k.swap.base[entry >>> 26] + (entry & (SLOTS_PER_AREA - 1));
}

/** First word of an entry's slot in `k.swap.slot`. */
export function swapRecord(k: SpaceState, entry: SwapEntry): number {
  return (k.swap.base[entry >>> 26] + (entry & (SLOTS_PER_AREA - 1))) * SLOT_WORDS;
}

/** What is remembered of the page that was evicted to the slot, or 0; `record` is the slot's first word. */
export function swapShadow(k: SpaceState, record: number): number {
  const { slot } = k.swap;
  return slot[record + SLOT_SHADOW + 1] * 4294967296 + (slot[record + SLOT_SHADOW] >>> 0);
}

/** Remembers a shadow: 0, or a whole number below 2^53. */
export function setSwapShadow(k: SpaceState, record: number, shadow: number): void {
  const { slot } = k.swap;
  if (slot[record + SLOT_PAGE] === NONE) {
    const wasEmpty = slot[record + SLOT_SHADOW] === 0 && slot[record + SLOT_SHADOW + 1] === 0;
    if (wasEmpty && shadow !== 0) fillSwapNode(k, record / SLOT_WORDS);
    else if (!wasEmpty && shadow === 0) emptySwapNode(k, record / SLOT_WORDS);
  }
  slot[record + SLOT_SHADOW] = shadow;
  slot[record + SLOT_SHADOW + 1] = shadow / 4294967296;
}

/** The entry of a slot's row in an area. */
export function swapEntryOf(k: SpaceState, type: number, row: number): SwapEntry {
  return (type << 26) | (row - k.swap.base[type]);
}

/**
 * Takes a slot for a page and charges it to the page's cgroup. Nobody refers to it yet. Returns the entry, or NONE: no
 * area has a free slot, or the cgroup's limit refuses it (Linux: folio_alloc_swap).
 */
export function allocSwap(k: SpaceState, pfn: Pfn): SwapEntry {
  const entry = takeKept(k);
  const memcg = onlineMemcg(k, k.pageMemcg[pfn]);
  // Version 1 counts a slot when its page goes (chargeSwapOut).
  if (memcg === ROOT_MEMCG || isLegacy(k)) return entry;
  if (entry === NONE) {
    memcgEvent(k, memcg, MEMCG_SWAP_FAIL);
    return NONE;
  }
  const m = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) {
    if (m.swapUsage[at] + 1 <= m.swapMax[at]) {
      m.swapUsage[at]++;
      if (m.swapUsage[at] > m.swapWatermark[at]) m.swapWatermark[at] = m.swapUsage[at];
      continue;
    }
    m.swapFailcnt[at]++;
    for (let undo = memcg; undo !== at; undo = m.parent[undo]) m.swapUsage[undo]--;
    memcgEvent(k, memcg, MEMCG_SWAP_MAX);
    memcgEvent(k, memcg, MEMCG_SWAP_FAIL);
    releaseSwapSlot(k, entry);
    return NONE;
  }
  k.swap.slot[swapRecord(k, entry) + SLOT_MEMCG] = memcg;
  holdMemcg(k, memcg, 1);
  return entry;
}

/** One more page table entry refers to the slot. */
export function swapDuplicate(k: SpaceState, entry: SwapEntry): void {
  const record = swapRecord(k, entry);
  if (++k.swap.slot[record + SLOT_COUNT] >= MOST_COUNT) bug(`swap entry ${entry} is referred to too often`);
}

/** One less; a slot that nobody refers to and the swap cache does not hold is free. */
export function swapFree(k: SpaceState, entry: SwapEntry): void {
  const record = swapRecord(k, entry);
  if (k.swap.slot[record + SLOT_COUNT] === 0) bug(`swap entry ${entry} is freed and nobody refers to it`);
  if (--k.swap.slot[record + SLOT_COUNT] === 0 && k.swap.slot[record + SLOT_PAGE] === NONE)
    releaseSwapSlot(k, entry);
}

/** Gives a slot back that has no user left; at once, or with others later (Linux: free_swap_slot). */
export function releaseSwapSlot(k: SpaceState, entry: SwapEntry): void {
  const s = k.swap;
  const record = swapRecord(k, entry);
  emptySlot(k, record);
  if (s.state[MAY_KEEP] === 0 || s.state[KEEPS] === 0) {
    freeSlot(k, entry);
    return;
  }
  const cpu = k.boot[2];
  const at = cpu * HAND_COUNTS + HAND_BACK;
  if (s.handCounts[at] === HAND) giveBack(k, cpu);
  s.handBack[cpu * HAND + s.handCounts[at]++] = entry;
  s.slot[record + SLOT_STATE] = SLOT_HELD;
}

/** Nothing is kept in a slot any more; zram drops its page when the slot can be taken by anybody. */
export function emptySlot(k: SpaceState, record: number): void {
  const { slot } = k.swap;
  if (hasZswap(k)) dropZswap(k, record / SLOT_WORDS);
  if (slot[record + SLOT_BLOCK] !== NONE) freeBlock(k.disk, slot[record + SLOT_BLOCK]);
  slot[record + SLOT_BLOCK] = NONE;
  setSwapShadow(k, record, 0);
  slot[record + SLOT_STATE] = 0;
}

/** The slot can be taken by anybody, and nobody is charged for it any more (Linux: swap_entry_range_free). */
export function freeSlot(k: SpaceState, entry: SwapEntry): void {
  const record = swapRecord(k, entry);
  k.swap.slot[record + SLOT_STATE] = 0;
  if (k.swap.slot[record + SLOT_MEMCG] !== ROOT_MEMCG) unchargeSwap(k, record);
  const device = zramOfArea(k, entry >>> 26);
  if (device >= 0) notifyZramFree(k, device, record / SLOT_WORDS);
  giveSlot(k, entry);
}

/** Frees what a CPU has collected. */
function giveBack(k: SpaceState, cpu: number): void {
  const { handBack, handCounts } = k.swap;
  const at = cpu * HAND_COUNTS + HAND_BACK;
  for (let i = 0; i < handCounts[at]; i++) freeSlot(k, handBack[cpu * HAND + i]);
  handCounts[at] = 0;
}

/** No CPU keeps a slot any more. */
function drainHands(k: SpaceState): void {
  const { handOut, handCounts } = k.swap;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    const at = cpu * HAND_COUNTS;
    for (; handCounts[at + HAND_LEFT] > 0; handCounts[at + HAND_LEFT]--)
      freeSlot(k, handOut[cpu * HAND + handCounts[at + NEXT_OUT]++]);
    giveBack(k, cpu);
  }
}

/** A slot of the CPU's own, of the next 64 it takes, or a single one when swap is scarce. NONE: there is none. */
function takeKept(k: SpaceState): SwapEntry {
  const { handOut, handCounts, taken } = k.swap;
  const cpu = k.boot[2];
  const at = cpu * HAND_COUNTS;
  const keeps = mayKeep(k);
  if (keeps && handCounts[at + HAND_LEFT] === 0) {
    handCounts[at + HAND_LEFT] = takeSlots(k, HAND);
    handCounts[at + NEXT_OUT] = 0;
    for (let i = 0; i < handCounts[at + HAND_LEFT]; i++) handOut[cpu * HAND + i] = taken[i];
  }
  let entry = NONE;
  if (keeps && handCounts[at + HAND_LEFT] > 0) {
    handCounts[at + HAND_LEFT]--;
    entry = handOut[cpu * HAND + handCounts[at + NEXT_OUT]++];
  } else if (takeSlots(k, 1) !== 0) entry = taken[0];
  if (entry !== NONE) k.swap.slot[swapRecord(k, entry) + SLOT_STATE] = 0;
  return entry;
}

/** Whether CPUs keep slots now; when swap has become scarce they give up what they have (Linux: check_cache_active). */
function mayKeep(k: SpaceState): boolean {
  const { state } = k.swap;
  if (state[MAY_KEEP] === 0) return false;
  const free = state[SWAP_FREE];
  if (state[KEEPS] === 0) state[KEEPS] = free > k.machine.cpus * HAND_BEGIN ? 1 : 0;
  else if (free < k.machine.cpus * HAND_END) {
    state[KEEPS] = 0;
    drainHands(k);
  }
  return state[KEEPS] !== 0;
}

/** The slot is charged to nobody any more (Linux: mem_cgroup_uncharge_swap). */
export function unchargeSwap(k: SpaceState, record: number): void {
  const m = k.memcg;
  const memcg = k.swap.slot[record + SLOT_MEMCG];
  k.swap.slot[record + SLOT_MEMCG] = ROOT_MEMCG;
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) m.swapUsage[at]--;
  if (isLegacy(k)) unchargeMemsw(k, memcg, 1);
  holdMemcg(k, memcg, -1);
}

/** Takes up to `most` free slots of the area whose turn it is into `taken`, held. Returns how many there were. */
function takeSlots(k: SpaceState, most: number): number {
  const s = k.swap;
  const goal = Math.min(most, s.state[SWAP_FREE]);
  if (goal <= 0) return 0;
  // Equal priorities take turns: the area after the one that was used last comes first.
  const turn = s.state[TURN] | 0;
  const areas = s.state[AREAS] | 0;
  let best = bestArea(s, turn, areas, -1);
  best = bestArea(s, 0, Math.min(turn, areas), best);
  if (best < 0) return 0;
  s.state[TURN] = best + 1;
  let count = 0;
  while (count < goal && s.inuse[best] < s.pages[best] - 1) {
    const row = takeFromCluster(k, best);
    s.slot[row * SLOT_WORDS + SLOT_STATE] = SLOT_HELD;
    s.inuse[best]++;
    s.state[SWAP_FREE]--;
    s.taken[count++] = swapEntryOf(k, best, row);
  }
  return count;
}

/** The area of the highest priority of those from `from` to before `end` that have a free slot; `best` when none has a higher one. */
function bestArea(s: SwapColumns, from: number, end: number, best: number): number {
  let found = best;
  for (let type = from; type < end; type++) {
    if ((s.flags[type] & SWP_WRITEOK) === 0 || s.inuse[type] >= s.pages[type] - 1) continue;
    if (found < 0 || s.prio[type] > s.prio[found]) found = type;
  }
  return found;
}

/** Row of a free slot of the area, which has one: where the CPU went on last, in a free cluster, or in a hole. */
function takeFromCluster(k: SpaceState, type: number): number {
  const s = k.swap;
  const at = type * k.machine.cpus + k.boot[2];
  let row = 0;
  if (s.current[at] !== 0) {
    row = findHole(s, s.current[at]);
    if (row === 0) settle(s, type, s.current[at] >> CLUSTER_SHIFT);
  }
  while (row === 0) {
    const cluster = s.listHead[type * 2] !== 0 ? s.listHead[type * 2] : s.listHead[type * 2 + 1];
    if (cluster === 0) {
      s.current[at] = 0;
      return stealFromOthers(k, type);
    }
    remove(s, type, cluster);
    s.clusterState[cluster] = CLUSTER_TAKEN;
    row = findHole(s, cluster << CLUSTER_SHIFT);
  }
  s.clusterCount[row >> CLUSTER_SHIFT]++;
  const isLast = ((row + 1) & (SWAPFILE_CLUSTER - 1)) === 0;
  s.current[at] = isLast ? 0 : row + 1;
  if (isLast) settle(s, type, row >> CLUSTER_SHIFT);
  return row;
}

/** All clusters with holes are other CPUs' own: takes a slot there. */
function stealFromOthers(k: SpaceState, type: number): number {
  const s = k.swap;
  for (let row = s.base[type] + 1; row < s.base[type] + s.pages[type]; row++) {
    if (!isFree(s, row)) continue;
    s.clusterCount[row >> CLUSTER_SHIFT]++;
    return row;
  }
  return bug(`swap area ${type} has no free slot`);
}

/** The first free slot from this one on in its cluster, or 0. */
function findHole(s: SwapColumns, from: number): number {
  const beyond = (from | (SWAPFILE_CLUSTER - 1)) + 1;
  for (let row = from; row < beyond; row++) if (isFree(s, row)) return row;
  return 0;
}

/** Nobody refers to the slot in this row, the swap cache has no page of it, and no CPU keeps it. */
export function isFree(s: SwapColumns, row: number): boolean {
  const record = row * SLOT_WORDS;
  if (s.slot[record + SLOT_COUNT] !== 0 || s.slot[record + SLOT_PAGE] !== NONE) return false;
  return (s.slot[record + SLOT_STATE] & SLOT_HELD) === 0;
}

/** A cluster that no CPU works in any more: on the list that fits what it holds. */
function settle(s: SwapColumns, type: number, cluster: number): void {
  const used = s.clusterCount[cluster];
  if (used === SWAPFILE_CLUSTER) s.clusterState[cluster] = CLUSTER_FULL;
  else append(s, type, cluster, used === 0 ? CLUSTER_FREE : CLUSTER_NONFULL);
}

/** Frees a slot's place in its cluster. */
function giveSlot(k: SpaceState, entry: SwapEntry): void {
  const s = k.swap;
  const type = entry >>> 26;
  const cluster = swapSlot(k, entry) >> CLUSTER_SHIFT;
  s.inuse[type]--;
  if ((s.flags[type] & SWP_WRITEOK) !== 0) s.state[SWAP_FREE]++;
  const left = --s.clusterCount[cluster];
  const state = s.clusterState[cluster];
  if (state === CLUSTER_TAKEN) return;
  if (left === 0) {
    if (state === CLUSTER_NONFULL) remove(s, type, cluster);
    append(s, type, cluster, CLUSTER_FREE);
  } else if (state === CLUSTER_FULL) append(s, type, cluster, CLUSTER_NONFULL);
}

/** Puts a cluster at the end of the list of a state. */
function append(s: SwapColumns, type: number, cluster: number, state: number): void {
  const list = type * 2 + state;
  const last = s.listTail[list];
  s.clusterNext[cluster] = 0;
  s.clusterPrev[cluster] = last;
  if (last === 0) s.listHead[list] = cluster;
  else s.clusterNext[last] = cluster;
  s.listTail[list] = cluster;
  s.clusterState[cluster] = state;
}

/** Takes a cluster off the list its state says. */
function remove(s: SwapColumns, type: number, cluster: number): void {
  const list = type * 2 + s.clusterState[cluster];
  const prev = s.clusterPrev[cluster];
  const next = s.clusterNext[cluster];
  if (prev === 0) s.listHead[list] = next;
  else s.clusterNext[prev] = next;
  if (next === 0) s.listTail[list] = prev;
  else s.clusterPrev[next] = prev;
}
