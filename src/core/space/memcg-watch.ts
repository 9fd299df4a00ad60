/**
 * What memory cgroups of version 1 look at as their usage changes, and who is told. A cgroup has no eye on its usage all
 * the time: each CPU counts the pages that it charged to it or took from it, and looks
 *
 *   after 128 of them    whether its usage, or that of a cgroup above it, has crossed a threshold that somebody waits for
 *   after 1024           how far it is above its soft limit (memcg-soft.ts)
 *
 * A watch is an eventfd that was bound to a file of a cgroup: its counter grows by one with each event. Thresholds are
 * kept here; pressure and lack of memory come from reclaim (reclaim/vmpressure.ts, alloc/charge.ts).
 * Differs: pages that are freed together are counted one by one.
 * Linux: mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 9. and 10.
 */
import { bug } from "../base/bug.ts";
import { type Memcg, NONE, type Node, ROOT_MEMCG } from "../base/types.ts";
import { NR_ANON_MAPPED, NR_FILE_PAGES, sumNodeItem } from "../frame/vmstat.ts";
import { updateSoftTree } from "./memcg-soft.ts";
import type { MemcgWatchColumns } from "./memcg-state.ts";
import type { SpaceState } from "./state.ts";

/** What a watch is about; 0 is a free row. `WATCH_GONE`: its cgroup was removed. */
export const WATCH_USAGE = 1;
export const WATCH_MEMSW = 2;
export const WATCH_OOM = 3;
export const WATCH_PRESSURE = 4;
export const WATCH_GONE = 5;

/** Watches that can be open. */
const MOST_WATCHES = 256;
/** Pages between two looks at thresholds and at the soft limit (Linux: THRESHOLDS_EVENTS_TARGET, SOFTLIMIT_EVENTS_TARGET). */
const THRESHOLD_PAGES = 128;
const SOFT_LIMIT_PAGES = 1024;

/** A watch to be made. */
export interface WatchSpec {
  readonly memcg: Memcg;
  /** WATCH_*. */
  readonly kind: number;
  /** Pages of a threshold; for pressure the least level. */
  readonly level: number;
  /** For pressure, PRESSURE_* of reclaim/vmpressure.ts: whose pressure counts. */
  readonly mode: number;
}

/** No watches; nothing counted. */
export function createMemcgWatch(memcgs: number, nodes: number, cpus: number): MemcgWatchColumns {
  return {
    pageEvents: new Int32Array(memcgs * cpus),
    targets: new Int32Array(memcgs * cpus * 2),
    softExcess: new Float64Array(memcgs * nodes),
    softTurn: new Float64Array(memcgs * nodes),
    pressure: new Float64Array(memcgs * 2),
    kind: new Uint8Array(MOST_WATCHES),
    memcg: new Int32Array(MOST_WATCHES),
    level: new Float64Array(MOST_WATCHES),
    mode: new Uint8Array(MOST_WATCHES),
    isAbove: new Uint8Array(MOST_WATCHES),
    signals: new Float64Array(MOST_WATCHES),
    rows: Float64Array.of(1, 0),
  };
}

/** Makes a watch. Returns it, or NONE when there is no room for another. */
export function addWatch(k: SpaceState, spec: WatchSpec): number {
  const w = k.memcgWatch;
  const watch = w.kind.indexOf(0, 1);
  if (watch < 0) return NONE;
  // Thresholds that were crossed unseen are told of before the usage is compared with all of them anew.
  if (spec.kind === WATCH_USAGE || spec.kind === WATCH_MEMSW) checkThresholds(k, spec.memcg);
  w.rows[0] = Math.max(w.rows[0], watch + 1);
  w.kind[watch] = spec.kind;
  w.memcg[watch] = spec.memcg;
  w.level[watch] = spec.level;
  w.mode[watch] = spec.mode;
  w.signals[watch] = 0;
  w.isAbove[watch] = memcgUsage(k, spec.memcg, spec.kind === WATCH_MEMSW) >= spec.level ? 1 : 0;
  return watch;
}

/** Ends a watch: its eventfd was closed. */
export function removeWatch(k: SpaceState, watch: number): void {
  k.memcgWatch.kind[watch] = 0;
}

/** Tells the watches of this kind on this cgroup alone. */
export function signalWatches(k: SpaceState, memcg: Memcg, kind: number): void {
  const w = k.memcgWatch;
  for (let watch = 1; watch < w.rows[0]; watch++)
    if (w.kind[watch] === kind && w.memcg[watch] === memcg) w.signals[watch]++;
}

/** The cgroup was removed: its watches are told once more, and of nothing else any more (Linux: memcg1_css_offline). */
export function dropWatches(k: SpaceState, memcg: Memcg): void {
  const w = k.memcgWatch;
  for (let watch = 1; watch < w.rows[0]; watch++) {
    if (w.kind[watch] === 0 || w.memcg[watch] !== memcg) continue;
    w.signals[watch]++;
    w.kind[watch] = WATCH_GONE;
  }
}

/** The row of a cgroup is another's from now on. */
export function resetWatched(k: SpaceState, memcg: Memcg): void {
  const w = k.memcgWatch;
  const { cpus } = k.machine;
  const { nodes } = k.lruvec;
  w.pageEvents.fill(0, memcg * cpus, (memcg + 1) * cpus);
  w.targets.fill(0, memcg * cpus * 2, (memcg + 1) * cpus * 2);
  w.softExcess.fill(0, memcg * nodes, (memcg + 1) * nodes);
  w.pressure.fill(0, memcg * 2, memcg * 2 + 2);
}

/** Pages a counter of version 1 stands at; the root's is worked out from the machine's (Linux: mem_cgroup_usage). */
export function memcgUsage(k: SpaceState, memcg: Memcg, isMemsw: boolean): number {
  if (memcg !== ROOT_MEMCG) return (isMemsw ? k.memcg.memsw : k.memcg.usage)[memcg];
  const memory = sumNodeItem(k.vmstat, NR_FILE_PAGES) + sumNodeItem(k.vmstat, NR_ANON_MAPPED);
  return isMemsw ? memory + k.swap.inuse.reduce((sum, slots) => sum + slots, 0) : memory;
}

/** Pages of a node were charged to a cgroup other than the root, or taken from it: looks if it is time to. */
export function noteChargedPages(k: SpaceState, memcg: Memcg, pages: number, node: Node): void {
  const w = k.memcgWatch;
  const at = memcg * k.machine.cpus + k.boot[2];
  w.pageEvents[at] += pages;
  if (!isDue(w, at, 0, THRESHOLD_PAGES)) return;
  const looksAtSoftLimit = isDue(w, at, 1, SOFT_LIMIT_PAGES);
  for (let above = memcg; ; above = k.memcg.parent[above]) {
    checkThresholds(k, above);
    if (above === ROOT_MEMCG) break;
  }
  if (looksAtSoftLimit) updateSoftTree(k, memcg, node);
}

/** Whether the CPU's count has come past its next look, which is then set (Linux: memcg1_event_ratelimit). */
function isDue(w: MemcgWatchColumns, at: number, target: number, pages: number): boolean {
  const count = w.pageEvents[at];
  // Counters of 32 bits go round: which of the two is ahead is the sign of their difference.
  if (((w.targets[at * 2 + target] - count) | 0) >= 0) return false;
  w.targets[at * 2 + target] = count + pages;
  return true;
}

/** Tells those whose threshold the cgroup's usage has crossed, up or down, since the last look. */
function checkThresholds(k: SpaceState, memcg: Memcg): void {
  const w = k.memcgWatch;
  for (let watch = 1; watch < w.rows[0]; watch++) {
    const kind = w.kind[watch];
    if (w.memcg[watch] !== memcg || (kind !== WATCH_USAGE && kind !== WATCH_MEMSW)) continue;
    const isAbove = memcgUsage(k, memcg, kind === WATCH_MEMSW) >= w.level[watch] ? 1 : 0;
    if (isAbove === w.isAbove[watch]) continue;
    w.isAbove[watch] = isAbove;
    w.signals[watch]++;
  }
}

/** Walks watches and soft limits. Invariants: a watch that counts is on a cgroup; nobody is in the tree by less than a page. */
export function checkMemcgWatch(k: SpaceState): void {
  const w = k.memcgWatch;
  for (let watch = 1; watch < w.kind.length; watch++) {
    if (w.kind[watch] !== 0 && watch >= w.rows[0]) bug(`watch ${watch} lies beyond the last one`);
    const isOn = w.kind[watch] !== 0 && w.kind[watch] !== WATCH_GONE;
    if (isOn && w.memcg[watch] !== ROOT_MEMCG && k.memcg.state[w.memcg[watch]] === 0)
      bug(`watch ${watch} is on a cgroup that is not there`);
  }
  for (const excess of w.softExcess)
    if (excess < 0) bug(`a cgroup is ${-excess} pages below its soft limit and in the tree`);
}
