/**
 * The counters of /proc/vmstat: which there are, in the order the kernel prints them, and the columns they live in.
 *
 *   zone[zone * NR_ZONE_ITEMS + item]    pages of one zone, and where NUMA allocations went
 *   node[node * NR_NODE_ITEMS + item]    pages of one node
 *   event[item]                          things that happened, machine-wide
 *
 * The rows are those of Debian's configuration (NUMA, THP, KSM, swap, balloon, zsmalloc; no CMA), and those of zswap,
 * which are shown where the kernel was built with it.
 * Differs: a counter changes at once; Linux lets each CPU keep a difference of up to `stat_threshold` to itself until
 * the next vmstat update. Readers of /proc here see what Linux shows after `vm.stat_refresh`.
 * Linux: include/linux/mmzone.h, vm_event_item.h, mm/vmstat.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import type { Machine } from "../hw/machine.ts";
import type { VmstatColumns } from "./state.ts";

/** Items of a zone, /proc/vmstat's first rows; the NUMA ones after them are events that Linux also keeps by zone. */
export const NR_FREE_PAGES = 0;
export const NR_ZONE_INACTIVE_ANON = 1;
export const NR_ZONE_ACTIVE_ANON = 2;
export const NR_ZONE_INACTIVE_FILE = 3;
export const NR_ZONE_ACTIVE_FILE = 4;
export const NR_ZONE_UNEVICTABLE = 5;
export const NR_ZONE_WRITE_PENDING = 6;
export const NR_MLOCK = 7;
export const NR_BOUNCE = 8;
export const NR_ZSPAGES = 9;
export const NR_FREE_CMA_PAGES = 10;
export const NR_UNACCEPTED = 11;
export const NUMA_HIT = 12;
export const NUMA_MISS = 13;
export const NUMA_FOREIGN = 14;
export const NUMA_INTERLEAVE_HIT = 15;
export const NUMA_LOCAL = 16;
export const NUMA_OTHER = 17;
export const NR_ZONE_ITEMS = 18;

/** Items of a node. Pages, except where the name says otherwise. */
export const NR_INACTIVE_ANON = 0;
export const NR_ACTIVE_ANON = 1;
export const NR_INACTIVE_FILE = 2;
export const NR_ACTIVE_FILE = 3;
export const NR_UNEVICTABLE = 4;
export const NR_SLAB_RECLAIMABLE_B = 5;
export const NR_SLAB_UNRECLAIMABLE_B = 6;
export const NR_ISOLATED_ANON = 7;
export const NR_ISOLATED_FILE = 8;
export const WORKINGSET_NODES = 9;
export const WORKINGSET_REFAULT_ANON = 10;
export const WORKINGSET_REFAULT_FILE = 11;
export const WORKINGSET_ACTIVATE_ANON = 12;
export const WORKINGSET_ACTIVATE_FILE = 13;
export const WORKINGSET_RESTORE_ANON = 14;
export const WORKINGSET_RESTORE_FILE = 15;
export const WORKINGSET_NODERECLAIM = 16;
export const NR_ANON_MAPPED = 17;
export const NR_FILE_MAPPED = 18;
export const NR_FILE_PAGES = 19;
export const NR_FILE_DIRTY = 20;
export const NR_WRITEBACK = 21;
export const NR_WRITEBACK_TEMP = 22;
export const NR_SHMEM = 23;
export const NR_SHMEM_THPS = 24;
export const NR_SHMEM_PMDMAPPED = 25;
export const NR_FILE_THPS = 26;
export const NR_FILE_PMDMAPPED = 27;
export const NR_ANON_THPS = 28;
export const NR_VMSCAN_WRITE = 29;
export const NR_VMSCAN_IMMEDIATE = 30;
export const NR_DIRTIED = 31;
export const NR_WRITTEN = 32;
export const NR_THROTTLED_WRITTEN = 33;
export const NR_KERNEL_MISC_RECLAIMABLE = 34;
export const NR_FOLL_PIN_ACQUIRED = 35;
export const NR_FOLL_PIN_RELEASED = 36;
export const NR_KERNEL_STACK_KB = 37;
export const NR_PAGETABLE = 38;
export const NR_SECONDARY_PAGETABLE = 39;
export const NR_IOMMU_PAGES = 40;
export const NR_SWAPCACHE = 41;
export const PGPROMOTE_SUCCESS = 42;
export const PGPROMOTE_CANDIDATE = 43;
export const PGDEMOTE_KSWAPD = 44;
export const PGDEMOTE_DIRECT = 45;
export const PGDEMOTE_KHUGEPAGED = 46;
export const NR_NODE_ITEMS = 47;

/** Events. The ones with a zone in their name stand in zone order: PGALLOC_DMA + zone type. */
export const PGPGIN = 0;
export const PGPGOUT = 1;
export const PSWPIN = 2;
export const PSWPOUT = 3;
export const PGALLOC_DMA = 4;
export const PGALLOC_DMA32 = 5;
export const PGALLOC_NORMAL = 6;
export const PGALLOC_MOVABLE = 7;
export const PGALLOC_DEVICE = 8;
export const ALLOCSTALL_DMA = 9;
export const ALLOCSTALL_DMA32 = 10;
export const ALLOCSTALL_NORMAL = 11;
export const ALLOCSTALL_MOVABLE = 12;
export const ALLOCSTALL_DEVICE = 13;
export const PGSCAN_SKIP_DMA = 14;
export const PGSCAN_SKIP_DMA32 = 15;
export const PGSCAN_SKIP_NORMAL = 16;
export const PGSCAN_SKIP_MOVABLE = 17;
export const PGSCAN_SKIP_DEVICE = 18;
export const PGFREE = 19;
export const PGACTIVATE = 20;
export const PGDEACTIVATE = 21;
export const PGLAZYFREE = 22;
export const PGFAULT = 23;
export const PGMAJFAULT = 24;
export const PGLAZYFREED = 25;
export const PGREFILL = 26;
export const PGREUSE = 27;
export const PGSTEAL_KSWAPD = 28;
export const PGSTEAL_DIRECT = 29;
export const PGSTEAL_KHUGEPAGED = 30;
export const PGSCAN_KSWAPD = 31;
export const PGSCAN_DIRECT = 32;
export const PGSCAN_KHUGEPAGED = 33;
export const PGSCAN_DIRECT_THROTTLE = 34;
export const PGSCAN_ANON = 35;
export const PGSCAN_FILE = 36;
export const PGSTEAL_ANON = 37;
export const PGSTEAL_FILE = 38;
export const PGSCAN_ZONE_RECLAIM_SUCCESS = 39;
export const PGSCAN_ZONE_RECLAIM_FAILED = 40;
export const PGINODESTEAL = 41;
export const SLABS_SCANNED = 42;
export const KSWAPD_INODESTEAL = 43;
export const KSWAPD_LOW_WMARK_HIT_QUICKLY = 44;
export const KSWAPD_HIGH_WMARK_HIT_QUICKLY = 45;
export const PAGEOUTRUN = 46;
export const PGROTATED = 47;
export const DROP_PAGECACHE = 48;
export const DROP_SLAB = 49;
export const OOM_KILL = 50;
export const NUMA_PTE_UPDATES = 51;
export const NUMA_HUGE_PTE_UPDATES = 52;
export const NUMA_HINT_FAULTS = 53;
export const NUMA_HINT_FAULTS_LOCAL = 54;
export const NUMA_PAGE_MIGRATE = 55;
export const PGMIGRATE_SUCCESS = 56;
export const PGMIGRATE_FAIL = 57;
export const THP_MIGRATION_SUCCESS = 58;
export const THP_MIGRATION_FAIL = 59;
export const THP_MIGRATION_SPLIT = 60;
export const COMPACTMIGRATE_SCANNED = 61;
export const COMPACTFREE_SCANNED = 62;
export const COMPACTISOLATED = 63;
export const COMPACTSTALL = 64;
export const COMPACTFAIL = 65;
export const COMPACTSUCCESS = 66;
export const KCOMPACTD_WAKE = 67;
export const KCOMPACTD_MIGRATE_SCANNED = 68;
export const KCOMPACTD_FREE_SCANNED = 69;
export const HTLB_BUDDY_PGALLOC = 70;
export const HTLB_BUDDY_PGALLOC_FAIL = 71;
export const UNEVICTABLE_PGCULLED = 72;
export const UNEVICTABLE_PGSCANNED = 73;
export const UNEVICTABLE_PGRESCUED = 74;
export const UNEVICTABLE_PGMLOCKED = 75;
export const UNEVICTABLE_PGMUNLOCKED = 76;
export const UNEVICTABLE_PGCLEARED = 77;
export const UNEVICTABLE_PGSTRANDED = 78;
export const THP_FAULT_ALLOC = 79;
export const THP_FAULT_FALLBACK = 80;
export const THP_FAULT_FALLBACK_CHARGE = 81;
export const THP_COLLAPSE_ALLOC = 82;
export const THP_COLLAPSE_ALLOC_FAILED = 83;
export const THP_FILE_ALLOC = 84;
export const THP_FILE_FALLBACK = 85;
export const THP_FILE_FALLBACK_CHARGE = 86;
export const THP_FILE_MAPPED = 87;
export const THP_SPLIT_PAGE = 88;
export const THP_SPLIT_PAGE_FAILED = 89;
export const THP_DEFERRED_SPLIT_PAGE = 90;
export const THP_UNDERUSED_SPLIT_PAGE = 91;
export const THP_SPLIT_PMD = 92;
export const THP_SCAN_EXCEED_NONE_PTE = 93;
export const THP_SCAN_EXCEED_SWAP_PTE = 94;
export const THP_SCAN_EXCEED_SHARED_PTE = 95;
export const THP_SPLIT_PUD = 96;
export const THP_ZERO_PAGE_ALLOC = 97;
export const THP_ZERO_PAGE_ALLOC_FAILED = 98;
export const THP_SWPOUT = 99;
export const THP_SWPOUT_FALLBACK = 100;
export const BALLOON_INFLATE = 101;
export const BALLOON_DEFLATE = 102;
export const BALLOON_MIGRATE = 103;
export const SWAP_RA = 104;
export const SWAP_RA_HIT = 105;
export const SWPIN_ZERO = 106;
export const SWPOUT_ZERO = 107;
export const KSM_SWPIN_COPY = 108;
export const COW_KSM = 109;
export const ZSWPIN = 110;
export const ZSWPOUT = 111;
export const ZSWPWB = 112;
export const DIRECT_MAP_LEVEL2_SPLIT = 113;
export const DIRECT_MAP_LEVEL3_SPLIT = 114;
export const NR_EVENTS = 115;

/** Names of the zone items as /proc prints them. */
export const ZONE_ITEM_NAMES: readonly string[] = [
  "nr_free_pages",
  "nr_zone_inactive_anon",
  "nr_zone_active_anon",
  "nr_zone_inactive_file",
  "nr_zone_active_file",
  "nr_zone_unevictable",
  "nr_zone_write_pending",
  "nr_mlock",
  "nr_bounce",
  "nr_zspages",
  "nr_free_cma",
  "nr_unaccepted",
  "numa_hit",
  "numa_miss",
  "numa_foreign",
  "numa_interleave",
  "numa_local",
  "numa_other",
];

/** Names of the node items as /proc prints them. */
export const NODE_ITEM_NAMES: readonly string[] = [
  "nr_inactive_anon",
  "nr_active_anon",
  "nr_inactive_file",
  "nr_active_file",
  "nr_unevictable",
  "nr_slab_reclaimable",
  "nr_slab_unreclaimable",
  "nr_isolated_anon",
  "nr_isolated_file",
  "workingset_nodes",
  "workingset_refault_anon",
  "workingset_refault_file",
  "workingset_activate_anon",
  "workingset_activate_file",
  "workingset_restore_anon",
  "workingset_restore_file",
  "workingset_nodereclaim",
  "nr_anon_pages",
  "nr_mapped",
  "nr_file_pages",
  "nr_dirty",
  "nr_writeback",
  "nr_writeback_temp",
  "nr_shmem",
  "nr_shmem_hugepages",
  "nr_shmem_pmdmapped",
  "nr_file_hugepages",
  "nr_file_pmdmapped",
  "nr_anon_transparent_hugepages",
  "nr_vmscan_write",
  "nr_vmscan_immediate_reclaim",
  "nr_dirtied",
  "nr_written",
  "nr_throttled_written",
  "nr_kernel_misc_reclaimable",
  "nr_foll_pin_acquired",
  "nr_foll_pin_released",
  "nr_kernel_stack",
  "nr_page_table_pages",
  "nr_sec_page_table_pages",
  "nr_iommu_pages",
  "nr_swapcached",
  "pgpromote_success",
  "pgpromote_candidate",
  "pgdemote_kswapd",
  "pgdemote_direct",
  "pgdemote_khugepaged",
];

/** Names of the events as /proc prints them. */
export const EVENT_NAMES: readonly string[] = [
  "pgpgin",
  "pgpgout",
  "pswpin",
  "pswpout",
  "pgalloc_dma",
  "pgalloc_dma32",
  "pgalloc_normal",
  "pgalloc_movable",
  "pgalloc_device",
  "allocstall_dma",
  "allocstall_dma32",
  "allocstall_normal",
  "allocstall_movable",
  "allocstall_device",
  "pgskip_dma",
  "pgskip_dma32",
  "pgskip_normal",
  "pgskip_movable",
  "pgskip_device",
  "pgfree",
  "pgactivate",
  "pgdeactivate",
  "pglazyfree",
  "pgfault",
  "pgmajfault",
  "pglazyfreed",
  "pgrefill",
  "pgreuse",
  "pgsteal_kswapd",
  "pgsteal_direct",
  "pgsteal_khugepaged",
  "pgscan_kswapd",
  "pgscan_direct",
  "pgscan_khugepaged",
  "pgscan_direct_throttle",
  "pgscan_anon",
  "pgscan_file",
  "pgsteal_anon",
  "pgsteal_file",
  "zone_reclaim_success",
  "zone_reclaim_failed",
  "pginodesteal",
  "slabs_scanned",
  "kswapd_inodesteal",
  "kswapd_low_wmark_hit_quickly",
  "kswapd_high_wmark_hit_quickly",
  "pageoutrun",
  "pgrotated",
  "drop_pagecache",
  "drop_slab",
  "oom_kill",
  "numa_pte_updates",
  "numa_huge_pte_updates",
  "numa_hint_faults",
  "numa_hint_faults_local",
  "numa_pages_migrated",
  "pgmigrate_success",
  "pgmigrate_fail",
  "thp_migration_success",
  "thp_migration_fail",
  "thp_migration_split",
  "compact_migrate_scanned",
  "compact_free_scanned",
  "compact_isolated",
  "compact_stall",
  "compact_fail",
  "compact_success",
  "compact_daemon_wake",
  "compact_daemon_migrate_scanned",
  "compact_daemon_free_scanned",
  "htlb_buddy_alloc_success",
  "htlb_buddy_alloc_fail",
  "unevictable_pgs_culled",
  "unevictable_pgs_scanned",
  "unevictable_pgs_rescued",
  "unevictable_pgs_mlocked",
  "unevictable_pgs_munlocked",
  "unevictable_pgs_cleared",
  "unevictable_pgs_stranded",
  "thp_fault_alloc",
  "thp_fault_fallback",
  "thp_fault_fallback_charge",
  "thp_collapse_alloc",
  "thp_collapse_alloc_failed",
  "thp_file_alloc",
  "thp_file_fallback",
  "thp_file_fallback_charge",
  "thp_file_mapped",
  "thp_split_page",
  "thp_split_page_failed",
  "thp_deferred_split_page",
  "thp_underused_split_page",
  "thp_split_pmd",
  "thp_scan_exceed_none_pte",
  "thp_scan_exceed_swap_pte",
  "thp_scan_exceed_share_pte",
  "thp_split_pud",
  "thp_zero_page_alloc",
  "thp_zero_page_alloc_failed",
  "thp_swpout",
  "thp_swpout_fallback",
  "balloon_inflate",
  "balloon_deflate",
  "balloon_migrate",
  "swap_ra",
  "swap_ra_hit",
  "swpin_zero",
  "swpout_zero",
  "ksm_swpin_copy",
  "cow_ksm",
  "zswpin",
  "zswpout",
  "zswpwb",
  "direct_map_level2_splits",
  "direct_map_level3_splits",
];

/** All counters of the machine, at zero. */
export function createVmstat(machine: Machine): VmstatColumns {
  const nodes = machine.nodes.length;
  return {
    zone: new Float64Array((nodes * 4 + 1) * NR_ZONE_ITEMS),
    node: new Float64Array(nodes * NR_NODE_ITEMS),
    event: new Float64Array(NR_EVENTS),
  };
}

/** True for node items that /proc prints in 2 MiB pages though they are counted in pages. */
export function isCountedInHugePages(item: number): boolean {
  return item === NR_ANON_THPS || (item >= NR_SHMEM_THPS && item <= NR_FILE_PMDMAPPED);
}

/** Sum of a zone item over all zones. */
export function sumZoneItem(vmstat: VmstatColumns, item: number): number {
  let sum = 0;
  for (let at = item; at < vmstat.zone.length; at += NR_ZONE_ITEMS) sum += vmstat.zone[at];
  return sum;
}

/** Sum of a node item over all nodes. */
export function sumNodeItem(vmstat: VmstatColumns, item: number): number {
  let sum = 0;
  for (let at = item; at < vmstat.node.length; at += NR_NODE_ITEMS) sum += vmstat.node[at];
  return sum;
}
