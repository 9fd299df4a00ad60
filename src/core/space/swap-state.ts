/**
 * Floor 4 as data, swap: areas and their slots, the pools of compressed pages, and what zswap and zram keep in them.
 * Linux: mm/swapfile.c, mm/zsmalloc.c, mm/zswap.c, drivers/block/zram/zram_drv.h (6.12)   Doc: Documentation/mm/zsmalloc.rst
 */
import type { Column, Memcg } from "../base/types.ts";

/** Swap areas by type, their slots by row, clusters of slots. swap.ts owns them, swap-cache.ts the pages in memory. */
export interface SwapColumns {
  /** By type: SWP_* of swap.ts, priority, pages with the header, slots in use, row of slot 0, disk, path of the area. */
  readonly flags: Uint8Array;
  readonly prio: Int32Array;
  readonly pages: Int32Array;
  readonly inuse: Int32Array;
  readonly base: Int32Array;
  readonly disk: Uint8Array;
  readonly path: string[];
  /** By row * 8: the slots, records of 8 words (SLOT_* of swap.ts), because a fault looks at most of them. */
  readonly slot: Int32Array;
  /** By cluster (row >> 9): slots in use, its neighbours on a list, and which list. */
  readonly clusterCount: Uint16Array;
  readonly clusterNext: Int32Array;
  readonly clusterPrev: Int32Array;
  readonly clusterState: Uint8Array;
  /** By type * 2 + 0 for free clusters, 1 for those with holes. */
  readonly listHead: Int32Array;
  readonly listTail: Int32Array;
  /** By type * cpus + cpu: the row at which the CPU goes on, or 0. */
  readonly current: Int32Array;
  /** By cpu * 64: slots a CPU has taken to hand out, and slots it will give back; by cpu * 3: the next one, how many of each. */
  readonly handOut: Int32Array;
  readonly handBack: Int32Array;
  readonly handCounts: Int32Array;
  /** The slots that were taken last, on their way to where they are kept. */
  readonly taken: Int32Array;
  /** SWAP_* of swap.ts. */
  readonly state: Float64Array;
}

/** Compressed objects of zswap and zram, the groups of frames they lie in, pools by number. zsmalloc.ts owns them. */
export interface ZsmallocColumns {
  /** By object * 8 and by group * 8: OBJ_* and ZSP_* of zsmalloc.ts. */
  readonly object: Int32Array;
  readonly zspage: Int32Array;
  /** By (pool * classes + class) * 12 + fullness: first group of the list. */
  readonly head: Int32Array;
  /** By (pool * classes + class) * 2: objects there is room for, objects there are. */
  readonly objects: Int32Array;
  /** By pool: frames, and frames that compaction has freed so far. */
  readonly pages: Float64Array;
  readonly compacted: Float64Array;
  /** Objects: [0] first row never used, [1] first free row (chained by OBJ_NEXT); groups: [2] and [3] the same. */
  readonly rows: Int32Array;
  /** Bytes of the page that is being compressed; frames on their way to a group. */
  readonly scratch: Uint8Array;
  readonly taken: Int32Array;
}

/** zram: disks whose pages lie compressed in memory. zram.ts owns it. */
export interface ZramColumns {
  /** By row of a swap slot: the object of zsmalloc that its page is kept as on a zram device, ZRAM_SAME, or NONE. */
  readonly entry: Int32Array;
  /** By type of swap area: the device it lies on plus 1, or 0. */
  readonly ofArea: Uint8Array;
  /** By device * 16: ZRAM_* of zram.ts. */
  readonly device: Float64Array;
  /** [0] devices there are. */
  readonly count: Int32Array;
}

/** zswap: pages on their way to swap that are kept in memory instead, compressed. zswap.ts owns it. */
export interface ZswapColumns {
  /** By row of a swap slot: its compressed page's object, or NONE. */
  readonly entry: Int32Array;
  /** By lruvec: compressed pages, oldest first, chained by OBJ_LRU_NEXT; how many; reads of the disk the shrinker has to make good for. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly size: Int32Array;
  readonly diskSwapins: Float64Array;
  /** By memcg, its own: bytes and number of compressed pages; pages charged for them, and bytes of those that no CPU holds and nothing uses. */
  readonly bytes: Float64Array;
  readonly stored: Float64Array;
  readonly charged: Float64Array;
  readonly left: Float64Array;
  /** By CPU: the cgroup whose charged bytes it keeps, and how many (Linux: memcg_stock_pcp.cached_objcg). */
  readonly stockMemcg: Column<Memcg>;
  readonly stockBytes: Float64Array;
  /** ZSWAP_* of zswap.ts. */
  readonly state: Float64Array;
}
