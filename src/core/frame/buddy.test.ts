import { expect, test } from "vitest";
import {
  at,
  blocks,
  checkFrames,
  FIRST,
  frameKernel,
  frames,
  listOf,
  picture,
  ZONE,
} from "../../../test/support/frames.ts";
import { loadWord, setFill, storeWord } from "../hw/ram.ts";
import { freeBlocks, freePages, movePageblock, takeSmallest } from "./buddy.ts";
import { MIGRATE_MOVABLE, MIGRATE_UNMOVABLE } from "./mmzone.ts";
import { FLAGS, MAPCOUNT, PAGE_WORDS } from "./page.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS } from "./vmstat.ts";

function freeCount(k: ReturnType<typeof frames>): number {
  return k.vmstat.zone[ZONE * NR_ZONE_ITEMS + NR_FREE_PAGES];
}

test("freeing the right half merges both", () => {
  const k = frames("aaaa bb.. ....");
  freePages(k, at(k, "bb"), 1);
  expect(picture(k)).toBe("aaaa .... ....");
  expect(blocks(k)).toBe("4:2 8:2");
  checkFrames(k);
});

test("a block merges with its buddy, not with any neighbour", () => {
  const k = frames("a..b cccc");
  expect(blocks(k)).toBe("1:0 2:0");
});

test("a freed page joins through all orders to the largest block that is whole", () => {
  const k = frames("a... .... .... ....");
  expect(blocks(k)).toBe("1:0 2:1 4:2 8:3");
  freePages(k, at(k, "a"), 0);
  expect(blocks(k)).toBe("0:4");
});

test("a page whose next larger buddy is free goes to the tail, to be taken last", () => {
  // Page 0's buddy is in use, but the pair 2-3 is free: pages 0-3 are likely to become one block.
  const k = frames("ab.. c... defg");
  expect(listOf(k, 0, MIGRATE_MOVABLE)).toEqual([5]);
  freePages(k, at(k, "a"), 0);
  expect(listOf(k, 0, MIGRATE_MOVABLE)).toEqual([5, 0]);
  freePages(k, at(k, "d"), 0);
  expect(listOf(k, 0, MIGRATE_MOVABLE)).toEqual([8, 5, 0]);
});

test("an allocation takes from the smallest block that has room and gives the upper halves back", () => {
  const k = frames(".... .... abc.");
  expect(takeSmallest(k, ZONE, 0, MIGRATE_MOVABLE) - FIRST).toBe(11);
  expect(takeSmallest(k, ZONE, 0, MIGRATE_MOVABLE) - FIRST).toBe(0);
  expect(blocks(k)).toBe("1:0 2:1 4:2");
  expect(picture(k)).toBe("x... .... abcx");
  checkFrames(k);
});

test("an allocation of several pages is aligned to its size", () => {
  const k = frames("a... .... bbbb");
  expect(takeSmallest(k, ZONE, 2, MIGRATE_MOVABLE) - FIRST).toBe(4);
});

test("no block of the type means NONE, and nothing changes", () => {
  const k = frames("a.b. c.d.");
  expect(takeSmallest(k, ZONE, 1, MIGRATE_MOVABLE)).toBe(0);
  expect(takeSmallest(k, ZONE, 0, MIGRATE_UNMOVABLE)).toBe(0);
  expect(picture(k)).toBe("a.b. c.d.");
});

test("free pages are counted to the page", () => {
  const k = frames("aa.. ....");
  expect(freeCount(k)).toBe(6);
  takeSmallest(k, ZONE, 1, MIGRATE_MOVABLE);
  expect(freeCount(k)).toBe(4);
  freePages(k, at(k, "aa"), 1);
  expect(freeCount(k)).toBe(6);
});

test("a freed frame gives its contents back", () => {
  const k = frames("ab..");
  const pfn = at(k, "a");
  setFill(k, pfn, 0x11111111);
  storeWord(k, pfn, 5, 0x22222222);
  expect(k.ram.slot[pfn]).toBeGreaterThan(0);
  freePages(k, pfn, 0);
  expect(k.ram.slot[pfn]).toBe(0);
  expect(loadWord(k, at(k, "b"), 0)).toBe(0);
  checkFrames(k);
});

test("freeing a mapped page is a bug", () => {
  const k = frames("ab..");
  k.page[at(k, "a") * PAGE_WORDS + MAPCOUNT] = 1;
  expect(() => freePages(k, at(k, "a"), 0)).toThrow("mapped");
});

test("moving a pageblock takes its free pages to the other type's lists", () => {
  const k = frames(`ab.. ${".".repeat(508)}`);
  expect(movePageblock(k, ZONE, FIRST, MIGRATE_UNMOVABLE)).toBe(true);
  expect(listOf(k, 8, MIGRATE_UNMOVABLE)).toEqual([256]);
  expect(listOf(k, 8, MIGRATE_MOVABLE)).toEqual([]);
  expect(k.pageblock[FIRST >> 9]).toBe(MIGRATE_UNMOVABLE);
  checkFrames(k);
});

test("a machine that boots touches no record of its untouched blocks, and hands them out from the lowest up", () => {
  const k = frameKernel({ sizeBytes: 256 * 1048576 });
  expect(freeBlocks(k, ZONE, 10)).toBe(60);
  expect(k.page[FIRST * PAGE_WORDS + FLAGS]).toBe(0);
  expect(takeSmallest(k, ZONE, 10, MIGRATE_MOVABLE)).toBe(4096);
  expect(takeSmallest(k, ZONE, 10, MIGRATE_MOVABLE)).toBe(5120);
  expect(freeBlocks(k, ZONE, 10)).toBe(58);
  checkFrames(k);
});

test("a block of the largest order that is freed goes before the untouched ones", () => {
  const k = frameKernel({ sizeBytes: 256 * 1048576 });
  const first = takeSmallest(k, ZONE, 10, MIGRATE_MOVABLE);
  takeSmallest(k, ZONE, 10, MIGRATE_MOVABLE);
  freePages(k, first, 10);
  expect(takeSmallest(k, ZONE, 10, MIGRATE_MOVABLE)).toBe(first);
  checkFrames(k);
});
