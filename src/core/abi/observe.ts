/**
 * What a host reports about a running machine, as plain objects: processes, mappings, translation, time. Read only, and
 * only when asked: nothing here is kept or touched by an access.
 * Linux: fs/proc/task_mmu.c, kernel/sys.c (getrusage) (6.12)   Doc: man 2 getrusage
 */
import { NONE, PAGE_SIZE, type Task, type Vma } from "../base/types.ts";
import { CAUSE_NAMES } from "../hw/clock.ts";
import {
  TLB_ACCESSES,
  TLB_COUNTERS,
  TLB_FETCHES,
  TLB_FLUSH_ALL,
  TLB_FLUSH_ONE,
  TLB_L1D_MISSES,
  TLB_L1I_MISSES,
  TLB_L2_HITS,
  TLB_SHOOTDOWNS_SENT,
  TLB_SWITCH_FLUSHES,
  TLB_WALKS,
} from "../hw/tlb.ts";
import { exactRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES } from "../space/mm.ts";
import { groupFaults, TASK_FREE, TASK_ZOMBIE, taskRows } from "../space/task.ts";
import { VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE } from "../space/vma.ts";
import { vmaName } from "./proc/maps.ts";
import { emptyStats, gatherStats } from "./proc/smaps.ts";
import type { AbiState } from "./state.ts";

/** Resident memory by type, in kB, exact (not what /proc's batched counters say). */
export interface RssKb {
  anonKb: number;
  fileKb: number;
  shmemKb: number;
}

/** A process that has an address space. */
export interface ProcessView extends RssKb {
  /** Its leader's row, and its pid. */
  readonly task: Task;
  readonly pid: number;
  readonly command: string;
  readonly minor: number;
  readonly major: number;
  readonly peakVmKb: number;
  readonly pageTablesKb: number;
}

/** One mapping, with its faults since it was made. */
export interface MappingView {
  readonly range: string;
  readonly permissions: string;
  readonly name: string;
  readonly sizeKb: number;
  readonly rssKb: number;
  readonly minor: number;
  readonly major: number;
}

/** Translations of all CPUs together, in accesses and events. */
export interface TlbView {
  readonly instruction: { hits: number; misses: number };
  readonly data: { hits: number; misses: number };
  readonly second: { hits: number; misses: number };
  readonly walks: number;
  readonly flushes: number;
  readonly shootdowns: number;
}

/** Every process that has an address space, by row. */
export function listProcesses(k: AbiState): ProcessView[] {
  const found: ProcessView[] = [];
  const t = k.task;
  for (let task: Task = 1; task < taskRows(k); task++) {
    if (t.state[task] === TASK_FREE || t.state[task] === TASK_ZOMBIE || t.pid[task] !== t.tgid[task])
      continue;
    if (t.mm[task] !== NONE) found.push(viewProcess(k, task));
  }
  return found;
}

/** One process; its address space must exist. */
export function viewProcess(k: AbiState, task: Task): ProcessView {
  const mm = k.task.mm[task];
  const [minor, major] = groupFaults(k, task);
  const kb = (member: number): number => (exactRss(k, mm, member) * PAGE_SIZE) / 1024;
  return {
    task,
    pid: k.task.pid[task],
    command: k.task.comm[task],
    minor,
    major,
    anonKb: kb(MM_ANONPAGES),
    fileKb: kb(MM_FILEPAGES),
    shmemKb: kb(MM_SHMEMPAGES),
    peakVmKb: (Math.max(k.mm.hiwaterVm[mm], k.mm.totalVm[mm]) * PAGE_SIZE) / 1024,
    pageTablesKb: k.mm.pgtablesBytes[mm] / 1024,
  };
}

/** The process's mappings by address. */
export function listMappings(k: AbiState, task: Task): MappingView[] {
  const found: MappingView[] = [];
  const mm = k.task.mm[task];
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) found.push(viewMapping(k, vma));
  return found;
}

function viewMapping(k: AbiState, vma: Vma): MappingView {
  const { start, end, flags, minorFaults, majorFaults } = k.vma;
  const stats = emptyStats();
  gatherStats(k, vma, stats);
  const bits = flags[vma];
  const hex = (page: number): string => (page * PAGE_SIZE).toString(16).padStart(8, "0");
  return {
    range: `${hex(start[vma])}-${hex(end[vma])}`,
    permissions: `${bits & VM_READ ? "r" : "-"}${bits & VM_WRITE ? "w" : "-"}${bits & VM_EXEC ? "x" : "-"}${bits & VM_MAYSHARE ? "s" : "p"}`,
    name: vmaName(k, vma),
    sizeKb: ((end[vma] - start[vma]) * PAGE_SIZE) / 1024,
    rssKb: stats.resident / 1024,
    minor: minorFaults[vma],
    major: majorFaults[vma],
  };
}

/** Translations of all CPUs. */
export function viewTlb(k: AbiState): TlbView {
  const sum = (counter: number): number => {
    let total = 0;
    for (let cpu = 0; cpu < k.machine.cpus; cpu++) total += k.tlb.counter[cpu * TLB_COUNTERS + counter];
    return total;
  };
  const fetches = sum(TLB_FETCHES);
  const loads = sum(TLB_ACCESSES) - fetches;
  const missedI = sum(TLB_L1I_MISSES);
  const missedD = sum(TLB_L1D_MISSES);
  const l2Hits = sum(TLB_L2_HITS);
  return {
    instruction: { hits: fetches - missedI, misses: missedI },
    data: { hits: loads - missedD, misses: missedD },
    second: { hits: l2Hits, misses: missedI + missedD - l2Hits },
    walks: sum(TLB_WALKS),
    flushes: sum(TLB_FLUSH_ONE) + sum(TLB_FLUSH_ALL) + sum(TLB_SWITCH_FLUSHES),
    shootdowns: sum(TLB_SHOOTDOWNS_SENT),
  };
}

/** Virtual nanoseconds by cause, all CPUs, largest first. */
export function viewTime(k: AbiState): { cause: string; ns: number }[] {
  return CAUSE_NAMES.map((cause, index) => ({ cause, ns: k.clock.spent[index] })).sort((a, b) => b.ns - a.ns);
}
