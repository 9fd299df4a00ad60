import { expect, test } from "vitest";
import { bindRegion, type Regions } from "./regions.ts";
import {
  cachedLines,
  changeLine,
  fieldValues,
  kernelField,
  linesOf,
  maskMappings,
  memoryLines,
  pagemapLines,
  smapsBetween,
} from "./views.ts";

test("a mapping's line loses its device and inode and keeps its path in column 73", () => {
  const [masked] = maskMappings([
    "7ffff7fe9000-7ffff7ff9000 r--s 00001000 08:01 12345                      /pw/f (deleted)",
  ]);
  expect(masked).toBe(`${"7ffff7fe9000-7ffff7ff9000 r--s 00001000 00:00 0".padEnd(73)}/pw/f (deleted)`);
  expect(masked!.indexOf("/pw/f")).toBe(73);
});

test("a mapping without a path keeps the blank the kernel ends it with; other lines stay", () => {
  expect(maskMappings(["00401000-00411000 rw-p 00000000 00:00 0 ", "Rss:                  64 kB"])).toEqual([
    "00401000-00411000 rw-p 00000000 00:00 0 ",
    "Rss:                  64 kB",
  ]);
});

test("smaps of a range has the entries that touch it, whole", () => {
  const lines = [
    "1000-3000 rw-p 00000000 00:00 0 ",
    "Size: 8 kB",
    "3000-4000 r--p 00000000 00:00 0 ",
    "Size: 4 kB",
  ];
  expect(smapsBetween(lines, 0x2fff, 0x3000)).toEqual(lines.slice(0, 2));
  expect(smapsBetween(lines, 0x2fff, 0x3001)).toEqual(lines);
  expect(smapsBetween(lines, 0x4000, 0x5000)).toEqual([]);
});

test("status is cut to its memory lines", () => {
  expect(memoryLines(["Name:\tstub", "VmPeak:\t 4 kB", "RssAnon:\t 0 kB", "Threads:\t1"])).toEqual([
    "VmPeak:\t 4 kB",
    "RssAnon:\t 0 kB",
  ]);
});

test("pagemap is drawn in runs of equal flags, relative to the region the run begins in", () => {
  const regions: Regions = new Map();
  bindRegion(regions, "a", 0x10000, 16384);
  bindRegion(regions, "b", 0x14000, 4096);
  const entries = new Uint8Array(32);
  const view = new DataView(entries.buffer);
  view.setUint32(4, 0x81800000, true);
  view.setUint32(12, 0x81800000, true);
  view.setUint32(20, 0xa0000000, true);
  expect(pagemapLines(regions, 0x11000, entries)).toEqual([
    "a+4K..a+12K present exclusive soft-dirty",
    "a+12K..a+16K present file",
    "b..b+4K none",
  ]);
});

test("cached pages are drawn in runs of bytes", () => {
  expect(cachedLines(6, (page) => page < 2 || page === 4)).toEqual(["0..8K", "16K..20K"]);
  expect(cachedLines(3, () => true)).toEqual(["0..12K"]);
  expect(cachedLines(3, () => false)).toEqual(["none"]);
});

test("fields are read from vmstat and meminfo, and changes keep their sign", () => {
  expect(fieldValues("nr_free_pages 12\n").get("nr_free_pages")).toBe(12);
  expect(fieldValues("Active(anon):     640 kB\n").get(kernelField("Active_anon"))).toBe(640);
  expect([changeLine("x", 3), changeLine("x", 0), changeLine("x", -3)]).toEqual(["x +3", "x 0", "x -3"]);
});

test("the last line's end makes no line of its own", () => {
  expect(linesOf("a\nb\n")).toEqual(["a", "b"]);
});
