/**
 * What others ask of swap: how much there is for the machine and for a cgroup; whether half of it is used, from when on slots
 * of pages that are in memory, too, are worth having back; whether a file is an area;
 * and who pays for a page that has gone there.
 * Linux: mm/swapfile.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.swap.max)
 */
import { type Inode, type Pfn, ROOT_MEMCG, type SwapEntry } from "../base/types.ts";
import { moveChargeToSwap } from "./memcg.ts";
import { isLegacy } from "./memcg-v1.ts";
import type { SpaceState } from "./state.ts";
import { AREAS, SLOT_COUNT, SLOT_MEMCG, SWAP_FREE, SWAP_TOTAL, SWP_USED, swapRecord } from "./swap.ts";

/** Slots that can be taken now (Linux: get_nr_swap_pages). */
export function nrSwapPages(k: SpaceState): number {
  return k.swap.state[SWAP_FREE];
}

/** Whether less than half of the swap is free: slots of pages in memory are worth having back (Linux: vm_swap_full). */
export function vmSwapFull(k: SpaceState): boolean {
  return k.swap.state[SWAP_FREE] * 2 < k.swap.state[SWAP_TOTAL];
}

/** Slots the cgroup may take (Linux: mem_cgroup_get_nr_swap_pages). */
export function memcgSwapPages(k: SpaceState, memcg: number): number {
  let pages = k.swap.state[SWAP_FREE];
  if (isLegacy(k)) return pages;
  const { swapMax, swapUsage, parent } = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at])
    pages = Math.min(pages, swapMax[at] - swapUsage[at]);
  return pages;
}

/** Whether the page's cgroup, or the machine, has used half of its swap (Linux: mem_cgroup_swap_full). */
export function memcgSwapFull(k: SpaceState, pfn: Pfn): boolean {
  if (vmSwapFull(k)) return true;
  if (isLegacy(k)) return false;
  const { swapMax, swapHigh, swapUsage, parent } = k.memcg;
  for (let at = k.pageMemcg[pfn]; at !== ROOT_MEMCG; at = parent[at])
    if (swapUsage[at] * 2 >= swapHigh[at] || swapUsage[at] * 2 >= swapMax[at]) return true;
  return false;
}

/** Whether the file is a swap area in use: what writes it or cuts it is refused (Linux: IS_SWAPFILE). */
export function isSwapFile(k: SpaceState, inode: Inode): boolean {
  const { flags, path, state } = k.swap;
  for (let type = 0; type < state[AREAS]; type++)
    if ((flags[type] & SWP_USED) !== 0 && path[type] === k.file.path[inode]) return true;
  return false;
}

/**
 * Version 1: a page has been swapped out and is about to be free. Its charge leaves memory; that of memory+swap is the
 * slot's from now on. Nothing to do for a slot that nobody refers to (Linux: mem_cgroup_swapout).
 */
export function chargeSwapOut(k: SpaceState, pfn: Pfn, entry: SwapEntry): void {
  const record = swapRecord(k, entry);
  const memcg = k.pageMemcg[pfn];
  if (memcg === ROOT_MEMCG || k.swap.slot[record + SLOT_COUNT] === 0) return;
  const m = k.memcg;
  k.pageMemcg[pfn] = ROOT_MEMCG;
  k.swap.slot[record + SLOT_MEMCG] = memcg;
  moveChargeToSwap(k, pfn, memcg);
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) m.swapUsage[at]++;
}
