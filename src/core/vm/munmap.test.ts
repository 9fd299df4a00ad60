import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  fixtureFile,
  mapPages,
  picture,
} from "../../../test/support/vma-layout.ts";
import { EINVAL, ENOMEM } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { checkVmas, VM_EXEC, VM_READ, VMA_VDSO } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import { installSpecialMapping } from "./install.ts";
import { MAP_FIXED, MAP_PRIVATE, PROT_READ } from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMunmap } from "./munmap.ts";
import type { VmState } from "./state.ts";

function unmap(k: VmState, mm: number, at: number, pages: number): number {
  return doMunmap(k, mm, ARENA_ADDR + at * PAGE_SIZE, pages * PAGE_SIZE);
}

test("a hole in the middle leaves two VMAs whose offsets go on", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 6);
  expect(unmap(k, mm, 2, 2)).toBe(0);
  expect(picture(k, mm, 6)).toBe("ww|..|ww");
  expect(k.vma.pgoff[findVma(k, mm, ARENA + 4)]).toBe(ARENA + 4);
  checkVmas(k);
  checkCommitted(k);
});

test("a range over several VMAs cuts the first and the last", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2, "r");
  mapPages(k, mm, 2, 2, "w");
  mapPages(k, mm, 5, 3, "x");
  expect(unmap(k, mm, 1, 5)).toBe(0);
  expect(picture(k, mm, 8)).toBe("r|.....|xx");
  expect([k.mm.totalVm[mm], k.mm.dataVm[mm], k.mm.execVm[mm]]).toEqual([3, 0, 2]);
  checkVmas(k);
  checkCommitted(k);
});

test("a range without mappings is removed with success", () => {
  const { k, mm } = emptySpace();
  expect(unmap(k, mm, 0, 4)).toBe(0);
});

test("an empty range, an address inside a page and a range beyond user space are refused", () => {
  const { k, mm } = emptySpace();
  expect(doMunmap(k, mm, ARENA_ADDR, 0)).toBe(-EINVAL);
  expect(doMunmap(k, mm, ARENA_ADDR + 1, PAGE_SIZE)).toBe(-EINVAL);
  expect(doMunmap(k, mm, 2 ** 47 - PAGE_SIZE, PAGE_SIZE)).toBe(-EINVAL);
  expect(doMunmap(k, mm, ARENA_ADDR, 2 ** 63)).toBe(-EINVAL);
});

test("at the limit a hole inside one VMA is refused, cutting an end is not", () => {
  const { k, mm } = emptySpace({ "vm.max_map_count": 2 });
  mapPages(k, mm, 0, 4);
  mapPages(k, mm, 6, 2, "r");
  expect(unmap(k, mm, 1, 1)).toBe(-ENOMEM);
  expect(picture(k, mm, 8)).toBe("wwww|..|rr");
  expect(unmap(k, mm, 3, 4)).toBe(0);
  expect(picture(k, mm, 8)).toBe("www|....|r");
});

test("the kernel's own pages go whole or not at all", () => {
  const { k, mm } = emptySpace();
  installSpecialMapping(k, mm, {
    addr: ARENA_ADDR,
    len: 2 * PAGE_SIZE,
    flags: VM_READ | VM_EXEC,
    kind: VMA_VDSO,
  });
  expect(unmap(k, mm, 0, 1)).toBe(-EINVAL);
  expect(unmap(k, mm, 0, 2)).toBe(0);
  expect(k.mm.mapCount[mm]).toBe(0);
});

test("the last mapping of a file gives its reference back", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k);
  const inode = k.file.inode[file];
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: 4 * PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_PRIVATE | MAP_FIXED,
    file,
    pgoff: 0,
  });
  unmap(k, mm, 1, 1);
  expect(k.file.refcount[file]).toBe(3);
  unmap(k, mm, 0, 4);
  expect(k.file.refcount[file]).toBe(1);
  expect(k.file.firstVma[inode]).toBe(NONE);
});

test("the largest size is remembered before it falls", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 6);
  unmap(k, mm, 0, 5);
  expect(k.mm.hiwaterVm[mm]).toBe(6);
});
