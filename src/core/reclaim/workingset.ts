/**
 * Working set detection: what is remembered of an evicted page, and what its return tells.
 *
 *   eviction    shadow = the lruvec's count of evictions and activations at that time
 *   refault     distance = count now - count then: pages that were evicted or activated meanwhile
 *
 *        |---- inactive ----|------ active ------|
 *                  a page that comes back within a distance of the active list's length would have stayed,
 *                  had the active list been shorter: it becomes active at once
 *
 * Linux: mm/workingset.c (6.12)   Doc: the theory stands at the top of that file
 */
import { type Lruvec, type Memcg, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_active, PG_swapbacked, PG_workingset } from "../frame/page.ts";
import {
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_RESTORE_ANON,
} from "../frame/vmstat.ts";
import { genTypeOf, IN_FAULT, isLruGen, MOST_REFS, refsOf, setRefs, tierOf } from "../space/lru-gen.ts";
import {
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  lruvecOf,
  lruvecOfPage,
} from "../space/lru-list.ts";
import { ageNonresident, lruNoteCost } from "../space/lruvec.ts";
import { MEMCG_FREE } from "../space/memcg.ts";
import { modLruvecState } from "../space/memcg-count.ts";
import { flushedState, flushMemcgStatsIfDue } from "../space/memcg-flush.ts";
import { memcgSwapPages } from "../space/swap-room.ts";
import type { ReclaimState } from "./state.ts";

/** A shadow is 1 + workingset + 2 * (node + NODES * (memcg + MEMCGS * age)): never 0, exact below 2^53. */
const NODES = 64;
const MEMCGS = 512;
/** What the age is multiplied by: the rest fits into 16 bits, which integer arithmetic takes apart. */
const AGE_UNIT = 2 * NODES * MEMCGS;

/** MGLRU's token is the number of the generation that was evicted, and uses beyond the second. */
const TOKEN_REFS = 4;

/** What to remember of a page that reclaim for `target` evicts; the lruvec of the target has aged by it. */
export function workingsetEviction(k: ReclaimState, pfn: Pfn, target: Memcg): number {
  if (isLruGen(k)) return lruGenEviction(k, pfn);
  const node = lruvecOfPage(k, pfn) % k.lruvec.nodes;
  const lruvec = lruvecOf(k, target, node);
  const age = k.lruvec.nonresidentAge[lruvec];
  ageNonresident(k, lruvec, 1);
  const workingset = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_workingset) !== 0 ? 1 : 0;
  return packShadow(lruvec, k.lruvec.nodes, age, workingset);
}

/** A page is back whose eviction left `shadow`: counts it, and makes the page active when it belongs to the working set. */
export function workingsetRefault(k: ReclaimState, pfn: Pfn, shadow: number): void {
  if (isLruGen(k)) {
    lruGenRefault(k, pfn, shadow);
    return;
  }
  const at = pfn * PAGE_WORDS + FLAGS;
  const file = (k.page[at] & PG_swapbacked) === 0 ? 1 : 0;
  modLruvecState(k, pfn, WORKINGSET_REFAULT_ANON + file, 1);
  if (!isRecent(k, shadow, file === 1)) return;
  k.page[at] |= PG_active;
  const lruvec = lruvecOfPage(k, pfn);
  ageNonresident(k, lruvec, 1);
  modLruvecState(k, pfn, WORKINGSET_ACTIVATE_ANON + file, 1);
  if (shadow - 2 * Math.floor(shadow / 2) === 1) return;
  k.page[at] |= PG_workingset;
  lruNoteCost(k, lruvec, file === 1, 1, 0);
  modLruvecState(k, pfn, WORKINGSET_RESTORE_ANON + file, 1);
}

/** MGLRU: counts the page as evicted, in its tier, and remembers the generation and the uses (Linux: lru_gen_eviction). */
function lruGenEviction(k: ReclaimState, pfn: Pfn): number {
  const g = k.lruGen;
  const lruvec = lruvecOfPage(k, pfn);
  const type = genTypeOf(k.page[pfn * PAGE_WORDS + FLAGS]);
  const refs = refsOf(k, pfn);
  g.evicted[lruvec * 8 + type * 4 + tierOf(refs)]++;
  const token = g.minSeq[lruvec * 2 + type] * TOKEN_REFS + Math.max(refs - 1, 0);
  return packShadow(lruvec, k.lruvec.nodes, token, refs !== 0 ? 1 : 0);
}

/**
 * MGLRU: a page that comes back while its generation would still be evicted from counts in its tier; one that a fault needs,
 * or that was used often, is protected from now on (Linux: lru_gen_refault).
 */
function lruGenRefault(k: ReclaimState, pfn: Pfn, shadow: number): void {
  const g = k.lruGen;
  const at = pfn * PAGE_WORDS + FLAGS;
  const type = genTypeOf(k.page[at]);
  const lruvec = lruvecOfPage(k, pfn);
  const rest = Math.floor((shadow - 1) / 2);
  const memcg = Math.floor(rest / NODES) % MEMCGS;
  const isKnown = memcg === ROOT_MEMCG || k.memcg.state[memcg] !== MEMCG_FREE;
  if (lruvecOf(k, isKnown ? memcg : ROOT_MEMCG, rest % NODES) !== lruvec) return;
  modLruvecState(k, pfn, WORKINGSET_REFAULT_ANON + type, 1);
  const token = Math.floor(rest / (NODES * MEMCGS));
  if (Math.floor(token / TOKEN_REFS) !== g.minSeq[lruvec * 2 + type]) return;
  const refs = (token % TOKEN_REFS) + ((shadow - 1) % 2);
  g.refaulted[lruvec * 8 + type * 4 + tierOf(refs)]++;
  modLruvecState(k, pfn, WORKINGSET_ACTIVATE_ANON + type, 1);
  if (g.state[IN_FAULT] === 0 && refs < MOST_REFS - 1) return;
  setRefs(k, pfn, true);
  k.page[at] |= PG_workingset;
  modLruvecState(k, pfn, WORKINGSET_RESTORE_ANON + type, 1);
}

function packShadow(lruvec: Lruvec, nodes: number, age: number, workingset: number): number {
  const memcg = Math.floor(lruvec / nodes);
  return 1 + workingset + 2 * ((lruvec % nodes) + NODES * (memcg + MEMCGS * age));
}

/** Whether the page would still be in memory if the active pages, or the other kind's, had made room for it. */
function isRecent(k: ReclaimState, shadow: number, isFile: boolean): boolean {
  const age = Math.floor((shadow - 1) / AGE_UNIT);
  const rest = shadow - 1 - age * AGE_UNIT;
  const node = (rest >> 1) & (NODES - 1);
  const memcg = ((rest >> 1) / NODES) | 0;
  if (memcg !== ROOT_MEMCG && k.memcg.state[memcg] === MEMCG_FREE) return false;
  const lruvec = lruvecOf(k, memcg, node);
  flushMemcgStatsIfDue(k);
  let pages = flushedState(k, lruvec, LRU_ACTIVE_FILE);
  if (!isFile) pages += flushedState(k, lruvec, LRU_INACTIVE_FILE);
  if (memcgSwapPages(k, memcg) > 0) {
    pages += flushedState(k, lruvec, LRU_ACTIVE_ANON);
    if (isFile) pages += flushedState(k, lruvec, LRU_INACTIVE_ANON);
  }
  return k.lruvec.nonresidentAge[lruvec] - age <= pages;
}
