import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { FLAGS, PAGE_WORDS, PG_referenced } from "../frame/page.ts";
import { PTE_DIRTY, PTE_RW, ptePfn } from "../hw/pte.ts";
import { checkKernel } from "../kernel.ts";
import { exactRss } from "../space/mm.ts";
import { findPte } from "../space/pagetable.ts";
import { ZERO_PAGE } from "./zero-page.ts";

const MMAP = 9;
const ADDR = 0x40000000;
const POPULATE = 0x8032;

test("writable private memory is written: every page a fault, resident, dirty, and marked used", () => {
  const { k, task } = fileMachine();
  call(k, task, MMAP, [ADDR, 600 * PAGE, 3, POPULATE, -1, 0]);
  const mm = k.task.mm[task]!;
  const pte = findPte(k, mm, ADDR / PAGE + 599);
  const low = k.ram.words[pte]!;
  expect([k.task.minFlt[task], exactRss(k, mm, 1)]).toEqual([600, 600]);
  expect(low & (PTE_RW | PTE_DIRTY)).toBe(PTE_RW | PTE_DIRTY);
  expect(k.page[ptePfn(low, k.ram.words[pte + 1]!) * PAGE_WORDS + FLAGS]! & PG_referenced).toBe(
    PG_referenced,
  );
  checkKernel(k);
});

test("read-only memory is read: the page of zeros everywhere", () => {
  const { k, task } = fileMachine();
  call(k, task, MMAP, [ADDR, 8 * PAGE, 1, POPULATE, -1, 0]);
  const mm = k.task.mm[task]!;
  const pte = findPte(k, mm, ADDR / PAGE + 7);
  expect(ptePfn(k.ram.words[pte]!, k.ram.words[pte + 1]!)).toBe(k.zeroPfn[ZERO_PAGE]);
  expect([k.task.minFlt[task], exactRss(k, mm, 1)]).toEqual([8, 0]);
  checkKernel(k);
});

test("memory without any permission is left alone", () => {
  const { k, task } = fileMachine();
  expect(call(k, task, MMAP, [ADDR, 8 * PAGE, 0, POPULATE, -1, 0])).toBe(ADDR);
  expect(k.task.minFlt[task]).toBe(0);
  checkKernel(k);
});
