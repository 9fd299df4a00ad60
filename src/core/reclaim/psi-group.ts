/**
 * Groups of pressure stall information: each cgroup, and the whole machine, counts on every CPU its tasks by state, and how
 * long some or all of them were held up.
 *
 *   io some      a task waits for I/O                      io full      and none is runnable
 *   memory some  a task is in a memory stall               memory full  and nobody runnable is not, or it has the CPU
 *   cpu some     more are runnable than run                cpu full     runnable, but the CPU is another group's
 *
 * The times of the CPUs become one by weighing each with the time in which it had anything to do at all.
 * Linux: kernel/sched/psi.c (6.12)   Doc: Documentation/accounting/psi.rst
 */
import { bug } from "../base/bug.ts";
import { type Memcg, ROOT_MEMCG } from "../base/types.ts";
import { PSI_PERIOD_NS, PSI_PERIOD_TICKS, PSI_TICK_NS } from "./psi-average.ts";
import type { PsiColumns, ReclaimState } from "./state.ts";

/** States of a task as bits: waits for I/O, is in a memory stall, is runnable, is runnable in a memory stall, has a CPU. */
export const TSK_IOWAIT = 1;
export const TSK_MEMSTALL = 2;
export const TSK_RUNNING = 4;
export const TSK_MEMSTALL_RUNNING = 8;
export const TSK_ONCPU = 16;
/** Where the set bits begin in a change that clears some bits and sets others. */
export const SET_SHIFT = 8;

/** Resources; the states of one are 2 * resource (some) and 2 * resource + 1 (full). */
export const PSI_IO = 0;
export const PSI_MEM = 1;
export const PSI_CPU = 2;
const PSI_IO_SOME = 0;
const PSI_IO_FULL = 1;
const PSI_MEM_SOME = 2;
const PSI_MEM_FULL = 3;
const PSI_CPU_SOME = 4;
const PSI_CPU_FULL = 5;
const PSI_NONIDLE = 6;
/** States a place counts, and those a group reports. */
export const NR_PSI_STATES = 7;
export const NR_PSI_TOTALS = 6;
/** The bit of `mask` that says that a task of the group has the CPU. */
const PSI_ONCPU = 128;

/** Counts that a place has (by TSK_* bit), and the bits that are counted. */
const NR_COUNTS = 4;
const COUNTED_STATES = (1 << NR_COUNTS) - 1;
/** Who collects times: those who make averages, and polled triggers. */
export const PSI_AVGS = 0;
export const PSI_POLL = 1;
/** Words of `state`. */
export const PSI_LOGGED = 0;
export const PSI_COUNTED_NS = 1;
export const PSI_DUE_NS = 2;
/** The kernel's counters of times have so many values: a difference is taken modulo them. */
const TIMES_WRAP = 2 ** 32;
/** Changes the log has room for. */
const LOG_ROWS = 512;

/** Nobody does anything yet: only the machine's group is there. `tasks` includes a row for every node's kswapd. */
export function createPsiColumns(groups: number, cpus: number, tasks: number): PsiColumns {
  const never = (): Float64Array => new Float64Array(groups).fill(Number.POSITIVE_INFINITY);
  const places = groups * cpus;
  return {
    logNs: new Float64Array(LOG_ROWS),
    logTask: new Int32Array(LOG_ROWS),
    logGroup: new Int32Array(LOG_ROWS),
    logCpu: new Int32Array(LOG_ROWS),
    logBits: new Int32Array(LOG_ROWS),
    state: Float64Array.of(0, 0, Number.POSITIVE_INFINITY),
    flags: new Uint8Array(tasks),
    cpu: new Int32Array(tasks),
    group: new Int32Array(tasks),
    lastNs: new Float64Array(tasks),
    inMemstall: new Uint8Array(tasks),
    running: new Int32Array(cpus),
    onCpu: new Int32Array(cpus),
    tasks: new Int32Array(places * NR_COUNTS),
    mask: new Uint8Array(places),
    sinceNs: new Float64Array(places),
    times: new Float64Array(places * NR_PSI_STATES),
    seen: new Float64Array(places * NR_PSI_STATES * 2),
    enabled: new Uint8Array(groups).fill(1, 0, 1),
    total: new Float64Array(groups * NR_PSI_TOTALS * 2),
    averaged: new Float64Array(groups * NR_PSI_TOTALS),
    average: new Int32Array(groups * NR_PSI_TOTALS * 3),
    lastUpdateNs: new Float64Array(groups),
    nextUpdateNs: new Float64Array(groups).fill(PSI_PERIOD_NS, 0, 1),
    dueNs: never(),
    workCpu: new Int32Array(groups),
    pollStates: new Uint8Array(groups),
    pollPeriodNs: never(),
    pollNextNs: never(),
    pollUntilNs: new Float64Array(groups),
    pollDueNs: never(),
    pollTotal: new Float64Array(groups * NR_PSI_TOTALS),
    triggers: [],
  };
}

/** A cgroup was made: its group counts from `nowNs` on. The row may have been another's. */
export function initGroup(k: ReclaimState, group: Memcg, nowNs: number): void {
  const p = k.psi;
  const { cpus } = k.machine;
  const first = group * cpus;
  p.tasks.fill(0, first * NR_COUNTS, (first + cpus) * NR_COUNTS);
  p.mask.fill(0, first, first + cpus);
  p.sinceNs.fill(nowNs, first, first + cpus);
  p.times.fill(0, first * NR_PSI_STATES, (first + cpus) * NR_PSI_STATES);
  p.seen.fill(0, first * NR_PSI_STATES * 2, (first + cpus) * NR_PSI_STATES * 2);
  p.enabled[group] = 1;
  p.total.fill(0, group * NR_PSI_TOTALS * 2, (group + 1) * NR_PSI_TOTALS * 2);
  p.averaged.fill(0, group * NR_PSI_TOTALS, (group + 1) * NR_PSI_TOTALS);
  p.average.fill(0, group * NR_PSI_TOTALS * 3, (group + 1) * NR_PSI_TOTALS * 3);
  p.lastUpdateNs[group] = nowNs;
  p.nextUpdateNs[group] = nowNs + PSI_PERIOD_NS;
  p.dueNs[group] = Number.POSITIVE_INFINITY;
  p.pollStates[group] = 0;
  p.pollPeriodNs[group] = Number.POSITIVE_INFINITY;
  p.pollNextNs[group] = Number.POSITIVE_INFINITY;
  p.pollUntilNs[group] = 0;
  p.pollDueNs[group] = Number.POSITIVE_INFINITY;
}

/** All that a group has counted goes over to another row. */
export function copyGroup(k: ReclaimState, from: Memcg, to: Memcg): void {
  const p = k.psi;
  const groups = p.enabled.length;
  for (const column of [
    p.tasks,
    p.mask,
    p.sinceNs,
    p.times,
    p.seen,
    p.enabled,
    p.total,
    p.averaged,
    p.average,
  ])
    copyRow(column, groups, from, to);
  for (const column of [p.lastUpdateNs, p.nextUpdateNs, p.dueNs, p.workCpu, p.pollStates, p.pollTotal])
    copyRow(column, groups, from, to);
  for (const column of [p.pollPeriodNs, p.pollNextNs, p.pollUntilNs, p.pollDueNs])
    copyRow(column, groups, from, to);
  for (const trigger of p.triggers) if (trigger?.group === from) trigger.group = to;
  initGroup(k, from, 0);
}

/**
 * A task's bits change on a CPU, at the time up to which all is counted: the counts, and the states that follow, of its group
 * and all above it.
 */
export function changeGroups(k: ReclaimState, group: Memcg, cpu: number, bits: number): void {
  const { parent } = k.memcg;
  for (let at = group; ; at = parent[at]) {
    changeGroup(k, at, cpu, bits);
    if (at === ROOT_MEMCG) return;
  }
}

/** The same in one group (Linux: psi_group_change). */
export function changeGroup(k: ReclaimState, group: Memcg, cpu: number, bits: number): void {
  const p = k.psi;
  const nowNs = p.state[PSI_COUNTED_NS];
  const { tasks, mask } = p;
  const place = group * k.machine.cpus + cpu;
  const clear = bits & ((1 << SET_SHIFT) - 1);
  const set = bits >> SET_SHIFT;
  let onCpu = mask[place] & PSI_ONCPU;
  if ((clear & TSK_ONCPU) !== 0) onCpu = 0;
  else if ((set & TSK_ONCPU) !== 0) onCpu = PSI_ONCPU;
  const row = place * NR_COUNTS;
  for (let left = (clear | set) & COUNTED_STATES; left !== 0; ) {
    const count = 31 - Math.clz32(left);
    left ^= 1 << count;
    tasks[row + count] += ((set >> count) & 1) - ((clear >> count) & 1);
    if (tasks[row + count] < 0) bug(`group ${group} has less than no task in state ${count}`);
  }
  recordTimes(p, place);
  if (p.enabled[group] === 0) {
    mask[place] = onCpu;
    return;
  }
  let states = testStates(tasks, row, onCpu);
  // Whoever reclaims keeps everybody else of the CPU, even if one could run.
  if (onCpu !== 0 && p.inMemstall[p.onCpu[cpu]] !== 0) states |= 1 << PSI_MEM_FULL;
  mask[place] = states;
  if ((states & p.pollStates[group]) !== 0 && p.pollDueNs[group] === Number.POSITIVE_INFINITY)
    schedulePoll(p, group, nowNs, 1);
  if (p.dueNs[group] === Number.POSITIVE_INFINITY) scheduleAverages(p, group, cpu, nowNs, PSI_PERIOD_TICKS);
}

/** Averages of the group will be looked at after so many ticks, by a worker on this CPU. */
export function scheduleAverages(
  p: PsiColumns,
  group: Memcg,
  cpu: number,
  nowNs: number,
  ticks: number,
): void {
  p.workCpu[group] = cpu;
  p.dueNs[group] = (Math.floor(nowNs / PSI_TICK_NS) + ticks) * PSI_TICK_NS;
  p.state[PSI_DUE_NS] = Math.min(p.state[PSI_DUE_NS], p.dueNs[group]);
}

/** The same for polled triggers. */
export function schedulePoll(p: PsiColumns, group: Memcg, nowNs: number, ticks: number): void {
  p.pollDueNs[group] = (Math.floor(nowNs / PSI_TICK_NS) + ticks) * PSI_TICK_NS;
  p.state[PSI_DUE_NS] = Math.min(p.state[PSI_DUE_NS], p.pollDueNs[group]);
}

/**
 * Adds what the group's CPUs have counted since the last time to its totals, each CPU weighed by the ticks in which it had
 * something to do (Linux: collect_percpu_times). Returns the states that lasted, as bits.
 */
export function collectTimes(k: ReclaimState, group: Memcg, aggregator: number, nowNs: number): number {
  const p = k.psi;
  const { cpus } = k.machine;
  const deltas = [0, 0, 0, 0, 0, 0];
  let ticks = 0;
  let changed = 0;
  for (let cpu = 0; cpu < cpus; cpu++) {
    const place = group * cpus + cpu;
    const idle = lastedNs(p, place, PSI_NONIDLE, aggregator, nowNs);
    const weight = Math.floor(idle / PSI_TICK_NS);
    ticks += weight;
    if (idle !== 0) changed |= 1 << PSI_NONIDLE;
    for (let state = 0; state < NR_PSI_TOTALS; state++) {
      const delta = lastedNs(p, place, state, aggregator, nowNs);
      if (delta === 0) continue;
      changed |= 1 << state;
      deltas[state] += delta * weight;
    }
  }
  const at = (group * 2 + aggregator) * NR_PSI_TOTALS;
  for (let state = 0; state < NR_PSI_TOTALS; state++)
    p.total[at + state] += Math.floor(deltas[state] / Math.max(ticks, 1));
  return changed;
}

/**
 * Whether a worker that made averages on this CPU must look again after a period: another CPU had something to do, or
 * this one has more than one task, of which the machine's group knows the worker (Linux: PSI_STATE_RESCHEDULE).
 * `isBusyElsewhere`: what the other CPUs say.
 */
export function hasWorkerCompany(k: ReclaimState, group: Memcg, cpu: number): boolean {
  const at = (group * k.machine.cpus + cpu) * NR_COUNTS;
  const { tasks } = k.psi;
  return (group === ROOT_MEMCG ? 1 : 0) + tasks[at] + tasks[at + 1] + tasks[at + 2] > 1;
}

/** Whether a CPU besides this one had something to do since the averages were last made; asked before times are collected. */
export function isBusyElsewhere(k: ReclaimState, group: Memcg, cpu: number, nowNs: number): boolean {
  const p = k.psi;
  const { cpus } = k.machine;
  for (let other = 0; other < cpus; other++) {
    const place = group * cpus + other;
    if (other === cpu) continue;
    const running = (p.mask[place] & (1 << PSI_NONIDLE)) !== 0 ? nowNs - p.sinceNs[place] : 0;
    const seen = p.seen[place * 2 * NR_PSI_STATES + PSI_NONIDLE];
    if (p.times[place * NR_PSI_STATES + PSI_NONIDLE] + running !== seen) return true;
  }
  return false;
}

/** How long a state has lasted on a place since this was asked last, the one under way included. */
function lastedNs(p: PsiColumns, place: number, state: number, aggregator: number, nowNs: number): number {
  let ns = p.times[place * NR_PSI_STATES + state];
  if ((p.mask[place] & (1 << state)) !== 0) ns += nowNs - p.sinceNs[place];
  const at = (place * 2 + aggregator) * NR_PSI_STATES + state;
  const delta = ns - p.seen[at];
  p.seen[at] = ns;
  return delta >= TIMES_WRAP ? delta % TIMES_WRAP : delta;
}

/** The states that counts of tasks mean (Linux: test_states). */
function testStates(tasks: Int32Array, row: number, onCpu: number): number {
  const ioWait = tasks[row];
  const memstall = tasks[row + 1];
  const running = tasks[row + 2];
  let states = onCpu;
  const isIoFull = running === 0;
  const isMemFull = running === tasks[row + 3];
  if (ioWait !== 0) states |= isIoFull ? (1 << PSI_IO_SOME) | (1 << PSI_IO_FULL) : 1 << PSI_IO_SOME;
  if (memstall !== 0) states |= isMemFull ? (1 << PSI_MEM_SOME) | (1 << PSI_MEM_FULL) : 1 << PSI_MEM_SOME;
  if (running > (onCpu !== 0 ? 1 : 0)) states |= 1 << PSI_CPU_SOME;
  if (running !== 0 && onCpu === 0) states |= 1 << PSI_CPU_FULL;
  if (ioWait !== 0 || memstall !== 0 || running !== 0) states |= 1 << PSI_NONIDLE;
  return states;
}

/** The states of a place end, or go on, at the time up to which all is counted: what they have lasted is added up (Linux: record_times). */
function recordTimes(p: PsiColumns, place: number): void {
  const nowNs = p.state[PSI_COUNTED_NS];
  const states = p.mask[place] & ~PSI_ONCPU;
  const ns = nowNs - p.sinceNs[place];
  p.sinceNs[place] = nowNs;
  if (states === 0 || ns === 0) return;
  const at = place * NR_PSI_STATES;
  // Bit by bit, from the highest: few are set.
  for (let left = states; left !== 0; ) {
    const state = 31 - Math.clz32(left);
    p.times[at + state] += ns;
    left ^= 1 << state;
  }
}

function copyRow(
  column: Float64Array | Int32Array | Uint8Array,
  rows: number,
  from: number,
  to: number,
): void {
  const words = column.length / rows;
  column.copyWithin(to * words, from * words, (from + 1) * words);
}
