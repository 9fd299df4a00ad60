/**
 * kcompactd: each node's own compactor. kswapd wakes it when it goes to sleep, with the order that it was woken for, or a
 * pageblock's where it made good for one that was broken up; it compacts each zone of the node that can be.
 *
 * It has a clock of its own, as kswapd has, and works beside the task that runs; with a single CPU it takes the time from it.
 * Differs: it compacts all zones in one go when it is its turn.
 * Linux: mm/compaction.c kcompactd (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */

import { drainAllPcp } from "../frame/pcp-drain.ts";
import { KCOMPACTD_FREE_SCANNED, KCOMPACTD_MIGRATE_SCANNED, KCOMPACTD_WAKE } from "../frame/vmstat.ts";
import { ALLOC_WMARK_MIN } from "../frame/watermark.ts";
import { flushPlug } from "../hw/plug.ts";
import { compactZone } from "./compaction.ts";
import { createCompact } from "./compaction-scan.ts";
import {
  COMPACT_COMPLETE,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  deferCompaction,
  isDeferred,
  resetDeferred,
  suitsAllocation,
} from "./compaction-suitable.ts";
import { GFP_KERNEL } from "./gfp.ts";
import { MIGRATE_SYNC_LIGHT } from "./migrate.ts";
import type { ReclaimState } from "./state.ts";

/** All zone types. */
const HIGHEST = 3;

/** Asks a node's kcompactd for blocks of the order in zones up to type `highest` (Linux: wakeup_kcompactd). */
export function wakeKcompactd(k: ReclaimState, node: number, order: number, highest: number): void {
  if (order === 0) return;
  const s = k.compaction;
  const isAwake = s.daemonOrder[node] !== 0;
  const wantedOrder = Math.max(s.daemonOrder[node], order);
  const wantedHighest = Math.min(s.daemonHighest[node], highest);
  if (!isAwake && !isNodeSuitable(k, node, wantedOrder, wantedHighest)) return;
  s.daemonOrder[node] = wantedOrder;
  s.daemonHighest[node] = wantedHighest;
  if (!isAwake) s.daemonNs[node] = Math.max(s.daemonNs[node], k.clock.ns[0]);
}

/** Lets every kcompactd that was woken work, as far as its clock is not ahead of the running CPU's. */
export function runKcompactds(k: ReclaimState): void {
  const s = k.compaction;
  const { clock, boot } = k;
  for (let node = 0; node < s.daemonOrder.length; node++) {
    if (s.daemonOrder[node] === 0 || s.daemonNs[node] > clock.ns[0]) continue;
    const nowNs = clock.ns[0];
    const cpu = boot[2];
    const isAlone = k.machine.cpus === 1;
    flushPlug(k);
    if (!isAlone) {
      clock.ns[0] = s.daemonNs[node];
      boot[2] = (cpu + 1) % k.machine.cpus;
    }
    compactNode(k, node);
    s.daemonNs[node] = clock.ns[0];
    if (isAlone) continue;
    clock.ns[0] = nowNs;
    boot[2] = cpu;
  }
}

/** Whether some zone could be compacted for the order (Linux: kcompactd_node_suitable). */
function isNodeSuitable(k: ReclaimState, node: number, order: number, highest: number): boolean {
  for (let type = 0; type <= highest; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.presentPages[zone] === 0) continue;
    const suits = suitsAllocation(k, zone, order, highest, ALLOC_WMARK_MIN);
    if (suits !== COMPACT_SUCCESS && suits !== COMPACT_SKIPPED) return true;
  }
  return false;
}

/** One run over the node's zones (Linux: kcompactd_do_work). */
function compactNode(k: ReclaimState, node: number): void {
  const s = k.compaction;
  const { event } = k.vmstat;
  const order = s.daemonOrder[node];
  const highest = s.daemonHighest[node];
  event[KCOMPACTD_WAKE]++;
  for (let type = 0; type <= highest; type++) {
    const zone = node * 4 + type + 1;
    if (k.zone.presentPages[zone] === 0 || isDeferred(k, zone, order)) continue;
    const suits = suitsAllocation(k, zone, order, type, ALLOC_WMARK_MIN);
    if (suits === COMPACT_SUCCESS || suits === COMPACT_SKIPPED) continue;
    const c = createCompact({
      zone,
      order,
      highest,
      gfp: GFP_KERNEL,
      migratetype: 0,
      mode: MIGRATE_SYNC_LIGHT,
    });
    const status = compactZone(k, c);
    if (status === COMPACT_SUCCESS) resetDeferred(k, zone, order, false);
    else if (status === COMPACT_PARTIAL_SKIPPED || status === COMPACT_COMPLETE) {
      drainAllPcp(k);
      deferCompaction(k, zone, order);
    }
    event[KCOMPACTD_MIGRATE_SCANNED] += c.usedScanned;
    event[KCOMPACTD_FREE_SCANNED] += c.freeScanned;
  }
  s.daemonOrder[node] = 0;
  s.daemonHighest[node] = HIGHEST;
}
