/**
 * Floor 5 as data: what reclaim keeps between its steps, and the view of the kernel object that it has.
 * Linux: mm/internal.h, mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { SpaceState } from "../space/state.ts";

/** Pages that reclaim has taken off their lists, and what it found out about them. */
export interface ReclaimColumns {
  /** Pages isolated, oldest first: those to look at, those that go back. One batch at a time. */
  readonly isolated: Int32Array;
  readonly kept: Int32Array;
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
  /** [0]: 1 while the running task is inside reclaim (Linux: PF_MEMALLOC). */
  readonly inside: Uint8Array;
}

/** What floor 5 sees of the kernel. */
export interface ReclaimState extends SpaceState {
  readonly reclaim: ReclaimColumns;
}
