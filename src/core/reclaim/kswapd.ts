/**
 * kswapd: each node's own reclaimer. An allocation that finds a zone below its low watermark wakes it; it reclaims until
 * one zone of the node is above its high watermark, harder with every round, and sleeps.
 *
 *   wakeKswapd (an allocation, at its time) -> runKswapds (whenever an allocation looks) : rounds up to that time
 *
 * kswapd has a clock of its own: it works beside the task that woke it, on another CPU of the machine, and never further
 * than the running task's now, where somebody could see what it has done. With one CPU it takes the time from the task.
 *
 * Where a pageblock was stolen, watermarks are boosted for a while: then kswapd reclaims that many pages more, but neither
 * swaps nor writes for them. A block that nobody gets in spite of twice its size in reclaimed pages is left to compaction.
 * Differs: a doze of a tenth of a second after a run counts when somebody wakes it, but does not end with a look at the
 * watermarks; what kswapd uses of a second CPU is not taken from a task that runs there.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */

import { ROOT_MEMCG } from "../base/types.ts";
import { PAGEBLOCK_ORDER, ZONE_MOVABLE, ZONE_NORMAL, ZONE_RECLAIM_ACTIVE } from "../frame/mmzone.ts";
import {
  KSWAPD_HIGH_WMARK_HIT_QUICKLY,
  KSWAPD_LOW_WMARK_HIT_QUICKLY,
  NR_FREE_PAGES,
  NR_ZONE_ITEMS,
  PAGEOUTRUN,
  PGSCAN_DIRECT_THROTTLE,
} from "../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_MIN, watermark, zoneWatermarkOk } from "../frame/watermark.ts";
import { setZoneFlags } from "../frame/zone.ts";
import { CAUSE_RECLAIM_WAIT } from "../hw/clock.ts";
import { switchPlug } from "../hw/plug.ts";
import { isLruGen } from "../space/lru-gen.ts";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON, LRUVEC_NODE_CONGESTED, lruvecOf } from "../space/lru-list.ts";
import { nextMemcg } from "../space/memcg.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import { resetNodeSkipped } from "./compaction.ts";
import { idleUntil } from "./flusher.ts";
import { __GFP_DIRECT_RECLAIM, __GFP_FS, GFP_KERNEL } from "./gfp.ts";
import { runKcompactds, wakeKcompactd } from "./kcompactd.ts";
import { currentTask, isDying } from "./oom-task.ts";
import { inactiveIsLow, shrinkActiveList } from "./policy/classic.ts";
import { lruGenAgeNode } from "./policy/mglru-shrink.ts";
import { psiKswapd } from "./psi.ts";
import { zoneReclaimablePages } from "./reclaimable.ts";
import {
  createScan,
  DEF_PRIORITY,
  MAX_RECLAIM_RETRIES,
  PGDAT_DIRTY,
  PGDAT_WRITEBACK,
  SWAP_CLUSTER_MAX,
} from "./scan-control.ts";
import { softLimitReclaim } from "./soft-limit.ts";
import type { ReclaimState, ScanControl } from "./state.ts";
import { shrinkNode, snapshotRefaults } from "./vmscan.ts";

/** What kswapd and the task have in turn on a machine's only CPU: a timer tick at CONFIG_HZ=250, which alone ends a slice. */
const TURN_NS = 4e6;

/** How long kswapd dozes after a run before it sleeps (Linux: HZ / 10). */
const DOZE_NS = 1e8;

/** Sees to it that kswapd of the node works, unless it has given up or the node is balanced for the request. */
export function wakeKswapd(
  k: ReclaimState,
  node: number,
  order: number,
  highest: number,
  gfp = GFP_KERNEL,
): void {
  const r = k.reclaim;
  r.kswapdHighest[node] = Math.max(r.kswapdHighest[node], highest);
  r.kswapdOrder[node] = Math.max(r.kswapdOrder[node], order);
  if (r.kswapdRun[node] !== undefined) return;
  const isHopeless = r.failures[node] >= MAX_RECLAIM_RETRIES;
  if (isHopeless || (isBalanced(k, node, order, highest) && !isBoosted(k, node, highest))) {
    // Enough may be free, in too small pieces; who can reclaim for itself compacts for itself, too.
    if ((gfp & __GFP_DIRECT_RECLAIM) === 0) wakeKcompactd(k, node, order, highest);
    return;
  }
  if (k.clock.ns[0] < r.kswapdDozeNs[node]) k.vmstat.event[KSWAPD_LOW_WMARK_HIT_QUICKLY]++;
  k.vmstat.event[PAGEOUTRUN]++;
  noteBoosts(k, node, r.kswapdHighest[node]);
  r.kswapdNs[node] = Math.max(r.kswapdNs[node], k.clock.ns[0]);
  r.kswapdRun[node] = createScan({
    nrToReclaim: SWAP_CLUSTER_MAX,
    gfp: GFP_KERNEL,
    order: r.kswapdOrder[node],
    reclaimIdx: r.kswapdHighest[node],
    isKswapd: true,
  });
  r.kswapdBeganOrder[node] = r.kswapdOrder[node];
  r.kswapdOrder[node] = 0;
  setActive(k, node, true);
}

/** Lets every kswapd that is awake work up to the running CPU's now. */
export function runKswapds(k: ReclaimState): void {
  const { kswapdRun, kswapdNs } = k.reclaim;
  for (let node = 0; node < kswapdRun.length; node++) {
    let sc = kswapdRun[node];
    while (sc !== undefined && kswapdNs[node] <= k.clock.ns[0]) {
      besides(k, node, sc);
      sc = kswapdRun[node];
    }
  }
  runKcompactds(k);
}

/**
 * Direct reclaim waits for kswapd while less than half of the reserves is free on the nearest node: what is left is for those
 * that free memory. A caller that may not enter file systems waits a second at most (Linux: throttle_direct_reclaim).
 */
export function throttleDirectReclaim(k: ReclaimState, gfp: number, node: number): void {
  const r = k.reclaim;
  if (isDying(k, currentTask(k)) || hasReserves(k, node)) return;
  k.vmstat.event[PGSCAN_DIRECT_THROTTLE]++;
  const untilNs = (gfp & __GFP_FS) !== 0 ? Number.POSITIVE_INFINITY : k.clock.ns[0] + 1e9;
  // kswapd is awake: the allocation has woken it before it came here. When it goes to sleep it wakes those who wait.
  for (let sc = r.kswapdRun[node]; sc !== undefined && !hasReserves(k, node); sc = r.kswapdRun[node]) {
    const atNs = k.machine.cpus === 1 ? k.clock.ns[0] : r.kswapdNs[node];
    if (atNs >= untilNs) {
      idleUntil(k, untilNs, CAUSE_RECLAIM_WAIT);
      return;
    }
    idleUntil(k, atNs, CAUSE_RECLAIM_WAIT);
    besides(k, node, sc);
  }
}

/** Whether half of what is below the min watermarks of the node's reclaimable zones is free (Linux: allow_direct_reclaim). */
function hasReserves(k: ReclaimState, node: number): boolean {
  if (k.reclaim.failures[node] >= MAX_RECLAIM_RETRIES) return true;
  let reserve = 0;
  let free = 0;
  for (let zone = node * 4 + 1; zone <= node * 4 + ZONE_NORMAL + 1; zone++) {
    if (k.zone.managedPages[zone] === 0 || zoneReclaimablePages(k, zone) === 0) continue;
    reserve += watermark(k, zone, ALLOC_WMARK_MIN);
    free += k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
  }
  return reserve === 0 || free > Math.floor(reserve / 2);
}

/** One round on kswapd's own clock; with one CPU on the task's. */
function besides(k: ReclaimState, node: number, sc: ScanControl): void {
  const { clock, boot, reclaim: r } = k;
  const nowNs = clock.ns[0];
  const cpu = boot[2];
  const isAlone = k.machine.cpus === 1;
  if (isAlone) {
    if (r.kswapdTurnNs[node] === 0) r.kswapdTurnNs[node] = nowNs + TURN_NS;
    sc.turnEndNs = r.kswapdTurnNs[node];
  } else {
    clock.ns[0] = r.kswapdNs[node];
    boot[2] = (cpu + 1) % k.machine.cpus;
  }
  const wasInside = r.inside[0];
  const plug = switchPlug(k, node + 1);
  r.inside[0] = 1;
  const fromNs = clock.ns[0];
  round(k, node, sc);
  psiKswapd(k, node, boot[2], fromNs, clock.ns[0]);
  switchPlug(k, plug);
  r.inside[0] = wasInside;
  r.kswapdNs[node] = clock.ns[0];
  if (isAlone) {
    if (clock.ns[0] < r.kswapdTurnNs[node]) return;
    // The task's turn, if kswapd is not done yet.
    r.kswapdTurnNs[node] = 0;
    r.kswapdNs[node] += TURN_NS;
    return;
  }
  clock.ns[0] = nowNs;
  boot[2] = cpu;
}

/** One round of balance_pgdat. Ends the run when the node is balanced, or when the hardest round was in vain. */
function round(k: ReclaimState, node: number, sc: ScanControl): void {
  if (sc.pause === undefined && !beginRound(k, node, sc)) return;
  shrinkNode(k, node, sc);
  if (sc.pause === undefined) endRound(k, node, sc);
}

/** What comes before the scan. False: nothing is to be scanned, and the run is over. */
function beginRound(k: ReclaimState, node: number, sc: ScanControl): boolean {
  const { kswapdBoostLeft } = k.reclaim;
  const balanced = isBalanced(k, node, sc.order, sc.reclaimIdx);
  if (!balanced && kswapdBoostLeft[node] > 0) {
    // What somebody needs comes before what would be nice to have.
    kswapdBoostLeft[node] = 0;
    sc.priority = DEF_PRIORITY;
  }
  const isBoost = kswapdBoostLeft[node] > 0;
  if (balanced && !isBoost) {
    sleep(k, node);
    return false;
  }
  sc.mayTryHarder = !isBoost || sc.priority !== DEF_PRIORITY - 2;
  sc.mayWritepage = !isBoost || sc.priority < DEF_PRIORITY - 2;
  sc.maySwap = !isBoost;
  if (isLruGen(k)) lruGenAgeNode(k, node, sc);
  else ageAnon(k, node, sc);
  sc.nrScanned = 0;
  sc.roundReclaimed = sc.nrReclaimed;
  sc.nrReclaimed += softLimitReclaim(k, node, sc).reclaimed;
  sc.nrToReclaim = pagesWanted(k, node, sc.reclaimIdx);
  return true;
}

/** What the scan has brought: whether the run goes on, and how hard. */
function endRound(k: ReclaimState, node: number, sc: ScanControl): void {
  const { kswapdBoostLeft } = k.reclaim;
  const reclaimed = sc.nrReclaimed - sc.roundReclaimed;
  if (sc.order > 0 && sc.nrReclaimed >= 2 << sc.order) sc.order = 0;
  kswapdBoostLeft[node] = Math.max(0, kswapdBoostLeft[node] - reclaimed);
  const isVain = kswapdBoostLeft[node] > 0 && reclaimed === 0;
  // A round that scanned as much as was wanted was hard enough, if it gave anything.
  const wasWeak = sc.mayTryHarder && Math.max(sc.nrScanned, reclaimed) < sc.nrToReclaim;
  if (!isVain && (wasWeak || reclaimed === 0)) sc.priority--;
  if (!isVain && sc.priority >= 1) return;
  if (sc.nrReclaimed === 0 && sc.priority < 1 && !sc.noCacheTrim && sc.cacheTrimFailed) {
    sc.noCacheTrim = true;
    sc.priority = DEF_PRIORITY;
    return;
  }
  if (sc.nrReclaimed === 0) k.reclaim.failures[node]++;
  sleep(k, node);
}

/** The run is over. What it was woken for last may wake it again. */
function sleep(k: ReclaimState, node: number): void {
  const r = k.reclaim;
  // A block that was given up is no reason to stay awake; what was asked for meanwhile is.
  const order = r.kswapdOrder[node];
  const highest = r.kswapdHighest[node];
  const reclaimed = r.kswapdRun[node]?.reclaimIdx ?? highest;
  setActive(k, node, false);
  endBoosts(k, node, reclaimed);
  snapshotRefaults(k, ROOT_MEMCG, node);
  r.kswapdRun[node] = undefined;
  r.kswapdTurnNs[node] = 0;
  r.kswapdOrder[node] = 0;
  r.kswapdHighest[node] = 0;
  if (r.failures[node] < MAX_RECLAIM_RETRIES && !isBalanced(k, node, order, highest)) {
    k.vmstat.event[KSWAPD_HIGH_WMARK_HIT_QUICKLY]++;
    return;
  }
  r.kswapdDozeNs[node] = k.clock.ns[0] + DOZE_NS;
  // What was reclaimed is to become blocks of the order that was asked for, wherever pages can be moved by now.
  resetNodeSkipped(k, node);
  wakeKcompactd(k, node, r.kswapdBeganOrder[node], reclaimed);
  // The node has room again: nobody waits there, and file pages need not be written (Linux: clear_pgdat_congested).
  r.nodeFlags[node] &= ~(PGDAT_DIRTY | PGDAT_WRITEBACK);
  k.lruvec.flags[lruvecOf(k, ROOT_MEMCG, node)] &= ~LRUVEC_NODE_CONGESTED;
}

/** A run begins: the boosts of the node's zones are what it has to make good for. */
function noteBoosts(k: ReclaimState, node: number, highest: number): void {
  const { kswapdBoost, kswapdBoostLeft } = k.reclaim;
  kswapdBoostLeft[node] = 0;
  for (let type = 0; type <= ZONE_MOVABLE; type++) {
    const zone = node * 4 + type + 1;
    const boost = type <= highest && k.zone.managedPages[zone] > 0 ? k.zone.watermarkBoost[zone] : 0;
    kswapdBoost[zone] = boost;
    kswapdBoostLeft[node] += boost;
  }
}

/** A run ends: the boosts that it began with are over, those that came meanwhile stay. */
function endBoosts(k: ReclaimState, node: number, highest: number): void {
  const { watermarkBoost, flags } = k.zone;
  let wasBoosted = false;
  for (let zone = node * 4 + 1; zone <= node * 4 + 4; zone++) {
    if (k.reclaim.kswapdBoost[zone] === 0) continue;
    wasBoosted = true;
    watermarkBoost[zone] = Math.max(0, watermarkBoost[zone] - k.reclaim.kswapdBoost[zone]);
    // The watermarks have moved: whether the zone is open is found out anew.
    setZoneFlags(k, zone, flags[zone]);
  }
  // A pageblock was broken up: another is to become whole.
  if (wasBoosted) wakeKcompactd(k, node, PAGEBLOCK_ORDER, highest);
}

/** Keeps the anonymous lists of every cgroup in proportion (Linux: kswapd_age_node). */
function ageAnon(k: ReclaimState, node: number, sc: ScanControl): void {
  if (k.swap.state[SWAP_TOTAL] === 0 || !inactiveIsLow(k, lruvecOf(k, ROOT_MEMCG, node), LRU_INACTIVE_ANON))
    return;
  for (let memcg = ROOT_MEMCG; memcg >= 0; memcg = nextMemcg(k, ROOT_MEMCG, memcg))
    shrinkActiveList(k, lruvecOf(k, memcg, node), LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX, sc);
}

/** Whether a zone of the node is above its high watermark (Linux: pgdat_balanced). */
function isBalanced(k: ReclaimState, node: number, order: number, highest: number): boolean {
  let isEmpty = true;
  for (let type = 0; type <= highest; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.managedPages[zone] === 0) continue;
    isEmpty = false;
    const mark = watermark(k, zone, ALLOC_WMARK_HIGH);
    if (zoneWatermarkOk(k, zone, order, mark, { highest, flags: 0 })) return true;
  }
  return isEmpty;
}

function isBoosted(k: ReclaimState, node: number, highest: number): boolean {
  for (let type = 0; type <= highest; type++) if (k.zone.watermarkBoost[node * 4 + type + 1] > 0) return true;
  return false;
}

/** What a round tries to free: the high watermarks of all zones together. */
function pagesWanted(k: ReclaimState, node: number, highest: number): number {
  let pages = 0;
  for (let type = 0; type <= highest; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.managedPages[zone] > 0)
      pages += Math.max(watermark(k, zone, ALLOC_WMARK_HIGH), SWAP_CLUSTER_MAX);
  }
  return pages;
}

/** While kswapd works, per-CPU lists of its zones are kept short. */
function setActive(k: ReclaimState, node: number, isActive: boolean): void {
  for (let type = 0; type <= ZONE_MOVABLE; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.managedPages[zone] === 0) continue;
    const flags = k.zone.flags[zone];
    setZoneFlags(k, zone, isActive ? flags | ZONE_RECLAIM_ACTIVE : flags & ~ZONE_RECLAIM_ACTIVE);
  }
}
