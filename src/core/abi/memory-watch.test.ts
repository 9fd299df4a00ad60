/**
 * The counts are those of a live 6.18 with memory of version 1, where the same was done by a C program.
 * Linux: mm/memcontrol-v1.c, mm/vmpressure.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { expect, test } from "vitest";
import { call, fileMachine, newFile, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork } from "../../../test/support/task-memory.ts";
import { EINVAL, ENOENT } from "../base/errno.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { isDying } from "../reclaim/oom-task.ts";
import { access } from "../vm/access.ts";
import { mountLegacyMemory } from "./cgroup/directory.ts";
import { takeMemoryEvents, unwatchMemory, watchMemory } from "./memory-watch.ts";
import { syscall } from "./syscall/table.ts";
import { makeDirectory, removeDirectory, writeFile } from "./vfs.ts";

const [READ, LSEEK, MMAP, MUNMAP, MADVISE] = [0, 8, 9, 11, 28];
const MADV_POPULATE_WRITE = 23;
const ADDR = 0x10000000;
const ROOT = "/sys/fs/cgroup/memory";
const PARENT = `${ROOT}/p`;
const CHILD = `${ROOT}/p/c`;
const MIB = 1 << 20;

/** A task in a cgroup of 16 MiB below one without a limit. */
function machine(): { k: Kernel; task: number } {
  const { k, task } = fileMachine({ sizeBytes: 1024 * MIB, knobs: { "/sys/kernel/mm/lru_gen/enabled": 0 } });
  k.task.cpuTask[0] = task;
  expect(mountLegacyMemory(k)).toBe(0);
  for (const path of [PARENT, CHILD]) expect(makeDirectory(k, path)).toBe(0);
  expect(writeFile(k, `${CHILD}/memory.limit_in_bytes`, "16M")).toBe(0);
  expect(writeFile(k, `${CHILD}/cgroup.procs`, `${k.task.pid[task]}`)).toBe(0);
  return { k, task };
}

function watch(k: Kernel, directory: string, file: string, args = ""): number {
  const made = watchMemory(k, `${directory}/memory.${file}`, args);
  expect(made).toBeGreaterThan(0);
  return made;
}

/** Maps memory and stores to its pages `first` to `beyond`. */
function store(k: Kernel, task: number, first: number, beyond: number): void {
  for (let page = first; page < beyond && !isDying(k, task); page++)
    touch(k, task, ADDR + page * PAGE, ACCESS_STORE);
}

test("memory that can not be reclaimed is critical pressure, and when there is no more the cgroup's own watch is told once", () => {
  const { k, task } = machine();
  const child = fork(k, task);
  k.task.cpuTask[0] = child;
  call(k, child, MMAP, [ADDR, 64 * MIB, 3, 0x32, -1, 0]);
  const watches = ["low", "medium", "critical"].map((level) => watch(k, CHILD, "pressure_level", level));
  const above = ["low,hierarchy", "low"].map((args) => watch(k, PARENT, "pressure_level", args));
  const out = [CHILD, PARENT].map((directory) => watch(k, directory, "oom_control"));
  store(k, child, 0, 64 * 256);
  expect(isDying(k, child)).toBe(true);
  // How many windows of 512 pages it takes differs (138 there): all of them are critical, and passed on as asked for.
  const [low, medium, critical, hierarchy, fromBelow, own, parents] = [...watches, ...above, ...out].map(
    (w) => takeMemoryEvents(k, w),
  );
  expect(low).toBeGreaterThan(100);
  expect([medium, critical, hierarchy, fromBelow]).toEqual([low, low, low, 0]);
  expect([own, parents]).toEqual([1, 0]);
  checkKernel(k);
});

test("reading a file four times as large as the limit is pressure", () => {
  const { k, task } = machine();
  const { fd } = newFile(k, task, 64 * MIB);
  call(k, task, MMAP, [ADDR, 65536, 3, 0x32, -1, 0]);
  const watches = ["low", "medium", "critical"].map((level) => watch(k, CHILD, "pressure_level", level));
  const above = ["low,hierarchy", "low", "low,local"].map((args) => watch(k, PARENT, "pressure_level", args));
  for (let round = 0; round < 2; round++) {
    call(k, task, LSEEK, [fd, 0, 0]);
    while (call(k, task, READ, [fd, ADDR, 65536]) > 0);
  }
  // 28672 pages more than there is room for, in windows of 512: all of them are freed at the first look.
  expect([...watches, ...above].map((w) => takeMemoryEvents(k, w))).toEqual([56, 0, 0, 56, 0, 0]);
  checkKernel(k);
});

test("a threshold tells when usage crosses it, up and down, at a look every 128 pages", () => {
  const { k, task } = machine();
  writeFile(k, `${CHILD}/memory.limit_in_bytes`, "64M");
  const watches = ["8M", "12M", "20M"].map((size) => watch(k, CHILD, "usage_in_bytes", size));
  watches.push(watch(k, PARENT, "usage_in_bytes", "10M"));
  const events = () => watches.map((w) => takeMemoryEvents(k, w));
  call(k, task, MMAP, [ADDR, 64 * MIB, 3, 0x32, -1, 0]);
  store(k, task, 0, 3600);
  expect(events()).toEqual([1, 1, 0, 1]);
  call(k, task, MUNMAP, [ADDR, 64 * MIB]);
  expect(events()).toEqual([1, 1, 0, 1]);
  store(k, task, 0, 4);
  expect(events()).toEqual([0, 0, 0, 0]);
  checkKernel(k);
});

test("who waits for memory that nobody is killed for is told of once; who asks meanwhile is told at once", () => {
  const { k, task } = machine();
  expect(writeFile(k, `${CHILD}/memory.oom_control`, "1")).toBe(0);
  const early = watch(k, CHILD, "oom_control");
  call(k, task, MMAP, [ADDR, 64 * MIB, 3, 0x32, -1, 0]);
  let page = 0;
  while (syscall(k, task, MADVISE, [ADDR + page * PAGE, PAGE, MADV_POPULATE_WRITE]) === 0) page++;
  access(k, task, ADDR / PAGE + page, ACCESS_STORE);
  expect(takeMemoryEvents(k, early)).toBe(1);
  expect(takeMemoryEvents(k, watch(k, CHILD, "oom_control"))).toBe(1);
});

test("what can not be watched is refused; a cgroup's end is told to all its watches", () => {
  const { k, task } = machine();
  for (const args of ["high", "low,global", "", "low,", "low local"])
    expect(watchMemory(k, `${CHILD}/memory.pressure_level`, args)).toBe(-EINVAL);
  expect(watchMemory(k, `${CHILD}/memory.stat`, "low")).toBe(-EINVAL);
  expect(watchMemory(k, `${CHILD}/memory.usage_in_bytes`, "much")).toBe(-EINVAL);
  expect(watchMemory(k, `${ROOT}/none/memory.oom_control`, "")).toBe(-ENOENT);
  const watches = [
    watch(k, CHILD, "pressure_level", "critical,local"),
    watch(k, CHILD, "usage_in_bytes", "8M"),
  ];
  const closed = watch(k, CHILD, "oom_control");
  unwatchMemory(k, closed);
  expect(writeFile(k, `${ROOT}/cgroup.procs`, `${k.task.pid[task]}`)).toBe(0);
  expect(removeDirectory(k, CHILD)).toBe(0);
  expect([...watches, closed].map((w) => takeMemoryEvents(k, w))).toEqual([1, 1, 0]);
  checkKernel(k);
});
