/**
 * How long per-CPU lists may grow and how much is moved at once. The bounds follow from the zone; between them `high`
 * rises when a CPU allocates or frees many pages in a row and falls when the zone gets short.
 *
 *   batch      a thousandth of the zone, at most a megabyte, a quarter of that, as 2^n - 1: 63 on most machines
 *   high_min   the low watermark shared out to the node's CPUs
 *   high_max   an eighth of the zone shared out in the same way
 *
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (percpu_pagelist_high_fraction)
 */
import type { Zone } from "../base/types.ts";
import {
  BATCH_SCALE_MAX,
  PCP_ALLOC_FACTOR,
  PCP_BATCH,
  PCP_COUNT,
  PCP_FLAGS,
  PCP_FREE_COUNT,
  PCP_HIGH,
  PCP_HIGH_MAX,
  PCP_HIGH_MIN,
  PCP_WORDS,
  PCPF_FREE_HIGH_BATCH,
  ZONE_BELOW_HIGH,
  ZONE_RECLAIM_ACTIVE,
} from "./mmzone.ts";
import type { FrameState } from "./state.ts";
import { ALLOC_WMARK_LOW, watermark } from "./watermark.ts";
import { zoneNode } from "./zone.ts";

/** A megabyte: the largest batch before it is quartered. */
const MOST_BATCH_PAGES = 256;
const HIGH_MAX_FRACTION = 8;

/** Sets batch, high_min and high_max of every CPU for the zone, from its size and its low watermark. */
export function setupPageset(k: FrameState, zone: Zone): void {
  if (k.zone.presentPages[zone] === 0) return;
  const rows = k.pcp.rows;
  const managed = k.zone.managedPages[zone];
  const quarter = Math.max(1, Math.floor(Math.min(Math.floor(managed / 1024), MOST_BATCH_PAGES) / 4));
  const batch = Math.max(1, 2 ** Math.floor(Math.log2(quarter + Math.floor(quarter / 2))) - 1);
  const cpus = k.machine.nodes[zoneNode(zone)].cpus.length || k.pcp.cpus;
  const share = (pages: number): number => Math.max(Math.floor(pages / cpus), batch * 4);
  const fraction = k.knob.percpuPagelistHighFraction;
  const highMin = share(
    fraction === 0 ? watermark(k, zone, ALLOC_WMARK_LOW) : Math.floor(managed / fraction),
  );
  const highMax = fraction === 0 ? share(Math.floor(managed / HIGH_MAX_FRACTION)) : highMin;
  for (let cpu = 0; cpu < k.pcp.cpus; cpu++) {
    const row = pcpRow(k, zone, cpu);
    rows[row + PCP_BATCH] = batch;
    rows[row + PCP_HIGH_MIN] = highMin;
    rows[row + PCP_HIGH_MAX] = highMax;
    // Differs: Linux brings `high` into the new bounds when the list is used next.
    if (rows[row + PCP_HIGH] !== 0) rows[row + PCP_HIGH] = clamp(rows[row + PCP_HIGH], highMin, highMax);
    if (k.machine.cacheSliceBytes / 4096 > 3 * batch) rows[row + PCP_FLAGS] |= PCPF_FREE_HIGH_BATCH;
    else rows[row + PCP_FLAGS] &= ~PCPF_FREE_HIGH_BATCH;
  }
}

/** The length at which lists are too long, after tuning it (Linux: nr_pcp_high). */
export function highAfterFree(k: FrameState, zone: Zone, row: number, freeHigh: boolean): number {
  const rows = k.pcp.rows;
  const min = rows[row + PCP_HIGH_MIN];
  const max = rows[row + PCP_HIGH_MAX];
  const batch = rows[row + PCP_BATCH];
  const high = clamp(rows[row + PCP_HIGH], min, max);
  rows[row + PCP_HIGH] = high;
  if (high === 0) return 0;
  if (freeHigh) {
    rows[row + PCP_HIGH] = Math.max(high - (batch << BATCH_SCALE_MAX), min);
    return 0;
  }
  const flags = k.zone.flags[zone];
  if ((flags & ZONE_RECLAIM_ACTIVE) !== 0) {
    rows[row + PCP_HIGH] = Math.max(high - Math.max(rows[row + PCP_FREE_COUNT], batch), min);
    return Math.min(batch << 2, rows[row + PCP_HIGH]);
  }
  if (min === max) return high;
  if ((flags & ZONE_BELOW_HIGH) !== 0) {
    rows[row + PCP_HIGH] = Math.max(high - Math.max(rows[row + PCP_FREE_COUNT], batch), min);
    return Math.max(rows[row + PCP_COUNT], min);
  }
  if (rows[row + PCP_COUNT] >= high) {
    const needed = rows[row + PCP_FREE_COUNT] + batch;
    if (high < needed) rows[row + PCP_HIGH] = clamp(needed, min, max);
  }
  return high;
}

/** Blocks to take from the buddy lists at once; raises high and the factor (Linux: nr_pcp_alloc). */
export function nrToTake(k: FrameState, zone: Zone, row: number, order: number): number {
  const rows = k.pcp.rows;
  const base = rows[row + PCP_BATCH];
  const min = rows[row + PCP_HIGH_MIN];
  const max = rows[row + PCP_HIGH_MAX];
  let high = clamp(rows[row + PCP_HIGH], min, max);
  rows[row + PCP_HIGH] = high;
  if (high < base) return 1;
  let batch = order === 0 ? base << rows[row + PCP_ALLOC_FACTOR] : base;
  if (min !== max && (k.zone.flags[zone] & ZONE_BELOW_HIGH) === 0) {
    high = Math.min(high + batch, max);
    rows[row + PCP_HIGH] = high;
  }
  if (order === 0) {
    const most = Math.max(high - rows[row + PCP_COUNT] - base, base);
    if (batch <= most && rows[row + PCP_ALLOC_FACTOR] < BATCH_SCALE_MAX) rows[row + PCP_ALLOC_FACTOR]++;
    batch = Math.min(batch, most);
  }
  return batch > 1 ? Math.max(batch >> order, 2) : batch;
}

/** First word of a CPU's row for a zone. */
export function pcpRow(k: FrameState, zone: Zone, cpu: number): number {
  return (zone * k.pcp.cpus + cpu) * PCP_WORDS;
}

function clamp(value: number, least: number, most: number): number {
  return value < least ? least : value > most ? most : value;
}
