/**
 * Linux: kernel/sched/core.c, fair.c (6.12)   Doc: Documentation/scheduler/sched-nice-design.rst
 */
import { expect, test } from "vitest";
import { fileMachine, newFile, newTask, PAGE } from "../../test/support/file-machine.ts";
import { syscall } from "./abi/syscall/table.ts";
import { BLOCKED, NONE, type Task } from "./base/types.ts";
import { CAUSE_IO_WAIT, CAUSE_USER, COST_CONTEXT_SWITCH, spend } from "./hw/clock.ts";
import type { Kernel } from "./kernel.ts";
import { accountRun, niceWeight, pickNext, quantumNs } from "./sched.ts";
import { TASK_UNINTERRUPTIBLE } from "./space/task.ts";

/** Runs `turns` turns; each task just uses its CPU. Returns one letter a turn: a is the first task. */
function turns(k: Kernel, first: Task, count: number, useNs = 4000000): string {
  let text = "";
  for (let turn = 0; turn < count; turn++) {
    const task = pickNext(k);
    if (task === NONE) return `${text}!`;
    text += String.fromCharCode(97 + task - first) + k.boot[2];
    spend(k, CAUSE_USER, useNs);
    accountRun(k, task);
  }
  return text;
}

test("tasks of equal weight take turns on one CPU", () => {
  const { k, task } = fileMachine();
  newTask(k);
  newTask(k);
  expect(turns(k, task, 6)).toBe("a0b0c0a0b0c0");
});

test("two CPUs run two tasks side by side, each where it was", () => {
  const { k, task } = fileMachine({ cpus: 2 });
  newTask(k);
  expect(turns(k, task, 6)).toBe("a0b1a0b1a0b1");
  expect(k.clock.cpuNs[0]! - k.clock.cpuNs[1]!).toBe(0);
});

test("a nicer task gets the CPU in proportion to its weight", () => {
  const { k, task } = fileMachine();
  const nice = newTask(k);
  k.task.nice[nice] = 5;
  const text = turns(k, task, 400);
  const share = text.split("a0").length / text.split("b0").length;
  expect(share).toBeGreaterThan(2.9);
  expect(share).toBeLessThan(3.2);
  expect(niceWeight(0) / niceWeight(5)).toBeCloseTo(1024 / 335);
});

test("a turn is the base slice up to the next tick", () => {
  expect(quantumNs(fileMachine().k)).toBe(4000000);
});

test("a task that waits for the disk lets the other run, and comes back when its page is there", () => {
  const { k, task } = fileMachine();
  const other = newTask(k);
  const { fd } = newFile(k, task, 64 * PAGE);
  const buffer = syscall(k, task, 9, [0, PAGE, 3, 0x22, -1, 0]);
  expect(pickNext(k)).toBe(task);
  expect(syscall(k, task, 0, [fd, buffer, PAGE])).toBe(BLOCKED);
  accountRun(k, task);
  expect(k.task.state[task]).toBe(TASK_UNINTERRUPTIBLE);
  expect(pickNext(k)).toBe(other);
  spend(k, CAUSE_USER, 10000000);
  accountRun(k, other);
  expect(pickNext(k)).toBe(task);
  expect(syscall(k, task, 0, [fd, buffer, PAGE])).toBe(PAGE);
});

test("when all tasks wait the clock moves on to the first page that arrives, on account of the wait", () => {
  const { k, task } = fileMachine();
  const { fd } = newFile(k, task, 64 * PAGE);
  const buffer = syscall(k, task, 9, [0, PAGE, 3, 0x22, -1, 0]);
  pickNext(k);
  syscall(k, task, 0, [fd, buffer, PAGE]);
  const doneNs = k.task.waitUntilNs[task]!;
  accountRun(k, task);
  expect(pickNext(k)).toBe(task);
  expect(k.clock.ns[0]).toBe(doneNs + COST_CONTEXT_SWITCH);
  expect(k.clock.spent[CAUSE_IO_WAIT]).toBeGreaterThan(0);
});

test("when nobody can ever run again there is nobody to pick", () => {
  const { k, task } = fileMachine();
  syscall(k, task, 57, []);
  expect(syscall(k, task, 61, [-1, 0, 0, 0])).toBe(BLOCKED);
  const child = pickNext(k);
  expect(k.task.parent[child]).toBe(task);
  k.task.state[child] = TASK_UNINTERRUPTIBLE;
  k.task.waitUntilNs[child] = Number.POSITIVE_INFINITY;
  accountRun(k, child);
  expect(pickNext(k)).toBe(NONE);
});
