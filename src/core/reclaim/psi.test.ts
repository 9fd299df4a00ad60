/**
 * What Documentation/accounting/psi.rst and kernel/sched/psi.c (6.12) say about stalls, drawn as turns of tasks on CPUs.
 */
import { expect, test } from "vitest";
import { fileMachine, newTask } from "../../../test/support/file-machine.ts";
import { makeDirectory, readFile, writeFile } from "../abi/vfs.ts";
import type { Task } from "../base/types.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { accountRun, beginTurn, pickNext } from "../sched.ts";
import { sleepUntil, TASK_INTERRUPTIBLE, TASK_RUNNING, TASK_UNINTERRUPTIBLE } from "../space/task.ts";
import { psiMemstallEnter, psiMemstallLeave } from "./psi.ts";

const MS = 1000000;
/** A disk request's row: what it is does not matter here. */
const SOME_ROW = 1;

/** Totals of a pressure file in ms, as "some/full". */
function total(k: Kernel, resource: string, group?: string): string {
  const path =
    group === undefined ? `/proc/pressure/${resource}` : `/sys/fs/cgroup/${group}/${resource}.pressure`;
  const totals = [...String(readFile(k, path)).matchAll(/total=([0-9]+)/g)];
  return totals.map((match) => Math.round(Number(match[1]) / 1000)).join("/");
}

/** Gives the next task a turn of so many ms. */
function turn(k: Kernel, ms: number, end?: (task: Task) => void): Task {
  const task = pickNext(k);
  k.clock.ns[0]! += ms * MS;
  end?.(task);
  accountRun(k, task);
  return task;
}

/** The task waits for a disk for so many ms, for a page of its working set or another one. */
function waits(k: Kernel, ms: number, isThrashing: boolean): (task: Task) => void {
  return (task) => {
    sleepUntil(k, task, TASK_UNINTERRUPTIBLE, SOME_ROW, k.clock.ns[0]! + ms * MS);
    k.task.isThrashing[task] = isThrashing ? 1 : 0;
  };
}

test("a task that waits for a disk, alone, is I/O pressure, some and full", () => {
  const { k } = fileMachine();
  turn(k, 100, waits(k, 50, false));
  turn(k, 100);
  expect(total(k, "io")).toBe("50/50");
  expect(total(k, "memory")).toBe("0/0");
  expect(total(k, "cpu")).toBe("0/0");
  checkKernel(k);
});

test("waiting for a page of the working set is pressure of I/O and memory", () => {
  const { k } = fileMachine();
  turn(k, 100, waits(k, 50, true));
  turn(k, 100);
  expect(total(k, "io")).toBe("50/50");
  expect(total(k, "memory")).toBe("50/50");
});

test("while another task works on the CPU the pressure is not full", () => {
  const { k, task } = fileMachine();
  const other = newTask(k);
  expect(turn(k, 4, waits(k, 40, true))).toBe(task);
  for (let i = 0; i < 10; i++) expect(turn(k, 4)).toBe(other);
  expect(turn(k, 4)).toBe(task);
  // The first task waits while the second works; before and after that one of them waits for the CPU.
  expect(total(k, "memory")).toBe("40/0");
  expect(total(k, "io")).toBe("40/0");
  expect(total(k, "cpu")).toBe("8/0");
});

test("reclaim is full pressure although the task runs, for it keeps others from their work", () => {
  const { k, task } = fileMachine();
  newTask(k);
  expect(pickNext(k)).toBe(task);
  k.clock.ns[0]! += 20 * MS;
  const hasEntered = psiMemstallEnter(k);
  expect(hasEntered).toBe(true);
  expect(psiMemstallEnter(k)).toBe(false);
  k.clock.ns[0]! += 30 * MS;
  psiMemstallLeave(k, hasEntered);
  k.clock.ns[0]! += 20 * MS;
  accountRun(k, task);
  expect(total(k, "memory")).toBe("30/30");
  expect(total(k, "cpu")).toBe("70/0");
});

test("two CPUs are weighed by the time in which they had anything to do", () => {
  const { k, task } = fileMachine({ cpus: 2 });
  const other = newTask(k);
  // CPU 0 waits for 60 ms of its 80; CPU 1 works for 20 and is idle then: 60 * 80 / 100.
  expect(turn(k, 20, waits(k, 60, true))).toBe(task);
  const ends = (each: Task): void => sleepUntil(k, each, TASK_INTERRUPTIBLE, 0, Number.POSITIVE_INFINITY);
  expect(turn(k, 20, ends)).toBe(other);
  expect(pickNext(k)).toBe(task);
  expect(total(k, "memory")).toBe("48/48");
});

test("changes of CPUs that are not equally far count in the order of time", () => {
  const { k, task } = fileMachine({ cpus: 2 });
  const other = newTask(k);
  expect(turn(k, 100, waits(k, 100, false))).toBe(task);
  expect(turn(k, 40, waits(k, 20, false))).toBe(other);
  expect(turn(k, 140, waits(k, 100, false))).toBe(other);
  expect(pickNext(k)).toBe(task);
  checkKernel(k);
  // At 200 ms: CPU 0 was waited on for 100 of 200 ms, CPU 1 for 20 of 200.
  expect(total(k, "io")).toBe("60/60");
});

test("a cgroup counts what its own tasks suffer, and those above it as well", () => {
  const { k, task } = fileMachine();
  expect(makeDirectory(k, "/sys/fs/cgroup/a")).toBe(0);
  expect(makeDirectory(k, "/sys/fs/cgroup/a/b")).toBe(0);
  const other = newTask(k);
  expect(writeFile(k, "/sys/fs/cgroup/a/b/cgroup.procs", `${k.task.pid[task]}\n`)).toBe(0);
  expect(turn(k, 4, waits(k, 40, true))).toBe(task);
  for (let i = 0; i < 10; i++) expect(turn(k, 4)).toBe(other);
  turn(k, 4);
  // Whoever works is not in the cgroup: there the stall is full, and the CPU is another's while its task could run.
  expect(total(k, "memory", "a/b")).toBe("40/40");
  expect(total(k, "memory", "a")).toBe("40/40");
  expect(total(k, "memory")).toBe("40/0");
});

test("a task that moves to another cgroup suffers there from then on", () => {
  const { k, task } = fileMachine();
  for (const name of ["a", "b"]) makeDirectory(k, `/sys/fs/cgroup/${name}`);
  writeFile(k, "/sys/fs/cgroup/a/cgroup.procs", `${k.task.pid[task]}\n`);
  turn(k, 20, waits(k, 40, true));
  turn(k, 20);
  writeFile(k, "/sys/fs/cgroup/b/cgroup.procs", `${k.task.pid[task]}\n`);
  turn(k, 20, waits(k, 80, true));
  turn(k, 20);
  expect(total(k, "memory", "a")).toBe("40/40");
  expect(total(k, "memory", "b")).toBe("80/80");
  checkKernel(k);
});

test("tasks that a driver keeps from running are no pressure on the CPU", () => {
  const { k, task } = fileMachine();
  const other = newTask(k);
  for (const each of [task, other, task]) {
    beginTurn(k, each);
    k.clock.ns[0]! += 50 * MS;
    accountRun(k, each);
    expect(k.task.state[each]).toBe(TASK_RUNNING);
  }
  expect(total(k, "cpu")).toBe("0/0");
});

test("a wait for what is there already takes no time", () => {
  const { k } = fileMachine();
  turn(k, 100, (task) => sleepUntil(k, task, TASK_UNINTERRUPTIBLE, SOME_ROW, k.clock.ns[0]! - 50 * MS));
  turn(k, 100);
  expect(total(k, "io")).toBe("0/0");
  checkKernel(k);
});

test("averages are made every two seconds, and when somebody looks", () => {
  const { k } = fileMachine();
  turn(k, 1004, waits(k, 1000, true));
  turn(k, 0);
  // 1000 of 2004 ms are 49 %: 49 * 2048 * 371 / 2048, rounded up, and so on.
  expect(readFile(k, "/proc/pressure/memory")).toBe(
    "some avg10=8.87 avg60=1.60 avg300=0.33 total=1000000\nfull avg10=8.87 avg60=1.60 avg300=0.33 total=1000000\n",
  );
});

test("cgroup.pressure switches counting off, and the files are gone meanwhile", () => {
  const { k, task } = fileMachine();
  makeDirectory(k, "/sys/fs/cgroup/a");
  writeFile(k, "/sys/fs/cgroup/a/cgroup.procs", `${k.task.pid[task]}\n`);
  turn(k, 20, waits(k, 40, true));
  turn(k, 20);
  expect(readFile(k, "/sys/fs/cgroup/a/cgroup.pressure")).toBe("1\n");
  expect(writeFile(k, "/sys/fs/cgroup/a/cgroup.pressure", "2")).toBe(-34);
  expect(writeFile(k, "/sys/fs/cgroup/a/cgroup.pressure", "0")).toBe(0);
  expect(readFile(k, "/sys/fs/cgroup/a/memory.pressure")).toBe(-2);
  turn(k, 20, waits(k, 40, true));
  turn(k, 20);
  expect(writeFile(k, "/sys/fs/cgroup/a/cgroup.pressure", "1")).toBe(0);
  turn(k, 20, waits(k, 40, true));
  turn(k, 20);
  expect(total(k, "memory", "a")).toBe("80/80");
  expect(total(k, "memory")).toBe("120/120");
});
