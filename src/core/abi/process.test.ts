/**
 * Linux: kernel/fork.c, kernel/exit.c (6.12)   Doc: man 2 wait4, man 2 clone
 */
import { expect, test } from "vitest";
import {
  call,
  check,
  fileMachine,
  newFile,
  newTask,
  PAGE,
  touch,
} from "../../../test/support/file-machine.ts";
import { EBADF, ECHILD, EINVAL, ESRCH, SIGSEGV } from "../base/errno.ts";
import { BLOCKED, NONE } from "../base/types.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import {
  findTask,
  initTask,
  TASK_FREE,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_ZOMBIE,
} from "../space/task.ts";
import { loadBytes } from "../vm/user-bytes.ts";
import {
  CLONE_FILES,
  CLONE_PARENT,
  CLONE_SIGHAND,
  CLONE_THREAD,
  CLONE_VFORK,
  CLONE_VM,
  doExit,
  doExitGroup,
  doFork,
  doWait4,
  killTask,
  releaseVfork,
  WALL,
  WNOHANG,
} from "./process.ts";

const CHILD = 17;
const THREAD = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

test("a child that exits is a zombie until its parent waits, and its status is the exit code shifted", () => {
  const { k, task } = fileMachine();
  const pid = doFork(k, task, CHILD);
  const child = findTask(k, pid);
  doExit(k, child, 0x103);
  expect(k.task.state[child]).toBe(TASK_ZOMBIE);
  check(k);
  expect(doWait4(k, task, -1, 0)).toBe(pid);
  expect(k.task.waitStatus[task]).toBe(0x300);
  expect(findTask(k, pid)).toBe(NONE);
  expect(doWait4(k, task, -1, 0)).toBe(-ECHILD);
  check(k);
});

test("a parent that waits sleeps until a child ends, and with WNOHANG gets 0", () => {
  const { k, task } = fileMachine();
  const child = findTask(k, doFork(k, task, CHILD));
  expect(doWait4(k, task, -1, WNOHANG)).toBe(0);
  expect(doWait4(k, task, -1, 0)).toBe(BLOCKED);
  expect(k.task.state[task]).toBe(TASK_INTERRUPTIBLE);
  killTask(k, child, SIGSEGV);
  expect(k.task.state[task]).toBe(TASK_RUNNING);
  expect(doWait4(k, task, -1, 0)).toBeGreaterThan(0);
  expect(k.task.waitStatus[task]).toBe(SIGSEGV);
});

test("wait4 looks for the pid it is told, and refuses what Linux refuses", () => {
  const { k, task } = fileMachine();
  const first = doFork(k, task, CHILD);
  const second = doFork(k, task, CHILD);
  doExit(k, findTask(k, first), 1);
  doExit(k, findTask(k, second), 2);
  expect(doWait4(k, task, second, 0)).toBe(second);
  expect(doWait4(k, task, second, 0)).toBe(-ECHILD);
  expect(doWait4(k, task, -1, 16)).toBe(-EINVAL);
  expect(doWait4(k, task, -2147483648, 0)).toBe(-ESRCH);
  expect(doWait4(k, task, 0, 0)).toBe(first);
});

test("of several zombies the oldest child is reaped first", () => {
  const { k, task } = fileMachine();
  const pids = [doFork(k, task, CHILD), doFork(k, task, CHILD), doFork(k, task, CHILD)];
  for (const pid of [pids[2]!, pids[0]!, pids[1]!]) doExit(k, findTask(k, pid), 0);
  expect([0, 1, 2].map(() => doWait4(k, task, -1, 0))).toEqual(pids);
});

test("a child that signals nobody is only seen with __WALL", () => {
  const { k, task } = fileMachine();
  const pid = doFork(k, task, 0);
  doExit(k, findTask(k, pid), 0);
  expect(doWait4(k, task, -1, 0)).toBe(-ECHILD);
  expect(doWait4(k, task, -1, WALL)).toBe(pid);
});

test("orphans go to init, which reaps those that have ended", () => {
  const { k, task } = fileMachine();
  const child = findTask(k, doFork(k, task, CHILD));
  const living = findTask(k, doFork(k, child, CHILD));
  const dead = findTask(k, doFork(k, child, CHILD));
  doExit(k, dead, 0);
  doExit(k, child, 0);
  expect(k.task.state[dead]).toBe(TASK_FREE);
  expect(k.task.parent[living]).toBe(initTask(k));
  expect(call(k, living, 110, [])).toBe(1);
  doExit(k, living, 0);
  expect(k.task.state[living]).toBe(TASK_FREE);
  check(k);
});

test("clone refuses flags that exclude each other", () => {
  const { k, task } = fileMachine();
  expect(doFork(k, task, CLONE_THREAD | CLONE_VM)).toBe(-EINVAL);
  expect(doFork(k, task, CLONE_SIGHAND)).toBe(-EINVAL);
  expect(doFork(k, task, 0x40000000)).toBe(-EINVAL);
  expect(doFork(k, initTask(k), CLONE_PARENT | CHILD)).toBe(-EINVAL);
});

test("threads share memory, are one process, and the last one's code is its status", () => {
  const { k, task: parent } = fileMachine();
  const leaderPid = doFork(k, parent, CHILD);
  const leader = findTask(k, leaderPid);
  const thread = findTask(k, doFork(k, leader, THREAD));
  expect(k.task.mm[thread]).toBe(k.task.mm[leader]);
  expect(call(k, thread, 39, [])).toBe(leaderPid);
  expect(call(k, thread, 186, [])).not.toBe(leaderPid);
  expect(call(k, thread, 110, [])).toBe(k.task.pid[parent]);
  doExit(k, leader, 3);
  check(k);
  expect(doWait4(k, parent, leaderPid, WNOHANG)).toBe(0);
  doExit(k, thread, 5);
  expect(doWait4(k, parent, leaderPid, WNOHANG)).toBe(leaderPid);
  expect(k.task.waitStatus[parent]).toBe(0x500);
  check(k);
});

test("exit_group ends every thread with one code", () => {
  const { k, task: parent } = fileMachine();
  const pid = doFork(k, parent, CHILD);
  const leader = findTask(k, pid);
  const thread = findTask(k, doFork(k, leader, THREAD));
  doExitGroup(k, thread, 7);
  expect(k.task.state[leader]).toBe(TASK_ZOMBIE);
  expect(k.task.state[thread]).toBe(TASK_FREE);
  expect(doWait4(k, parent, -1, 0)).toBe(pid);
  expect(k.task.waitStatus[parent]).toBe(0x700);
  check(k);
});

test("a reaped child's faults, its threads' and its own children's, go to the parent's account", () => {
  const { k, task } = fileMachine();
  const addr = call(k, task, 9, [0, 4 * PAGE, 3, 0x22, -1, 0]);
  const child = findTask(k, doFork(k, task, CHILD));
  touch(k, child, addr, ACCESS_STORE);
  const thread = findTask(k, doFork(k, child, THREAD));
  touch(k, thread, addr + PAGE, ACCESS_STORE);
  const grandchild = findTask(k, doFork(k, child, CHILD));
  touch(k, grandchild, addr, ACCESS_STORE);
  doExit(k, thread, 0);
  doExit(k, grandchild, 0);
  doWait4(k, child, -1, 0);
  doExit(k, child, 0);
  doWait4(k, task, -1, 0);
  expect(k.task.cMinFlt[task]).toBe(3);
  expect(k.task.minFlt[task]).toBe(0);
});

test("fork shares open files and their positions, CLONE_FILES the descriptors themselves", () => {
  const { k, task } = fileMachine();
  const { fd } = newFile(k, task, 100);
  const forked = findTask(k, doFork(k, task, CHILD));
  const sharing = findTask(k, doFork(k, task, CHILD | CLONE_FILES));
  call(k, forked, 8, [fd, 42, 0]);
  expect(call(k, task, 8, [fd, 0, 1])).toBe(42);
  call(k, forked, 3, [fd]);
  expect(call(k, task, 8, [fd, 0, 1])).toBe(42);
  call(k, sharing, 3, [fd]);
  expect(call(k, task, 8, [fd, 0, 1])).toBe(-EBADF);
  check(k);
});

test("a parent in vfork goes on when the child lets go of its memory", () => {
  const { k, task } = fileMachine();
  expect(doFork(k, task, CLONE_VFORK | CLONE_VM | CHILD)).toBe(BLOCKED);
  const child = k.task.firstChild[task]!;
  expect(doFork(k, task, CLONE_VFORK | CLONE_VM | CHILD)).toBe(BLOCKED);
  releaseVfork(k, child);
  expect(k.task.state[task]).toBe(TASK_RUNNING);
  expect(doFork(k, task, CLONE_VFORK | CLONE_VM | CHILD)).toBe(k.task.pid[child]);
});

test("the C library's fork costs the child the fault of its own thread id", () => {
  const { k, task } = fileMachine();
  const addr = call(k, task, 9, [0, PAGE, 3, 0x22, -1, 0]);
  touch(k, task, addr, ACCESS_STORE);
  const pid = doFork(k, task, 0x1200000 | CHILD, { childTid: addr + 8 });
  const child = findTask(k, pid);
  expect(k.task.minFlt[child]).toBe(1);
  const bytes = new Uint8Array(4);
  loadBytes(k, child, addr + 8, bytes);
  expect(bytes[0]! + bytes[1]! * 256).toBe(pid);
  loadBytes(k, task, addr + 8, bytes);
  expect(bytes[0]).toBe(0);
});

test("wait4 stores the status and what the child used", () => {
  const { k, task } = fileMachine();
  const addr = call(k, task, 9, [0, PAGE, 3, 0x22, -1, 0]);
  const child = findTask(k, doFork(k, task, CHILD));
  touch(k, child, addr, ACCESS_LOAD);
  doExit(k, child, 9);
  call(k, task, 61, [-1, addr, 0, addr + 64]);
  const bytes = new Uint8Array(144);
  loadBytes(k, task, addr + 64, bytes);
  expect(bytes[64]).toBe(1);
  loadBytes(k, task, addr, bytes.subarray(0, 4));
  expect([...bytes.subarray(0, 4)]).toEqual([0, 9, 0, 0]);
});

test("a task of its own leads a process group, its children stay in it", () => {
  const { k, task } = fileMachine();
  const other = newTask(k);
  expect(k.task.pgrp[other]).toBe(k.task.pid[other]);
  const child = findTask(k, doFork(k, task, CHILD));
  expect(k.task.pgrp[child]).toBe(k.task.pid[task]);
});
