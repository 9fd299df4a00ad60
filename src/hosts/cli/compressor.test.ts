/**
 * Lengths that liblz4 1.9.4 (LZ4_compress_default, the kernel's algorithm) gives for the same pages.
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
