/**
 * Waits inside reclaim, so that disks catch up with it.
 *
 *   write-back    pages come round again before they are written: until 32 of the node are, or a tenth of a second
 *   congested     all the dirty pages met are on their way to be freed: a tick, if half of what could be freed waits for disks
 *   no progress   the hardest round but one was in vain: the same
 *
 * Meanwhile disks, and the threads that write files, go on.
 * Linux: mm/vmscan.c reclaim_throttle (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import {
  NR_NODE_ITEMS,
  NR_THROTTLED_WRITTEN,
  NR_WRITTEN,
  NR_ZONE_ITEMS,
  NR_ZONE_WRITE_PENDING,
} from "../frame/vmstat.ts";
import { CAUSE_RECLAIM_WAIT } from "../hw/clock.ts";
import { HZ, sleepEndNs } from "./dirty-rate.ts";
import { idleUntil } from "./flusher.ts";
import { zoneReclaimablePages } from "./reclaimable.ts";
import { MAX_RECLAIM_RETRIES, SWAP_CLUSTER_MAX } from "./scan-control.ts";
import type { ReclaimState, ScanControl } from "./state.ts";

/** Waits until disks have written something of the node (Linux: VMSCAN_THROTTLE_WRITEBACK). */
export function throttleForWriteback(k: ReclaimState, node: number): void {
  const counters = k.vmstat.node;
  const at = node * NR_NODE_ITEMS;
  const before = counters[at + NR_WRITTEN];
  idleUntil(
    k,
    sleepEndNs(k, HZ / 10),
    CAUSE_RECLAIM_WAIT,
    () => counters[at + NR_WRITTEN] - before > SWAP_CLUSTER_MAX,
  );
  // What is written while somebody waits for it has a counter of its own.
  counters[at + NR_THROTTLED_WRITTEN] += counters[at + NR_WRITTEN] - before;
}

/** Waits a tick because the node's dirty pages are all on their way (Linux: VMSCAN_THROTTLE_CONGESTED). */
export function throttleForCongestion(k: ReclaimState, node: number): void {
  if (!isPointless(k, node)) idleUntil(k, sleepEndNs(k, 1), CAUSE_RECLAIM_WAIT);
}

/** After a pass of direct reclaim through the nodes: waits when the pass was hard and brought nothing (Linux: consider_reclaim_throttle). */
export function considerThrottle(k: ReclaimState, node: number, sc: ScanControl): void {
  if (sc.nrReclaimed > Math.floor(sc.nrScanned / 8) || sc.isKswapd || sc.isCgroup) return;
  if (sc.priority === 1 && sc.nrReclaimed === 0) throttleForCongestion(k, node);
}

/** True when kswapd has given up, or less than half of what could be freed waits for disks (Linux: skip_throttle_noprogress). */
function isPointless(k: ReclaimState, node: number): boolean {
  if (k.reclaim.failures[node] >= MAX_RECLAIM_RETRIES) return true;
  let reclaimable = 0;
  let pending = 0;
  for (let zone = node * 4 + 1; zone <= node * 4 + 4; zone++) {
    if (k.zone.managedPages[zone] === 0) continue;
    reclaimable += zoneReclaimablePages(k, zone);
    pending += k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_ZONE_WRITE_PENDING];
  }
  return 2 * pending <= reclaimable;
}
