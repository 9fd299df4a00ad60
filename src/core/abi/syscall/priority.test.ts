/**
 * What man 2 setpriority says, and kernel/sys.c (6.12).
 */
import { expect, test } from "vitest";
import { call, fileMachine, newTask } from "../../../../test/support/file-machine.ts";
import { EINVAL, ESRCH } from "../../base/errno.ts";

const GETPRIORITY = 140;
const SETPRIORITY = 141;

test("a task is as nice as it is told, within bounds", () => {
  const { k, task } = fileMachine();
  expect(call(k, task, GETPRIORITY, [0, 0])).toBe(20);
  expect(call(k, task, SETPRIORITY, [0, 0, 5])).toBe(0);
  expect(call(k, task, GETPRIORITY, [0, 0])).toBe(15);
  expect(call(k, task, SETPRIORITY, [0, k.task.pid[task]!, -100])).toBe(0);
  expect(call(k, task, GETPRIORITY, [0, 0])).toBe(40);
  expect(call(k, task, SETPRIORITY, [0, 0, 100])).toBe(0);
  expect(call(k, task, GETPRIORITY, [0, 0])).toBe(1);
});

test("of several tasks the least nice counts", () => {
  const { k, task } = fileMachine();
  const other = newTask(k);
  k.task.pgrp[other] = k.task.pgrp[task]!;
  expect(call(k, task, SETPRIORITY, [1, 0, 10])).toBe(0);
  expect(call(k, task, SETPRIORITY, [0, k.task.pid[other]!, 3])).toBe(0);
  expect(call(k, task, GETPRIORITY, [1, 0])).toBe(17);
});

test("who is not there cannot be nice", () => {
  const { k, task } = fileMachine();
  expect(call(k, task, SETPRIORITY, [0, 4000, 1])).toBe(-ESRCH);
  expect(call(k, task, GETPRIORITY, [1, 4000])).toBe(-ESRCH);
  expect(call(k, task, GETPRIORITY, [3, 0])).toBe(-EINVAL);
});
