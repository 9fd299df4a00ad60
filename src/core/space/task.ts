/**
 * Tasks: processes and threads as rows, and their family.
 *
 *   leader --nextThread--> thread --nextThread--> thread --> leader      one thread group, one tgid
 *   leader --firstChild--> child leader --nextSibling--> child leader    oldest first; the first one's
 *                          prevSibling is the last
 *
 * A process is its leader's row. Children hang from the leader of the group that made them, so a thread's end does
 * not orphan them (Linux hands them to another thread of the group; nobody sees the difference without __WNOTHREAD).
 * Linux: include/linux/sched.h, kernel/pid.c, kernel/fork.c (6.12)   Doc: Documentation/scheduler/sched-design-CFS.rst
 */
import { bug } from "../base/bug.ts";
import { EAGAIN } from "../base/errno.ts";
import { type Mm, NONE, type Task } from "../base/types.ts";
import { CAUSE_TLB_WALK, CAUSE_USER } from "../hw/clock.ts";
import { freeFdTable } from "./fd-table.ts";
import { FDS } from "./file.ts";
import type { SpaceState } from "./state.ts";
import type { TaskColumns } from "./task-state.ts";

/** States. A runnable task has TASK_RUNNING whether or not a CPU has it, as in Linux. */
export const TASK_FREE = 0;
export const TASK_RUNNING = 1;
/** Waits for a child (S in /proc). */
export const TASK_INTERRUPTIBLE = 2;
/** Waits for a disk or in vfork (D in /proc). */
export const TASK_UNINTERRUPTIBLE = 3;
/** Ended; its row waits for wait4. */
export const TASK_ZOMBIE = 4;

/** What `waitRow` says of a task that does not wait for a disk. */
export const WAIT_CHILD = -1;
export const WAIT_VFORK = -2;
export const WAIT_MEMORY = -3;

/** Letter and word of each state, as /proc/PID/status prints them. */
export const TASK_STATE_NAMES: readonly string[] = [
  "X (dead)",
  "R (running)",
  "S (sleeping)",
  "D (disk sleep)",
  "Z (zombie)",
];

/** Signal a child's end sends. */
export const SIGCHLD = 17;

/** Largest pid plus one on a 64-bit machine (Linux: PID_MAX_LIMIT). Pids below RESERVED_PIDS are not given twice. */
const PID_MAX = 4194304;
const RESERVED_PIDS = 300;
/** Debian's CONFIG_NR_CPUS. */
const MOST_CPUS = 8192;

/** Words of `rows`. */
const NEVER_USED = 0;
const FREE_ROW = 1;
const LAST_PID = 2;
const TASKS = 3;
const INIT = 4;

/** What a new task is. */
export interface TaskSpec {
  readonly comm: string;
  /** The process that gets its wait status; init when absent. */
  readonly parent?: Task;
  /** The address space, whose reference the task takes over; NONE when absent. */
  readonly mm?: Mm;
  /** A thread of this leader's group instead of a process. */
  readonly leader?: Task;
  /** A descriptor table to share; an empty one of its own when absent. */
  readonly fdTable?: number;
  /** 0 when absent. */
  readonly exitSignal?: number;
  readonly nice?: number;
}

/** Empty tables with room for `tasks` tasks. */
export function createTaskColumns(tasks: number): TaskColumns {
  const rows = new Int32Array(8);
  rows[NEVER_USED] = 1;
  return {
    pid: new Int32Array(tasks),
    tgid: new Int32Array(tasks),
    parent: new Int32Array(tasks),
    firstChild: new Int32Array(tasks),
    nextSibling: new Int32Array(tasks),
    prevSibling: new Int32Array(tasks),
    nextThread: new Int32Array(tasks),
    mm: new Int32Array(tasks),
    state: new Uint8Array(tasks),
    cpu: new Int32Array(tasks),
    nice: new Int8Array(tasks),
    exitCode: new Int32Array(tasks),
    exitSignal: new Int32Array(tasks),
    stackMemcg: new Int32Array(tasks),
    taskMemcg: new Int32Array(tasks),
    tableMemcg: new Int32Array(tasks),
    liveThreads: new Int32Array(tasks),
    groupExit: new Uint8Array(tasks),
    groupExitCode: new Int32Array(tasks),
    waitRow: new Int32Array(tasks),
    waitUntilNs: new Float64Array(tasks),
    isThrashing: new Uint8Array(tasks),
    minFlt: new Float64Array(tasks),
    majFlt: new Float64Array(tasks),
    cMinFlt: new Float64Array(tasks),
    cMajFlt: new Float64Array(tasks),
    goneMinFlt: new Float64Array(tasks),
    goneMajFlt: new Float64Array(tasks),
    utimeNs: new Float64Array(tasks),
    stimeNs: new Float64Array(tasks),
    goneUtimeNs: new Float64Array(tasks),
    goneStimeNs: new Float64Array(tasks),
    cUtimeNs: new Float64Array(tasks),
    cStimeNs: new Float64Array(tasks),
    startNs: new Float64Array(tasks),
    vruntime: new Float64Array(tasks),
    runStartNs: new Float64Array(tasks),
    runEndNs: new Float64Array(tasks),
    fdTable: new Int32Array(tasks),
    fds: new Int32Array(tasks * FDS),
    fdTableUsers: new Int32Array(tasks),
    comm: [""],
    faultTried: new Uint8Array(tasks),
    progress: new Float64Array(tasks),
    step: new Float64Array(tasks),
    populated: new Float64Array(tasks),
    memcg: new Int32Array(tasks),
    countedFaults: new Float64Array(tasks),
    overHigh: new Int32Array(tasks),
    dirtied: new Int32Array(tasks),
    dirtiedPause: new Int32Array(tasks),
    pausedTick: new Float64Array(tasks),
    oomScoreAdj: new Int32Array(tasks),
    fatalSignal: new Uint8Array(tasks),
    oomVictim: new Uint8Array(tasks),
    memcgInOom: new Int32Array(tasks),
    oomOrigin: new Uint8Array(tasks),
    cgroupPlace: new Float64Array(tasks),
    clearChildTid: new Float64Array(tasks),
    vforkParent: new Int32Array(tasks),
    pgrp: new Int32Array(tasks),
    waitStatus: new Int32Array(tasks),
    maxRss: new Float64Array(tasks),
    cMaxRss: new Float64Array(tasks),
    reaped: new Float64Array(tasks * 8),
    voluntarySwitches: new Float64Array(tasks),
    involuntarySwitches: new Float64Array(tasks),
    runUserNs: new Float64Array(tasks),
    cpuTask: new Int32Array(MOST_CPUS),
    rows,
  };
}

/**
 * Makes init, pid 1: the process that inherits orphans and reaps them at once. It has no program and never runs.
 * Boot calls this once, before any other task.
 */
export function createInit(k: SpaceState): Task {
  const t = k.task;
  if (t.rows[INIT] !== NONE) bug("there is an init already");
  const init = createTask(k, { comm: "init" });
  t.rows[INIT] = init;
  t.state[init] = TASK_INTERRUPTIBLE;
  t.waitUntilNs[init] = Number.POSITIVE_INFINITY;
  return init;
}

/** The task init, or NONE before boot made it. */
export function initTask(k: SpaceState): Task {
  return k.task.rows[INIT];
}

/**
 * Makes a task, runnable from now on, on the CPU that runs now. Returns it, or -EAGAIN when the table is full.
 */
export function createTask(k: SpaceState, spec: TaskSpec): Task {
  const t = k.task;
  let task = t.rows[FREE_ROW];
  if (task !== NONE) {
    t.rows[FREE_ROW] = t.nextThread[task];
  } else {
    if (t.rows[NEVER_USED] >= t.pid.length) return -EAGAIN;
    task = t.rows[NEVER_USED]++;
  }
  // The row may have been another task's: only what identifies it was cleared when that was freed, so that a host can
  // still look at the numbers of a process that init reaped.
  t.rows[TASKS]++;
  clearRow(t, task);
  const pid = takePid(t);
  t.pid[task] = pid;
  t.comm[task] = spec.comm;
  t.mm[task] = spec.mm ?? NONE;
  t.state[task] = TASK_RUNNING;
  t.dirtiedPause[task] = FIRST_DIRTY_PAUSE;
  t.cpu[task] = k.boot[2];
  t.nice[task] = spec.nice ?? 0;
  t.startNs[task] = k.clock.ns[0];
  t.waitUntilNs[task] = k.clock.ns[0];
  t.fdTable[task] = spec.fdTable ?? freeFdTable(t, task);
  t.fdTableUsers[t.fdTable[task]]++;
  if (spec.leader !== undefined) {
    t.tgid[task] = t.tgid[spec.leader];
    t.pgrp[task] = t.pgrp[spec.leader];
    t.exitSignal[task] = -1;
    t.parent[task] = t.parent[spec.leader];
    t.nextThread[task] = t.nextThread[spec.leader];
    t.nextThread[spec.leader] = task;
    t.liveThreads[spec.leader]++;
  } else {
    t.tgid[task] = pid;
    t.exitSignal[task] = spec.exitSignal ?? 0;
    t.nextThread[task] = task;
    t.liveThreads[task] = 1;
    // A process that nobody in the machine made leads a process group of its own, as a shell's jobs do.
    t.pgrp[task] = spec.parent === undefined ? pid : t.pgrp[spec.parent];
    setParent(k, task, spec.parent ?? t.rows[INIT]);
  }
  return task;
}

/** Pages of files that a task dirties before it is looked at for that for the first time (Linux: 128 >> (PAGE_SHIFT - 10)). */
const FIRST_DIRTY_PAUSE = 32;

/** Frees the row of a task that is a zombie or was never run. Its descriptors and its address space are gone already. */
export function freeTask(k: SpaceState, task: Task): void {
  const t = k.task;
  const leader = leaderOf(k, task);
  if (leader === task) {
    if (t.nextThread[task] !== task) bug(`task ${task} is freed before its threads`);
    setParent(k, task, NONE);
  } else {
    let before = leader;
    while (t.nextThread[before] !== task) before = t.nextThread[before];
    t.nextThread[before] = t.nextThread[task];
  }
  t.state[task] = TASK_FREE;
  t.pid[task] = 0;
  t.nextThread[task] = t.rows[FREE_ROW];
  t.rows[FREE_ROW] = task;
  t.rows[TASKS]--;
}

/** The leader of a task's thread group: the row that stands for the process. */
export function leaderOf(k: SpaceState, task: Task): Task {
  const { pid, tgid, nextThread } = k.task;
  let leader = task;
  while (pid[leader] !== tgid[leader]) leader = nextThread[leader];
  return leader;
}

/** The task with this pid (a thread's id counts as one), or NONE. */
export function findTask(k: SpaceState, pid: number): Task {
  const t = k.task;
  if (pid <= 0) return NONE;
  for (let task = 1; task < t.rows[NEVER_USED]; task++) if (t.pid[task] === pid) return task;
  return NONE;
}

/** One past the last row that was ever used: bound of a walk over all tasks; free rows have TASK_FREE. */
export function taskRows(k: SpaceState): number {
  return k.task.rows[NEVER_USED];
}

/** Hangs a process under another parent as its youngest child; NONE takes it out of the family. */
export function setParent(k: SpaceState, task: Task, parent: Task): void {
  const t = k.task;
  unlinkChild(t, task);
  let thread = task;
  do {
    t.parent[thread] = parent;
    thread = t.nextThread[thread];
  } while (thread !== task);
  if (parent === NONE) return;
  const first = t.firstChild[parent];
  if (first === NONE) {
    t.firstChild[parent] = task;
    t.prevSibling[task] = task;
    return;
  }
  const last = t.prevSibling[first];
  t.nextSibling[last] = task;
  t.prevSibling[task] = last;
  t.prevSibling[first] = task;
}

/**
 * Puts the task to sleep until `untilNs` (its disk request is done then; Infinity: until somebody wakes it). The caller
 * returns BLOCKED, and whatever the task was doing is asked for again when it runs next.
 */
export function sleepUntil(k: SpaceState, task: Task, state: number, row: number, untilNs: number): void {
  const t = k.task;
  t.state[task] = state;
  t.waitRow[task] = row;
  t.waitUntilNs[task] = untilNs;
  t.isThrashing[task] = 0;
}

/** Makes a sleeping task runnable, from the running CPU's now on. */
export function wakeTask(k: SpaceState, task: Task): void {
  const t = k.task;
  if (t.state[task] !== TASK_INTERRUPTIBLE && t.state[task] !== TASK_UNINTERRUPTIBLE) return;
  t.state[task] = TASK_RUNNING;
  t.waitRow[task] = NONE;
  t.waitUntilNs[task] = k.clock.ns[0];
}

/**
 * Charges the time since the task was given its CPU, or since it was charged last, to the task: user and system time,
 * and its run time weighed by `weight` (1024: nice 0).
 */
export function chargeRun(k: SpaceState, task: Task, weight: number): void {
  const t = k.task;
  const now = k.clock.ns[0];
  const user = userTime(k);
  const ranNs = now - t.runStartNs[task];
  const userNs = Math.min(ranNs, user - t.runUserNs[task]);
  t.utimeNs[task] += userNs;
  t.stimeNs[task] += ranNs - userNs;
  t.vruntime[task] += (ranNs * 1024) / weight;
  t.runStartNs[task] = now;
  t.runUserNs[task] = user;
}

/** User time of the whole machine since boot, in ns. */
export function userTime(k: SpaceState): number {
  return k.clock.spent[CAUSE_USER] + k.clock.spent[CAUSE_TLB_WALK];
}

/** Faults of a whole process, its ended threads included: [minor, major] (Linux: thread_group minor and major sums). */
export function groupFaults(k: SpaceState, leader: Task): readonly [number, number] {
  const t = k.task;
  let minor = t.goneMinFlt[leader];
  let major = t.goneMajFlt[leader];
  let thread = leader;
  do {
    minor += t.minFlt[thread];
    major += t.majFlt[thread];
    thread = t.nextThread[thread];
  } while (thread !== leader);
  return [minor, major];
}

/**
 * Walks all tasks. Invariants: pids are unique; siblings are linked both ways and know their parent; a thread's group
 * has one leader that counts its living threads; descriptor tables are used as often as tasks say.
 */
export function checkTasks(k: SpaceState): void {
  const t = k.task;
  const rows = t.rows[NEVER_USED];
  const tableUsers = new Int32Array(t.fdTableUsers.length);
  let tasks = 0;
  for (let task = 1; task < rows; task++) {
    if (t.state[task] === TASK_FREE) continue;
    tasks++;
    if (findTask(k, t.pid[task]) !== task) bug(`two tasks have pid ${t.pid[task]}`);
    if (t.fdTable[task] !== NONE) tableUsers[t.fdTable[task]]++;
    if (t.pid[task] === t.tgid[task]) checkProcess(k, task);
    else if (leaderOf(k, task) === NONE) bug(`thread ${task} has no leader`);
  }
  if (tasks !== t.rows[TASKS]) bug(`${tasks} tasks in the table, ${t.rows[TASKS]} counted`);
  for (let table = 1; table < tableUsers.length; table++) {
    if (tableUsers[table] !== t.fdTableUsers[table])
      bug(`descriptor table ${table} has ${tableUsers[table]} users and counts ${t.fdTableUsers[table]}`);
  }
}

function checkProcess(k: SpaceState, leader: Task): void {
  const t = k.task;
  let living = 0;
  let thread = leader;
  do {
    if (t.tgid[thread] !== t.pid[leader]) bug(`task ${thread} is in the ring of process ${leader}`);
    if (t.state[thread] !== TASK_ZOMBIE) living++;
    thread = t.nextThread[thread];
  } while (thread !== leader);
  if (living !== t.liveThreads[leader])
    bug(`process ${leader} has ${living} living threads and counts ${t.liveThreads[leader]}`);
  const first = t.firstChild[leader];
  let before: Task = NONE;
  for (let child = first; child !== NONE; child = t.nextSibling[child]) {
    if (t.parent[child] !== leader) bug(`child ${child} does not know its parent ${leader}`);
    if (child !== first && t.prevSibling[child] !== before)
      bug(`child ${child} does not know the sibling before it`);
    before = child;
  }
  if (first !== NONE && t.prevSibling[first] !== before)
    bug(`the first child of ${leader} does not know the last`);
}

/** The next pid that no task has, going round (Linux: alloc_pid). */
function takePid(t: TaskColumns): number {
  let pid = t.rows[LAST_PID];
  do {
    pid = pid + 1 < PID_MAX ? pid + 1 : RESERVED_PIDS;
  } while (t.pid.subarray(0, t.rows[NEVER_USED]).includes(pid));
  t.rows[LAST_PID] = pid;
  return pid;
}

/** Takes a process out of its parent's list of children. */
function unlinkChild(t: TaskColumns, task: Task): void {
  const parent = t.parent[task];
  if (parent === NONE) return;
  const first = t.firstChild[parent];
  const before = t.prevSibling[task];
  const after = t.nextSibling[task];
  if (first === task) t.firstChild[parent] = after;
  else t.nextSibling[before] = after;
  if (after !== NONE) t.prevSibling[after] = before;
  else if (first !== task) t.prevSibling[first] = before;
  t.parent[task] = NONE;
  t.nextSibling[task] = NONE;
  t.prevSibling[task] = NONE;
}

/** Zeroes what an earlier task left in its row. The descriptor table's row may be in use by others and is left alone. */
function clearRow(t: TaskColumns, task: Task): void {
  const columns = [
    t.parent,
    t.firstChild,
    t.nextSibling,
    t.prevSibling,
    t.exitCode,
    t.liveThreads,
    t.oomScoreAdj,
    t.fatalSignal,
    t.oomVictim,
    t.memcgInOom,
    t.oomOrigin,
    t.cgroupPlace,
    t.groupExit,
    t.groupExitCode,
    t.waitRow,
    t.minFlt,
    t.majFlt,
    t.cMinFlt,
    t.cMajFlt,
    t.goneMinFlt,
    t.goneMajFlt,
    t.utimeNs,
    t.stimeNs,
    t.goneUtimeNs,
    t.goneStimeNs,
    t.cUtimeNs,
    t.cStimeNs,
    t.vruntime,
    t.runStartNs,
    t.runEndNs,
    t.faultTried,
    t.progress,
    t.step,
    t.populated,
    t.clearChildTid,
    t.vforkParent,
    t.waitStatus,
    t.voluntarySwitches,
    t.involuntarySwitches,
    t.runUserNs,
    t.maxRss,
    t.cMaxRss,
    t.memcg,
    t.countedFaults,
    t.overHigh,
    t.dirtied,
    t.dirtiedPause,
    t.pausedTick,
  ];
  for (const column of columns) column[task] = 0;
}
