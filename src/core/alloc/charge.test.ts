/**
 * What try_charge_memcg (mm/memcontrol.c, 6.12) does at a limit below which nothing can be reclaimed. A real 6.12 in QEMU
 * counted 35 "max" and 1 "oom" where a process without swap ran into 4 MiB and was killed: 18 tries before the kill, and
 * 17 more by the dying process.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { addSwap, storePages, touchPages } from "../../../test/support/task-memory.ts";
import { makeDirectory, readFile, writeFile } from "../abi/vfs.ts";
import { ENOMEM } from "../base/errno.ts";
import { ACCESS_LOAD } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { __GFP_HIGH, __GFP_NOFAIL, __GFP_NORETRY, GFP_KERNEL, GFP_NOWAIT } from "../reclaim/gfp.ts";
import { createMemcg, MEMCG_MAX, MEMCG_OOM, NR_MEMCG_EVENTS, tryChargeCounter } from "../space/memcg.ts";
import { chargeMemcg } from "./charge.ts";

const ADDR = 0x10000000;

/** A cgroup without tasks that is charged up to its limit of 100 pages. */
function fullCgroup(): { k: Kernel; memcg: number; counted: () => number[] } {
  const { k } = fileMachine();
  const memcg = createMemcg(k, 0, "full");
  k.memcg.max[memcg] = 100;
  tryChargeCounter(k, memcg, 100);
  const of = (event: number): number => k.memcg.event[memcg * NR_MEMCG_EVENTS + event]!;
  return { k, memcg, counted: () => [of(MEMCG_MAX), of(MEMCG_OOM), k.memcg.usage[memcg]!] };
}

test("a charge reclaims 18 times before the cgroup is out of memory", () => {
  const { k, memcg, counted } = fullCgroup();
  expect(chargeMemcg(k, memcg, GFP_KERNEL, 1)).toBe(-ENOMEM);
  expect(counted()).toEqual([18, 1, 100]);
});

test("read-ahead gives up when the stocks are drained", () => {
  const { k, memcg, counted } = fullCgroup();
  expect(chargeMemcg(k, memcg, GFP_KERNEL | __GFP_NORETRY, 1)).toBe(-ENOMEM);
  expect(counted()).toEqual([2, 0, 100]);
});

test("who may not wait is refused at once, unless it is urgent", () => {
  const { k, memcg, counted } = fullCgroup();
  expect(chargeMemcg(k, memcg, GFP_NOWAIT, 1)).toBe(-ENOMEM);
  expect(counted()).toEqual([0, 0, 100]);
  expect(chargeMemcg(k, memcg, GFP_NOWAIT | __GFP_HIGH, 1)).toBe(0);
  expect(counted()).toEqual([1, 0, 101]);
});

test("what must not fail goes past the limit", () => {
  const { k, memcg, counted } = fullCgroup();
  expect(chargeMemcg(k, memcg, GFP_KERNEL | __GFP_NOFAIL, 1)).toBe(0);
  expect(counted()).toEqual([18, 1, 101]);
});

test("inside reclaim nothing is refused", () => {
  const { k, memcg, counted } = fullCgroup();
  k.reclaim.inside[0] = 1;
  expect(chargeMemcg(k, memcg, GFP_KERNEL, 1)).toBe(0);
  expect(counted()).toEqual([1, 0, 101]);
});

test("with swap a process stays below its limit, and what it stored is there again", () => {
  const { k, task } = fileMachine();
  k.task.cpuTask[0] = task;
  addSwap(k, 2000);
  const dir = "/sys/fs/cgroup/a";
  expect(writeFile(k, "/sys/fs/cgroup/cgroup.subtree_control", "+memory")).toBe(0);
  expect(makeDirectory(k, dir)).toBe(0);
  expect(writeFile(k, `${dir}/memory.max`, "1M")).toBe(0);
  expect(writeFile(k, `${dir}/cgroup.procs`, "0", task)).toBe(0);
  expect(storePages(k, task, ADDR, 600)).toBe(0);
  expect(Number(readFile(k, `${dir}/memory.peak`))).toBe(1048576);
  // A slot is charged as long as it is taken, and a page that came back may keep its own.
  expect(Number(readFile(k, `${dir}/memory.swap.current`)) / PAGE).toBeGreaterThanOrEqual(600 - 256);
  expect(touchPages(k, task, ADDR, 600, ACCESS_LOAD)).toBe(0);
  checkKernel(k);
  expect(call(k, task, 11, [ADDR, 600 * PAGE])).toBe(0);
  // The CPU collects up to 64 slots before it gives them back, and they stay charged until then.
  expect(Number(readFile(k, `${dir}/memory.swap.current`)) / PAGE).toBeLessThanOrEqual(64);
  expect(readFile(k, `${dir}/memory.stat`)).toMatch(/^anon 0$/m);
  checkKernel(k);
});
