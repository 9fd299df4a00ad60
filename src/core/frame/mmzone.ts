/**
 * The numbers of the page allocator: zone types, migratetypes, orders, flags, and the layout of a per-CPU row. A file of
 * its own, without imports, so that the bundler writes the numbers into the code that uses them.
 * Linux: include/linux/mmzone.h (6.12)   Doc: Documentation/mm/physical_memory.rst
 */

/** Zone types, from the lowest addresses up. */
export const ZONE_DMA = 0;
export const ZONE_DMA32 = 1;
export const ZONE_NORMAL = 2;
export const ZONE_MOVABLE = 3;
export const ZONES_PER_NODE = 4;

/** Block orders 0 to 10. */
export const MAX_PAGE_ORDER = 10;
export const NR_PAGE_ORDERS = 11;
export const MAX_ORDER_PAGES = 1024;

/** A pageblock has one migratetype: what kind of pages it is meant for. */
export const PAGEBLOCK_ORDER = 9;
export const PAGEBLOCK_PAGES = 512;

/** Migratetypes. The first three have per-CPU lists. */
export const MIGRATE_UNMOVABLE = 0;
export const MIGRATE_MOVABLE = 1;
export const MIGRATE_RECLAIMABLE = 2;
export const MIGRATE_PCPTYPES = 3;
export const MIGRATE_HIGHATOMIC = 3;
export const MIGRATE_ISOLATE = 4;
export const MIGRATE_TYPES = 5;

/** Zone flags: kswapd is to be told of a boost; free pages fell to the high watermark; the scheduler is to run kswapd. */
export const ZONE_BOOSTED_WATERMARK = 1;
export const ZONE_RECLAIM_ACTIVE = 2;
export const ZONE_BELOW_HIGH = 4;
export const ZONE_WAKE_KSWAPD = 8;

/** Rows of k.boot: pages managed now, pages reclaim must leave alone, the running CPU, min_free_kbytes, pages of struct page. */
export const BOOT_TOTALRAM = 0;
export const BOOT_TOTALRESERVE = 1;
export const BOOT_RUNNING_CPU = 2;
export const BOOT_MIN_FREE_KBYTES = 3;
export const BOOT_MEMMAP_PAGES = 4;
export const NR_BOOT_FACTS = 8;

/** Orders up to this have a list (Linux: PAGE_ALLOC_COSTLY_ORDER), and 2 MiB pages. */
export const COSTLY_ORDER = 3;
export const NR_PCP_LISTS = 14;

/** Words of a row: see state.ts. HEAD and TAIL have a word for each list. */
export const PCP_WORDS = 48;
export const PCP_COUNT = 0;
export const PCP_HIGH = 1;
export const PCP_HIGH_MIN = 2;
export const PCP_HIGH_MAX = 3;
export const PCP_BATCH = 4;
export const PCP_ALLOC_FACTOR = 5;
export const PCP_FREE_COUNT = 6;
export const PCP_FLAGS = 7;
export const PCP_ZONE_FLAGS = 8;
export const PCP_TAKEN = 9;
export const PCP_FREED = 10;
export const PCP_HEAD = 16;
export const PCP_TAIL = 32;
/** From the HEAD word of a list to its TAIL word. */
export const HEAD_TO_TAIL = 16;
/** Lists for orders 0 to 3. */
export const LOW_LISTS = 12;
/** A refill or a drain is at most batch << 5 pages. */
export const BATCH_SCALE_MAX = 5;

/** Flags of a row: the last free was of several pages; the cache is large enough to keep a batch of those. */
export const PCPF_PREV_FREE_HIGH_ORDER = 1;
export const PCPF_FREE_HIGH_BATCH = 2;
