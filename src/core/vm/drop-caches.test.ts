/**
 * Linux: fs/drop_caches.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { expect, test } from "vitest";
import {
  cached,
  call,
  check,
  fileMachine,
  newFile,
  PAGE,
  touch,
} from "../../../test/support/file-machine.ts";
import { readFile, writeFile } from "../abi/vfs.ts";
import { EACCES, EINVAL } from "../base/errno.ts";
import { DROP_PAGECACHE, DROP_SLAB } from "../frame/vmstat.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { warmFile } from "./file-read.ts";
import { writeBackFile } from "./truncate.ts";

const MMAP = 9;
const PATH = "/proc/sys/vm/drop_caches";

test("drop_caches drops clean pages that nobody maps; dirty and mapped ones stay", () => {
  const { k, task } = fileMachine();
  const { inode, fd } = newFile(k, task, 8 * PAGE);
  warmFile(k, inode);
  const addr = call(k, task, MMAP, [0x10000000, PAGE, 1, 1, fd, 0]);
  const dirty = call(k, task, MMAP, [0x20000000, PAGE, 3, 1, fd, 5 * PAGE]);
  k.knob.faultAroundBytes = PAGE;
  touch(k, task, addr, ACCESS_LOAD);
  touch(k, task, dirty, ACCESS_STORE);
  call(k, task, 11, [dirty, PAGE]);
  expect(writeFile(k, PATH, "1")).toBe(0);
  expect([...cached(k, inode, 8)].map((mark) => mark !== ".")).toEqual(
    [0, 1, 2, 3, 4, 5, 6, 7].map((index) => index === 0 || index === 5),
  );
  expect([k.vmstat.event[DROP_PAGECACHE], k.vmstat.event[DROP_SLAB]]).toEqual([1, 0]);
  check(k);
  writeBackFile(k, inode);
  expect(writeFile(k, PATH, "3")).toBe(0);
  expect([...cached(k, inode, 8)].filter((mark) => mark !== ".").length).toBe(1);
  expect([k.vmstat.event[DROP_PAGECACHE], k.vmstat.event[DROP_SLAB]]).toEqual([2, 1]);
  check(k);
});

test("drop_caches takes 1 to 4 and cannot be read", () => {
  const { k } = fileMachine();
  expect(writeFile(k, PATH, "0")).toBe(-EINVAL);
  expect(writeFile(k, PATH, "5")).toBe(-EINVAL);
  expect(readFile(k, PATH)).toBe(-EACCES);
  expect(writeFile(k, PATH, "4")).toBe(0);
  expect([k.vmstat.event[DROP_PAGECACHE], k.vmstat.event[DROP_SLAB]]).toEqual([0, 0]);
});
