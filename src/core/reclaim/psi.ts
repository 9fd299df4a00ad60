/**
 * Pressure stall information: how long tasks were held up for want of memory, I/O or CPUs. The scheduler says when a task
 * gets a CPU, sleeps and wakes; whoever reclaims or waits for memory says so around it.
 *
 *   cpu 0   |-- task 5 --| 5 waits for a disk ..... |-- task 5      changes are kept in a log, because CPUs take turns at
 *   cpu 1   |------ task 7 ------|  .... |-- task 7                 moving on: those of one may be older than what another
 *             t0                        t1                          has said already. They are counted in the order of time.
 *
 * A task that waits for a page it used not long ago, because that was reclaimed, is in a memory stall and waits for I/O.
 * Where nobody waits or reclaims nothing is done here.
 * Linux: kernel/sched/psi.c, kernel/sched/stats.h (6.12)   Doc: Documentation/accounting/psi.rst
 */
import { bug } from "../base/bug.ts";
import { type Memcg, NONE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { plugInUse } from "../hw/plug.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { TASK_FREE, TASK_RUNNING, TASK_ZOMBIE } from "../space/task.ts";
import {
  changeGroup,
  changeGroups,
  copyGroup,
  initGroup,
  PSI_COUNTED_NS,
  PSI_DUE_NS,
  PSI_LOGGED,
  SET_SHIFT,
  TSK_IOWAIT,
  TSK_MEMSTALL,
  TSK_MEMSTALL_RUNNING,
  TSK_ONCPU,
  TSK_RUNNING,
} from "./psi-group.ts";
import { pressureText, runDueWork } from "./psi-work.ts";
import type { ReclaimState } from "./state.ts";

/** All that a task has while it is on a queue. */
const QUEUED = TSK_RUNNING | TSK_MEMSTALL_RUNNING | TSK_ONCPU;
const STALLED = TSK_MEMSTALL | TSK_MEMSTALL_RUNNING;

/** The task gets this CPU now for a turn; what it waited for, if it did, is there. Who had the CPU before has it no more. */
export function psiRun(k: ReclaimState, task: Task, cpu: number): void {
  const p = k.psi;
  const atNs = k.clock.ns[0];
  const before = p.running[cpu];
  const flags = p.flags[task];
  if (before === task && (flags & TSK_ONCPU) !== 0) return;
  if (before !== NONE && (p.flags[before] & TSK_ONCPU) !== 0) change(k, before, TSK_ONCPU, 0, atNs);
  p.running[cpu] = task;
  if ((flags & TSK_RUNNING) === 0 && k.task.waitUntilNs[task] < atNs)
    psiWake(k, task, flags === 0 ? cpu : p.cpu[task]);
  if (p.flags[task] === 0) {
    p.group[task] = groupOf(k, task);
    p.cpu[task] = cpu;
  }
  if (p.cpu[task] !== cpu) moveTo(k, task, p.group[task], cpu, atNs);
  // A stall that it slept in is over with its turn.
  change(k, task, TSK_IOWAIT | STALLED, TSK_RUNNING | TSK_ONCPU, atNs);
}

/** What the task waited for is there: from then on it could run, and waits for this CPU. */
export function psiWake(k: ReclaimState, task: Task, cpu: number): void {
  const p = k.psi;
  const atNs = k.task.waitUntilNs[task];
  const flags = p.flags[task];
  if ((flags & TSK_RUNNING) !== 0) return;
  if (flags === 0) {
    p.group[task] = groupOf(k, task);
    p.cpu[task] = cpu;
  } else if (p.cpu[task] !== cpu) moveTo(k, task, p.group[task], cpu, atNs);
  const stalled = (flags & TSK_MEMSTALL) !== 0 ? TSK_MEMSTALL_RUNNING : 0;
  change(k, task, TSK_IOWAIT, TSK_RUNNING | stalled, atNs);
}

/** The task's turn ends now: it goes on later, or sleeps, or has ended. */
export function psiStop(k: ReclaimState, task: Task): void {
  const p = k.psi;
  const atNs = k.clock.ns[0];
  const state = k.task.state[task];
  p.lastNs[task] = Math.max(atNs, p.lastNs[task]);
  if (state === TASK_RUNNING) return;
  if (state === TASK_FREE || state === TASK_ZOMBIE) {
    change(k, task, p.flags[task], 0, atNs);
    return;
  }
  const io = k.task.waitRow[task] > NONE ? TSK_IOWAIT : 0;
  const memory = k.task.isThrashing[task] !== 0 ? TSK_MEMSTALL : 0;
  change(k, task, QUEUED, io | memory, atNs);
}

/** The task, if it counts, neither runs nor could: it ended in another's turn, or whoever drives it keeps it from running. */
export function psiAbsent(k: ReclaimState, task: Task): void {
  const p = k.psi;
  if (p.flags[task] === 0) return;
  const hasEnded = k.task.state[task] === TASK_FREE || k.task.state[task] === TASK_ZOMBIE;
  const clear = hasEnded ? p.flags[task] : p.flags[task] & QUEUED;
  if (clear !== 0) change(k, task, clear, 0, p.lastNs[task]);
}

/** From here on the running task is held up for want of memory. Returns whether it was not before: then psiMemstallLeave ends it. */
export function psiMemstallEnter(k: ReclaimState): boolean {
  const task = k.task.cpuTask[k.boot[2]];
  const flags = k.psi.flags[task];
  if ((flags & TSK_ONCPU) === 0 || (flags & TSK_MEMSTALL) !== 0) return false;
  change(k, task, 0, STALLED, k.clock.ns[0]);
  return true;
}

/** The end of what psiMemstallEnter began, which returned `hasEntered`. */
export function psiMemstallLeave(k: ReclaimState, hasEntered: boolean): void {
  if (hasEntered) change(k, k.task.cpuTask[k.boot[2]], STALLED, 0, k.clock.ns[0]);
}

/**
 * The running task sleeps from now on where it is, in the middle of what it does, for I/O or for something else. Returns what
 * psiAwake needs: 0 when it was kswapd's or a flusher's sleep, or one that is counted already.
 */
export function psiSleep(k: ReclaimState, isIo: boolean): number {
  const task = k.task.cpuTask[k.boot[2]];
  if ((k.psi.flags[task] & TSK_ONCPU) === 0 || plugInUse(k) !== 0) return 0;
  const queued = k.psi.flags[task] & QUEUED;
  change(k, task, queued, isIo ? TSK_IOWAIT : 0, k.clock.ns[0]);
  return queued;
}

/** The end of what psiSleep began. */
export function psiAwake(k: ReclaimState, asleep: number, isIo: boolean): void {
  if (asleep !== 0) change(k, k.task.cpuTask[k.boot[2]], isIo ? TSK_IOWAIT : 0, asleep, k.clock.ns[0]);
}

/** kswapd of a node has reclaimed on this CPU from `fromNs` to `toNs`: all of its time is a memory stall. */
export function psiKswapd(k: ReclaimState, node: number, cpu: number, fromNs: number, toNs: number): void {
  const p = k.psi;
  const task = k.task.pid.length + node;
  const beginNs = Math.max(fromNs, p.state[PSI_COUNTED_NS]);
  const other = p.running[cpu];
  const isTaken = k.machine.cpus === 1 && (p.flags[other] & TSK_ONCPU) !== 0;
  p.group[task] = ROOT_MEMCG;
  p.cpu[task] = cpu;
  // With one CPU it takes the task's; with several it has one that is idle, or shares it.
  if (isTaken) change(k, other, TSK_ONCPU, 0, beginNs);
  change(k, task, 0, TSK_RUNNING | STALLED | TSK_ONCPU, beginNs);
  change(k, task, TSK_RUNNING | STALLED | TSK_ONCPU, 0, beginNs + toNs - fromNs);
  if (isTaken) change(k, other, 0, TSK_ONCPU, beginNs + toNs - fromNs);
}

/** The task goes over to another cgroup with all that it does, at the running CPU's now. */
export function psiMoveTask(k: ReclaimState, task: Task): void {
  const group = groupOf(k, task);
  if (k.psi.flags[task] !== 0 && k.psi.group[task] !== group)
    moveTo(k, task, group, k.psi.cpu[task], Math.max(k.clock.ns[0], k.psi.lastNs[task]));
  else k.psi.group[task] = group;
}

/** A cgroup was made. */
export function psiCreateGroup(k: ReclaimState, group: Memcg): void {
  countAll(k, Number.POSITIVE_INFINITY);
  initGroup(k, group, Math.max(k.clock.ns[0], k.psi.state[PSI_COUNTED_NS]));
}

/** A cgroup's row was given up for a fresh one: tasks and times go on there. */
export function psiRenewGroup(k: ReclaimState, from: Memcg, to: Memcg): void {
  countAll(k, Number.POSITIVE_INFINITY);
  copyGroup(k, from, to);
  for (let task = 0; task < k.psi.group.length; task++)
    if (k.psi.group[task] === from) k.psi.group[task] = to;
}

/** Says whether a group counts; where it did not, the states that its tasks have now begin now (Linux: cgroup_pressure_write). */
export function enablePressure(k: ReclaimState, group: Memcg, isEnabled: boolean): void {
  const p = k.psi;
  if ((p.enabled[group] !== 0) === isEnabled) return;
  settlePsi(k);
  p.enabled[group] = isEnabled ? 1 : 0;
  if (!isEnabled) return;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) changeGroup(k, group, cpu, 0);
}

/** What a pressure file shows at the running CPU's now. */
export function showPressure(k: ReclaimState, group: Memcg, resource: number): string {
  return pressureText(k, group, resource, settlePsi(k));
}

/** Counts all that happened up to the running CPU's now. Returns the time that the counts are of. */
export function settlePsi(k: ReclaimState): number {
  countAll(k, k.clock.ns[0]);
  runDueWork(k, k.psi.state[PSI_COUNTED_NS]);
  return k.psi.state[PSI_COUNTED_NS];
}

/** No change older than `nowNs` will come any more: when the log fills up, what is older is counted. */
export function settleLog(k: ReclaimState, nowNs: number): void {
  if (k.psi.state[PSI_LOGGED] > k.psi.logNs.length / 2) countAll(k, nowNs);
}

/** Bug when the counts, with what is in the log, are not those of the tasks. */
export function checkPsi(k: ReclaimState): void {
  const p = k.psi;
  const { cpus } = k.machine;
  const counts = p.tasks.slice();
  const add = (group: Memcg, cpu: number, bits: number, by: number): void => {
    for (let at = group; ; at = k.memcg.parent[at]) {
      for (let count = 0; count < 4; count++)
        if ((bits & (1 << count)) !== 0) counts[(at * cpus + cpu) * 4 + count] += by;
      if (at === ROOT_MEMCG) return;
    }
  };
  for (let row = 0; row < p.state[PSI_LOGGED]; row++) {
    add(p.logGroup[row], p.logCpu[row], p.logBits[row] >> SET_SHIFT, 1);
    add(p.logGroup[row], p.logCpu[row], p.logBits[row] & 255, -1);
    if (row > 0 && p.logNs[row] < p.logNs[row - 1]) bug("the log of task states is out of order");
  }
  for (let task = 0; task < p.flags.length; task++)
    if (p.flags[task] !== 0) add(p.group[task], p.cpu[task], p.flags[task], -1);
  const wrong = counts.findIndex((count) => count !== 0);
  if (wrong >= 0) bug(`pressure counts of group ${Math.floor(wrong / 4 / cpus)} are off by ${counts[wrong]}`);
}

/** The group of a task; cgroups of version 1 have none. */
function groupOf(k: ReclaimState, task: Task): Memcg {
  return isLegacy(k) ? ROOT_MEMCG : k.task.memcg[task];
}

/** Takes a task with its states from one group and CPU to another. */
function moveTo(k: ReclaimState, task: Task, group: Memcg, cpu: number, atNs: number): void {
  const p = k.psi;
  const flags = p.flags[task];
  change(k, task, flags, 0, atNs);
  p.group[task] = group;
  p.cpu[task] = cpu;
  change(k, task, 0, flags, atNs);
}

/** Puts a change into the log: bits that the task has are cleared, those it has not are set. */
function change(k: ReclaimState, task: Task, clear: number, set: number, atNs: number): void {
  const p = k.psi;
  const { logNs, logTask, logGroup, logCpu, logBits } = p;
  const gone = clear & p.flags[task] & ~set;
  const come = set & ~p.flags[task];
  if ((gone | come) === 0) return;
  p.flags[task] = (p.flags[task] & ~gone) | come;
  if (p.state[PSI_LOGGED] === logNs.length) countAll(k, logNs[logNs.length >> 1]);
  // What a task waits for may be done before it sleeps: its own changes stay in their order.
  const ns = Math.max(atNs, p.state[PSI_COUNTED_NS], p.lastNs[task]);
  p.lastNs[task] = ns;
  let row = p.state[PSI_LOGGED]++;
  for (; row > 0 && logNs[row - 1] > ns; row--) {
    logNs[row] = logNs[row - 1];
    logTask[row] = logTask[row - 1];
    logGroup[row] = logGroup[row - 1];
    logCpu[row] = logCpu[row - 1];
    logBits[row] = logBits[row - 1];
  }
  logNs[row] = ns;
  logTask[row] = task;
  logGroup[row] = p.group[task];
  logCpu[row] = p.cpu[task];
  logBits[row] = gone | (come << SET_SHIFT);
}

/** Counts the changes up to `untilNs`, with what is due between them. */
function countAll(k: ReclaimState, untilNs: number): void {
  const p = k.psi;
  const { logNs, logTask, logGroup, logCpu, logBits, state } = p;
  const rows = state[PSI_LOGGED];
  let row = 0;
  for (; row < rows && logNs[row] <= untilNs; row++) {
    if (state[PSI_DUE_NS] <= logNs[row]) runDueWork(k, logNs[row]);
    state[PSI_COUNTED_NS] = Math.max(state[PSI_COUNTED_NS], logNs[row]);
    const bits = takeCpu(k, logTask[row], logCpu[row], logBits[row]);
    changeGroups(k, logGroup[row], logCpu[row], bits);
  }
  if (row > 0) {
    for (const column of [logNs, logTask, logGroup, logCpu, logBits]) column.copyWithin(0, row, rows);
    state[PSI_LOGGED] = rows - row;
  }
  if (untilNs !== Number.POSITIVE_INFINITY) state[PSI_COUNTED_NS] = Math.max(state[PSI_COUNTED_NS], untilNs);
}

/** Notes who is in a memory stall and who has the CPU. Returns the bits as the CPU's groups see them. */
function takeCpu(k: ReclaimState, task: Task, cpu: number, bits: number): number {
  const { inMemstall, onCpu } = k.psi;
  const clear = bits & 255;
  const set = bits >> SET_SHIFT;
  if ((set & TSK_MEMSTALL) !== 0) inMemstall[task] = 1;
  else if ((clear & TSK_MEMSTALL) !== 0) inMemstall[task] = 0;
  if ((clear & TSK_ONCPU) !== 0) {
    if (onCpu[cpu] !== task) return bits & ~TSK_ONCPU;
    onCpu[cpu] = NONE;
  } else if ((set & TSK_ONCPU) !== 0) {
    const isKswapd = task >= k.task.pid.length;
    if (isKswapd && onCpu[cpu] !== NONE) return bits & ~(TSK_ONCPU << SET_SHIFT);
    onCpu[cpu] = task;
  }
  return bits;
}
