/**
 * /proc/PID/comm: the task's name, at most 15 bytes.
 * Linux: fs/proc/base.c comm_show (6.12)   Doc: Documentation/filesystems/proc.rst, 3.6
 */
import type { Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";

/** The text of /proc/PID/comm. */
export function showComm(k: AbiState, task: Task): string {
  return `${k.task.comm[task]}\n`;
}
