import { expect, test } from "vitest";
import { checkFrames, frameKernel } from "../../../test/support/frames.ts";
import { ENOMEM } from "../base/errno.ts";
import { BOOT_RUNNING_CPU, ZONE_BELOW_HIGH } from "../frame/mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_head, PG_tail } from "../frame/page.ts";
import { foldPcp, freePage } from "../frame/pcp.ts";
import {
  NR_FREE_PAGES,
  NR_ZONE_ITEMS,
  NUMA_FOREIGN,
  NUMA_MISS,
  NUMA_OTHER,
  PAGEOUTRUN,
  sumZoneItem,
} from "../frame/vmstat.ts";
import { zoneOf } from "../frame/zone.ts";
import { loadWord, storeWord } from "../hw/ram.ts";
import {
  __GFP_COMP,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_MEMALLOC,
  __GFP_THISNODE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_NOWAIT,
} from "../reclaim/gfp.ts";
import { allocPage, allocPages, allocPagesNode } from "./pages.ts";
import type { AllocState } from "./state.ts";

const MIB = 1048576;
const GIB = 1073741824;

/** Allocates until -ENOMEM; returns how many pages were got. */
function exhaust(k: AllocState, gfp: number): number {
  let pages = 0;
  while (allocPage(k, gfp) > 0) pages++;
  return pages;
}

function free(k: AllocState, zone: number): number {
  return k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES];
}

test("flags choose the highest zone", () => {
  const k = frameKernel({ sizeBytes: 5 * GIB });
  expect(zoneOf(k, allocPage(k, GFP_KERNEL))).toBe(3);
  expect(zoneOf(k, allocPage(k, GFP_KERNEL | __GFP_DMA32))).toBe(2);
  expect(zoneOf(k, allocPage(k, GFP_KERNEL | __GFP_DMA))).toBe(1);
});

test("only movable pages come from ZONE_MOVABLE", () => {
  const k = frameKernel({ sizeBytes: GIB, movableBytes: 512 * MIB });
  expect(zoneOf(k, allocPage(k, GFP_HIGHUSER_MOVABLE))).toBe(4);
  expect(zoneOf(k, allocPage(k, GFP_KERNEL))).toBe(2);
});

test("ordinary allocations stop at the min watermark and leave DMA its reserve", () => {
  const k = frameKernel({ sizeBytes: 256 * MIB });
  exhaust(k, GFP_HIGHUSER_MOVABLE);
  expect(free(k, 2)).toBe(k.zone.watermarkMin[2]);
  expect(free(k, 1)).toBe(k.zone.watermarkMin[1] + k.zone.lowmemReserve[1 * 4 + 3]);
  checkFrames(k);
});

test("below the low watermark kswapd is called, at the high one the zone is marked", () => {
  const k = frameKernel({ sizeBytes: 256 * MIB });
  while ((k.zone.flags[2] & ZONE_BELOW_HIGH) === 0) allocPage(k, GFP_HIGHUSER_MOVABLE);
  expect(free(k, 2)).toBeLessThanOrEqual(k.zone.watermarkHigh[2]);
  expect(k.vmstat.event[PAGEOUTRUN]).toBe(0);
  while (k.vmstat.event[PAGEOUTRUN] === 0) allocPage(k, GFP_HIGHUSER_MOVABLE);
  expect(free(k, 2)).toBeLessThanOrEqual(k.zone.watermarkLow[2]);
});

test("atomic allocations go below min: to three eighths of it; __GFP_MEMALLOC takes everything", () => {
  const k = frameKernel({ sizeBytes: 256 * MIB });
  exhaust(k, GFP_HIGHUSER_MOVABLE);
  expect(allocPage(k, GFP_NOWAIT)).toBe(-ENOMEM);
  exhaust(k, GFP_ATOMIC);
  const min = k.zone.watermarkMin[2];
  const half = min - Math.floor(min / 2);
  // A refill of the per-CPU list looks at no watermark, so the last one may go further.
  expect(free(k, 2)).toBeLessThanOrEqual(half - Math.floor(half / 4));
  exhaust(k, GFP_KERNEL | __GFP_MEMALLOC);
  expect(sumZoneItem(k.vmstat, NR_FREE_PAGES)).toBe(0);
  checkFrames(k);
});

test("a failed allocation gives -ENOMEM and takes nothing", () => {
  const k = frameKernel({ sizeBytes: 64 * MIB });
  exhaust(k, GFP_HIGHUSER_MOVABLE);
  const before = sumZoneItem(k.vmstat, NR_FREE_PAGES);
  expect(allocPages(k, GFP_KERNEL, 4)).toBe(-ENOMEM);
  expect(allocPages(k, GFP_KERNEL, 11)).toBe(-ENOMEM);
  expect(sumZoneItem(k.vmstat, NR_FREE_PAGES)).toBe(before);
});

test("pages on another CPU's lists are called back before an allocation fails", () => {
  const k = frameKernel({ sizeBytes: 128 * MIB, cpus: 2 });
  const pages: number[] = [];
  for (let pfn = allocPage(k, GFP_HIGHUSER_MOVABLE); pfn > 0; pfn = allocPage(k, GFP_HIGHUSER_MOVABLE))
    pages.push(pfn);
  for (const pfn of pages.slice(0, 100)) freePage(k, pfn);
  k.boot[BOOT_RUNNING_CPU] = 1;
  expect(exhaust(k, GFP_HIGHUSER_MOVABLE)).toBeGreaterThanOrEqual(90);
});

test("a full node takes from the next one, and numa_miss, numa_foreign and numa_other say so", () => {
  const k = frameKernel({
    nodes: [
      { sizeBytes: 128 * MIB, cpus: [0] },
      { sizeBytes: 64 * MIB, cpus: [1] },
    ],
  });
  let pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  while (zoneOf(k, pfn) !== 6) pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  foldPcp(k);
  expect(k.vmstat.zone[6 * NR_ZONE_ITEMS + NUMA_MISS]).toBe(1);
  expect(k.vmstat.zone[6 * NR_ZONE_ITEMS + NUMA_OTHER]).toBe(1);
  expect(k.vmstat.zone[2 * NR_ZONE_ITEMS + NUMA_FOREIGN]).toBe(1);
});

test("__GFP_THISNODE fails rather than leave the node", () => {
  const k = frameKernel({
    nodes: [
      { sizeBytes: 128 * MIB, cpus: [0] },
      { sizeBytes: 64 * MIB, cpus: [1] },
    ],
  });
  exhaust(k, GFP_HIGHUSER_MOVABLE | __GFP_THISNODE);
  expect(free(k, 6)).toBe(64 * 256);
  expect(zoneOf(k, allocPagesNode(k, GFP_KERNEL, 0, 1))).toBe(6);
});

test("a compound page has a head and tails, and only the head a reference", () => {
  const k = frameKernel({ sizeBytes: 128 * MIB });
  const pfn = allocPages(k, GFP_KERNEL | __GFP_COMP, 2);
  const flags = [0, 1, 2, 3].map((i) => k.page[(pfn + i) * PAGE_WORDS + FLAGS] & (PG_head | PG_tail));
  expect(flags).toEqual([PG_head, PG_tail, PG_tail, PG_tail]);
  expect([0, 1].map((i) => k.page[(pfn + i) * PAGE_WORDS + 1])).toEqual([1, 0]);
});

test("__GFP_ZERO gives zeros whatever the frame held before", () => {
  const k = frameKernel({ sizeBytes: 128 * MIB });
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  k.ram.fill[pfn] = 1234;
  storeWord(k, pfn, 1, 5);
  freePage(k, pfn);
  expect(allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_ZERO)).toBe(pfn);
  expect([loadWord(k, pfn, 0), loadWord(k, pfn, 1)]).toEqual([0, 0]);
});
