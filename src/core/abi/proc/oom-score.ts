/**
 * /proc/PID/oom_score: how likely a process is to be killed when memory is out.
 * Linux: fs/proc/base.c proc_oom_score (6.12)   Doc: Documentation/filesystems/proc.rst, 3.2
 */
import type { Task } from "../../base/types.ts";
import { oomScore } from "../../reclaim/oom-badness.ts";
import type { AbiState } from "../state.ts";

/** The text of /proc/PID/oom_score. */
export function showOomScore(k: AbiState, task: Task): string {
  return `${oomScore(k, task)}\n`;
}
