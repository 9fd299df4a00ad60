/**
 * What 6.12 does with private memory, as mm/memory.c decides and the golden cases cow-* and demand-zero-* show.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork, touchPages } from "../../../test/support/task-memory.ts";
import { writeFile } from "../abi/vfs.ts";
import { FAULT_SEGV_ACCERR, FAULT_SEGV_MAPERR } from "../base/errno.ts";
import { FLAGS, MAPCOUNT, PAGE_WORDS, PG_anonExclusive, PG_lru, REFCOUNT } from "../frame/page.ts";
import { NR_ANON_MAPPED, NR_INACTIVE_ANON, PGFAULT, PGREUSE } from "../frame/vmstat.ts";
import { ACCESS_FETCH, ACCESS_LOAD, ACCESS_MODIFY, ACCESS_STORE } from "../hw/mmu.ts";
import { PTE_DIRTY, PTE_RW, PTE_SPECIAL, ptePfn } from "../hw/pte.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { exactRss, MM_ANONPAGES, readRss } from "../space/mm.ts";
import { findPte } from "../space/pagetable.ts";
import { loadBytes, storeBytes } from "./user-bytes.ts";
import { ZERO_PAGE } from "./zero-page.ts";

const MMAP = 9;
const MPROTECT = 10;
const EXIT_GROUP = 231;
const WAIT4 = 61;
const ADDR = 0x10000000;

function space(pages: number, prot = 3): { k: Kernel; task: number; mm: number } {
  const { k, task } = fileMachine();
  expect(call(k, task, MMAP, [ADDR, pages * PAGE, prot, 0x32, -1, 0])).toBe(ADDR);
  return { k, task, mm: k.task.mm[task]! };
}

function pfnAt(k: Kernel, mm: number, page: number): number {
  const pte = findPte(k, mm, ADDR / PAGE + page);
  return ptePfn(k.ram.words[pte]!, k.ram.words[pte + 1]!);
}

function lowAt(k: Kernel, mm: number, page: number): number {
  return k.ram.words[findPte(k, mm, ADDR / PAGE + page)]!;
}

function field(k: Kernel, pfn: number, word: number): number {
  return k.page[pfn * PAGE_WORDS + word]!;
}

function forked(k: Kernel, task: number): { child: number; mm: number } {
  const child = fork(k, task);
  return { child, mm: k.task.mm[child]! };
}

function endChild(k: Kernel, task: number, child: number): void {
  call(k, child, EXIT_GROUP, [0]);
  call(k, task, WAIT4, [-1, 0, 0, 0]);
}

test("a read maps the page of zeros, which is not resident", () => {
  const { k, task, mm } = space(4);
  expect(touch(k, task, ADDR, ACCESS_LOAD)).toBe(0);
  expect(pfnAt(k, mm, 0)).toBe(k.zeroPfn[ZERO_PAGE]);
  expect(lowAt(k, mm, 0) & (PTE_SPECIAL | PTE_RW | PTE_DIRTY)).toBe(PTE_SPECIAL);
  expect(exactRss(k, mm, MM_ANONPAGES)).toBe(0);
  expect(k.task.minFlt[task]).toBe(1);
  checkKernel(k);
});

test("a store after a read replaces the page of zeros by a second fault", () => {
  const { k, task, mm } = space(4);
  touch(k, task, ADDR, ACCESS_LOAD);
  touch(k, task, ADDR, ACCESS_STORE);
  expect(pfnAt(k, mm, 0)).not.toBe(k.zeroPfn[ZERO_PAGE]);
  expect([k.task.minFlt[task], exactRss(k, mm, MM_ANONPAGES)]).toEqual([2, 1]);
  expect(k.vmstat.event[PGREUSE]).toBe(0);
  checkKernel(k);
});

test("a store makes a page that is exclusive, dirty, and referenced by its entry and the batch", () => {
  const { k, task, mm } = space(4);
  touch(k, task, ADDR, ACCESS_MODIFY);
  const pfn = pfnAt(k, mm, 0);
  expect(lowAt(k, mm, 0) & (PTE_RW | PTE_DIRTY)).toBe(PTE_RW | PTE_DIRTY);
  expect(field(k, pfn, FLAGS) & (PG_anonExclusive | PG_lru)).toBe(PG_anonExclusive);
  expect([field(k, pfn, REFCOUNT), field(k, pfn, MAPCOUNT)]).toEqual([2, 1]);
  expect([k.vmstat.node[NR_ANON_MAPPED], k.vmstat.event[PGFAULT]]).toEqual([1, 1]);
  checkKernel(k);
});

test("the 31st page fills the batch, and all of it goes to the inactive list of the classic LRU", () => {
  const { k, task } = space(64);
  expect(writeFile(k, "/sys/kernel/mm/lru_gen/enabled", "n")).toBe(0);
  touchPages(k, task, ADDR, 30, ACCESS_STORE);
  expect(k.vmstat.node[NR_INACTIVE_ANON]).toBe(0);
  touch(k, task, ADDR + 30 * PAGE, ACCESS_STORE);
  expect(k.vmstat.node[NR_INACTIVE_ANON]).toBe(31);
  checkKernel(k);
});

test("/proc's resident pages move by batches of 32 on a small machine", () => {
  const { k, task, mm } = space(64);
  touchPages(k, task, ADDR, 31, ACCESS_STORE);
  expect(readRss(k, mm, MM_ANONPAGES)).toBe(0);
  touch(k, task, ADDR + 31 * PAGE, ACCESS_STORE);
  expect(readRss(k, mm, MM_ANONPAGES)).toBe(32);
  checkKernel(k);
});

test("after a fork each side's first store copies, until one reference is left", () => {
  const { k, task, mm } = space(1);
  storeBytes(k, task, ADDR, Uint8Array.of(1, 2, 3));
  const shared = pfnAt(k, mm, 0);
  const { child, mm: childMm } = forked(k, task);
  expect([field(k, shared, MAPCOUNT), field(k, shared, FLAGS) & PG_anonExclusive]).toEqual([2, 0]);
  expect([lowAt(k, mm, 0) & PTE_RW, lowAt(k, childMm, 0) & PTE_RW]).toEqual([0, 0]);
  storeBytes(k, child, ADDR, Uint8Array.of(9));
  expect(pfnAt(k, childMm, 0)).not.toBe(shared);
  expect(pfnAt(k, mm, 0)).toBe(shared);
  storeBytes(k, task, ADDR, Uint8Array.of(7));
  expect([pfnAt(k, mm, 0), k.vmstat.event[PGREUSE]]).toEqual([shared, 1]);
  const seen = new Uint8Array(3);
  loadBytes(k, child, ADDR, seen);
  expect([...seen]).toEqual([9, 2, 3]);
  loadBytes(k, task, ADDR, seen);
  expect([...seen]).toEqual([7, 2, 3]);
  checkKernel(k);
});

test("when the child is gone, the parent's store reuses the page it forked with", () => {
  const { k, task, mm } = space(8);
  touchPages(k, task, ADDR, 8, ACCESS_STORE);
  const before = pfnAt(k, mm, 3);
  endChild(k, task, forked(k, task).child);
  const faults = k.task.minFlt[task]!;
  touchPages(k, task, ADDR, 8, ACCESS_STORE);
  expect(k.task.minFlt[task]! - faults).toBe(8);
  expect([pfnAt(k, mm, 3), k.vmstat.event[PGREUSE]]).toEqual([before, 8]);
  checkKernel(k);
});

test("a child reads what it shares without a fault, because its entries were copied", () => {
  const { k, task } = space(8);
  touchPages(k, task, ADDR, 8, ACCESS_STORE);
  const { child } = forked(k, task);
  touchPages(k, child, ADDR, 8, ACCESS_LOAD);
  expect(k.task.minFlt[child]).toBe(0);
  checkKernel(k);
});

test("a page that mprotect took W from gets it back without a copy", () => {
  const { k, task, mm } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  const pfn = pfnAt(k, mm, 0);
  call(k, task, MPROTECT, [ADDR, PAGE, 1]);
  expect(touch(k, task, ADDR, ACCESS_STORE)).toBe(FAULT_SEGV_ACCERR);
  call(k, task, MPROTECT, [ADDR, PAGE, 3]);
  expect(touch(k, task, ADDR, ACCESS_STORE)).toBe(0);
  expect(pfnAt(k, mm, 0)).toBe(pfn);
  checkKernel(k);
});

test("a hole is MAPERR, a missing permission ACCERR, and neither counts as a fault of the task", () => {
  const { k, task } = space(1, 1);
  expect(touch(k, task, ADDR + PAGE, ACCESS_LOAD)).toBe(FAULT_SEGV_MAPERR);
  expect(touch(k, task, ADDR, ACCESS_STORE)).toBe(FAULT_SEGV_ACCERR);
  expect(k.task.minFlt[task]).toBe(0);
});

test("a fetch from memory that may not be executed takes the page in first and is refused then", () => {
  const { k, task } = space(1);
  expect(touch(k, task, ADDR, ACCESS_FETCH)).toBe(FAULT_SEGV_ACCERR);
  expect(k.task.minFlt[task]).toBe(1);
});
