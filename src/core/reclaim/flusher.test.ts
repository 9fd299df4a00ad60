/**
 * Linux: fs/fs-writeback.c, mm/page-writeback.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_*)
 */
import { expect, test } from "vitest";
import {
  cached,
  call,
  check,
  faults,
  fileMachine,
  newFile,
  PAGE,
  touch,
} from "../../../test/support/file-machine.ts";
import { NR_DIRTIED, NR_FILE_DIRTY, NR_WRITEBACK, NR_WRITTEN, PGPGOUT } from "../frame/vmstat.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import type { Kernel } from "../kernel.ts";
import { wake } from "../sched.ts";
import { warmFile } from "../vm/file-read.ts";
import { wakeAllFlushers } from "./flusher.ts";

const MMAP = 9;
const PWRITE = 18;
const FTRUNCATE = 77;
const SECOND = 1e9;

function machine(pages: number, knobs: Record<string, number> = {}) {
  const { k, task } = fileMachine({ knobs, disks: [{ name: "vda", bytesPerSecond: 40960000 }] });
  k.task.cpuTask[0] = task;
  const { inode, fd } = newFile(k, task, pages * PAGE);
  return { k, task, inode, fd };
}

/** The CPU has nothing to do for so long. */
function idle(k: Kernel, ns: number): void {
  const since = k.clock.ns[0]!;
  for (let at = 0; at < ns; at += SECOND / 10) {
    k.clock.ns[0] = Math.max(k.clock.ns[0]!, since + at);
    wake(k, k.clock.ns[0]! - SECOND / 10);
  }
}

/** Dirty pages, pages under write-back, pages ever dirtied and written. */
function counters(k: Kernel): number[] {
  return [NR_FILE_DIRTY, NR_WRITEBACK, NR_DIRTIED, NR_WRITTEN].map((item) => k.vmstat.node[item]!);
}

/** Writes so many pages of a file by calls of 64. */
function writeFile(k: Kernel, task: number, fd: number, pages: number): void {
  const text = call(k, task, MMAP, [0x30000000, 64 * PAGE, 3, 34, -1, 0]);
  for (let index = 0; index < pages; index += 64)
    expect(call(k, task, PWRITE, [fd, text, 64 * PAGE, index * PAGE])).toBe(64 * PAGE);
}

test("what is dirty on a disk that has written nothing lately is written at the first look, after 5 s", () => {
  const { k, task, inode, fd } = machine(64);
  writeFile(k, task, fd, 64);
  idle(k, 4.8 * SECOND);
  expect(counters(k)).toEqual([64, 0, 64, 0]);
  check(k);
  idle(k, SECOND);
  expect(counters(k)).toEqual([0, 0, 64, 64]);
  expect(k.vmstat.event[PGPGOUT]).toBe(8 * 64);
  expect(cached(k, inode, 4)).toBe("UUUU");
  check(k);
});

test("on a disk in use dirty pages are written when they are 30 s old, at the next of the looks that come every 5 s", () => {
  const { k, task, fd } = machine(4096);
  writeFile(k, task, fd, 4096);
  wakeAllFlushers(k);
  idle(k, SECOND);
  expect(counters(k)).toEqual([0, 0, 4096, 4096]);
  writeFile(k, task, fd, 64);
  idle(k, 29 * SECOND);
  expect(counters(k)[0]).toBe(64);
  idle(k, 6.5 * SECOND);
  expect(counters(k)).toEqual([0, 0, 4160, 4160]);
  check(k);
});

test("a page that was written is dirty again with the next store, which faults for it", () => {
  const { k, task, inode, fd } = machine(4);
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0x10000000, 4 * PAGE, 3, 1, fd, 0]);
  expect(touch(k, task, addr, ACCESS_STORE)).toBe(0);
  const before = faults(k, task)[0];
  wakeAllFlushers(k);
  idle(k, SECOND);
  expect(cached(k, inode)[0]).toBe("U");
  expect(touch(k, task, addr, ACCESS_STORE)).toBe(0);
  expect(cached(k, inode)[0]).toBe("D");
  expect(faults(k, task)[0]).toBe(before + 1);
  expect(counters(k)).toEqual([1, 0, 2, 1]);
  check(k);
});

test("more than the background limit is written without waiting for its age", () => {
  const { k, task, fd } = machine(256, { "vm.dirty_background_bytes": 64 * PAGE });
  const text = call(k, task, MMAP, [0x10000000, 256 * PAGE, 3, 34, -1, 0]);
  expect(call(k, task, PWRITE, [fd, text, 32 * PAGE, 0])).toBe(32 * PAGE);
  idle(k, SECOND);
  expect(counters(k)[0]).toBe(32);
  expect(call(k, task, PWRITE, [fd, text, 128 * PAGE, 32 * PAGE])).toBe(128 * PAGE);
  idle(k, SECOND);
  // What came while the rest was being written is below the limit again.
  expect(counters(k)[0]).toBeLessThanOrEqual(64);
  expect(counters(k)[3]).toBeGreaterThanOrEqual(96);
  check(k);
});

test("who dirties more than the disk can write is slowed down to what it can", () => {
  const { k, task, fd } = machine(4096, {
    "vm.dirty_bytes": 512 * PAGE,
    "vm.dirty_background_bytes": 256 * PAGE,
  });
  const text = call(k, task, MMAP, [0x10000000, 64 * PAGE, 3, 34, -1, 0]);
  let most = 0;
  const beginNs = k.clock.ns[0]!;
  for (let round = 0; round < 1000; round++) {
    expect(call(k, task, PWRITE, [fd, text, 64 * PAGE, (round % 64) * 64 * PAGE])).toBe(64 * PAGE);
    most = Math.max(most, counters(k)[0]! + counters(k)[1]!);
  }
  // 64000 pages at 10000 pages a second, but for those that were written over before their time.
  const seconds = (k.clock.ns[0]! - beginNs) / SECOND;
  expect(counters(k)[3]! / seconds).toBeGreaterThan(9000);
  expect(counters(k)[3]! / seconds).toBeLessThan(10100);
  expect(most).toBeLessThanOrEqual(512 + 64);
  check(k);
});

test("a file is cut when the disk is done with its pages", () => {
  const { k, task, inode, fd } = machine(4);
  const text = call(k, task, MMAP, [0x10000000, 4 * PAGE, 3, 34, -1, 0]);
  expect(call(k, task, PWRITE, [fd, text, 4 * PAGE, 0])).toBe(4 * PAGE);
  wakeAllFlushers(k);
  wake(k);
  expect(counters(k).slice(0, 2)).toEqual([0, 4]);
  check(k);
  const beginNs = k.clock.ns[0]!;
  expect(call(k, task, FTRUNCATE, [fd, PAGE])).toBe(0);
  expect(k.clock.ns[0]! - beginNs).toBeGreaterThan(80000);
  expect(cached(k, inode)).toBe("U");
  expect(counters(k).slice(0, 2)).toEqual([0, 0]);
  check(k);
});
