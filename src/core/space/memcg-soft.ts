/**
 * Soft limits of version 1: which cgroup of a node is furthest above its own. Linux keeps them in a tree ordered by the
 * pages in excess; among equals the one that came last is behind the others. Here the order is worked out when it is asked
 * for, from the excess and the turn at which a cgroup came in.
 *
 * MGLRU has no tree: a cgroup in excess goes to the head of its bin, so that reclaim comes to it first.
 * Linux: mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 7. Soft limits
 */
import { type Memcg, NONE, type Node, ROOT_MEMCG } from "../base/types.ts";
import { isLruGen } from "./lru-gen.ts";
import { MEMCG_LRU_HEAD, rotateMemcg } from "./lru-gen-memcg.ts";
import type { SpaceState } from "./state.ts";

/** Pages by which a cgroup, with all below it, is above its soft limit. */
export function softExcess(k: SpaceState, memcg: Memcg): number {
  const { usage, softLimit, firstChild, nextSibling } = k.memcg;
  let pages = usage[memcg];
  // The root's counter is the sum of all others'.
  if (memcg === ROOT_MEMCG)
    for (let at = firstChild[memcg]; at !== NONE; at = nextSibling[at]) pages += usage[at];
  return Math.max(0, pages - softLimit[memcg]);
}

/** Puts a cgroup and those above it where they belong by now (Linux: memcg1_update_tree). */
export function updateSoftTree(k: SpaceState, memcg: Memcg, node: Node): void {
  const { nodes } = k.lruvec;
  if (isLruGen(k)) {
    const lruvec = memcg * nodes + node;
    if (softExcess(k, memcg) > 0 && k.lruGen.fifoSegment[lruvec] !== MEMCG_LRU_HEAD)
      rotateMemcg(k, lruvec, MEMCG_LRU_HEAD);
    return;
  }
  for (let at = memcg; ; at = k.memcg.parent[at]) {
    const excess = softExcess(k, at);
    if (excess > 0 || k.memcgWatch.softExcess[at * nodes + node] > 0) insertExceeded(k, at, node, excess);
    if (at === ROOT_MEMCG) return;
  }
}

/** Puts a cgroup in by its excess, or leaves it out when that is 0 (Linux: __mem_cgroup_insert_exceeded). */
export function insertExceeded(k: SpaceState, memcg: Memcg, node: Node, excess: number): void {
  const w = k.memcgWatch;
  const lruvec = memcg * k.lruvec.nodes + node;
  w.softExcess[lruvec] = excess;
  w.softTurn[lruvec] = ++w.rows[1];
}

/** Whether a cgroup is in already: it is not put in twice. */
export function isExceeded(k: SpaceState, memcg: Memcg, node: Node): boolean {
  return k.memcgWatch.softExcess[memcg * k.lruvec.nodes + node] > 0;
}

/**
 * Takes out the cgroup with the largest excess, as it was when it was put in, that still has any. Returns it, or -1
 * (Linux: mem_cgroup_largest_soft_limit_node).
 */
export function takeLargestExceeded(k: SpaceState, node: Node): Memcg {
  const w = k.memcgWatch;
  const { nodes } = k.lruvec;
  for (;;) {
    let largest = -1;
    for (let lruvec = node; lruvec < k.memcg.rows[0] * nodes; lruvec += nodes) {
      const excess = w.softExcess[lruvec];
      if (excess === 0) continue;
      const most = largest < 0 ? 0 : w.softExcess[largest];
      if (excess > most || (excess === most && w.softTurn[lruvec] > w.softTurn[largest])) largest = lruvec;
    }
    if (largest < 0) return -1;
    w.softExcess[largest] = 0;
    const memcg = Math.floor(largest / nodes);
    if (softExcess(k, memcg) > 0) return memcg;
  }
}
