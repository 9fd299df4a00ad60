/**
 * /proc/zoneinfo: every zone of every node: its watermarks, its size, what it keeps from lower zones, its counters and
 * its per-CPU lists. The node's own counters stand in the first zone that has memory.
 * Linux: mm/vmstat.c zoneinfo_show_print (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import type { Node, Zone } from "../../base/types.ts";
import { PCP_BATCH, PCP_COUNT, PCP_HIGH, ZONES_PER_NODE } from "../../frame/mmzone.ts";
import { foldPcp } from "../../frame/pcp.ts";
import { pcpRow } from "../../frame/pcp-tune.ts";
import type { FrameState } from "../../frame/state.ts";
import {
  isCountedInHugePages,
  NODE_ITEM_NAMES,
  NR_FREE_PAGES,
  NR_NODE_ITEMS,
  NR_ZONE_ITEMS,
  ZONE_ITEM_NAMES,
} from "../../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_LOW, ALLOC_WMARK_MIN, watermark } from "../../frame/watermark.ts";
import { ZONE_NAMES } from "../../frame/zone.ts";

/** Pages in a 2 MiB page: some counters are printed in those. */
const HPAGE_PAGES = 512;
/** Pages in 128 MiB, as a shift: the unit of the statistics threshold. */
const THRESHOLD_SHIFT = 15;
const MOST_THRESHOLD = 125;

/** The text of /proc/zoneinfo. */
export function showZoneinfo(k: FrameState): string {
  foldPcp(k);
  let text = "";
  for (let node = 0; node < k.machine.nodes.length; node++) {
    let isFirst = true;
    for (let type = 0; type < ZONES_PER_NODE; type++) {
      const zone = node * ZONES_PER_NODE + type + 1;
      const isPopulated = k.zone.presentPages[zone] > 0;
      text += `Node ${node}, zone ${ZONE_NAMES[type].padStart(8)}`;
      if (isPopulated && isFirst) text += nodeLines(k, node);
      if (isPopulated) isFirst = false;
      text += zoneLines(k, zone);
      text += isPopulated ? populatedLines(k, zone) : "\n";
    }
    text += deviceLines(node);
  }
  return text;
}

/** How far a CPU's own difference of a counter may go before it is added to the zone's (Linux: calculate_normal_threshold). */
export function statThreshold(k: FrameState, zone: Zone): number {
  const memory = Math.floor(k.zone.managedPages[zone] / 2 ** THRESHOLD_SHIFT);
  return Math.min(MOST_THRESHOLD, 2 * bitLength(k.machine.cpus) * (1 + bitLength(memory)));
}

/** Bits needed to write the number (Linux: fls). */
function bitLength(value: number): number {
  return 32 - Math.clz32(value);
}

function nodeLines(k: FrameState, node: Node): string {
  let text = "\n  per-node stats";
  for (let item = 0; item < NR_NODE_ITEMS; item++) {
    const pages = k.vmstat.node[node * NR_NODE_ITEMS + item];
    text += `\n      ${NODE_ITEM_NAMES[item].padEnd(12)} ${isCountedInHugePages(item) ? Math.floor(pages / HPAGE_PAGES) : pages}`;
  }
  return text;
}

function zoneLines(k: FrameState, zone: Zone): string {
  const z = k.zone;
  const low = watermark(k, zone, ALLOC_WMARK_LOW);
  const high = watermark(k, zone, ALLOC_WMARK_HIGH);
  const reserves = Array.from(z.lowmemReserve.subarray(zone * ZONES_PER_NODE, (zone + 1) * ZONES_PER_NODE));
  // The device zone is the fifth class; no memory lies above it, so it is kept from as much as the fourth.
  reserves.push(reserves[ZONES_PER_NODE - 1]);
  return (
    `\n  pages free     ${k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES]}` +
    `\n        boost    ${z.watermarkBoost[zone]}` +
    `\n        min      ${watermark(k, zone, ALLOC_WMARK_MIN)}` +
    `\n        low      ${low}` +
    `\n        high     ${high}` +
    `\n        promo    ${high + high - low}` +
    `\n        spanned  ${z.spannedPages[zone]}` +
    `\n        present  ${z.presentPages[zone]}` +
    `\n        managed  ${z.managedPages[zone]}` +
    "\n        cma      0" +
    `\n        protection: (${reserves.join(", ")})`
  );
}

function populatedLines(k: FrameState, zone: Zone): string {
  let text = "";
  for (let item = 0; item < NR_ZONE_ITEMS; item++) {
    text += `\n      ${ZONE_ITEM_NAMES[item].padEnd(12)} ${k.vmstat.zone[zone * NR_ZONE_ITEMS + item]}`;
  }
  text += "\n  pagesets";
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    const row = pcpRow(k, zone, cpu);
    text +=
      `\n    cpu: ${cpu}` +
      `\n              count: ${k.pcp.rows[row + PCP_COUNT]}` +
      `\n              high:  ${k.pcp.rows[row + PCP_HIGH]}` +
      `\n              batch: ${k.pcp.rows[row + PCP_BATCH]}` +
      `\n  vm stats threshold: ${statThreshold(k, zone)}`;
  }
  return `${text}\n  node_unreclaimable:  0\n  start_pfn:           ${k.zone.startPfn[zone]}\n`;
}

/** ZONE_DEVICE, which is empty. */
function deviceLines(node: Node): string {
  let text = `Node ${node}, zone   Device`;
  for (const name of [
    "  pages free     ",
    "        boost    ",
    "        min      ",
    "        low      ",
    "        high     ",
    "        promo    ",
    "        spanned  ",
    "        present  ",
    "        managed  ",
    "        cma      ",
  ]) {
    text += `\n${name}0`;
  }
  return `${text}\n        protection: (0, 0, 0, 0, 0)\n`;
}
