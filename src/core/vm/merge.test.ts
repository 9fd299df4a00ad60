import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  fixtureFile,
  mapPages,
  picture,
  protOf,
} from "../../../test/support/vma-layout.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { anonVmaPrepare } from "../space/rmap.ts";
import { checkVmas, VM_SOFTDIRTY } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { MAP_FIXED, MAP_PRIVATE, PROT_READ } from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMprotect } from "./mprotect.ts";
import type { VmState } from "./state.ts";
import { dupVma } from "./vma-dup.ts";

/** mprotect of pages of the arena. */
function protect(k: VmState, mm: number, at: number, pages: number, letter: string): number {
  return doMprotect(k, mm, ARENA_ADDR + at * PAGE_SIZE, pages * PAGE_SIZE, protOf(letter));
}

/** Maps pages of a file into the arena, read-only. */
function mapFile(
  k: VmState,
  mm: number,
  at: number,
  pages: number,
  from: { file: number; pgoff: number },
): number {
  const addr = ARENA_ADDR + at * PAGE_SIZE;
  return doMmap(k, mm, {
    addr,
    len: pages * PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_PRIVATE | MAP_FIXED,
    ...from,
  });
}

/** The VMA at a page of the arena, as if it had been written to: it has an anon_vma. */
function written(k: VmState, mm: number, at: number): number {
  const vma = findVma(k, mm, ARENA + at);
  anonVmaPrepare(k, vma);
  return vma;
}

test("a new mapping joins the one below it", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 2, 2);
  expect(picture(k, mm, 5)).toBe("wwww|.");
  checkVmas(k, mm);
});

test("a new mapping joins the one above it", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 2, 2);
  mapPages(k, mm, 0, 2);
  expect(picture(k, mm, 5)).toBe("wwww|.");
  expect(k.vma.pgoff[findVma(k, mm, ARENA)]).toBe(ARENA);
});

test("a new mapping between two alike makes one of three", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 3, 2);
  mapPages(k, mm, 2, 1);
  expect(picture(k, mm, 6)).toBe("wwwww|.");
  expect(k.mm.mapCount[mm]).toBe(1);
});

test("other permissions stay apart until they are the same", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2, "r");
  mapPages(k, mm, 2, 2, "x");
  expect(picture(k, mm, 4)).toBe("rr|xx");
  protect(k, mm, 2, 2, "r");
  expect(picture(k, mm, 4)).toBe("rrrr");
});

test("a VMA that was made read-only keeps its promise when it was written to, and then joins no fresh one", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  written(k, mm, 0);
  protect(k, mm, 0, 2, "r");
  mapPages(k, mm, 2, 2, "r");
  expect(picture(k, mm, 4)).toBe("rr|rr");
});

test("pages of a file join when the offsets go on and the open file is the same", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k);
  mapFile(k, mm, 0, 2, { file, pgoff: 10 });
  mapFile(k, mm, 2, 2, { file, pgoff: 12 });
  mapFile(k, mm, 4, 2, { file, pgoff: 15 });
  mapFile(k, mm, 6, 2, { file: fixtureFile(k, "/other"), pgoff: 17 });
  expect(picture(k, mm, 8)).toBe("rrrr|rr|rr");
  expect(k.file.refcount[file]).toBe(3);
});

test("a middle part changed and changed back is cut out and joined again", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 6);
  protect(k, mm, 2, 2, "n");
  expect(picture(k, mm, 6)).toBe("ww|nn|ww");
  protect(k, mm, 2, 2, "w");
  expect(picture(k, mm, 6)).toBe("wwwwww");
  checkVmas(k);
});

test("the first part changed goes to the neighbour before, the last part to the one after", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2, "r");
  mapPages(k, mm, 2, 4, "n");
  mapPages(k, mm, 6, 2, "r");
  protect(k, mm, 2, 1, "r");
  expect(picture(k, mm, 8)).toBe("rrr|nnn|rr");
  protect(k, mm, 5, 1, "r");
  expect(picture(k, mm, 8)).toBe("rrr|nn|rrr");
  const pgoff = (at: number): number => k.vma.pgoff[findVma(k, mm, ARENA + at)];
  expect([pgoff(0), pgoff(3), pgoff(5)]).toEqual([ARENA, ARENA + 3, ARENA + 5]);
  checkVmas(k, mm);
});

test("two VMAs written to separately have two anon_vmas and stay apart", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 3, 2);
  written(k, mm, 0);
  written(k, mm, 3);
  mapPages(k, mm, 2, 1);
  expect(picture(k, mm, 5)).toBe("www|ww");
});

test("a fresh mapping joins one that was written to", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  const vma = written(k, mm, 0);
  mapPages(k, mm, 2, 2);
  expect(picture(k, mm, 4)).toBe("wwww");
  expect(k.vma.anonVma[findVma(k, mm, ARENA + 3)]).toBe(k.vma.anonVma[vma]);
});

test("a VMA that was written to and whose permissions change does not join a neighbour that was not", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 2, 2, "a");
  written(k, mm, 2);
  protect(k, mm, 2, 2, "w");
  expect(picture(k, mm, 4)).toBe("ww|ww");
});

test("after a fork the child's memory has a chain of two, and a fresh mapping does not join it", () => {
  const { k, mm, other } = emptySpace();
  mapPages(k, mm, 0, 2);
  const vma = written(k, mm, 0);
  k.mm.totalVm[other] = k.mm.totalVm[mm];
  k.mm.dataVm[other] = k.mm.dataVm[mm];
  expect(dupVma(k, vma, other)).toBeGreaterThan(NONE);
  mapPages(k, other, 2, 2);
  mapPages(k, mm, 2, 2);
  expect(picture(k, other, 4)).toBe("ww|ww");
  expect(picture(k, mm, 4)).toBe("wwww");
  checkVmas(k);
});

test("soft-dirty alone keeps nothing apart, and what joins is soft-dirty", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  k.vma.flags[findVma(k, mm, ARENA)] &= ~VM_SOFTDIRTY;
  mapPages(k, mm, 2, 2);
  expect(picture(k, mm, 4)).toBe("wwww");
  expect(k.vma.flags[findVma(k, mm, ARENA)] & VM_SOFTDIRTY).toBe(VM_SOFTDIRTY);
});
