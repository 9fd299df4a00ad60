/** ASIDs and masks as arch/x86/mm/tlb.c keeps them. */
import { expect, test } from "vitest";
import { call, fileMachine, newTask, PAGE, touch } from "../../../test/support/file-machine.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { TLB_SHOOTDOWNS_RECEIVED, TLB_SHOOTDOWNS_SENT, TLB_SWITCH_FLUSHES, TLB_SWITCHES } from "../hw/tlb.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { checkCpuMasks, enterLazyTlb, flushTlbMmPage, switchMm } from "./tlb-flush.ts";

const ADDR = 0x40000000;

function machine(cpus: number, spaces: number): { k: Kernel; tasks: number[]; mms: number[] } {
  const { k } = fileMachine({ cpus });
  const tasks = Array.from({ length: spaces }, () => newTask(k));
  for (const task of tasks) call(k, task, 9, [ADDR, 4 * PAGE, 3, 0x32, -1, 0]);
  return { k, tasks, mms: tasks.map((task) => k.task.mm[task]!) };
}

function count(k: Kernel, cpu: number, item: number): number {
  return k.tlb.counter[cpu * 16 + item]!;
}

test("ASIDs are given in turn after the kernel's own, and the seventh space takes the first again", () => {
  const { k, mms } = machine(1, 7);
  const asids = mms.map((mm) => {
    switchMm(k, 0, mm);
    return k.tlb.loadedAsid[0];
  });
  expect(asids).toEqual([1, 2, 3, 4, 5, 0, 1]);
  checkCpuMasks(k);
});

test("a space that is switched back to keeps its ASID without a flush", () => {
  const { k, mms } = machine(1, 2);
  switchMm(k, 0, mms[0]!);
  switchMm(k, 0, mms[1]!);
  const flushes = count(k, 0, TLB_SWITCH_FLUSHES);
  switchMm(k, 0, mms[0]!);
  expect(count(k, 0, TLB_SWITCH_FLUSHES)).toBe(flushes);
  expect(count(k, 0, TLB_SWITCHES)).toBe(3);
});

test("a flush that happened elsewhere is caught up with at the switch, without an interrupt", () => {
  const { k, tasks, mms } = machine(2, 2);
  touch(k, tasks[0]!, ADDR, ACCESS_STORE);
  switchMm(k, 0, mms[1]!);
  k.boot[2] = 1;
  touch(k, tasks[0]!, ADDR, ACCESS_STORE);
  flushTlbMmPage(k, mms[0]!, ADDR / PAGE);
  expect(count(k, 1, TLB_SHOOTDOWNS_SENT)).toBe(0);
  const flushes = count(k, 0, TLB_SWITCH_FLUSHES);
  switchMm(k, 0, mms[0]!);
  expect(count(k, 0, TLB_SWITCH_FLUSHES) - flushes).toBe(1);
  checkKernel(k);
});

test("a CPU that runs the space is interrupted; one that is lazy on it is not", () => {
  const { k, tasks, mms } = machine(3, 1);
  for (const cpu of [0, 1, 2]) {
    k.boot[2] = cpu;
    touch(k, tasks[0]!, ADDR, ACCESS_STORE);
  }
  enterLazyTlb(k, 1);
  flushTlbMmPage(k, mms[0]!, ADDR / PAGE);
  expect([0, 1, 2].map((cpu) => count(k, cpu, TLB_SHOOTDOWNS_RECEIVED))).toEqual([1, 0, 0]);
  expect(count(k, 2, TLB_SHOOTDOWNS_SENT)).toBe(1);
  checkKernel(k);
});
