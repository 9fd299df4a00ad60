/**
 * memory.stat and memory.numa_stat of version 1: a cgroup's own counts, then "total_": with everything below it.
 * Linux: mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { type Memcg, PAGE_SIZE, ROOT_MEMCG } from "../base/types.ts";
import {
  EVENT_NAMES,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_EVENTS,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_NODE_ITEMS,
  NR_SHMEM,
  NR_SWAPCACHE,
  NR_WRITEBACK,
  PGFAULT,
  PGMAJFAULT,
  PGPGIN,
  PGPGOUT,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_REFAULT_FILE,
} from "../frame/vmstat.ts";
import { eventOf, itemOf } from "./memcg-stat.ts";
import { subtree } from "./memcg-subtree.ts";
import { settleAllFaults } from "./memcg-task.ts";
import type { SpaceState } from "./state.ts";

/** Counted apart from the nodes: pages in swap. */
const SWAP = -1;

const ITEMS: readonly (readonly [name: string, item: number, unit: number])[] = [
  ["cache", NR_FILE_PAGES, PAGE_SIZE],
  ["rss", NR_ANON_MAPPED, PAGE_SIZE],
  ["rss_huge", NR_ANON_THPS, PAGE_SIZE],
  ["shmem", NR_SHMEM, PAGE_SIZE],
  ["mapped_file", NR_FILE_MAPPED, PAGE_SIZE],
  ["dirty", NR_FILE_DIRTY, PAGE_SIZE],
  ["writeback", NR_WRITEBACK, PAGE_SIZE],
  ["workingset_refault_anon", WORKINGSET_REFAULT_ANON, 1],
  ["workingset_refault_file", WORKINGSET_REFAULT_FILE, 1],
  ["swap", SWAP, PAGE_SIZE],
  ["swapcached", NR_SWAPCACHE, PAGE_SIZE],
];
const EVENTS = [PGPGIN, PGPGOUT, PGFAULT, PGMAJFAULT];
const LISTS = ["inactive_anon", "active_anon", "inactive_file", "active_file", "unevictable"];

/** The text of memory.stat. */
export function showLegacyStat(k: SpaceState, memcg: Memcg): string {
  settleAllFaults(k);
  let limit = Number.POSITIVE_INFINITY;
  let memswLimit = Number.POSITIVE_INFINITY;
  for (let at = memcg; at !== ROOT_MEMCG; at = k.memcg.parent[at]) {
    limit = Math.min(limit, k.memcg.max[at]);
    memswLimit = Math.min(memswLimit, k.memcg.memswMax[at]);
  }
  return (
    rows(k, memcg, "", true) +
    `hierarchical_memory_limit ${limitText(limit)}\nhierarchical_memsw_limit ${limitText(memswLimit)}\n` +
    rows(k, memcg, "total_", false)
  );
}

/** The text of memory.numa_stat: pages on the LRU lists by node, its own and with everything below it. */
export function showLegacyNumaStat(k: SpaceState, memcg: Memcg): string {
  const kinds: readonly (readonly [string, readonly number[]])[] = [
    ["total", [0, 1, 2, 3, 4]],
    ["file", [2, 3]],
    ["anon", [0, 1]],
    ["unevictable", [4]],
  ];
  let text = "";
  for (const isOwn of [true, false]) {
    for (const [name, lists] of kinds) {
      const byNode: number[] = [];
      for (let node = 0; node < k.lruvec.nodes; node++)
        byNode.push(lists.reduce((sum, list) => sum + listPages(k, memcg, node, list, isOwn), 0));
      const all = byNode.reduce((sum, pages) => sum + pages, 0);
      const prefix = isOwn ? "" : "hierarchical_";
      text += `${prefix}${name}=${all}${byNode.map((pages, node) => ` N${node}=${pages}`).join("")}\n`;
    }
  }
  return text;
}

function rows(k: SpaceState, memcg: Memcg, prefix: string, isOwn: boolean): string {
  let text = "";
  for (const [name, item, unit] of ITEMS) text += `${prefix}${name} ${count(k, memcg, item, isOwn) * unit}\n`;
  for (const event of EVENTS) {
    const own = memcg === ROOT_MEMCG ? k.vmstat.event[event] : k.memcg.vmEvent[memcg * NR_EVENTS + event];
    text += `${prefix}${EVENT_NAMES[event]} ${isOwn ? own : eventOf(k, memcg, event)}\n`;
  }
  LISTS.forEach((name, list) => {
    let pages = 0;
    for (let node = 0; node < k.lruvec.nodes; node++) pages += listPages(k, memcg, node, list, isOwn);
    text += `${prefix}${name} ${pages * PAGE_SIZE}\n`;
  });
  return text;
}

/** One counter of the cgroup, its own or with everything below it. */
function count(k: SpaceState, memcg: Memcg, item: number, isOwn: boolean): number {
  if (item === SWAP) return swapPages(k, memcg, isOwn);
  if (!isOwn || memcg === ROOT_MEMCG) return itemOf(k, memcg, item);
  let sum = 0;
  for (let node = 0; node < k.lruvec.nodes; node++)
    sum += k.memcg.node[(memcg * k.lruvec.nodes + node) * NR_NODE_ITEMS + item];
  return sum;
}

/** Slots charged: a cgroup's counter holds those below it as well. */
function swapPages(k: SpaceState, memcg: Memcg, isOwn: boolean): number {
  const { swapUsage, firstChild, nextSibling } = k.memcg;
  let below = 0;
  for (let child = firstChild[memcg]; child !== ROOT_MEMCG; child = nextSibling[child])
    below += swapUsage[child];
  if (memcg === ROOT_MEMCG) return isOwn ? 0 : below;
  return isOwn ? swapUsage[memcg] - below : swapUsage[memcg];
}

function listPages(k: SpaceState, memcg: Memcg, node: number, list: number, isOwn: boolean): number {
  const cgroups = isOwn ? [memcg] : subtree(k, memcg);
  let pages = 0;
  for (const at of cgroups) pages += k.lruvec.size[(at * k.lruvec.nodes + node) * LISTS.length + list];
  return pages;
}

function limitText(pages: number): string {
  return pages === Number.POSITIVE_INFINITY ? "9223372036854771712" : `${BigInt(pages) * BigInt(PAGE_SIZE)}`;
}
