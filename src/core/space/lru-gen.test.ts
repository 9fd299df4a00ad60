/**
 * Generations on drawn states. A drawing lists generations from the oldest on, pages of each as letters, head first.
 * Linux: mm/vmscan.c, include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import { expect, test } from "vitest";
import { fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { storePages } from "../../../test/support/task-memory.ts";
import { readFile, writeFile } from "../abi/vfs.ts";
import type { Pfn } from "../base/types.ts";
import { FLAGS, NEXT, PAGE_WORDS, PG_referenced, PG_workingset } from "../frame/page.ts";
import { PTE_ACCESSED } from "../hw/pte.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { genRow, incRefs, LRU_GEN_ANON, refsOf, tierOf } from "./lru-gen.ts";
import { tryToIncMaxSeq, tryToIncMinSeq } from "./lru-gen-aging.ts";
import { addToFilter, resetFilter, testFilter } from "./lru-gen-bloom.ts";
import { carryPositions, lastTier, mayEvict, readPosition } from "./lru-gen-pid.ts";
import { LRU_ACTIVE_ANON, LRU_INACTIVE_ANON } from "./lru-list.ts";
import { lruAddDrain } from "./lruvec.ts";
import { findPte, normalPage } from "./pagetable.ts";

const ADDR = 0x10000000;
const ENABLED = "/sys/kernel/mm/lru_gen/enabled";

/** A machine with MGLRU whose task has stored to so many pages. */
function youngPages(pages: number): { k: Kernel; pfns: Pfn[]; pte: (page: number) => number } {
  const { k, task } = fileMachine({ knobs: { [ENABLED]: 7 } });
  k.task.cpuTask[0] = task;
  storePages(k, task, ADDR, pages);
  lruAddDrain(k);
  const pte = (page: number): number => findPte(k, k.task.mm[task]!, ADDR / PAGE + page);
  return { k, pfns: Array.from({ length: pages }, (_, page) => normalPage(k, pte(page))), pte };
}

/** The anonymous lists from the oldest generation on; only pages of `pfns`. */
function draw(k: Kernel, pfns: readonly Pfn[]): string {
  const texts: string[] = [];
  for (let seq = k.lruGen.minSeq[0]!; seq <= k.lruGen.maxSeq[0]!; seq++) {
    let text = "";
    for (let zone = 3; zone >= 0; zone--)
      for (
        let pfn = k.lruGen.head[genRow(0, seq & 3, LRU_GEN_ANON, zone)]!;
        pfn !== 0;
        pfn = k.page[pfn * PAGE_WORDS + NEXT]!
      )
        if (pfns.includes(pfn)) text += "abcdefgh".charAt(pfns.indexOf(pfn));
    texts.push(text);
  }
  return texts.join("|");
}

test("pages of a fault are the youngest; two agings on, those not used since are the oldest", () => {
  const { k, pfns, pte } = youngPages(4);
  expect(draw(k, pfns)).toBe("|||dcba");
  // All four numbers are taken: the oldest generation ends, though nobody evicted from it.
  expect(tryToIncMaxSeq(k, 0, 3, true, false)).toBe(true);
  expect(draw(k, pfns)).toBe("||dcba|");
  expect([k.lruGen.minSeq[0], k.lruGen.maxSeq[0]]).toEqual([1, 4]);
  // The walk of page tables has taken the marks, and made the pages young by number; the lists follow at eviction.
  for (let page = 0; page < 4; page++) expect(k.ram.words[pte(page)]! & PTE_ACCESSED).toBe(0);
  k.ram.words[pte(1)]! |= PTE_ACCESSED;
  tryToIncMaxSeq(k, 0, 4, true, true);
  tryToIncMaxSeq(k, 0, 5, true, true);
  expect(draw(k, pfns)).toBe("dcba|||");
  const gens = pfns.map((pfn) => (k.lruGen.page[pfn]! & 7) - 1);
  // The next walk made b as young as there was then, 4; nobody used the others after the fault.
  expect(gens).toEqual([3, 0, 3, 3]);
  checkKernel(k);
});

test("an aging is done once for a number", () => {
  const { k } = youngPages(1);
  expect(tryToIncMaxSeq(k, 0, 3, true, false)).toBe(true);
  expect(tryToIncMaxSeq(k, 0, 3, true, false)).toBe(false);
});

test("empty generations end, down to two", () => {
  const { k } = youngPages(4);
  expect(tryToIncMinSeq(k, 0, true)).toBe(true);
  // Files of the two youngest keep nothing back; anonymous pages do not run ahead of them.
  expect([k.lruGen.minSeq[0], k.lruGen.minSeq[1], k.lruGen.maxSeq[0]]).toEqual([2, 2, 3]);
  expect(tryToIncMinSeq(k, 0, true)).toBe(false);
});

test("uses through descriptors: referenced, workingset, then two bits; tiers by powers of two", () => {
  const { k, pfns } = youngPages(1);
  const at = pfns[0]! * PAGE_WORDS + FLAGS;
  k.page[at]! &= ~(PG_referenced | PG_workingset);
  const tiers: number[] = [];
  for (let use = 0; use < 7; use++) {
    tiers.push(tierOf(refsOf(k, pfns[0]!)));
    incRefs(k, pfns[0]!);
  }
  expect(tiers).toEqual([0, 0, 1, 2, 2, 3, 3]);
});

test("a filter that was never made holds everything; a made one what was added", () => {
  const { k } = youngPages(1);
  expect(testFilter(k, 0, 4, 100, 5)).toBe(true);
  resetFilter(k, 0, 4);
  expect(testFilter(k, 0, 4, 100, 5)).toBe(false);
  addToFilter(k, 0, 4, 100, 5);
  expect(testFilter(k, 0, 4, 100, 5)).toBe(true);
  expect(testFilter(k, 0, 4, 100, 6)).toBe(false);
  // hash_64 of the entry's address in the direct map, 30 bits of it.
  const entry = 0xffff888000000000n + 100n * 4096n + 5n * 8n;
  const hash = Number(((entry * 0x61c8864680b583ebn) & 0xffffffffffffffffn) >> 34n);
  const set = [hash & 32767, hash >>> 15].map((bit) => (k.lruGen.filter[bit >> 5]! >>> (bit & 31)) & 1);
  expect(set).toEqual([1, 1]);
});

test("the controller: few refaults may go; more only at a smaller share than the set point's", () => {
  const setPoint = { refaulted: 100, total: 936, gain: 1 };
  expect(mayEvict(setPoint, { refaulted: 63, total: 64, gain: 2 })).toBe(true);
  // 64 * (936 + 64) * 1 against 101 * total * 2.
  expect(mayEvict(setPoint, { refaulted: 64, total: 317, gain: 2 })).toBe(true);
  expect(mayEvict(setPoint, { refaulted: 64, total: 316, gain: 2 })).toBe(false);
});

test("positions fade by half with each generation; a tier that comes back more is protected", () => {
  const { k } = youngPages(1);
  const g = k.lruGen;
  g.evicted[4] = 1000;
  g.refaulted[4] = 10;
  g.evicted[6] = 100;
  g.protectedPages[6] = 100;
  g.refaulted[6] = 200;
  expect(lastTier(k, 0, 1)).toBe(1);
  carryPositions(k, 0, 1);
  expect(readPosition(k, 0, 1, 2, 1)).toEqual({ refaulted: 100, total: 100, gain: 1 });
  expect(lastTier(k, 0, 1)).toBe(1);
  carryPositions(k, 0, 1);
  // 50 refaults are below what counts.
  expect(lastTier(k, 0, 1)).toBe(3);
});

test("switched off and on again: the two youngest generations are the active list, and it becomes the youngest", () => {
  const { k, pfns } = youngPages(4);
  const size = (list: number): number => k.lruvec.size[list]!;
  expect(readFile(k, ENABLED)).toBe("0x0007\n");
  expect(writeFile(k, ENABLED, "n")).toBe(0);
  expect([size(LRU_INACTIVE_ANON), size(LRU_ACTIVE_ANON), draw(k, pfns)]).toEqual([0, 4, "|||"]);
  checkKernel(k);
  expect(writeFile(k, ENABLED, "y")).toBe(0);
  expect(draw(k, pfns)).toBe("|||dcba");
  expect(writeFile(k, ENABLED, "0x5")).toBe(0);
  expect(readFile(k, ENABLED)).toBe("0x0005\n");
  checkKernel(k);
});
