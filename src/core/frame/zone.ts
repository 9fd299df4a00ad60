/**
 * Zones: the parts of a node's memory that differ in who may use them, and the order in which they are tried.
 *
 *   node 0:  | DMA    | DMA32                 | Normal            | Movable     |
 *            pfn 1    4096 (16 MiB)           1048576 (4 GiB)     movablecore=
 *   node 1:                                              | Normal         | Movable |
 *
 * A node has four zone rows, populated or not: row = node * 4 + type + 1. ZONE_DEVICE, which exists in Debian's
 * configuration and never has pages here, has no row.
 * Linux: include/linux/mmzone.h, mm/mm_init.c, mm/page_alloc.c (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, PAGE_SIZE, type Pfn, type Zone } from "../base/types.ts";
import type { Machine } from "../hw/machine.ts";
import {
  MAX_ORDER_PAGES,
  MIGRATE_TYPES,
  NR_PAGE_ORDERS,
  PCP_WORDS,
  PCP_ZONE_FLAGS,
  ZONE_BELOW_HIGH,
  ZONE_BOOSTED_WATERMARK,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_MOVABLE,
  ZONE_RECLAIM_ACTIVE,
  ZONES_PER_NODE,
} from "./mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_ZONE_SHIFT } from "./page.ts";
import type { FrameState, ZoneColumns } from "./state.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS } from "./vmstat.ts";

/** Names as /proc prints them; the fifth is the type without a row. */
export const ZONE_NAMES: readonly string[] = ["DMA", "DMA32", "Normal", "Movable", "Device"];

/** Bounds of the zone types in pfns. Frame 0 is the firmware's and never counted. */
const TYPE_START: readonly number[] = [1, 4096, 1048576];
const TYPE_END: readonly number[] = [4096, 1048576, 4294967296];

/** Zones of the machine: where they are and how many pages they have. Nothing is managed yet and no list has a page. */
export function createZones(machine: Machine, ranges: number): ZoneColumns {
  const count = machine.nodes.length * ZONES_PER_NODE + 1;
  const lists = count * NR_PAGE_ORDERS * MIGRATE_TYPES;
  const zones: ZoneColumns = {
    count,
    startPfn: new Float64Array(count),
    spannedPages: new Float64Array(count),
    presentPages: new Float64Array(count),
    managedPages: new Float64Array(count),
    watermarkMin: new Float64Array(count),
    watermarkLow: new Float64Array(count),
    watermarkHigh: new Float64Array(count),
    watermarkBoost: new Float64Array(count),
    lowmemReserve: new Float64Array(count * ZONES_PER_NODE),
    nrReservedHighatomic: new Float64Array(count),
    nrFreeHighatomic: new Float64Array(count),
    flags: new Int32Array(count),
    openAbove: new Float64Array(count),
    openBelow: new Float64Array(count),
    isOpen: new Uint8Array(count),
    freeHead: new Int32Array(lists),
    freeTail: new Int32Array(lists),
    freeCount: new Int32Array(lists),
    firstRange: new Int32Array(count),
    endRange: new Int32Array(count),
    rangeStart: new Float64Array(ranges),
    rangeEnd: new Float64Array(ranges),
  };
  const movableStart = movableStarts(machine);
  for (let node = 0; node < machine.nodes.length; node++)
    layOutNode(zones, machine, node, movableStart[node]);
  return zones;
}

/** Usable memory of a node as ranges of whole pages: [start, end) pairs, ascending, without frame 0. */
export function nodeRanges(machine: Machine, node: number): number[] {
  const pairs: number[] = [];
  for (const range of machine.e820) {
    if (range.kind !== "usable" || range.node !== node) continue;
    const start = Math.max(1, Math.ceil(range.startByte / PAGE_SIZE));
    const end = Math.floor(range.endByte / PAGE_SIZE);
    if (end > start) pairs.push(start, end);
  }
  return pairs;
}

/** The zone of a frame, from its record or, for a frame nobody has touched, by its address. NONE when no zone spans it. */
export function zoneOf(k: FrameState, pfn: Pfn): Zone {
  const known = k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT;
  return known !== NONE ? known : zoneByAddress(k.zone, pfn);
}

/** Zone type of a zone row. */
export function zoneType(zone: Zone): number {
  return (zone - 1) & 3;
}

/** Node of a zone row. */
export function zoneNode(zone: Zone): number {
  return (zone - 1) >> 2;
}

/** True when the zone's span has the frame. */
export function zoneSpans(zones: ZoneColumns, zone: Zone, pfn: number): boolean {
  const start = zones.startPfn[zone];
  return pfn >= start && pfn < start + zones.spannedPages[zone];
}

/**
 * The order in which each node's allocations try the zones: nearest node first, highest zone first. A node that is
 * nearest to several comes later for the next one, so that no node takes everybody's overflow.
 */
export function createZonelists(
  machine: Machine,
  zones: ZoneColumns,
): { zonelist: Int32Array; preferred: Int32Array; localZone: Int32Array } {
  const nodes = machine.nodes.length;
  const stride = zones.count;
  const zonelist = new Int32Array(nodes * stride);
  const preferred = new Int32Array(nodes * ZONES_PER_NODE);
  const load = new Array<number>(nodes).fill(0);
  for (let node = 0; node < nodes; node++) {
    let at = node * stride;
    for (const next of fallbackOrder(machine, zones, node, load)) {
      for (let type = ZONE_MOVABLE; type >= ZONE_DMA; type--) {
        const zone = next * ZONES_PER_NODE + type + 1;
        if (zones.presentPages[zone] > 0) zonelist[at++] = zone;
      }
    }
    for (let highest = ZONE_DMA; highest <= ZONE_MOVABLE; highest++) {
      let first = node * stride;
      while (zonelist[first] !== NONE && zoneType(zonelist[first]) > highest) first++;
      preferred[node * ZONES_PER_NODE + highest] = first;
    }
  }
  return { zonelist, preferred, localZone: new Int32Array(machine.cpus * ZONES_PER_NODE) };
}

/** Sets the zone's ZONE_* flags, and what follows from them. */
export function setZoneFlags(k: FrameState, zone: Zone, flags: number): void {
  const { rows, cpus } = k.pcp;
  k.zone.flags[zone] = flags;
  for (let cpu = 0; cpu < cpus; cpu++) {
    rows[(zone * cpus + cpu) * PCP_WORDS + PCP_ZONE_FLAGS] = flags & (ZONE_BELOW_HIGH | ZONE_RECLAIM_ACTIVE);
  }
  refreshOpen(k, zone);
}

/**
 * Works out again when the zone is open: when an allocation of one page may take from it without a closer look, because
 * it has more free pages than the high watermark, what is kept for lower zones and the atomic reserve. Whoever changes
 * one of these calls it.
 */
export function refreshOpen(k: FrameState, zone: Zone): void {
  const z = k.zone;
  const isClosed = (z.flags[zone] & (ZONE_BELOW_HIGH | ZONE_BOOSTED_WATERMARK)) !== 0;
  const mark = isClosed
    ? Number.POSITIVE_INFINITY
    : z.watermarkHigh[zone] + z.watermarkBoost[zone] + z.nrFreeHighatomic[zone];
  const free = k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
  const node = zoneNode(zone);
  let most = 0;
  for (let highest = zoneType(zone); highest < ZONES_PER_NODE; highest++) {
    const reserve = z.lowmemReserve[zone * ZONES_PER_NODE + highest];
    most = Math.max(most, reserve);
    if (k.zonelist[k.preferred[node * ZONES_PER_NODE + highest]] !== zone) continue;
    const open = free > mark + reserve ? zone : NONE;
    for (const cpu of k.machine.nodes[node].cpus) k.localZone[cpu * ZONES_PER_NODE + highest] = open;
  }
  z.openBelow[zone] = mark;
  z.openAbove[zone] = mark + most;
  z.isOpen[zone] = free > mark + most ? 1 : free <= mark ? 0 : 2;
}

/** After the zone's free pages changed: opens or closes it when they crossed the limit. */
export function noteFreePages(k: FrameState, zone: Zone, free: number): void {
  const z = k.zone;
  const open = free > z.openAbove[zone] ? 1 : free <= z.openBelow[zone] ? 0 : 2;
  if (open !== z.isOpen[zone] || open === 2) refreshOpen(k, zone);
}

/** Walks the zones. Invariants: present within spanned, managed within present, watermarks ascend, zones do not overlap. */
export function checkZones(k: FrameState): void {
  const z = k.zone;
  for (let zone = 1; zone < z.count; zone++) {
    if (z.presentPages[zone] > z.spannedPages[zone]) bug(`zone ${zone} has more pages than it spans`);
    if (z.managedPages[zone] > z.presentPages[zone]) bug(`zone ${zone} manages more pages than it has`);
    if (z.watermarkMin[zone] > z.watermarkLow[zone] || z.watermarkLow[zone] > z.watermarkHigh[zone]) {
      bug(`zone ${zone} has watermarks out of order`);
    }
    if (z.nrReservedHighatomic[zone] > z.managedPages[zone]) bug(`zone ${zone} reserves more than it has`);
  }
}

function zoneByAddress(zones: ZoneColumns, pfn: number): Zone {
  for (let zone = 1; zone < zones.count; zone++) if (zoneSpans(zones, zone, pfn)) return zone;
  return NONE;
}

/** Spans and counts one node's zones. `movable` is where its movable zone starts, 0 for none. */
function layOutNode(zones: ZoneColumns, machine: Machine, node: number, movable: number): void {
  const pairs = nodeRanges(machine, node);
  if (pairs.length === 0) return;
  const nodeStart = pairs[0];
  const nodeEnd = pairs.at(-1)!;
  for (let type = ZONE_DMA; type <= ZONE_MOVABLE; type++) {
    const zone = node * ZONES_PER_NODE + type + 1;
    let low: number;
    let high: number;
    if (type === ZONE_MOVABLE) {
      low = movable === 0 ? nodeEnd : movable;
      high = nodeEnd;
    } else {
      low = Math.min(Math.max(nodeStart, TYPE_START[type]), TYPE_END[type]);
      high = Math.min(Math.max(nodeEnd, TYPE_START[type]), TYPE_END[type]);
      if (movable !== 0) {
        if (low < movable && high > movable) high = movable;
        else if (low >= movable) low = high;
      }
    }
    if (high <= low) continue;
    let present = 0;
    for (let i = 0; i < pairs.length; i += 2) {
      present += Math.max(0, Math.min(pairs[i + 1], high) - Math.max(pairs[i], low));
    }
    // A zone that spans nothing but a hole does not exist.
    if (present === 0) continue;
    zones.startPfn[zone] = low;
    zones.spannedPages[zone] = high - low;
    zones.presentPages[zone] = present;
  }
}

/** By node: the pfn where its movable zone starts, or 0. Kernel memory is spread evenly over the nodes (movablecore=). */
function movableStarts(machine: Machine): number[] {
  const nodes = machine.nodes.length;
  const starts = new Array<number>(nodes).fill(0);
  const ranges = Array.from({ length: nodes }, (_, node) => nodeRanges(machine, node));
  let total = 0;
  let top = 0;
  for (const pairs of ranges) {
    for (let i = 0; i < pairs.length; i += 2) {
      total += pairs[i + 1] - pairs[i];
      top = Math.max(top, pairs[i + 1]);
    }
  }
  // Rounded up, so that the movable zone is at least as large as asked for.
  const asked = Math.ceil(Math.floor(machine.movableBytes / PAGE_SIZE) / MAX_ORDER_PAGES) * MAX_ORDER_PAGES;
  let kernelCore = total - Math.min(total, asked);
  if (machine.movableBytes === 0 || kernelCore === 0 || kernelCore >= total) return starts;
  // The movable zone lies in the highest zone type that has memory.
  const lowest =
    top > TYPE_END[ZONE_DMA32] ? TYPE_END[ZONE_DMA32] : top > TYPE_END[ZONE_DMA] ? TYPE_END[ZONE_DMA] : 1;
  let usableNodes = ranges.filter((pairs) => pairs.length > 0).length;
  do {
    kernelCore = spreadKernelCore(ranges, starts, kernelCore, usableNodes, lowest);
    usableNodes--;
  } while (usableNodes > 0 && kernelCore > usableNodes);
  for (let node = 0; node < nodes; node++) {
    starts[node] = Math.ceil(starts[node] / MAX_ORDER_PAGES) * MAX_ORDER_PAGES;
    if (starts[node] >= (ranges[node].at(-1) ?? 0)) starts[node] = 0;
  }
  return starts;
}

/** One round of giving each node its share of kernel memory, pushing `starts` up. Returns what found no place. */
function spreadKernelCore(
  ranges: number[][],
  starts: number[],
  wanted: number,
  usableNodes: number,
  lowest: number,
): number {
  let rest = wanted;
  let share = Math.floor(rest / usableNodes);
  for (let node = 0; node < ranges.length; node++) {
    const pairs = ranges[node];
    if (pairs.length === 0) continue;
    if (rest < share) share = Math.floor(rest / usableNodes);
    let left = share;
    for (let i = 0; i < pairs.length; i += 2) {
      const end = pairs[i + 1];
      let start = Math.max(pairs[i], starts[node]);
      if (start >= end) continue;
      if (start < lowest) {
        const kernelOnly = Math.min(end, lowest) - start;
        left -= Math.min(kernelOnly, left);
        rest -= Math.min(kernelOnly, rest);
        if (end <= lowest) {
          starts[node] = end;
          continue;
        }
        start = lowest;
      }
      const taken = Math.min(end - start, left);
      starts[node] = start + taken;
      rest -= Math.min(rest, taken);
      left -= taken;
      if (left === 0) break;
    }
  }
  return rest;
}

/** Nodes with memory in the order `node` falls back to them; `load` remembers who was chosen first how often. */
function fallbackOrder(machine: Machine, zones: ZoneColumns, node: number, load: number[]): number[] {
  const order: number[] = [];
  const hasMemory = (n: number): boolean => {
    for (let type = 0; type < ZONES_PER_NODE; type++)
      if (zones.presentPages[n * ZONES_PER_NODE + type + 1] > 0) return true;
    return false;
  };
  const distances = machine.distances[node];
  let previous = node;
  for (;;) {
    const best =
      order.length === 0 && hasMemory(node)
        ? node
        : nearest(machine, node, load, (n) => hasMemory(n) && !order.includes(n));
    if (best < 0) return order;
    // The first of a group of equally near nodes is charged, so that the next node's list starts with another one.
    if (distances[best] !== distances[previous]) load[best]++;
    order.push(best);
    previous = best;
  }
}

/** Weights of the choice: the next node before an earlier one, a node without CPUs before one with them. */
const PENALTY_FOR_NODE_WITH_CPUS = 1;
/** Distances count this many times more than load (Linux: MAX_NUMNODES). */
const MAX_NUMNODES = 1024;

function nearest(
  machine: Machine,
  node: number,
  load: readonly number[],
  usable: (n: number) => boolean,
): number {
  let best = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let n = 0; n < machine.nodes.length; n++) {
    if (!usable(n)) continue;
    let value = machine.distances[node][n] + (n < node ? 1 : 0);
    if (machine.nodes[n].cpus.length > 0) value += PENALTY_FOR_NODE_WITH_CPUS;
    value = value * MAX_NUMNODES + load[n];
    if (value < least) {
      least = value;
      best = n;
    }
  }
  return best;
}
