/**
 * Floor 2 as data: the columns of the computer that was bought, and the view of the kernel object this floor has.
 * Linux: none; this is the hardware   Doc: docs/map.md
 */
import type { Knobs } from "../base/knobs.ts";
import type { RngColumns } from "../base/rng.ts";
import type { TraceColumns } from "../base/trace.ts";
import type { Machine } from "./machine.ts";

/**
 * What frames contain. A frame holds one fill word, repeated, until somebody needs bytes; then it owns a slot of
 * 1024 words in `words`. Page tables are frames with a slot, so their entries lie in simulated RAM.
 * Invariant: slot[pfn] is NONE for every free frame.
 */
export interface RamColumns {
  /** Frames the machine has, holes included: pfns run from 0 to nrFrames - 1. */
  readonly nrFrames: number;
  /** By pfn: the word that fills the frame while it has no slot. */
  readonly fill: Int32Array;
  /** By pfn: its slot in `words`, or NONE. */
  readonly slot: Int32Array;
  /** By slot * 1024: the contents. */
  readonly words: Int32Array;
  /** Free slots, a stack of slot numbers; and its two counters: [0] free on the stack, [1] first never used. */
  readonly freeSlots: Int32Array;
  readonly slotCount: Int32Array;
}

/**
 * Virtual time. `ns[0]` is the running CPU's now; a cost goes there and to its cause. The scheduler keeps each
 * CPU's own time in `cpuNs` and loads it into `ns[0]` while that CPU runs.
 */
export interface ClockColumns {
  readonly ns: Float64Array;
  readonly cpuNs: Float64Array;
  /** By cause (clock.ts: CAUSE_*): nanoseconds spent. */
  readonly spent: Float64Array;
}

/**
 * Translation look-aside buffers of every CPU, laid one behind the other; their geometry is in the machine.
 * tlb.ts says what a row holds.
 */
export interface TlbColumns {
  /** Entries of one CPU and the columns' stride. */
  readonly stride: number;
  readonly tagHigh: Int32Array;
  readonly tagLow: Int32Array;
  readonly value: Int32Array;
  readonly meta: Int32Array;
  /** By cpu * TLB_COUNTERS: hits, misses, walks, flushes, shootdowns (tlb.ts names them). */
  readonly counter: Float64Array;
}

/** What floor 2 sees of the kernel. */
export interface HwState {
  readonly machine: Machine;
  readonly knob: Knobs;
  readonly rng: RngColumns;
  readonly trace: TraceColumns;
  readonly clock: ClockColumns;
  readonly ram: RamColumns;
  readonly tlb: TlbColumns;
}
