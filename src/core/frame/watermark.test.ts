import { expect, test } from "vitest";
import { FIRST, frameKernel, frames, ZONE } from "../../../test/support/frames.ts";
import { reserveHighatomic } from "./fallback.ts";
import { BOOT_MIN_FREE_KBYTES, BOOT_TOTALRESERVE } from "./mmzone.ts";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_MIN_RESERVE,
  ALLOC_NON_BLOCK,
  ALLOC_OOM,
  ALLOC_WMARK_HIGH,
  hugepageMinFreeKbytes,
  setupWatermarks,
  usualMinFreeKbytes,
  watermark,
  zoneWatermarkFast,
  zoneWatermarkOk,
} from "./watermark.ts";

const MIB = 1048576;
const ORDINARY = { highest: 3, flags: 0 };

test("min_free_kbytes is four times the square root of lowmem", () => {
  // Documentation of calculate_min_free_kbytes: 512 MiB 2896 kB, 1 GiB 4096 kB, 16 GiB 16384 kB; a little memory is reserved.
  for (const [mib, kbytes] of [
    [512, 2896],
    [1024, 4096],
    [16384, 16384],
  ]) {
    const k = frameKernel({ sizeBytes: mib * MIB });
    setupWatermarks(k, 0, 10);
    const got = usualMinFreeKbytes(k);
    expect(Math.abs(got - kbytes) / kbytes).toBeLessThan(0.01);
  }
});

test("zones share min_free_kbytes by size; low and high lie a quarter of min apart on a small machine", () => {
  const k = frameKernel({ sizeBytes: 512 * MIB });
  const pages = Math.floor(k.boot[BOOT_MIN_FREE_KBYTES] / 4);
  expect(pages - (k.zone.watermarkMin[1] + k.zone.watermarkMin[2])).toBeLessThan(2);
  const min = k.zone.watermarkMin[ZONE];
  expect(k.zone.watermarkLow[ZONE]).toBe(min + Math.floor(min / 4));
  expect(k.zone.watermarkHigh[ZONE]).toBe(min + 2 * Math.floor(min / 4));
});

test("the movable zone's min is a thousandth of it, 32 to 128 pages", () => {
  const k = frameKernel({ sizeBytes: 1024 * MIB, movableBytes: 512 * MIB });
  expect(k.zone.watermarkMin[4]).toBe(128);
  expect(frameKernel({ sizeBytes: 512 * MIB }).zone.watermarkMin[4]).toBe(32);
});

test("huge pages want eleven pageblocks a zone, at most 5 % of memory", () => {
  expect(hugepageMinFreeKbytes(frameKernel({ sizeBytes: 8192 * MIB }))).toBe(512 * 3 * 11 * 4);
  const small = frameKernel({ sizeBytes: 128 * MIB });
  expect(hugepageMinFreeKbytes(small)).toBeLessThan(128 * 1024 * 0.05);
});

test("reserves of an allocation: down to half of min for __GFP_HIGH and OOM victims, to three eighths if it cannot wait either", () => {
  const k = frames(".".repeat(200));
  const ok = (mark: number, flags: number): boolean =>
    zoneWatermarkOk(k, ZONE, 0, mark, { highest: 3, flags });
  expect([ok(199, 0), ok(200, 0)]).toEqual([true, false]);
  expect([ok(398, ALLOC_MIN_RESERVE), ok(399, ALLOC_MIN_RESERVE)]).toEqual([true, false]);
  expect(ok(528, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK)).toBe(true);
  expect(ok(536, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK)).toBe(false);
  expect([ok(398, ALLOC_OOM), ok(399, ALLOC_OOM)]).toEqual([true, false]);
});

test("many pages free are of no use to a request for a block when none is large enough", () => {
  const k = frames("a.".repeat(64));
  expect(zoneWatermarkOk(k, ZONE, 0, 10, ORDINARY)).toBe(true);
  expect(zoneWatermarkOk(k, ZONE, 1, 10, ORDINARY)).toBe(false);
});

test("the atomic reserve counts for those who may use it", () => {
  const k = frames(`a${".".repeat(511)}${".".repeat(64)}`);
  k.zone.managedPages[ZONE] = 52000;
  reserveHighatomic(k, ZONE, FIRST, 0);
  expect(zoneWatermarkOk(k, ZONE, 0, 63, ORDINARY)).toBe(true);
  expect(zoneWatermarkOk(k, ZONE, 0, 64, ORDINARY)).toBe(false);
  expect(zoneWatermarkOk(k, ZONE, 8, 64, { highest: 3, flags: ALLOC_HIGHATOMIC })).toBe(true);
});

test("a boost lifts every mark, but not the min mark of a page that may use reserves", () => {
  const k = frames(".".repeat(200));
  k.zone.watermarkMin[ZONE] = 100;
  k.zone.watermarkHigh[ZONE] = 150;
  k.zone.watermarkBoost[ZONE] = 512;
  expect(watermark(k, ZONE, ALLOC_WMARK_HIGH)).toBe(662);
  expect(zoneWatermarkFast(k, ZONE, 0, watermark(k, ZONE, 0), ORDINARY)).toBe(false);
  expect(zoneWatermarkFast(k, ZONE, 0, watermark(k, ZONE, 0), { highest: 3, flags: ALLOC_MIN_RESERVE })).toBe(
    true,
  );
});

test("pages no user can get are each zone's high mark and its largest reserve", () => {
  const k = frameKernel({ sizeBytes: 512 * MIB });
  const dma = k.zone.lowmemReserve[1 * 4 + 3] + k.zone.watermarkHigh[1];
  expect(k.boot[BOOT_TOTALRESERVE]).toBe(dma + k.zone.watermarkHigh[2]);
});
