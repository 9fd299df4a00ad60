/**
 * /proc/PID/cgroup: the cgroup a task is in.
 * Linux: kernel/cgroup/cgroup.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Task } from "../../base/types.ts";
import { pathOfMemcg } from "../../space/memcg-task.ts";
import { isLegacy } from "../../space/memcg-v1.ts";
import type { AbiState } from "../state.ts";

/** The text: the hierarchies there are, and the path in each. */
export function showTaskCgroup(k: AbiState, task: Task): string {
  if (isLegacy(k)) return `1:memory:${pathOfMemcg(k, k.task.memcg[task])}\n0::/\n`;
  return `0::${pathOfMemcg(k, k.task.memcg[task])}\n`;
}
