/**
 * memory.stat and memory.numa_stat: what a cgroup's pages are, and what happened to them, with everything below it.
 *
 * The root shows the machine's own counters, except for the kernel's memory, which nobody charges to the root.
 * Differs: per-CPU memory is not charged (what Linux takes from its first chunk, which boot makes, is not, either). Counts are
 * those of the moment, but for a page of objects that a CPU keeps back; Linux adds up all else that CPUs keep to themselves
 * every two seconds, or when it has become much.
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { type Memcg, PAGE_SIZE, ROOT_MEMCG } from "../base/types.ts";
import {
  EVENT_NAMES,
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_EVENTS,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_FILE_THPS,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_KERNEL_STACK_KB,
  NR_NODE_ITEMS,
  NR_PAGETABLE,
  NR_SECONDARY_PAGETABLE,
  NR_SHMEM,
  NR_SHMEM_THPS,
  NR_SLAB_RECLAIMABLE_B,
  NR_SLAB_UNRECLAIMABLE_B,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
  NUMA_HINT_FAULTS,
  NUMA_PAGE_MIGRATE,
  NUMA_PTE_UPDATES,
  PGACTIVATE,
  PGDEACTIVATE,
  PGDEMOTE_DIRECT,
  PGDEMOTE_KHUGEPAGED,
  PGDEMOTE_KSWAPD,
  PGFAULT,
  PGLAZYFREE,
  PGLAZYFREED,
  PGMAJFAULT,
  PGPROMOTE_SUCCESS,
  PGREFILL,
  PGSCAN_DIRECT,
  PGSCAN_KHUGEPAGED,
  PGSCAN_KSWAPD,
  PGSTEAL_DIRECT,
  PGSTEAL_KHUGEPAGED,
  PGSTEAL_KSWAPD,
  SWPIN_ZERO,
  SWPOUT_ZERO,
  THP_COLLAPSE_ALLOC,
  THP_FAULT_ALLOC,
  THP_SWPOUT,
  THP_SWPOUT_FALLBACK,
  WORKINGSET_ACTIVATE_ANON,
  WORKINGSET_ACTIVATE_FILE,
  WORKINGSET_NODERECLAIM,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_REFAULT_FILE,
  WORKINGSET_RESTORE_ANON,
  WORKINGSET_RESTORE_FILE,
  ZSWPIN,
  ZSWPOUT,
  ZSWPWB,
} from "../frame/vmstat.ts";
import { NR_LRU_LISTS } from "./lru-list.ts";
import { subtree } from "./memcg-subtree.ts";
import { settleAllFaults } from "./memcg-task.ts";
import type { SpaceState } from "./state.ts";
import { hasZswap, zswapBytesOf, zswapStoredOf } from "./zswap.ts";

/** Rows that no counter of a node stands for. */
const KMEM = -1;
const NOT_KEPT = -2;
const ZSWAP_BYTES = -3;
const ZSWAPPED = -4;

/** A row: its name, its counter, what one of it is worth, and whether memory.numa_stat shows it, too. */
type StatRow = readonly [name: string, item: number, unit: number];

const ROWS: readonly StatRow[] = [
  ["anon", NR_ANON_MAPPED, PAGE_SIZE],
  ["file", NR_FILE_PAGES, PAGE_SIZE],
  ["kernel", KMEM, PAGE_SIZE],
  ["kernel_stack", NR_KERNEL_STACK_KB, 1024],
  ["pagetables", NR_PAGETABLE, PAGE_SIZE],
  ["sec_pagetables", NR_SECONDARY_PAGETABLE, PAGE_SIZE],
  ["percpu", NOT_KEPT, 1],
  ["sock", NOT_KEPT, PAGE_SIZE],
  ["vmalloc", NOT_KEPT, PAGE_SIZE],
  ["shmem", NR_SHMEM, PAGE_SIZE],
  ["zswap", ZSWAP_BYTES, 1],
  ["zswapped", ZSWAPPED, PAGE_SIZE],
  ["file_mapped", NR_FILE_MAPPED, PAGE_SIZE],
  ["file_dirty", NR_FILE_DIRTY, PAGE_SIZE],
  ["file_writeback", NR_WRITEBACK, PAGE_SIZE],
  ["swapcached", NR_SWAPCACHE, PAGE_SIZE],
  ["anon_thp", NR_ANON_THPS, PAGE_SIZE],
  ["file_thp", NR_FILE_THPS, PAGE_SIZE],
  ["shmem_thp", NR_SHMEM_THPS, PAGE_SIZE],
  ["inactive_anon", NR_INACTIVE_ANON, PAGE_SIZE],
  ["active_anon", NR_ACTIVE_ANON, PAGE_SIZE],
  ["inactive_file", NR_INACTIVE_FILE, PAGE_SIZE],
  ["active_file", NR_ACTIVE_FILE, PAGE_SIZE],
  ["unevictable", NR_UNEVICTABLE, PAGE_SIZE],
  ["slab_reclaimable", NR_SLAB_RECLAIMABLE_B, 1],
  ["slab_unreclaimable", NR_SLAB_UNRECLAIMABLE_B, 1],
  ["workingset_refault_anon", WORKINGSET_REFAULT_ANON, 1],
  ["workingset_refault_file", WORKINGSET_REFAULT_FILE, 1],
  ["workingset_activate_anon", WORKINGSET_ACTIVATE_ANON, 1],
  ["workingset_activate_file", WORKINGSET_ACTIVATE_FILE, 1],
  ["workingset_restore_anon", WORKINGSET_RESTORE_ANON, 1],
  ["workingset_restore_file", WORKINGSET_RESTORE_FILE, 1],
  ["workingset_nodereclaim", WORKINGSET_NODERECLAIM, 1],
  ["pgdemote_kswapd", PGDEMOTE_KSWAPD, 1],
  ["pgdemote_direct", PGDEMOTE_DIRECT, 1],
  ["pgdemote_khugepaged", PGDEMOTE_KHUGEPAGED, 1],
  ["pgpromote_success", PGPROMOTE_SUCCESS, 1],
];

const EVENTS: readonly number[] = [
  ...[PGSCAN_KSWAPD, PGSCAN_DIRECT, PGSCAN_KHUGEPAGED, PGSTEAL_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KHUGEPAGED],
  ...[PGFAULT, PGMAJFAULT, PGREFILL, PGACTIVATE, PGDEACTIVATE, PGLAZYFREE, PGLAZYFREED],
  ...[SWPIN_ZERO, SWPOUT_ZERO, ZSWPIN, ZSWPOUT, ZSWPWB],
  ...[THP_FAULT_ALLOC, THP_COLLAPSE_ALLOC, THP_SWPOUT, THP_SWPOUT_FALLBACK],
  ...[NUMA_PAGE_MIGRATE, NUMA_PTE_UPDATES, NUMA_HINT_FAULTS],
];

/** The text of memory.stat. */
export function showMemoryStat(k: SpaceState, memcg: Memcg): string {
  settleAllFaults(k);
  let text = "";
  for (const [name, item, unit] of ROWS) {
    if ((item === ZSWAP_BYTES || item === ZSWAPPED) && !hasZswap(k)) continue;
    text += `${name} ${itemOf(k, memcg, item) * unit}\n`;
    if (item === NR_SLAB_UNRECLAIMABLE_B)
      text += `slab ${itemOf(k, memcg, NR_SLAB_RECLAIMABLE_B) + itemOf(k, memcg, item)}\n`;
  }
  const events = (...items: number[]): number =>
    items.reduce((sum, item) => sum + eventOf(k, memcg, item), 0);
  text += `pgscan ${events(PGSCAN_KSWAPD, PGSCAN_DIRECT, PGSCAN_KHUGEPAGED)}\n`;
  text += `pgsteal ${events(PGSTEAL_KSWAPD, PGSTEAL_DIRECT, PGSTEAL_KHUGEPAGED)}\n`;
  for (const item of EVENTS)
    if (item < ZSWPIN || item > ZSWPWB || hasZswap(k))
      text += `${EVENT_NAMES[item]} ${eventOf(k, memcg, item)}\n`;
  return text;
}

/** The text of memory.numa_stat. */
export function showNumaStat(k: SpaceState, memcg: Memcg): string {
  let text = "";
  for (const [name, item, unit] of ROWS) {
    if (item < 0) continue;
    text += name;
    for (let node = 0; node < k.lruvec.nodes; node++)
      text += ` N${node}=${nodeItemOf(k, memcg, node, item) * unit}`;
    text += "\n";
  }
  return text;
}

/** A counter of the cgroup and everything below it, over all nodes. */
export function itemOf(k: SpaceState, memcg: Memcg, item: number): number {
  let sum = 0;
  if (item === ZSWAP_BYTES) return zswapBytesOf(k, memcg);
  if (item === ZSWAPPED) return zswapStoredOf(k, memcg);
  if (item === KMEM) for (const at of subtree(k, memcg)) sum += k.memcg.kmem[at];
  else if (item >= 0)
    for (let node = 0; node < k.lruvec.nodes; node++) sum += nodeItemOf(k, memcg, node, item);
  return sum;
}

/** The same on one node. */
function nodeItemOf(k: SpaceState, memcg: Memcg, node: number, item: number): number {
  const isCharged = item !== NR_PAGETABLE && item !== NR_KERNEL_STACK_KB;
  if (memcg === ROOT_MEMCG && isCharged) return k.vmstat.node[node * NR_NODE_ITEMS + item];
  let sum = 0;
  for (const at of subtree(k, memcg)) {
    const lruvec = at * k.lruvec.nodes + node;
    // What is on the lists is counted with the lists.
    sum +=
      item <= NR_UNEVICTABLE
        ? k.lruvec.size[lruvec * NR_LRU_LISTS + item]
        : k.memcg.node[lruvec * NR_NODE_ITEMS + item];
  }
  return sum;
}

/** How often something happened in the cgroup and below it. Faults are settled by the caller. */
export function eventOf(k: SpaceState, memcg: Memcg, event: number): number {
  if (memcg === ROOT_MEMCG) return k.vmstat.event[event];
  let sum = 0;
  for (const at of subtree(k, memcg)) sum += k.memcg.vmEvent[at * NR_EVENTS + event];
  return sum;
}
