/**
 * Windows as a live kernel with read_ahead_kb 128 shows them through mincore.
 * Linux: mm/readahead.c (6.12)   Doc: man 2 mincore
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
} from "../../../test/support/file-machine.ts";
import { touchPages } from "../../../test/support/task-memory.ts";
import { EFAULT } from "../base/errno.ts";
import { ACCESS_STORE } from "../hw/mmu.ts";
import { contentWord } from "../space/file-content.ts";
import { loadBytes } from "./user-bytes.ts";

const READ = 0;
const MMAP = 9;
const PREAD = 17;
const PWRITE = 18;
const FADVISE = 221;
const RW = 3;
const PRIVATE_ANONYMOUS = 0x22;

/** A machine, a file of 256 pages on its disk, and 256 pages of touched memory to read into. */
function reader(sizeBytes = 256 * PAGE) {
  const { k, task } = fileMachine();
  const { inode, fd } = newFile(k, task, sizeBytes);
  const buffer = call(k, task, MMAP, [0, 256 * PAGE, RW, PRIVATE_ANONYMOUS, -1, 0]);
  touchPages(k, task, buffer, 256, ACCESS_STORE);
  return { k, task, inode, fd, buffer };
}

test("the first page of a file brings four, and its successor moves the window on", () => {
  const { k, task, inode, fd, buffer } = reader();
  call(k, task, READ, [fd, buffer, PAGE]);
  expect(cached(k, inode, 24)).toBe("URUU....................");
  call(k, task, READ, [fd, buffer, PAGE]);
  expect(cached(k, inode, 24)).toBe("UUUUlLLLLLLL............");
  check(k);
});

test("a lone page in the middle of a file comes alone, and its successor begins a window", () => {
  const { k, task, inode, fd, buffer } = reader();
  call(k, task, PREAD, [fd, buffer, PAGE, 40 * PAGE]);
  expect(cached(k, inode, 60).indexOf("U")).toBe(40);
  expect(cached(k, inode, 60).lastIndexOf("U")).toBe(40);
  call(k, task, PREAD, [fd, buffer, PAGE, 41 * PAGE]);
  expect(cached(k, inode, 48)).toBe(`${".".repeat(40)}UURUU...`);
});

test("ten pages at random come as they are", () => {
  const { k, task, inode, fd, buffer } = reader();
  call(k, task, PREAD, [fd, buffer, 10 * PAGE, 40 * PAGE]);
  expect(cached(k, inode, 60)).toBe(`${".".repeat(40)}UUUUUUUUUU..........`);
});

test("a read larger than the window is one request, and half way through it the next one starts", () => {
  const { k, task, inode, fd, buffer } = reader();
  call(k, task, PREAD, [fd, buffer, 64 * PAGE, 0]);
  expect(cached(k, inode, 130)).toBe(`${"U".repeat(64)}l${"L".repeat(63)}..`);
  expect(k.disk.reads[0]).toBe(2);
});

test("a file that is said to be read at random gets no window", () => {
  const { k, task, inode, fd, buffer } = reader();
  call(k, task, FADVISE, [fd, 0, 0, 1]);
  call(k, task, READ, [fd, buffer, PAGE]);
  expect(cached(k, inode, 8)).toBe("U.......");
});

test("a read stops at the end of the file, and at the end there is nothing", () => {
  const { k, task, fd, buffer } = reader(5000);
  expect(call(k, task, READ, [fd, buffer, 8192])).toBe(5000);
  expect(call(k, task, READ, [fd, buffer, 8192])).toBe(0);
  expect(call(k, task, PREAD, [fd, buffer, 100, 4990])).toBe(10);
});

test("what is read is what the file contains, at any offset", () => {
  const { k, task, fd, buffer } = reader(3 * PAGE);
  call(k, task, PREAD, [fd, buffer + 2, PAGE, 2050]);
  const bytes = new Uint8Array(8);
  loadBytes(k, task, buffer + 2, bytes);
  const word = contentWord(0x5eed0000, 0) >>> 0;
  const rotated = [word >>> 16, word >>> 24, word, word >>> 8].map((byte) => byte & 255);
  expect([...bytes]).toEqual([...rotated, ...rotated]);
  loadBytes(k, task, buffer + 2 + 2046, bytes);
  const next = contentWord(0x5eed0000, 1) >>> 0;
  expect([...bytes.subarray(0, 4)]).toEqual(
    [next, next >>> 8, next >>> 16, next >>> 24].map((byte) => byte & 255),
  );
});

test("reading into new memory takes one minor fault a page, writing from untouched memory too", () => {
  const { k, task, fd } = reader();
  const fresh = call(k, task, MMAP, [0, 256 * PAGE, RW, PRIVATE_ANONYMOUS, -1, 0]);
  const [minor, major] = faults(k, task);
  call(k, task, PREAD, [fd, fresh, 64 * PAGE, 0]);
  expect(faults(k, task)).toEqual([minor + 64, major]);
  call(k, task, PWRITE, [fd, fresh + 128 * PAGE, 64 * PAGE, 0]);
  expect(faults(k, task)).toEqual([minor + 128, major]);
  check(k);
});

test("a buffer that ends in a hole of the address space gets what fits, and then EFAULT", () => {
  const { k, task, fd } = reader();
  const fresh = call(k, task, MMAP, [0, 2 * PAGE, RW, PRIVATE_ANONYMOUS, -1, 0]);
  call(k, task, 11, [fresh + PAGE, PAGE]);
  expect(call(k, task, PREAD, [fd, fresh + 96, 2 * PAGE, 0])).toBe(PAGE - 96);
  expect(call(k, task, PREAD, [fd, fresh + PAGE, 10, 0])).toBe(-EFAULT);
});
