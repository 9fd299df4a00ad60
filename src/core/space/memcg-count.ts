/**
 * What a memory cgroup counts of its pages: the node counters and the events that memory.stat shows. The root keeps none,
 * because the machine's own counters are its sums. A cgroup's own are kept here; those below it are added when read.
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.stat)
 */
import { type Memcg, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { PAGE_WORDS, PG_ZONE_SHIFT } from "../frame/page.ts";
import { NR_EVENTS, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import type { SpaceState } from "./state.ts";

/** Counts an event that happened to pages of a cgroup; the machine's counter is the caller's (Linux: count_memcg_events). */
export function countMemcgEvents(k: SpaceState, memcg: Memcg, event: number, times: number): void {
  if (memcg !== ROOT_MEMCG) k.memcg.vmEvent[memcg * NR_EVENTS + event]! += times;
}

/** Changes a counter of the page's node and of the cgroup it is charged to (Linux: lruvec_stat_mod_folio). */
export function modLruvecState(k: SpaceState, pfn: Pfn, item: number, delta: number): void {
  const node = ((k.page[pfn * PAGE_WORDS]! >>> PG_ZONE_SHIFT) - 1) >> 2;
  k.vmstat.node[node * NR_NODE_ITEMS + item]! += delta;
  const memcg = k.pageMemcg[pfn]!;
  if (memcg !== ROOT_MEMCG) k.memcg.node[(memcg * k.lruvec.nodes + node) * NR_NODE_ITEMS + item]! += delta;
}
