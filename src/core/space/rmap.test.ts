/** The shapes that mm/rmap.c makes of a family of processes. */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork } from "../../../test/support/task-memory.ts";
import { NONE } from "../base/types.ts";
import { MAPPING, PAGE_WORDS } from "../frame/page.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { findPte, normalPage } from "./pagetable.ts";
import { forEachMapping } from "./rmap.ts";
import { findVma } from "./vma-tree.ts";

const MMAP = 9;
const MPROTECT = 10;
const EXIT_GROUP = 231;
const WAIT4 = 61;
const ADDR = 0x10000000;
const VPN = ADDR / PAGE;

function space(pages: number): { k: Kernel; task: number; mm: number } {
  const { k, task } = fileMachine();
  call(k, task, MMAP, [ADDR, pages * PAGE, 3, 0x32, -1, 0]);
  return { k, task, mm: k.task.mm[task]! };
}

function anonVmaOf(k: Kernel, mm: number, vpn = VPN): number {
  return k.vma.anonVma[findVma(k, mm, vpn)]!;
}

function chainOf(k: Kernel, mm: number): number[] {
  const rows: number[] = [];
  for (
    let chain = k.vma.anonVmaChain[findVma(k, mm, VPN)]!;
    chain !== NONE;
    chain = k.anonVma.chainNextSameVma[chain]!
  )
    rows.push(k.anonVma.chainAnonVma[chain]!);
  return rows;
}

test("a VMA has no anon_vma until its first page", () => {
  const { k, task, mm } = space(1);
  expect(anonVmaOf(k, mm)).toBe(NONE);
  touch(k, task, ADDR, ACCESS_STORE);
  expect(anonVmaOf(k, mm)).not.toBe(NONE);
  checkKernel(k);
});

test("a part that differs in protection only shares its neighbour's anon_vma", () => {
  const { k, task, mm } = space(4);
  touch(k, task, ADDR, ACCESS_STORE);
  call(k, task, MPROTECT, [ADDR + 2 * PAGE, 2 * PAGE, 7]);
  touch(k, task, ADDR + 2 * PAGE, ACCESS_STORE);
  expect(anonVmaOf(k, mm, VPN + 2)).toBe(anonVmaOf(k, mm));
  checkKernel(k);
});

test("a child's VMA is linked to its own anon_vma first and to all its ancestors'", () => {
  const { k, task, mm } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = fork(k, task);
  const grandchild = fork(k, child);
  const [a, b, c] = [mm, k.task.mm[child]!, k.task.mm[grandchild]!].map((row) => anonVmaOf(k, row));
  expect(new Set([a, b, c]).size).toBe(3);
  expect(chainOf(k, k.task.mm[grandchild]!)).toEqual([c, b, a]);
  expect([k.anonVma.root[c!], k.anonVma.parent[c!], k.anonVma.parent[b!]]).toEqual([a, b, a]);
  expect([k.anonVma.numChildren[a!], k.anonVma.refcount[a!]]).toEqual([2, 3]);
  checkKernel(k);
});

test("an anon_vma without VMAs of its own and with one child is used again by the next fork", () => {
  const { k, task, mm } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  let parent = task;
  const family: number[] = [];
  // A daemon that forks and lets the parent die, again and again: two rows take turns.
  for (let i = 0; i < 5; i++) {
    const child = fork(k, parent);
    family.push(anonVmaOf(k, k.task.mm[child]!));
    if (parent !== task) call(k, parent, EXIT_GROUP, [0]);
    parent = child;
  }
  expect(new Set(family).size).toBeLessThanOrEqual(3);
  expect(anonVmaOf(k, mm)).not.toBe(NONE);
  checkKernel(k);
});

test("a page is found in every process that maps it, and in no other", () => {
  const { k, task, mm } = space(2);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = fork(k, task);
  const other = fork(k, task);
  touch(k, other, ADDR, ACCESS_STORE);
  const found: number[] = [];
  const pfn = normalPage(k, findPte(k, mm, VPN));
  forEachMapping(k, pfn, (vma, vpn) => {
    expect(vpn).toBe(VPN);
    found.push(k.vma.mm[vma]!);
    return true;
  });
  expect(found.sort()).toEqual([mm, k.task.mm[child]!].sort());
  checkKernel(k);
});

test("a page that is reused moves to the anon_vma of the process that kept it", () => {
  const { k, task, mm } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = fork(k, task);
  const childMm = k.task.mm[child]!;
  const pfn = normalPage(k, findPte(k, mm, VPN));
  touch(k, task, ADDR, ACCESS_STORE);
  touch(k, child, ADDR, ACCESS_STORE);
  expect(normalPage(k, findPte(k, childMm, VPN))).toBe(pfn);
  expect(k.page[pfn * PAGE_WORDS + MAPPING]! >> 1).toBe(anonVmaOf(k, childMm));
  checkKernel(k);
});

test("when everybody is gone every row is free again", () => {
  const { k, task } = space(4);
  touch(k, task, ADDR, ACCESS_STORE);
  const child = fork(k, task);
  const grandchild = fork(k, child);
  call(k, child, EXIT_GROUP, [0]);
  call(k, grandchild, EXIT_GROUP, [0]);
  call(k, task, WAIT4, [-1, 0, 0, 0]);
  call(k, task, 11, [ADDR, 4 * PAGE]);
  const { rowCount } = k.anonVma;
  expect([rowCount[0], rowCount[2]]).toEqual([rowCount[1]! - 1, rowCount[3]! - 1]);
  checkKernel(k);
});
