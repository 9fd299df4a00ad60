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
import { fork, numbersOf, swappedOut } from "../../../test/support/task-memory.ts";
import { showSwaps } from "../abi/proc/swaps.ts";
import { readFile, writeFile } from "../abi/vfs.ts";
import { EBUSY, EINVAL, EPERM, ETXTBSY, FAULT_SIGBUS } from "../base/errno.ts";
import type { Task } from "../base/types.ts";
import { PSWPIN, PSWPOUT, SWAP_RA } from "../frame/vmstat.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import type { Kernel } from "../kernel.ts";
import { exactRss, MM_ANONPAGES, MM_SWAPENTS } from "../space/mm.ts";
import { addSwapArea, SWAP_TOTAL, SWP_SOLIDSTATE, SWP_SYNCHRONOUS_IO } from "../space/swap.ts";
import { writeSwapHeader } from "../space/swap-header.ts";
import { storeBytes } from "./user-bytes.ts";

const [MMAP, PWRITE, FORK, SWAPON, SWAPOFF] = [9, 18, 57, 167, 168];
const [PROT_RW, PRIVATE_ANON] = [3, 0x22];
const ROOT = { knobs: { "capabilities=": 1 } };

function addArea(k: Kernel, pages: number, prio: number, path = "/dev/nvme1n1"): number {
  return addSwapArea(k, { pages, prio, disk: 0, flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO, path });
}

function counts(k: Kernel, task: Task): [number, number] {
  const mm = k.task.mm[task];
  return [exactRss(k, mm, MM_ANONPAGES), exactRss(k, mm, MM_SWAPENTS)];
}

test("pages go out and come back with the bytes they had", () => {
  const { k, task } = fileMachine(ROOT);
  addArea(k, 1024, -2);
  const addr = swappedOut(k, task, 4);
  expect(counts(k, task)).toEqual([0, 4]);
  expect(k.vmstat.event[PSWPOUT]).toBe(4);
  expect(numbersOf(k, task, addr, 4)).toEqual([1, 2, 3, 4]);
  expect(counts(k, task)).toEqual([4, 0]);
  expect(k.vmstat.event[PSWPIN]).toBe(4);
  check(k);
});

test("with an area on a rotating disk the slots around are read, an aligned run of them", () => {
  const { k, task } = fileMachine(ROOT);
  addSwapArea(k, { pages: 1024, prio: -2, disk: 0, flags: SWP_SYNCHRONOUS_IO, path: "/dev/sda2" });
  const addr = swappedOut(k, task, 32);
  // With a single user a page on a device that is done at once would be read alone.
  fork(k, task);
  // Four hits are given at boot: 4 + 2 rounded up is a run of 8. Slots begin at 1, so page 11 lies in slot 12 of 8..15.
  touch(k, task, addr + 11 * PAGE, ACCESS_LOAD);
  expect(k.vmstat.event[SWAP_RA]).toBe(7);
  expect(k.vmstat.event[PSWPIN]).toBe(8);
  expect(numbersOf(k, task, addr, 32)).toEqual(Array.from({ length: 32 }, (_, i) => i + 1));
  check(k);
});

test("swapoff brings back what parent and child have in the area, and forgets it", () => {
  const { k, task } = fileMachine(ROOT);
  addArea(k, 1024, -2);
  const addr = swappedOut(k, task, 6);
  const child = newTask(k);
  const other = swappedOut(k, child, 3);
  const forked = call(k, task, FORK, []);
  expect(call(k, task, SWAPOFF, ["/dev/nvme1n1"])).toBe(0);
  expect(showSwaps(k).split("\n")).toHaveLength(2);
  expect(k.swap.state[SWAP_TOTAL]).toBe(0);
  expect(counts(k, task)).toEqual([6, 0]);
  expect(numbersOf(k, task, addr, 6)).toEqual([1, 2, 3, 4, 5, 6]);
  expect(numbersOf(k, child, other, 3)).toEqual([1, 2, 3]);
  expect(forked).toBeGreaterThan(0);
  check(k);
});

test("a page that swapoff cannot read is a SIGBUS, and the others are there", () => {
  const { k, task } = fileMachine(ROOT);
  addArea(k, 1024, -2);
  k.knob.pageCluster = 0;
  const addr = swappedOut(k, task, 3);
  k.disk.failNext[0] = 1;
  expect(call(k, task, SWAPOFF, ["/dev/nvme1n1"])).toBe(0);
  expect(touch(k, task, addr, ACCESS_LOAD)).toBe(FAULT_SIGBUS);
  expect(numbersOf(k, task, addr + PAGE, 2)).toEqual([2, 3]);
  expect(counts(k, task)).toEqual([2, 0]);
  check(k);
});

test("areas without a priority get -2, -3, …, and move up when one before them goes", () => {
  const { k, task } = fileMachine(ROOT);
  const files = [0, 1, 2].map((i) => {
    const { inode, fd } = newFile(k, task, 64 * PAGE);
    const header = { lastPage: 63, uuid: new Uint8Array(16).fill(i + 1), label: "", badPages: [] };
    const addr = call(k, task, MMAP, [0, PAGE, PROT_RW, PRIVATE_ANON, -1, 0]);
    touch(k, task, addr, ACCESS_STORE);
    storeBytes(k, task, addr, writeSwapHeader(header));
    expect(call(k, task, PWRITE, [fd, addr, PAGE, 0])).toBe(PAGE);
    expect(call(k, task, SWAPON, [k.file.path[inode], i === 1 ? 0x8000 | 5 : 0])).toBe(0);
    return k.file.path[inode];
  });
  const line = (path: string, prio: number): string => `${path.padEnd(40)}file\t\t252\t\t0\t\t${prio}`;
  expect(showSwaps(k).trimEnd().split("\n").slice(1)).toEqual([
    line(files[0], -2),
    line(files[1], 5),
    line(files[2], -3),
  ]);
  expect(call(k, task, SWAPON, [files[0], 0])).toBe(-EBUSY);
  expect(call(k, task, SWAPOFF, [files[0]])).toBe(0);
  expect(showSwaps(k).trimEnd().split("\n").slice(1)).toEqual([line(files[1], 5), line(files[2], -2)]);
  expect(call(k, task, SWAPOFF, [files[0]])).toBe(-EINVAL);
  check(k);
});

test("only root, and only a file with a header, makes a swap area", () => {
  const { k, task } = fileMachine();
  const { inode } = newFile(k, task, 64 * PAGE);
  expect(call(k, task, SWAPON, [k.file.path[inode], 0])).toBe(-EPERM);
  k.knob.privileged = 1;
  expect(call(k, task, SWAPON, [k.file.path[inode], 0])).toBe(-EINVAL);
  expect(call(k, task, SWAPON, [k.file.path[inode], 0x100000])).toBe(-EINVAL);
});

test("without vma_ra_enabled the slots around are read on any disk", () => {
  const { k, task } = fileMachine(ROOT);
  addArea(k, 1024, -2);
  expect(readFile(k, "/sys/kernel/mm/swap/vma_ra_enabled")).toBe("true\n");
  expect(writeFile(k, "/sys/kernel/mm/swap/vma_ra_enabled", "maybe")).toBe(-EINVAL);
  expect(writeFile(k, "/sys/kernel/mm/swap/vma_ra_enabled", "false")).toBe(0);
  expect(readFile(k, "/sys/kernel/mm/swap/vma_ra_enabled")).toBe("false\n");
  const addr = swappedOut(k, task, 32);
  fork(k, task);
  touch(k, task, addr + 11 * PAGE, ACCESS_LOAD);
  expect(k.vmstat.event[SWAP_RA]).toBe(7);
  expect(k.vmstat.event[PSWPIN]).toBe(8);
  check(k);
});

test("a swap area in use is neither written, nor cut, nor mapped to be written", () => {
  const { k, task } = fileMachine(ROOT);
  const { inode, fd } = newFile(k, task, 64 * PAGE);
  const header = { lastPage: 63, uuid: new Uint8Array(16), label: "", badPages: [] };
  const addr = call(k, task, MMAP, [0, PAGE, PROT_RW, PRIVATE_ANON, -1, 0]);
  touch(k, task, addr, ACCESS_STORE);
  storeBytes(k, task, addr, writeSwapHeader(header));
  expect(call(k, task, PWRITE, [fd, addr, PAGE, 0])).toBe(PAGE);
  const path = k.file.path[inode];
  expect(call(k, task, SWAPON, [path, 0])).toBe(0);
  const [ftruncate, shared, prot] = [77, 1, 2];
  expect(call(k, task, PWRITE, [fd, addr, PAGE, 0])).toBe(-ETXTBSY);
  expect(call(k, task, ftruncate, [fd, 64 * PAGE])).toBe(-ETXTBSY);
  expect(call(k, task, ftruncate, [fd, 65 * PAGE])).toBe(0);
  expect(call(k, task, MMAP, [0, PAGE, prot, shared, fd, 0])).toBe(-ETXTBSY);
  expect(call(k, task, MMAP, [0, PAGE, 1, shared, fd, 0])).toBeGreaterThan(0);
  expect(call(k, task, SWAPOFF, [path])).toBe(0);
  expect(call(k, task, PWRITE, [fd, addr, PAGE, 0])).toBe(PAGE);
  check(k);
});
