/**
 * Linux: mm/truncate.c, fs/ext4/inode.c (6.12)   Doc: man 2 ftruncate
 */
import { expect, test } from "vitest";
import {
  cached,
  call,
  check,
  faults,
  fileMachine,
  mapped,
  newFile,
  PAGE,
  touch,
} from "../../../test/support/file-machine.ts";
import { EFBIG, EINVAL, FAULT_SIGBUS } from "../base/errno.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { warmFile } from "./file-read.ts";
import { invalidatePages, writeBackFile } from "./truncate.ts";
import { loadBytes, storeBytes } from "./user-bytes.ts";

const MMAP = 9;
const FTRUNCATE = 77;
const LSEEK = 8;
const PWRITE = 18;

function machine(pages = 8) {
  const { k, task } = fileMachine();
  const { inode, fd } = newFile(k, task, pages * PAGE);
  return { k, task, inode, fd };
}

test("truncating drops pages, unmaps them and private copies of them, and zeroes the tail", () => {
  const { k, task, inode, fd } = machine();
  warmFile(k, inode);
  const shared = call(k, task, MMAP, [0x10000000, 8 * PAGE, 3, 1, fd, 0]);
  const private_ = call(k, task, MMAP, [0x20000000, 8 * PAGE, 3, 2, fd, 0]);
  touch(k, task, shared, ACCESS_LOAD);
  touch(k, task, private_ + 5 * PAGE, ACCESS_STORE);
  expect(call(k, task, FTRUNCATE, [fd, 2 * PAGE + 100])).toBe(0);
  expect(cached(k, inode, 8)).toBe("UUD.....");
  expect(mapped(k, task, shared, 8)).toBe("xxx.....");
  expect(mapped(k, task, private_, 8)).toBe("........");
  expect(touch(k, task, shared + 3 * PAGE, ACCESS_LOAD)).toBe(FAULT_SIGBUS);
  const bytes = new Uint8Array(8);
  loadBytes(k, task, shared + 2 * PAGE + 96, bytes);
  expect([bytes[0], ...bytes.subarray(4)]).toEqual([0xcc, 0, 0, 0, 0]);
  check(k);
});

test("the tail of a page that is not cached is read for it, which mincore does not show", () => {
  const { k, task, inode, fd } = machine();
  expect(call(k, task, FTRUNCATE, [fd, PAGE + 100])).toBe(0);
  expect(cached(k, inode, 8)).toBe(".L......");
  check(k);
  const reads = k.disk.reads[0];
  const addr = call(k, task, MMAP, [0x10000000, 2 * PAGE, 1, 1, fd, 0]);
  expect(touch(k, task, addr + PAGE, ACCESS_LOAD)).toBe(0);
  expect(faults(k, task)).toEqual([1, 0]);
  expect(cached(k, inode, 8)).toBe(".D......");
  expect(k.disk.reads[0]).toBe(reads);
  const bytes = new Uint8Array(8);
  loadBytes(k, task, addr + PAGE + 96, bytes);
  expect([bytes[0], ...bytes.subarray(4)]).toEqual([0xcc, 0, 0, 0, 0]);
  check(k);
});

test("a file that grows again has zeros where it was cut", () => {
  const { k, task, inode, fd } = machine();
  call(k, task, FTRUNCATE, [fd, PAGE]);
  call(k, task, FTRUNCATE, [fd, 4 * PAGE]);
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0, 4 * PAGE, 1, 1, fd, 0]);
  const bytes = new Uint8Array(4);
  loadBytes(k, task, addr + 2 * PAGE, bytes);
  expect([...bytes]).toEqual([0, 0, 0, 0]);
  expect(call(k, task, LSEEK, [fd, 0, 4])).toBe(PAGE);
  check(k);
});

test("ftruncate refuses what Linux refuses", () => {
  const { k, task, fd } = machine();
  expect(call(k, task, FTRUNCATE, [fd, -1])).toBe(-EINVAL);
  expect(call(k, task, FTRUNCATE, [fd, 2 ** 45])).toBe(-EFBIG);
});

test("what was written survives being dropped from the cache", () => {
  const { k, task, inode, fd } = machine();
  const buffer = call(k, task, MMAP, [0, PAGE, 3, 0x22, -1, 0]);
  storeBytes(k, task, buffer, Uint8Array.of(1, 2, 3, 4));
  call(k, task, PWRITE, [fd, buffer, 4, 3 * PAGE + 6]);
  call(k, task, PWRITE, [fd, buffer, PAGE, 9 * PAGE]);
  expect(cached(k, inode)).toBe("...D.....D");
  expect(writeBackFile(k, inode)).toBe(2);
  expect(invalidatePages(k, inode, 0, 100)).toBe(2);
  expect(cached(k, inode)).toBe("..........");
  check(k);
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0, 16 * PAGE, 1, 1, fd, 0]);
  const bytes = new Uint8Array(6);
  loadBytes(k, task, addr + 3 * PAGE + 5, bytes);
  expect([...bytes.subarray(1, 5)]).toEqual([1, 2, 3, 4]);
  expect(bytes[0]).not.toBe(0);
  loadBytes(k, task, addr + 9 * PAGE, bytes);
  expect([...bytes]).toEqual([1, 2, 3, 4, 0, 0]);
  loadBytes(k, task, addr + 8 * PAGE, bytes);
  expect([...bytes]).toEqual([0, 0, 0, 0, 0, 0]);
});

test("after a write-back a shared mapping faults before it stores again", () => {
  const { k, task, inode, fd } = machine();
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0x10000000, 8 * PAGE, 3, 1, fd, 0]);
  touch(k, task, addr, ACCESS_STORE);
  expect(faults(k, task)).toEqual([1, 0]);
  touch(k, task, addr, ACCESS_STORE);
  expect(faults(k, task)).toEqual([1, 0]);
  expect(writeBackFile(k, inode)).toBe(1);
  touch(k, task, addr, ACCESS_STORE);
  expect(faults(k, task)).toEqual([2, 0]);
  expect(cached(k, inode)).toBe("DUUUUUUU");
});

test("only pages that nobody maps are dropped", () => {
  const { k, task, inode, fd } = machine(40);
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0x10000000, 40 * PAGE, 1, 1, fd, 0]);
  touch(k, task, addr + 20 * PAGE, ACCESS_LOAD);
  call(k, task, 221, [fd, 0, 0, 4]);
  expect(cached(k, inode)).toBe(`${".".repeat(16)}${"U".repeat(16)}........`);
});

test("a hole is read without the disk", () => {
  const { k, task, inode, fd } = machine(1);
  call(k, task, FTRUNCATE, [fd, 64 * PAGE]);
  const before = k.disk.reads[0];
  const addr = call(k, task, MMAP, [0x10000000, 64 * PAGE, 1, 1, fd, 0]);
  touch(k, task, addr + 40 * PAGE, ACCESS_LOAD);
  expect(k.disk.reads[0]).toBe(before);
  expect(faults(k, task)).toEqual([0, 1]);
  expect(cached(k, inode).slice(24, 56)).toBe(`${"U".repeat(24)}R${"U".repeat(7)}`);
});
