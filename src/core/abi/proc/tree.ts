/**
 * The list of /proc: which file shows what. A name here is the file's name in /proc; the file that makes its text has
 * the same name in this folder, with - for _.
 * Linux: fs/proc/base.c, fs/proc/root.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import type { Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";
import { showBuddyinfo } from "./buddyinfo.ts";
import { showTaskCgroup } from "./cgroup.ts";
import { showComm } from "./comm.ts";
import { showMaps } from "./maps.ts";
import { showMeminfo } from "./meminfo.ts";
import { showOomScore } from "./oom-score.ts";
import { showOomScoreAdj, writeOomScoreAdj } from "./oom-score-adj.ts";
import { pagemapFile } from "./pagemap.ts";
import { PRESSURE_FILES } from "./pressure.ts";
import { showSmaps } from "./smaps.ts";
import { showSmapsRollup } from "./smaps-rollup.ts";
import { showStat, showThreadStat } from "./stat.ts";
import { showStatm } from "./statm.ts";
import { showStatus } from "./status.ts";
import { showSwaps } from "./swaps.ts";
import { showVmstat } from "./vmstat.ts";
import { showZoneinfo } from "./zoneinfo.ts";

/** Which bytes of a file are wanted. */
export interface ByteRange {
  readonly offset: number;
  /** -1: to the end. */
  readonly length: number;
}

/** A file below /proc/PID and /proc/PID/task/TID. */
export interface TaskFile {
  readonly name: string;
  /** Its contents, or a negative errno. The range matters only to files that are not text. */
  readonly show: (k: AbiState, task: Task, range: ByteRange) => string | Uint8Array | number;
  /** The same for a single thread, where it differs. */
  readonly showThread?: (k: AbiState, task: Task, range: ByteRange) => string | Uint8Array | number;
  /** Takes what is written. Returns 0 or a negative errno; absent where a file cannot be written. */
  readonly write?: (k: AbiState, task: Task, text: string) => number;
}

/** A file of the whole machine, directly below /proc. */
export interface MachineFile {
  readonly name: string;
  readonly show: (k: AbiState) => string;
  /** Takes what is written. Returns 0 or a negative errno; absent where a file cannot be written. */
  readonly write?: (k: AbiState, text: string) => number;
}

/** Files of a task, in the kernel's order. */
export const TASK_FILES: readonly TaskFile[] = [
  { name: "status", show: showStatus },
  { name: "comm", show: showComm },
  { name: "stat", show: showStat, showThread: showThreadStat },
  { name: "statm", show: showStatm },
  { name: "maps", show: showMaps },
  { name: "smaps", show: showSmaps },
  { name: "smaps_rollup", show: showSmapsRollup },
  { name: "pagemap", show: pagemapFile },
  { name: "cgroup", show: showTaskCgroup },
  { name: "oom_score", show: showOomScore },
  { name: "oom_score_adj", show: showOomScoreAdj, write: writeOomScoreAdj },
];

/** Files of the machine. */
export const MACHINE_FILES: readonly MachineFile[] = [
  { name: "buddyinfo", show: showBuddyinfo },
  { name: "meminfo", show: showMeminfo },
  ...PRESSURE_FILES,
  { name: "swaps", show: showSwaps },
  { name: "vmstat", show: showVmstat },
  { name: "zoneinfo", show: showZoneinfo },
];
