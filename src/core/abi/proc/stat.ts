/**
 * /proc/PID/stat: the task in 52 numbers, one line.
 *
 *   1 pid  2 (comm)  3 state  4 ppid  5 pgrp  6 session  7 tty_nr  8 tpgid  9 flags  10 minflt  11 cminflt  12 majflt
 *   13 cmajflt  14 utime  15 stime  16 cutime  17 cstime  18 priority  19 nice  20 num_threads  21 0  22 starttime
 *   23 vsize  24 rss  25 rsslim  26 startcode  27 endcode  28 startstack  29 kstkesp  30 kstkeip  31-34 signals
 *   35 wchan  36 0  37 0  38 exit_signal  39 processor  40 rt_priority  41 policy  42 blkio ticks  43 gtime  44 cgtime
 *   45 start_data  46 end_data  47 start_brk  48 arg_start  49 arg_end  50 env_start  51 env_end  52 exit_code
 *
 * Field 24 is what was folded from the per-CPU counts so far, so it lags behind statm, as in Linux.
 * Differs: session, tty and signal masks are 0, tpgid -1 (no sessions, no handlers); flags show PF_RANDOMIZE only;
 * blkio ticks and guest times are 0.
 * Linux: fs/proc/array.c do_task_stat (6.12)   Doc: Documentation/filesystems/proc.rst, table 1-4
 */
import { type Mm, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES } from "../../space/mm.ts";
import { groupFaults, leaderOf, TASK_RUNNING, TASK_STATE_NAMES } from "../../space/task.ts";
import { LAYOUT_RANDOMIZED } from "../../space/vma.ts";
import type { AbiState } from "../state.ts";
import { parentPid } from "./status.ts";

/** Nanoseconds in one tick as user space counts them (USER_HZ is 100). */
const TICK_NS = 10_000_000;
const PF_RANDOMIZE = 0x00400000;
/** RLIM_INFINITY, which no number here can hold. */
const UNLIMITED = "18446744073709551615";

/** The text of /proc/PID/stat: of the whole process. */
export function showStat(k: AbiState, task: Task): string {
  const t = k.task;
  const leader = leaderOf(k, task);
  const [minFlt, majFlt] = groupFaults(k, leader);
  let utime = t.goneUtimeNs[leader];
  let stime = t.goneStimeNs[leader];
  // Threads that have ended are in the leader's sums already.
  let thread = leader;
  do {
    utime += t.utimeNs[thread];
    stime += t.stimeNs[thread];
    thread = t.nextThread[thread];
  } while (thread !== leader);
  return statLine(k, leader, [minFlt, majFlt, utime, stime]);
}

/** The text of /proc/PID/task/TID/stat: of one thread. */
export function showThreadStat(k: AbiState, task: Task): string {
  const t = k.task;
  return statLine(k, task, [t.minFlt[task], t.majFlt[task], t.utimeNs[task], t.stimeNs[task]]);
}

/** `own`: minor faults, major faults, user and system time, of the thread or the group. */
function statLine(k: AbiState, task: Task, own: readonly number[]): string {
  const t = k.task;
  // Children and threads are the process's, so they are kept with its leader.
  const leader = leaderOf(k, task);
  const mm = t.mm[task];
  const state = t.state[task];
  const randomized = mm !== NONE && (k.mm.layout[mm] & LAYOUT_RANDOMIZED) !== 0;
  const fields: (number | string)[] = [
    t.pid[task],
    `(${t.comm[task]})`,
    TASK_STATE_NAMES[state].charAt(0),
    parentPid(k, task),
    t.pgrp[task],
    0,
    0,
    -1,
    randomized ? PF_RANDOMIZE : 0,
    own[0],
    t.cMinFlt[leader],
    own[1],
    t.cMajFlt[leader],
    ticks(own[2]),
    ticks(own[3]),
    ticks(t.cUtimeNs[leader]),
    ticks(t.cStimeNs[leader]),
    20 + t.nice[task],
    t.nice[task],
    t.liveThreads[leader],
    0,
    ticks(t.startNs[task]),
    mm === NONE ? 0 : k.mm.totalVm[mm] * PAGE_SIZE,
    mm === NONE ? 0 : foldedRss(k, mm),
    UNLIMITED,
    ...(mm === NONE ? [0, 0, 0] : [k.mm.startCode[mm], k.mm.endCode[mm], k.mm.startStack[mm]]),
    0,
    0,
    0,
    0,
    0,
    0,
    state === TASK_RUNNING ? 0 : 1,
    0,
    0,
    t.exitSignal[task],
    t.cpu[task],
    0,
    0,
    0,
    0,
    0,
    ...(mm === NONE
      ? [0, 0, 0, 0, 0, 0, 0]
      : [
          k.mm.startData[mm],
          k.mm.endData[mm],
          k.mm.startBrk[mm],
          k.mm.argStart[mm],
          k.mm.argEnd[mm],
          k.mm.envStart[mm],
          k.mm.envEnd[mm],
        ]),
    t.exitCode[task],
  ];
  return `${fields.join(" ")}\n`;
}

/** Pages in memory as the shared halves of the per-CPU counters say, none below zero (Linux: get_mm_rss). */
function foldedRss(k: AbiState, mm: Mm): number {
  let pages = 0;
  for (const member of [MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES])
    pages += Math.max(0, k.mm.rssShared[mm * 4 + member]);
  return pages;
}

function ticks(ns: number): number {
  return Math.floor(ns / TICK_NS);
}
