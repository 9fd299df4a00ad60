import { expect, test } from "vitest";
import { procKernel } from "../../../test/support/proc-kernel.ts";
import { EACCES, EFBIG, EINVAL, EISDIR, ENOENT, ENOTDIR } from "../base/errno.ts";
import { createTask } from "../space/task.ts";
import { listDirectory, readFile, writeFile } from "./vfs.ts";

test("a process's files are found by its number, by self, and by its threads' numbers", () => {
  const { k, task } = procKernel();
  expect(readFile(k, "/proc/1/comm")).toBe("prog\n");
  expect(readFile(k, "/proc/self/comm", { self: task })).toBe("prog\n");
  expect(readFile(k, "//proc/1//task/1/comm/")).toBe("prog\n");
  const thread = createTask(k, { comm: "worker", leader: task, mm: k.task.mm[task] });
  expect(readFile(k, `/proc/1/task/${k.task.pid[thread]}/comm`)).toBe("worker\n");
});

test("what is not there is ENOENT, a directory EISDIR", () => {
  const { k } = procKernel();
  expect(readFile(k, "/proc/77/maps")).toBe(-ENOENT);
  expect(readFile(k, "/proc/self/maps")).toBe(-ENOENT);
  expect(readFile(k, "/proc/1/nothing")).toBe(-ENOENT);
  expect(readFile(k, "/etc/passwd")).toBe(-ENOENT);
  for (const path of ["/", "/proc", "/proc/1", "/proc/1/task", "/proc/sys/vm"])
    expect(readFile(k, path)).toBe(-EISDIR);
});

test("pagemap is read in ranges", () => {
  const { k } = procKernel();
  expect(readFile(k, "/proc/1/pagemap")).toBe(-EFBIG);
  expect(readFile(k, "/proc/1/pagemap", { offset: 0x400 * 8, length: 16 })).toEqual(new Uint8Array(16));
});

test("directories list their files, tasks by number", () => {
  const { k, task } = procKernel();
  createTask(k, { comm: "other" });
  const thread = createTask(k, { comm: "worker", leader: task });
  expect(listDirectory(k, "/")).toEqual(["dev", "proc", "sys"]);
  expect(listDirectory(k, "/proc")).toEqual(expect.arrayContaining(["sys", "1", "2"]));
  expect(listDirectory(k, "/proc")).not.toContain(String(k.task.pid[thread]));
  expect(listDirectory(k, "/proc/1")).toEqual([
    "task",
    "status",
    "comm",
    "stat",
    "statm",
    "maps",
    "smaps",
    "smaps_rollup",
    "pagemap",
    "cgroup",
    "oom_score",
    "oom_score_adj",
  ]);
  expect(listDirectory(k, "/proc/1/task")).toEqual(["1", "3"]);
  expect(listDirectory(k, "/proc/sys/vm")).toContain("overcommit_memory");
  expect(listDirectory(k, "/sys/block/sda/queue")).toContain("read_ahead_kb");
  expect(listDirectory(k, "/proc/1/maps")).toBe(-ENOTDIR);
  expect(listDirectory(k, "/proc/nothing")).toBe(-ENOENT);
});

test("a sysctl is read and written through its file", () => {
  const { k } = procKernel();
  expect(readFile(k, "/proc/sys/vm/swappiness")).toBe("60\n");
  expect(writeFile(k, "/proc/sys/vm/swappiness", " 0x64\n")).toBe(0);
  expect(k.knob.swappiness).toBe(100);
  expect(writeFile(k, "/proc/sys/kernel/randomize_va_space", "0\n")).toBe(0);
  expect(readFile(k, "/proc/sys/kernel/randomize_va_space")).toBe("0\n");
  expect(writeFile(k, "/sys/block/sda/queue/read_ahead_kb", "256")).toBe(0);
  expect(k.knob.readAheadKb).toBe(256);
});

test("a bad value changes nothing and is EINVAL, a file that is not writable EACCES", () => {
  const { k } = procKernel();
  for (const text of ["201", "-1", "ten", "1 2", "1.5"])
    expect(writeFile(k, "/proc/sys/vm/swappiness", text)).toBe(-EINVAL);
  expect(writeFile(k, "/proc/sys/vm/swappiness", "")).toBe(0);
  expect(k.knob.swappiness).toBe(60);
  expect(writeFile(k, "/proc/1/maps", "1")).toBe(-EACCES);
  expect(writeFile(k, "/proc/sys/vm", "1")).toBe(-EISDIR);
  expect(writeFile(k, "/proc/sys/vm/nothing", "1")).toBe(-ENOENT);
});

test("overcommit_ratio and overcommit_kbytes switch each other off; strict accounting folds the CPUs' parts", () => {
  const { k } = procKernel();
  expect(writeFile(k, "/proc/sys/vm/overcommit_kbytes", "1000")).toBe(0);
  expect(k.knob.overcommitRatio).toBe(0);
  expect(writeFile(k, "/proc/sys/vm/overcommit_ratio", "80")).toBe(0);
  expect(k.knob.overcommitKbytes).toBe(0);
  k.committed.set([30, 10, 2, 18]);
  expect(writeFile(k, "/proc/sys/vm/overcommit_memory", "2")).toBe(0);
  expect([...k.committed.subarray(0, 4)]).toEqual([30, 30, 2, 0]);
});

test("fault_around_bytes is kept as a power of two", () => {
  const { k } = procKernel();
  expect(writeFile(k, "/sys/kernel/debug/fault_around_bytes", "70000")).toBe(0);
  expect(readFile(k, "/sys/kernel/debug/fault_around_bytes")).toBe("65536\n");
});
