/** What merging keeps: order of first accesses, counts, and every hit and miss of a TLB wide enough. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  closeMerger,
  createMerger,
  DATA_PAGES,
  emptyMerger,
  FETCH_PAGES,
  isMergerFull,
  KIND_FETCH,
  KIND_LOAD,
  KIND_MODIFY,
  KIND_STORE,
  type Merger,
  mergeData,
  mergeFetch,
} from "./merge.ts";

interface Access {
  readonly page: number;
  readonly kind: number;
}

test("the example of the description", () => {
  expect(draw(merged(loads("ABAACB")))).toBe("A:3 B:1 C:1 B:1");
});

test("a page last used between two others is written between them", () => {
  expect(draw(merged(loads("BABC")))).toBe("B:1 A:1 B:1 C:1");
});

test("a fifth data page begins a new phase", () => {
  expect(draw(merged(loads("ABCDABCDEA")))).toBe("A:2 B:2 C:2 D:2 E:1 A:1");
});

test("fetches and data accesses are merged apart", () => {
  const m = createMerger();
  for (let i = 0; i < 5; i++) {
    mergeFetch(m, 1);
    mergeData(m, 2, KIND_STORE);
  }
  closeMerger(m);
  expect(records(m)).toEqual([
    { page: 1, kind: KIND_FETCH, count: 5 },
    { page: 2, kind: KIND_STORE, count: 5 },
  ]);
});

test("a first store after a load has its own place", () => {
  const m = createMerger();
  mergeData(m, 1, KIND_LOAD);
  mergeData(m, 2, KIND_LOAD);
  mergeData(m, 1, KIND_STORE);
  mergeData(m, 1, KIND_LOAD);
  closeMerger(m);
  expect(records(m)).toEqual([
    { page: 1, kind: KIND_LOAD, count: 2 },
    { page: 2, kind: KIND_LOAD, count: 1 },
    { page: 1, kind: KIND_STORE, count: 1 },
  ]);
});

test("first accesses keep their order, counts their sums, and least-recently-used TLBs their misses", () => {
  fc.assert(
    fc.property(fc.array(accessOf(14), { maxLength: 400 }), (accesses) => {
      const runs = merged(accesses);
      expect(firsts(runs)).toEqual(firsts(accesses));
      expect(sums(runs)).toEqual(sums(accesses));
      for (const fetch of [true, false]) {
        const side = (access: Access): boolean => (access.kind === KIND_FETCH) === fetch;
        const ways = fetch ? FETCH_PAGES : DATA_PAGES;
        for (const sets of [1, 2, 3]) {
          expect(misses(runs.filter(side), ways, sets)).toEqual(misses(accesses.filter(side), ways, sets));
        }
      }
    }),
    { numRuns: 300 },
  );
});

test("a full merger says so and goes on after it was emptied", () => {
  const m = createMerger();
  let n = 0;
  while (!isMergerFull(m)) mergeData(m, n++, KIND_LOAD);
  closeMerger(m);
  expect(m.length).toBe(n);
  emptyMerger(m);
  mergeData(m, n - 1, KIND_LOAD);
  closeMerger(m);
  expect(m.length).toBe(1);
});

function loads(pages: string): Access[] {
  return [...pages].map((letter) => ({ page: letter.charCodeAt(0) - 64, kind: KIND_LOAD }));
}

function accessOf(pages: number): fc.Arbitrary<Access> {
  const kind = fc.constantFrom(KIND_LOAD, KIND_STORE, KIND_FETCH, KIND_MODIFY);
  return fc.record({ page: fc.integer({ min: 1, max: pages }), kind });
}

function merged(accesses: readonly Access[]): { page: number; kind: number; count: number }[] {
  const m = createMerger();
  for (const { page, kind } of accesses) {
    if (kind === KIND_FETCH) mergeFetch(m, page);
    else mergeData(m, page, kind);
  }
  closeMerger(m);
  return records(m);
}

function records(m: Merger): { page: number; kind: number; count: number }[] {
  return Array.from({ length: m.length }, (_, i) => ({
    page: m.page[i]!,
    kind: m.kind[i]!,
    count: m.count[i]!,
  }));
}

function draw(runs: readonly { page: number; count: number }[]): string {
  return runs.map(({ page, count }) => `${String.fromCharCode(64 + page)}:${count}`).join(" ");
}

/** Pages with kinds in the order of their first access. */
function firsts(accesses: readonly Access[]): string[] {
  return [...new Set(accesses.map(({ page, kind }) => `${page} ${kind}`))];
}

function sums(accesses: readonly (Access & { count?: number })[]): Record<string, number> {
  const total: Record<string, number> = {};
  for (const { page, kind, count } of accesses)
    total[`${page} ${kind}`] = (total[`${page} ${kind}`] ?? 0) + (count ?? 1);
  return total;
}

/** The pages that a set-associative, least-recently-used TLB misses, in order. */
function misses(accesses: readonly Access[], ways: number, sets: number): number[] {
  const held: number[][] = Array.from({ length: sets }, () => []);
  const missed: number[] = [];
  for (const { page } of accesses) {
    const set = held[page % sets]!;
    const place = set.indexOf(page);
    if (place >= 0) set.splice(place, 1);
    else missed.push(page);
    set.push(page);
    if (set.length > ways) set.shift();
  }
  return missed;
}
