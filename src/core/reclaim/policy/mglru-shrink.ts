/**
 * The multi-generational LRU as a policy: how much of a lruvec is evicted, when it is aged first, and in which order
 * reclaim of the machine comes to the memory cgroups.
 *
 *   a lruvec        total pages / 2^priority are looked at; aged when its oldest generation is small beside the others
 *   a cgroup        lruGenShrinkLruvec, from the walk of the tree that the classic LRU has as well
 *   the machine     lruGenShrinkNode: the old generation of cgroups, bin by bin (space/lru-gen-memcg.ts)
 *   kswapd          lruGenAgeNode before each round
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { type Lruvec, ROOT_MEMCG } from "../../base/types.ts";
import { NR_INACTIVE_ANON, NR_INACTIVE_FILE, NR_NODE_ITEMS } from "../../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, watermark, zoneWatermarkOk } from "../../frame/watermark.ts";
import { finishPlug, startPlug } from "../../hw/plug.ts";
import {
  genSize,
  HAS_WALK,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  MAX_NR_GENS,
  MEMCG_NR_BINS,
  MEMCG_NR_GENS,
  MIN_LRU_BATCH,
  MIN_NR_GENS,
} from "../../space/lru-gen.ts";
import { tryToIncMaxSeq } from "../../space/lru-gen-aging.ts";
import {
  firstInBin,
  MEMCG_LRU_TAIL,
  MEMCG_LRU_YOUNG,
  memcgGen,
  nextInBin,
  randomBin,
  rotateMemcg,
} from "../../space/lru-gen-memcg.ts";
import { lruvecOf } from "../../space/lru-list.ts";
import { lruAddDrain } from "../../space/lruvec.ts";
import {
  calculateProtection,
  MEMCG_LOW,
  MEMCG_ONLINE,
  memcgBelowLow,
  memcgBelowMin,
  memcgEvent,
  nextMemcg,
} from "../../space/memcg.ts";
import { memcgSwappiness } from "../../space/memcg-v1.ts";
import { memcgSwapPages, nrSwapPages } from "../../space/swap-room.ts";
import { wakeAllFlushers } from "../flusher.ts";
import { outOfMemory } from "../oom-kill.ts";
import { createPause, DEF_PRIORITY } from "../scan-control.ts";
import { shrinkSlab } from "../shrinker.ts";
import type { ReclaimState, ScanControl } from "../state.ts";
import { evictFolios } from "./mglru.ts";

/** Answers of pagesToScan besides a number: nothing for now, and the lruvec is done with. */
const NOTHING = 0;
const DONE = -1;

/** Reclaims from one cgroup's pages on a node, for a cgroup that is short (Linux: lru_gen_shrink_lruvec). */
export function lruGenShrinkLruvec(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): void {
  const { state } = k.lruGen;
  lruAddDrain(k);
  startPlug(k);
  if (sc.isProactive) state[HAS_WALK] = 1;
  if (tryToShrinkLruvec(k, lruvec, sc)) rotateMemcg(k, lruvec, MEMCG_LRU_YOUNG);
  state[HAS_WALK] = 0;
  finishPlug(k);
}

/** Reclaims from a node's pages, whosever they are, for the machine (Linux: lru_gen_shrink_node). */
export function lruGenShrinkNode(k: ReclaimState, node: number, sc: ScanControl): void {
  const { state } = k.lruGen;
  const isResumed = sc.pause !== undefined;
  const before = sc.pause?.before ?? sc.nrReclaimed;
  if (isResumed || (sc.mayUnmap && sc.mayWritepage)) {
    if (!isResumed) {
      lruAddDrain(k);
      startPlug(k);
      setInitialPriority(k, node, sc);
      if (sc.isKswapd) sc.nrReclaimed = 0;
    }
    if (sc.isKswapd || sc.isProactive) state[HAS_WALK] = 1;
    shrinkMany(k, node, sc);
    if (sc.pause !== undefined) {
      sc.pause.before = before;
      state[HAS_WALK] = 0;
      return;
    }
    if (sc.isKswapd) sc.nrReclaimed += before;
    state[HAS_WALK] = 0;
    finishPlug(k);
  }
  if (sc.nrReclaimed > before) k.reclaim.failures[node] = 0;
}

/**
 * kswapd is about to begin a round: how hard, and what is protected from it. Where min_ttl_ms is set and everything evictable
 * was used within that time, somebody is killed rather than everybody slowed down (Linux: lru_gen_age_node).
 */
export function lruGenAgeNode(k: ReclaimState, node: number, sc: ScanControl): void {
  const ttlMs = k.knob.lruGenMinTtlMs;
  let isReclaimable = ttlMs === 0;
  setInitialPriority(k, node, sc);
  for (let memcg = ROOT_MEMCG; memcg >= 0; memcg = nextMemcg(k, ROOT_MEMCG, memcg)) {
    calculateProtection(k, ROOT_MEMCG, memcg);
    isReclaimable ||= isOlderThan(k, lruvecOf(k, memcg, node), ttlMs, sc);
  }
  if (!isReclaimable) outOfMemory(k, { memcg: ROOT_MEMCG, gfp: sc.gfp, order: 0, highest: sc.reclaimIdx });
}

/** Whether the lruvec has enough to evict, and its oldest generation is older than that (Linux: lruvec_is_reclaimable). */
function isOlderThan(k: ReclaimState, lruvec: Lruvec, ttlMs: number, sc: ScanControl): boolean {
  if (memcgBelowMin(k, ROOT_MEMCG, Math.floor(lruvec / k.lruvec.nodes))) return false;
  if (!isSizable(k, lruvec, sc)) return false;
  const oldest = k.lruGen.minSeq[lruvec * 2 + LRU_GEN_FILE] & 3;
  return k.lruGen.birthNs[lruvec * MAX_NR_GENS + oldest] + ttlMs * 1e6 < k.clock.ns[0];
}

/** Whether a turn at this priority would look at any page; of a removed cgroup every page counts. */
function isSizable(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): boolean {
  const pages = sizeOf(k, lruvec, swappinessOf(k, lruvec, sc) !== 0);
  const isOnline = k.memcg.state[Math.floor(lruvec / k.lruvec.nodes)] === MEMCG_ONLINE;
  return (isOnline ? Math.floor(pages / 2 ** sc.priority) : pages) !== 0;
}

/** Begins a large request nearer to where it will end: (all pages / 2^priority) * (inactive / all) = pages wanted. */
function setInitialPriority(k: ReclaimState, node: number, sc: ScanControl): void {
  if (sc.priority !== DEF_PRIORITY || sc.nrToReclaim < MIN_LRU_BATCH) return;
  const at = node * NR_NODE_ITEMS;
  let pages = k.vmstat.node[at + NR_INACTIVE_FILE];
  if (nrSwapPages(k) > 0) pages += k.vmstat.node[at + NR_INACTIVE_ANON];
  const priority = bitLength(pages) - 1 - bitLength(sc.nrToReclaim - 1);
  sc.priority = Math.min(Math.max(priority, DEF_PRIORITY / 2), DEF_PRIORITY);
}

function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

/** Evicts from a lruvec as much as its turn allows. Returns whether it is to be left alone now (Linux: try_to_shrink_lruvec). */
function tryToShrinkLruvec(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): boolean {
  const swappiness = swappinessOf(k, lruvec, sc);
  let wanted = pagesToScan(k, lruvec, sc, swappiness !== 0);
  let scanned = sc.pause?.scanned ?? 0;
  sc.pause = undefined;
  while (wanted > 0) {
    const delta = evictFolios(k, lruvec, sc, swappiness);
    scanned += delta;
    if (delta === 0 || scanned >= wanted || isEnough(k, lruvec, sc)) break;
    if (k.clock.ns[0] >= sc.turnEndNs) {
      sc.pause = { ...createPause(lruvec), scanned };
      return false;
    }
    wanted = pagesToScan(k, lruvec, sc, swappiness !== 0);
  }
  // All the file pages that were met are dirty, and nobody writes them yet.
  if (sc.unqueuedDirty !== 0 && sc.unqueuedDirty === sc.fileTaken) wakeAllFlushers(k);
  return wanted === DONE;
}

/** How much reclaim of the lruvec swaps: not at all while there is next to no room in swap (Linux: get_swappiness). */
export function swappinessOf(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): number {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  const room = memcg === ROOT_MEMCG ? nrSwapPages(k) : memcgSwapPages(k, memcg);
  if (!sc.maySwap || room < MIN_LRU_BATCH) return 0;
  return sc.swappiness >= 0 ? sc.swappiness : memcgSwappiness(k, memcg);
}

/** Pages to look at, after aging if there are too few cold ones; NOTHING or DONE (Linux: get_nr_to_scan). */
function pagesToScan(k: ReclaimState, lruvec: Lruvec, sc: ScanControl, canSwap: boolean): number {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  if (memcgBelowMin(k, sc.memcg, memcg)) return DONE;
  const seq = k.lruGen.maxSeq[lruvec];
  const total = sizeOf(k, lruvec, canSwap);
  const needsAging = shouldRunAging(k, lruvec, canSwap, total);
  const pages = isOutOfCold(k, lruvec, canSwap) ? 0 : total;
  if (pages !== 0 && k.memcg.state[memcg] !== MEMCG_ONLINE) return pages;
  if (!needsAging || sc.priority === DEF_PRIORITY) return Math.floor(pages / 2 ** sc.priority);
  return tryToIncMaxSeq(k, lruvec, seq, canSwap, false) ? DONE : NOTHING;
}

/** Whether only the two generations are left that eviction does not touch. */
function isOutOfCold(k: ReclaimState, lruvec: Lruvec, canSwap: boolean): boolean {
  const { maxSeq, minSeq } = k.lruGen;
  return minSeq[lruvec * 2 + (canSwap ? LRU_GEN_ANON : LRU_GEN_FILE)] + MIN_NR_GENS > maxSeq[lruvec];
}

/**
 * Whether the lruvec needs a new generation: three are right, with a third of the pages each. More than half of them in the
 * youngest, or less than a quarter in the one that is evicted next, is too uneven.
 */
export function shouldRunAging(k: ReclaimState, lruvec: Lruvec, canSwap: boolean, total: number): boolean {
  const { maxSeq, minSeq } = k.lruGen;
  const max = maxSeq[lruvec];
  const least = minSeq[lruvec * 2 + (canSwap ? LRU_GEN_ANON : LRU_GEN_FILE)];
  if (least + MIN_NR_GENS > max) return true;
  if (least + MIN_NR_GENS < max) return false;
  let young = 0;
  let old = 0;
  for (let type = canSwap ? LRU_GEN_ANON : LRU_GEN_FILE; type <= LRU_GEN_FILE; type++) {
    young += genSize(k, lruvec, max & 3, type);
    if (minSeq[lruvec * 2 + type] + MIN_NR_GENS <= max)
      old += genSize(k, lruvec, (max - MIN_NR_GENS) & 3, type);
  }
  return young * MIN_NR_GENS > total || old * (MIN_NR_GENS + 2) < total;
}

/** Pages of all generations, of the kinds that may go. */
function sizeOf(k: ReclaimState, lruvec: Lruvec, canSwap: boolean): number {
  const { maxSeq, minSeq } = k.lruGen;
  let pages = 0;
  for (let type = canSwap ? LRU_GEN_ANON : LRU_GEN_FILE; type <= LRU_GEN_FILE; type++)
    for (let seq = minSeq[lruvec * 2 + type]; seq <= maxSeq[lruvec]; seq++)
      pages += genSize(k, lruvec, seq & 3, type);
  return pages;
}

/** Whether reclaim of the machine has what it wants: a cgroup's goes on, for fairness (Linux: should_abort_scan). */
function isEnough(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): boolean {
  if (sc.memcg !== ROOT_MEMCG) return false;
  if (sc.nrReclaimed >= Math.max(sc.nrToReclaim, 2 ** sc.order * 2)) return true;
  if (!sc.isKswapd || sc.order !== 0) return false;
  const node = lruvec % k.lruvec.nodes;
  for (let type = 0; type <= sc.reclaimIdx; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.managedPages[zone] === 0) continue;
    const mark = watermark(k, zone, ALLOC_WMARK_HIGH) + MIN_LRU_BATCH;
    if (!zoneWatermarkOk(k, zone, 0, mark, { highest: sc.reclaimIdx, flags: 0 })) return false;
  }
  return true;
}

/** One cgroup's turn in reclaim of the machine. Returns how it moves among the others, or 0 (Linux: shrink_one). */
function shrinkOne(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): number {
  const { fifoSegment } = k.lruGen;
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  if (memcgBelowMin(k, ROOT_MEMCG, memcg)) return MEMCG_LRU_YOUNG;
  if (memcgBelowLow(k, ROOT_MEMCG, memcg)) {
    if (fifoSegment[lruvec] !== MEMCG_LRU_TAIL) return MEMCG_LRU_TAIL;
    memcgEvent(k, memcg, MEMCG_LOW);
  }
  const isDone = tryToShrinkLruvec(k, lruvec, sc);
  if (sc.pause !== undefined) return 0;
  shrinkSlab(k, lruvec, sc.priority, sc.gfp);
  if (isDone && k.memcg.state[memcg] === MEMCG_ONLINE) return MEMCG_LRU_YOUNG;
  if (!isDone && isSizable(k, lruvec, sc)) return 0;
  // What is removed or too small gets one more chance.
  return fifoSegment[lruvec] === MEMCG_LRU_TAIL ? MEMCG_LRU_YOUNG : MEMCG_LRU_TAIL;
}

/** The old generation of cgroups, from any bin on, until enough is free (Linux: shrink_many). */
function shrinkMany(k: ReclaimState, node: number, sc: ScanControl): void {
  const from = sc.pause;
  const gen = from?.gen ?? k.lruGen.fifoSeq[node] % MEMCG_NR_GENS;
  const first = from?.first ?? randomBin(k);
  for (let i = from?.bin ?? 0; i < MEMCG_NR_BINS; i++) {
    const bin = (first + i) % MEMCG_NR_BINS;
    const isLeft = sc.pause !== undefined && memcgGen(k, sc.pause.lruvec) === gen;
    let lruvec = isLeft ? sc.pause!.lruvec : firstInBin(k, node, gen, bin);
    if (!isLeft) sc.pause = undefined;
    while (lruvec >= 0) {
      const op = memcgGen(k, lruvec) === gen ? shrinkOne(k, lruvec, sc) : 0;
      if (sc.pause !== undefined) {
        sc.pause.gen = gen;
        sc.pause.first = first;
        sc.pause.bin = i;
        return;
      }
      const next = nextInBin(k, lruvec);
      const isDone = isEnough(k, lruvec, sc);
      if (op !== 0) rotateMemcg(k, lruvec, op);
      if (isDone) return;
      lruvec = next;
    }
  }
}
