import { expect, test } from "vitest";
import { install, LINKER, load, machine, run, show, T2, T3 } from "../../../test/support/exec-machine.ts";
import { E2BIG, EACCES, EINVAL, ELIBBAD, ENOENT, ENOEXEC, ENOSYS, SIGSEGV } from "../base/errno.ts";
import { BLOCKED, NONE } from "../base/types.ts";
import { checkKernel } from "../kernel.ts";
import { createInode } from "../space/file.ts";
import { createTask, findTask, TASK_ZOMBIE } from "../space/task.ts";
import { ET_EXEC, PF_R } from "./elf.ts";
import { syscall } from "./syscall/table.ts";

test("too much argument is E2BIG and leaves the old program running", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2")).toBe(0);
  const before = show(k, task, "maps");
  const free = k.vmstat.zone.slice();
  expect(run(k, task, "/t2", { argv: ["x".repeat(131072)] })).toBe(-E2BIG);
  expect(run(k, task, "/t2", { argv: Array.from({ length: 20 }, () => "y".repeat(131071)) })).toBe(-E2BIG);
  expect(show(k, task, "maps")).toBe(before);
  expect(free.length).toBe(k.vmstat.zone.length);
  checkKernel(k);
});

test("a cold program waits for the disk, and its cleared page is a major fault", () => {
  const { k, task } = machine();
  install(k, "/t2", T2, { cold: true });
  expect(syscall(k, task, 59, ["/t2", ["/t2"], []])).toBe(BLOCKED);
  expect(k.task.mm[task]).toBe(NONE);
  expect(run(k, task, "/t2")).toBe(0);
  expect(show(k, task, "maps")).toContain("00403000-00404000 rw-p");
  checkKernel(k);
});

test("what can not be executed is refused before anything changes", () => {
  const { k, task } = machine();
  expect(syscall(k, task, 59, ["/nothing", ["x"], []])).toBe(-ENOENT);
  createInode(k, { path: "/text", sizeBytes: 10, mode: 0o100755 });
  expect(syscall(k, task, 59, ["/text", ["x"], []])).toBe(-ENOEXEC);
  install(k, "/data", T2, { mode: 0o100644 });
  expect(syscall(k, task, 59, ["/data", ["x"], []])).toBe(-EACCES);
  install(k, "/t3", T3);
  expect(syscall(k, task, 59, ["/t3", ["x"], []])).toBe(-ENOENT);
  createInode(k, { path: LINKER, sizeBytes: 10, mode: 0o100755 });
  expect(syscall(k, task, 59, ["/t3", ["x"], []])).toBe(-ELIBBAD);
  expect(syscall(k, task, 999, [])).toBe(-ENOSYS);
  expect(k.task.mm[task]).toBe(NONE);
});

test("headers that can not be mapped kill the task, because its old program is gone", () => {
  const { k, task } = machine();
  install(k, "/bad", { type: ET_EXEC, entry: 0, parts: [load(PF_R, 0x123, 0x400000, 0x100)] });
  expect(run(k, task, "/bad")).toBe(-EINVAL);
  checkKernel(k);
  const child = createTask(k, { comm: "child", parent: createTask(k, { comm: "parent" }) });
  install(k, "/overlap", { type: ET_EXEC, entry: 0, parts: [load(PF_R, 0, 0x400000, 0x100, 0x80)] });
  expect(run(k, child, "/overlap")).toBe(-EINVAL);
  expect(k.task.state[child]).toBe(TASK_ZOMBIE);
  expect(k.task.exitCode[child]).toBe(SIGSEGV);
});

test("execve as a call keeps ADDR_NO_RANDOMIZE", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2")).toBe(0);
  const before = show(k, task, "maps");
  expect(syscall(k, task, 59, ["/t2", ["/t2"], []])).toBe(0);
  expect(show(k, task, "maps")).toBe(before);
  checkKernel(k);
});

test("a parent in vfork goes on when its child executes", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2")).toBe(0);
  expect(syscall(k, task, 58, [])).toBe(BLOCKED);
  const child = k.task.firstChild[task];
  const mm = k.task.mm[task];
  expect(k.task.mm[child]).toBe(mm);
  expect(run(k, child, "/t2")).toBe(0);
  expect(k.task.mm[child]).not.toBe(mm);
  expect(k.mm.users[mm]).toBe(1);
  expect(syscall(k, task, 58, [])).toBe(k.task.pid[child]);
  checkKernel(k);
});

test("exec ends the other threads of the process", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2")).toBe(0);
  const pids = [1, 2].map(() => syscall(k, task, 56, [0x10f00, 0, 0, 0, 0]));
  expect(k.task.liveThreads[task]).toBe(3);
  expect(run(k, task, "/t2")).toBe(0);
  expect(k.task.liveThreads[task]).toBe(1);
  for (const pid of pids) expect(findTask(k, pid)).toBe(NONE);
  checkKernel(k);
});
