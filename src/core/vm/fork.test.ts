/** What copy_page_range and dup_mmap of 6.12 give a child. */
import { expect, test } from "vitest";
import { call, fileMachine, newFile, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork } from "../../../test/support/task-memory.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_RW } from "../hw/pte.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { exactRss, MM_ANONPAGES, MM_FILEPAGES } from "../space/mm.ts";
import { findPte } from "../space/pagetable.ts";

const MMAP = 9;
const MADVISE = 28;
const ADDR = 0x40000000;

function machine(): { k: Kernel; task: number; mm: number } {
  const { k, task } = fileMachine();
  return { k, task, mm: k.task.mm[task]! };
}

function forked(k: Kernel, task: number): number {
  return k.task.mm[fork(k, task)]!;
}

function rss(k: Kernel, mm: number): number[] {
  return [exactRss(k, mm, MM_FILEPAGES), exactRss(k, mm, MM_ANONPAGES)];
}

test("entries are copied old, the parent's stay as they are but for the right to write", () => {
  const { k, task, mm } = machine();
  call(k, task, MMAP, [ADDR, 4 * PAGE, 3, 0x32, -1, 0]);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = forked(k, task);
  const bits = PTE_ACCESSED | PTE_DIRTY | PTE_RW;
  expect(k.ram.words[findPte(k, mm, ADDR / PAGE)]! & bits).toBe(PTE_ACCESSED | PTE_DIRTY);
  expect(k.ram.words[findPte(k, child, ADDR / PAGE)]! & bits).toBe(PTE_DIRTY);
  expect([rss(k, mm), rss(k, child)]).toEqual([
    [0, 1],
    [0, 1],
  ]);
  checkKernel(k);
});

test("memory that was never written is not copied: the child has no table for it", () => {
  const { k, task, mm } = machine();
  call(k, task, MMAP, [ADDR, 4 * PAGE, 3, 0x32, -1, 0]);
  touch(k, task, ADDR, ACCESS_LOAD);
  const child = forked(k, task);
  expect([k.mm.pgtablesBytes[mm], k.mm.pgtablesBytes[child]]).toEqual([3 * PAGE, 0]);
  checkKernel(k);
});

test("file pages are copied only beside anonymous ones of the same VMA", () => {
  const { k, task, mm } = machine();
  const { fd } = newFile(k, task, 64 * PAGE);
  call(k, task, MMAP, [ADDR, 16 * PAGE, 3, 0x12, fd, 0]);
  call(k, task, MMAP, [ADDR + 0x1000000, 16 * PAGE, 1, 0x11, fd, 0]);
  touch(k, task, ADDR + 0x1000000, ACCESS_LOAD);
  touch(k, task, ADDR, ACCESS_LOAD);
  const parent = rss(k, mm);
  expect(rss(k, fork(k, task))).toEqual([0, 0]);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = forked(k, task);
  expect(rss(k, mm)).toEqual([parent[0]! - 1, 1]);
  expect(rss(k, child)).toEqual([15, 1]);
  checkKernel(k);
});

test("DONTFORK is left out, WIPEONFORK is empty", () => {
  const { k, task } = machine();
  for (const [at, advice] of [
    [0, 10],
    [0x100000, 18],
  ] as const) {
    call(k, task, MMAP, [ADDR + at, PAGE, 3, 0x32, -1, 0]);
    touch(k, task, ADDR + at, ACCESS_STORE);
    call(k, task, MADVISE, [ADDR + at, PAGE, advice]);
  }
  const child = forked(k, task);
  expect([k.mm.mapCount[child], rss(k, child)[1]]).toEqual([1, 0]);
  checkKernel(k);
});
