/**
 * Floor 3 as data: page frames, zones, per-CPU lists and counters, and the view of the kernel object this floor has.
 * Linux: include/linux/mm_types.h, mmzone.h (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import type { HwState } from "../hw/state.ts";

/**
 * Page records, 8 words a frame, at pfn * 8:
 *
 *   +0 FLAGS     +1 REFCOUNT  +2 MAPCOUNT  +3 PREV  +4 NEXT  +5 MAPPING  +6 INDEX  +7 PRIVATE
 *
 * page.ts names the offsets and the flag bits. A record of zeros is a frame nobody has touched.
 */
export type PageRecords = Int32Array;

/** Zones; row = Zone (node * 4 + type + 1). Sizes in pages. zone.ts creates them and says what each means. */
export interface ZoneColumns {
  readonly count: number;
  readonly startPfn: Float64Array;
  readonly spannedPages: Float64Array;
  readonly presentPages: Float64Array;
  readonly managedPages: Float64Array;
  readonly watermarkMin: Float64Array;
  readonly watermarkLow: Float64Array;
  readonly watermarkHigh: Float64Array;
  readonly watermarkBoost: Float64Array;
  /** By zone * 4 + class zone type: pages kept from allocations that could have used a higher zone. */
  readonly lowmemReserve: Float64Array;
  readonly nrReservedHighatomic: Float64Array;
  /** Free pages in blocks of type MIGRATE_HIGHATOMIC. */
  readonly nrFreeHighatomic: Float64Array;
  /** ZONE_* bits of zone.ts: boosted, short of its high watermark, kswapd wanted. */
  readonly flags: Int32Array;
  /**
   * With more free pages than openAbove an allocation of one page need not look at the zone again, with as few as
   * openBelow or fewer it must (the two differ by what is kept for lower zones); isOpen: 1, 0, or 2 in between.
   */
  readonly openAbove: Float64Array;
  readonly openBelow: Float64Array;
  readonly isOpen: Uint8Array;
  /** By (zone * NR_PAGE_ORDERS + order) * MIGRATE_TYPES + type: head pfn of the free list, its tail, its length. */
  readonly freeHead: Int32Array;
  readonly freeTail: Int32Array;
  readonly freeCount: Int32Array;
  /**
   * Untouched blocks of the largest order that follow the end of the zone's movable list: ranges of pfns, ascending.
   * By zone: its first range not used up, and the one behind its last. By range: what is left of it.
   */
  readonly firstRange: Int32Array;
  readonly endRange: Int32Array;
  readonly rangeStart: Float64Array;
  readonly rangeEnd: Float64Array;
}

/**
 * Per-CPU page lists; row = zone * cpus + cpu. A row is one record of 48 words, because a take or a free touches many of
 * them:
 *
 *   +0 count  +1 high  +2 high_min  +3 high_max  +4 batch  +5 alloc_factor  +6 free_count  +7 flags
 *   +8 zone flags  +9 pages taken, +10 pages freed since they were last counted in vmstat
 *   +16 … first page of each list       +32 … last page of each list
 *
 * pcp.ts names the offsets.
 */
export interface PcpColumns {
  readonly cpus: number;
  readonly rows: Int32Array;
}

/** Counters of /proc/vmstat: by zone, by node, and machine-wide events. vmstat.ts names the rows. */
export interface VmstatColumns {
  readonly zone: Float64Array;
  readonly node: Float64Array;
  readonly event: Float64Array;
}

/** What floor 3 sees of the kernel. */
export interface FrameState extends HwState {
  readonly page: PageRecords;
  readonly zone: ZoneColumns;
  readonly pcp: PcpColumns;
  readonly vmstat: VmstatColumns;
  /** By node * (zone rows): zones in the order an allocation on that node tries them; 0 ends the list. */
  readonly zonelist: Int32Array;
  /** By node * 4 + highest zone type: index into zonelist of the first zone an allocation may use. */
  readonly preferred: Int32Array;
  /** By cpu * 4 + highest zone type: that first zone if it is on the CPU's own node and open, else NONE. */
  readonly localZone: Int32Array;
  /** By cpu: its node. */
  readonly cpuNode: Int32Array;
  /** By pageblock (pfn >> 9): migratetype. */
  readonly pageblock: Uint8Array;
  /** By BOOT_* of zone.ts: totals in pages that boot worked out, and the number of the CPU that runs now. */
  readonly boot: Float64Array;
}
