/** Ranges that move, checked against a plain table of pages. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  copyAddressMap,
  createAddressMap,
  isKnown,
  movedAddress,
  movedPage,
  movedPieces,
  setRange,
} from "./address-map.ts";

test("a range set over others takes their pages and leaves them the rest", () => {
  const pages = fc.integer({ min: 0, max: 40 });
  const range = fc.tuple(pages, pages, fc.integer({ min: -3, max: 3 }));
  fc.assert(
    fc.property(fc.array(range, { maxLength: 12 }), (ranges) => {
      const map = createAddressMap();
      const plain: (number | undefined)[] = [];
      for (const [start, end, shift] of ranges) {
        setRange(map, start, end, shift * 100);
        for (let page = start; page < end; page++) plain[page] = shift * 100;
      }
      for (let page = 0; page < 42; page++) {
        expect(movedPage(map, page)).toBe(page + (plain[page] ?? 0));
        expect(isKnown(map, page)).toBe(plain[page] !== undefined);
      }
      for (let row = 1; row < map.start.length; row++)
        expect(map.start[row]).toBeGreaterThanOrEqual(map.end[row - 1]!);
    }),
  );
});

test("a range is cut where its parts moved differently", () => {
  const map = createAddressMap();
  setRange(map, 16, 32, 1000);
  setRange(map, 32, 48, 1000);
  setRange(map, 48, 64, 2000);
  expect(movedPieces(map, 16 * 4096 + 8, 40 * 4096)).toEqual([
    { from: 16 * 4096 + 8, to: 1016 * 4096 + 8, bytes: 32 * 4096 - 8 },
    { from: 48 * 4096, to: 2048 * 4096, bytes: 8 * 4096 + 8 },
  ]);
  expect(movedPieces(map, 15 * 4096, 2 * 4096)).toEqual([
    { from: 15 * 4096, to: 15 * 4096, bytes: 4096 },
    { from: 16 * 4096, to: 1016 * 4096, bytes: 4096 },
  ]);
});

test("an address keeps its place in its page, and a copy goes its own way", () => {
  const map = createAddressMap();
  setRange(map, 16, 32, 1000);
  const copy = copyAddressMap(map);
  setRange(map, 16, 32, 5);
  expect(movedAddress(copy, 17 * 4096 + 123)).toBe(1017 * 4096 + 123);
  expect(movedAddress(map, 17 * 4096 + 123)).toBe(22 * 4096 + 123);
});
