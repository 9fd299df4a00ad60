/**
 * Who runs next. Time is virtual and each CPU has its own; the scheduler lets one task run on one CPU for a while,
 * then looks again, so that the clocks move forward side by side:
 *
 *   cpu 0   |--task 5--|--task 9--|...        pick: the task that can start first; among those that can start at the
 *   cpu 1   |--task 7------|  idle |--task 5  same time the one with the least weighed run time; then the older row
 *
 * A task can start when a CPU is free and the task itself is: after its last turn, or when its disk request is done.
 * A driver runs programs like this:
 *
 *   while ((task = pickNext(k)) !== NONE) {        // the CPU (k.boot[2]) and its clock (k.clock.ns[0]) are set
 *     run the task's program until k.clock.ns[0] >= k.task.runEndNs[task], or it gets BLOCKED, or it ends
 *     accountRun(k, task)                          // always, whatever became of the task
 *   }
 *
 * Differs: one queue for all CPUs, and a CPU that is free takes any task; Linux has a queue a CPU and balances them.
 * Linux: kernel/sched/fair.c, core.c (6.12)   Doc: Documentation/scheduler/sched-eevdf.rst
 */
import { endSignalled } from "./abi/process.ts";
import type { AbiState } from "./abi/state.ts";
import { NONE, type Task } from "./base/types.ts";
import {
  CAUSE_CONTEXT_SWITCH,
  CAUSE_IDLE,
  CAUSE_IO_WAIT,
  CAUSE_MAJOR_FAULT,
  COST_CONTEXT_SWITCH,
  spend,
} from "./hw/clock.ts";
import { runFlushers } from "./reclaim/flusher.ts";
import { runKswapds } from "./reclaim/kswapd.ts";
import { psiAbsent, psiRun, psiStop, psiWake, settleLog } from "./reclaim/psi.ts";
import { runZswapWorker } from "./reclaim/zswap-shrink.ts";
import { completeIo } from "./space/io.ts";
import { lruGenUseMm } from "./space/lru-gen-mm.ts";
import { flushMemcgStatsIfDue } from "./space/memcg-flush.ts";
import {
  chargeRun,
  TASK_FREE,
  TASK_RUNNING,
  TASK_UNINTERRUPTIBLE,
  taskRows,
  userTime,
} from "./space/task.ts";
import { wakeMemoryWaiters } from "./vm/fault-oom.ts";
import type { VmState } from "./vm/state.ts";

/** Weight of each nice value from -20 to 19; one step is about 10 % of the CPU. */
const NICE_WEIGHT: readonly number[] = [
  88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121,
  2501, 1991, 1586, 1277, 1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23,
  18, 15,
];

/** sysctl base_slice_ns on one CPU, and a timer tick at Debian's CONFIG_HZ=250. */
const BASE_SLICE_NS = 750000;
const TICK_NS = 4000000;

/** Weight of a nice value (-20 to 19). */
export function niceWeight(nice: number): number {
  return NICE_WEIGHT[Math.max(0, Math.min(39, nice + 20))];
}

/**
 * How long a task may run while others wait: the base slice, which grows with the logarithm of the CPUs (8 count at
 * most), up to the next tick, because only a tick ends a slice.
 */
export function quantumNs(k: VmState): number {
  const factor = 32 - Math.clz32(Math.min(8, k.machine.cpus));
  return Math.ceil((BASE_SLICE_NS * factor) / TICK_NS) * TICK_NS;
}

/**
 * Chooses the task to run now. Sets the running CPU (`k.boot[2]`), loads that CPU's clock into `k.clock.ns[0]` (moved
 * on to the task's wake-up when the CPU had nothing to do until then), completes the disk requests that are done by
 * then, and sets the end of the task's turn (`k.task.runEndNs`). Returns NONE when no task can ever run again: all have
 * ended, or wait for something that only another task could do, or the machine has panicked.
 */
export function pickNext(k: VmState): Task {
  const t = k.task;
  if (k.reclaim.halted[0] !== 0) return NONE;
  const { cpuNs } = k.clock;
  const { flags } = k.psi;
  const freeNs = cpuNs[firstFreeCpu(k, Number.NEGATIVE_INFINITY)];
  let best: Task = NONE;
  let bestNs = Number.POSITIVE_INFINITY;
  const rows = taskRows(k);
  for (let task: Task = 1; task < rows; task++) {
    const state = t.state[task];
    if (state !== TASK_RUNNING && state !== TASK_UNINTERRUPTIBLE) {
      if (flags[task] !== 0) psiAbsent(k, task);
      continue;
    }
    if (state === TASK_RUNNING && flags[task] === 0) psiWake(k, task, t.cpu[task]);
    const beginNs = Math.max(freeNs, t.waitUntilNs[task]);
    if (beginNs === Number.POSITIVE_INFINITY || beginNs > bestNs) continue;
    if (beginNs < bestNs || t.vruntime[task] < t.vruntime[best]) {
      best = task;
      bestNs = beginNs;
    }
  }
  if (best === NONE) return NONE;
  settleLog(k, bestNs);
  const own = t.cpu[best];
  k.clock.ns[0] = bestNs;
  startTurn(k, best, own < k.machine.cpus && cpuNs[own] <= bestNs ? own : firstFreeCpu(k, bestNs));
  return best;
}

/**
 * Begins a turn of this task on its own CPU, as pickNext would if nobody else could run: for drivers that have an order
 * of their own (scripts). What the task waits for is done by then.
 */
export function beginTurn(k: VmState, task: Task): void {
  // Nobody else runs meanwhile, nor waits for a CPU.
  for (let other: Task = 1; other < taskRows(k); other++) if (other !== task) psiAbsent(k, other);
  const cpu = k.task.cpu[task];
  const nowNs = k.clock.cpuNs[cpu];
  const untilNs = k.task.waitUntilNs[task];
  const beginNs = untilNs === Number.POSITIVE_INFINITY ? nowNs : Math.max(nowNs, untilNs);
  if (k.task.state[task] === TASK_RUNNING) k.task.waitUntilNs[task] = beginNs;
  k.clock.ns[0] = beginNs;
  startTurn(k, task, cpu);
}

/**
 * Ends the turn that pickNext began: keeps the CPU's clock, charges the time to the task by its nice weight, and splits
 * it into user and system time. Tasks that were sent a fatal signal meanwhile end here. Call it once after each turn, also
 * when the task has ended or waits.
 */
export function accountRun(k: AbiState, task: Task): void {
  const t = k.task;
  const cpu = t.cpu[task];
  endSignalled(k);
  wakeMemoryWaiters(k, false);
  k.clock.cpuNs[cpu] = k.clock.ns[0];
  psiStop(k, task);
  if (t.state[task] === TASK_FREE) return;
  chargeRun(k, task, niceWeight(t.nice[task]));
  if (t.state[task] === TASK_RUNNING) {
    t.waitUntilNs[task] = k.clock.ns[0];
    t.involuntarySwitches[task]++;
  } else {
    t.voluntarySwitches[task]++;
  }
}

/**
 * Completes what the disks have done by now on the running CPU and makes the tasks runnable that waited for it.
 * pickNext does this by itself; a host calls it before it shows task states. `idleSinceNs`: since when the CPU has had
 * nothing to do, so that the threads that write files had it for themselves.
 */
export function wake(k: VmState, idleSinceNs = k.clock.ns[0]): void {
  const t = k.task;
  completeIo(k, k.clock.ns[0]);
  runFlushers(k, idleSinceNs);
  runZswapWorker(k);
  const now = k.clock.ns[0];
  flushMemcgStatsIfDue(k);
  const rows = taskRows(k);
  for (let task = 1; task < rows; task++) {
    if (t.state[task] !== TASK_UNINTERRUPTIBLE || t.waitUntilNs[task] > now) continue;
    catchUp(k, task);
    psiWake(k, task, t.cpu[task]);
    t.state[task] = TASK_RUNNING;
    t.waitRow[task] = NONE;
  }
}

/** The CPU whose clock is `atNs` or less: with -Infinity, the one whose clock is least; else the lowest such number. */
function firstFreeCpu(k: VmState, atNs: number): number {
  const { cpuNs } = k.clock;
  let least = 0;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    if (cpuNs[cpu] <= atNs) return cpu;
    if (cpuNs[cpu] < cpuNs[least]) least = cpu;
  }
  return least;
}

/** Puts the task on the CPU now; the time the CPU had nothing to do goes to what it waited for. */
function startTurn(k: VmState, task: Task, cpu: number): void {
  const t = k.task;
  const { clock } = k;
  const beginNs = clock.ns[0];
  const idleNs = beginNs - clock.cpuNs[cpu];
  if (idleNs > 0) clock.spent[idleCause(k, task)] += idleNs;
  k.boot[2] = cpu;
  psiRun(k, task, cpu);
  wake(k, Math.min(beginNs, clock.cpuNs[cpu]));
  if (k.machine.cpus === 1) runKswapds(k);
  const before = t.cpuTask[cpu];
  // A CPU that had nothing to do switches too, from its idle task.
  if (before !== NONE && (before !== task || idleNs > 0)) {
    spend(k, CAUSE_CONTEXT_SWITCH, COST_CONTEXT_SWITCH);
  }
  t.cpuTask[cpu] = task;
  lruGenUseMm(k, t.mm[task]);
  t.cpu[task] = cpu;
  t.state[task] = TASK_RUNNING;
  t.waitRow[task] = NONE;
  t.runStartNs[task] = clock.ns[0];
  t.runUserNs[task] = userTime(k);
  t.runEndNs[task] = clock.ns[0] + quantumNs(k);
}

function idleCause(k: VmState, task: Task): number {
  if (k.task.waitRow[task] <= NONE) return CAUSE_IDLE;
  return k.task.faultTried[task] !== 0 ? CAUSE_MAJOR_FAULT : CAUSE_IO_WAIT;
}

/** Puts a task that slept beside those that ran meanwhile: what it did not use it cannot claim afterwards. */
function catchUp(k: VmState, task: Task): void {
  const t = k.task;
  const rows = taskRows(k);
  let least = Number.POSITIVE_INFINITY;
  for (let other = 1; other < rows; other++) {
    if (other !== task && t.state[other] === TASK_RUNNING) least = Math.min(least, t.vruntime[other]);
  }
  if (least !== Number.POSITIVE_INFINITY) t.vruntime[task] = Math.max(t.vruntime[task], least);
}
