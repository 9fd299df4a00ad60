import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  fixtureFile,
  mapPages,
  picture,
} from "../../../test/support/vma-layout.ts";
import { EAGAIN, EINVAL, ENOMEM, ENOSYS } from "../base/errno.ts";
import { PAGE_SIZE } from "../base/types.ts";
import {
  checkVmas,
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  VM_RAND_READ,
  VM_READ,
  VM_SEQ_READ,
  VMA_VDSO,
} from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { installSpecialMapping } from "./install.ts";
import { doMadvise } from "./madvise.ts";
import {
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_WIPEONFORK,
  MAP_FIXED,
  MAP_PRIVATE,
  PROT_READ,
} from "./mman.ts";
import { doMmap } from "./mmap.ts";
import type { VmState } from "./state.ts";

function advise(k: VmState, mm: number, at: number, pages: number, advice: number): number {
  return doMadvise(k, mm, ARENA_ADDR + at * PAGE_SIZE, pages * PAGE_SIZE, advice);
}

function flagsAt(k: VmState, mm: number, at: number): number {
  return k.vma.flags[findVma(k, mm, ARENA + at)];
}

test("a mark cuts the range out, and taking it back joins it again", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 6);
  expect(advise(k, mm, 2, 2, MADV_DONTFORK)).toBe(0);
  expect(picture(k, mm, 6)).toBe("ww|ww|ww");
  expect(flagsAt(k, mm, 2) & VM_DONTCOPY).toBe(VM_DONTCOPY);
  expect(advise(k, mm, 0, 6, MADV_DOFORK)).toBe(0);
  expect(picture(k, mm, 6)).toBe("wwwwww");
  checkVmas(k);
});

test("advice on reading ahead replaces earlier advice", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 1);
  for (const [advice, flag] of [
    [MADV_SEQUENTIAL, VM_SEQ_READ],
    [MADV_RANDOM, VM_RAND_READ],
    [MADV_NORMAL, 0],
  ] as const) {
    advise(k, mm, 0, 1, advice);
    expect(flagsAt(k, mm, 0) & (VM_SEQ_READ | VM_RAND_READ)).toBe(flag);
  }
});

test("wanting huge pages and not wanting them exclude each other", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 1);
  advise(k, mm, 0, 1, MADV_NOHUGEPAGE);
  advise(k, mm, 0, 1, MADV_HUGEPAGE);
  expect(flagsAt(k, mm, 0) & (VM_HUGEPAGE | VM_NOHUGEPAGE)).toBe(VM_HUGEPAGE);
});

test("a hole makes the call fail after all the rest was done", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 3, 2);
  expect(advise(k, mm, 0, 5, MADV_DONTDUMP)).toBe(-ENOMEM);
  expect([0, 3].map((at) => flagsAt(k, mm, at) & VM_DONTDUMP)).toEqual([VM_DONTDUMP, VM_DONTDUMP]);
  expect(advise(k, mm, 2, 1, MADV_DONTNEED)).toBe(-ENOMEM);
});

test("unknown advice, odd addresses and lengths that wrap are refused; an empty range is not", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 1);
  expect(advise(k, mm, 0, 1, 5)).toBe(-EINVAL);
  expect(doMadvise(k, mm, ARENA_ADDR + 1, PAGE_SIZE, MADV_NORMAL)).toBe(-EINVAL);
  expect(doMadvise(k, mm, ARENA_ADDR, 2 ** 64 - PAGE_SIZE, MADV_NORMAL)).toBe(-EINVAL);
  expect(advise(k, mm, 0, 0, MADV_FREE)).toBe(0);
  expect(advise(k, mm, 0, 1, MADV_MERGEABLE)).toBe(-ENOSYS);
});

test("only anonymous memory can be wiped at a fork", () => {
  const { k, mm } = emptySpace();
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_PRIVATE | MAP_FIXED,
    file: fixtureFile(k),
    pgoff: 0,
  });
  expect(advise(k, mm, 0, 1, MADV_WIPEONFORK)).toBe(-EINVAL);
});

test("the kernel's own pages stay out of dumps", () => {
  const { k, mm } = emptySpace();
  installSpecialMapping(k, mm, {
    addr: ARENA_ADDR,
    len: PAGE_SIZE,
    flags: VM_READ | VM_DONTDUMP,
    kind: VMA_VDSO,
  });
  expect(advise(k, mm, 0, 1, MADV_DODUMP)).toBe(-EINVAL);
});

test("the limit on VMAs is told as EAGAIN", () => {
  const { k, mm } = emptySpace({ "vm.max_map_count": 1 });
  mapPages(k, mm, 0, 3);
  expect(advise(k, mm, 1, 1, MADV_DONTFORK)).toBe(-EAGAIN);
});
