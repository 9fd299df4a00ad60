/**
 * Floor 4 as data: address spaces, VMAs, reverse map, LRU lists; and the view of the kernel object this floor has
 * (files, memory cgroups, swap and tasks have files of their own). State only: what acts on it and may need memory
 * stands on floors 6 and 7.
 * Linux: include/linux/mm_types.h, rmap.h, mmzone.h (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import type { AnonVma, Column, Memcg, Mm, OpenFile, Pfn, Vma } from "../base/types.ts";
import type { XarrayColumns } from "../base/xarray.ts";
import type { FrameState } from "../frame/state.ts";
import type { DiskColumns } from "../hw/disk.ts";
import type { FileColumns, ShadowColumns, WritebackColumns } from "./file-state.ts";
import type { KmemColumns, MemcgColumns, MemcgWatchColumns } from "./memcg-state.ts";
import type { SwapColumns, ZramColumns, ZsmallocColumns, ZswapColumns } from "./swap-state.ts";
import type { TaskColumns } from "./task-state.ts";

/** Address spaces; row = Mm. Addresses are in bytes, totals in pages. mm.ts creates and frees rows. */
export interface MmColumns {
  readonly pgd: Column<Pfn>;
  readonly users: Int32Array;
  /** The cgroup that the address space itself, as an object of the kernel, is charged to. */
  readonly charged: Int32Array;
  /** First and last VMA by address, root of the VMA tree, number of VMAs, and the VMA found last. */
  readonly firstVma: Column<Vma>;
  readonly lastVma: Column<Vma>;
  readonly vmaRoot: Column<Vma>;
  readonly mapCount: Int32Array;
  readonly cachedVma: Column<Vma>;
  readonly totalVm: Float64Array;
  readonly dataVm: Float64Array;
  readonly execVm: Float64Array;
  readonly stackVm: Float64Array;
  readonly lockedVm: Float64Array;
  readonly hiwaterRss: Float64Array;
  readonly hiwaterVm: Float64Array;
  readonly pgtablesBytes: Float64Array;
  readonly startCode: Float64Array;
  readonly endCode: Float64Array;
  readonly startData: Float64Array;
  readonly endData: Float64Array;
  readonly startBrk: Float64Array;
  readonly brk: Float64Array;
  readonly startStack: Float64Array;
  readonly argStart: Float64Array;
  readonly argEnd: Float64Array;
  readonly envStart: Float64Array;
  readonly envEnd: Float64Array;
  readonly mmapBase: Float64Array;
  /** Where bottom-up searches begin (Linux: mmap_legacy_base), and LAYOUT_* bits of vma.ts: how areas are placed. */
  readonly mmapLegacyBase: Float64Array;
  readonly layout: Uint8Array;
  readonly vdso: Float64Array;
  readonly exeFile: Column<OpenFile>;
  /** By mm * 64 + cpu >> 5 …: CPUs that may hold translations of this mm (Linux: mm_cpumask), 32 to a word. */
  readonly cpuMask: Int32Array;
  /** By mm * 4 + MM_FILEPAGES | MM_ANONPAGES | MM_SWAPENTS | MM_SHMEMPAGES: the shared half of the per-CPU counter, which is what /proc prints (Linux: percpu_counter.count). */
  readonly rssShared: Int32Array;
  /** By (mm * 4 + member) * cpus + cpu: what that CPU has not folded into the shared half yet. */
  readonly rssDelta: Int32Array;
  /** Never reused name of the address space, and how often its translations were flushed (Linux: mm_context_t). */
  readonly contextId: Float64Array;
  readonly tlbGen: Float64Array;
  /** Free rows, a stack; [0] rows on it, [1] first row never used, [2] the last context id given. */
  readonly freeRows: Int32Array;
  readonly rowCount: Int32Array;
  /** The memory cgroup that the address space's pages are charged to (Linux: that of mm->owner). */
  readonly memcg: Column<Memcg>;
  /** MM_* bits of mm.ts; and when the reaper looks at it, in ns, or 0. */
  readonly oomFlags: Uint8Array;
  readonly reapNs: Float64Array;
}

/** VMAs; row = Vma. vma.ts creates and frees rows and has the flag bits; vma-tree.ts keeps them in order. */
export interface VmaColumns {
  /** [0] first free row (chained by `next`), [1] first row never used, [2] rows in use. */
  readonly rows: Int32Array;
  readonly mm: Column<Mm>;
  /** Virtual page numbers: [start, end). */
  readonly start: Float64Array;
  readonly end: Float64Array;
  /** VM_* bits. */
  readonly flags: Int32Array;
  /** Page index of `start` in the file; for private anonymous memory the vpn it was created at. */
  readonly pgoff: Float64Array;
  readonly file: Column<OpenFile>;
  readonly anonVma: Column<AnonVma>;
  /** First anon_vma chain row of this VMA. */
  readonly anonVmaChain: Int32Array;
  /** Neighbours by address. */
  readonly prev: Column<Vma>;
  readonly next: Column<Vma>;
  /** Balanced tree ordered by address, each node with the largest gap below any VMA of its subtree, in pages. */
  readonly left: Column<Vma>;
  readonly right: Column<Vma>;
  readonly parent: Column<Vma>;
  readonly height: Int32Array;
  readonly gap: Float64Array;
  /** Neighbours in the list of all VMAs that map the same inode (Linux: i_mmap). */
  readonly prevShared: Column<Vma>;
  readonly nextShared: Column<Vma>;
  /** 0 or one of the kinds of vma.ts: VMA_VDSO, VMA_VVAR: special mappings with a name of their own. */
  readonly special: Uint8Array;
  /** Read-ahead of swap: the vpn that faulted last, the window, pages read ahead and used since (Linux: swap_readahead_info). */
  readonly swapRaVpn: Float64Array;
  readonly swapRaWindow: Uint8Array;
  readonly swapRaHits: Uint8Array;
  /** The cgroup that the VMA, as an object of the kernel, is charged to. */
  readonly charged: Int32Array;
  /** Faults taken here, for reports. */
  readonly minorFaults: Float64Array;
  readonly majorFaults: Float64Array;
}

/** anon_vma rows and anon_vma_chain rows. rmap.ts owns them. */
export interface AnonVmaColumns {
  readonly root: Column<AnonVma>;
  readonly parent: Column<AnonVma>;
  readonly refcount: Int32Array;
  readonly numChildren: Int32Array;
  readonly numActiveVmas: Int32Array;
  /** First chain row of this anon_vma. */
  readonly firstChain: Int32Array;
  /** The cgroup that the anon_vma is charged to, and that a chain row is. */
  readonly charged: Int32Array;
  readonly chainCharged: Int32Array;
  /** Chain rows. */
  readonly chainVma: Column<Vma>;
  readonly chainAnonVma: Column<AnonVma>;
  /** Next chain of the same VMA; next and previous chain of the same anon_vma. */
  readonly chainNextSameVma: Int32Array;
  readonly chainNext: Int32Array;
  readonly chainPrev: Int32Array;
  /** Free rows of both tables, as stacks; counts: [0] and [2] rows on the stacks, [1] and [3] first rows never used. */
  readonly freeRows: Int32Array;
  readonly freeChains: Int32Array;
  readonly rowCount: Int32Array;
}

/**
 * LRU lists of every memory cgroup on every node, and the per-CPU batches in front of them. A lruvec is memcg * nodes +
 * node. lru-list.ts owns the lists, lruvec.ts the batches.
 */
export interface LruvecColumns {
  readonly nodes: number;
  /** By lruvec * NR_LRU_LISTS + LRU_*: first and last page of the list, and its length. */
  readonly head: Int32Array;
  readonly tail: Int32Array;
  readonly size: Int32Array;
  /** By (lruvec * 4 + zone type) * NR_LRU_LISTS + LRU_*: the part of the length that lies in that zone. */
  readonly zoneSize: Int32Array;
  /** By lruvec: what reclaim of anonymous and of file pages has cost lately (Linux: anon_cost, file_cost). */
  readonly anonCost: Float64Array;
  readonly fileCost: Float64Array;
  /** By lruvec: evictions and activations so far (Linux: nonresident_age). */
  readonly nonresidentAge: Float64Array;
  /** By lruvec * 2 + 0 for anonymous, 1 for file pages: activations on refault when reclaim ran last (Linux: refaults). */
  readonly refaults: Float64Array;
  /** By lruvec * 9: sums as of the last flush, and when the next one is due (memcg-flush.ts). */
  readonly flushed: Float64Array;
  readonly nextFlushNs: Float64Array;
  /** By lruvec and shrinker (reclaim/shrinker.ts): objects it should have looked at and has not. */
  readonly deferred: Float64Array;
  /** By lruvec: LRUVEC_* bits of lru-list.ts. */
  readonly flags: Uint8Array;
  /** By (cpu * NR_LRU_BATCHES + batch) * 32: pages in the batch, then their pfns (Linux: struct folio_batch). */
  readonly batch: Int32Array;
  /** [0]: what folioReferenced found out besides (rmap-walk.ts). */
  readonly referencedFlags: Int32Array;
  /** Pages on their way to the allocator, used by one call at a time. */
  readonly gather: Int32Array;
  /** The unmapping under way (Linux: mmu_gather); zap.ts names the fields. */
  readonly gatherRange: Float64Array;
  /** The run of pages alike that it is at; zap-run.ts names the words. */
  readonly zapRun: Int32Array;
}

/**
 * The multi-generational LRU. A lruvec's four generations have a list for each kind (anonymous, file) and zone type.
 * lru-gen.ts owns pages and lists, lru-gen-walk.ts the walks of address spaces and their Bloom filters, lru-gen-memcg.ts
 * the order of memory cgroups.
 */
export interface LruGenColumns {
  /** By pfn: generation + 1, counted uses, list (lru-gen.ts). */
  readonly page: Uint8Array;
  /** [IN_FAULT]: 1 in a fault on memory whose uses count; [HAS_WALK]: 1 while reclaim has walked page tables; [2]: 1 while MGLRU is on. */
  readonly state: Uint8Array;
  /** By lruvec: number of the youngest generation; by lruvec * 2 + kind: of the oldest. */
  readonly maxSeq: Int32Array;
  readonly minSeq: Int32Array;
  /** By lruvec * 4 + generation: when it began. */
  readonly birthNs: Float64Array;
  /** By genRow of lru-gen.ts: first and last page of a list, and pages of that generation wherever they lie. */
  readonly head: Column<Pfn>;
  readonly tail: Column<Pfn>;
  readonly nrPages: Int32Array;
  /** By lruvec * 8 + kind * 4 + tier: moving averages over the generations evicted, and counts of the one being evicted. */
  readonly avgRefaulted: Float64Array;
  readonly avgTotal: Float64Array;
  readonly protectedPages: Float64Array;
  readonly evicted: Float64Array;
  readonly refaulted: Float64Array;
  /** By lruvec: generation the last walk ended with; where a walk goes on and where the last ended (0: nowhere, 1: the list's end, mm + 1). */
  readonly walkSeq: Int32Array;
  readonly walkHead: Int32Array;
  readonly walkTail: Int32Array;
  /** By lruvec * 4 + MM_*: what walks have met. */
  readonly walkStats: Float64Array;
  /** By lruvec * 2 + filter: the bits, and whether the filter was ever made. */
  readonly filter: Int32Array;
  readonly hasFilter: Uint8Array;
  /** Address spaces of a cgroup in the order they came (0: none), and the cgroup + 1 of an address space on such a list. */
  readonly firstMm: Column<Mm>;
  readonly lastMm: Column<Mm>;
  readonly mmNext: Column<Mm>;
  readonly mmPrev: Column<Mm>;
  readonly mmMemcg: Int32Array;
  /** By mm * nodes + node: the address space has run since it was walked last. */
  readonly mmUsed: Uint8Array;
  /** By the same: when it was walked last. */
  readonly mmWalkedNs: Float64Array;
  /** By node: number of the older generation of cgroups; by node * 3 + generation: cgroups in it. */
  readonly fifoSeq: Int32Array;
  readonly fifoCount: Int32Array;
  /** By (node * 3 + generation) * 8 + bin: first and last lruvec + 1 of the bin. */
  readonly fifoHead: Int32Array;
  readonly fifoTail: Int32Array;
  /** By lruvec: its neighbours + 1, the bin's row + 1 (0: in none), and MEMCG_LRU_HEAD or MEMCG_LRU_TAIL. */
  readonly fifoNext: Int32Array;
  readonly fifoPrev: Int32Array;
  readonly fifoPlace: Int32Array;
  readonly fifoSegment: Uint8Array;
}

/** Slabs of xarray nodes (node-slab.ts says more). */
export interface NodeSlabColumns {
  /** By row of a swap slot >> 6, >> 12, >> 14: slots in use below that node, nodes in use below it. */
  readonly leaf: Uint8Array;
  readonly node: Uint8Array;
  readonly tree: Uint8Array;
  /** [0] nodes of the swap cache, [1] nodes in `xarray` that Linux does not have, [2] slabs, [3] nodes that fit into them. */
  readonly state: Int32Array;
  /** By slab: its first frame; the newest is last. */
  readonly slab: Int32Array;
}

/** What floor 4 sees of the kernel. */
export interface SpaceState extends FrameState {
  readonly kmem: KmemColumns;
  readonly mm: MmColumns;
  readonly vma: VmaColumns;
  readonly anonVma: AnonVmaColumns;
  readonly lruvec: LruvecColumns;
  readonly lruGen: LruGenColumns;
  readonly memcg: MemcgColumns;
  readonly memcgWatch: MemcgWatchColumns;
  /** By pfn: the memory cgroup the page is charged to. */
  readonly pageMemcg: Uint16Array;
  readonly swap: SwapColumns;
  readonly zsmalloc: ZsmallocColumns;
  readonly zswap: ZswapColumns;
  readonly zram: ZramColumns;
  readonly shadow: ShadowColumns;
  readonly nodeSlab: NodeSlabColumns;
  readonly file: FileColumns;
  /** Nodes of all page cache trees (base/xarray.ts). */
  readonly xarray: XarrayColumns;
  readonly disk: DiskColumns;
  readonly writeback: WritebackColumns;
  readonly task: TaskColumns;
}
