/**
 * Who is killed when a cgroup or the machine has no memory left. Rules of mm/oom_kill.c (6.12): points are resident pages,
 * swap entries and page table pages, moved by oom_score_adj thousandths of what there is; among equals the later one in the
 * list; a cgroup's list is in the order in which processes came there.
 */
import { expect, test } from "vitest";
import { call, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { addSwap, storePages } from "../../../test/support/task-memory.ts";
import { mountLegacyMemory } from "../abi/cgroup/directory.ts";
import { CLONE_VM, doFork } from "../abi/process.ts";
import { makeDirectory, readFile, writeFile } from "../abi/vfs.ts";
import { readDmesg } from "../base/dmesg.ts";
import { ENOMEM, FAULT_OOM } from "../base/errno.ts";
import { BLOCKED, NONE, type Task } from "../base/types.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { accountRun, beginTurn, pickNext } from "../sched.ts";
import { findTask, SIGCHLD, TASK_RUNNING, TASK_UNINTERRUPTIBLE, TASK_ZOMBIE } from "../space/task.ts";
import { access } from "../vm/access.ts";
import { putMm } from "../vm/mm-create.ts";
import { panicMessage } from "./oom-kill.ts";

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
  return as(k, task, () => fillNow(k, task, pages));
}

/** The same in a turn that has begun. */
function fillNow(k: Kernel, task: Task, pages: number): number {
  return storePages(k, task, ADDR, pages);
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
  expect(fill(k, task, 370)).toBe(0);
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
  const pids = [k.task.pid[first], k.task.pid[second]];
  expect(writeFile(k, `${dir}/memory.max`, "1M")).toBe(0);
  expect(killedPids(k)).toEqual(pids);
  expect([isGone(k, first), isGone(k, second)]).toEqual([true, true]);
  expect(Number(readFile(k, `${dir}/memory.current`))).toBeLessThanOrEqual(1048576);
});

/** The first access of a scan over new memory that is not done at once: its page and what it came to. */
function firstRefused(k: Kernel, task: Task): { page: number; result: number } {
  return as(k, task, () => {
    call(k, task, 9, [ADDR, 4000 * PAGE, 3, 0x32, -1, 0]);
    let page = ADDR / PAGE;
    let result = 0;
    while (result === 0) result = access(k, task, page++, ACCESS_STORE);
    return { page: page - 1, result };
  });
}

test("who may not be killed waits until there is memory", () => {
  const { k, task, dir } = pressed();
  writeFile(k, `/proc/${k.task.pid[task]}/oom_score_adj`, "-1000");
  const { page, result } = firstRefused(k, task);
  expect(result).toBe(BLOCKED);
  expect(k.task.state[task]).toBe(TASK_UNINTERRUPTIBLE);
  expect(readDmesg(k)).toContain("Out of memory and no killable processes...");
  expect(readDmesg(k)).toContain("Huh VM_FAULT_OOM leaked out to the #PF handler. Retrying PF");
  writeFile(k, `${dir}/memory.max`, "8M");
  expect(k.task.state[task]).toBe(TASK_RUNNING);
  expect(as(k, task, () => access(k, task, page, ACCESS_STORE))).toBe(0);
  checkKernel(k);
});

test("with oom_kill_disable of version 1 a process waits until another gives memory back", () => {
  const { k, task } = fileMachine();
  mountLegacyMemory(k);
  const dir = `${ROOT}/memory/g`;
  makeDirectory(k, dir);
  writeFile(k, `${dir}/memory.limit_in_bytes`, "4M");
  writeFile(k, `${dir}/memory.oom_control`, "1");
  writeFile(k, `${dir}/cgroup.procs`, "0", task);
  const other = child(k, task);
  expect(fill(k, other, 400)).toBe(0);
  const { page, result } = firstRefused(k, task);
  expect(result).toBe(BLOCKED);
  expect(readFile(k, `${dir}/memory.oom_control`)).toBe("oom_kill_disable 1\nunder_oom 1\noom_kill 0\n");
  expect(as(k, other, () => call(k, other, 11, [ADDR, 400 * PAGE]))).toBe(0);
  expect(k.task.state[task]).toBe(TASK_RUNNING);
  expect(readFile(k, `${dir}/memory.oom_control`)).toContain("under_oom 0");
  expect(as(k, task, () => access(k, task, page, ACCESS_STORE))).toBe(0);
  expect(killedPids(k)).toEqual([]);
  checkKernel(k);
});

test.each([
  ["1", "system-wide", true],
  ["2", "compulsory", true],
  ["2", "compulsory", false],
])("vm.panic_on_oom %s stops the machine (%s, whole machine: %s)", (mode, why, isGlobal) => {
  const { k, task } = isGlobal ? fileMachine() : pressed();
  writeFile(k, "/proc/sys/vm/panic_on_oom", mode);
  writeFile(k, "/proc/sys/vm/overcommit_memory", "1");
  expect(as(k, task, () => fillNow(k, task, 400000))).toBe(FAULT_OOM);
  const message = `Kernel panic - not syncing: Out of memory: ${why} panic_on_oom is enabled`;
  expect(panicMessage(k)).toBe(message);
  expect(readDmesg(k)).toContain(`---[ end ${message} ]---`);
  expect(pickNext(k)).toBe(NONE);
  expect(killedPids(k)).toEqual([]);
});

test("vm.panic_on_oom 1 lets a cgroup's processes be killed", () => {
  const { k, task } = pressed();
  writeFile(k, "/proc/sys/vm/panic_on_oom", "1");
  expect(fill(k, task, 2000)).toBe(FAULT_OOM);
  expect(panicMessage(k)).toBeUndefined();
  expect(killedPids(k)).toHaveLength(1);
});

test("a machine on which nobody may be killed panics", () => {
  const { k, task } = fileMachine();
  writeFile(k, `/proc/${k.task.pid[task]}/oom_score_adj`, "-1000");
  writeFile(k, "/proc/sys/vm/overcommit_memory", "1");
  expect(fill(k, task, 400000)).toBe(FAULT_OOM);
  expect(panicMessage(k)).toBe("Kernel panic - not syncing: System is deadlocked on memory");
});

test("many kills in a row fill the log with ten reports, and the eleventh counts as left out", () => {
  const { k, task } = pressed();
  for (let i = 0; i < 12; i++) {
    const large = child(k, task);
    expect(fill(k, large, 2000)).toBe(FAULT_OOM);
  }
  expect(readDmesg(k).match(/invoked oom-killer/g)).toHaveLength(10);
  expect(killedPids(k)).toHaveLength(12);
});

test("memory that somebody works on is reaped after two seconds instead of being emptied", () => {
  const { k, task } = pressed();
  const large = child(k, task);
  expect(fill(k, large, 700)).toBe(0);
  const mm = k.task.mm[large]!;
  k.mm.users[mm]!++;
  const before = k.clock.ns[0]!;
  expect(as(k, task, () => fillNow(k, task, 500))).toBe(0);
  expect(k.clock.ns[0]! - before).toBeGreaterThan(2e9);
  expect(readDmesg(k)).toMatch(
    /oom_reaper: reaped process \d+ \(\S+\), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB/,
  );
  putMm(k, mm);
  checkKernel(k);
});

test("without vm.oom_dump_tasks the report has no table", () => {
  const { k, task } = pressed();
  writeFile(k, "/proc/sys/vm/oom_dump_tasks", "0");
  expect(fill(k, task, 2000)).toBe(FAULT_OOM);
  expect(readDmesg(k)).toContain("invoked oom-killer");
  expect(readDmesg(k)).not.toContain("Tasks state");
});

test("who takes swap out of use is killed for the memory that takes, however small it is", () => {
  const { k, task } = fileMachine({ knobs: { "capabilities=": 1 } });
  addSwap(k, 8000, 0);
  writeFile(k, "/proc/sys/vm/overcommit_memory", "1");
  const large = child(k, task);
  expect(fill(k, large, 12000)).toBe(0);
  const pid = k.task.pid[task];
  expect(as(k, task, () => call(k, task, 168, ["/swap"]))).toBe(-ENOMEM);
  expect(killedPids(k)).toEqual([pid]);
  expect([isGone(k, task), isGone(k, large)]).toEqual([true, false]);
  expect(readFile(k, "/proc/swaps")).toContain("/swap");
  checkKernel(k);
});

test("a process below the cgroup that it is charged to is one of those to choose from", () => {
  const { k, task, dir } = pressed();
  makeDirectory(k, `${dir}/below`);
  const large = child(k, task);
  writeFile(k, `${dir}/below/cgroup.procs`, String(k.task.pid[large]));
  const pid = k.task.pid[large];
  expect(fill(k, large, 700)).toBe(0);
  expect(fill(k, task, 500)).toBe(0);
  expect(killedPids(k)).toEqual([pid]);
  expect(readDmesg(k)).toContain(`oom_memcg=/g,task_memcg=/g,task=test,pid=${pid},`);
  checkKernel(k);
});
