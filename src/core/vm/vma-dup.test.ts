import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  fixtureFile,
  mapPages,
  picture,
} from "../../../test/support/vma-layout.ts";
import { ENOMEM } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { anonVmaPrepare } from "../space/rmap.ts";
import { checkVmas, VM_WIPEONFORK } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import { doMadvise } from "./madvise.ts";
import { MADV_DONTFORK, MADV_WIPEONFORK, MAP_FIXED, MAP_PRIVATE, PROT_READ } from "./mman.ts";
import { doMmap } from "./mmap.ts";
import type { VmState } from "./state.ts";
import { dupVma } from "./vma-dup.ts";

/** What fork does with VMAs: totals first, then one VMA after the other. Returns the first error. */
function fork(k: VmState, parent: number, child: number): number {
  k.mm.totalVm[child] = k.mm.totalVm[parent];
  k.mm.dataVm[child] = k.mm.dataVm[parent];
  k.mm.execVm[child] = k.mm.execVm[parent];
  k.mm.stackVm[child] = k.mm.stackVm[parent];
  for (let vma = k.mm.firstVma[parent]; vma !== NONE; vma = k.vma.next[vma]) {
    const copy = dupVma(k, vma, child);
    if (copy < 0) return copy;
  }
  return 0;
}

test("the child has the parent's layout, and its memory is promised once more", () => {
  const { k, mm, other } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 3, 2, "r");
  anonVmaPrepare(k, findVma(k, mm, ARENA));
  expect(fork(k, mm, other)).toBe(0);
  expect(picture(k, other, 6)).toBe("ww|.|rr|.");
  expect(k.committed[0]).toBe(4);
  const child = k.vma.anonVma[findVma(k, other, ARENA)];
  expect(child).not.toBe(NONE);
  expect(child).not.toBe(k.vma.anonVma[findVma(k, mm, ARENA)]);
  expect(k.vma.anonVma[findVma(k, other, ARENA + 3)]).toBe(NONE);
  checkVmas(k);
  checkCommitted(k);
});

test("DONTFORK memory stays with the parent", () => {
  const { k, mm, other } = emptySpace();
  mapPages(k, mm, 0, 4);
  doMadvise(k, mm, ARENA_ADDR + PAGE_SIZE, 2 * PAGE_SIZE, MADV_DONTFORK);
  fork(k, mm, other);
  expect(picture(k, other, 4)).toBe("w|..|w");
  expect([k.mm.totalVm[other], k.mm.dataVm[other]]).toEqual([2, 2]);
  checkVmas(k);
});

test("WIPEONFORK memory starts anew", () => {
  const { k, mm, other } = emptySpace();
  mapPages(k, mm, 0, 2);
  anonVmaPrepare(k, findVma(k, mm, ARENA));
  doMadvise(k, mm, ARENA_ADDR, 2 * PAGE_SIZE, MADV_WIPEONFORK);
  fork(k, mm, other);
  const copy = findVma(k, other, ARENA);
  expect(k.vma.anonVma[copy]).toBe(NONE);
  expect(k.vma.flags[copy] & VM_WIPEONFORK).toBe(VM_WIPEONFORK);
  checkVmas(k);
});

test("a file mapping takes a reference and its place on the inode's list", () => {
  const { k, mm, other } = emptySpace();
  const file = fixtureFile(k);
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_PRIVATE | MAP_FIXED,
    file,
    pgoff: 0,
  });
  fork(k, mm, other);
  expect(k.file.refcount[file]).toBe(3);
  expect(k.vma.nextShared[k.file.firstVma[k.file.inode[file]]]).not.toBe(NONE);
});

test("strict accounting refuses a fork and takes nothing", () => {
  const { k, mm, other } = emptySpace({ "vm.overcommit_memory": 2 });
  mapPages(k, mm, 0, 5000);
  expect(fork(k, mm, other)).toBe(-ENOMEM);
  expect(k.committed[0]).toBe(5000);
  expect(k.vma.rows[2]).toBe(1);
});
