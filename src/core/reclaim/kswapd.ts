/**
 * kswapd: each node's own reclaimer. An allocation that finds a zone below its low watermark wakes it; it reclaims until
 * one zone of the node is above its high watermark, harder with every round, and sleeps.
 *
 *   wakeKswapd (an allocation, at its time) -> runKswapds (whenever an allocation looks) : rounds up to that time
 *
 * kswapd has a clock of its own: it works beside the task that woke it, on another CPU of the machine, and never further
 * than the running task's now, where somebody could see what it has done. With one CPU it takes the time from the task.
 * Differs: a boost of the watermarks (a pageblock was stolen) wakes kswapd and ends with its run, without pages being
 * reclaimed for it beyond the high watermark; what kswapd uses of a second CPU is not taken from a task that runs there.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */

import { ROOT_MEMCG } from "../base/types.ts";
import { ZONE_MOVABLE, ZONE_RECLAIM_ACTIVE } from "../frame/mmzone.ts";
import { KSWAPD_HIGH_WMARK_HIT_QUICKLY, PAGEOUTRUN } from "../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, watermark, zoneWatermarkOk } from "../frame/watermark.ts";
import { setZoneFlags } from "../frame/zone.ts";
import { switchPlug } from "../hw/plug.ts";
import { isLruGen } from "../space/lru-gen.ts";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON, LRUVEC_NODE_CONGESTED, lruvecOf } from "../space/lru-list.ts";
import { nextMemcg } from "../space/memcg.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import { GFP_KERNEL } from "./gfp.ts";
import { inactiveIsLow, shrinkActiveList } from "./policy/classic.ts";
import { lruGenAgeNode } from "./policy/mglru-shrink.ts";
import { psiKswapd } from "./psi.ts";
import {
  createScan,
  DEF_PRIORITY,
  MAX_RECLAIM_RETRIES,
  PGDAT_DIRTY,
  PGDAT_WRITEBACK,
  SWAP_CLUSTER_MAX,
} from "./scan-control.ts";
import type { ReclaimState, ScanControl } from "./state.ts";
import { shrinkNode, snapshotRefaults } from "./vmscan.ts";

/** Sees to it that kswapd of the node works, unless it has given up or the node is balanced for the request. */
export function wakeKswapd(k: ReclaimState, node: number, order: number, highest: number): void {
  const r = k.reclaim;
  r.kswapdHighest[node] = Math.max(r.kswapdHighest[node], highest);
  r.kswapdOrder[node] = Math.max(r.kswapdOrder[node], order);
  if (r.kswapdRun[node] !== undefined || r.failures[node] >= MAX_RECLAIM_RETRIES) return;
  if (isBalanced(k, node, order, highest) && !isBoosted(k, node, highest)) return;
  k.vmstat.event[PAGEOUTRUN]++;
  r.kswapdNs[node] = Math.max(r.kswapdNs[node], k.clock.ns[0]);
  r.kswapdRun[node] = createScan({
    nrToReclaim: SWAP_CLUSTER_MAX,
    gfp: GFP_KERNEL,
    order: r.kswapdOrder[node],
    reclaimIdx: r.kswapdHighest[node],
    isKswapd: true,
  });
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
}

/** One round on kswapd's own clock; with one CPU on the task's. */
function besides(k: ReclaimState, node: number, sc: ScanControl): void {
  const { clock, boot, reclaim: r } = k;
  const nowNs = clock.ns[0];
  const cpu = boot[2];
  const isAlone = k.machine.cpus === 1;
  if (!isAlone) {
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
  if (isAlone) return;
  clock.ns[0] = nowNs;
  boot[2] = cpu;
}

/** One round of balance_pgdat. Ends the run when the node is balanced, or when the hardest round was in vain. */
function round(k: ReclaimState, node: number, sc: ScanControl): void {
  if (isBalanced(k, node, sc.order, sc.reclaimIdx)) {
    sleep(k, node);
    return;
  }
  if (isLruGen(k)) lruGenAgeNode(k, node, sc);
  else ageAnon(k, node, sc);
  sc.nrScanned = 0;
  const before = sc.nrReclaimed;
  const wanted = pagesWanted(k, node, sc.reclaimIdx);
  sc.nrToReclaim = wanted;
  shrinkNode(k, node, sc);
  const reclaimed = sc.nrReclaimed - before;
  // A round that scanned as much as was wanted was hard enough, if it gave anything.
  if (Math.max(sc.nrScanned, reclaimed) < wanted || reclaimed === 0) sc.priority--;
  if (sc.priority >= 1) return;
  if (sc.nrReclaimed === 0 && !sc.noCacheTrim && sc.cacheTrimFailed) {
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
  const order = r.kswapdOrder[node];
  const highest = r.kswapdHighest[node];
  setActive(k, node, false);
  snapshotRefaults(k, ROOT_MEMCG, node);
  r.kswapdRun[node] = undefined;
  r.kswapdOrder[node] = 0;
  r.kswapdHighest[node] = 0;
  if (r.failures[node] < MAX_RECLAIM_RETRIES && !isBalanced(k, node, order, highest)) {
    k.vmstat.event[KSWAPD_HIGH_WMARK_HIT_QUICKLY]++;
    return;
  }
  // The node has room again: nobody waits there, and file pages need not be written (Linux: clear_pgdat_congested).
  r.nodeFlags[node] &= ~(PGDAT_DIRTY | PGDAT_WRITEBACK);
  k.lruvec.flags[lruvecOf(k, ROOT_MEMCG, node)] &= ~LRUVEC_NODE_CONGESTED;
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
    if (!isActive) k.zone.watermarkBoost[zone] = 0;
    const flags = k.zone.flags[zone];
    setZoneFlags(k, zone, isActive ? flags | ZONE_RECLAIM_ACTIVE : flags & ~ZONE_RECLAIM_ACTIVE);
  }
}
