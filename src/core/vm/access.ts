/**
 * A program touches memory: TLB, page walk, fault, and again, until it is done or cannot be.
 *
 *   L1 TLB hit with the rights            done
 *   L1 miss, L2 hit with the rights       fills L1
 *   otherwise                             walk -> fills L1 and L2       a store through a clean entry walks, too: D
 *                                           | refused
 *                                           v
 *                                         pageFault -> walk again
 *
 * runAccesses is the path of a replay: runs of accesses to one page each, the hit inline, everything else in a call.
 * Costs are added to the clock once per call of runAccesses, from its counts.
 * Linux: arch/x86/mm/fault.c (6.12)   Doc: Intel SDM vol. 3A, 4.10
 */
import { bug } from "../base/bug.ts";
import { type Cpu, type Mm, type Task, vpnHigh, vpnLow, vpnOf } from "../base/types.ts";
import { CAUSE_TLB_WALK, CAUSE_USER, COST_ACCESS, COST_L2_TLB, COST_WALK, spend } from "../hw/clock.ts";
import {
  ACCESS_FETCH,
  NEED_FETCH,
  NEED_LOAD,
  NEED_STORE,
  WALK_ENTRY,
  WALK_READY,
  WALK_SIZE,
  walkTables,
} from "../hw/mmu.ts";
import {
  addTlbEntry,
  fillTlb,
  findTlbEntry,
  hitSecondLevel,
  promoteTlbEntry,
  rewindTicks,
  TLB_ACCESSES,
  TLB_COUNTERS,
  TLB_DIRTY_WALKS,
  TLB_FETCHES,
  TLB_L1D_MISSES,
  TLB_L1I_MISSES,
  TLB_L2_HITS,
  TLB_WALKS,
} from "../hw/tlb.ts";
import {
  ENTRY_HIGH,
  ENTRY_L1D,
  ENTRY_L1I,
  ENTRY_L2,
  ENTRY_NEXT,
  ENTRY_PFN,
  ENTRY_RIGHTS,
  ENTRY_TAG,
  PLACE_TICK,
  RIGHT_DIRTY,
  RIGHT_WRITE,
  SIZE_1G,
  SIZE_2M,
  SIZE_4K,
  TAG_ASID_SHIFT,
  TAG_SIZE_SHIFT,
} from "../hw/tlb-places.ts";
import { switchMm } from "../space/tlb-flush.ts";
import { pageFault } from "./fault.ts";
import { FAULT_FLAG_AGAIN, FAULT_FLAG_USER } from "./fault-flags.ts";
import type { VmState } from "./state.ts";

/** An access the kernel makes for the task (copying to or from its buffer), added to the kind. */
export const ACCESS_KERNEL = 4;

/** Runs of accesses: each `count` accesses of one kind to one page. */
export interface AccessRuns {
  /** vpnHigh of the page. */
  readonly high: Int32Array;
  /** vpnLow << 2 | kind. */
  readonly low: Int32Array;
  /** Accesses in the run, at least 1. */
  readonly count: Int32Array;
  /** [0]: what stopped runAccesses: 0, BLOCKED, or FAULT_*. */
  readonly outcome: Int32Array;
}

/** Runs that playPiece plays in one call. */
const PIECE = 1024;

/**
 * A fault is resolved by a few tries: stack growth, the page, a copy of it, and one to spare; but who has dirtied too much
 * waits after each, and what was written meanwhile must be faulted on again, until a cgroup's statistics are flushed.
 */
const MOST_TRIES = 1024;
/** Tries after which memory.high may not take the page before the access is made. */
const USUAL_TRIES = 8;

/**
 * One access of `kind` (ACCESS_*, perhaps with ACCESS_KERNEL) to a page. Returns 0 with the frame in `k.tlb.walk[0]`,
 * BLOCKED (ask again when the task is woken), FAULT_SEGV_MAPERR, FAULT_SEGV_ACCERR, FAULT_SIGBUS or FAULT_OOM.
 */
export function access(k: VmState, task: Task, vpn: number, kind: number): number {
  const cpu = k.boot[2]!;
  enterMm(k, cpu, k.task.mm[task]!);
  rewindTicks(k, cpu, 64);
  const counter = k.tlb.counter;
  const first = cpu * TLB_COUNTERS;
  const l2Hits = counter[first + TLB_L2_HITS]!;
  const walks = counter[first + TLB_WALKS]!;
  const high = vpnHigh(vpn);
  const low = vpnLow(vpn);
  k.tlb.walk[WALK_ENTRY] = findTlbEntry(k, cpu, high, low | (k.tlb.loadedAsid[cpu]! << TAG_ASID_SHIFT));
  const result = translate(k, task, high, low, kind);
  if (result === 0) {
    counter[first + TLB_ACCESSES]!++;
    if ((kind & 3) === ACCESS_FETCH) counter[first + TLB_FETCHES]!++;
    spend(k, CAUSE_USER, COST_ACCESS);
  }
  spendTranslation(k, counter[first + TLB_L2_HITS]! - l2Hits, counter[first + TLB_WALKS]! - walks);
  return result;
}

/**
 * Plays the runs from `from` to `to` for the task. Returns the index of the run that could not be finished, its reason
 * in `runs.outcome[0]` (BLOCKED: play it again when the task is woken), or `to`.
 */
export function runAccesses(k: VmState, task: Task, runs: AccessRuns, from: number, to: number): number {
  const cpu = k.boot[2]! | 0;
  const counter = k.tlb.counter;
  const first = cpu * TLB_COUNTERS;
  enterMm(k, cpu, k.task.mm[task]!);
  const accesses = counter[first + TLB_ACCESSES]!;
  const l2Hits = counter[first + TLB_L2_HITS]!;
  const walks = counter[first + TLB_WALKS]!;
  let at = from;
  runs.outcome[0] = 0;
  while (at < to && runs.outcome[0] === 0) {
    rewindTicks(k, cpu, PIECE * 4);
    at = playPiece(k, task, runs, at, at + PIECE < to ? at + PIECE : to);
  }
  spend(k, CAUSE_USER, (counter[first + TLB_ACCESSES]! - accesses) * COST_ACCESS);
  spendTranslation(k, counter[first + TLB_L2_HITS]! - l2Hits, counter[first + TLB_WALKS]! - walks);
  return at;
}

/**
 * The loop of runAccesses, a piece at a time: a function that is called often is compiled as a whole, while one that
 * runs for long stays in code compiled in the middle of its loop.
 */
// biome-ignore lint/complexity/noExcessiveCognitiveComplexity: the loop of every replay, in one piece for speed
function playPiece(k: VmState, task: Task, runs: AccessRuns, from: number, to: number): number {
  const cpu = k.boot[2]! | 0;
  const tlb = k.tlb;
  const { high: highs, low: lows, count: counts } = runs;
  const { entry: words, bucket, place: places } = tlb;
  const entryBase = cpu * tlb.entriesPerCpu;
  const bucketBase = cpu * tlb.bucketsPerCpu;
  const bucketMask = tlb.bucketsPerCpu - 1;
  const placeBase = cpu * tlb.placesPerCpu;
  const asidBits = tlb.loadedAsid[cpu]! << TAG_ASID_SHIFT;
  let tick = tlb.tick[cpu]!;
  let accesses = 0;
  let fetches = 0;
  let code = 0;
  let i = from;
  for (; i < to; i++) {
    const high = highs[i]!;
    const word = lows[i]!;
    const tag = (word >>> 2) | asidBits;
    const kind = word & 3;
    // The same hash as tlbHash.
    let at = bucket[bucketBase + ((tag ^ (tag >>> 15) ^ Math.imul(high, 0x9e5)) & bucketMask)]!;
    let place = 0;
    while (at !== 0) {
      const record = (entryBase + at) << 3;
      if (words[record + ENTRY_TAG] === tag && words[record + ENTRY_HIGH] === high) {
        const need = kind === ACCESS_FETCH ? NEED_FETCH : (kind & 1) !== 0 ? NEED_STORE : NEED_LOAD;
        if ((words[record + ENTRY_RIGHTS]! & need) === need)
          place = words[record + (kind === ACCESS_FETCH ? ENTRY_L1I : ENTRY_L1D)]!;
        break;
      }
      at = words[record + ENTRY_NEXT]!;
    }
    if (place !== 0) places[(placeBase + place) * 4 + PLACE_TICK] = ++tick;
    else {
      tlb.tick[cpu] = tick;
      tlb.walk[WALK_ENTRY] = at;
      code = translate(k, task, high, word >>> 2, kind);
      tick = tlb.tick[cpu]!;
      if (code !== 0) break;
    }
    const count = counts[i]!;
    accesses += count;
    if (kind === ACCESS_FETCH) fetches += count;
  }
  runs.outcome[0] = code;
  tlb.tick[cpu] = tick;
  tlb.counter[cpu * TLB_COUNTERS + TLB_ACCESSES]! += accesses;
  tlb.counter[cpu * TLB_COUNTERS + TLB_FETCHES]! += fetches;
  return i;
}

/** Sees to it that the CPU runs on the address space. */
export function enterMm(k: VmState, cpu: Cpu, mm: Mm): void {
  if (k.tlb.loadedMm[cpu] !== mm || k.tlb.isLazy[cpu] === 1) switchMm(k, cpu, mm);
}

/**
 * One translation with everything it takes; `k.tlb.walk[WALK_ENTRY]` is the page's entry in the TLB, or 0. The frame is
 * left in `k.tlb.walk[0]`.
 */
function translate(k: VmState, task: Task, high: number, low: number, kind: number): number {
  const cpu = k.boot[2]! | 0;
  const { walk, counter } = k.tlb;
  const entry = walk[WALK_ENTRY]!;
  if (entry !== 0) {
    if (useEntry(k, cpu, entry, kind)) return 0;
  } else if (k.tlb.usedHuge[cpu] !== 0) {
    const huge = findHuge(k, cpu, high, low);
    if (huge !== 0 && useEntry(k, cpu, huge, kind)) return 0;
  }
  const first = cpu * TLB_COUNTERS;
  if (entry === 0) counter[first + ((kind & 3) === ACCESS_FETCH ? TLB_L1I_MISSES : TLB_L1D_MISSES)]!++;
  const pgd = k.mm.pgd[k.task.mm[task]!]!;
  counter[first + TLB_WALKS]!++;
  const refused = walkTables(k, pgd, high, low, kind & 3);
  if (refused !== 0) {
    const code = resolve(k, task, vpnOf(high, low), kind, refused);
    if (code !== 0) return code;
  }
  const size = walk[WALK_SIZE]!;
  const tag = low | (k.tlb.loadedAsid[cpu]! << TAG_ASID_SHIFT);
  if (size !== SIZE_4K) fillHuge(k, cpu, high, tag, (kind & 3) === ACCESS_FETCH);
  else if (entry === 0) addTlbEntry(k, cpu, high, tag, (kind & 3) === ACCESS_FETCH);
  else fillTlb(k, cpu, high, tag, (kind & 3) === ACCESS_FETCH);
  return 0;
}

/** Takes the fault of a refused walk and walks again, until the walk succeeds (0) or the fault cannot be resolved. */
function resolve(k: VmState, task: Task, vpn: number, kind: number, refused: number): number {
  const cpu = k.boot[2]! | 0;
  const pgd = k.mm.pgd[k.task.mm[task]!]!;
  let reason = refused;
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const flags = (kind & ACCESS_KERNEL) !== 0 ? 0 : FAULT_FLAG_USER;
    const code = pageFault(k, task, vpn, reason, tries < USUAL_TRIES ? flags : flags | FAULT_FLAG_AGAIN);
    if (code !== 0) return code;
    k.tlb.counter[cpu * TLB_COUNTERS + TLB_WALKS]!++;
    if (k.tlb.walk[WALK_READY] === 1) return 0;
    reason = walkTables(k, pgd, vpnHigh(vpn), vpnLow(vpn), kind & 3);
    if (reason === 0) return 0;
  }
  return bug(`page ${vpn} of task ${task} faults again and again (access ${kind})`);
}

/** Caches the larger page that the walk found. */
function fillHuge(k: VmState, cpu: Cpu, high: number, tag: number, isFetch: boolean): void {
  const size = k.tlb.walk[WALK_SIZE]!;
  const asidBits = k.tlb.loadedAsid[cpu]! << TAG_ASID_SHIFT;
  const low = size === SIZE_2M ? tag & 0x3ffff & ~511 : 0;
  fillTlb(k, cpu, high, low | asidBits | (size << TAG_SIZE_SHIFT), isFetch);
}

/** Uses a cached translation if it has the rights and lies where this kind of access looks. Counts misses of L1. */
function useEntry(k: VmState, cpu: Cpu, entry: number, kind: number): boolean {
  const tlb = k.tlb;
  const words = tlb.entry;
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  const first = cpu * TLB_COUNTERS;
  const isFetch = (kind & 3) === ACCESS_FETCH;
  const need = isFetch ? NEED_FETCH : (kind & 1) !== 0 ? NEED_STORE : NEED_LOAD;
  const rights = words[at + ENTRY_RIGHTS]!;
  const isHit = words[at + (isFetch ? ENTRY_L1I : ENTRY_L1D)] !== 0;
  if (!isHit) tlb.counter[first + (isFetch ? TLB_L1I_MISSES : TLB_L1D_MISSES)]!++;
  if ((rights & need) !== need) {
    // A writable page whose entry is clean: the walk that comes now is for the dirty bit.
    if ((need & rights & RIGHT_WRITE) !== 0 && (rights & RIGHT_DIRTY) === 0)
      tlb.counter[first + TLB_DIRTY_WALKS]!++;
    return false;
  }
  if (isHit) promoteTlbEntry(k, cpu, entry, isFetch);
  else {
    if (words[at + ENTRY_L2] === 0) return false;
    tlb.counter[first + TLB_L2_HITS]!++;
    hitSecondLevel(k, cpu, entry, isFetch);
  }
  const size = words[at + ENTRY_TAG]! >>> TAG_SIZE_SHIFT;
  tlb.walk[0] = words[at + ENTRY_PFN]!;
  tlb.walk[WALK_SIZE] = size;
  return true;
}

/** The entry of a larger page that covers this one, or 0. */
function findHuge(k: VmState, cpu: Cpu, high: number, low: number): number {
  const asidBits = k.tlb.loadedAsid[cpu]! << TAG_ASID_SHIFT;
  const middle = findTlbEntry(k, cpu, high, (low & ~511) | asidBits | (SIZE_2M << TAG_SIZE_SHIFT));
  return middle !== 0 ? middle : findTlbEntry(k, cpu, high, asidBits | (SIZE_1G << TAG_SIZE_SHIFT));
}

function spendTranslation(k: VmState, l2Hits: number, walks: number): void {
  spend(k, CAUSE_TLB_WALK, l2Hits * COST_L2_TLB + walks * COST_WALK);
}
