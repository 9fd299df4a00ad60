/**
 * Floor 4 as data, tasks: their family, what they wait for, what they used, and what they owe their memory cgroup.
 * Linux: include/linux/sched.h, sched/signal.h (6.12)   Doc: Documentation/scheduler/sched-design-CFS.rst
 */
import type { Column, Memcg, Mm, OpenFile, Task } from "../base/types.ts";

/** Tasks; row = Task. task.ts creates and frees rows and names the states. */
export interface TaskColumns {
  readonly pid: Int32Array;
  readonly tgid: Int32Array;
  readonly parent: Column<Task>;
  readonly firstChild: Column<Task>;
  readonly nextSibling: Column<Task>;
  readonly mm: Column<Mm>;
  /** TASK_* of task.ts. */
  readonly state: Uint8Array;
  readonly cpu: Int32Array;
  readonly nice: Int8Array;
  /** Wait status as wait4 gives it, once the task is a zombie. */
  readonly exitCode: Int32Array;
  /** What a BLOCKED task waits for: a disk request row, WAIT_* of task.ts, or NONE; and until when (Infinity: not known). */
  readonly waitRow: Int32Array;
  readonly waitUntilNs: Float64Array;
  /** 1 when what it waits for is a page of the working set that was reclaimed: the wait is a memory stall. */
  readonly isThrashing: Uint8Array;
  readonly minFlt: Float64Array;
  readonly majFlt: Float64Array;
  readonly cMinFlt: Float64Array;
  readonly cMajFlt: Float64Array;
  readonly utimeNs: Float64Array;
  readonly stimeNs: Float64Array;
  readonly startNs: Float64Array;
  /** Virtual runtime weighed by nice, in ns: the runnable task with the least runs next. */
  readonly vruntime: Float64Array;
  /** Row of the descriptor table; by fdTable * FDS + fd: OpenFile. */
  readonly fdTable: Int32Array;
  readonly fds: Column<OpenFile>;
  readonly fdTableUsers: Int32Array;
  readonly comm: string[];
  /** What a fault that is retried after a wait must remember: RETRY_* bits of vm/fault-flags.ts (Linux: FAULT_FLAG_TRIED). */
  readonly faultTried: Uint8Array;
  /** Previous sibling; and the thread group as a ring of tasks, each knowing the next. */
  readonly prevSibling: Column<Task>;
  readonly nextThread: Column<Task>;
  /** The cgroups that a task's kernel stack, its other objects, and (by table) its descriptor table are charged to. */
  readonly stackMemcg: Int32Array;
  readonly taskMemcg: Int32Array;
  readonly tableMemcg: Int32Array;
  /** Signal sent to the parent at the end (SIGCHLD), 0 for none; -1 in threads. */
  readonly exitSignal: Int32Array;
  /** By leader: threads alive, 1 when the group exits as a whole, and the wait status that it then has. */
  readonly liveThreads: Int32Array;
  readonly groupExit: Uint8Array;
  readonly groupExitCode: Int32Array;
  /** By leader: faults and times of threads that are gone; times of children waited for. */
  readonly goneMinFlt: Float64Array;
  readonly goneMajFlt: Float64Array;
  readonly goneUtimeNs: Float64Array;
  readonly goneStimeNs: Float64Array;
  readonly cUtimeNs: Float64Array;
  readonly cStimeNs: Float64Array;
  /** When the task was given its CPU, and when its turn ends if others wait. */
  readonly runStartNs: Float64Array;
  readonly runEndNs: Float64Array;
  /** Address of the word to clear when the thread ends (Linux: clear_child_tid), or 0. */
  readonly clearChildTid: Float64Array;
  /** The task that waits in vfork for this one to exec or exit, or NONE. */
  readonly vforkParent: Column<Task>;
  /** Process group, inherited. */
  readonly pgrp: Int32Array;
  /** Wait status of the child that the task's last wait4 returned. */
  readonly waitStatus: Int32Array;
  /** By leader, in pages: largest resident size of its own, and of the children it waited for (Linux: maxrss, cmaxrss). */
  readonly maxRss: Float64Array;
  readonly cMaxRss: Float64Array;
  /** By task * 8, what that child used: user ns, system ns, maxrss kB, minor and major faults, voluntary and other switches. */
  readonly reaped: Float64Array;
  /** Times it left its CPU because it had to wait, and because its turn was over (Linux: nvcsw, nivcsw). */
  readonly voluntarySwitches: Float64Array;
  readonly involuntarySwitches: Float64Array;
  /** User time on the machine when the task was given its CPU. */
  readonly runUserNs: Float64Array;
  /** By CPU: the task that ran there last. */
  readonly cpuTask: Column<Task>;
  /**
   * [0] first row never used, [1] first free row (chained by `nextThread`), [2] last pid given, [3] tasks, [4] the task init,
   * [5] last place given in a cgroup, [6] 1 when some task was sent a fatal signal,
   * [7] 1 when some task may wait for memory that nobody is killed for.
   */
  readonly rows: Int32Array;
  /** Progress of a call that waits midway (bytes read so far). */
  readonly progress: Float64Array;
  /** Where a call that waits midway in one of several steps is: the step, or the place that it is about. */
  readonly step: Float64Array;
  /** The vpn at which a MAP_POPULATE waits, or 0. */
  readonly populated: Float64Array;
  /** The cgroup it is in (memcg-task.ts), and its faults when it came there: the cgroup has counted those before. */
  readonly memcg: Column<Memcg>;
  readonly countedFaults: Float64Array;
  /** Pages charged above memory.high that the task has not made good for yet (Linux: memcg_nr_pages_over_high). */
  readonly overHigh: Int32Array;
  /** Pages of files it made dirty since it was looked at for that, and after how many it is looked at next (Linux: nr_dirtied_pause). */
  readonly dirtied: Int32Array;
  readonly dirtiedPause: Int32Array;
  /** Tick at which its last sleep for dirty pages ended (Linux: dirty_paused_when). */
  readonly pausedTick: Float64Array;
  /** By leader: what is asked of the choice of a victim when memory is out, -1000 to 1000; inherited. */
  readonly oomScoreAdj: Int32Array;
  /** The signal that ends the task as soon as it would run again (Linux: a pending SIGKILL), or 0. */
  readonly fatalSignal: Uint8Array;
  /** By leader: 1 when it was killed to get memory back (Linux: signal->oom_mm). */
  readonly oomVictim: Uint8Array;
  /** The cgroup whose lack of memory the task waits out because nobody may be killed for it, or ROOT_MEMCG (Linux: memcg_in_oom). */
  readonly memcgInOom: Column<Memcg>;
  /** By leader: 1 while its memory is filled on its own behalf, so that it is the one to kill (Linux: oom_flag_origin). */
  readonly oomOrigin: Uint8Array;
  /** By leader: its place among the processes of its cgroup, in the order in which they came there. */
  readonly cgroupPlace: Float64Array;
}
