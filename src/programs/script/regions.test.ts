import { expect, test } from "vitest";
import { bindRegion, formatAddress, formatHex, formatSize, type Regions } from "./regions.ts";

function regions(): Regions {
  const made: Regions = new Map();
  bindRegion(made, "top", 0x7ffff7ff9000, 0);
  bindRegion(made, "a", 0x7ffff7fe9000, 65536);
  return made;
}

test("an address inside a region is written from its start", () => {
  expect(formatAddress(regions(), 0x7ffff7fe9000)).toBe("a");
  expect(formatAddress(regions(), 0x7ffff7feb001)).toBe("a+8193");
});

test("an address between two regions belongs to the nearer one", () => {
  const made = regions();
  expect(formatAddress(made, 0x7ffff7fe8000)).toBe("a-4K");
  bindRegion(made, "b", 0x7ffff7fd9000, 4096);
  expect(formatAddress(made, 0x7ffff7fdb000)).toBe("b+8K");
});

test("where one region ends and another begins, the one that contains the address wins", () => {
  const made = regions();
  bindRegion(made, "b", 0x7ffff7fe8000, 4096);
  expect(formatAddress(made, 0x7ffff7fe9000)).toBe("a");
});

test("of two that contain it the one bound last wins, and binding again counts", () => {
  const made = regions();
  bindRegion(made, "b", 0x7ffff7fea000, 4096);
  expect(formatAddress(made, 0x7ffff7fea000)).toBe("b");
  bindRegion(made, "a", 0x7ffff7fe9000, 65536);
  expect(formatAddress(made, 0x7ffff7fea000)).toBe("a+4K");
});

test("far from everything an address is hexadecimal; zero is NULL", () => {
  expect(formatAddress(regions(), 0x10000)).toBe("0x10000");
  expect(formatAddress(regions(), 0)).toBe("NULL");
  expect(formatAddress(regions(), -4096)).toBe("0xfffffffffffff000");
  expect(formatHex(-1)).toBe("0xffffffffffffffff");
});

test("sizes take the largest suffix that divides them", () => {
  expect([0, 1, 4096, 65536, 1048576, 1049600, 4097, 1099511627776].map(formatSize)).toEqual([
    "0",
    "1",
    "4K",
    "64K",
    "1M",
    "1025K",
    "4097",
    "1T",
  ]);
});
