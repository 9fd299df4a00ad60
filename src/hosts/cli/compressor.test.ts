/**
 * Lengths that liblz4 1.9.4 (LZ4_compress_default) gives for the same pages; and those of a real zram device, 6.12.
 */
import { expect, test } from "vitest";
import { compressPage } from "./compressor.ts";

function page(bytes: Readonly<Record<number, number>>): Uint8Array {
  const data = new Uint8Array(4096);
  for (const [at, value] of Object.entries(bytes)) data[Number(at)] = value;
  return data;
}

test("a page of few words becomes as long as liblz4 makes it", () => {
  expect(compressPage("lz4", page({}))).toBe(26);
  expect(compressPage("lz4", page({ 0: 5, 1: 3 }))).toBe(28);
  expect(compressPage("lz4", page({ 100: 5, 101: 9 }))).toBe(36);
  expect(
    compressPage(
      "lz4",
      new Uint8Array(4096).map((_, i) => (i % 4) + 1),
    ),
  ).toBe(29);
});

test("noise is longer than a page, and other compressors are not here", () => {
  let state = 1;
  const noise = new Uint8Array(4096).map(() => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  });
  expect(compressPage("lz4", noise)).toBeGreaterThan(4096);
  expect(compressPage("zstd", noise)).toBe(undefined);
});

test("pages of growing numbers are as long as a zram device stores them", () => {
  const lengths = [16, 8].map((step) => {
    const words = new Uint32Array(16384);
    for (let i = 0; i < 65536 / step; i++) words[(i * step) / 4] = i;
    const bytes = new Uint8Array(words.buffer);
    let sum = 0;
    for (let at = 0; at < 65536; at += 4096) sum += compressPage("lz4", bytes.subarray(at, at + 4096))!;
    return sum;
  });
  // golden/linux-6.12-x86_64/zram: 115407 bytes, of which 65536 stored whole, 43 of the header, 15 pages of 27.
  expect(lengths).toEqual([16514, 32909]);
  expect(lengths[0]! + lengths[1]! + 65536 + 43 + 15 * 27).toBe(115407);
});
