/**
 * Floor 2 as data: the columns of the computer that was bought, and the view of the kernel object this floor has.
 * Linux: none; this is the hardware   Doc: docs/map.md
 */

import type { DmesgColumns } from "../base/dmesg.ts";
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
  /** How many times as long as on the reference core work takes. */
  readonly slowdown: number;
  readonly ns: Float64Array;
  readonly cpuNs: Float64Array;
  /** By cause (clock.ts: CAUSE_*): nanoseconds spent. */
  readonly spent: Float64Array;
}

/**
 * Translation look-aside buffers of every CPU, laid one behind the other. A translation is one entry of 8 words,
 * found by a hash of (asid, vpn), however many of the CPU's TLB arrays hold it; a place (set, way) of an array names
 * the entry it holds. tlb.ts says what the words are and where each array's places begin.
 */
export interface TlbColumns {
  /** Geometry, the same for every CPU: by TLB_L1D4K…: first place, sets, ways. */
  readonly shape: Int32Array;
  /** Entries, places and hash buckets of one CPU: the strides of the columns below. */
  readonly entriesPerCpu: number;
  readonly placesPerCpu: number;
  readonly bucketsPerCpu: number;
  /** By (cpu * entriesPerCpu + entry) * 8: the entries; entry 0 is NONE. */
  readonly entry: Int32Array;
  /** By cpu * bucketsPerCpu + hash: first entry of the chain. */
  readonly bucket: Int32Array;
  /** By (cpu * placesPerCpu + place) * 4: the places, records of 4 words; place 0 is NONE. */
  readonly place: Int32Array;
  /** By cpu * sets of the second level + set: the place of the ring to be evicted next; behind it comes the one used last. */
  readonly ringLast: Int32Array;
  /** By cpu: the tick, the first free entry, entries ever taken, entries in use, those in use larger than 4 KiB. */
  readonly tick: Int32Array;
  readonly freeEntry: Int32Array;
  readonly fresh: Int32Array;
  readonly used: Int32Array;
  readonly usedHuge: Int32Array;
  /** By cpu: row of the address space in CR3 and its ASID, the ASID to recycle next, 1 when the CPU is idle on a borrowed mm. */
  readonly loadedMm: Int32Array;
  readonly loadedAsid: Int32Array;
  readonly nextAsid: Int32Array;
  readonly isLazy: Uint8Array;
  /** By cpu * 8 + asid: whose translations the ASID holds (0: nobody's), and up to which flush they are current. */
  readonly asidContext: Float64Array;
  readonly asidGeneration: Float64Array;
  /** By slot * 4: top table, high part and table number of a vpn, and first word of the last table on its way (mmu.ts). */
  readonly tableCache: Int32Array;
  /** What the last walk found (WALK_* of mmu.ts): frame, rights, size, word of the leaf entry. */
  readonly walk: Int32Array;
  /** By cpu * TLB_COUNTERS: accesses, misses, walks, flushes, shootdowns (tlb.ts names them). */
  readonly counter: Float64Array;
}

/** What floor 2 sees of the kernel. */
export interface HwState {
  readonly machine: Machine;
  readonly knob: Knobs;
  readonly rng: RngColumns;
  readonly trace: TraceColumns;
  readonly dmesg: DmesgColumns;
  readonly clock: ClockColumns;
  readonly ram: RamColumns;
  readonly tlb: TlbColumns;
}
