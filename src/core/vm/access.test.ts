import { expect, test } from "vitest";
import { call, fileMachine, newTask, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork, touchPages } from "../../../test/support/task-memory.ts";
import { FAULT_SEGV_MAPERR } from "../base/errno.ts";
import { vpnHigh, vpnLow } from "../base/types.ts";
import { CAUSE_USER, COST_ACCESS } from "../hw/clock.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { PTE_DIRTY } from "../hw/pte.ts";
import {
  TLB_ACCESSES,
  TLB_DIRTY_WALKS,
  TLB_FLUSH_ALL,
  TLB_FLUSH_ONE,
  TLB_L1D_MISSES,
  TLB_L2_HITS,
  TLB_SHOOTDOWNS_SENT,
  TLB_WALKS,
} from "../hw/tlb.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { findPte } from "../space/pagetable.ts";
import { flushTlbMmPage } from "../space/tlb-flush.ts";
import { runAccesses } from "./access.ts";

const MMAP = 9;
const MUNMAP = 11;
const ADDR = 0x10000000;

function space(pages: number, cpus = 1): { k: Kernel; task: number } {
  const { k, task } = fileMachine({ cpus });
  call(k, task, MMAP, [ADDR, pages * PAGE, 3, 0x32, -1, 0]);
  return { k, task };
}

function counters(k: Kernel, cpu = 0): Float64Array {
  return k.tlb.counter.slice(cpu * 16, cpu * 16 + 16);
}

function runs(list: { page: number; kind: number; count?: number }[]) {
  const vpns = list.map(({ page }) => ADDR / PAGE + page);
  return {
    high: Int32Array.from(vpns, vpnHigh),
    low: Int32Array.from(list, ({ kind }, i) => (vpnLow(vpns[i]!) << 2) | kind),
    count: Int32Array.from(list, ({ count }) => count ?? 1),
    outcome: new Int32Array(1),
  };
}

test("a first store walks twice, around its fault, and hits from then on", () => {
  const { k, task } = space(1);
  const r = runs([
    { page: 0, kind: ACCESS_STORE, count: 10 },
    { page: 0, kind: ACCESS_LOAD, count: 5 },
  ]);
  expect(runAccesses(k, task, r, 0, 2)).toBe(2);
  const c = counters(k);
  expect([c[TLB_ACCESSES], c[TLB_L1D_MISSES], c[TLB_WALKS]]).toEqual([15, 1, 2]);
  expect(k.clock.spent[CAUSE_USER]).toBe(15 * COST_ACCESS);
});

test("a store through a clean translation walks once more, for the dirty bit", () => {
  const { k, task } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  // What writing a page back does: its entry is clean again, and no TLB remembers it.
  const mm = k.task.mm[task]!;
  const pte = findPte(k, mm, ADDR / PAGE);
  k.ram.words[pte]! &= ~PTE_DIRTY;
  flushTlbMmPage(k, mm, ADDR / PAGE);
  touch(k, task, ADDR, ACCESS_LOAD);
  const before = counters(k);
  touch(k, task, ADDR, ACCESS_STORE);
  const c = counters(k);
  expect([c[TLB_DIRTY_WALKS]! - before[TLB_DIRTY_WALKS]!, c[TLB_WALKS]! - before[TLB_WALKS]!]).toEqual([
    1, 1,
  ]);
  expect(k.ram.words[pte]! & PTE_DIRTY).toBe(PTE_DIRTY);
  expect(k.task.minFlt[task]).toBe(1);
});

test("a page that left L1 is found in L2", () => {
  const { k, task } = space(128);
  touchPages(k, task, ADDR, 128, ACCESS_STORE);
  const before = counters(k);
  touch(k, task, ADDR, ACCESS_STORE);
  const c = counters(k);
  expect([c[TLB_L2_HITS]! - before[TLB_L2_HITS]!, c[TLB_WALKS]! - before[TLB_WALKS]!]).toEqual([1, 0]);
});

test("runs stop at the access that fails, with the reason, and what came before is done", () => {
  const { k, task } = space(2);
  const r = runs([
    { page: 0, kind: ACCESS_STORE },
    { page: 2, kind: ACCESS_LOAD },
    { page: 1, kind: ACCESS_STORE },
  ]);
  expect(runAccesses(k, task, r, 0, 3)).toBe(1);
  expect(r.outcome[0]).toBe(FAULT_SEGV_MAPERR);
  expect([k.task.minFlt[task], counters(k)[TLB_ACCESSES]]).toEqual([1, 1]);
});

test("unmapping up to 33 pages flushes page by page, more flushes the ASID", () => {
  const { k, task } = space(256);
  touchPages(k, task, ADDR, 256, ACCESS_STORE);
  const before = counters(k);
  call(k, task, MUNMAP, [ADDR + 10 * PAGE, 33 * PAGE]);
  expect(counters(k)[TLB_FLUSH_ONE]! - before[TLB_FLUSH_ONE]!).toBe(33);
  expect(counters(k)[TLB_FLUSH_ALL]).toBe(before[TLB_FLUSH_ALL]);
  call(k, task, MUNMAP, [ADDR + 100 * PAGE, 34 * PAGE]);
  expect(counters(k)[TLB_FLUSH_ALL]! - before[TLB_FLUSH_ALL]!).toBe(1);
  expect(touch(k, task, ADDR + 10 * PAGE, ACCESS_LOAD)).toBe(FAULT_SEGV_MAPERR);
  checkKernel(k);
});

test("an address space that comes back to its CPU finds its translations, up to six of them", () => {
  const { k, task } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  const others = Array.from({ length: 6 }, () => {
    const other = newTask(k);
    call(k, other, MMAP, [ADDR, PAGE, 3, 0x32, -1, 0]);
    return other;
  });
  for (const other of others.slice(0, 5)) touch(k, other, ADDR, ACCESS_STORE);
  let walks = counters(k)[TLB_WALKS]!;
  touch(k, task, ADDR, ACCESS_STORE);
  expect(counters(k)[TLB_WALKS]! - walks).toBe(0);
  // The seventh takes an ASID away; in turn, so it is one of the older ones, and everybody finds only their own page.
  touch(k, others[5]!, ADDR, ACCESS_STORE);
  walks = counters(k)[TLB_WALKS]!;
  touch(k, task, ADDR, ACCESS_STORE);
  expect(counters(k)[TLB_WALKS]! - walks).toBeLessThanOrEqual(1);
  checkKernel(k);
});

test("a fork tells the other CPU that runs the parent", () => {
  const { k, task } = space(4, 2);
  touch(k, task, ADDR, ACCESS_STORE);
  k.boot[2] = 1;
  touch(k, task, ADDR, ACCESS_STORE);
  const before = counters(k, 1)[TLB_SHOOTDOWNS_SENT]!;
  const child = fork(k, task);
  expect(counters(k, 1)[TLB_SHOOTDOWNS_SENT]! - before).toBe(1);
  k.boot[2] = 0;
  touch(k, task, ADDR, ACCESS_STORE);
  expect(k.task.minFlt[task]).toBe(2);
  expect(touch(k, child, ADDR, ACCESS_LOAD)).toBe(0);
  checkKernel(k);
});

test("a walk does not remember tables that were freed", () => {
  const { k, task } = space(1);
  touch(k, task, ADDR, ACCESS_STORE);
  for (let round = 0; round < 3; round++) {
    call(k, task, MUNMAP, [ADDR, PAGE]);
    expect(k.mm.pgtablesBytes[k.task.mm[task]!]).toBe(0);
    expect(touch(k, task, ADDR, ACCESS_LOAD)).toBe(FAULT_SEGV_MAPERR);
    call(k, task, MMAP, [ADDR, PAGE, 3, 0x32, -1, 0]);
    const faults = k.task.minFlt[task]!;
    expect(touch(k, task, ADDR, ACCESS_STORE)).toBe(0);
    expect(k.task.minFlt[task]! - faults).toBe(1);
    checkKernel(k);
  }
});
