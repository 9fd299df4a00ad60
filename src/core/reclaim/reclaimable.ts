/**
 * What reclaim could free of a zone if it tried hard enough.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import {
  NR_FREE_PAGES,
  NR_ZONE_ACTIVE_ANON,
  NR_ZONE_ACTIVE_FILE,
  NR_ZONE_INACTIVE_ANON,
  NR_ZONE_INACTIVE_FILE,
  NR_ZONE_ITEMS,
} from "../frame/vmstat.ts";
import { nrSwapPages } from "../space/swap-room.ts";
import type { ReclaimState } from "./state.ts";

/** Pages of a zone that reclaim could free (Linux: zone_reclaimable_pages). */
export function zoneReclaimablePages(k: ReclaimState, zone: number): number {
  const { zone: items } = k.vmstat;
  const at = zone * NR_ZONE_ITEMS;
  let pages = items[at + NR_ZONE_INACTIVE_FILE] + items[at + NR_ZONE_ACTIVE_FILE];
  if (nrSwapPages(k) > 0) pages += items[at + NR_ZONE_INACTIVE_ANON] + items[at + NR_ZONE_ACTIVE_ANON];
  return pages === 0 ? items[at + NR_FREE_PAGES] : pages;
}
