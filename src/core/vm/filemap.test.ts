/**
 * Fault counts and windows as a live kernel with read_ahead_kb 128 shows them (getrusage, mincore).
 * Linux: mm/filemap.c, mm/memory.c (6.12)   Doc: man 2 getrusage
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
import { FAULT_SIGBUS } from "../base/errno.ts";
import { BLOCKED } from "../base/types.ts";
import { PGMAJFAULT } from "../frame/vmstat.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { contentWord } from "../space/file-content.ts";
import { access } from "./access.ts";
import { warmFile } from "./file-read.ts";
import { forceReadAhead } from "./readahead.ts";
import { invalidatePages } from "./truncate.ts";
import { loadBytes, storeBytes } from "./user-bytes.ts";

const MMAP = 9;
const READ_ONLY = 1;
const RW = 3;
const SHARED = 1;
const PRIVATE = 2;

/** A machine, a file on its disk, mapped whole at an address that is a multiple of 256 pages. */
function mapping(prot: number, flags: number, sizeBytes = 256 * PAGE) {
  const { k, task } = fileMachine();
  const { inode, fd } = newFile(k, task, sizeBytes);
  const addr = call(k, task, MMAP, [0x10000000, sizeBytes, prot, flags, fd, 0]);
  expect(addr).toBe(0x10000000);
  return { k, task, inode, fd, addr };
}

/** Faults of loads or stores of pages [from, to) in steps. */
function scan(m: ReturnType<typeof mapping>, kind: number, step = 1, to = 256): [number, number] {
  const [minor, major] = faults(m.k, m.task);
  for (let page = 0; page < to; page += step) touch(m.k, m.task, m.addr + page * PAGE, kind);
  const [minorNow, majorNow] = faults(m.k, m.task);
  return [minorNow - minor, majorNow - major];
}

test("a miss reads around the page, and maps what came of its aligned 64 KiB", () => {
  const m = mapping(READ_ONLY, PRIVATE);
  touch(m.k, m.task, m.addr + 50 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([0, 1]);
  expect(m.k.vmstat.event[PGMAJFAULT]).toBe(1);
  expect(cached(m.k, m.inode, 70)).toBe(`${".".repeat(34)}${"U".repeat(24)}R${"U".repeat(7)}....`);
  expect(mapped(m.k, m.task, m.addr, 70)).toBe(`${".".repeat(48)}xxxxxxxxxx.xxxxx......`);
  check(m.k);
});

test("neighbours that were mapped along take no fault, the window below one, the marked page one", () => {
  const m = mapping(READ_ONLY, PRIVATE);
  touch(m.k, m.task, m.addr + 50 * PAGE, ACCESS_LOAD);
  touch(m.k, m.task, m.addr + 51 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([0, 1]);
  touch(m.k, m.task, m.addr + 40 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([1, 1]);
  expect(mapped(m.k, m.task, m.addr, 48)).toBe(`${".".repeat(34)}xxxxxxxxxxxxxx`);
  touch(m.k, m.task, m.addr + 62 * PAGE, ACCESS_LOAD);
  touch(m.k, m.task, m.addr + 60 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([1, 1]);
  touch(m.k, m.task, m.addr + 58 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([2, 1]);
  expect(cached(m.k, m.inode, 100).slice(58)).toBe(`${"U".repeat(8)}l${"L".repeat(31)}..`);
});

test("loads of a cached file take one fault for sixteen pages", () => {
  const m = mapping(READ_ONLY, PRIVATE);
  warmFile(m.k, m.inode);
  expect(scan(m, ACCESS_LOAD)).toEqual([16, 0]);
  check(m.k);
});

test("a cold file scanned by loads, by private and by shared stores, faults as often as on 6.12", () => {
  expect(scan(mapping(READ_ONLY, PRIVATE), ACCESS_LOAD)).toEqual([16, 1]);
  expect(scan(mapping(RW, PRIVATE), ACCESS_STORE)).toEqual([255, 1]);
  expect(scan(mapping(RW, SHARED), ACCESS_STORE)).toEqual([255, 1]);
});

test("stores to a private mapping fault page by page, and the file keeps its contents", () => {
  const m = mapping(RW, PRIVATE);
  warmFile(m.k, m.inode);
  expect(scan(m, ACCESS_STORE)).toEqual([256, 0]);
  storeBytes(m.k, m.task, m.addr + 10, Uint8Array.of(1, 2, 3));
  const bytes = new Uint8Array(3);
  const other = call(m.k, m.task, MMAP, [0, PAGE, READ_ONLY, PRIVATE, m.fd, 0]);
  loadBytes(m.k, m.task, other, bytes);
  const word = contentWord(0x5eed0000, 0);
  expect([...bytes]).toEqual([word & 255, (word >>> 8) & 255, (word >>> 16) & 255]);
  expect(cached(m.k, m.inode)).toBe("U".repeat(256));
  check(m.k);
});

test("shared pages that were loaded first fault again when they are stored to, and become dirty", () => {
  const m = mapping(RW, SHARED);
  warmFile(m.k, m.inode);
  expect(scan(m, ACCESS_LOAD)).toEqual([16, 0]);
  expect(scan(m, ACCESS_STORE)).toEqual([256, 0]);
  expect(cached(m.k, m.inode)).toBe("D".repeat(256));
  expect(scan(m, ACCESS_STORE)).toEqual([0, 0]);
  check(m.k);
});

test("with MADV_RANDOM each miss is one page and one major fault", () => {
  const m = mapping(READ_ONLY, PRIVATE);
  const vma = m.k.mm.firstVma[m.k.task.mm[m.task]!]!;
  m.k.vma.flags[vma]! |= 0x10000;
  expect(scan(m, ACCESS_LOAD, 8)).toEqual([0, 32]);
  expect(cached(m.k, m.inode, 24)).toBe("U.......U.......U.......");
});

test("a page that is being read already is a minor fault for the program that waits for it", () => {
  const m = mapping(READ_ONLY, PRIVATE);
  forceReadAhead(m.k, m.k.task.fds[m.k.task.fdTable[m.task]! * 256 + m.fd]!, 0, 32);
  expect(access(m.k, m.task, m.addr / PAGE + 5, ACCESS_LOAD)).toBe(BLOCKED);
  touch(m.k, m.task, m.addr + 5 * PAGE, ACCESS_LOAD);
  expect(faults(m.k, m.task)).toEqual([1, 0]);
  expect(m.k.vmstat.event[PGMAJFAULT]).toBe(0);
});

test("a page past the end of the file is SIGBUS, the last part of a page is zeros", () => {
  const m = mapping(READ_ONLY, PRIVATE, PAGE + 100);
  const bytes = new Uint8Array(8);
  for (let done = loadBytes(m.k, m.task, m.addr + PAGE + 96, bytes); done === BLOCKED; ) {
    touch(m.k, m.task, m.addr + PAGE, ACCESS_LOAD);
    done = loadBytes(m.k, m.task, m.addr + PAGE + 96, bytes);
  }
  expect([...bytes.subarray(4)]).toEqual([0, 0, 0, 0]);
  expect(bytes[0]).toBe(0xcc);
  const beyond = call(m.k, m.task, MMAP, [0, 4 * PAGE, READ_ONLY, PRIVATE, m.fd, 0]);
  expect(touch(m.k, m.task, beyond + 2 * PAGE, ACCESS_LOAD)).toBe(FAULT_SIGBUS);
});

test("after a hundred misses a mapping is not read around any more", () => {
  const m = mapping(READ_ONLY, PRIVATE, 8192 * PAGE);
  const file = m.k.task.fds[m.k.task.fdTable[m.task]! * 256 + m.fd]!;
  for (let miss = 0; miss < 120; miss++) {
    touch(m.k, m.task, m.addr + (miss * 64 + 40) * PAGE, ACCESS_LOAD);
    m.k.file.raMmapMiss[file] = Math.max(m.k.file.raMmapMiss[file]!, miss + 1);
    invalidatePages(m.k, m.inode, miss * 64, miss * 64 + 63);
  }
  const before = m.k.disk.readBytes[0]!;
  touch(m.k, m.task, m.addr + 8000 * PAGE, ACCESS_LOAD);
  expect(m.k.disk.readBytes[0]! - before).toBe(PAGE);
});
