/**
 * Keeping every CPU's TLB true to an address space: which CPU holds what, and who is told when an entry changes.
 *
 * An address space counts its flushes (`tlbGen`); a CPU remembers, for each of its six ASIDs, whose translations they
 * are and up to which flush they are current. A CPU that runs the address space is told by an interrupt (a shootdown);
 * one that only kept an ASID of it, or idles on it lazily, is not: it sees the older generation when it comes back.
 *
 *   flush of n pages:   n <= 33   INVLPG page by page, if the CPU missed no flush in between
 *                       n >  33   the whole ASID
 *
 * Linux: arch/x86/mm/tlb.c (6.12)   Doc: Documentation/arch/x86/tlb.rst
 */
import { bug } from "../base/bug.ts";
import { type Cpu, type Mm, NONE } from "../base/types.ts";
import { CAUSE_SHOOTDOWN, COST_FLUSH_ALL, COST_FLUSH_PAGE, COST_SHOOTDOWN, spend } from "../hw/clock.ts";
import {
  ASID_STRIDE,
  dropTlbAsid,
  dropTlbPage,
  NR_ASIDS,
  TLB_COUNTERS,
  TLB_FLUSH_ALL,
  TLB_FLUSH_ONE,
  TLB_SHOOTDOWNS_RECEIVED,
  TLB_SHOOTDOWNS_SENT,
  TLB_SWITCH_FLUSHES,
  TLB_SWITCHES,
} from "../hw/tlb.ts";
import { CPU_MASK_WORDS } from "./mm.ts";
import type { SpaceState } from "./state.ts";

/** More pages than this are not flushed one by one (Linux: tlb_single_page_flush_ceiling). */
export const FLUSH_CEILING = 33;

/** Makes the CPU run on an address space (Linux: switch_mm_irqs_off). Row 0 is the kernel's own. */
export function switchMm(k: SpaceState, cpu: Cpu, mm: Mm): void {
  const tlb = k.tlb;
  const previous = tlb.loadedMm[cpu]!;
  const wasLazy = tlb.isLazy[cpu] === 1;
  const generation = k.mm.tlbGen[mm]!;
  tlb.isLazy[cpu] = 0;
  let asid = tlb.loadedAsid[cpu]!;
  let needFlush = true;
  if (previous === mm && tlb.asidContext[cpu * ASID_STRIDE + asid] === k.mm.contextId[mm]) {
    if (!wasLazy || tlb.asidGeneration[cpu * ASID_STRIDE + asid] === generation) return;
  } else {
    if (previous !== NONE) setCpuMask(k, previous, cpu, false);
    if (mm !== NONE) setCpuMask(k, mm, cpu, true);
    asid = findAsid(k, cpu, mm);
    if (asid >= 0)
      needFlush = !k.machine.config.pcid || tlb.asidGeneration[cpu * ASID_STRIDE + asid]! < generation;
    else asid = recycleAsid(k, cpu);
  }
  if (needFlush) {
    tlb.asidContext[cpu * ASID_STRIDE + asid] = k.mm.contextId[mm]!;
    tlb.asidGeneration[cpu * ASID_STRIDE + asid] = generation;
    dropTlbAsid(k, cpu, asid);
    tlb.counter[cpu * TLB_COUNTERS + TLB_SWITCH_FLUSHES]!++;
  }
  tlb.counter[cpu * TLB_COUNTERS + TLB_SWITCHES]!++;
  tlb.loadedMm[cpu] = mm;
  tlb.loadedAsid[cpu] = asid;
}

/** Another program runs on the CPU for a moment: without tags in the TLB what was cached is lost. */
export function interruptMm(k: SpaceState, cpu: Cpu): void {
  if (!k.machine.config.pcid) switchMm(k, cpu, NONE);
}

/** The CPU runs something without an address space and keeps the last one loaded (Linux: enter_lazy_tlb). */
export function enterLazyTlb(k: SpaceState, cpu: Cpu): void {
  if (k.tlb.loadedMm[cpu] !== NONE) k.tlb.isLazy[cpu] = 1;
}

/** Takes a dying address space off every CPU that still has it loaded. */
export function leaveMm(k: SpaceState, mm: Mm): void {
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) if (k.tlb.loadedMm[cpu] === mm) switchMm(k, cpu, NONE);
}

/** Flushes one page of an address space from every CPU that must know. */
export function flushTlbMmPage(k: SpaceState, mm: Mm, vpn: number): void {
  const tlb = k.tlb;
  const self = k.boot[2]!;
  const at = self * ASID_STRIDE + tlb.loadedAsid[self]!;
  const isAlone =
    tlb.loadedMm[self] === mm && tlb.isLazy[self] === 0 && tlb.asidGeneration[at] === k.mm.tlbGen[mm];
  if (!isAlone || othersHave(k, mm, self)) {
    flushTlbMmRange(k, mm, vpn, vpn + 1, false);
    return;
  }
  // The common case, without the detour: only this CPU runs it, and it missed no flush.
  tlb.asidGeneration[at] = ++k.mm.tlbGen[mm]!;
  dropTlbPage(k, self, tlb.loadedAsid[self]!, vpn);
  tlb.counter[self * TLB_COUNTERS + TLB_FLUSH_ONE]!++;
  spend(k, CAUSE_SHOOTDOWN, COST_FLUSH_PAGE);
}

/** Flushes everything of an address space, as fork does after write-protecting the parent (Linux: flush_tlb_mm). */
export function flushTlbMmAll(k: SpaceState, mm: Mm): void {
  flushTlbMmRange(k, mm, 0, Number.POSITIVE_INFINITY, true);
}

/**
 * Flushes the pages [start, end) of an address space from every CPU that runs it. `freedTables`: page tables went as
 * well, so CPUs that idle on it lazily are told too.
 */
export function flushTlbMmRange(
  k: SpaceState,
  mm: Mm,
  start: number,
  end: number,
  freedTables: boolean,
): void {
  const tlb = k.tlb;
  const self = k.boot[2]!;
  const generation = ++k.mm.tlbGen[mm]!;
  const first = end - start > FLUSH_CEILING ? Number.NEGATIVE_INFINITY : start;
  if (!othersHave(k, mm, self)) {
    if (tlb.loadedMm[self] === mm)
      catchUp(k, self, mm, generation, first === start ? { start, end } : undefined);
    return;
  }
  tlb.counter[self * TLB_COUNTERS + TLB_SHOOTDOWNS_SENT]!++;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    if ((k.mm.cpuMask[mm * CPU_MASK_WORDS + (cpu >> 5)]! & (1 << (cpu & 31))) === 0) continue;
    if (!freedTables && (tlb.isLazy[cpu] === 1 || tlb.loadedMm[cpu] !== mm)) continue;
    if (cpu !== self) {
      tlb.counter[cpu * TLB_COUNTERS + TLB_SHOOTDOWNS_RECEIVED]!++;
      spend(k, CAUSE_SHOOTDOWN, COST_SHOOTDOWN);
    }
    catchUp(k, cpu, mm, generation, first === start ? { start, end } : undefined);
  }
}

/** Bug when a CPU's mask bit, loaded address space or ASID table disagree. */
export function checkCpuMasks(k: SpaceState): void {
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    const mm = k.tlb.loadedMm[cpu]!;
    if (mm === NONE) continue;
    if ((k.mm.cpuMask[mm * CPU_MASK_WORDS + (cpu >> 5)]! & (1 << (cpu & 31))) === 0) {
      bug(`cpu ${cpu} has address space ${mm} loaded and is not in its mask`);
    }
    const at = cpu * ASID_STRIDE + k.tlb.loadedAsid[cpu]!;
    if (k.tlb.asidContext[at] !== k.mm.contextId[mm])
      bug(`cpu ${cpu}: the loaded ASID is not that of address space ${mm}`);
  }
}

/** What one CPU does about a flush (Linux: flush_tlb_func). Without a range, or behind by more than this flush: everything. */
function catchUp(
  k: SpaceState,
  cpu: Cpu,
  mm: Mm,
  generation: number,
  range?: { start: number; end: number },
): void {
  const tlb = k.tlb;
  if (tlb.loadedMm[cpu] !== mm) return;
  if (tlb.isLazy[cpu] === 1) {
    switchMm(k, cpu, NONE);
    return;
  }
  const asid = tlb.loadedAsid[cpu]!;
  const at = cpu * ASID_STRIDE + asid;
  const local = tlb.asidGeneration[at]!;
  if (local >= generation) return;
  if (range !== undefined && generation === local + 1) {
    for (let vpn = range.start; vpn < range.end; vpn++) dropTlbPage(k, cpu, asid, vpn);
    tlb.counter[cpu * TLB_COUNTERS + TLB_FLUSH_ONE]! += range.end - range.start;
    spend(k, CAUSE_SHOOTDOWN, COST_FLUSH_PAGE * (range.end - range.start));
  } else {
    dropTlbAsid(k, cpu, asid);
    tlb.counter[cpu * TLB_COUNTERS + TLB_FLUSH_ALL]!++;
    spend(k, CAUSE_SHOOTDOWN, COST_FLUSH_ALL);
  }
  tlb.asidGeneration[at] = generation;
}

function findAsid(k: SpaceState, cpu: Cpu, mm: Mm): number {
  for (let asid = 0; asid < NR_ASIDS; asid++) {
    if (k.tlb.asidContext[cpu * ASID_STRIDE + asid] === k.mm.contextId[mm]) return asid;
  }
  return -1;
}

/** ASIDs are given out in turn. At boot the kernel's own address space holds ASID 0. */
function recycleAsid(k: SpaceState, cpu: Cpu): number {
  const asid = k.tlb.nextAsid[cpu]!;
  const taken = asid >= NR_ASIDS ? 0 : asid;
  k.tlb.nextAsid[cpu] = taken + 1;
  return taken;
}

function setCpuMask(k: SpaceState, mm: Mm, cpu: Cpu, on: boolean): void {
  const at = mm * CPU_MASK_WORDS + (cpu >> 5);
  const bit = 1 << (cpu & 31);
  k.mm.cpuMask[at] = on ? k.mm.cpuMask[at]! | bit : k.mm.cpuMask[at]! & ~bit;
}

function othersHave(k: SpaceState, mm: Mm, self: Cpu): boolean {
  const words = (k.machine.cpus + 31) >> 5;
  for (let word = 0; word < words; word++) {
    const bits = k.mm.cpuMask[mm * CPU_MASK_WORDS + word]!;
    if ((word === self >> 5 ? bits & ~(1 << (self & 31)) : bits) !== 0) return true;
  }
  return false;
}
