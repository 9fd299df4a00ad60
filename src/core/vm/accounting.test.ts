import { expect, test } from "vitest";
import { emptySpace, FIXTURE_RAM_PAGES } from "../../../test/support/vma-layout.ts";
import { ENOMEM } from "../base/errno.ts";
import { VM_READ, VM_WRITE } from "../space/vma.ts";
import {
  acctMemory,
  createCommitted,
  mayExpandVm,
  syncCommitted,
  vmCommitLimit,
  vmEnoughMemory,
} from "./accounting.ts";
import type { VmState } from "./state.ts";

/** Strict accounting over 16384 pages of RAM: 8192 may be promised, less 512 for root, less a part for others. */
const STRICT = { "vm.overcommit_memory": 2 };

test("guessing refuses what is larger than RAM and nothing else", () => {
  const { k, mm } = emptySpace();
  expect(vmEnoughMemory(k, mm, FIXTURE_RAM_PAGES)).toBe(0);
  expect(vmEnoughMemory(k, mm, FIXTURE_RAM_PAGES)).toBe(0);
  expect(vmEnoughMemory(k, mm, FIXTURE_RAM_PAGES + 1)).toBe(-ENOMEM);
  expect(k.committed[0]).toBe(2 * FIXTURE_RAM_PAGES);
});

test("always promising refuses nothing", () => {
  const { k, mm } = emptySpace({ "vm.overcommit_memory": 1 });
  expect(vmEnoughMemory(k, mm, 2 ** 40)).toBe(0);
});

test("the ceiling is a share of RAM, or a fixed size", () => {
  expect(vmCommitLimit(emptySpace().k)).toBe(8192);
  expect(vmCommitLimit(emptySpace({ "vm.overcommit_ratio": 33 }).k)).toBe(5406);
  expect(vmCommitLimit(emptySpace({ "vm.overcommit_kbytes": 4097 }).k)).toBe(1024);
});

test("strict accounting keeps a reserve for root and must stay below the ceiling", () => {
  const { k, mm } = emptySpace(STRICT);
  expect(vmEnoughMemory(k, mm, 8192 - 512)).toBe(-ENOMEM);
  expect(vmEnoughMemory(k, mm, 8192 - 512 - 1)).toBe(0);
  const root = emptySpace({ ...STRICT, "capabilities=": 1 });
  expect(vmEnoughMemory(root.k, root.mm, 8191)).toBe(0);
});

test("strict accounting keeps a part of a large process for others, at most the user reserve", () => {
  const { k, mm } = emptySpace(STRICT);
  k.mm.totalVm[mm] = 3200;
  expect(vmEnoughMemory(k, mm, 8192 - 512 - 100)).toBe(-ENOMEM);
  expect(vmEnoughMemory(k, mm, 8192 - 512 - 100 - 1)).toBe(0);
  const large = emptySpace(STRICT);
  large.k.mm.totalVm[large.mm] = 2 ** 30;
  expect(vmEnoughMemory(large.k, large.mm, 8192 - 512 - 512 - 1)).toBe(0);
});

test("what a CPU has not folded in yet is not seen by the limit", () => {
  const { k, mm } = emptySpace(STRICT);
  // One CPU: a batch is 16384 / 256 pages.
  acctMemory(k, 63);
  expect([...k.committed]).toEqual([63, 0, 0, 63]);
  expect(vmEnoughMemory(k, mm, 0)).toBe(0);
  acctMemory(k, 1);
  expect([...k.committed]).toEqual([64, 64, 0, 0]);
});

test("a switch to strict accounting folds all CPUs in", () => {
  const { k } = emptySpace();
  acctMemory(k, 1000);
  expect(k.committed[1]).toBe(0);
  syncCommitted(k);
  expect([...k.committed]).toEqual([1000, 1000, 0, 0]);
});

test("two CPUs keep parts of their own", () => {
  const { k } = emptySpace();
  const two = { ...k, committed: createCommitted(2) } as VmState;
  acctMemory(two, 10);
  two.boot[2] = 1;
  acctMemory(two, -4);
  expect([...two.committed]).toEqual([6, 0, 0, 10, -4]);
});

test("limits on address space and data count whole pages", () => {
  const { k, mm } = emptySpace({ RLIMIT_AS: 10 * 4096 + 1, RLIMIT_DATA: 4 * 4096 });
  expect(mayExpandVm(k, mm, VM_READ, 10)).toBe(true);
  expect(mayExpandVm(k, mm, VM_READ, 11)).toBe(false);
  expect(mayExpandVm(k, mm, VM_READ | VM_WRITE, 5)).toBe(false);
});
