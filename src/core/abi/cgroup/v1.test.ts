/**
 * What Documentation/admin-guide/cgroup-v1/memory.rst and mm/memcontrol-v1.c (6.12) say about the files of version 1.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../../test/support/file-machine.ts";
import { addSwap, storePages, touchPages } from "../../../../test/support/task-memory.ts";
import { EBUSY, EINVAL, ENOENT } from "../../base/errno.ts";
import { ACCESS_LOAD } from "../../hw/mmu.ts";
import { checkKernel, type Kernel } from "../../kernel.ts";
import { makeDirectory, readFile, writeFile } from "../vfs.ts";
import { mountLegacyMemory } from "./directory.ts";

const MUNMAP = 11;
const ADDR = 0x10000000;
const DIR = "/sys/fs/cgroup/memory/a";
const NO_LIMIT = "9223372036854771712\n";

function withCgroup(swapPages = 0): { k: Kernel; task: number } {
  const { k, task } = fileMachine();
  k.task.cpuTask[0] = task;
  if (swapPages > 0) addSwap(k, swapPages);
  expect(mountLegacyMemory(k)).toBe(0);
  expect(makeDirectory(k, DIR)).toBe(0);
  expect(writeFile(k, `${DIR}/cgroup.procs`, `${k.task.pid[task]}`)).toBe(0);
  return { k, task };
}

function pages(k: Kernel, name: string): number {
  return Number(readFile(k, `${DIR}/${name}`)) / PAGE;
}

function stat(k: Kernel, field: string): number {
  return Number(new RegExp(`^${field} ([0-9]+)$`, "m").exec(String(readFile(k, `${DIR}/memory.stat`)))![1]);
}

test("memory of version 1 has its own directory and files, and there is one hierarchy", () => {
  const { k, task } = withCgroup();
  expect(mountLegacyMemory(k)).toBe(-EBUSY);
  expect(readFile(k, "/sys/fs/cgroup/memory.stat")).toBe(-ENOENT);
  expect(readFile(k, `${DIR}/memory.limit_in_bytes`)).toBe(NO_LIMIT);
  expect(readFile(k, `${DIR}/memory.swappiness`)).toBe("60\n");
  expect(readFile(k, `/proc/${k.task.pid[task]}/cgroup`)).toBe("1:memory:/a\n0::/\n");
  expect(readFile(k, `${DIR}/memory.oom_control`)).toBe("oom_kill_disable 0\nunder_oom 0\noom_kill 0\n");
});

test("memory may never be allowed more than memory+swap", () => {
  const { k } = withCgroup();
  expect(writeFile(k, `${DIR}/memory.memsw.limit_in_bytes`, "8M")).toBe(-EINVAL);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "4M")).toBe(0);
  expect(writeFile(k, `${DIR}/memory.memsw.limit_in_bytes`, "8M")).toBe(0);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "9M")).toBe(-EINVAL);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "-1")).toBe(-EINVAL);
  expect(writeFile(k, `${DIR}/memory.memsw.limit_in_bytes`, "-1")).toBe(0);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "-1\n")).toBe(0);
  expect(readFile(k, `${DIR}/memory.limit_in_bytes`)).toBe(NO_LIMIT);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "max")).toBe(-EINVAL);
  expect(writeFile(k, "/sys/fs/cgroup/memory/memory.limit_in_bytes", "4M")).toBe(-EINVAL);
});

test("a page swapped out leaves memory and stays in memory+swap; its end takes it from both", () => {
  const { k, task } = withCgroup(1000);
  expect(writeFile(k, `${DIR}/memory.limit_in_bytes`, "1M")).toBe(0);
  expect(storePages(k, task, ADDR, 400)).toBe(0);
  expect(pages(k, "memory.usage_in_bytes")).toBeLessThanOrEqual(256);
  expect(pages(k, "memory.memsw.usage_in_bytes")).toBe(
    pages(k, "memory.usage_in_bytes") + stat(k, "swap") / PAGE,
  );
  expect(stat(k, "rss") / PAGE + stat(k, "swap") / PAGE).toBeGreaterThanOrEqual(400);
  expect(Number(readFile(k, `${DIR}/memory.failcnt`))).toBeGreaterThan(0);
  checkKernel(k);
  expect(touchPages(k, task, ADDR, 400, ACCESS_LOAD)).toBe(0);
  checkKernel(k);
  expect(call(k, task, MUNMAP, [ADDR, 400 * PAGE])).toBe(0);
  // Slots that the CPU has collected stay charged until it gives them back, 64 at a time.
  expect(stat(k, "swap")).toBeLessThanOrEqual(64 * PAGE);
  expect(stat(k, "total_rss")).toBe(0);
  checkKernel(k);
});

test("the highest usage and the failed charges can be reset", () => {
  const { k, task } = withCgroup();
  expect(storePages(k, task, ADDR, 100)).toBe(0);
  expect(call(k, task, MUNMAP, [ADDR, 100 * PAGE])).toBe(0);
  expect(pages(k, "memory.max_usage_in_bytes")).toBe(128);
  expect(writeFile(k, `${DIR}/memory.max_usage_in_bytes`, "0")).toBe(0);
  expect(pages(k, "memory.max_usage_in_bytes")).toBe(pages(k, "memory.usage_in_bytes"));
});
