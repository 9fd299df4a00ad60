/**
 * What Documentation/accounting/psi.rst (6.12) says about triggers.
 */
import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { EINVAL, ENOENT } from "../base/errno.ts";
import type { Kernel } from "../kernel.ts";
import { accountRun, pickNext } from "../sched.ts";
import { sleepUntil, TASK_UNINTERRUPTIBLE } from "../space/task.ts";
import { isPressureReached, unwatchPressure, watchPressure } from "./pressure-watch.ts";
import { writeFile } from "./vfs.ts";

const MS = 1000000;
const MEMORY = "/proc/pressure/memory";

/** The one task works and then stalls for so many ms each, again and again for `forMs`. Returns how often it was told. */
function stall(k: Kernel, watch: number, workMs: number, stallMs: number, forMs: number): number {
  let told = 0;
  for (let ms = 0; ms < forMs; ms += workMs + stallMs) {
    const task = pickNext(k);
    k.clock.ns[0]! += workMs * MS;
    sleepUntil(k, task, TASK_UNINTERRUPTIBLE, 1, k.clock.ns[0]! + stallMs * MS);
    k.task.isThrashing[task] = 1;
    accountRun(k, task);
    k.clock.ns[0]! += stallMs * MS;
    if (isPressureReached(k, watch)) told++;
  }
  return told;
}

test("a trigger tells once a window as long as the stall grows by more than its threshold", () => {
  const { k } = fileMachine();
  const watch = watchPressure(k, MEMORY, "some 150000 1000000\n");
  expect(watch).toBeGreaterThanOrEqual(0);
  // A tenth of the time: 100 ms a second are not enough.
  expect(stall(k, watch, 90, 10, 5000)).toBe(0);
  // Half of the time: once within each second.
  expect(stall(k, watch, 50, 50, 5000)).toBe(5);
});

test("without stalls nobody is told, and a closed file neither", () => {
  const { k } = fileMachine();
  const watch = watchPressure(k, MEMORY, "full 50000 1000000\n");
  expect(stall(k, watch, 100, 0, 3000)).toBe(0);
  unwatchPressure(k, watch);
  expect(stall(k, watch, 0, 100, 3000)).toBe(0);
});

test("windows of more than ten seconds, thresholds above them and other words are refused", () => {
  const { k } = fileMachine();
  for (const text of [
    "some 1 10000001\n",
    "some 0 1000000\n",
    "some 2000000 1000000\n",
    "most 1 2\n",
    "some 5\n",
  ])
    expect(watchPressure(k, MEMORY, text)).toBe(-EINVAL);
  expect(watchPressure(k, "/proc/pressure/disk", "some 1 2\n")).toBe(-ENOENT);
  expect(watchPressure(k, "/sys/fs/cgroup/cpu.pressure", "full 500000 1000000")).toBe(0);
});

test("a write to the file alone is a trigger that ends at once", () => {
  const { k } = fileMachine();
  expect(writeFile(k, MEMORY, "some 150000 1000000\n")).toBe(0);
  expect(writeFile(k, MEMORY, "something\n")).toBe(-EINVAL);
  expect(k.psi.pollStates[0]).toBe(0);
});
