import fc from "fast-check";
import { expect, test } from "vitest";
import { NONE, type Vma } from "../base/types.ts";
import { createMemcgColumns } from "./memcg.ts";
import { createMmColumns } from "./mm.ts";
import type { SpaceState } from "./state.ts";
import { createTaskColumns } from "./task.ts";
import { checkVmas, createVmaColumns } from "./vma.ts";
import { allocVma, freeVma } from "./vma-rows.ts";
import {
  findGapAbove,
  findGapBelow,
  findVma,
  findVmaIntersection,
  findVmaPrev,
  insertVma,
  removeVma,
  setVmaRange,
  vmaLookup,
} from "./vma-tree.ts";

const MM = 1;

/** One address space and a pool of VMAs; nothing else is there. */
function space(rows = 600): SpaceState {
  return {
    vma: createVmaColumns(rows),
    mm: createMmColumns(2, 1),
    knob: { stackGuardGap: 256 },
    boot: new Float64Array(3),
    task: createTaskColumns(2),
    memcg: createMemcgColumns(2, 1, 1),
  } as unknown as SpaceState;
}

/** Puts a VMA at [start, end). */
function put(k: SpaceState, start: number, end: number): Vma {
  const vma = allocVma(k, MM);
  k.vma.start[vma] = start;
  k.vma.end[vma] = end;
  insertVma(k, MM, vma);
  k.mm.totalVm[MM] += end - start;
  return vma;
}

function take(k: SpaceState, vma: Vma): void {
  k.mm.totalVm[MM] -= k.vma.end[vma] - k.vma.start[vma];
  removeVma(k, MM, vma);
  freeVma(k, vma);
}

/** Address space drawn as text: letters are VMAs, a dot is a free page. The first page is page 0. */
function draw(text: string): SpaceState {
  const k = space();
  for (const run of text.matchAll(/([a-z])\1*/g)) put(k, run.index, run.index + run[0].length);
  return k;
}

test("a page inside a VMA finds it, a page in a hole finds the next one, and a page above all finds none", () => {
  const k = draw("..aaa..bb..");
  expect(k.vma.start[findVma(k, MM, 4)]).toBe(2);
  expect(k.vma.start[findVma(k, MM, 5)]).toBe(7);
  expect(findVma(k, MM, 9)).toBe(NONE);
  expect(vmaLookup(k, MM, 5)).toBe(NONE);
});

test("an intersection needs a common page", () => {
  const k = draw("..aaa..bb..");
  expect(findVmaIntersection(k, MM, 5, 7)).toBe(NONE);
  expect(k.vma.start[findVmaIntersection(k, MM, 5, 8)]).toBe(7);
});

test("the VMA before a page is the last one that ends at or below it", () => {
  const k = draw("..aaa..bb..");
  expect(findVmaPrev(k, MM, 2)).toBe(NONE);
  expect(k.vma.start[findVmaPrev(k, MM, 6)]).toBe(2);
  expect(k.vma.start[findVmaPrev(k, MM, 8)]).toBe(2);
  expect(k.vma.start[findVmaPrev(k, MM, 11)]).toBe(7);
});

test("the VMA found last is remembered and forgotten when it goes", () => {
  const k = draw("aa.bb");
  const vma = findVma(k, MM, 4);
  expect(k.mm.cachedVma[MM]).toBe(vma);
  take(k, vma);
  expect(k.mm.cachedVma[MM]).toBe(NONE);
  expect(findVma(k, MM, 4)).toBe(NONE);
});

test("the highest hole is cut by the upper limit and the lowest hole by the lower one", () => {
  //              0123456789012345678
  const k = draw("...aaa......bbb....");
  expect(findGapBelow(k, MM, 0, 12, 3)).toBe(12);
  expect(findGapBelow(k, MM, 0, 9, 3)).toBe(9);
  expect(findGapBelow(k, MM, 0, 8, 3)).toBe(3);
  expect(findGapBelow(k, MM, 1, 8, 3)).toBe(-1);
  expect(findGapAbove(k, MM, 0, 20, 4)).toBe(6);
  expect(findGapAbove(k, MM, 9, 20, 3)).toBe(9);
  expect(findGapAbove(k, MM, 10, 20, 3)).toBe(15);
  expect(findGapAbove(k, MM, 10, 17, 3)).toBe(-1);
});

test("an empty address space is one hole", () => {
  const k = space();
  expect(findGapBelow(k, MM, 16, 100, 84)).toBe(100);
  expect(findGapBelow(k, MM, 16, 100, 85)).toBe(-1);
  expect(findGapAbove(k, MM, 16, 100, 84)).toBe(16);
});

test("addresses beyond 32 bits are kept apart", () => {
  const k = space();
  put(k, 2 ** 34, 2 ** 34 + 1);
  put(k, 2 ** 35 - 2, 2 ** 35 - 1);
  expect(k.vma.start[findVma(k, MM, 2 ** 34 + 1)]).toBe(2 ** 35 - 2);
  expect(findGapBelow(k, MM, 16, 2 ** 35 - 1, 1000)).toBe(2 ** 35 - 2);
});

test("no row is left when all are in use", () => {
  const k = space(4);
  for (let row = 1; row < 4; row++) expect(allocVma(k, MM)).toBe(row);
  expect(allocVma(k, MM)).toBe(NONE);
  freeVma(k, 2);
  expect(allocVma(k, MM)).toBe(2);
});

/** The slow way: every hole in [low, high), from the list of ranges. */
function holes(
  ranges: readonly (readonly [number, number])[],
  low: number,
  high: number,
): [number, number][] {
  const found: [number, number][] = [];
  let floor = 0;
  for (const [start, end] of [...ranges, [Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER] as const]) {
    const bottom = Math.max(floor, low);
    const top = Math.min(start, high);
    if (top > bottom) found.push([bottom, top]);
    floor = end;
  }
  return found;
}

test("after any sequence of insertions, removals and resizings tree, list and holes agree with a sorted list", () => {
  const step = fc.record({
    at: fc.nat(400),
    size: fc.integer({ min: 1, max: 9 }),
    kind: fc.nat(3),
    low: fc.nat(400),
    need: fc.integer({ min: 1, max: 30 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const k = space();
      for (const { at, size, kind, low, need } of steps) {
        const vma = findVma(k, MM, at);
        if (kind === 0 && vma !== NONE) take(k, vma);
        else if (kind === 1 && vma !== NONE && k.vma.end[vma] - k.vma.start[vma] > 1) {
          k.mm.totalVm[MM]--;
          setVmaRange(k, vma, k.vma.start[vma] + (at & 1), k.vma.end[vma] - 1 + (at & 1));
        } else if (vma === NONE || k.vma.start[vma] >= at + size) put(k, at, at + size);
        checkVmas(k, MM);
        const ranges: [number, number][] = [];
        for (let row = k.mm.firstVma[MM]; row !== NONE; row = k.vma.next[row])
          ranges.push([k.vma.start[row], k.vma.end[row]]);
        const fitting = holes(ranges, low, low + 150).filter(([from, to]) => to - from >= need);
        expect(findGapBelow(k, MM, low, low + 150, need)).toBe(fitting.at(-1)?.[1] ?? -1);
        expect(findGapAbove(k, MM, low, low + 150, need)).toBe(fitting[0]?.[0] ?? -1);
        const found = findVma(k, MM, low);
        expect(found === NONE ? -1 : k.vma.start[found]).toBe(ranges.find(([, to]) => to > low)?.[0] ?? -1);
      }
    }),
    { numRuns: 150 },
  );
});

test("a thousand neighbours make a tree of at most fifteen levels", () => {
  const k = space(1001);
  for (let i = 0; i < 1000; i++) put(k, i * 2, i * 2 + 1);
  checkVmas(k, MM);
  expect(k.vma.height[k.mm.vmaRoot[MM]]).toBeLessThanOrEqual(15);
});
