/**
 * /proc/buddyinfo: free blocks of each order, a line for each zone that has memory. Pages on per-CPU lists are not in it.
 * Linux: mm/vmstat.c frag_show_print (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { freeBlocks } from "../../frame/buddy.ts";
import { NR_PAGE_ORDERS } from "../../frame/mmzone.ts";
import type { FrameState } from "../../frame/state.ts";
import { ZONE_NAMES, zoneNode, zoneType } from "../../frame/zone.ts";

/** The text of /proc/buddyinfo. */
export function showBuddyinfo(k: FrameState): string {
  let text = "";
  for (let zone = 1; zone < k.zone.count; zone++) {
    if (k.zone.presentPages[zone] === 0) continue;
    text += `Node ${zoneNode(zone)}, zone ${ZONE_NAMES[zoneType(zone)].padStart(8)} `;
    for (let order = 0; order < NR_PAGE_ORDERS; order++)
      text += `${String(freeBlocks(k, zone, order)).padStart(6)} `;
    text += "\n";
  }
  return text;
}
