/**
 * Floor 5 as data: what reclaim keeps between its steps, and the view of the kernel object that it has.
 * Linux: mm/internal.h, mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { Memcg } from "../base/types.ts";
import type { SpaceState } from "../space/state.ts";

/** One run of reclaim. */
export interface ScanControl {
  nrToReclaim: number;
  /** Order of the allocation that waits, its GFP_* flags, and the highest zone type it may use. */
  readonly order: number;
  readonly gfp: number;
  readonly reclaimIdx: number;
  /** The cgroup whose limit is reached; for reclaim of the machine ROOT_MEMCG and isCgroup false. */
  readonly memcg: Memcg;
  readonly isCgroup: boolean;
  readonly isKswapd: boolean;
  readonly mayUnmap: boolean;
  readonly maySwap: boolean;
  readonly isProactive: boolean;
  /** Swappiness that the request itself gives, or -1. */
  readonly swappiness: number;
  priority: number;
  mayWritepage: boolean;
  mayDeactivate: number;
  forceDeactivate: boolean;
  skippedDeactivate: boolean;
  lowReclaim: boolean;
  lowSkipped: boolean;
  fullWalk: boolean;
  cacheTrimMode: boolean;
  cacheTrimFailed: boolean;
  noCacheTrim: boolean;
  fileIsTiny: boolean;
  anonCost: number;
  fileCost: number;
  nrScanned: number;
  nrReclaimed: number;
  /** Pages of this node's pass: dirty, dirty and not yet written, congested, under write-back, to wait for, taken. */
  dirty: number;
  unqueuedDirty: number;
  congested: number;
  writeback: number;
  immediate: number;
  taken: number;
  fileTaken: number;
}

/** Pages that reclaim has taken off their lists, and what it found out about them. */
export interface ReclaimColumns {
  /** Pages isolated, oldest first: those to look at, those that go back. One batch at a time. */
  readonly isolated: Int32Array;
  readonly kept: Int32Array;
  /** MGLRU's batch under way: pages in it, and their kind. */
  readonly evicting: Int32Array;
  /** Pages being freed, until they are as many as the allocator takes at once. */
  readonly freeing: Int32Array;
  /** By STAT_* of shrink-list.ts: what became of the batch. */
  readonly stat: Float64Array;
  /** By LRU list: pages still to be scanned, and the numbers that reclaim began with. */
  readonly toScan: Float64Array;
  readonly targets: Float64Array;
  /** By node: times kswapd has found nothing to reclaim in a row, and PGDAT_* bits of scan-control.ts. */
  readonly failures: Int32Array;
  readonly nodeFlags: Uint8Array;
  /** By node, kswapd: the run under way, its clock, and the largest request that woke it. */
  readonly kswapdRun: (ScanControl | undefined)[];
  readonly kswapdNs: Float64Array;
  readonly kswapdOrder: Int32Array;
  readonly kswapdHighest: Int32Array;
  /** [0]: 1 while the running task is inside reclaim (Linux: PF_MEMALLOC). */
  readonly inside: Uint8Array;
  /** Reports of the OOM killer: when the interval began in which they are counted, in ns; written in it; left out since. */
  readonly reports: Float64Array;
  /** [0]: 1 when the machine has panicked: nothing runs any more. */
  readonly halted: Uint8Array;
}

/** What floor 5 sees of the kernel. */
export interface ReclaimState extends SpaceState {
  readonly reclaim: ReclaimColumns;
}
