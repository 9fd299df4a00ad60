/**
 * Floor 4 as data: address spaces, VMAs, reverse map, files, page cache, tasks; and the view of the kernel object
 * this floor has. State only: what acts on it and may need memory stands on floors 6 and 7.
 * Linux: include/linux/mm_types.h, rmap.h, fs.h, sched.h (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import type { AnonVma, Column, Inode, Memcg, Mm, OpenFile, Pfn, Task, Vma } from "../base/types.ts";
import type { XarrayColumns } from "../base/xarray.ts";
import type { FrameState } from "../frame/state.ts";
import type { DiskColumns } from "../hw/disk.ts";
import type { SwapColumns, ZsmallocColumns, ZswapColumns } from "./swap-state.ts";

/** Address spaces; row = Mm. Addresses are in bytes, totals in pages. mm.ts creates and frees rows. */
export interface MmColumns {
  readonly pgd: Column<Pfn>;
  readonly users: Int32Array;
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

/** Memory cgroups; row = Memcg, row 0 the root. Sizes in pages, Infinity for no limit. memcg.ts owns them. */
export interface MemcgColumns {
  /** MEMCG_FREE, MEMCG_ONLINE or MEMCG_OFFLINE of memcg.ts. */
  readonly state: Uint8Array;
  readonly parent: Column<Memcg>;
  /** Children from the oldest to the newest: first, last, next sibling. */
  readonly firstChild: Column<Memcg>;
  readonly lastChild: Column<Memcg>;
  readonly nextSibling: Column<Memcg>;
  readonly name: string[];
  /** 1: memory is in its cgroup.subtree_control, so its children are limited and charged on their own. */
  readonly subtree: Uint8Array;
  /** Pages, swap entries and children that keep the row of an offline one. */
  readonly held: Float64Array;
  /** Memory: charged with everything below it, the most that ever was, failed charges, and the four limits. */
  readonly usage: Float64Array;
  readonly watermark: Float64Array;
  readonly failcnt: Float64Array;
  readonly min: Float64Array;
  readonly low: Float64Array;
  readonly high: Float64Array;
  readonly max: Float64Array;
  /** Swap: charged, the most that ever was, limits. */
  readonly swapUsage: Float64Array;
  readonly swapWatermark: Float64Array;
  /** Slots that its limit refused. */
  readonly swapFailcnt: Float64Array;
  readonly swapHigh: Float64Array;
  readonly swapMax: Float64Array;
  /** Pages of the kernel's own, charged to it alone: page tables (Linux: MEMCG_KMEM). */
  readonly kmem: Float64Array;
  /** Most that zswap may hold of it, in pages, and whether zswap may write to the disk for it. */
  readonly zswapMax: Float64Array;
  readonly zswapWriteback: Uint8Array;
  /** Effective protection as reclaim worked it out last, and what children claim of it (Linux: struct page_counter). */
  readonly emin: Float64Array;
  readonly elow: Float64Array;
  readonly minUsage: Float64Array;
  readonly lowUsage: Float64Array;
  readonly childrenMinUsage: Float64Array;
  readonly childrenLowUsage: Float64Array;
  /** 1: an OOM kill in it takes every task (Linux: memory.oom.group). */
  readonly oomGroup: Uint8Array;
  /** By memcg * NR_MEMCG_EVENTS + MEMCG_*: events of its own, and with those below it (memory.events). */
  readonly eventLocal: Float64Array;
  readonly event: Float64Array;
  /** By lruvec * NR_NODE_ITEMS + item: pages charged to it alone, as k.vmstat.node counts them. Nothing for the root. */
  readonly node: Float64Array;
  /** By memcg * NR_EVENTS + event: the events of k.vmstat.event that memory.stat shows, its own alone. Nothing for the root. */
  readonly vmEvent: Float64Array;
  /** By lruvec: the memcg at which a partial walk of reclaim goes on (Linux: mem_cgroup_reclaim_iter). */
  readonly iter: Column<Memcg>;
  /** By CPU: the memcg whose charged pages it keeps to hand out, and how many (Linux: memcg_stock_pcp). */
  readonly stockMemcg: Column<Memcg>;
  readonly stockPages: Int32Array;
  /** [0] first row never used, [1] rows in use. */
  readonly rows: Int32Array;
  /** [0]: 1 when memory is in a hierarchy of version 1 (memcg-v1.ts). */
  readonly legacy: Uint8Array;
  /** Version 1 counts memory and swap together: charged, the most that ever was, failed charges, limit. */
  readonly memsw: Float64Array;
  readonly memswWatermark: Float64Array;
  readonly memswFailcnt: Float64Array;
  readonly memswMax: Float64Array;
  /** Version 1: where reclaim of the machine begins, in pages; vm.swappiness of its own; 1: no OOM kill, tasks wait. */
  readonly softLimit: Float64Array;
  readonly swappiness: Uint8Array;
  readonly oomKillDisable: Uint8Array;
}

/** What memory cgroups of version 1 are watched for, and their places by soft limit; memcg-watch.ts owns them. */
export interface MemcgWatchColumns {
  /** By memcg * CPUs + CPU: pages charged and uncharged, going round at 2^32; by that * 2: at which count to look next. */
  readonly pageEvents: Int32Array;
  readonly targets: Int32Array;
  /** By lruvec: pages above the soft limit when it was put in its place by them (0: it has none), and the turn it was. */
  readonly softExcess: Float64Array;
  readonly softTurn: Float64Array;
  /** By memcg * 2: pages that reclaim for it looked at since its pressure was told last, and pages it freed. */
  readonly pressure: Float64Array;
  /** By watch: WATCH_* (0: a free row), on which cgroup, its threshold in pages or least level, whose pressure counts. */
  readonly kind: Uint8Array;
  readonly memcg: Column<Memcg>;
  readonly level: Float64Array;
  readonly mode: Uint8Array;
  /** By watch: 1 when usage was at or above the threshold at the last look; events since they were read last. */
  readonly isAbove: Uint8Array;
  readonly signals: Float64Array;
  /** [0] first watch never used, [1] the last turn given. */
  readonly rows: Float64Array;
}

/** What is remembered of evicted file pages, by row; the page cache tree holds -row in the place of such a page. */
export interface ShadowColumns {
  readonly value: Float64Array;
  /** [0] first row never used, [1] first free row (chained by value). */
  readonly rows: Int32Array;
  /** By node of the page cache trees: shadows in it, the lruvec it is charged to, and while it is on a list its file and neighbours. */
  readonly nodeShadows: Uint8Array;
  readonly nodeLruvec: Int32Array;
  readonly nodeOwner: Int32Array;
  readonly nodeNext: Int32Array;
  readonly nodePrev: Int32Array;
  /** By lruvec: nodes that hold shadows alone, oldest first. */
  readonly listHead: Int32Array;
  readonly listTail: Int32Array;
  readonly listCount: Int32Array;
}

/** Files. Names are strings: nothing here is touched by an access. file.ts owns inodes and open files. */
export interface FileColumns {
  /** By Inode. */
  readonly path: string[];
  readonly dev: Int32Array;
  readonly ino: Float64Array;
  readonly sizeBytes: Float64Array;
  readonly mode: Int32Array;
  readonly linkCount: Int32Array;
  readonly openCount: Int32Array;
  /** Root of the page cache tree (base/xarray.ts), pages in it, first VMA that maps the inode. */
  readonly pages: Int32Array;
  readonly nrPages: Int32Array;
  readonly firstVma: Column<Vma>;
  /** Writable shared mappings (Linux: i_mmap_writable). */
  readonly writableMaps: Int32Array;
  /** What an unread page of the file contains: a word that index is mixed into, or NONE for zeros. */
  readonly contentSeed: Int32Array;
  /** Row of the disk it lies on, and how many bytes from its start were there before anything wrote to it. */
  readonly disk: Uint8Array;
  readonly diskBytes: Float64Array;
  /** Root of the tree of blocks written back since (page index -> block of hw/disk.ts). */
  readonly blocks: Int32Array;
  /** Pages that are dirty, pages under write-back, and the writer (write-back row) that all of them are counted on. */
  readonly dirtyPages: Int32Array;
  readonly writebackPages: Int32Array;
  readonly writer: Int32Array;
  /** Which of its writer's lists the inode is on (0: none, else 1 + WB_* of writeback.ts), its neighbours, since when it is dirty. */
  readonly writerList: Uint8Array;
  readonly nextDirty: Column<Inode>;
  readonly prevDirty: Column<Inode>;
  readonly dirtiedNs: Float64Array;
  /** Page at which write-back of a part of the file goes on (Linux: writeback_index), and writes that failed so far. */
  readonly writebackIndex: Float64Array;
  readonly writeErrors: Int32Array;
  /** As many of them as some open file has been told of: who opens the file later need not be told (Linux: ERRSEQ_SEEN). */
  readonly errorsTold: Int32Array;
  /** 0, or what kind of shared memory it is (SHMEM_* of shmem.ts); its pages that are in swap. */
  readonly shmem: Uint8Array;
  readonly swapped: Int32Array;
  /** [0] first inode never used, [1] first open file never used, [2] first free open file (chained by `inode`), [3] first free inode (by `nextDirty`). */
  readonly rows: Int32Array;
  /** By OpenFile. */
  readonly inode: Column<Inode>;
  readonly openFlags: Int32Array;
  readonly position: Float64Array;
  readonly refcount: Int32Array;
  /** Read-ahead window of the open file, in pages (Linux: struct file_ra_state). */
  readonly raStart: Float64Array;
  readonly raSize: Int32Array;
  readonly raAsyncSize: Int32Array;
  readonly raPages: Int32Array;
  readonly raMmapMiss: Int32Array;
  readonly raPrevPos: Float64Array;
  /** Failed writes of the inode that this open file has been told of (Linux: f_wb_err). */
  readonly errorsSeen: Int32Array;
}

/**
 * Writers: what keeps the dirty files of one disk and one memory cgroup; row = disk * cgroups + cgroup. writeback.ts owns
 * them, reclaim/flusher.ts is the kernel's thread that writes.
 */
export interface WritebackColumns {
  readonly memcgs: number;
  /** By writer * 3 + WB_*: newest and oldest inode of the list. */
  readonly newest: Column<Inode>;
  readonly oldest: Column<Inode>;
  /** By writer: pages dirty, under write-back, and how many there ever were of both. */
  readonly dirty: Float64Array;
  readonly writeback: Float64Array;
  readonly dirtied: Float64Array;
  readonly written: Float64Array;
  /** By writer: when its thread runs next (Infinity: not at all), and the least of all of them in [0]. */
  readonly runNs: Float64Array;
  readonly firstRunNs: Float64Array;
  /** By writer: what the thread does (WORK_* of writeback.ts), what was asked of it, pages left, and what is old enough to be written. */
  readonly work: Uint8Array;
  readonly asked: Uint8Array;
  readonly workPages: Float64Array;
  readonly workBeforeNs: Float64Array;
  /** By writer: when the thread looked for old data last. */
  readonly lastOldNs: Float64Array;
  /** By writer, in pages a second: what it writes, the same smoothed, what it lets those dirty who wait, and what would be in balance. */
  readonly bandwidth: Float64Array;
  readonly avgBandwidth: Float64Array;
  readonly rate: Float64Array;
  readonly balancedRate: Float64Array;
  /** By writer: when these were worked out last, from how many pages dirtied and written, and 1 while it is above its limit. */
  readonly rateNs: Float64Array;
  readonly dirtiedThen: Float64Array;
  readonly writtenThen: Float64Array;
  readonly exceeded: Uint8Array;
  /** By writer * 2 + 0 in the machine's domain, 1 in its cgroup's: pages written, halved every period, and the period of that. */
  readonly share: Float64Array;
  readonly sharePeriod: Float64Array;
  /** By domain (cgroup, 0 the machine): the same of all its writers, and when its period began (0: nothing is written). */
  readonly domainShare: Float64Array;
  readonly domainPeriod: Float64Array;
  readonly domainPeriodNs: Float64Array;
  /** By domain: the limit that follows the threshold up at once and down slowly, and when it did last. */
  readonly dirtyLimit: Float64Array;
  readonly dirtyLimitNs: Float64Array;
}

/** Tasks; row = Task. task.ts creates and frees rows and names the states. */
export interface TaskColumns {
  readonly pid: Int32Array;
  readonly tgid: Int32Array;
  readonly parent: Column<Task>;
  readonly firstChild: Column<Task>;
  readonly nextSibling: Column<Task>;
  readonly mm: Column<Mm>;
  /** TASK_* of task.ts. */
  readonly state: Uint8Array;
  readonly cpu: Int32Array;
  readonly nice: Int8Array;
  /** Wait status as wait4 gives it, once the task is a zombie. */
  readonly exitCode: Int32Array;
  /** What a BLOCKED task waits for: a disk request row, WAIT_* of task.ts, or NONE; and until when (Infinity: not known). */
  readonly waitRow: Int32Array;
  readonly waitUntilNs: Float64Array;
  /** 1 when what it waits for is a page of the working set that was reclaimed: the wait is a memory stall. */
  readonly isThrashing: Uint8Array;
  readonly minFlt: Float64Array;
  readonly majFlt: Float64Array;
  readonly cMinFlt: Float64Array;
  readonly cMajFlt: Float64Array;
  readonly utimeNs: Float64Array;
  readonly stimeNs: Float64Array;
  readonly startNs: Float64Array;
  /** Virtual runtime weighed by nice, in ns: the runnable task with the least runs next. */
  readonly vruntime: Float64Array;
  /** Row of the descriptor table; by fdTable * FDS + fd: OpenFile. */
  readonly fdTable: Int32Array;
  readonly fds: Column<OpenFile>;
  readonly fdTableUsers: Int32Array;
  readonly comm: string[];
  /** What a fault that is retried after a wait must remember: RETRY_* bits of vm/fault-flags.ts (Linux: FAULT_FLAG_TRIED). */
  readonly faultTried: Uint8Array;
  /** Previous sibling; and the thread group as a ring of tasks, each knowing the next. */
  readonly prevSibling: Column<Task>;
  readonly nextThread: Column<Task>;
  /** Signal sent to the parent at the end (SIGCHLD), 0 for none; -1 in threads. */
  readonly exitSignal: Int32Array;
  /** By leader: threads alive, 1 when the group exits as a whole, and the wait status that it then has. */
  readonly liveThreads: Int32Array;
  readonly groupExit: Uint8Array;
  readonly groupExitCode: Int32Array;
  /** By leader: faults and times of threads that are gone; times of children waited for. */
  readonly goneMinFlt: Float64Array;
  readonly goneMajFlt: Float64Array;
  readonly goneUtimeNs: Float64Array;
  readonly goneStimeNs: Float64Array;
  readonly cUtimeNs: Float64Array;
  readonly cStimeNs: Float64Array;
  /** When the task was given its CPU, and when its turn ends if others wait. */
  readonly runStartNs: Float64Array;
  readonly runEndNs: Float64Array;
  /** Address of the word to clear when the thread ends (Linux: clear_child_tid), or 0. */
  readonly clearChildTid: Float64Array;
  /** The task that waits in vfork for this one to exec or exit, or NONE. */
  readonly vforkParent: Column<Task>;
  /** Process group, inherited. */
  readonly pgrp: Int32Array;
  /** Wait status of the child that the task's last wait4 returned. */
  readonly waitStatus: Int32Array;
  /** By leader, in pages: largest resident size of its own, and of the children it waited for (Linux: maxrss, cmaxrss). */
  readonly maxRss: Float64Array;
  readonly cMaxRss: Float64Array;
  /** By task * 8, what that child used: user ns, system ns, maxrss kB, minor and major faults, voluntary and other switches. */
  readonly reaped: Float64Array;
  /** Times it left its CPU because it had to wait, and because its turn was over (Linux: nvcsw, nivcsw). */
  readonly voluntarySwitches: Float64Array;
  readonly involuntarySwitches: Float64Array;
  /** User time on the machine when the task was given its CPU. */
  readonly runUserNs: Float64Array;
  /** By CPU: the task that ran there last. */
  readonly cpuTask: Column<Task>;
  /**
   * [0] first row never used, [1] first free row (chained by `nextThread`), [2] last pid given, [3] tasks, [4] the task init,
   * [5] last place given in a cgroup, [6] 1 when some task was sent a fatal signal,
   * [7] 1 when some task may wait for memory that nobody is killed for.
   */
  readonly rows: Int32Array;
  /** Progress of a call that waits midway (bytes read so far). */
  readonly progress: Float64Array;
  /** Where a call that waits midway in one of several steps is: the step, or the place that it is about. */
  readonly step: Float64Array;
  /** The vpn at which a MAP_POPULATE waits, or 0. */
  readonly populated: Float64Array;
  /** The cgroup it is in (memcg-task.ts), and its faults when it came there: the cgroup has counted those before. */
  readonly memcg: Column<Memcg>;
  readonly countedFaults: Float64Array;
  /** Pages charged above memory.high that the task has not made good for yet (Linux: memcg_nr_pages_over_high). */
  readonly overHigh: Int32Array;
  /** Pages of files it made dirty since it was looked at for that, and after how many it is looked at next (Linux: nr_dirtied_pause). */
  readonly dirtied: Int32Array;
  readonly dirtiedPause: Int32Array;
  /** Tick at which its last sleep for dirty pages ended (Linux: dirty_paused_when). */
  readonly pausedTick: Float64Array;
  /** By leader: what is asked of the choice of a victim when memory is out, -1000 to 1000; inherited. */
  readonly oomScoreAdj: Int32Array;
  /** The signal that ends the task as soon as it would run again (Linux: a pending SIGKILL), or 0. */
  readonly fatalSignal: Uint8Array;
  /** By leader: 1 when it was killed to get memory back (Linux: signal->oom_mm). */
  readonly oomVictim: Uint8Array;
  /** The cgroup whose lack of memory the task waits out because nobody may be killed for it, or ROOT_MEMCG (Linux: memcg_in_oom). */
  readonly memcgInOom: Column<Memcg>;
  /** By leader: 1 while its memory is filled on its own behalf, so that it is the one to kill (Linux: oom_flag_origin). */
  readonly oomOrigin: Uint8Array;
  /** By leader: its place among the processes of its cgroup, in the order in which they came there. */
  readonly cgroupPlace: Float64Array;
}

/** What floor 4 sees of the kernel. */
export interface SpaceState extends FrameState {
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
  readonly shadow: ShadowColumns;
  readonly file: FileColumns;
  /** Nodes of all page cache trees (base/xarray.ts). */
  readonly xarray: XarrayColumns;
  readonly disk: DiskColumns;
  readonly writeback: WritebackColumns;
  readonly task: TaskColumns;
}
