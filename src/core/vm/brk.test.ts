import { expect, test } from "vitest";
import { ARENA, ARENA_ADDR, emptySpace, mapPages, picture } from "../../../test/support/vma-layout.ts";
import { ENOMEM } from "../base/errno.ts";
import { PAGE_SIZE } from "../base/types.ts";
import { anonVmaPrepare } from "../space/rmap.ts";
import { checkVmas } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import { doBrk, doVmBrk } from "./brk.ts";
import type { VmState } from "./state.ts";

/** A program whose data end at page 2 of the arena and whose heap begins at page 4. */
function program(knobs: Readonly<Record<string, number>> = {}): { k: VmState; mm: number } {
  const { k, mm } = emptySpace(knobs);
  k.mm.startData[mm] = ARENA_ADDR;
  k.mm.endData[mm] = ARENA_ADDR + 2 * PAGE_SIZE;
  k.mm.startBrk[mm] = ARENA_ADDR + 4 * PAGE_SIZE;
  k.mm.brk[mm] = ARENA_ADDR + 4 * PAGE_SIZE;
  return { k, mm };
}

const at = (page: number, bytes = 0): number => ARENA_ADDR + page * PAGE_SIZE + bytes;

test("the heap grows by whole pages and the end moves by bytes", () => {
  const { k, mm } = program();
  expect(doBrk(k, mm, at(4, 1))).toBe(at(4, 1));
  expect(picture(k, mm, 8)).toBe("....|w|...");
  expect(doBrk(k, mm, at(5))).toBe(at(5));
  expect(doBrk(k, mm, at(6, 100))).toBe(at(6, 100));
  expect(picture(k, mm, 8)).toBe("....|www|.");
  expect([k.mm.totalVm[mm], k.mm.dataVm[mm], k.committed[0]]).toEqual([3, 3, 3]);
  checkVmas(k);
  checkCommitted(k);
});

test("the heap shrinks to nothing and never below its start", () => {
  const { k, mm } = program();
  doBrk(k, mm, at(7));
  expect(doBrk(k, mm, at(3))).toBe(at(7));
  expect(doBrk(k, mm, at(5))).toBe(at(5));
  expect(doBrk(k, mm, at(4))).toBe(at(4));
  expect(picture(k, mm, 8)).toBe("........");
  expect(k.committed[0]).toBe(0);
});

test("asking for 0 tells where the end is", () => {
  const { k, mm } = program();
  doBrk(k, mm, at(5, 8));
  expect(doBrk(k, mm, 0)).toBe(at(5, 8));
});

test("the heap stops one page below a mapping", () => {
  const { k, mm } = program();
  mapPages(k, mm, 8, 1);
  expect(doBrk(k, mm, at(8))).toBe(at(4));
  expect(doBrk(k, mm, at(7))).toBe(at(7));
});

test("the heap does not join the data below its start or the mapping above", () => {
  const { k, mm } = program();
  mapPages(k, mm, 2, 2);
  doBrk(k, mm, at(6));
  expect(picture(k, mm, 7)).toBe("..|ww|ww|.");
  mapPages(k, mm, 6, 1);
  expect(picture(k, mm, 7)).toBe("..|ww|www");
});

test("a heap whose end was unmapped begins a new VMA there", () => {
  const { k, mm } = program();
  doBrk(k, mm, at(6));
  k.mm.brk[mm] = at(7);
  doBrk(k, mm, at(8));
  expect(picture(k, mm, 9)).toBe("....|ww|.|w|.");
});

test("the limit on data counts the program's data as well", () => {
  const { k, mm } = program({ RLIMIT_DATA: 4 * PAGE_SIZE });
  expect(doBrk(k, mm, at(6, 1))).toBe(at(4));
  expect(doBrk(k, mm, at(6))).toBe(at(6));
});

test("strict accounting refuses to grow", () => {
  const { k, mm } = program({ "vm.overcommit_memory": 2, "vm.overcommit_ratio": 10 });
  expect(doBrk(k, mm, at(4 + 4096))).toBe(at(4));
  expect(k.committed[0]).toBe(0);
});

test("bss replaces what is there, joins its like below and may be executable", () => {
  const { k, mm } = program();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 2, 3, "r");
  anonVmaPrepare(k, findVma(k, mm, ARENA));
  expect(doVmBrk(k, mm, at(2), 2 * PAGE_SIZE, false)).toBe(0);
  expect(picture(k, mm, 6)).toBe("wwww|r|.");
  expect(doVmBrk(k, mm, at(5), 1, true)).toBe(0);
  expect(picture(k, mm, 6)).toBe("wwww|r|a");
  expect(doVmBrk(k, mm, at(5), 2 ** 47, false)).toBe(-ENOMEM);
  checkVmas(k);
  checkCommitted(k);
});
