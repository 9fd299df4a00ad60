/**
 * Processes and threads: how they begin, how they end, and who learns of it.
 *
 *   running --exit, fatal signal--> zombie --wait4 of the parent--> row is free
 *                                   a thread, or a child of init: free at once
 *
 * A process has ended when its last thread has; the status its parent sees is that thread's, unless the group was told
 * to end as a whole (exit_group, a signal).
 * Differs: signals other than the fatal ones are not delivered, so nobody can ignore SIGCHLD.
 * Linux: kernel/fork.c, kernel/exit.c, kernel/signal.c (6.12)   Doc: man 2 clone, man 2 wait4
 */
import { EAGAIN, ECHILD, EINVAL, ENOMEM, ESRCH } from "../base/errno.ts";
import { BLOCKED, type Mm, NONE, type Task } from "../base/types.ts";
import { copyFds, putFds } from "../space/fd-table.ts";
import { inheritMemcg, isAlive, settleFaults } from "../space/memcg-task.ts";
import { readHiwaterRss } from "../space/mm.ts";
import { clearSignalled, isSignalled } from "../space/signal.ts";
import {
  chargeRun,
  createTask,
  freeTask,
  initTask,
  leaderOf,
  SIGCHLD,
  setParent,
  sleepUntil,
  TASK_INTERRUPTIBLE,
  TASK_UNINTERRUPTIBLE,
  TASK_ZOMBIE,
  WAIT_CHILD,
  WAIT_VFORK,
  wakeTask,
} from "../space/task.ts";
import { dupMmap } from "../vm/fork.ts";
import { createMm, getMm, putMm } from "../vm/mm-create.ts";
import { copyToUser } from "../vm/user-bytes.ts";
import type { AbiState } from "./state.ts";
import { chargeNewTask, endTaskStack, ownNewTask, unchargeNewTask, unchargeTask } from "./task-kmem.ts";

/** clone flags, Linux's values. */
export const CSIGNAL = 0xff;
export const CLONE_VM = 0x100;
export const CLONE_FILES = 0x400;
export const CLONE_SIGHAND = 0x800;
export const CLONE_PIDFD = 0x1000;
export const CLONE_VFORK = 0x4000;
export const CLONE_PARENT = 0x8000;
export const CLONE_THREAD = 0x10000;
export const CLONE_NEWNS = 0x20000;
export const CLONE_PARENT_SETTID = 0x100000;
export const CLONE_CHILD_CLEARTID = 0x200000;
export const CLONE_CHILD_SETTID = 0x1000000;
/** CLONE_NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: namespaces. */
export const CLONE_NAMESPACES = 0x7e000000;

/** wait4 options, Linux's values. */
export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WCONTINUED = 8;
export const WNOTHREAD = 0x20000000;
export const WALL = 0x40000000;
export const WCLONE = 0x80000000;
const INT_MIN = -2147483648;
/** Words of `k.task.reaped` for one task. */
const REAPED_WORDS = 8;

/** Addresses that clone may be given; 0 when absent. */
export interface CloneAddresses {
  readonly parentTid?: number;
  readonly childTid?: number;
}

/**
 * Makes a child or a thread of the task: fork with flags SIGCHLD, vfork, clone. The new task is runnable.
 * Returns its pid (in the parent), or -EINVAL (flags that exclude each other), -EAGAIN (no task row), -ENOMEM; with
 * CLONE_VFORK BLOCKED until the child has ended or executed another program: called again, it returns the pid.
 * Differs: namespaces and pidfds are not there: EINVAL.
 */
export function doFork(k: AbiState, task: Task, cloneFlags: number, addresses: CloneAddresses = {}): number {
  const t = k.task;
  const flags = cloneFlags & ~CSIGNAL;
  if (flags & CLONE_VFORK && t.progress[task] > 0) return endVfork(k, task);
  const refused = checkCloneFlags(k, task, flags);
  if (refused < 0) return refused;
  const parts = { isThread: (flags & CLONE_THREAD) !== 0, sharesFds: (flags & CLONE_FILES) !== 0 };
  const charged = chargeNewTask(k, parts);
  if (charged < 0) return charged;
  const mm = flags & CLONE_VM ? getMm(k, t.mm[task]) : copyMm(k, task);
  if (mm < 0) {
    unchargeNewTask(k, charged, parts);
    return mm;
  }
  const child = createChild(k, task, cloneFlags, mm);
  if (child < 0) {
    putMm(k, mm);
    unchargeNewTask(k, charged, parts);
    return child;
  }
  ownNewTask(k, child, charged, parts);
  const pid = t.pid[child];
  if (flags & CLONE_CHILD_CLEARTID) t.clearChildTid[child] = addresses.childTid ?? 0;
  // Linux ignores that these stores fail; the child makes its own as the first thing it does.
  if (flags & CLONE_PARENT_SETTID) storeWordAt(k, task, addresses.parentTid ?? 0, pid);
  if (flags & CLONE_CHILD_SETTID) storeWordAt(k, child, addresses.childTid ?? 0, pid);
  if (flags & CLONE_VFORK) {
    t.vforkParent[child] = task;
    t.progress[task] = pid;
    sleepUntil(k, task, TASK_UNINTERRUPTIBLE, WAIT_VFORK, Number.POSITIVE_INFINITY);
    return BLOCKED;
  }
  return pid;
}

/**
 * Ends the task, a thread or the last of its process, with an exit code (its low 8 bits count): the system call exit.
 */
export function doExit(k: AbiState, task: Task, code: number): void {
  endThread(k, task, (code & 0xff) << 8);
}

/** Ends the whole process: the system call exit_group. */
export function doExitGroup(k: AbiState, task: Task, code: number): void {
  endGroup(k, task, (code & 0xff) << 8);
}

/**
 * Ends the whole process as a fatal signal does; its wait status is the signal's number.
 * Differs: no core is dumped, as with RLIMIT_CORE 0, so bit 7 of the status is never set.
 */
export function killTask(k: AbiState, task: Task, signal: number): void {
  endGroup(k, task, signal);
}

/** Ends the processes that were sent a fatal signal since the last time: what they do before they would run again. */
export function endSignalled(k: AbiState): void {
  const { fatalSignal, rows } = k.task;
  if (!isSignalled(k)) return;
  for (let task: Task = 1; task < rows[0]; task++)
    if (fatalSignal[task] !== 0 && isAlive(k, task)) killTask(k, task, fatalSignal[task]);
  clearSignalled(k);
}

/**
 * Waits for a child to end and reaps it. `pid` -1: any; 0 or less than -1: any of that process group; else that one.
 * Returns its pid with the status in `k.task.waitStatus[task]`, 0 with WNOHANG when none has ended yet, BLOCKED (the
 * task sleeps until a child ends), -ECHILD, -EINVAL (options), -ESRCH (pid is INT_MIN).
 */
export function doWait4(k: AbiState, task: Task, pid: number, options: number): number {
  const t = k.task;
  if ((options & ~(WNOHANG | WUNTRACED | WCONTINUED | WNOTHREAD | WALL | WCLONE)) !== 0) return -EINVAL;
  if (pid === INT_MIN) return -ESRCH;
  const parent = leaderOf(k, task);
  const group = t.pgrp[task];
  let somebody = false;
  for (let child = t.firstChild[parent]; child !== NONE; child = t.nextSibling[child]) {
    if (pid > 0 && t.pid[child] !== pid) continue;
    if (pid === 0 && t.pgrp[child] !== group) continue;
    if (pid < -1 && t.pgrp[child] !== -pid) continue;
    if (!(options & WALL) && (t.exitSignal[child] !== SIGCHLD) !== ((options & WCLONE) !== 0)) continue;
    if (t.state[child] === TASK_ZOMBIE && t.liveThreads[child] === 0) return reap(k, task, parent, child);
    somebody = true;
  }
  if (!somebody) return -ECHILD;
  if (options & WNOHANG) return 0;
  sleepUntil(k, task, TASK_INTERRUPTIBLE, WAIT_CHILD, Number.POSITIVE_INFINITY);
  return BLOCKED;
}

/**
 * Lets go of the parent that waits in vfork, because the task has executed another program or has ended
 * (Linux: mm_release). exec calls this when the new address space is in place.
 */
export function releaseVfork(k: AbiState, task: Task): void {
  const { vforkParent } = k.task;
  const parent = vforkParent[task];
  if (parent === NONE) return;
  vforkParent[task] = NONE;
  if (k.task.waitRow[parent] === WAIT_VFORK) wakeTask(k, parent);
}

/**
 * What ends with an address space but belongs to the task: the word at clear_child_tid is zeroed if others share the
 * memory, and a parent in vfork goes on (Linux: exec_mm_release, exit_mm_release).
 */
export function releaseMm(k: AbiState, task: Task): void {
  const { clearChildTid, mm } = k.task;
  const addr = clearChildTid[task];
  clearChildTid[task] = 0;
  if (addr !== 0 && mm[task] !== NONE && k.mm.users[mm[task]] > 1) storeWordAt(k, task, addr, 0);
  releaseVfork(k, task);
}

/** -EINVAL for flags that Linux refuses together, else 0. */
function checkCloneFlags(k: AbiState, task: Task, flags: number): number {
  if (flags & (CLONE_NAMESPACES | CLONE_NEWNS | CLONE_PIDFD)) return -EINVAL;
  if (flags & CLONE_THREAD && !(flags & CLONE_SIGHAND)) return -EINVAL;
  if (flags & CLONE_SIGHAND && !(flags & CLONE_VM)) return -EINVAL;
  if (flags & CLONE_PARENT && leaderOf(k, task) === initTask(k)) return -EINVAL;
  return 0;
}

/** A copy of the task's address space, or -ENOMEM. */
function copyMm(k: AbiState, task: Task): Mm {
  const mm = createMm(k);
  if (mm < 0) return mm;
  const failed = dupMmap(k, k.task.mm[task], mm);
  if (failed === 0) return mm;
  putMm(k, mm);
  return -ENOMEM;
}

/** The row of the new task, with its family and its descriptors. Returns it, or -EAGAIN. */
function createChild(k: AbiState, task: Task, cloneFlags: number, mm: Mm): Task {
  const t = k.task;
  const leader = leaderOf(k, task);
  const sharesFds = (cloneFlags & CLONE_FILES) !== 0;
  const isThread = (cloneFlags & CLONE_THREAD) !== 0;
  const isSibling = !isThread && (cloneFlags & CLONE_PARENT) !== 0;
  const child = createTask(k, {
    comm: t.comm[task],
    mm,
    parent: isSibling ? t.parent[leader] : leader,
    exitSignal: isSibling ? t.exitSignal[leader] : cloneFlags & CSIGNAL,
    nice: t.nice[task],
    ...(isThread ? { leader } : {}),
    ...(sharesFds ? { fdTable: t.fdTable[task] } : {}),
  });
  if (child < 0) return -EAGAIN;
  if (!sharesFds) copyFds(k, task, child);
  t.pgrp[child] = t.pgrp[task];
  inheritMemcg(k, child, task);
  k.task.oomScoreAdj[child] = k.task.oomScoreAdj[leaderOf(k, task)];
  t.vruntime[child] = t.vruntime[task];
  return child;
}

/** The second half of vfork: the child's pid once it has let go, BLOCKED before. */
function endVfork(k: AbiState, task: Task): number {
  const t = k.task;
  if (t.waitRow[task] === WAIT_VFORK) return BLOCKED;
  for (let child = 1; child < t.vforkParent.length && child < t.rows[0]; child++) {
    if (t.vforkParent[child] !== task) continue;
    sleepUntil(k, task, TASK_UNINTERRUPTIBLE, WAIT_VFORK, Number.POSITIVE_INFINITY);
    return BLOCKED;
  }
  const pid = t.progress[task];
  t.progress[task] = 0;
  return pid;
}

/** Ends all threads of the task's process with one wait status. */
function endGroup(k: AbiState, task: Task, status: number): void {
  const t = k.task;
  const leader = leaderOf(k, task);
  if (t.groupExit[leader] === 0) {
    t.groupExit[leader] = 1;
    t.groupExitCode[leader] = status;
  }
  let thread = t.nextThread[task];
  while (thread !== task) {
    const after = t.nextThread[thread];
    if (t.state[thread] !== TASK_ZOMBIE) endThread(k, thread, t.groupExitCode[leader]);
    thread = after;
  }
  endThread(k, task, t.groupExitCode[leader]);
}

/** Ends one thread; with the last one its process has ended. */
function endThread(k: AbiState, task: Task, status: number): void {
  const t = k.task;
  const leader = leaderOf(k, task);
  t.liveThreads[leader]--;
  const isGroupDead = t.liveThreads[leader] === 0;
  if (isGroupDead && t.groupExit[leader] === 0) {
    t.groupExit[leader] = 1;
    t.groupExitCode[leader] = status;
  }
  t.exitCode[task] = status;
  releaseMm(k, task);
  settleFaults(k, task);
  const mm = t.mm[task];
  if (isGroupDead && mm !== NONE) t.maxRss[leader] = Math.max(t.maxRss[leader], readHiwaterRss(k, mm));
  t.mm[task] = NONE;
  if (mm !== NONE) putMm(k, mm);
  putFds(k, task);
  endTaskStack(k, task);
  t.faultTried[task] = 0;
  t.progress[task] = 0;
  t.waitRow[task] = NONE;
  if (t.cpuTask[k.boot[2]] === task && t.runEndNs[task] > 0) chargeRun(k, task, 1024);
  t.state[task] = TASK_ZOMBIE;
  if (isGroupDead) orphanChildren(k, leader);
  if (task !== leader) releaseThread(k, leader, task);
  if (isGroupDead) notifyParent(k, leader);
}

/** Forgets a thread that has ended; its process keeps what it used. */
function releaseThread(k: AbiState, leader: Task, task: Task): void {
  const t = k.task;
  t.goneMinFlt[leader] += t.minFlt[task];
  t.goneMajFlt[leader] += t.majFlt[task];
  t.goneUtimeNs[leader] += t.utimeNs[task];
  t.goneStimeNs[leader] += t.stimeNs[task];
  unchargeTask(k, task);
  freeTask(k, task);
}

/** Gives the children of a process that has ended to init, which reaps those that have ended too. */
function orphanChildren(k: AbiState, leader: Task): void {
  const t = k.task;
  const init = initTask(k);
  for (let child = t.firstChild[leader]; child !== NONE; ) {
    const after = t.nextSibling[child];
    setParent(k, child, init);
    t.exitSignal[child] = SIGCHLD;
    if (t.state[child] === TASK_ZOMBIE && t.liveThreads[child] === 0) notifyParent(k, child);
    child = after;
  }
}

/** A process has ended: its parent wakes up if it waits for a child; init reaps at once. */
function notifyParent(k: AbiState, leader: Task): void {
  const t = k.task;
  const parent = t.parent[leader];
  if (parent === NONE) return;
  if (parent === initTask(k)) {
    reap(k, parent, parent, leader);
    return;
  }
  let thread = parent;
  do {
    if (t.waitRow[thread] === WAIT_CHILD) wakeTask(k, thread);
    thread = t.nextThread[thread];
  } while (thread !== parent);
}

/** Takes a zombie away: the parent's process gets what it used, and the waiting task its status. Returns its pid. */
function reap(k: AbiState, task: Task, parent: Task, child: Task): number {
  const t = k.task;
  const pid = t.pid[child];
  const minFlt = t.minFlt[child] + t.goneMinFlt[child] + t.cMinFlt[child];
  const majFlt = t.majFlt[child] + t.goneMajFlt[child] + t.cMajFlt[child];
  const utimeNs = t.utimeNs[child] + t.goneUtimeNs[child] + t.cUtimeNs[child];
  const stimeNs = t.stimeNs[child] + t.goneStimeNs[child] + t.cStimeNs[child];
  const maxRss = Math.max(t.maxRss[child], t.cMaxRss[child]);
  t.cMinFlt[parent] += minFlt;
  t.cMajFlt[parent] += majFlt;
  t.cUtimeNs[parent] += utimeNs;
  t.cStimeNs[parent] += stimeNs;
  t.cMaxRss[parent] = Math.max(t.cMaxRss[parent], maxRss);
  const switches = [t.voluntarySwitches[child], t.involuntarySwitches[child]];
  t.reaped.set([utimeNs, stimeNs, maxRss * 4, minFlt, majFlt, ...switches], task * REAPED_WORDS);
  t.waitStatus[task] = t.groupExitCode[child];
  unchargeTask(k, child);
  freeTask(k, child);
  return pid;
}

/** Stores a 32-bit number at a user address, as put_user does; what happens to it is not looked at. */
function storeWordAt(k: AbiState, task: Task, addr: number, value: number): void {
  const mm = k.task.mm[task];
  // Held, so that a kill for want of memory does not empty it under the store.
  k.mm.users[mm]++;
  copyToUser(k, task, addr, Uint8Array.of(value, value >> 8, value >> 16, value >> 24));
  k.mm.users[mm]--;
}
