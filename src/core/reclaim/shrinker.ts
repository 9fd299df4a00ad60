/**
 * Shrinkers: caches of objects, each of which can say how many it could give up and give up some. Reclaim asks them for the same
 * part that it scans of the pages, and for more where it gets desperate.
 *
 *   freeable objects / 2^priority * 4 / seeks        seeks: what it costs to make an object anew, 2 is usual
 *   freeable objects / 2                             seeks 0: they cost nothing
 *
 * Objects are looked at in batches of 128. What is too few for a batch is put off and added the next time; when more is asked for
 * than there is, all of it goes at once.
 * Linux: mm/shrinker.c, mm/workingset.c, mm/zswap.c, mm/zsmalloc.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { type Lruvec, ROOT_MEMCG } from "../base/types.ts";
import { SLABS_SCANNED } from "../frame/vmstat.ts";
import { NR_LRU_LISTS } from "../space/lru-list.ts";
import { MEMCG_FREE, MEMCG_ONLINE, nextMemcg } from "../space/memcg.ts";
import { flushedState, flushMemcgStatsIfDue } from "../space/memcg-flush.ts";
import { MOST_SHRINKERS } from "../space/shadow-nodes.ts";
import { reclaimShadowNodes } from "../space/shadow-reclaim.ts";
import { ZS_POOLS, zsCanCompact, zsCompact } from "../space/zsmalloc.ts";
import { __GFP_FS, __GFP_IO, GFP_KERNEL } from "./gfp.ts";
import type { ReclaimState } from "./state.ts";
import { countZswap, scanZswap } from "./zswap-shrink.ts";

/** A cache of objects, kept by cgroup and node, or one for the whole machine. */
interface Shrinker {
  readonly seeks: number;
  readonly isGlobal?: boolean;
  /** It may write to a disk and enter a file system: not for allocations that must not. */
  readonly writes?: boolean;
  /** Objects of a lruvec that could go. */
  readonly count: (k: ReclaimState, lruvec: Lruvec) => number;
  /** Looks at so many of them. Returns how many are gone, or -1: it is no use to go on (Linux: SHRINK_STOP). */
  readonly scan: (k: ReclaimState, lruvec: Lruvec, objects: number) => number;
}

/** In the order of their words in `k.lruvec.deferred`. */
const SHRINKERS: readonly Shrinker[] = [
  { seeks: 0, count: countShadowNodes, scan: reclaimShadowNodes },
  { seeks: 2, writes: true, count: countZswap, scan: scanZswap },
  { seeks: 2, isGlobal: true, count: countZsPages, scan: compactZsPages },
];

/** Objects looked at together (Linux: SHRINK_BATCH). */
const BATCH = 128;
/** A shadow node for every eight pages is enough (Linux: XA_CHUNK_SHIFT - 3). */
const PAGES_PER_NODE = 8;

/** Asks every shrinker for its part of a lruvec, as an allocation with these flags may. Returns the objects that are gone. */
export function shrinkSlab(k: ReclaimState, lruvec: Lruvec, priority: number, gfp: number): number {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  if (memcg !== ROOT_MEMCG && k.memcg.state[memcg] !== MEMCG_ONLINE) return 0;
  const mayWrite = (gfp & (__GFP_IO | __GFP_FS)) === (__GFP_IO | __GFP_FS);
  let freed = 0;
  for (let which = 0; which < SHRINKERS.length; which++) {
    const { isGlobal, writes } = SHRINKERS[which]!;
    if ((writes === true && !mayWrite) || (isGlobal === true && memcg !== ROOT_MEMCG)) continue;
    freed += shrinkOne(k, lruvec, which, priority);
  }
  return freed;
}

/** Asks for everything, of every cgroup on every node, as long as that brings something: vm.drop_caches (Linux: drop_slab). */
export function dropSlab(k: ReclaimState): void {
  for (let shift = 0; ; shift++) {
    let freed = 0;
    for (let node = 0; node < k.lruvec.nodes; node++)
      for (let memcg = ROOT_MEMCG; memcg >= 0; memcg = nextMemcg(k, ROOT_MEMCG, memcg))
        freed += shrinkSlab(k, memcg * k.lruvec.nodes + node, 0, GFP_KERNEL);
    if (freed >> shift <= 1) return;
  }
}

/** One shrinker (Linux: do_shrink_slab). */
function shrinkOne(k: ReclaimState, lruvec: Lruvec, which: number, priority: number): number {
  const { seeks, count, scan } = SHRINKERS[which]!;
  const freeable = count(k, lruvec);
  if (freeable === 0) return 0;
  const { deferred } = k.lruvec;
  const word = (SHRINKERS[which]!.isGlobal === true ? 0 : lruvec) * MOST_SHRINKERS + which;
  const before = deferred[word];
  const delta =
    seeks === 0 ? Math.floor(freeable / 2) : Math.floor((Math.floor(freeable / 2 ** priority) * 4) / seeks);
  let left = Math.min(Math.floor(before / 2 ** priority) + delta, 2 * freeable);
  let scanned = 0;
  let freed = 0;
  while (left >= BATCH || left >= freeable) {
    const objects = Math.min(BATCH, left);
    const gone = scan(k, lruvec, objects);
    if (gone < 0) break;
    freed += gone;
    k.vmstat.event[SLABS_SCANNED] += objects;
    left -= objects;
    scanned += objects;
  }
  deferred[word] = Math.min(Math.max(before + delta - scanned, 0), 2 * freeable);
  return freed;
}

/** Frames that compaction of the pools of compressed pages could free. Differs: all pools have one shrinker together. */
function countZsPages(k: ReclaimState): number {
  let pages = 0;
  for (let pool = 0; pool < ZS_POOLS; pool++) if (k.zsmalloc.pages[pool]! > 0) pages += zsCanCompact(k, pool);
  return pages;
}

function compactZsPages(k: ReclaimState): number {
  let pages = 0;
  for (let pool = 0; pool < ZS_POOLS; pool++) pages += zsCompact(k, pool);
  return pages > 0 ? pages : -1;
}

/**
 * Nodes of the page cache that remember evicted pages and nothing else, beyond those that could matter: a cgroup's pages are
 * counted as of the last flush, so that one which is younger has none yet (Linux: count_shadow_nodes).
 * Differs: the pages of its slab objects are not counted with them.
 */
function countShadowNodes(k: ReclaimState, lruvec: Lruvec): number {
  const nodes = k.shadow.listCount[lruvec];
  if (nodes === 0) return 0;
  flushMemcgStatsIfDue(k);
  let pages = 0;
  for (let list = 0; list < NR_LRU_LISTS; list++) pages += ownPages(k, lruvec, list);
  return Math.max(0, nodes - Math.floor(pages / PAGES_PER_NODE));
}

/** Pages on a list of the lruvec without those of cgroups below it, as of the last flush (Linux: lruvec_page_state_local). */
function ownPages(k: ReclaimState, lruvec: Lruvec, list: number): number {
  const { nodes } = k.lruvec;
  const { firstChild, nextSibling, state } = k.memcg;
  let pages = flushedState(k, lruvec, list);
  for (let child = firstChild[Math.floor(lruvec / nodes)]; child !== 0; child = nextSibling[child])
    if (state[child] !== MEMCG_FREE) pages -= flushedState(k, child * nodes + (lruvec % nodes), list);
  return pages;
}
