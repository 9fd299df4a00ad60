/**
 * Who is killed when a cgroup or the machine has no memory left. Rules of mm/oom_kill.c (6.12): points are resident pages,
 * swap entries and page table pages, moved by oom_score_adj thousandths of what there is; among equals the later one in the
 * list; a cgroup's list is in the order in which processes came there.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE, touch } from "../../../test/support/file-machine.ts";
import { CLONE_VM, doFork } from "../abi/process.ts";
import { makeDirectory, readFile, writeFile } from "../abi/vfs.ts";
import { readDmesg } from "../base/dmesg.ts";
import { FAULT_OOM } from "../base/errno.ts";
import type { Task } from "../base/types.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { accountRun, beginTurn } from "../sched.ts";
import { findTask, SIGCHLD, TASK_ZOMBIE } from "../space/task.ts";

const ADDR = 0x10000000;
const ROOT = "/sys/fs/cgroup";

/** A machine with a cgroup g of 4 MiB and a task in it. */
function pressed(): { k: Kernel; task: Task; dir: string } {
  const { k, task } = fileMachine();
  const dir = `${ROOT}/g`;
  writeFile(k, `${ROOT}/cgroup.subtree_control`, "+memory");
  makeDirectory(k, dir);
  writeFile(k, `${dir}/memory.max`, "4M");
  writeFile(k, `${dir}/cgroup.procs`, "0", task);
  return { k, task, dir };
}

function child(k: Kernel, task: Task, flags = 0): Task {
  return as(k, task, () => findTask(k, doFork(k, task, SIGCHLD | flags)));
}

/** Does something as the task, in a turn of its own. */
function as<T>(k: Kernel, task: Task, act: () => T): T {
  beginTurn(k, task);
  const result = act();
  accountRun(k, task);
  return result;
}

/** Stores to `pages` pages. Returns 0 or the first failure. */
function fill(k: Kernel, task: Task, pages: number): number {
  return as(k, task, () => {
    const result = call(k, task, 9, [ADDR, pages * PAGE, 3, 0x32, -1, 0]);
    if (result < 0) return result;
    for (let i = 0; i < pages; i++) {
      const failed = touch(k, task, ADDR + i * PAGE, ACCESS_STORE);
      if (failed !== 0) return failed;
    }
    return 0;
  });
}

function isGone(k: Kernel, task: Task): boolean {
  return k.task.state[task] === TASK_ZOMBIE || k.task.pid[task] === 0;
}

function killedPids(k: Kernel): number[] {
  return [...readDmesg(k).matchAll(/Killed process (\d+)/g)].map((match) => Number(match[1]));
}

test("the largest process of the cgroup is killed, and who asked for memory gets it", () => {
  const { k, task, dir } = pressed();
  const large = child(k, task);
  expect(fill(k, large, 700)).toBe(0);
  expect(fill(k, task, 500)).toBe(0);
  expect(killedPids(k)).toEqual([k.task.pid[large]]);
  expect(isGone(k, large)).toBe(true);
  expect(readFile(k, `${dir}/memory.events`)).toMatch(/^oom 1\noom_kill 1\noom_group_kill 0$/m);
  expect(readFile(k, "/proc/vmstat")).toMatch(/^oom_kill 1$/m);
  checkKernel(k);
});

test("a process that needs more than there is kills itself", () => {
  const { k, task, dir } = pressed();
  expect(fill(k, task, 2000)).toBe(FAULT_OOM);
  expect(isGone(k, task)).toBe(true);
  expect(readFile(k, `${dir}/memory.events`)).toMatch(/^max 35\noom 1\noom_kill 1$/m);
  checkKernel(k);
});

test("oom_score_adj counts thousandths of the limit, and -1000 keeps a process alive", () => {
  const { k, task } = pressed();
  const large = child(k, task);
  const small = child(k, task);
  expect(fill(k, large, 600)).toBe(0);
  expect(fill(k, small, 100)).toBe(0);
  writeFile(k, `/proc/${k.task.pid[task]}/oom_score_adj`, "-1000");
  // 1024 pages: a thousandth is 1 page.
  writeFile(k, `/proc/${k.task.pid[small]}/oom_score_adj`, "900");
  const pid = k.task.pid[small];
  expect(fill(k, task, 400)).toBe(0);
  expect(killedPids(k)).toEqual([pid]);
  checkKernel(k);
});

test("of two equals the one that came to the cgroup later is killed", () => {
  const { k, task, dir } = pressed();
  const [first, second] = [child(k, task), child(k, task)];
  for (const each of [first, second]) expect(fill(k, each, 400)).toBe(0);
  const pid = k.task.pid[first];
  // It leaves and comes back: now it is the last.
  writeFile(k, `${ROOT}/cgroup.procs`, String(pid));
  writeFile(k, `${dir}/cgroup.procs`, String(pid));
  expect(fill(k, task, 300)).toBe(0);
  expect(killedPids(k)).toEqual([pid]);
  checkKernel(k);
});

test("all processes that share the memory die with the victim", () => {
  const { k, task } = pressed();
  const large = child(k, task);
  const sharer = child(k, large, CLONE_VM);
  expect(fill(k, large, 700)).toBe(0);
  expect(fill(k, task, 500)).toBe(0);
  expect([isGone(k, large), isGone(k, sharer), isGone(k, task)]).toEqual([true, true, false]);
  expect(killedPids(k)).toHaveLength(1);
  checkKernel(k);
});

// The victim is in the cgroup, too, and is killed and counted once more.
test("memory.oom.group takes the whole cgroup but those that are kept alive", () => {
  const { k, task, dir } = pressed();
  const [large, other, kept] = [child(k, task), child(k, task), child(k, task)];
  makeDirectory(k, `${dir}2`);
  writeFile(k, `${ROOT}/cgroup.procs`, String(k.task.pid[task]));
  writeFile(k, `${dir}/memory.oom.group`, "1");
  writeFile(k, `/proc/${k.task.pid[kept]}/oom_score_adj`, "-1000");
  expect(fill(k, large, 2000)).toBe(FAULT_OOM);
  expect([large, other, kept, task].map((each) => isGone(k, each))).toEqual([true, true, false, false]);
  expect(readFile(k, `${dir}/memory.events`)).toMatch(/^oom 1\noom_kill 3\noom_group_kill 1$/m);
  expect(readDmesg(k)).toContain("Tasks in /g are going to be killed due to memory.oom.group set");
  checkKernel(k);
});

test("lowering memory.max below what cannot be reclaimed kills until it fits", () => {
  const { k, task, dir } = pressed();
  const [first, second] = [child(k, task), child(k, task)];
  expect(fill(k, first, 400)).toBe(0);
  expect(fill(k, second, 300)).toBe(0);
  expect(writeFile(k, `${dir}/memory.max`, "1M")).toBe(0);
  expect(killedPids(k)).toEqual([k.task.pid[first], k.task.pid[second]]);
  expect(Number(readFile(k, `${dir}/memory.current`))).toBeLessThanOrEqual(1048576);
});

test("who may not be killed is refused its memory", () => {
  const { k, task } = pressed();
  writeFile(k, `/proc/${k.task.pid[task]}/oom_score_adj`, "-1000");
  expect(fill(k, task, 2000)).toBe(FAULT_OOM);
  expect(readDmesg(k)).toContain("Out of memory and no killable processes...");
  expect(isGone(k, task)).toBe(false);
  checkKernel(k);
});
