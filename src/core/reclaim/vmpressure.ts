/**
 * Memory pressure as version 1 tells it: of so many pages that reclaim looked at, how many it did not get.
 *
 *   512 pages looked at in reclaim for a cgroup     level by the part of them that stayed: low, medium from 60 %,
 *                                                   critical from 95 %
 *   priority 3 or harder                            critical at once
 *
 * The level is that of the cgroup reclaim works for. Its watches are told, then those of each cgroup above it: those with
 * PRESSURE_LOCAL only of their own cgroup's pressure, those with PRESSURE_DEFAULT only if nobody below was told,
 * those with PRESSURE_HIERARCHY always.
 * Differs: those who wait are told at once, not by a worker thread when it gets a CPU. The part that makes sockets of a
 * cgroup of version 2 use less memory is not there: there are no sockets.
 * Linux: mm/vmpressure.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 11. Memory Pressure
 */
import { type Memcg, ROOT_MEMCG } from "../base/types.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { WATCH_PRESSURE } from "../space/memcg-watch.ts";
import { __GFP_FS, __GFP_HIGHMEM, __GFP_IO, __GFP_MOVABLE } from "./gfp.ts";
import type { ReclaimState } from "./state.ts";

/** Levels, and whose pressure a watch counts. */
export const PRESSURE_LEVELS: readonly string[] = ["low", "medium", "critical"];
export const PRESSURE_MODES: readonly string[] = ["default", "hierarchy", "local"];
const LOW = 0;
const MEDIUM = 1;
const CRITICAL = 2;
const DEFAULT = 0;
const LOCAL = 2;

/** Pages after which the level is worked out (Linux: vmpressure_win). */
const WINDOW_PAGES = 512;
/** Percent from which it is medium and critical; priority from which it is critical whatever was freed. */
const MEDIUM_PERCENT = 60;
const CRITICAL_PERCENT = 95;
const CRITICAL_PRIORITY = 3;

/** Takes into account that reclaim for a cgroup looked at so many pages and freed so many. */
export function vmpressure(
  k: ReclaimState,
  gfp: number,
  memcg: Memcg,
  scanned: number,
  reclaimed: number,
): void {
  if (!isLegacy(k) || scanned === 0) return;
  // Nobody can help with memory that only some devices can use.
  if ((gfp & (__GFP_HIGHMEM | __GFP_MOVABLE | __GFP_IO | __GFP_FS)) === 0) return;
  const w = k.memcgWatch;
  w.pressure[memcg * 2] += scanned;
  w.pressure[memcg * 2 + 1] += reclaimed;
  if (w.pressure[memcg * 2] < WINDOW_PAGES) return;
  const level = levelOf(w.pressure[memcg * 2], w.pressure[memcg * 2 + 1]);
  w.pressure.fill(0, memcg * 2, memcg * 2 + 2);
  let isTold = tell(k, memcg, level, false, false);
  for (let above = memcg; above !== ROOT_MEMCG; ) {
    above = k.memcg.parent[above];
    if (tell(k, above, level, true, isTold)) isTold = true;
  }
}

/** Reclaim for a cgroup goes on with this priority. */
export function vmpressurePrio(k: ReclaimState, gfp: number, memcg: Memcg, priority: number): void {
  if (priority <= CRITICAL_PRIORITY) vmpressure(k, gfp, memcg, WINDOW_PAGES, 0);
}

/** The level, in the kernel's integers (Linux: vmpressure_calc_level). */
function levelOf(scanned: number, reclaimed: number): number {
  if (reclaimed >= scanned) return LOW;
  const scale = scanned + reclaimed;
  const kept = scale - Math.floor((reclaimed * scale) / scanned);
  const percent = Math.floor((kept * 100) / scale);
  if (percent >= CRITICAL_PERCENT) return CRITICAL;
  return percent >= MEDIUM_PERCENT ? MEDIUM : LOW;
}

/** Tells the watches of a cgroup. Returns whether there was one to tell. */
function tell(k: ReclaimState, memcg: Memcg, level: number, isAbove: boolean, wasTold: boolean): boolean {
  const w = k.memcgWatch;
  let isTold = false;
  for (let watch = 1; watch < w.rows[0]; watch++) {
    if (w.kind[watch] !== WATCH_PRESSURE || w.memcg[watch] !== memcg || level < w.level[watch]) continue;
    if ((isAbove && w.mode[watch] === LOCAL) || (wasTold && w.mode[watch] === DEFAULT)) continue;
    w.signals[watch]++;
    isTold = true;
  }
  return isTold;
}
