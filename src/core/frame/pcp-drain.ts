/**
 * Giving pages of per-CPU lists back to the buddy lists: when a free has made a list too long, when a CPU is idle, when
 * memory is short. Pages leave from the tails, so the ones that stay are those most likely to be in the cache; the list
 * that grew goes first and the others follow in turn, so that no list is forgotten.
 * Linux: mm/page_alloc.c, mm/vmstat.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { NONE, type Zone } from "../base/types.ts";
import { accountFree, mergeBlock } from "./buddy.ts";
import {
  BATCH_SCALE_MAX,
  HEAD_TO_TAIL,
  LOW_LISTS,
  MIGRATE_MOVABLE,
  MIGRATE_PCPTYPES,
  NR_PCP_LISTS,
  PAGEBLOCK_ORDER,
  PCP_BATCH,
  PCP_COUNT,
  PCP_FREE_COUNT,
  PCP_HEAD,
  PCP_HIGH,
  PCP_HIGH_MIN,
  ZONE_BELOW_HIGH,
  ZONE_MOVABLE,
} from "./mmzone.ts";
import { NEXT, PAGE_WORDS, PREV } from "./page.ts";
import { highAfterFree, pcpRow } from "./pcp-tune.ts";
import type { FrameState } from "./state.ts";
import { ALLOC_WMARK_HIGH, watermark, zoneWatermarkOk } from "./watermark.ts";
import { setZoneFlags } from "./zone.ts";

/** After a free: adjusts high, and gives pages back when the lists have reached it. */
export function settleFree(k: FrameState, zone: Zone, row: number, list: number, freeHigh: boolean): void {
  const rows = k.pcp.rows;
  const high = highAfterFree(k, zone, row, freeHigh);
  if (rows[row + PCP_COUNT] < high) return;
  const batch = rows[row + PCP_BATCH];
  let nr: number;
  if (freeHigh) nr = Math.min(rows[row + PCP_COUNT], batch << BATCH_SCALE_MAX);
  // Lists that may hold less than a batch hold nothing: each page goes back as it comes.
  else if (high < batch) nr = 1;
  else {
    const most = high - batch;
    nr =
      rows[row + PCP_FREE_COUNT] < batch
        ? batch
        : rows[row + PCP_FREE_COUNT] > most
          ? most
          : rows[row + PCP_FREE_COUNT];
  }
  freeBulk(k, zone, row, nr, list);
  if ((k.zone.flags[zone] & ZONE_BELOW_HIGH) !== 0) {
    const mark = watermark(k, zone, ALLOC_WMARK_HIGH);
    if (zoneWatermarkOk(k, zone, 0, mark, { highest: ZONE_MOVABLE, flags: 0 })) {
      setZoneFlags(k, zone, k.zone.flags[zone] & ~ZONE_BELOW_HIGH);
    }
  }
}

/** Gives every page on the CPU's lists of the zone back to the buddy lists. */
export function drainPcp(k: FrameState, zone: Zone, cpu: number): void {
  const rows = k.pcp.rows;
  const row = pcpRow(k, zone, cpu);
  while (rows[row + PCP_COUNT] > 0) {
    freeBulk(k, zone, row, Math.min(rows[row + PCP_COUNT], rows[row + PCP_BATCH] << BATCH_SCALE_MAX), 0);
  }
}

/** Gives every page on any CPU's lists back (Linux: drain_all_pages). */
export function drainAllPcp(k: FrameState): void {
  for (let cpu = 0; cpu < k.pcp.cpus; cpu++)
    for (let zone = 1; zone < k.zone.count; zone++) drainPcp(k, zone, cpu);
}

/** Lowers `high` of a CPU that no longer needs it and drains what is above; true when there is more to do next time. */
export function decayPcpHigh(k: FrameState, zone: Zone, cpu: number): boolean {
  const rows = k.pcp.rows;
  const row = pcpRow(k, zone, cpu);
  const highMin = rows[row + PCP_HIGH_MIN];
  let more = false;
  if (rows[row + PCP_HIGH] > highMin) {
    rows[row + PCP_HIGH] = Math.max(
      rows[row + PCP_COUNT] - (rows[row + PCP_BATCH] << BATCH_SCALE_MAX),
      rows[row + PCP_HIGH] - (rows[row + PCP_HIGH] >> 3),
      highMin,
    );
    more = rows[row + PCP_HIGH] > highMin;
  }
  for (let left = rows[row + PCP_COUNT] - rows[row + PCP_HIGH]; left > 0; left -= rows[row + PCP_BATCH]) {
    freeBulk(k, zone, row, Math.min(left, rows[row + PCP_BATCH]), 0);
    more = true;
  }
  return more;
}

/** The order of a list's blocks. */
export function pcpOrder(list: number): number {
  return list >= LOW_LISTS ? PAGEBLOCK_ORDER : Math.floor(list / MIGRATE_PCPTYPES);
}

/** Gives `count` pages back from the tails of the lists in turn, `first` before the others (Linux: free_pcppages_bulk). */
function freeBulk(k: FrameState, zone: Zone, row: number, count: number, first: number): void {
  const rows = k.pcp.rows;
  const { page, pageblock } = k;
  let left = Math.min(rows[row + PCP_COUNT], count);
  let list = first - 1;
  let ordinary = 0;
  while (left > 0) {
    do {
      if (++list === NR_PCP_LISTS) list = 0;
    } while (rows[row + PCP_HEAD + list] === NONE);
    const head = row + PCP_HEAD + list;
    const tail = head + HEAD_TO_TAIL;
    const order = pcpOrder(list);
    do {
      const pfn = rows[tail];
      const record = pfn * PAGE_WORDS;
      if (pfn === rows[head]) {
        rows[head] = NONE;
        rows[tail] = NONE;
      } else {
        const previous = page[record + PREV];
        rows[tail] = previous;
        page[previous * PAGE_WORDS + NEXT] = NONE;
      }
      left -= 1 << order;
      rows[row + PCP_COUNT] -= 1 << order;
      page[record + PREV] = 0;
      // The type its pageblock has now, which may not be the one it was allocated for.
      const migratetype = pageblock[pfn >> PAGEBLOCK_ORDER];
      if (migratetype < MIGRATE_PCPTYPES) ordinary += 1 << order;
      else accountFree(k, zone, 1 << order, migratetype);
      mergeBlock(k, zone, pfn, order, migratetype);
    } while (left > 0 && rows[head] !== NONE);
  }
  if (ordinary > 0) accountFree(k, zone, ordinary, MIGRATE_MOVABLE);
}
