import { expect, test } from "vitest";
import { ARENA, emptySpace, mapPages, picture } from "../../../test/support/vma-layout.ts";
import { EFAULT, ENOMEM, EPERM } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { checkVmas } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import { vmaExpandDownwards } from "./expand-stack.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_GROWSDOWN, MAP_PRIVATE, PROT_READ, PROT_WRITE } from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMunmap } from "./munmap.ts";
import type { VmState } from "./state.ts";

/** A stack of `pages` pages at vpn `start`. Returns its VMA. */
function stack(k: VmState, mm: number, start: number, pages: number, prot = PROT_READ | PROT_WRITE): number {
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
  doMmap(k, mm, { addr: start * PAGE_SIZE, len: pages * PAGE_SIZE, prot, flags, file: NONE, pgoff: 0 });
  return findVma(k, mm, start);
}

test("a stack grows to the page touched, its offset moves along", () => {
  const { k, mm } = emptySpace();
  const vma = stack(k, mm, ARENA + 4, 2);
  expect(vmaExpandDownwards(k, vma, ARENA + 1)).toBe(0);
  expect(picture(k, mm, 7)).toBe(".|wwwww|.");
  expect(k.vma.pgoff[vma]).toBe(ARENA + 1);
  expect([k.mm.totalVm[mm], k.mm.stackVm[mm], k.committed[0]]).toEqual([5, 5, 5]);
  checkVmas(k);
  checkCommitted(k);
});

test("what a mapping that can not be written grows by stays promised after its end, as on Linux", () => {
  const { k, mm } = emptySpace();
  const vma = stack(k, mm, ARENA + 4, 2, PROT_READ);
  expect(k.committed[0]).toBe(0);
  expect(vmaExpandDownwards(k, vma, ARENA + 1)).toBe(0);
  expect(k.committed[0]).toBe(3);
  doMunmap(k, mm, ARENA * PAGE_SIZE, 10 * PAGE_SIZE);
  expect(k.committed[0]).toBe(3);
  checkCommitted(k);
});

test("the guard gap to a mapping below is kept, unless that may not be accessed or is a stack", () => {
  const { k, mm } = emptySpace();
  const vma = stack(k, mm, ARENA + 300, 1);
  mapPages(k, mm, 0, 1, "r");
  expect(vmaExpandDownwards(k, vma, ARENA + 256)).toBe(-ENOMEM);
  expect(vmaExpandDownwards(k, vma, ARENA + 257)).toBe(0);
  mapPages(k, mm, 0, 1, "n");
  expect(vmaExpandDownwards(k, vma, ARENA + 10)).toBe(0);
  stack(k, mm, ARENA, 1);
  expect(vmaExpandDownwards(k, vma, ARENA + 1)).toBe(0);
});

test("the stack limit counts the whole stack", () => {
  const { k, mm } = emptySpace({ RLIMIT_STACK: 8 * PAGE_SIZE });
  const vma = stack(k, mm, ARENA + 10, 1);
  expect(vmaExpandDownwards(k, vma, ARENA + 2)).toBe(-ENOMEM);
  expect(vmaExpandDownwards(k, vma, ARENA + 3)).toBe(0);
});

test("what is no stack does not grow, and no stack grows below the minimum address", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 4, 1);
  expect(vmaExpandDownwards(k, findVma(k, mm, ARENA + 4), ARENA + 3)).toBe(-EFAULT);
  expect(vmaExpandDownwards(k, stack(k, mm, 20, 1), 15)).toBe(-EPERM);
});
