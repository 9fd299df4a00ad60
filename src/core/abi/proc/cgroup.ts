/**
 * /proc/PID/cgroup: the cgroup a task is in.
 * Linux: kernel/cgroup/cgroup.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Task } from "../../base/types.ts";
import { pathOfMemcg } from "../cgroup/directory.ts";
import type { AbiState } from "../state.ts";

/** The text: the one hierarchy there is, and the path in it. */
export function showTaskCgroup(k: AbiState, task: Task): string {
  return `0::${pathOfMemcg(k, k.task.memcg[task])}\n`;
}
