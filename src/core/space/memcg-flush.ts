/**
 * What reclaim believes about the lists: CPUs count for themselves, and their counts are added up along the tree of
 * cgroups every two seconds. In between reclaim decides by sums that may be two seconds old, the root's included.
 *
 *   counted   lists' lengths, activations on refault, dirty pages: exact, by lruvec
 *   flushed   the same with everything below, as of the last flush         <- inactive_is_low, refaults, costs, dirty limits
 *
 * When the period begins is chance: it runs since the machine was booted, and nobody knows how long ago that was when a program
 * starts. Here the seed says.
 * Differs: every other flush (a reader of memory.stat asks for one) is the caller's; what a CPU keeps back until its
 * batch is full is not modelled.
 * Linux: mm/memcontrol.c (6.12), flush_memcg_stats_dwork   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { type Lruvec, type Memcg, ROOT_MEMCG } from "../base/types.ts";
import {
  NR_FILE_DIRTY,
  NR_NODE_ITEMS,
  NR_WRITEBACK,
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_ACTIVATE_FILE,
} from "../frame/vmstat.ts";
import { NR_LRU_LISTS } from "./lru-list.ts";
import { MEMCG_FREE } from "./memcg.ts";
import { subtree } from "./memcg-subtree.ts";
import type { SpaceState } from "./state.ts";

/** Words of a lruvec in `flushed`: its lists, then these counters of its node. */
export const FLUSHED_ACTIVATE_ANON = NR_LRU_LISTS;
export const FLUSHED_ACTIVATE_FILE = NR_LRU_LISTS + 1;
export const FLUSHED_DIRTY = NR_LRU_LISTS + 2;
export const FLUSHED_WRITEBACK = NR_LRU_LISTS + 3;
const COUNTERS: readonly number[] = [
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_ACTIVATE_FILE,
  NR_FILE_DIRTY,
  NR_WRITEBACK,
];
export const FLUSHED_WORDS = 9;
/**
 * Virtual time between two flushes: FLUSH_TIME is 500 ticks of 4 ms (CONFIG_HZ 250), and the wheel of timers rounds one so far away up to the next
 * multiple of 8 ticks, so that each comes 504 ticks after the one before (kernel/time/timer.c, LVL_GRAN).
 */
const FLUSH_NS = 504 * 4e6;

/** A number of a lruvec and everything below it as of the last flush (Linux: lruvec_page_state). */
export function flushedState(k: SpaceState, lruvec: Lruvec, word: number): number {
  return k.lruvec.flushed[lruvec * FLUSHED_WORDS + word];
}

/** What of a period the phases of neighbouring seeds are apart: the golden ratio, so that any few of them are spread evenly. */
const SEED_STEP = (Math.sqrt(5) - 1) / 2;

/** When the first flush after boot is, with this seed: some time in the first period. */
export function firstFlushNs(seed: number): number {
  return 1 + Math.floor(((seed * SEED_STEP) % 1) * FLUSH_NS);
}

/** Adds everything up if it is time to (Linux: the periodic flush). */
export function flushMemcgStatsIfDue(k: SpaceState): void {
  if (k.clock.ns[0] >= k.lruvec.nextFlushNs[0]) flushMemcgStats(k);
}

/** Adds everything up now. */
export function flushMemcgStats(k: SpaceState): void {
  const { flushed, nodes, nextFlushNs } = k.lruvec;
  while (nextFlushNs[0] <= k.clock.ns[0]) nextFlushNs[0] += FLUSH_NS;
  const rows = Math.max(1, k.memcg.rows[0]);
  for (let memcg = 0; memcg < rows; memcg++) takeOwn(k, memcg);
  addUp(k, ROOT_MEMCG);
  // What the root counts of its own is the machine's count.
  for (let node = 0; node < nodes; node++)
    for (let i = 0; i < COUNTERS.length; i++)
      flushed[node * FLUSHED_WORDS + NR_LRU_LISTS + i] = k.vmstat.node[node * NR_NODE_ITEMS + COUNTERS[i]];
}

/** Adds up what a cgroup and those below it count, now and for them alone: somebody needs it exactly (Linux: do_flush_stats). */
export function flushMemcgSubtree(k: SpaceState, memcg: Memcg): void {
  for (const at of subtree(k, memcg)) takeOwn(k, at);
  addUp(k, memcg);
}

/** What a cgroup counts of its own; the root counts nothing so. */
function takeOwn(k: SpaceState, memcg: Memcg): void {
  const { flushed, nodes, size } = k.lruvec;
  for (let lruvec = memcg * nodes; lruvec < (memcg + 1) * nodes; lruvec++) {
    for (let list = 0; list < NR_LRU_LISTS; list++)
      flushed[lruvec * FLUSHED_WORDS + list] = size[lruvec * NR_LRU_LISTS + list];
    for (let i = 0; i < COUNTERS.length; i++)
      flushed[lruvec * FLUSHED_WORDS + NR_LRU_LISTS + i] =
        memcg === ROOT_MEMCG ? 0 : k.memcg.node[lruvec * NR_NODE_ITEMS + COUNTERS[i]];
  }
}

/** Adds the sums of a cgroup's children, each complete before, to its own. */
function addUp(k: SpaceState, memcg: Memcg): void {
  const { flushed, nodes } = k.lruvec;
  for (let child = k.memcg.firstChild[memcg]; child !== 0; child = k.memcg.nextSibling[child]) {
    if (k.memcg.state[child] === MEMCG_FREE) continue;
    addUp(k, child);
    for (let word = 0; word < nodes * FLUSHED_WORDS; word++)
      flushed[memcg * nodes * FLUSHED_WORDS + word] += flushed[child * nodes * FLUSHED_WORDS + word];
  }
}
