/**
 * Anonymous pages that lose their last mapping in a row. Neighbours in memory are mostly alike: same zone, same list, same
 * cgroup. So their counters change once a run, and where their list's ends are is found once a run.
 *
 *   page   12 13 14 15 | 16 17 | 18 …        | a page differs: what came before is counted
 *
 * Linux: mm/memory.c, include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Pfn } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_active, PG_swapbacked, PG_unevictable, PG_ZONE_SHIFT } from "../frame/page.ts";
import { NR_ANON_MAPPED, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import { countGen, GEN_LISTS, genOf, genRow, genTypeOf, listGenOf, NR_ZONE_TYPES } from "./lru-gen.ts";
import { countLru, lruListOf, NR_LRU_LISTS } from "./lru-list.ts";
import type { SpaceState } from "./state.ts";

/** Flags in which the pages of a run are alike: zone and list. */
export const RUN_FLAGS = (0xff << PG_ZONE_SHIFT) | PG_swapbacked | PG_active | PG_unevictable;

/** Words of `zapRun`: the run's lruvec, zone, LRU list, row of the list's ends, and place in the generations (NO_GENERATION). */
const RUN_LRUVEC = 0;
const RUN_ZONE = 1;
const RUN_LIST = 2;
const RUN_ROW = 3;
const RUN_PLACE = 4;
const NO_GENERATION = -1;

/** A run of pages like this one begins. Returns whether they are in generations. */
export function beginZapRun(k: SpaceState, pfn: Pfn): boolean {
  const run = k.lruvec.zapRun;
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  const zone = flags >>> PG_ZONE_SHIFT;
  const lruvec = k.pageMemcg[pfn] * k.lruvec.nodes + ((zone - 1) >> 2);
  run[RUN_LRUVEC] = lruvec;
  run[RUN_ZONE] = zone;
  run[RUN_LIST] = lruListOf(flags);
  run[RUN_ROW] = lruvec * NR_LRU_LISTS + run[RUN_LIST];
  run[RUN_PLACE] = NO_GENERATION;
  const gen = genOf(k, pfn);
  if (gen < 0) return false;
  const first = genRow(lruvec, 0, genTypeOf(flags), (zone - 1) & 3);
  run[RUN_ROW] = first + listGenOf(k, pfn) * (2 * NR_ZONE_TYPES);
  run[RUN_PLACE] = first + gen * (2 * NR_ZONE_TYPES);
  return true;
}

/** Row of the ends of the list that the run's pages are on: in `k.lruGen` when they are in generations, else in `k.lruvec`. */
export function zapRunRow(k: SpaceState): number {
  return k.lruvec.zapRun[RUN_ROW];
}

/** Counts what happened to the run's pages: so many are mapped no more, so many left their list. */
export function countZapRun(k: SpaceState, unmapped: number, unlisted: number): void {
  const run = k.lruvec.zapRun;
  const lruvec = run[RUN_LRUVEC];
  const { nodes } = k.lruvec;
  if (unmapped !== 0) {
    k.vmstat.node[(lruvec % nodes) * NR_NODE_ITEMS + NR_ANON_MAPPED] -= unmapped;
    if (lruvec >= nodes) k.memcg.node[lruvec * NR_NODE_ITEMS + NR_ANON_MAPPED] -= unmapped;
  }
  if (unlisted === 0) return;
  const place = run[RUN_PLACE];
  if (place === NO_GENERATION) countLru(k, lruvec, run[RUN_ZONE], run[RUN_LIST], -unlisted);
  else countGen(k, Math.floor(place / GEN_LISTS), place, run[RUN_ZONE], -unlisted);
}
