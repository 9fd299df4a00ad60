import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { FAULT_SEGV_ACCERR, FAULT_SEGV_MAPERR } from "../base/errno.ts";
import { NONE } from "../base/types.ts";
import { ptePfn } from "../hw/pte.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { findPte } from "../space/pagetable.ts";
import { loadBytes, storeBytes } from "./user-bytes.ts";

const ADDR = 0x40000000;

function space(prot = 3): { k: Kernel; task: number } {
  const { k, task } = fileMachine();
  call(k, task, 9, [ADDR, 2 * PAGE, prot, 0x32, -1, 0]);
  return { k, task };
}

test("what is written across a page border is read back", () => {
  const { k, task } = space();
  const bytes = Uint8Array.from({ length: 11 }, (_, i) => i + 1);
  expect(storeBytes(k, task, ADDR + PAGE - 5, bytes)).toBe(11);
  const seen = new Uint8Array(13);
  expect(loadBytes(k, task, ADDR + PAGE - 6, seen)).toBe(13);
  expect([...seen]).toEqual([0, ...bytes, 0]);
  expect(k.task.minFlt[task]).toBe(2);
  checkKernel(k);
});

test("a page that stays all zeros takes no contents of its own", () => {
  const { k, task } = space();
  storeBytes(k, task, ADDR, new Uint8Array(PAGE));
  const pte = findPte(k, k.task.mm[task]!, ADDR / PAGE);
  expect(k.ram.slot[ptePfn(k.ram.words[pte]!, k.ram.words[pte + 1]!)]).toBe(NONE);
});

test("as much is done as can be; the reason comes when nothing can", () => {
  const { k, task } = space();
  expect(storeBytes(k, task, ADDR + 2 * PAGE - 3, new Uint8Array(8))).toBe(3);
  expect(storeBytes(k, task, ADDR + 2 * PAGE, new Uint8Array(8))).toBe(FAULT_SEGV_MAPERR);
  const readOnly = space(1);
  expect(storeBytes(readOnly.k, readOnly.task, ADDR, new Uint8Array(1))).toBe(FAULT_SEGV_ACCERR);
});
