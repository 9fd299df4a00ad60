import { expect, test } from "vitest";
import { createRng, randomBelow } from "../base/rng.ts";
import { completeMachine } from "./machine.ts";
import { PRESETS } from "./presets.ts";
import type { HwState } from "./state.ts";
import {
  checkTlb,
  createTlb,
  dropTlbAsid,
  dropTlbPage,
  fillTlb,
  findTlbEntry,
  hitSecondLevel,
  promoteTlbEntry,
  rewindTicks,
} from "./tlb.ts";
import { ENTRY_L1D, ENTRY_L1I, ENTRY_L2, SIZE_2M, TAG_ASID_SHIFT, TAG_SIZE_SHIFT } from "./tlb-places.ts";

/** A CPU with one set of two ways in L1 and one set of four in L2. */
function small(): HwState {
  const machine = completeMachine({
    ...PRESETS.tiny,
    tlb: { l1d4k: { sets: 1, ways: 2 }, l1i4k: { sets: 1, ways: 2 }, l2: { sets: 1, ways: 4 } },
  });
  return { machine, tlb: createTlb(machine) } as unknown as HwState;
}

function fill(k: HwState, page: number, fetch = false): void {
  k.tlb.walk[0] = page;
  k.tlb.walk[1] = 7;
  fillTlb(k, 0, 0, page, fetch);
}

/** Which arrays hold the page: d, i and 2. */
function where(k: HwState, page: number): string {
  const entry = findTlbEntry(k, 0, 0, page);
  if (entry === 0) return "-";
  const has = (word: number): boolean => k.tlb.entry[entry * 8 + word] !== 0;
  return `${has(ENTRY_L1D) ? "d" : ""}${has(ENTRY_L1I) ? "i" : ""}${has(ENTRY_L2) ? "2" : ""}`;
}

function all(k: HwState, pages: number): string {
  checkTlb(k);
  return Array.from({ length: pages }, (_, page) => where(k, page)).join(" ");
}

test("a fill goes to L1 and L2, and L1 evicts what was used longest ago", () => {
  const k = small();
  for (let page = 0; page < 3; page++) fill(k, page);
  expect(all(k, 3)).toBe("2 d2 d2");
});

test("L2 evicts what it used longest ago, whatever L1 does with it", () => {
  const k = small();
  fill(k, 0);
  fill(k, 1);
  for (let page = 2; page < 5; page++) {
    promoteTlbEntry(k, 0, findTlbEntry(k, 0, 0, 0), false);
    fill(k, page);
  }
  // Page 0 stayed in L1 by its hits there, which L2 never saw.
  expect(all(k, 5)).toBe("d 2 2 2 d2");
});

test("a hit in L2 brings the page back to L1 and makes it the last to go", () => {
  const k = small();
  for (let page = 0; page < 4; page++) fill(k, page);
  hitSecondLevel(k, 0, findTlbEntry(k, 0, 0, 0), false);
  expect(all(k, 4)).toBe("d2 2 2 d2");
  fill(k, 4);
  expect(all(k, 5)).toBe("d2 - 2 2 d2");
});

test("instructions and data have their own first level and share the second", () => {
  const k = small();
  fill(k, 0);
  fill(k, 0, true);
  fill(k, 1, true);
  expect(all(k, 2)).toBe("di2 i2");
});

test("dropping a page drops it everywhere, and its place is the next to be taken", () => {
  const k = small();
  for (let page = 0; page < 4; page++) fill(k, page);
  dropTlbPage(k, 0, 0, 3);
  expect(all(k, 4)).toBe("2 2 d2 -");
  fill(k, 4);
  expect(all(k, 5)).toBe("2 2 d2 - d2");
});

test("dropping a page drops the large page that covers it", () => {
  const k = small();
  k.tlb.walk[1] = 7;
  fillTlb(k, 0, 0, 512 | (SIZE_2M << TAG_SIZE_SHIFT), false);
  expect(k.tlb.usedHuge[0]).toBe(1);
  dropTlbPage(k, 0, 0, 700);
  expect([k.tlb.used[0], k.tlb.usedHuge[0]]).toEqual([0, 0]);
  checkTlb(k);
});

test("dropping an ASID leaves the others", () => {
  const k = small();
  fill(k, 0);
  k.tlb.walk[0] = 9;
  fillTlb(k, 0, 0, 0 | (3 << TAG_ASID_SHIFT), false);
  dropTlbAsid(k, 0, 3);
  expect(all(k, 1)).toBe("d2");
  expect(findTlbEntry(k, 0, 0, 3 << TAG_ASID_SHIFT)).toBe(0);
});

test("turning the ticks back keeps the order of use", () => {
  const k = small();
  fill(k, 0);
  fill(k, 1);
  promoteTlbEntry(k, 0, findTlbEntry(k, 0, 0, 0), false);
  k.tlb.tick[0] = 0x7effffff;
  rewindTicks(k, 0, 0x7f000000);
  expect(k.tlb.tick[0]).toBeLessThan(1000);
  fill(k, 2);
  expect(all(k, 3)).toBe("d2 2 d2");
});

test("many random pages: every array holds what a list in order of use would", () => {
  const machine = completeMachine(PRESETS.tiny!);
  const k = { machine, tlb: createTlb(machine) } as unknown as HwState;
  const rng = createRng(5);
  const { l1d4k, l2 } = machine.tlb;
  const first: number[][] = Array.from({ length: l1d4k.sets }, () => []);
  const second: number[][] = Array.from({ length: l2.sets }, () => []);
  const use = (list: number[], page: number, ways: number): void => {
    const at = list.indexOf(page);
    if (at >= 0) list.splice(at, 1);
    list.unshift(page);
    list.length = Math.min(list.length, ways);
  };
  for (let step = 0; step < 20000; step++) {
    const page = randomBelow(rng, 3000);
    const l1 = first[page % l1d4k.sets]!;
    const l2set = second[page % l2.sets]!;
    const entry = findTlbEntry(k, 0, 0, page);
    if (l1.includes(page)) promoteTlbEntry(k, 0, entry, false);
    else {
      if (l2set.includes(page)) hitSecondLevel(k, 0, entry, false);
      else fill(k, page);
      use(l2set, page, l2.ways);
    }
    use(l1, page, l1d4k.ways);
    expect(where(k, page)).toBe(l2set.includes(page) ? "d2" : "d");
  }
  for (let page = 0; page < 3000; page++) {
    const text = `${first[page % l1d4k.sets]!.includes(page) ? "d" : ""}${second[page % l2.sets]!.includes(page) ? "2" : ""}`;
    expect(where(k, page)).toBe(text === "" ? "-" : text);
  }
  checkTlb(k);
});
