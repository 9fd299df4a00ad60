import { expect, test } from "vitest";
import { checkFrames, frameKernel, ZONE } from "../../../test/support/frames.ts";
import { allocPage, allocPages } from "../alloc/pages.ts";
import type { AllocState } from "../alloc/state.ts";
import { dropSlot, loadWord, storeWord } from "../hw/ram.ts";
import { __GFP_ZERO, GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "../reclaim/gfp.ts";
import { takeBlock } from "./fallback.ts";
import {
  BOOT_RUNNING_CPU,
  MIGRATE_MOVABLE,
  PCP_ALLOC_FACTOR,
  PCP_BATCH,
  PCP_COUNT,
  PCP_FREE_COUNT,
  PCP_HIGH,
  PCP_HIGH_MAX,
  PCP_HIGH_MIN,
} from "./mmzone.ts";
import { MAPCOUNT, PAGE_WORDS, PG_lru } from "./page.ts";
import { foldPcp, freePage, freePageList, freeUnref, takePcp } from "./pcp.ts";
import { decayPcpHigh, drainAllPcp, drainPcp } from "./pcp-drain.ts";
import { pcpRow } from "./pcp-tune.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS, NUMA_HIT, PGALLOC_DMA32, PGFREE } from "./vmstat.ts";

const MIB = 1048576;

function vm(sizeMib: number, cpus = 1): AllocState {
  return frameKernel({ sizeBytes: sizeMib * MIB, cpus, contentFrames: 4096 });
}

function word(k: AllocState, offset: number, cpu = 0): number {
  return k.pcp.rows[pcpRow(k, ZONE, cpu) + offset];
}

function free(k: AllocState): number {
  return k.vmstat.zone[ZONE * NR_ZONE_ITEMS + NR_FREE_PAGES];
}

test("batch is 63 for a zone of a gigabyte and 31 for half of one, high_min a CPU's share of the low watermark", () => {
  const gib = vm(1100, 2);
  expect(word(gib, PCP_BATCH)).toBe(63);
  expect(word(gib, PCP_HIGH_MIN)).toBe(Math.floor(gib.zone.watermarkLow[ZONE] / 2));
  expect(word(gib, PCP_HIGH_MAX)).toBe(Math.floor(Math.floor(gib.zone.managedPages[ZONE] / 8) / 2));
  expect(word(vm(512), PCP_BATCH)).toBe(31);
});

test("refills double while nothing is freed: 63, 126, 252, 504, 1008, 2016, 2016", () => {
  const k = vm(2048);
  const refills: number[] = [];
  let before = free(k);
  for (let i = 0; i < 6500; i++) {
    allocPage(k, GFP_HIGHUSER_MOVABLE);
    if (free(k) !== before) refills.push(before - free(k));
    before = free(k);
  }
  expect(refills.slice(0, 7)).toEqual([63, 126, 252, 504, 1008, 2016, 2016]);
  expect(word(k, PCP_ALLOC_FACTOR)).toBe(5);
});

test("high grows with every refill by what was taken", () => {
  const k = vm(2048);
  const highMin = word(k, PCP_HIGH_MIN);
  allocPage(k, GFP_HIGHUSER_MOVABLE);
  expect(word(k, PCP_HIGH)).toBe(highMin + 63);
});

test("a free halves alloc_factor, an allocation halves free_count", () => {
  const k = vm(2048);
  const pages = Array.from({ length: 300 }, () => allocPage(k, GFP_HIGHUSER_MOVABLE));
  expect(word(k, PCP_ALLOC_FACTOR)).toBe(3);
  for (const pfn of pages.slice(0, 10)) freePage(k, pfn);
  expect(word(k, PCP_ALLOC_FACTOR)).toBe(0);
  expect(word(k, PCP_FREE_COUNT)).toBe(10);
  allocPage(k, GFP_HIGHUSER_MOVABLE);
  expect(word(k, PCP_FREE_COUNT)).toBe(5);
});

test("the page freed last is allocated first", () => {
  const k = vm(512);
  const a = allocPage(k, GFP_HIGHUSER_MOVABLE);
  const b = allocPage(k, GFP_HIGHUSER_MOVABLE);
  freePage(k, a);
  freePage(k, b);
  expect([allocPage(k, GFP_HIGHUSER_MOVABLE), allocPage(k, GFP_HIGHUSER_MOVABLE)]).toEqual([b, a]);
});

test("pages of a fresh block come in order of address", () => {
  const k = vm(512);
  const first = allocPage(k, GFP_HIGHUSER_MOVABLE);
  for (let i = 1; i < 100; i++) expect(allocPage(k, GFP_HIGHUSER_MOVABLE)).toBe(first + i);
  checkFrames(k);
});

test("a refill leaves the buddy lists as if pages had been taken one by one", () => {
  const byRun = vm(512);
  const oneByOne = vm(512);
  takePcp(byRun, ZONE, 0, MIGRATE_MOVABLE, 0);
  for (let i = 0; i < 31; i++) takeBlock(oneByOne, ZONE, 0, MIGRATE_MOVABLE, 0);
  expect(free(byRun)).toBe(free(oneByOne));
  expect(byRun.zone.freeHead).toEqual(oneByOne.zone.freeHead);
  expect(byRun.zone.freeTail).toEqual(oneByOne.zone.freeTail);
  expect(byRun.zone.freeCount).toEqual(oneByOne.zone.freeCount);
  checkFrames(byRun);
});

test("a CPU that only frees gives back more each time: as many pages as it freed in a row, at most batch << 5", () => {
  const k = vm(512, 2);
  const pages = Array.from({ length: 6000 }, () => allocPage(k, GFP_HIGHUSER_MOVABLE));
  k.boot[BOOT_RUNNING_CPU] = 1;
  const given: number[] = [];
  for (const pfn of pages) {
    const before = word(k, PCP_COUNT, 1);
    freePage(k, pfn);
    const after = word(k, PCP_COUNT, 1);
    if (after <= before) given.push(before + 1 - after);
  }
  expect(given.length).toBeGreaterThan(1);
  expect(Math.min(...given)).toBeGreaterThanOrEqual(31);
  expect(Math.max(...given)).toBeLessThanOrEqual(31 << 5);
  checkFrames(k);
});

test("each CPU has its own lists, and draining brings every page home", () => {
  const k = vm(512, 2);
  const before = free(k);
  const pages: number[] = [];
  for (const cpu of [0, 1]) {
    k.boot[BOOT_RUNNING_CPU] = cpu;
    pages.push(allocPage(k, GFP_HIGHUSER_MOVABLE));
  }
  expect(word(k, PCP_COUNT, 0)).toBe(30);
  expect(word(k, PCP_COUNT, 1)).toBe(30);
  freePageList(k, Int32Array.from(pages), 2);
  drainPcp(k, ZONE, 0);
  expect(word(k, PCP_COUNT, 0)).toBe(0);
  drainAllPcp(k);
  expect(free(k)).toBe(before);
  checkFrames(k);
});

test("blocks of two to eight pages have lists too, larger ones but 2 MiB have not", () => {
  const k = vm(512);
  const four = allocPages(k, GFP_KERNEL, 2);
  expect(word(k, PCP_COUNT)).toBeGreaterThan(0);
  const count = word(k, PCP_COUNT);
  freeUnref(k, four, 2);
  expect(word(k, PCP_COUNT)).toBe(count + 4);
  const sixteen = allocPages(k, GFP_KERNEL, 4);
  freeUnref(k, sixteen, 4);
  expect(word(k, PCP_COUNT)).toBe(count + 4);
  // Even of these two are taken at a time: one stays on the list.
  allocPages(k, GFP_KERNEL, 9);
  expect(word(k, PCP_COUNT)).toBe(count + 4 + 512);
  checkFrames(k);
});

test("high decays by an eighth at a time and the surplus is drained", () => {
  const k = vm(2048);
  const pages = Array.from({ length: 6000 }, () => allocPage(k, GFP_HIGHUSER_MOVABLE));
  for (const pfn of pages) freePage(k, pfn);
  const high = word(k, PCP_HIGH);
  const floor = Math.max(word(k, PCP_COUNT) - (63 << 5), high - (high >> 3), word(k, PCP_HIGH_MIN));
  expect(decayPcpHigh(k, ZONE, 0)).toBe(true);
  expect(word(k, PCP_HIGH)).toBe(floor);
  expect(word(k, PCP_COUNT)).toBeLessThanOrEqual(floor);
  while (decayPcpHigh(k, ZONE, 0));
  expect(word(k, PCP_HIGH)).toBe(word(k, PCP_HIGH_MIN));
  checkFrames(k);
});

test("what was freed is gone: no contents, nothing in the record", () => {
  const k = vm(512);
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  storeWord(k, pfn, 7, 99);
  for (let offset = 3; offset < PAGE_WORDS; offset++) k.page[pfn * PAGE_WORDS + offset] = 77;
  freePage(k, pfn);
  expect(k.ram.slot[pfn]).toBe(0);
  expect(allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_ZERO)).toBe(pfn);
  expect(loadWord(k, pfn, 7)).toBe(0);
  expect([...k.page.subarray(pfn * PAGE_WORDS, (pfn + 1) * PAGE_WORDS)]).toEqual([
    ZONE << 24,
    1,
    0,
    0,
    0,
    0,
    0,
    0,
  ]);
  dropSlot(k, pfn);
});

test("freeing twice, freeing what is mapped and freeing what is on an LRU list are bugs", () => {
  const k = vm(512);
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  freePage(k, pfn);
  expect(() => freePage(k, pfn)).toThrow("in use");
  const mapped = allocPage(k, GFP_HIGHUSER_MOVABLE);
  k.page[mapped * PAGE_WORDS + MAPCOUNT] = 1;
  expect(() => freePage(k, mapped)).toThrow("in use");
  k.page[mapped * PAGE_WORDS + MAPCOUNT] = 0;
  k.page[mapped * PAGE_WORDS] |= PG_lru;
  expect(() => freePage(k, mapped)).toThrow("in use");
});

test("pgalloc, numa_hit and pgfree count every page once folded", () => {
  const k = vm(512);
  foldPcp(k);
  const freed = k.vmstat.event[PGFREE];
  for (let i = 0; i < 100; i++) freePage(k, allocPage(k, GFP_HIGHUSER_MOVABLE));
  foldPcp(k);
  expect(k.vmstat.event[PGALLOC_DMA32]).toBe(100);
  expect(k.vmstat.zone[ZONE * NR_ZONE_ITEMS + NUMA_HIT]).toBe(100);
  expect(k.vmstat.event[PGFREE] - freed).toBe(100);
});

test("freeing a list leaves every record and counter as freeing its pages one by one does", () => {
  const kernels = [vm(512), vm(512)] as const;
  const lists = kernels.map((k) => {
    const pfns = Int32Array.from({ length: 3000 }, (_, i) =>
      allocPage(
        k,
        i % 7 === 3 ? GFP_KERNEL : i % 5 === 0 ? GFP_HIGHUSER_MOVABLE | __GFP_ZERO : GFP_HIGHUSER_MOVABLE,
      ),
    );
    // Some have contents of their own, and the order is not that of their addresses.
    for (let i = 0; i < pfns.length; i += 50) storeWord(k, pfns[i], 1, i);
    return pfns.map((_, i) => pfns[(i * 7) % pfns.length]);
  });
  for (let i = 0; i < lists[0].length; i++) freePage(kernels[0], lists[0][i]);
  for (let i = 0; i < lists[1].length; i += 500) freePageList(kernels[1], lists[1].subarray(i, i + 500), 500);
  expect(kernels[1].pcp.rows).toEqual(kernels[0].pcp.rows);
  expect(Buffer.compare(Buffer.from(kernels[1].page.buffer), Buffer.from(kernels[0].page.buffer))).toBe(0);
  expect(kernels[1].zone.freeCount).toEqual(kernels[0].zone.freeCount);
  checkFrames(kernels[1]);
});
