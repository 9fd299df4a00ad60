/**
 * The lists of compressed pages, one a cgroup and node, oldest first: what zswap writes to the disk first when it has to.
 * When a cgroup is removed its parent takes over its compressed pages, older than its own, and what is charged for them.
 * Linux: mm/zswap.c, mm/list_lru.c (6.12)   Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, NONE } from "../base/types.ts";
import type { SpaceState } from "./state.ts";
import { OBJ_LRU_NEXT, OBJ_LRU_PREV, OBJ_LRUVEC, OBJ_WORDS } from "./zsmalloc.ts";

/** Puts an object at the young end of its lruvec's list. */
export function addZswapLru(k: SpaceState, object: number, lruvec: Lruvec): void {
  const { head, tail, size } = k.zswap;
  const o = k.zsmalloc.object;
  const at = object * OBJ_WORDS;
  const last = tail[lruvec];
  o[at + OBJ_LRUVEC] = lruvec;
  o[at + OBJ_LRU_NEXT] = NONE;
  o[at + OBJ_LRU_PREV] = last;
  if (last === NONE) head[lruvec] = object;
  else o[last * OBJ_WORDS + OBJ_LRU_NEXT] = object;
  tail[lruvec] = object;
  size[lruvec]++;
}

/** Takes an object off its list. Returns the lruvec. */
export function removeZswapLru(k: SpaceState, object: number): Lruvec {
  const { head, tail, size } = k.zswap;
  const o = k.zsmalloc.object;
  const at = object * OBJ_WORDS;
  const lruvec = o[at + OBJ_LRUVEC];
  const next = o[at + OBJ_LRU_NEXT];
  const prev = o[at + OBJ_LRU_PREV];
  if (prev === NONE) head[lruvec] = next;
  else o[prev * OBJ_WORDS + OBJ_LRU_NEXT] = next;
  if (next === NONE) tail[lruvec] = prev;
  else o[next * OBJ_WORDS + OBJ_LRU_PREV] = prev;
  size[lruvec]--;
  return lruvec;
}

/** Moves an object to the young end of its list. */
export function rotateZswapLru(k: SpaceState, object: number): void {
  addZswapLru(k, object, removeZswapLru(k, object));
}

/**
 * A cgroup is removed: what it has in zswap is its parent's. Returns the pages that were charged to it for that; those above
 * it have them charged already (Linux: memcg_reparent_objcgs, memcg_reparent_list_lrus).
 */
export function reparentZswap(k: SpaceState, memcg: Memcg, parent: Memcg): number {
  const z = k.zswap;
  const { nodes } = k.lruvec;
  for (let cpu = 0; cpu < z.stockMemcg.length; cpu++) {
    if (z.stockMemcg[cpu] !== memcg) continue;
    z.left[memcg] += z.stockBytes[cpu];
    z.stockBytes[cpu] = 0;
    z.stockMemcg[cpu] = NONE;
  }
  for (let node = 0; node < nodes; node++) spliceList(k, memcg * nodes + node, parent * nodes + node);
  const charged = z.charged[memcg];
  for (const column of [z.bytes, z.stored, z.left, z.charged]) {
    column[parent] += column[memcg];
    column[memcg] = 0;
  }
  return charged;
}

/** Puts a list before another. */
function spliceList(k: SpaceState, from: Lruvec, to: Lruvec): void {
  const { head, tail, size, diskSwapins } = k.zswap;
  const o = k.zsmalloc.object;
  for (let object = head[from]; object !== NONE; object = o[object * OBJ_WORDS + OBJ_LRU_NEXT])
    o[object * OBJ_WORDS + OBJ_LRUVEC] = to;
  diskSwapins[from] = 0;
  if (size[from] === 0) return;
  if (head[to] === NONE) tail[to] = tail[from];
  else {
    o[tail[from] * OBJ_WORDS + OBJ_LRU_NEXT] = head[to];
    o[head[to] * OBJ_WORDS + OBJ_LRU_PREV] = tail[from];
  }
  head[to] = head[from];
  size[to] += size[from];
  head[from] = NONE;
  tail[from] = NONE;
  size[from] = 0;
}

/** Bug when a list is not as long as it says. Returns the objects on all lists. */
export function checkZswapLru(k: SpaceState): number {
  const { head, tail, size } = k.zswap;
  const o = k.zsmalloc.object;
  let all = 0;
  for (let lruvec = 0; lruvec < head.length; lruvec++) {
    let count = 0;
    let last = NONE;
    for (let object = head[lruvec]; object !== NONE; count++) {
      if (o[object * OBJ_WORDS + OBJ_LRUVEC] !== lruvec || o[object * OBJ_WORDS + OBJ_LRU_PREV] !== last)
        bug(`compressed page ${object} is not where the list of lruvec ${lruvec} has it`);
      last = object;
      object = o[object * OBJ_WORDS + OBJ_LRU_NEXT];
    }
    if (count !== size[lruvec] || tail[lruvec] !== last)
      bug(`lruvec ${lruvec} lists ${count} compressed pages and counts ${size[lruvec]}`);
    all += count;
  }
  return all;
}
