/**
 * The counter that memory cgroups of version 1 have besides: memory and swap together.
 *
 *   a page            counts in memory and in memory+swap
 *   swapped out       leaves memory, stays in memory+swap: the slot has taken over its charge
 *   swapped in        is charged to both anew, and the slot's charge goes
 *
 * So a limit on memory+swap is not reached by swapping, and reclaim for it does not swap.
 * Linux: mm/memcontrol.c, mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { bug } from "../base/bug.ts";
import { type Memcg, ROOT_MEMCG } from "../base/types.ts";
import type { SpaceState } from "./state.ts";

/** Whether memory is in a hierarchy of version 1 (Linux: !cgroup_subsys_on_dfl, and do_memsw_account). */
export function isLegacy(k: SpaceState): boolean {
  return k.memcg.legacy[0] !== 0;
}

/** Charges pages to memory+swap of the cgroup and all above it. Returns -1, or the cgroup whose limit refused. */
export function tryChargeMemsw(k: SpaceState, memcg: Memcg, pages: number): Memcg {
  const { memsw, memswMax, memswFailcnt, memswWatermark, parent } = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    if (memsw[at] + pages > memswMax[at]) {
      memswFailcnt[at]++;
      for (let undo = memcg; undo !== at; undo = parent[undo]) memsw[undo] -= pages;
      return at;
    }
    memsw[at] += pages;
    if (memsw[at] > memswWatermark[at]) memswWatermark[at] = memsw[at];
  }
  return -1;
}

/** Charges past every limit. */
export function chargeMemsw(k: SpaceState, memcg: Memcg, pages: number): void {
  const { memsw, memswWatermark, parent } = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    memsw[at] += pages;
    if (memsw[at] > memswWatermark[at]) memswWatermark[at] = memsw[at];
  }
}

/** Takes a charge back. */
export function unchargeMemsw(k: SpaceState, memcg: Memcg, pages: number): void {
  const { memsw, parent } = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    memsw[at] -= pages;
    if (memsw[at] < 0) bug(`memory cgroup ${at} has ${memsw[at]} pages of memory and swap charged`);
  }
}

/** How much reclaim of a cgroup prefers swapping: with version 1 each has its own (Linux: mem_cgroup_swappiness). */
export function memcgSwappiness(k: SpaceState, memcg: Memcg): number {
  return isLegacy(k) && memcg !== ROOT_MEMCG ? k.memcg.swappiness[memcg] : k.knob.swappiness;
}
