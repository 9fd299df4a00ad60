/**
 * Whom memory is charged to: the nearest cgroup above a task, or its own, that has the memory controller.
 * Linux: mm/memcontrol.c (get_mem_cgroup_from_mm, current_obj_cgroup) (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { type Memcg, NONE, ROOT_MEMCG } from "../base/types.ts";
import { isLegacy } from "./memcg-v1.ts";
import type { SpaceState } from "./state.ts";

/** Whether the cgroup has a memory controller of its own. The root always has. */
export function hasMemory(k: SpaceState, memcg: Memcg): boolean {
  return memcg === ROOT_MEMCG || isLegacy(k) || k.memcg.subtree[k.memcg.parent[memcg]] === 1;
}

/** The cgroup that memory of tasks in this one is charged to (Linux: cgroup_e_css). */
export function chargedMemcg(k: SpaceState, memcg: Memcg): Memcg {
  let at = memcg;
  while (!hasMemory(k, at)) at = k.memcg.parent[at];
  return at;
}

/** The cgroup that the running task's memory is charged to; the root's when nobody runs. */
export function currentMemcg(k: SpaceState): Memcg {
  const task = k.task.cpuTask[k.boot[2]];
  const mm = k.task.mm[task];
  // A task that has no memory yet is about to execute its first program.
  return mm === NONE ? chargedMemcg(k, k.task.memcg[task]) : k.mm.memcg[mm];
}
