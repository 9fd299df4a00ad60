/**
 * zsmalloc's classes as Documentation/mm/zsmalloc.rst of 6.12 lists them for chains of up to 8 frames, and how groups fill and empty.
 */
import { expect, test } from "vitest";
import { MIGRATE_MOVABLE, ZONE_MOVABLE } from "../frame/mmzone.ts";
import { PRESETS } from "../hw/presets.ts";
import { boot, checkKernel, type Kernel } from "../kernel.ts";
import { takeInside } from "../reclaim/take-inside.ts";
import { zsAddGroup, zsCanCompact, zsChainOf, zsCompact, zsFree, zsPut } from "./zsmalloc.ts";

const POOL = 3;
/** Bytes of the handle that leads every object of a class's size. */
const HANDLE = 8;

function machine(): Kernel {
  return boot({ ...PRESETS["tiny"], config: { zswap: "lz4" } });
}

/** Objects of one size, with groups made for them as they are needed. */
function objects(k: Kernel, bytes: number, count: number): number[] {
  return Array.from({ length: count }, () => {
    const object = zsPut(k, POOL, bytes);
    if (object !== 0) return object;
    const pfns = Int32Array.from({ length: zsChainOf(bytes) }, () =>
      takeInside(k, MIGRATE_MOVABLE, ZONE_MOVABLE),
    );
    expect(zsAddGroup(k, POOL, bytes, pfns)).toBe(true);
    return zsPut(k, POOL, bytes);
  });
}

test("chains are as long as leaves the least behind; what is larger than 3632 bytes has a frame of its own", () => {
  const frames = [3264, 3408, 3504, 3584, 3632, 3648, 4096].map((size) => zsChainOf(size - HANDLE));
  expect(frames).toEqual([4, 5, 6, 7, 8, 1, 1]);
  expect(zsChainOf(4096)).toBe(1);
  expect(zsChainOf(1568 - HANDLE)).toBe(5);
});

test("13 objects of 1568 bytes fill 5 frames, and one more takes 5 more", () => {
  const k = machine();
  objects(k, 1568 - HANDLE, 13);
  expect(k.zsmalloc.pages[POOL]).toBe(5);
  objects(k, 1568 - HANDLE, 1);
  expect(k.zsmalloc.pages[POOL]).toBe(10);
  checkKernel(k);
});

test("a group's frames are free when its last object is", () => {
  const k = machine();
  for (const object of objects(k, 100, 200)) zsFree(k, object);
  expect(k.zsmalloc.pages[POOL]).toBe(0);
  checkKernel(k);
});

test("compaction moves the objects of the emptiest groups to the fullest", () => {
  const k = machine();
  const all = objects(k, 1568 - HANDLE, 13 * 4);
  // Half of the objects of every group go: two groups have room for all that is left.
  for (const [i, object] of all.entries()) if (i % 2 === 0) zsFree(k, object);
  expect(k.zsmalloc.pages[POOL]).toBe(20);
  expect(zsCanCompact(k, POOL)).toBe(10);
  expect(zsCompact(k, POOL)).toBe(10);
  expect(k.zsmalloc.pages[POOL]).toBe(10);
  checkKernel(k);
});
