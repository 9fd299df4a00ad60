/**
 * Floor 5 as data: what reclaim keeps between its steps, and the view of the kernel object that it has.
 * Linux: mm/internal.h, mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { Column, Lruvec, Memcg, Task } from "../base/types.ts";
import type { SpaceState } from "../space/state.ts";

/** One run of reclaim. */
export interface ScanControl {
  nrToReclaim: number;
  /** Order of the allocation that waits, its GFP_* flags, and the highest zone type it may use. */
  order: number;
  readonly gfp: number;
  readonly reclaimIdx: number;
  /** The cgroup whose limit is reached; for reclaim of the machine ROOT_MEMCG and isCgroup false. */
  readonly memcg: Memcg;
  readonly isCgroup: boolean;
  readonly isKswapd: boolean;
  readonly mayUnmap: boolean;
  maySwap: boolean;
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
  /** Some zone has enough free for compaction to make the block of. */
  compactionReady: boolean;
  /** Pages reclaimed when the node's turn began, and reclaimed and scanned when its pass did. */
  nodeReclaimed: number;
  passReclaimed: number;
  passScanned: number;
  /** kswapd: reclaimed when the round began, and whether a weak round makes the next one harder. */
  roundReclaimed: number;
  mayTryHarder: boolean;
  /** When another task is to run on this CPU; infinity where the scan has the CPU for itself. */
  turnEndNs: number;
  /** Where the scan was left when its turn was over, to go on from there. */
  pause: ScanPause | undefined;
}

/** A scan that goes on in its next turn. */
export interface ScanPause {
  /** The lruvec under way. */
  readonly lruvec: Lruvec;
  /** Classic: pages still to scan by list, the numbers that it began with, pages reclaimed. */
  readonly toScan: Float64Array | undefined;
  readonly targets: Float64Array | undefined;
  readonly reclaimed: number;
  /** MGLRU: pages scanned; pages reclaimed before the node's turn; generation, first bin and number of bins of the walk. */
  readonly scanned: number;
  before: number;
  gen: number;
  first: number;
  bin: number;
}

/** Pages that reclaim has taken off their lists, and what it found out about them. */
export interface ReclaimColumns {
  /** Pages isolated, oldest first: those to look at, those that go back. One batch at a time. */
  readonly isolated: Int32Array;
  readonly kept: Int32Array;
  /** MGLRU's batch under way: pages in it, and their kind. */
  readonly evicting: Int32Array;
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
  /** By node: when kswapd's turn ends on the machine's only CPU; 0: it has none. */
  readonly kswapdTurnNs: Float64Array;
  readonly kswapdOrder: Int32Array;
  readonly kswapdHighest: Int32Array;
  /** By node: the order that the run under way began with. */
  readonly kswapdBeganOrder: Int32Array;
  /** By node: until when kswapd is only dozing after a run; by zone, the boost its run began with; by node, what of it is to be reclaimed. */
  readonly kswapdDozeNs: Float64Array;
  readonly kswapdBoost: Float64Array;
  readonly kswapdBoostLeft: Float64Array;
  /** [0]: 1 while the running task is inside reclaim (Linux: PF_MEMALLOC). */
  readonly inside: Uint8Array;
  /** Reports of the OOM killer: when the interval began in which they are counted, in ns; written in it; left out since. */
  readonly reports: Float64Array;
  /** [0]: 1 when the machine has panicked: nothing runs any more. */
  readonly halted: Uint8Array;
}

/** Who wants to be told of a stall (psi-trigger.ts). Times in ns. */
export interface PsiTrigger {
  group: Memcg;
  /** PSI_* state it looks at, the growth within a window that it tells of, and the window's length. */
  readonly state: number;
  readonly thresholdNs: number;
  readonly windowNs: number;
  /** Looked at ten times a window, not only when averages are made: its owner has CAP_SYS_RESOURCE. */
  readonly isPolled: boolean;
  /** The window under way: when it began, the total then, and how much the total grew in the one before. */
  startNs: number;
  startTotal: number;
  lastGrowth: number;
  /** It has been reached and not been told yet; told and not been seen yet; and when it was told last. */
  isPending: boolean;
  isTold: boolean;
  toldNs: number;
}

/**
 * Pressure stall information (psi.ts). A group is a cgroup, the root the whole machine; a place is group * CPUs + CPU; what
 * has several values a row lists them by PSI_* of psi-group.ts.
 */
export interface PsiColumns {
  /** Changes that are not in the counts yet, oldest first: when, whose, in which group, on which CPU, TSK_* bits cleared and (<< 8) set. */
  readonly logNs: Float64Array;
  readonly logTask: Int32Array;
  readonly logGroup: Int32Array;
  readonly logCpu: Int32Array;
  readonly logBits: Int32Array;
  /** [0] changes in the log, [1] time up to which all are in the counts, [2] when the next averages or triggers are due. */
  readonly state: Float64Array;
  /** By task, with all that is in the log: TSK_* bits, its CPU and group, when it last changed or ran. */
  readonly flags: Uint8Array;
  readonly cpu: Int32Array;
  readonly group: Column<Memcg>;
  readonly lastNs: Float64Array;
  /** By task, as of the counts: 1 while it is in a memory stall. */
  readonly inMemstall: Uint8Array;
  /** By CPU: the task on it, with the log and as of the counts. */
  readonly running: Column<Task>;
  readonly onCpu: Column<Task>;
  /** By place: tasks waiting for I/O, in a memory stall, runnable, both of these; the states that follow (PSI_* bits) and since when. */
  readonly tasks: Int32Array;
  readonly mask: Uint8Array;
  readonly sinceNs: Float64Array;
  /** By place: ns in each state; and what averages and triggers (+ NR_PSI_STATES) have taken into account. */
  readonly times: Float64Array;
  readonly seen: Float64Array;
  /** By group: whether it counts at all; stall time as of the averages and as of the triggers; what the averages contain; the averages. */
  readonly enabled: Uint8Array;
  readonly total: Float64Array;
  readonly averaged: Float64Array;
  readonly average: Int32Array;
  /** By group: last and next update of the averages, when somebody will look whether it is due, and on which CPU. */
  readonly lastUpdateNs: Float64Array;
  readonly nextUpdateNs: Float64Array;
  readonly dueNs: Float64Array;
  readonly workCpu: Int32Array;
  /** By group, triggers that are polled: states they look at, shortest period, next look and until when, timer, totals at the last look. */
  readonly pollStates: Uint8Array;
  readonly pollPeriodNs: Float64Array;
  readonly pollNextNs: Float64Array;
  readonly pollUntilNs: Float64Array;
  readonly pollDueNs: Float64Array;
  readonly pollTotal: Float64Array;
  /** All triggers; undefined where one was destroyed. */
  readonly triggers: (PsiTrigger | undefined)[];
}

/**
 * How many bytes a compressor makes of a page of 4096 bytes: a library's answer, which a host hands in at boot, because the core has
 * none. Undefined: it has no such compressor. The same bytes must always give the same number.
 */
export type Compressor = (name: string, page: Uint8Array) => number | undefined;

/** What compaction keeps between its runs; compaction.ts owns it. */
export interface CompactionColumns {
  /** By zone * 2 + 1 for sync runs: where the migrate scanner goes on; by zone: where the free scanner does. */
  readonly cachedMigrate: Float64Array;
  readonly cachedFree: Float64Array;
  /** By zone: the first pageblock to move pages from that was worth a visit when the marks were cleared last. */
  readonly initMigrate: Float64Array;
  /** By zone: requests since it was left alone, the power of two that it is for, and the least order that it is left alone for. */
  readonly considered: Int32Array;
  readonly deferShift: Uint8Array;
  readonly orderFailed: Uint8Array;
  /** By zone: 1 when a direct run has come to the end, so that the marks may be cleared. */
  readonly flushesSkip: Uint8Array;
  /** By pageblock: 1 where a scanner has found nothing lately. */
  readonly skip: Uint8Array;
  /** By node, kcompactd: the order and highest zone type it was woken for (order 0: it sleeps), and its clock. */
  readonly daemonOrder: Int32Array;
  readonly daemonHighest: Int32Array;
  readonly daemonNs: Float64Array;
}

/** What floor 5 sees of the kernel. */
export interface ReclaimState extends SpaceState {
  readonly compressor: Compressor;
  readonly reclaim: ReclaimColumns;
  readonly psi: PsiColumns;
  readonly compaction: CompactionColumns;
}
