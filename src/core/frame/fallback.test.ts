import { expect, test } from "vitest";
import { at, blocks, checkFrames, FIRST, frames, ZONE } from "../../../test/support/frames.ts";
import { freePages } from "./buddy.ts";
import { claimBlock, reserveHighatomic, stealBlock, takeBlock, unreserveHighatomic } from "./fallback.ts";
import {
  MIGRATE_HIGHATOMIC,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  ZONE_BOOSTED_WATERMARK,
} from "./mmzone.ts";
import { ALLOC_KSWAPD, ALLOC_NOFRAGMENT } from "./watermark.ts";

const FREE_BLOCK = ".".repeat(512);

test("an unmovable page takes a whole movable pageblock for its kind", () => {
  const k = frames(FREE_BLOCK + FREE_BLOCK);
  expect(takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, 0)).toBe(FIRST);
  // A block of the largest order is two pageblocks: both change.
  expect([k.pageblock[FIRST >> 9], k.pageblock[(FIRST >> 9) + 1]]).toEqual([
    MIGRATE_UNMOVABLE,
    MIGRATE_UNMOVABLE,
  ]);
  checkFrames(k);
});

test("the largest block of another type is claimed, not the smallest", () => {
  const k = frames(`${"a...".repeat(128)}${FREE_BLOCK}`);
  expect(takeBlock(k, ZONE, 0, MIGRATE_RECLAIMABLE, 0)).toBe(FIRST + 512);
  expect(k.pageblock[FIRST >> 9]).toBe(MIGRATE_MOVABLE);
  checkFrames(k);
});

test("a pageblock in which free and alike pages are half is claimed with all its free pages", () => {
  // For an unmovable request every page in use that is not on an LRU list counts as alike.
  const k = frames("aaaaaaaa........".repeat(32));
  const pfn = takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, 0);
  expect(pfn).toBeGreaterThanOrEqual(FIRST);
  expect(k.pageblock[FIRST >> 9]).toBe(MIGRATE_UNMOVABLE);
  checkFrames(k);
});

test("movable pages do not claim a pageblock for a small block: they take a page and leave it", () => {
  const k = frames("aaaaaaaa".repeat(64));
  k.pageblock[FIRST >> 9] = MIGRATE_UNMOVABLE;
  freePages(k, FIRST + 8, 3);
  expect(claimBlock(k, ZONE, 0, MIGRATE_MOVABLE, 0)).toBe(0);
  expect(stealBlock(k, ZONE, 0, MIGRATE_MOVABLE)).toBe(FIRST + 8);
  expect(blocks(k)).toBe("9:0 10:1 12:2");
  expect(k.pageblock[FIRST >> 9]).toBe(MIGRATE_UNMOVABLE);
  checkFrames(k);
});

test("an unmovable request falls back to reclaimable before movable", () => {
  const k = frames(`${"a".repeat(512)}${"b".repeat(512)}`);
  k.pageblock[(FIRST >> 9) + 1] = MIGRATE_RECLAIMABLE;
  freePages(k, FIRST + 16, 4);
  freePages(k, FIRST + 512 + 16, 4);
  expect(stealBlock(k, ZONE, 0, MIGRATE_UNMOVABLE)).toBe(FIRST + 512 + 16);
});

test("while another zone may still have pages of the type, only whole pageblocks are claimed", () => {
  const k = frames(`${"a".repeat(256)}${".".repeat(256)}`);
  expect(takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, ALLOC_NOFRAGMENT)).toBe(0);
  expect(takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, 0)).toBe(FIRST + 256);
});

test("claiming part of a pageblock boosts the watermark by a pageblock and calls kswapd", () => {
  const k = frames(`${"a".repeat(256)}${".".repeat(256)}`);
  k.zone.managedPages[ZONE] = 8192;
  k.zone.watermarkHigh[ZONE] = 400;
  takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, ALLOC_KSWAPD);
  expect(k.zone.watermarkBoost[ZONE]).toBe(512);
  expect(k.zone.flags[ZONE] & ZONE_BOOSTED_WATERMARK).not.toBe(0);
});

test("the boost ends at watermark_boost_factor of the high watermark", () => {
  const k = frames(`${"a".repeat(256)}${".".repeat(256)}`.repeat(2));
  k.zone.managedPages[ZONE] = 8192;
  k.zone.watermarkHigh[ZONE] = 400;
  takeBlock(k, ZONE, 0, MIGRATE_UNMOVABLE, 0);
  takeBlock(k, ZONE, 8, MIGRATE_UNMOVABLE, 0);
  // 15000/10000 of 400 is 600, less than two pageblocks.
  expect(k.zone.watermarkBoost[ZONE]).toBe(600);
});

test("an atomic reserve keeps its pageblock's free pages to itself, and gives them up when told", () => {
  const k = frames("ab......".padEnd(512, "."));
  k.zone.managedPages[ZONE] = 52000;
  reserveHighatomic(k, ZONE, at(k, "a"), 0);
  expect(k.pageblock[FIRST >> 9]).toBe(MIGRATE_HIGHATOMIC);
  expect(k.zone.nrReservedHighatomic[ZONE]).toBe(512);
  expect(k.zone.nrFreeHighatomic[ZONE]).toBe(510);
  expect(takeBlock(k, ZONE, 0, MIGRATE_MOVABLE, 0)).toBe(0);
  // One pageblock is kept unless the allocation would fail.
  expect(unreserveHighatomic(k, ZONE, MIGRATE_MOVABLE, false)).toBe(false);
  expect(unreserveHighatomic(k, ZONE, MIGRATE_MOVABLE, true)).toBe(true);
  expect(k.zone.nrFreeHighatomic[ZONE]).toBe(0);
  expect(takeBlock(k, ZONE, 0, MIGRATE_MOVABLE, 0)).toBeGreaterThan(0);
});

test("a zone of which a hundredth is less than a pageblock has no atomic reserve", () => {
  const k = frames("ab......".padEnd(512, "."));
  k.zone.managedPages[ZONE] = 51000;
  reserveHighatomic(k, ZONE, at(k, "a"), 0);
  expect(k.zone.nrReservedHighatomic[ZONE]).toBe(0);
});
