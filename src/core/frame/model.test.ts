/** The page allocator against a plain set of frames: whatever is allocated and freed, no frame has two owners or none. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkFrames, frameKernel } from "../../../test/support/frames.ts";
import { allocPage, allocPages } from "../alloc/pages.ts";
import type { AllocState } from "../alloc/state.ts";
import { loadWord, storeWord } from "../hw/ram.ts";
import {
  __GFP_COMP,
  __GFP_HIGH,
  __GFP_RECLAIMABLE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
} from "../reclaim/gfp.ts";
import { BOOT_RUNNING_CPU, BOOT_TOTALRAM, PCP_COUNT, PCP_WORDS } from "./mmzone.ts";
import { PAGE_WORDS, REFCOUNT } from "./page.ts";
import { freePage, freeUnref } from "./pcp.ts";
import { decayPcpHigh, drainAllPcp } from "./pcp-drain.ts";
import { NR_FREE_PAGES, sumZoneItem } from "./vmstat.ts";

const MIB = 1048576;
const FLAGS = [
  GFP_HIGHUSER_MOVABLE,
  GFP_HIGHUSER_MOVABLE | __GFP_ZERO,
  GFP_KERNEL,
  GFP_KERNEL | __GFP_RECLAIMABLE,
  GFP_ATOMIC | __GFP_HIGH,
];

/** Two nodes with a hole, one CPU each; small, so that zones run short and types mix. */
function machine(): AllocState {
  return frameKernel({
    e820: [
      { startByte: 0, endByte: 20 * MIB, node: 0 },
      { startByte: 21 * MIB, endByte: 25 * MIB + 4096 * 3, node: 0 },
      { startByte: 32 * MIB, endByte: 40 * MIB, node: 1 },
    ],
    nodes: [{ cpus: [0] }, { cpus: [1] }],
    contentFrames: 16000,
  });
}

interface Owned {
  readonly pfn: number;
  readonly order: number;
  readonly mark: number;
}

/** One random history; returns nothing, throws when something is wrong. */
function play(
  steps: readonly { kind: number; flags: number; order: number; pick: number; many: number }[],
): void {
  const k = machine();
  const owned: Owned[] = [];
  const owner = new Map<number, number>();
  let mark = 0;
  for (const step of steps) {
    k.boot[BOOT_RUNNING_CPU] = step.pick & 1;
    for (let i = 0; i < step.many; i++) {
      if (step.kind < 5) take(k, step, ++mark);
      else if (step.kind < 9) give(k, step.pick + i * 7);
    }
    if (step.kind === 9) drainAllPcp(k);
    if (step.kind === 10)
      for (let zone = 1; zone < k.zone.count; zone++) decayPcpHigh(k, zone, step.pick & 1);
    checkFrames(k);
    let lists = 0;
    for (let row = 0; row < k.pcp.rows.length; row += PCP_WORDS) lists += k.pcp.rows[row + PCP_COUNT];
    expect(sumZoneItem(k.vmstat, NR_FREE_PAGES) + lists + owner.size).toBe(k.boot[BOOT_TOTALRAM]);
  }

  function take(kernel: AllocState, step: { flags: number; order: number }, name: number): void {
    const gfp = FLAGS[step.flags];
    const order = step.order;
    const pfn =
      order === 0
        ? allocPage(kernel, gfp)
        : allocPages(kernel, gfp | (name % 3 === 0 ? __GFP_COMP : 0), order);
    if (pfn < 0) return;
    expect(pfn % (1 << order)).toBe(0);
    expect(kernel.page[pfn * PAGE_WORDS + REFCOUNT]).toBe(1);
    for (let at = pfn; at < pfn + (1 << order); at++) {
      expect(owner.has(at)).toBe(false);
      owner.set(at, name);
      for (let word = 2; word < PAGE_WORDS; word++) expect(kernel.page[at * PAGE_WORDS + word]).toBe(0);
      if ((gfp & __GFP_ZERO) !== 0) expect(loadWord(kernel, at, at % 1024)).toBe(0);
    }
    storeWord(kernel, pfn, pfn % 1024, name);
    owned.push({ pfn, order, mark: name });
  }

  function give(kernel: AllocState, pick: number): void {
    if (owned.length === 0) return;
    const index = pick % owned.length;
    const page = owned[index];
    owned[index] = owned.at(-1)!;
    owned.pop();
    expect(loadWord(kernel, page.pfn, page.pfn % 1024)).toBe(page.mark);
    for (let at = page.pfn; at < page.pfn + (1 << page.order); at++) owner.delete(at);
    if (page.order === 0) freePage(kernel, page.pfn);
    else freeUnref(kernel, page.pfn, page.order);
  }
}

test("random histories of allocating, freeing and draining keep every frame in exactly one place", () => {
  const step = fc.record({
    kind: fc.integer({ min: 0, max: 10 }),
    flags: fc.integer({ min: 0, max: FLAGS.length - 1 }),
    order: fc.oneof(
      { weight: 6, arbitrary: fc.constant(0) },
      fc.integer({ min: 0, max: 4 }),
      fc.constant(9),
      fc.constant(10),
    ),
    pick: fc.nat(100000),
    many: fc.oneof(fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 800 })),
  });
  fc.assert(fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), play), { numRuns: 25, seed: 612 });
});

test("the same history gives the same columns", () => {
  const run = (): AllocState => {
    const k = machine();
    for (let i = 0; i < 500; i++) {
      const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
      if (i % 3 === 0) freePage(k, pfn);
    }
    return k;
  };
  expect(run().page).toEqual(run().page);
});
