/**
 * Address spaces that aging walks: a list for each memory cgroup, in the order they came, and each lruvec's place in it.
 *
 *   list   A -> B -> C -> D          a walk for generation n goes through the list once, from `walkHead` on
 *               head      tail       from `tail` on they are new since the last walk: walked whole, filter or not
 *
 * A walk passes over those that did not run on the node since it came by last.
 * Differs: an address space is on the list from its creation on; and the one that runs counts as used a tick after its last walk:
 * Linux notes it when a task gets a CPU back, and kernel threads (RCU's, most of all) take it about as often.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { type Lruvec, type Memcg, type Mm, NONE } from "../base/types.ts";
import { resetFilter } from "./lru-gen-bloom.ts";
import type { SpaceState } from "./state.ts";

/** A tick of the clock (Linux: CONFIG_HZ, 250 in Debian). */
const TICK_NS = 4e6;

/** A place in a list: nowhere, its end (where it begins again), else address space + 1. */
const NOWHERE = 0;
const END = 1;

/** What a walk counts, in walkStats: entries, used ones, tables looked into, tables worth the next walk. */
export const MM_LEAF_TOTAL = 0;
export const MM_LEAF_YOUNG = 1;
export const MM_NONLEAF_FOUND = 2;
export const MM_NONLEAF_ADDED = 3;
export const NR_MM_STATS = 4;

/** Puts a new address space at the end of its cgroup's list (Linux: lru_gen_add_mm). */
export function lruGenAddMm(k: SpaceState, mm: Mm): void {
  const g = k.lruGen;
  const memcg = k.mm.memcg[mm];
  const { nodes } = k.lruvec;
  for (let lruvec = memcg * nodes; lruvec < (memcg + 1) * nodes; lruvec++)
    if (g.walkTail[lruvec] === END) g.walkTail[lruvec] = mm + 1;
  const last = g.lastMm[memcg];
  g.mmPrev[mm] = last;
  g.mmNext[mm] = NONE;
  if (last === NONE) g.firstMm[memcg] = mm;
  else g.mmNext[last] = mm;
  g.lastMm[memcg] = mm;
  g.mmMemcg[mm] = memcg + 1;
}

/** Takes an address space off its list; walks under way go on behind it (Linux: lru_gen_del_mm). */
export function lruGenDelMm(k: SpaceState, mm: Mm): void {
  const g = k.lruGen;
  if (g.mmMemcg[mm] === 0) return;
  const memcg = g.mmMemcg[mm] - 1;
  const prev = g.mmPrev[mm];
  const next = g.mmNext[mm];
  const { nodes } = k.lruvec;
  for (let lruvec = memcg * nodes; lruvec < (memcg + 1) * nodes; lruvec++) {
    if (g.walkHead[lruvec] === mm + 1) g.walkHead[lruvec] = prev + 1;
    if (g.walkTail[lruvec] === mm + 1) g.walkTail[lruvec] = next + 1;
  }
  if (prev === NONE) g.firstMm[memcg] = next;
  else g.mmNext[prev] = next;
  if (next === NONE) g.lastMm[memcg] = prev;
  else g.mmPrev[next] = prev;
  g.mmMemcg[mm] = 0;
}

/** Its memory is charged to another cgroup from now on (Linux: lru_gen_migrate_mm). */
export function lruGenMigrateMm(k: SpaceState, mm: Mm): void {
  const g = k.lruGen;
  if (g.mmMemcg[mm] === 0 || g.mmMemcg[mm] - 1 === k.mm.memcg[mm]) return;
  lruGenDelMm(k, mm);
  lruGenAddMm(k, mm);
}

/** A task that runs in the address space was given a CPU (Linux: lru_gen_use_mm). */
export function lruGenUseMm(k: SpaceState, mm: Mm): void {
  const { nodes } = k.lruvec;
  for (let node = 0; node < nodes; node++) k.lruGen.mmUsed[mm * nodes + node] = 1;
}

/** What a walk finds next. */
export interface MmWalk {
  readonly lruvec: Lruvec;
  readonly memcg: Memcg;
  readonly node: number;
  /** The youngest generation when the walk began. */
  readonly seq: number;
  readonly canSwap: boolean;
  /** Walks everything, whatever the filter and the accessed bits above say. */
  forceScan: boolean;
  /** The address space to walk now, or NONE; and whether the list is through. */
  mm: Mm;
  isLast: boolean;
}

/** Moves a walk on to the next address space (Linux: iterate_mm_list). */
export function nextWalkedMm(k: SpaceState, walk: MmWalk): void {
  const g = k.lruGen;
  const { lruvec, memcg } = walk;
  walk.mm = NONE;
  walk.isLast = false;
  if (walk.seq <= g.walkSeq[lruvec]) return;
  if (g.walkHead[lruvec] === NOWHERE) g.walkHead[lruvec] = END;
  const isFirst = g.walkHead[lruvec] === END;
  do {
    const head = g.walkHead[lruvec];
    const next = head === END ? g.firstMm[memcg] : g.mmNext[head - 1];
    g.walkHead[lruvec] = next + 1;
    if (next === NONE) {
      g.walkSeq[lruvec]++;
      walk.isLast = true;
      return;
    }
    if (g.walkTail[lruvec] === NOWHERE || g.walkTail[lruvec] === next + 1) {
      g.walkTail[lruvec] = g.mmNext[next] + 1;
      walk.forceScan = true;
    }
    walk.mm = takeUsed(k, walk, next);
  } while (walk.mm === NONE);
  if (isFirst) resetFilter(k, lruvec, walk.seq + 1);
}

/** Ends a round without a walk. Returns whether there was one to end (Linux: iterate_mm_list_nowalk). */
export function skipWalk(k: SpaceState, lruvec: Lruvec, seq: number): boolean {
  const g = k.lruGen;
  if (seq <= g.walkSeq[lruvec]) return false;
  g.walkHead[lruvec] = NOWHERE;
  g.walkTail[lruvec] = NOWHERE;
  g.walkSeq[lruvec]++;
  return true;
}

/** The address space if it is to be walked, which ends its having been used; else NONE (Linux: get_next_mm). */
function takeUsed(k: SpaceState, walk: MmWalk, mm: Mm): Mm {
  const at = mm * k.lruvec.nodes + walk.node;
  const nowNs = k.clock.ns[0];
  const { mmUsed, mmWalkedNs } = k.lruGen;
  const isUsed = mmUsed[at] !== 0 || (mmWalkedNs[at] + TICK_NS <= nowNs && runsNow(k, mm));
  if (!walk.forceScan && !isUsed) return NONE;
  mmUsed[at] = 0;
  mmWalkedNs[at] = nowNs;
  return k.mm.users[mm] > 0 ? mm : NONE;
}

/** Whether it is the address space that a CPU has loaded. */
function runsNow(k: SpaceState, mm: Mm): boolean {
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) if (k.task.mm[k.task.cpuTask[cpu]] === mm) return true;
  return false;
}
