/**
 * What Documentation/admin-guide/cgroup-v2.rst, kernel/cgroup/cgroup.c and mm/memcontrol.c (6.12) say about a cgroup's files.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../../test/support/file-machine.ts";
import { storePages } from "../../../../test/support/task-memory.ts";
import { EACCES, EBUSY, EEXIST, EINVAL, EISDIR, ENOENT, EPERM, ESRCH } from "../../base/errno.ts";
import { PAGE_WORDS, PG_table } from "../../frame/page.ts";
import { checkKernel, type Kernel } from "../../kernel.ts";
import { listDirectory, makeDirectory, readFile, removeDirectory, writeFile } from "../vfs.ts";

const MUNMAP = 11;
const FORK = 57;
const ADDR = 0x10000000;
const ROOT = "/sys/fs/cgroup";

function withCgroup(...names: string[]): { k: Kernel; task: number } {
  const { k, task } = fileMachine();
  k.task.cpuTask[0] = task;
  expect(writeFile(k, `${ROOT}/cgroup.subtree_control`, "+memory\n")).toBe(0);
  for (const name of names) expect(makeDirectory(k, `${ROOT}/${name}`)).toBe(0);
  return { k, task };
}

function enter(k: Kernel, task: number, name: string): void {
  expect(writeFile(k, `${ROOT}/${name}/cgroup.procs`, `${k.task.pid[task]}\n`)).toBe(0);
}

function stat(k: Kernel, name: string, field: string): number {
  const text = readFile(k, `${ROOT}/${name}/memory.stat`);
  return Number(new RegExp(`^${field} ([0-9]+)$`, "m").exec(String(text))![1]);
}

function current(k: Kernel, name: string): number {
  return Number(readFile(k, `${ROOT}/${name}/memory.current`)) / PAGE;
}

test("a cgroup has memory files once its parent hands memory out", () => {
  const { k } = fileMachine();
  expect(makeDirectory(k, `${ROOT}/a`)).toBe(0);
  expect(makeDirectory(k, `${ROOT}/a`)).toBe(-EEXIST);
  expect(readFile(k, `${ROOT}/a/cgroup.controllers`)).toBe("\n");
  expect(readFile(k, `${ROOT}/a/memory.max`)).toBe(-ENOENT);
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory")).toBe(-ENOENT);
  expect(writeFile(k, `${ROOT}/cgroup.subtree_control`, "+memory")).toBe(0);
  expect(readFile(k, `${ROOT}/a/memory.max`)).toBe("max\n");
  expect(readFile(k, `${ROOT}/memory.max`)).toBe(-ENOENT);
  expect(listDirectory(k, ROOT)).toContain("a");
  expect(listDirectory(k, "/sys/fs")).toEqual(["cgroup"]);
  expect(readFile(k, `${ROOT}/a`)).toBe(-EISDIR);
  expect(writeFile(k, `${ROOT}/a/new`, "")).toBe(-EACCES);
  expect(makeDirectory(k, "/nowhere")).toBe(-EPERM);
});

test("limits are read in bytes and letters and kept in pages", () => {
  const { k } = withCgroup("a");
  const write = (text: string): number => writeFile(k, `${ROOT}/a/memory.low`, text);
  const read = (): unknown => readFile(k, `${ROOT}/a/memory.low`);
  expect([write("1M\n"), read()]).toEqual([0, "1048576\n"]);
  expect([write("5000"), read()]).toEqual([0, "4096\n"]);
  expect([write("0x2000"), read()]).toEqual([0, "8192\n"]);
  expect([write("max"), read()]).toEqual([0, "max\n"]);
  expect([write("2k x"), read()]).toEqual([-EINVAL, "max\n"]);
  expect([write(""), read()]).toEqual([0, "0\n"]);
  expect(writeFile(k, `${ROOT}/a/memory.oom.group`, "2")).toBe(-EINVAL);
  expect(writeFile(k, `${ROOT}/a/memory.current`, "1")).toBe(-EINVAL);
});

test("what a process touches is charged to its cgroup and all above it, with its page tables", () => {
  const { k, task } = withCgroup("a", "a/b");
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory")).toBe(0);
  enter(k, task, "a/b");
  expect(storePages(k, task, ADDR, 10)).toBe(0);
  // 10 pages, three tables below the top one, which is older, and a page for the VMA and its anon_vma; one batch of 64.
  expect(stat(k, "a/b", "anon")).toBe(10 * PAGE);
  expect(stat(k, "a/b", "kernel")).toBe(4 * PAGE);
  // The CPU keeps the count of up to a page of objects to itself.
  expect(stat(k, "a/b", "slab_unreclaimable")).toBe(0);
  expect(stat(k, "a/b", "pagetables")).toBe(3 * PAGE);
  expect(stat(k, "a/b", "pgfault")).toBe(10);
  expect(stat(k, "a", "anon")).toBe(10 * PAGE);
  expect([current(k, "a"), current(k, "a/b")]).toEqual([64, 64]);
  checkKernel(k);
  expect(call(k, task, MUNMAP, [ADDR, 10 * PAGE])).toBe(0);
  expect([stat(k, "a/b", "anon"), stat(k, "a/b", "kernel")]).toEqual([0, PAGE]);
  expect(current(k, "a/b")).toBe(51);
  checkKernel(k);
});

test("a process that moves leaves its pages where they are charged", () => {
  const { k, task } = withCgroup("a", "b");
  enter(k, task, "a");
  expect(storePages(k, task, ADDR, 5)).toBe(0);
  expect(readFile(k, `/proc/${k.task.pid[task]}/cgroup`)).toBe("0::/a\n");
  enter(k, task, "b");
  expect(readFile(k, `${ROOT}/b/cgroup.procs`)).toBe(`${k.task.pid[task]}\n`);
  expect(readFile(k, `${ROOT}/a/cgroup.events`)).toBe("populated 0\nfrozen 0\n");
  expect([stat(k, "a", "anon"), stat(k, "b", "anon")]).toEqual([5 * PAGE, 0]);
  expect([stat(k, "a", "pgfault"), stat(k, "b", "pgfault")]).toEqual([5, 0]);
  expect(writeFile(k, `${ROOT}/a/cgroup.procs`, "999")).toBe(-ESRCH);
  // The removed cgroup lives on with its pages; the page tables go to its parent, the root.
  expect(removeDirectory(k, `${ROOT}/b`)).toBe(-EBUSY);
  expect(removeDirectory(k, `${ROOT}/a`)).toBe(0);
  expect(readFile(k, `${ROOT}/cgroup.stat`)).toMatch(/nr_descendants 1\n.*\nnr_dying_descendants 1\n/);
  for (let pfn = 0; pfn < k.pageMemcg.length; pfn++)
    if ((k.page[pfn * PAGE_WORDS]! & PG_table) !== 0) expect(k.pageMemcg[pfn]).toBe(0);
  checkKernel(k);
  expect(call(k, task, MUNMAP, [ADDR, 5 * PAGE])).toBe(0);
  expect(readFile(k, `${ROOT}/cgroup.stat`)).toMatch(/nr_dying_descendants 0\n/);
  checkKernel(k);
});

test("a child process is in its parent's cgroup, and its page tables are charged there", () => {
  const { k, task } = withCgroup("a");
  enter(k, task, "a");
  expect(storePages(k, task, ADDR, 3)).toBe(0);
  const before = stat(k, "a", "kernel") / PAGE;
  const child = call(k, task, FORK, []);
  expect(readFile(k, `/proc/${child}/cgroup`)).toBe("0::/a\n");
  // Its top table with that of isolation, three below, the stack of four pages, and three pages more for objects.
  expect(stat(k, "a", "kernel_stack")).toBe(4 * PAGE);
  expect(stat(k, "a", "kernel") / PAGE).toBe(before + 5 + 4 + 3);
  checkKernel(k);
});

test("no processes where memory is handed out further, and none where it is handed out", () => {
  const { k, task } = withCgroup("a", "a/b");
  enter(k, task, "a");
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory")).toBe(-EBUSY);
  enter(k, task, "a/b");
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory")).toBe(0);
  expect(writeFile(k, `${ROOT}/a/cgroup.procs`, `${k.task.pid[task]}`)).toBe(-EBUSY);
  expect(writeFile(k, `${ROOT}/cgroup.subtree_control`, "-memory")).toBe(-EBUSY);
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "-memory")).toBe(0);
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+cpu")).toBe(-EINVAL);
  expect(k.mm.memcg[k.task.mm[task]!]).not.toBe(0);
  expect(readFile(k, `/proc/${k.task.pid[task]}/cgroup`)).toBe("0::/a/b\n");
  checkKernel(k);
});

test("faults of a process that has ended stay in its cgroup's count, and those of a removed cgroup in its parent's", () => {
  const { k, task } = withCgroup("a", "a/b");
  expect(writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory")).toBe(0);
  enter(k, task, "a/b");
  expect(storePages(k, task, ADDR, 4)).toBe(0);
  expect(call(k, task, 231, [0])).toBe(0);
  expect(stat(k, "a/b", "pgfault")).toBe(4);
  expect(removeDirectory(k, `${ROOT}/a/b`)).toBe(0);
  expect(stat(k, "a", "pgfault")).toBe(4);
  checkKernel(k);
});
