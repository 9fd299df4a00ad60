/**
 * The order in which reclaim of the whole machine comes to the memory cgroups of a node: two generations of cgroups, old and
 * young, in eight bins each. Reclaim takes the old ones from the head of a bin; the generation ends when all have left.
 *
 *   HEAD   to the head of a bin of its generation            TAIL    to the tail of one: too small or protected, once
 *   OLD    to the head of the old generation: offline        YOUNG   to the tail of the young one: has been aged
 *
 * Linux: mm/vmscan.c, include/linux/mmzone.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { randomU32 } from "../base/rng.ts";
import { type Lruvec, type Memcg, ROOT_MEMCG } from "../base/types.ts";
import { MEMCG_NR_BINS, MEMCG_NR_GENS, MIN_NR_GENS, setLruPolicy } from "./lru-gen.ts";
import type { SpaceState } from "./state.ts";

export const MEMCG_LRU_HEAD = 1;
export const MEMCG_LRU_TAIL = 2;
export const MEMCG_LRU_OLD = 3;
export const MEMCG_LRU_YOUNG = 4;

/** A new cgroup: four empty generations on each node, at the tail of the old ones (Linux: lru_gen_online_memcg). */
export function lruGenOnlineMemcg(k: SpaceState, memcg: Memcg): void {
  const g = k.lruGen;
  const { nodes } = k.lruvec;
  for (let node = 0; node < nodes; node++) {
    const lruvec = memcg * nodes + node;
    g.maxSeq[lruvec] = MIN_NR_GENS + 1;
    g.walkSeq[lruvec] = MIN_NR_GENS;
    g.birthNs.fill(k.clock.ns[0], lruvec * 4, lruvec * 4 + 4);
    linkMemcg(k, lruvec, g.fifoSeq[node] % MEMCG_NR_GENS, false);
  }
}

/** A cgroup was removed: reclaim comes to it first (Linux: lru_gen_offline_memcg). */
export function lruGenOfflineMemcg(k: SpaceState, memcg: Memcg): void {
  const { nodes } = k.lruvec;
  for (let node = 0; node < nodes; node++) rotateMemcg(k, memcg * nodes + node, MEMCG_LRU_OLD);
}

/** The row of a cgroup is free again (Linux: lru_gen_release_memcg). */
export function lruGenReleaseMemcg(k: SpaceState, memcg: Memcg): void {
  const g = k.lruGen;
  const { nodes } = k.lruvec;
  for (let node = 0; node < nodes; node++) {
    const lruvec = memcg * nodes + node;
    unlinkMemcg(k, lruvec);
    g.fifoSegment[lruvec] = 0;
    for (const column of [g.maxSeq, g.walkSeq, g.walkHead, g.walkTail]) column[lruvec] = 0;
    g.minSeq.fill(0, lruvec * 2, lruvec * 2 + 2);
    g.hasFilter.fill(0, lruvec * 2, lruvec * 2 + 2);
    g.walkStats.fill(0, lruvec * 4, lruvec * 4 + 4);
    // Its lists are empty by now; the last pages to leave may yet be counted.
    for (const column of [g.avgRefaulted, g.avgTotal, g.protectedPages, g.evicted, g.refaulted])
      column.fill(0, lruvec * 8, lruvec * 8 + 8);
  }
}

/** Moves a cgroup as MEMCG_LRU_* says (Linux: lru_gen_rotate_memcg). */
export function rotateMemcg(k: SpaceState, lruvec: Lruvec, op: number): void {
  const g = k.lruGen;
  if (g.fifoPlace[lruvec] === 0) return;
  const node = lruvec % k.lruvec.nodes;
  let gen = memcgGen(k, lruvec);
  if (op === MEMCG_LRU_OLD) gen = g.fifoSeq[node] % MEMCG_NR_GENS;
  else if (op === MEMCG_LRU_YOUNG) gen = (g.fifoSeq[node] + 1) % MEMCG_NR_GENS;
  g.fifoSegment[lruvec] = op === MEMCG_LRU_HEAD || op === MEMCG_LRU_TAIL ? op : 0;
  // The new place counts before the old one may end its generation.
  const old = memcgGen(k, lruvec);
  const seq = g.fifoSeq[node];
  unlinkMemcg(k, lruvec);
  linkMemcg(k, lruvec, gen, op === MEMCG_LRU_HEAD || op === MEMCG_LRU_OLD);
  const isEmpty = g.fifoCount[node * MEMCG_NR_GENS + old] === 0 && old === seq % MEMCG_NR_GENS;
  g.fifoSeq[node] = isEmpty ? seq + 1 : seq;
}

/** First lruvec of a bin of the node, or -1. */
export function firstInBin(k: SpaceState, node: number, gen: number, bin: number): Lruvec {
  return k.lruGen.fifoHead[(node * MEMCG_NR_GENS + gen) * MEMCG_NR_BINS + bin] - 1;
}

/** The lruvec behind another in its bin, or -1. */
export function nextInBin(k: SpaceState, lruvec: Lruvec): Lruvec {
  return k.lruGen.fifoNext[lruvec] - 1;
}

/** The generation of cgroups a lruvec is in. */
export function memcgGen(k: SpaceState, lruvec: Lruvec): number {
  return Math.floor((k.lruGen.fifoPlace[lruvec] - 1) / MEMCG_NR_BINS) % MEMCG_NR_GENS;
}

/** Puts the root where it begins, at boot. */
export function bootLruGen(k: SpaceState): void {
  setLruPolicy(k);
  lruGenOnlineMemcg(k, ROOT_MEMCG);
}

/** Any of the bins. */
export function randomBin(k: SpaceState): number {
  return randomU32(k.rng) % MEMCG_NR_BINS;
}

function linkMemcg(k: SpaceState, lruvec: Lruvec, gen: number, atHead: boolean): void {
  const g = k.lruGen;
  const row = (lruvec % k.lruvec.nodes) * MEMCG_NR_GENS + gen;
  const place = row * MEMCG_NR_BINS + randomBin(k);
  g.fifoCount[row]++;
  g.fifoPlace[lruvec] = place + 1;
  const neighbour = atHead ? g.fifoHead[place] : g.fifoTail[place];
  g.fifoPrev[lruvec] = atHead ? 0 : neighbour;
  g.fifoNext[lruvec] = atHead ? neighbour : 0;
  if (neighbour === 0) {
    g.fifoHead[place] = lruvec + 1;
    g.fifoTail[place] = lruvec + 1;
  } else if (atHead) {
    g.fifoPrev[neighbour - 1] = lruvec + 1;
    g.fifoHead[place] = lruvec + 1;
  } else {
    g.fifoNext[neighbour - 1] = lruvec + 1;
    g.fifoTail[place] = lruvec + 1;
  }
}

/** Takes a lruvec out of its bin; the old generation ends with its last one. */
function unlinkMemcg(k: SpaceState, lruvec: Lruvec): void {
  const g = k.lruGen;
  const place = g.fifoPlace[lruvec] - 1;
  if (place < 0) return;
  const prev = g.fifoPrev[lruvec];
  const next = g.fifoNext[lruvec];
  if (prev !== 0) g.fifoNext[prev - 1] = next;
  else g.fifoHead[place] = next;
  if (next !== 0) g.fifoPrev[next - 1] = prev;
  else g.fifoTail[place] = prev;
  g.fifoPlace[lruvec] = 0;
  g.fifoPrev[lruvec] = 0;
  g.fifoNext[lruvec] = 0;
  const row = Math.floor(place / MEMCG_NR_BINS);
  const node = Math.floor(row / MEMCG_NR_GENS);
  if (--g.fifoCount[row] === 0 && row % MEMCG_NR_GENS === g.fifoSeq[node] % MEMCG_NR_GENS) g.fifoSeq[node]++;
}
