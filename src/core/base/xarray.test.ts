/**
 * Linux: lib/test_xarray.c (6.12) has the behaviours   Doc: Documentation/core-api/xarray.rst
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { NONE } from "./types.ts";
import {
  checkTree,
  createXarray,
  xaDropLeaf,
  xaErase,
  xaLastLeaf,
  xaLoad,
  xaNext,
  xaNextMiss,
  xaPrevMiss,
  xaStore,
} from "./xarray.ts";

const LAST = Number.MAX_SAFE_INTEGER;

test("a tree holds what a map holds, through any sequence of stores and erasures", () => {
  const index = fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((n) => n * 2),
  );
  const step = fc.record({ index, value: fc.integer({ min: 0, max: 9 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const x = createXarray(64);
      const model = new Map<number, number>();
      let root: number = NONE;
      for (const { index: at, value } of steps) {
        root = value === 0 ? xaErase(x, root, at) : xaStore(x, root, at, value);
        if (value === 0) model.delete(at);
        else model.set(at, value);
        expect(checkTree(x, root)).toBe(model.size);
      }
      const inOrder = [...model.keys()].sort((a, b) => a - b);
      const found: number[] = [];
      for (let at = xaNext(x, root, 0, LAST); at >= 0; at = xaNext(x, root, at + 1, LAST)) found.push(at);
      expect(found).toEqual(inOrder);
      for (const [at, value] of model) expect(xaLoad(x, root, at)).toBe(value);
      if (model.size === 0) expect(root).toBe(NONE);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("an empty tree gives all its nodes back", () => {
  const x = createXarray(64);
  let root: number = NONE;
  for (const at of [0, 63, 64, 4095, 4096, 2 ** 31, 2 ** 32 - 1]) root = xaStore(x, root, at, 7);
  for (const at of [2 ** 32 - 1, 0, 4096, 63, 2 ** 31, 64, 4095]) root = xaErase(x, root, at);
  expect(root).toBe(NONE);
  expect(x.state[2]).toBe(0);
});

test("a leaf goes with all that it holds, and so do nodes above it that are empty then", () => {
  const x = createXarray(64);
  let root = xaStore(x, NONE, 3, 1);
  root = xaStore(x, root, 4097, 2);
  root = xaStore(x, root, 4098, 3);
  const leaf = xaLastLeaf(x);
  root = xaDropLeaf(x, root, leaf);
  expect([xaLoad(x, root, 3), xaLoad(x, root, 4097), xaLoad(x, root, 4098)]).toEqual([1, 0, 0]);
  expect(checkTree(x, root)).toBe(1);
  expect(x.state[2]).toBe(1);
  expect(xaDropLeaf(x, root, root)).toBe(NONE);
  expect(x.state[2]).toBe(0);
});

test("the next value beyond the last index asked for is not found", () => {
  const x = createXarray(64);
  const root = xaStore(x, NONE, 100, 1);
  expect(xaNext(x, root, 0, 99)).toBe(-1);
  expect(xaNext(x, root, 0, 100)).toBe(100);
  expect(xaNext(x, root, 101, LAST)).toBe(-1);
});

test("a gap is looked for no further than asked, and the answers outside the range are Linux's", () => {
  const x = createXarray(64);
  let root: number = NONE;
  for (let at = 10; at < 20; at++) root = xaStore(x, root, at, 1);
  expect(xaNextMiss(x, root, 10, 32)).toBe(20);
  expect(xaNextMiss(x, root, 10, 5)).toBe(15);
  expect(xaPrevMiss(x, root, 19, 32)).toBe(9);
  expect(xaPrevMiss(x, root, 19, 5)).toBe(15);
  for (let at = 0; at < 10; at++) root = xaStore(x, root, at, 1);
  expect(xaPrevMiss(x, root, 5, 32)).toBe(-1);
});

test("a full table refuses a store and leaves the tree as it was", () => {
  const x = createXarray(1);
  let root: number = NONE;
  let at = 0;
  let next = xaStore(x, root, at, 1);
  while (next >= 0) {
    root = next;
    at += 64 * 64;
    next = xaStore(x, root, at, 1);
  }
  expect(xaLoad(x, root, at)).toBe(0);
  expect(xaLoad(x, root, at - 64 * 64)).toBe(1);
  expect(checkTree(x, root)).toBe(at / 4096);
});
