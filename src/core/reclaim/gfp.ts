/**
 * GFP flags: how an allocation may be done. The low four bits choose the highest zone, two bits the migratetype, the
 * rest how hard the allocator tries and what it may touch on the way.
 * Linux: include/linux/gfp_types.h, gfp.h (6.12)   Doc: Documentation/core-api/memory-allocation.rst
 */
/** Zones: below 16 MiB; highmem (none on x86-64); below 4 GiB; may live in ZONE_MOVABLE, and can be moved. */
export const __GFP_DMA = 0x1;
export const __GFP_HIGHMEM = 0x2;
export const __GFP_DMA32 = 0x4;
export const __GFP_MOVABLE = 0x8;
/** Groups the page with others that a shrinker can free. */
export const __GFP_RECLAIMABLE = 0x10;
/** May use half of the minimum reserve. */
export const __GFP_HIGH = 0x20;
/** May start I/O; may call into a file system. */
export const __GFP_IO = 0x40;
export const __GFP_FS = 0x80;
/** The page comes filled with zeros. */
export const __GFP_ZERO = 0x100;
/** May wait for reclaim; may wake kswapd. */
export const __GFP_DIRECT_RECLAIM = 0x400;
export const __GFP_KSWAPD_RECLAIM = 0x800;
/** The caller is about to dirty the page. */
export const __GFP_WRITE = 0x1000;
/** What to do when memory is short: no message, try harder, never fail, give up early. */
export const __GFP_NOWARN = 0x2000;
export const __GFP_RETRY_MAYFAIL = 0x4000;
export const __GFP_NOFAIL = 0x8000;
export const __GFP_NORETRY = 0x10000;
/** May use all reserves; forms one compound page; may use no reserves whatever the task is. */
export const __GFP_MEMALLOC = 0x20000;
export const __GFP_COMP = 0x40000;
export const __GFP_NOMEMALLOC = 0x80000;
/** Keeps to the cpuset; keeps to the node; is charged to the memory cgroup. */
export const __GFP_HARDWALL = 0x100000;
export const __GFP_THISNODE = 0x200000;
export const __GFP_ACCOUNT = 0x400000;

/** May reclaim in both ways. */
export const __GFP_RECLAIM = 0xc00;
/** From interrupt context: cannot wait, may use reserves. */
export const GFP_ATOMIC = 0x820;
/** The kernel's own use. */
export const GFP_KERNEL = 0xcc0;
export const GFP_KERNEL_ACCOUNT = 0x400cc0;
/** Cannot wait, uses no reserves, and its failure is normal. */
export const GFP_NOWAIT = 0x2800;
export const GFP_NOIO = 0xc00;
export const GFP_NOFS = 0xc40;
/** On behalf of a process, but not movable. */
export const GFP_USER = 0x100cc0;
export const GFP_HIGHUSER = 0x100cc2;
/** Anonymous and page cache pages. */
export const GFP_HIGHUSER_MOVABLE = 0x100cca;
/** Page tables of a process: zeroed and charged. */
export const GFP_PGTABLE_USER = 0x400dc0;
/** Flags of an allocation that say how it may reclaim. */
export const GFP_RECLAIM_MASK = 0x13fe0 | 0xc00 | 0x8000 | 0xa0000;
