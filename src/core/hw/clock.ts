/**
 * Virtual time: what each primitive costs and what the time was spent on.
 *
 * `k.clock.ns[0]` is the running CPU's now. Everything that takes time adds its cost there and to one cause, so the
 * causes of a run add up to its length. The costs are of one machine class (a 3 GHz server core); each says where it
 * is from. "bench" means `npm run bench` (tools/bench) on a virtual machine with Linux 6.18, median, per page.
 * Linux: kernel/sched/cputime.c (6.12)   Doc: docs/map.md
 */
import type { Machine } from "./machine.ts";
import type { ClockColumns, HwState } from "./state.ts";

/** What time is spent on. */
export const CAUSE_USER = 0;
export const CAUSE_TLB_WALK = 1;
export const CAUSE_MINOR_FAULT = 2;
export const CAUSE_COW = 3;
/** Waiting for a disk inside a fault. */
export const CAUSE_MAJOR_FAULT = 4;
export const CAUSE_ZEROING = 5;
export const CAUSE_COPY = 6;
export const CAUSE_SYSCALL = 7;
export const CAUSE_MUNMAP = 8;
export const CAUSE_FORK = 9;
export const CAUSE_EXEC = 10;
export const CAUSE_EXIT = 11;
export const CAUSE_SHOOTDOWN = 12;
/** Waiting for a disk inside a call. */
export const CAUSE_IO_WAIT = 13;
export const CAUSE_CONTEXT_SWITCH = 14;
export const CAUSE_IDLE = 15;
/** Work of reclaim, and waiting inside it. */
export const CAUSE_RECLAIM = 16;
export const CAUSE_RECLAIM_WAIT = 17;
/** Sending dirty pages of files to their disks, and waiting because there are too many of them. */
export const CAUSE_WRITEBACK = 18;
export const CAUSE_DIRTY_WAIT = 19;
/** Making pages for what a file or swap has and putting them into their cache. */
export const CAUSE_PAGE_CACHE = 20;
/** Compressing pages for swap in memory, and making them again. */
export const CAUSE_COMPRESS = 21;
export const NR_CAUSES = 22;

/** The causes' names as a report prints them. */
export const CAUSE_NAMES: readonly string[] = [
  "user access",
  "tlb walk",
  "minor fault",
  "cow",
  "major fault",
  "zeroing",
  "copy",
  "syscall",
  "munmap",
  "fork",
  "exec",
  "exit",
  "tlb shootdown",
  "io wait",
  "context switch",
  "idle",
  "reclaim",
  "reclaim wait",
  "write-back",
  "dirty wait",
  "page cache",
  "compression",
];

/**
 * One access that hits the L1 cache and the L1 TLB, fetches of instructions among them, and the work beside it: recorded runs of perl, sort and
 * python (311, 196 and 269 million accesses) take 39, 8 and 12 ms of user time on the bench's virtual machine, 60, 14 and 17 in the median.
 */
export const COST_ACCESS = 0.125;
/**
 * Second level TLB hit after a first level miss: 7 cycles (Intel optimization manual, "STLB"), and the line itself, which
 * an access so far from the last ones finds in the second or third cache level: about 40 cycles (same manual).
 */
export const COST_L2_TLB = 15;
/**
 * Page walk with the upper levels in the paging-structure caches: about 30 cycles (Intel SDM 3A 4.10.3 says what is cached),
 * and the line itself out of memory: 70 to 100 ns on servers (lmbench lat_mem_rd).
 */
export const COST_WALK = 90;
/** Exception entry and exit plus the fault's bookkeeping, without clearing the page: bench, anonymous write 2,080 less clearing. */
export const COST_MINOR_FAULT = 700;
/** Clearing 4 KiB in a cold cache: 4096 bytes at about 10 GB/s. */
export const COST_CLEAR_PAGE = 400;
/** Copying 4 KiB: twice the traffic of clearing. */
export const COST_COPY_PAGE = 800;
/** Entry and exit of a system call that does nothing: `getpid` on a mitigated core, about 300 cycles. */
export const COST_SYSCALL = 100;
/** Changing VMAs in mmap, munmap, mprotect or brk, besides entry and exit: 2.0 to 2.2 µs each on the bench's virtual machine, where an anonymous fault takes 2.1. */
export const COST_VMA_CALL = 900;
/** mprotect, a mapped page: 113 on the same machine, where munmap takes 264. */
export const COST_PROTECT_PAGE = 50;
/** munmap, a page: bench 264. */
export const COST_ZAP_PAGE = 120;
/** fork, a page of the parent: bench 85. */
export const COST_FORK_PAGE = 85;
/**
 * Reclaim, a page looked at; what unmapping a page takes besides, what sending it to swap, what taking it out of its cache and freeing it.
 * On the bench's virtual machine, where an anonymous fault takes 2.1 to 2.4 µs, the tracepoint mm_vmscan_lru_shrink_inactive comes every
 * 15.0 µs while 32 pages at a time are looked at and kept, and every 85 µs while they are all sent to swap. On a machine whose processor
 * counts instructions for time (golden/fidelity/PROVENANCE.md), where an anonymous fault takes 15.7 µs: a page sent by MADV_PAGEOUT 15.0,
 * a page written into a full cgroup and another sent for it 40.9, a mapped page of a file that makes room for the next one 16.0.
 */
export const COST_SCAN_PAGE = 250;
export const COST_UNMAP_PAGE = 550;
export const COST_SWAP_OUT_PAGE = 390;
export const COST_FREE_CACHED = 230;
/** Write-back, a page sent in a run of neighbours: sync_file_range, 190 where munmap takes 264 a page. */
export const COST_WRITE_PAGE = 90;
/**
 * A new page of a file's cache: allocation, charge, insertion, its place in the LRU batch (on the bench's virtual machine the
 * tracepoint mm_filemap_add_to_page_cache comes every 1.0 µs while a window of read-ahead is filled), then its part of the request, the
 * end of the read, its lock. Where an anonymous fault takes 15.7 µs, reading a mapped file of 16384 pages takes 12.7 µs a page more
 * when the file is not in the cache than when it is.
 */
export const COST_CACHE_PAGE = 1000;
/**
 * Bringing one page in from swap besides the fault and the disk: allocation, charge, the swap cache, the request and its interrupt. Where
 * an anonymous fault takes 15.7 µs, a page of 12288 that are read in order, eight at a time, takes 27, a minor fault and the TLB included.
 */
export const COST_SWAP_IN_PAGE = 1000;
/**
 * Compressing a page of 4 KiB, and making it again, by compressor. lz4, zstd (level 3) and deflate (level 6): liblz4 1.9.4,
 * libzstd 1.5.4 and zlib 1.2.13 over the pages of a program of 1.2 MB, one by one, on the bench's virtual machine: 5.9 and 1.0 µs, 24 and
 * 5.7, 109 and 17.7. lzo and lz4hc: as many times lz4's as in the table of lz4's own README (670 and 860, 41 and 4900 MB/s against 780 and 4970).
 */
export const COMPRESS_NS: Readonly<Record<string, readonly [compress: number, decompress: number]>> = {
  lzo: [3500, 2900],
  "lzo-rle": [3500, 2900],
  lz4: [3000, 500],
  lz4hc: [57000, 500],
  zstd: [12000, 2800],
  deflate: [54000, 8900],
};
/** One INVLPG: about 120 cycles ("Documentation/arch/x86/tlb.rst" puts a single-page flush near 100 ns). */
export const COST_FLUSH_PAGE = 40;
/** A full flush of one ASID by writing CR3. */
export const COST_FLUSH_ALL = 100;
/** An inter-processor interrupt and its acknowledgement: 1 to 2 µs (Documentation/arch/x86/tlb.rst: "a few thousand cycles"). */
export const COST_SHOOTDOWN = 1500;
/** A context switch between two processes: about 1.5 µs (lmbench lat_ctx, two processes of size 0). */
export const COST_CONTEXT_SWITCH = 1500;

/** A clock at zero for every CPU of the machine. */
export function createClock(machine: Machine): ClockColumns {
  return {
    ns: new Float64Array(1),
    slowdown: machine.cpuSlowdown,
    cpuNs: new Float64Array(machine.cpus),
    spent: new Float64Array(NR_CAUSES),
  };
}

/** Lets `ns` nanoseconds of the reference core's work pass on the running CPU, on account of `cause`. */
export function spend(k: HwState, cause: number, ns: number): void {
  const taken = ns * k.clock.slowdown;
  k.clock.ns[0]! += taken;
  k.clock.spent[cause]! += taken;
}
