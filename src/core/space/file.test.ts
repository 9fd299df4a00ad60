/**
 * Linux: fs/file.c, fs/open.c, fs/read_write.c (6.12)   Doc: man 2 open, man 2 dup, man 2 lseek
 */
import { expect, test } from "vitest";
import { call, check, fileMachine, newFile, PAGE } from "../../../test/support/file-machine.ts";
import { EBADF, EEXIST, EFAULT, EINVAL, EISDIR, EMFILE, ENOENT, ENOTDIR, ENXIO } from "../base/errno.ts";
import { checkFiles, createInode, O_CREAT, O_DIRECTORY, O_EXCL, O_RDWR, O_WRONLY, S_IFDIR } from "./file.ts";
import { contentWord } from "./file-content.ts";

const READ = 0;
const WRITE = 1;
const OPEN = 2;
const CLOSE = 3;
const LSEEK = 8;

test("open gives the lowest free descriptor", () => {
  const { k, task } = fileMachine();
  createInode(k, { path: "/a", sizeBytes: 10 });
  const open = () => call(k, task, OPEN, ["/a", O_RDWR, 0]);
  expect([open(), open(), open()]).toEqual([0, 1, 2]);
  call(k, task, CLOSE, [1]);
  expect(open()).toBe(1);
  expect(call(k, task, CLOSE, [9])).toBe(-EBADF);
  check(k);
});

test("open refuses what Linux refuses", () => {
  const { k, task } = fileMachine();
  createInode(k, { path: "/a", sizeBytes: 10 });
  createInode(k, { path: "/d", sizeBytes: 4096, mode: S_IFDIR | 0o755 });
  expect(call(k, task, OPEN, ["/b", O_RDWR, 0])).toBe(-ENOENT);
  expect(call(k, task, OPEN, ["/a", O_CREAT | O_EXCL, 0])).toBe(-EEXIST);
  expect(call(k, task, OPEN, ["/d", O_WRONLY, 0])).toBe(-EISDIR);
  expect(call(k, task, OPEN, ["/a", O_DIRECTORY, 0])).toBe(-ENOTDIR);
  const d = call(k, task, OPEN, ["/d", O_DIRECTORY, 0]);
  expect(call(k, task, READ, [d, 0x10000, 10])).toBe(-EISDIR);
});

test("a table of 256 descriptors can be full", () => {
  const { k, task } = fileMachine();
  createInode(k, { path: "/a", sizeBytes: 10 });
  for (let fd = 0; fd < 256; fd++) expect(call(k, task, OPEN, ["/a", 0, 0])).toBe(fd);
  expect(call(k, task, OPEN, ["/a", 0, 0])).toBe(-EMFILE);
  expect(call(k, task, OPEN, ["/new", O_CREAT, 0o644])).toBe(-EMFILE);
  expect(call(k, task, OPEN, ["/a", O_CREAT | O_EXCL, 0])).toBe(-EMFILE);
  checkFiles(k);
});

test("reading needs a descriptor open for it, and a buffer in user space", () => {
  const { k, task } = fileMachine();
  createInode(k, { path: "/a", sizeBytes: 10 });
  const w = call(k, task, OPEN, ["/a", O_WRONLY, 0]);
  const r = call(k, task, OPEN, ["/a", 0, 0]);
  expect(call(k, task, READ, [w, 0x10000, 1])).toBe(-EBADF);
  expect(call(k, task, WRITE, [r, 0x10000, 1])).toBe(-EBADF);
  expect(call(k, task, READ, [r, 2 ** 47, 1])).toBe(-EFAULT);
  expect(call(k, task, READ, [r, 0x10000, 1])).toBe(-EFAULT);
  expect(call(k, task, READ, [r, 0x10000, 0])).toBe(0);
});

test("lseek goes anywhere a file could reach, and finds data and holes", () => {
  const { k, task } = fileMachine();
  const { fd } = newFile(k, task, 5 * PAGE);
  const seek = (offset: number, whence: number) => call(k, task, LSEEK, [fd, offset, whence]);
  expect(seek(100, 0)).toBe(100);
  expect(seek(-50, 1)).toBe(50);
  expect(seek(10, 2)).toBe(5 * PAGE + 10);
  expect(seek(-1, 0)).toBe(-EINVAL);
  expect(seek(2 ** 45, 0)).toBe(-EINVAL);
  expect(seek(0, 9)).toBe(-EINVAL);
  expect(seek(7, 3)).toBe(7);
  expect(seek(7, 4)).toBe(5 * PAGE);
  expect(seek(5 * PAGE, 3)).toBe(-ENXIO);
});

test("the word of an unwritten page is what the script language specifies", () => {
  const seed = 0x811c9dc5;
  const page = 3;
  const mixed = (seed ^ Number((BigInt(page) * 0x9e3779b1n) & 0xffffffffn)) >>> 0;
  expect(contentWord(seed | 0, page) >>> 0).toBe(((mixed & 0xffffff00) | 0xcc) >>> 0);
  expect(contentWord(0, page)).toBe(0);
});
