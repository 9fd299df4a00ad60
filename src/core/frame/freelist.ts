/**
 * Choosing a zone: an allocation walks its node's zonelist and takes from the first zone that stays above the watermark.
 * Linux: mm/page_alloc.c, get_page_from_freelist (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { NONE, type Node, type Pfn, type Zone } from "../base/types.ts";
import { takeSmallest } from "./buddy.ts";
import { reserveHighatomic, takeBlock } from "./fallback.ts";
import {
  BOOT_RUNNING_CPU,
  MIGRATE_HIGHATOMIC,
  ZONE_BELOW_HIGH,
  ZONE_BOOSTED_WATERMARK,
  ZONE_NORMAL,
  ZONE_WAKE_KSWAPD,
  ZONES_PER_NODE,
} from "./mmzone.ts";
import { hasPcpList, takePcp } from "./pcp.ts";
import type { FrameState } from "./state.ts";
import {
  NR_ZONE_ITEMS,
  NUMA_FOREIGN,
  NUMA_HIT,
  NUMA_LOCAL,
  NUMA_MISS,
  NUMA_OTHER,
  PGALLOC_DMA,
} from "./vmstat.ts";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_NO_WATERMARKS,
  ALLOC_NOFRAGMENT,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_MASK,
  watermark,
  zoneWatermarkFast,
} from "./watermark.ts";
import { setZoneFlags, zoneNode, zoneType } from "./zone.ts";

/** What is wanted: a migratetype, from zones up to a type, on the zonelist of a node; isLocal: from that node alone. */
export interface PageRequest {
  readonly migratetype: number;
  readonly highest: number;
  readonly node: Node;
  readonly isLocal: boolean;
}

/** Index in k.zonelist of the first zone the request may use; it holds NONE when there is none. */
export function preferredIndex(k: FrameState, request: PageRequest): number {
  return k.preferred[request.node * ZONES_PER_NODE + request.highest];
}

/**
 * Walk over the zones that a request may use and that have pages, nearest first: index in k.zonelist of the first one; it
 * holds NONE when there is none, and after the last one.
 */
export function firstZone(k: FrameState, request: PageRequest): number {
  return nextZone(k, request, preferredIndex(k, request) - 1);
}

/** The one after that. */
export function nextZone(k: FrameState, request: PageRequest, at: number): number {
  let next = at + 1;
  for (;;) {
    const zone = k.zonelist[next];
    if (zone === NONE || (zoneType(zone) <= request.highest && k.zone.managedPages[zone] > 0)) return next;
    next++;
  }
}

/**
 * Takes 2^order pages from the first zone of the request's zonelist that has them under the rules of `flags` (ALLOC_*),
 * or NONE. The records hold their zone and nothing else.
 */
export function takePages(k: FrameState, order: number, request: PageRequest, flags: number): Pfn {
  const first = preferredIndex(k, request);
  const preferred = k.zonelist[first];
  if (preferred === NONE) return NONE;
  const home = zoneNode(preferred);
  let how = flags;
  for (;;) {
    const keepsApart = (how & ALLOC_NOFRAGMENT) !== 0;
    let again = false;
    for (let at = first; k.zonelist[at] !== NONE; at++) {
      const zone = k.zonelist[at];
      if (zoneType(zone) > request.highest) continue;
      if (zoneNode(zone) !== home) {
        if (request.isLocal) break;
        // Before another node is used, this node's pageblocks may be mixed: near memory matters more.
        if (keepsApart && k.machine.nodes.length > 1) {
          again = true;
          break;
        }
      }
      if (!mayTake(k, zone, order, request.highest, how)) continue;
      // The watermark may be kept by pages of a kind this request cannot have: then the next zone is tried.
      const pfn = takeFrom(k, preferred, zone, order, { migratetype: request.migratetype, flags: how });
      if (pfn === NONE) continue;
      if ((how & ALLOC_HIGHATOMIC) !== 0) reserveHighatomic(k, zone, pfn, order);
      return pfn;
    }
    // Nothing found with pageblock types kept apart: once more without.
    if (!again && !keepsApart) return NONE;
    how &= ~ALLOC_NOFRAGMENT;
  }
}

/** True when the zone's watermark lets the allocation through; notes when the zone falls to its high watermark. */
function mayTake(k: FrameState, zone: Zone, order: number, highest: number, flags: number): boolean {
  if ((k.zone.flags[zone] & ZONE_BELOW_HIGH) === 0) {
    if (zoneWatermarkFast(k, zone, order, watermark(k, zone, ALLOC_WMARK_HIGH), { highest, flags }))
      return true;
    setZoneFlags(k, zone, k.zone.flags[zone] | ZONE_BELOW_HIGH);
  }
  if (zoneWatermarkFast(k, zone, order, watermark(k, zone, flags & ALLOC_WMARK_MASK), { highest, flags }))
    return true;
  return (flags & ALLOC_NO_WATERMARKS) !== 0;
}

/** Takes 2^order pages from one zone, by the per-CPU list where there is one, and counts them; NONE when it has none. */
function takeFrom(
  k: FrameState,
  preferred: Zone,
  zone: Zone,
  order: number,
  how: { migratetype: number; flags: number },
): Pfn {
  // The per-CPU list first, then the buddy lists, which also know the reserve for atomic allocations.
  let pfn = hasPcpList(order) ? takePcp(k, zone, order, how.migratetype, how.flags) : NONE;
  if (pfn === NONE && (how.flags & ALLOC_HIGHATOMIC) !== 0)
    pfn = takeSmallest(k, zone, order, MIGRATE_HIGHATOMIC);
  if (pfn === NONE) pfn = takeBlock(k, zone, order, how.migratetype, how.flags);
  if (pfn === NONE && (how.flags & (ALLOC_OOM | ALLOC_NON_BLOCK)) !== 0)
    pfn = takeSmallest(k, zone, order, MIGRATE_HIGHATOMIC);
  if (pfn !== NONE) countAllocation(k, preferred, zone, order);
  if ((how.flags & ALLOC_KSWAPD) !== 0 && (k.zone.flags[zone] & ZONE_BOOSTED_WATERMARK) !== 0) {
    setZoneFlags(k, zone, (k.zone.flags[zone] & ~ZONE_BOOSTED_WATERMARK) | ZONE_WAKE_KSWAPD);
  }
  return pfn;
}

/** Counts pgalloc_* and numa_*: a hit when the pages came from the preferred node, local when from the CPU's own. */
function countAllocation(k: FrameState, preferred: Zone, zone: Zone, order: number): void {
  const { zone: items, event } = k.vmstat;
  const node = zoneNode(zone);
  event[PGALLOC_DMA + zoneType(zone)] += 1 << order;
  const isLocal = node === k.cpuNode[k.boot[BOOT_RUNNING_CPU]];
  if (node === zoneNode(preferred)) {
    items[zone * NR_ZONE_ITEMS + NUMA_HIT]++;
  } else {
    items[zone * NR_ZONE_ITEMS + NUMA_MISS]++;
    items[preferred * NR_ZONE_ITEMS + NUMA_FOREIGN]++;
  }
  items[zone * NR_ZONE_ITEMS + (isLocal ? NUMA_LOCAL : NUMA_OTHER)]++;
}

/** ALLOC_NOFRAGMENT where it helps: the preferred zone is Normal and its node has a DMA32 zone to use first. */
export function nofragmentFlag(k: FrameState, preferred: Zone): number {
  if (preferred === NONE || zoneType(preferred) !== ZONE_NORMAL) return 0;
  if (k.machine.nodes.length > 1 && k.zone.presentPages[preferred - 1] === 0) return 0;
  return ALLOC_NOFRAGMENT;
}
