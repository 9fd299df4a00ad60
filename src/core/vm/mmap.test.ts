import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  FIXTURE_RAM_PAGES,
  fixtureFile,
  mapPages,
  picture,
} from "../../../test/support/vma-layout.ts";
import {
  EACCES,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
} from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { createInode, O_RDONLY, O_RDWR, O_WRONLY, openFile } from "../space/file.ts";
import {
  checkVmas,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_SHARED,
} from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import {
  MAP_ANONYMOUS,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  PROT_READ,
  PROT_WRITE,
} from "./mman.ts";
import { doMmap, type MmapRequest } from "./mmap.ts";
import type { VmState } from "./state.ts";

const ANON = MAP_PRIVATE | MAP_ANONYMOUS;

function map(k: VmState, mm: number, changes: Partial<MmapRequest>): number {
  return doMmap(k, mm, {
    addr: 0,
    len: PAGE_SIZE,
    prot: PROT_READ | PROT_WRITE,
    flags: ANON,
    file: NONE,
    pgoff: 0,
    ...changes,
  });
}

function flagsAt(k: VmState, mm: number, addr: number): number {
  return k.vma.flags[findVma(k, mm, addr / PAGE_SIZE)];
}

test("a fixed mapping replaces what is there, and its promise pays for it", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 6);
  mapPages(k, mm, 2, 2, "x");
  expect(picture(k, mm, 6)).toBe("ww|xx|ww");
  mapPages(k, mm, 1, 3, "a");
  expect(picture(k, mm, 6)).toBe("w|aaa|ww");
  checkVmas(k);
  checkCommitted(k);
  expect(k.committed[0]).toBe(6);
});

test("NOREPLACE refuses a range where something is and takes a free one", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 2, 1);
  expect(map(k, mm, { addr: ARENA_ADDR, len: 3 * PAGE_SIZE, flags: ANON | MAP_FIXED_NOREPLACE })).toBe(
    -EEXIST,
  );
  expect(map(k, mm, { addr: ARENA_ADDR, len: 2 * PAGE_SIZE, flags: ANON | MAP_FIXED_NOREPLACE })).toBe(
    ARENA_ADDR,
  );
});

test("nothing, a length that wraps and more than user space are refused", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, { len: 0 })).toBe(-EINVAL);
  expect(map(k, mm, { len: 2 ** 64 - 1 })).toBe(-ENOMEM);
  expect(map(k, mm, { len: 2 ** 47 })).toBe(-ENOMEM);
});

test("a mapping needs a kind", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, { flags: MAP_ANONYMOUS })).toBe(-EINVAL);
  expect(map(k, mm, { flags: MAP_ANONYMOUS | MAP_SHARED_VALIDATE })).toBe(-EINVAL);
});

test("a fixed address lies at a page, inside user space and not below the minimum", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, { addr: ARENA_ADDR + 1, flags: ANON | MAP_FIXED })).toBe(-EINVAL);
  expect(map(k, mm, { addr: 2 ** 47 - PAGE_SIZE, flags: ANON | MAP_FIXED })).toBe(-ENOMEM);
  expect(map(k, mm, { addr: 0, flags: ANON | MAP_FIXED })).toBe(-EPERM);
  const root = emptySpace({ "capabilities=": 1 });
  expect(map(root.k, root.mm, { addr: 0, flags: ANON | MAP_FIXED })).toBe(0);
});

test("a file's open mode limits shared writing and any reading", () => {
  const { k, mm } = emptySpace();
  const readOnly = fixtureFile(k, "/a", O_RDONLY);
  const writeOnly = fixtureFile(k, "/b", O_WRONLY);
  expect(map(k, mm, { flags: MAP_SHARED, file: readOnly })).toBe(-EACCES);
  expect(map(k, mm, { flags: MAP_PRIVATE, file: writeOnly })).toBe(-EACCES);
  expect(map(k, mm, { flags: MAP_PRIVATE, file: readOnly })).toBeGreaterThan(0);
  const shared = map(k, mm, { flags: MAP_SHARED, file: readOnly, prot: PROT_READ });
  expect(flagsAt(k, mm, shared) & (VM_SHARED | VM_MAYWRITE)).toBe(0);
});

test("a directory cannot be mapped, a stack has no file", () => {
  const { k, mm } = emptySpace();
  const directory = openFile(k, createInode(k, { path: "/d", sizeBytes: 4096, mode: 0o040755 }), O_RDONLY);
  expect(map(k, mm, { flags: MAP_PRIVATE, file: directory, prot: PROT_READ })).toBe(-ENODEV);
  expect(map(k, mm, { flags: MAP_PRIVATE | MAP_GROWSDOWN, file: fixtureFile(k) })).toBe(-EINVAL);
});

test("SHARED_VALIDATE refuses flags that SHARED ignores", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k, "/a", O_RDWR);
  expect(map(k, mm, { flags: MAP_SHARED_VALIDATE | MAP_SYNC, file })).toBe(-EOPNOTSUPP);
  expect(map(k, mm, { flags: MAP_SHARED_VALIDATE | MAP_FIXED_NOREPLACE, addr: ARENA_ADDR, file })).toBe(
    -EOPNOTSUPP,
  );
  expect(map(k, mm, { flags: MAP_SHARED | MAP_SYNC, file })).toBeGreaterThan(0);
});

test("a file does not reach beyond the largest file", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, { flags: MAP_PRIVATE, file: fixtureFile(k), pgoff: 2 ** 51 })).toBe(-EOVERFLOW);
});

test("what this kernel does not have says so, after the checks Linux makes first", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, { flags: MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN })).toBe(-EINVAL);
  expect(map(k, mm, { flags: MAP_DROPPABLE | MAP_ANONYMOUS })).toBe(-ENOSYS);
  expect(map(k, mm, { flags: ANON | MAP_LOCKED })).toBe(-ENOSYS);
  expect(k.mm.mapCount[mm]).toBe(0);
});

test("only private writable memory is promised, and NORESERVE not at all", () => {
  const { k, mm } = emptySpace();
  expect(flagsAt(k, mm, map(k, mm, {})) & VM_ACCOUNT).toBe(VM_ACCOUNT);
  expect(flagsAt(k, mm, map(k, mm, { prot: PROT_READ })) & VM_ACCOUNT).toBe(0);
  expect(flagsAt(k, mm, map(k, mm, { flags: ANON | MAP_NORESERVE })) & (VM_ACCOUNT | VM_NORESERVE)).toBe(
    VM_NORESERVE,
  );
  expect(flagsAt(k, mm, map(k, mm, { flags: MAP_SHARED, file: fixtureFile(k) })) & VM_ACCOUNT).toBe(0);
  expect(k.committed[0]).toBe(1);
});

test("more than all of RAM is refused unless it is not promised", () => {
  const { k, mm } = emptySpace();
  const len = (FIXTURE_RAM_PAGES + 1) * PAGE_SIZE;
  expect(map(k, mm, { len })).toBe(-ENOMEM);
  expect(map(k, mm, { len, flags: ANON | MAP_NORESERVE })).toBeGreaterThan(0);
  expect(map(k, mm, { len: len - PAGE_SIZE })).toBeGreaterThan(0);
});

test("one VMA more than the limit is made, then no more", () => {
  const { k, mm } = emptySpace({ "vm.max_map_count": 2 });
  for (const [at, result] of [
    [0, ARENA_ADDR],
    [2, ARENA_ADDR + 8192],
    [4, ARENA_ADDR + 16384],
    [6, -ENOMEM],
  ] as const) {
    expect(mapPages(k, mm, at, 1)).toBe(result);
  }
});

test("MAP_STACK wants no huge pages and MAP_GROWSDOWN makes a stack", () => {
  const { k, mm } = emptySpace();
  expect(flagsAt(k, mm, map(k, mm, { flags: ANON | MAP_STACK })) & VM_NOHUGEPAGE).toBe(VM_NOHUGEPAGE);
  expect(flagsAt(k, mm, map(k, mm, { flags: ANON | MAP_GROWSDOWN })) & VM_GROWSDOWN).toBe(VM_GROWSDOWN);
  expect(k.mm.stackVm[mm]).toBe(1);
});

test("a range limit counts what a fixed mapping replaces", () => {
  const { k, mm } = emptySpace({ RLIMIT_AS: 4 * PAGE_SIZE });
  mapPages(k, mm, 0, 4);
  expect(mapPages(k, mm, 0, 4, "x")).toBe(ARENA_ADDR);
  expect(mapPages(k, mm, 8, 1)).toBe(-ENOMEM);
  expect(findVma(k, mm, ARENA + 4)).toBe(NONE);
});
