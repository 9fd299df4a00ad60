/**
 * What MGLRU's eviction does with pages on drawn states, and how min_ttl_ms protects what was used lately.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/admin-guide/mm/multigen_lru.rst
 */
import { expect, test } from "vitest";
import { fileMachine, PAGE } from "../../../../test/support/file-machine.ts";
import { addSwap, storePages } from "../../../../test/support/task-memory.ts";
import { writeFile } from "../../abi/vfs.ts";
import { FLAGS, PAGE_WORDS, PG_workingset } from "../../frame/page.ts";
import { OOM_KILL, PGREFILL, PGSCAN_DIRECT, PGSTEAL_DIRECT } from "../../frame/vmstat.ts";
import { checkKernel, type Kernel } from "../../kernel.ts";
import { LRU_GEN_ANON, setRefs } from "../../space/lru-gen.ts";
import { tryToIncMaxSeq } from "../../space/lru-gen-aging.ts";
import { lruAddDrain } from "../../space/lruvec.ts";
import { findPte, normalPage } from "../../space/pagetable.ts";
import { GFP_KERNEL } from "../gfp.ts";
import { createScan } from "../scan-control.ts";
import { evictFolios } from "./mglru.ts";
import { lruGenAgeNode, shouldRunAging } from "./mglru-shrink.ts";

const ADDR = 0x10000000;
const TTL = "/sys/kernel/mm/lru_gen/min_ttl_ms";

/** A machine whose task has stored to so many pages, which were made the oldest generation since. */
function oldPages(pages: number): { k: Kernel; pfnAt: (page: number) => number } {
  const { k, task } = fileMachine();
  addSwap(k, 4096);
  storePages(k, task, ADDR, pages);
  lruAddDrain(k);
  tryToIncMaxSeq(k, 0, 3, true, true);
  tryToIncMaxSeq(k, 0, 4, true, false);
  return { k, pfnAt: (page) => normalPage(k, findPte(k, k.task.mm[task]!, ADDR / PAGE + page)) };
}

test("a batch is 64 pages of the oldest generation; those used often through descriptors get another round", () => {
  const { k, pfnAt } = oldPages(100);
  const { event } = k.vmstat;
  for (let page = 0; page < 10; page++) {
    setRefs(k, pfnAt(page), true);
    k.page[pfnAt(page) * PAGE_WORDS + FLAGS]! |= PG_workingset;
  }
  const sc = createScan({ nrToReclaim: 32, gfp: GFP_KERNEL });
  // Empty generations before the pages' own: the first batch only counts them out.
  while (event[PGSCAN_DIRECT] === 0) evictFolios(k, 0, sc, 60);
  expect([event[PGREFILL], event[PGSCAN_DIRECT]]).toEqual([10, 64]);
  expect(k.lruGen.protectedPages[3]).toBe(10);
  expect(event[PGSTEAL_DIRECT]).toBe(sc.nrReclaimed);
  checkKernel(k);
});

test("aging is due when the youngest generation has more than half, or the oldest less than a quarter", () => {
  const { k } = oldPages(100);
  k.lruGen.minSeq.set([3, 3], 0);
  // 3: 100 pages, 4 and 5: none.
  expect(shouldRunAging(k, 0, true, 100)).toBe(false);
  k.lruGen.minSeq.set([2, 2], 0);
  expect(shouldRunAging(k, 0, true, 100)).toBe(false);
  k.lruGen.maxSeq[0] = 4;
  // 2 is the one to be evicted next and has none.
  expect(shouldRunAging(k, 0, true, 100)).toBe(true);
  k.lruGen.maxSeq[0] = 3;
  expect(shouldRunAging(k, 0, true, 100)).toBe(true);
  expect(k.lruGen.minSeq[LRU_GEN_ANON]).toBe(2);
});

test("min_ttl_ms: when nothing is old enough, kswapd has somebody killed", () => {
  const { k } = oldPages(5000);
  const sc = createScan({ nrToReclaim: 64, gfp: GFP_KERNEL, isKswapd: true });
  k.clock.ns[0] = 10e9;
  k.lruGen.birthNs.fill(9.5e9, 0, 4);
  lruGenAgeNode(k, 0, sc);
  expect(k.vmstat.event[OOM_KILL]).toBe(0);
  // Kept in ticks of 4 ms: 400.
  expect(writeFile(k, TTL, "397")).toBe(0);
  lruGenAgeNode(k, 0, sc);
  expect(k.vmstat.event[OOM_KILL]).toBe(0);
  expect(writeFile(k, TTL, "600")).toBe(0);
  lruGenAgeNode(k, 0, sc);
  expect(k.vmstat.event[OOM_KILL]).toBe(1);
});
