/**
 * Linux: mm/filemap.c, lib/errseq.c, fs/sync.c, mm/msync.c (6.12)   Doc: Documentation/core-api/errseq.rst
 */
import { expect, test } from "vitest";
import {
  cached,
  call,
  check,
  fileMachine,
  newFile,
  PAGE,
  waitOut,
} from "../../../test/support/file-machine.ts";
import { touchPages } from "../../../test/support/task-memory.ts";
import { syscall } from "../abi/syscall/table.ts";
import { EIO } from "../base/errno.ts";
import { BLOCKED } from "../base/types.ts";
import { NR_FILE_DIRTY, NR_WRITEBACK, NR_WRITTEN } from "../frame/vmstat.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import type { Kernel } from "../kernel.ts";
import { installFd, O_RDONLY, openFile } from "../space/file.ts";
import { writePages } from "../space/write-out.ts";

const [MMAP, PWRITE, MSYNC, FSYNC, SYNC, SYNC_FILE_RANGE] = [9, 18, 26, 74, 162, 277];
const MS_SYNC = 4;

/** A file of which so many pages are dirty, a mapping with its bytes, on a disk that takes 1 ms a page. */
function machine(pages: number) {
  const { k, task } = fileMachine({ disks: [{ name: "vda", bytesPerSecond: 4096000 }] });
  k.task.cpuTask[0] = task;
  const { inode, fd } = newFile(k, task, pages * PAGE);
  const text = call(k, task, MMAP, [0x30000000, pages * PAGE, 3, 34, -1, 0]);
  const dirty = (first: number, count: number) =>
    expect(call(k, task, PWRITE, [fd, text, count * PAGE, first * PAGE])).toBe(count * PAGE);
  dirty(0, pages);
  return { k, task, inode, fd, dirty };
}

/** Dirty pages, pages under write-back, pages ever written. */
function counters(k: Kernel): number[] {
  return [NR_FILE_DIRTY, NR_WRITEBACK, NR_WRITTEN].map((item) => k.vmstat.node[item]!);
}

test("fsync returns when the disk has everything", () => {
  const { k, task, fd } = machine(8);
  expect(syscall(k, task, FSYNC, [fd])).toBe(BLOCKED);
  expect(counters(k)).toEqual([0, 8, 0]);
  expect(call(k, task, FSYNC, [fd])).toBe(0);
  expect(counters(k)).toEqual([0, 0, 8]);
  check(k);
});

test("a page stored to while it is being written is written once more", () => {
  const { k, task, inode, fd, dirty } = machine(8);
  writePages(k, inode, 0, 3, 4);
  dirty(2, 1);
  expect(counters(k)).toEqual([5, 4, 0]);
  expect(call(k, task, FSYNC, [fd])).toBe(0);
  expect(counters(k)).toEqual([0, 0, 9]);
  check(k);
});

test("what is dirtied behind a call that waits is left for the next one", () => {
  const { k, task, fd, dirty } = machine(8);
  expect(syscall(k, task, FSYNC, [fd])).toBe(BLOCKED);
  waitOut(k, task);
  // Another task's write, while this one waits: its own progress is kept for it.
  const { progress } = k.task;
  const kept = progress[task]!;
  progress[task] = 0;
  dirty(0, 1);
  progress[task] = kept;
  expect(call(k, task, FSYNC, [fd])).toBe(0);
  expect(counters(k)[0]).toBe(1);
  check(k);
});

test("sync_file_range sends without waiting, and waits for its range alone", () => {
  const { k, task, inode, fd } = machine(8);
  expect(syscall(k, task, SYNC_FILE_RANGE, [fd, 0, 2 * PAGE, 2])).toBe(0);
  expect(counters(k)).toEqual([6, 2, 0]);
  expect(call(k, task, SYNC_FILE_RANGE, [fd, PAGE, PAGE, 4])).toBe(0);
  expect(counters(k)[1]).toBe(0);
  expect(cached(k, inode, 8)).toBe("UUDDDDDD");
  check(k);
});

test("msync of several mappings goes on with the one it waited in", () => {
  const { k, task, fd } = machine(8);
  const addr = call(k, task, MMAP, [0x10000000, 8 * PAGE, 3, 1, fd, 0]);
  const other = newFile(k, task, 4 * PAGE);
  call(k, task, MMAP, [addr + 8 * PAGE, 4 * PAGE, 3, 17, other.fd, 0]);
  touchPages(k, task, addr, 12, ACCESS_STORE);
  expect(counters(k)[0]).toBe(12);
  expect(call(k, task, MSYNC, [addr, 12 * PAGE, MS_SYNC])).toBe(0);
  expect(counters(k)).toEqual([0, 0, 12]);
  expect(k.task.step[task]).toBe(0);
  check(k);
});

test("sync writes every file", () => {
  const { k, task } = machine(8);
  const other = newFile(k, task, 4 * PAGE);
  expect(call(k, task, PWRITE, [other.fd, 0x30000000, 4 * PAGE, 0])).toBe(4 * PAGE);
  expect(call(k, task, SYNC, [])).toBe(0);
  expect(counters(k)).toEqual([0, 0, 12]);
  check(k);
});

test("a failed write is told once to each open file, also to one opened before anybody was told", () => {
  const { k, task, inode, fd, dirty } = machine(2);
  const early = installFd(k, task, openFile(k, inode, O_RDONLY));
  k.disk.failNext[0] = 1;
  expect(call(k, task, FSYNC, [fd])).toBe(-EIO);
  expect(call(k, task, FSYNC, [fd])).toBe(0);
  const late = installFd(k, task, openFile(k, inode, O_RDONLY));
  expect(call(k, task, FSYNC, [late])).toBe(0);
  expect(call(k, task, FSYNC, [early])).toBe(-EIO);
  // sync notices and tells nobody; the next to open the file is told.
  dirty(0, 1);
  k.disk.failNext[0] = 1;
  expect(call(k, task, SYNC, [])).toBe(0);
  const fresh = installFd(k, task, openFile(k, inode, O_RDONLY));
  expect(call(k, task, FSYNC, [fresh])).toBe(-EIO);
  expect(call(k, task, FSYNC, [fresh])).toBe(0);
  expect(call(k, task, FSYNC, [late])).toBe(-EIO);
  expect(call(k, task, FSYNC, [fd])).toBe(-EIO);
  expect(call(k, task, FSYNC, [early])).toBe(-EIO);
  expect(call(k, task, FSYNC, [early])).toBe(0);
  check(k);
});
