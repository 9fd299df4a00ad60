/**
 * Aging: a new youngest generation, after a walk of the page tables has moved what is in use there, and the end of the
 * oldest one, when it has become empty or there is no number left for a new one.
 *
 *   incMaxSeq     … | n-1 | n |        ->   … | n-1 | n | n+1 |       n-1 counts as inactive from now on
 *   incMinSeq     | m | m+1 | …        ->         | m+1 | …           what is left of m goes to the end of m+1
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { bug } from "../base/bug.ts";
import type { Lruvec } from "../base/types.ts";
import {
  genRow,
  HAS_WALK,
  incGen,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  LRU_GEN_MM_WALK,
  MAX_NR_GENS,
  MIN_NR_GENS,
  moveToGen,
  NR_ZONE_TYPES,
} from "./lru-gen.ts";
import { type MmWalk, nextWalkedMm, skipWalk } from "./lru-gen-mm.ts";
import { carryPositions } from "./lru-gen-pid.ts";
import { walkMm } from "./lru-gen-walk.ts";
import { countLru } from "./lru-list.ts";
import type { SpaceState } from "./state.ts";

/**
 * Begins a new generation of the lruvec unless somebody has done so since `seq` was the youngest. `forceScan` walks all
 * there is. Returns whether it began (Linux: try_to_inc_max_seq).
 */
export function tryToIncMaxSeq(
  k: SpaceState,
  lruvec: Lruvec,
  seq: number,
  canSwap: boolean,
  forceScan: boolean,
): boolean {
  const g = k.lruGen;
  if (seq <= g.walkSeq[lruvec]) return false;
  if ((k.knob.lruGenEnabled & LRU_GEN_MM_WALK) === 0) {
    if (!skipWalk(k, lruvec, seq)) return false;
  } else {
    g.state[HAS_WALK] = 1;
    walkAll(k, lruvec, seq, canSwap, forceScan);
  }
  incMaxSeq(k, lruvec, canSwap);
  return true;
}

/** Every address space of the cgroup that ran since the last walk. */
function walkAll(k: SpaceState, lruvec: Lruvec, seq: number, canSwap: boolean, forceScan: boolean): void {
  const { nodes } = k.lruvec;
  const memcg = Math.floor(lruvec / nodes);
  const walk: MmWalk = {
    lruvec,
    memcg,
    node: lruvec % nodes,
    seq,
    canSwap,
    forceScan,
    mm: 0,
    isLast: false,
  };
  nextWalkedMm(k, walk);
  while (walk.mm !== 0) {
    walkMm(k, walk, walk.mm);
    nextWalkedMm(k, walk);
  }
  if (!walk.isLast) bug(`a walk for lruvec ${lruvec} found no end`);
}

/** Begins a new youngest generation; the oldest ends first where all numbers are taken (Linux: inc_max_seq). */
export function incMaxSeq(k: SpaceState, lruvec: Lruvec, canSwap: boolean): void {
  const g = k.lruGen;
  const max = g.maxSeq[lruvec];
  for (let type = LRU_GEN_FILE; type >= LRU_GEN_ANON; type--)
    if (max - g.minSeq[lruvec * 2 + type] + 1 === MAX_NR_GENS) incMinSeq(k, lruvec, type, canSwap);
  // Active are the two youngest: the one before the youngest no longer is, and whatever has the new number now is.
  const node = lruvec % k.lruvec.nodes;
  for (let type = LRU_GEN_ANON; type <= LRU_GEN_FILE; type++)
    for (let zone = 0; zone < NR_ZONE_TYPES; zone++) {
      const leaving = g.nrPages[genRow(lruvec, (max - 1) & 3, type, zone)];
      const delta = leaving - g.nrPages[genRow(lruvec, (max + 1) & 3, type, zone)];
      if (delta === 0) continue;
      countLru(k, lruvec, node * 4 + zone + 1, type * 2, delta);
      countLru(k, lruvec, node * 4 + zone + 1, type * 2 + 1, -delta);
    }
  g.birthNs[lruvec * MAX_NR_GENS + ((max + 1) & 3)] = k.clock.ns[0];
  g.maxSeq[lruvec] = max + 1;
}

/** Ends the oldest generation of a kind: its pages go to the end of the next (Linux: inc_min_seq). */
function incMinSeq(k: SpaceState, lruvec: Lruvec, type: number, canSwap: boolean): void {
  const g = k.lruGen;
  const old = g.minSeq[lruvec * 2 + type] & 3;
  // Without swap the number just moves on: the pages become the youngest.
  if (type === LRU_GEN_FILE || canSwap)
    for (let zone = 0; zone < NR_ZONE_TYPES; zone++) {
      const row = genRow(lruvec, old, type, zone);
      for (let pfn = g.tail[row]; pfn !== 0; pfn = g.tail[row]) {
        incGen(k, pfn, lruvec, false);
        moveToGen(k, pfn, lruvec, true);
      }
    }
  carryPositions(k, lruvec, type);
  g.minSeq[lruvec * 2 + type]++;
}

/** Ends oldest generations that are empty. Returns whether one was (Linux: try_to_inc_min_seq). */
export function tryToIncMinSeq(k: SpaceState, lruvec: Lruvec, canSwap: boolean): boolean {
  const { minSeq } = k.lruGen;
  const at = lruvec * 2;
  let anon = minSeq[at];
  let file = firstPopulated(k, lruvec, LRU_GEN_FILE);
  if (canSwap) {
    // Anonymous pages do not run ahead of files, and files stay where they were rather than fall back.
    anon = Math.min(firstPopulated(k, lruvec, LRU_GEN_ANON), file);
    file = Math.max(anon, minSeq[at + LRU_GEN_FILE]);
  }
  let hasEnded = false;
  for (let type = LRU_GEN_ANON; type <= LRU_GEN_FILE; type++) {
    const seq = type === LRU_GEN_ANON ? anon : file;
    if (seq === minSeq[at + type]) continue;
    carryPositions(k, lruvec, type);
    minSeq[at + type] = seq;
    hasEnded = true;
  }
  return hasEnded;
}

/** The oldest generation of a kind that has pages on its lists; the two youngest count as such. */
function firstPopulated(k: SpaceState, lruvec: Lruvec, type: number): number {
  const g = k.lruGen;
  let seq = g.minSeq[lruvec * 2 + type];
  while (seq + MIN_NR_GENS <= g.maxSeq[lruvec]) {
    const row = genRow(lruvec, seq & 3, type, 0);
    if ((g.head[row] | g.head[row + 1] | g.head[row + 2] | g.head[row + 3]) !== 0) return seq;
    seq++;
  }
  return seq;
}
