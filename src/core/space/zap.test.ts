/** VmPTE and memory after munmap, as free_pgtables in mm/memory.c 6.12 leaves them. */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE, touch } from "../../../test/support/file-machine.ts";
import { touchPages } from "../../../test/support/task-memory.ts";
import { foldPcp } from "../frame/pcp.ts";
import { drainAllPcp } from "../frame/pcp-drain.ts";
import { NR_ANON_MAPPED, NR_FREE_PAGES, NR_PAGETABLE, PGFREE, sumZoneItem } from "../frame/vmstat.ts";
import type { MachineInput } from "../hw/machine.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { exactRss, readHiwaterRss } from "./mm.ts";

const MMAP = 9;
const MUNMAP = 11;
const MADVISE = 28;
const TABLE = 2 * 1024 * 1024;
const ADDR = 0x40000000;

function space(bytes: number, input: MachineInput = {}): { k: Kernel; task: number; mm: number } {
  const { k, task } = fileMachine(input);
  expect(call(k, task, MMAP, [ADDR, bytes, 3, 0x32, -1, 0])).toBe(ADDR);
  return { k, task, mm: k.task.mm[task]! };
}

function tables(k: Kernel, mm: number): number {
  expect(k.vmstat.node[NR_PAGETABLE]).toBe(k.mm.pgtablesBytes[mm]! / PAGE);
  return k.mm.pgtablesBytes[mm]! / PAGE;
}

test("one page takes three tables, a page in the next 2 MiB one more", () => {
  const { k, task, mm } = space(2 * TABLE);
  touch(k, task, ADDR, ACCESS_LOAD);
  expect(tables(k, mm)).toBe(3);
  touch(k, task, ADDR + TABLE, ACCESS_LOAD);
  expect(tables(k, mm)).toBe(4);
  checkKernel(k);
});

test("with five levels the fourth does not count", () => {
  const { k, task, mm } = space(PAGE, { levels: 5, physBits: 52 });
  touch(k, task, ADDR, ACCESS_STORE);
  expect(tables(k, mm)).toBe(3);
  checkKernel(k);
  call(k, task, MUNMAP, [ADDR, PAGE]);
  expect(tables(k, mm)).toBe(0);
  checkKernel(k);
});

test("a table stays as long as a VMA reaches into its 2 MiB, and goes with the last one", () => {
  const { k, task, mm } = space(2 * TABLE);
  for (const at of [0, TABLE - PAGE, TABLE]) touch(k, task, ADDR + at, ACCESS_STORE);
  call(k, task, MUNMAP, [ADDR, TABLE - PAGE]);
  expect(tables(k, mm)).toBe(4);
  call(k, task, MUNMAP, [ADDR + TABLE, TABLE]);
  expect(tables(k, mm)).toBe(3);
  call(k, task, MUNMAP, [ADDR + TABLE - PAGE, PAGE]);
  expect(tables(k, mm)).toBe(0);
  checkKernel(k);
});

test("MADV_DONTNEED frees the pages and keeps the tables", () => {
  const { k, task, mm } = space(TABLE);
  touchPages(k, task, ADDR, 512, ACCESS_STORE);
  expect(k.vmstat.node[NR_ANON_MAPPED]).toBe(512);
  call(k, task, MADVISE, [ADDR, TABLE, 4]);
  expect([k.vmstat.node[NR_ANON_MAPPED], tables(k, mm)]).toEqual([0, 3]);
  expect(readHiwaterRss(k, mm)).toBe(512);
  checkKernel(k);
});

test("what was mapped and unmapped is free again, all of it", () => {
  const { k, task, mm } = space(8 * TABLE);
  drainAllPcp(k);
  const before = sumZoneItem(k.vmstat, NR_FREE_PAGES);
  foldPcp(k);
  const freed = k.vmstat.event[PGFREE]!;
  for (let page = 0; page < 3000; page++)
    touch(k, task, ADDR + page * PAGE, page % 3 === 0 ? ACCESS_LOAD : ACCESS_STORE);
  call(k, task, MUNMAP, [ADDR, 8 * TABLE]);
  foldPcp(k);
  expect(k.vmstat.event[PGFREE]! - freed).toBe(2000 + 2 + 6);
  drainAllPcp(k);
  expect(sumZoneItem(k.vmstat, NR_FREE_PAGES)).toBe(before);
  expect([tables(k, mm), ...[0, 1, 2, 3].map((member) => exactRss(k, mm, member))]).toEqual([0, 0, 0, 0, 0]);
  checkKernel(k);
});
