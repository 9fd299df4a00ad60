/**
 * Linux: mm/shmem.c (6.12)   Doc: Documentation/filesystems/tmpfs.rst
 */
import { expect, test } from "vitest";
import { call, check, faults, fileMachine, mapped, PAGE, touch } from "../../../test/support/file-machine.ts";
import { fork, numberPages, numbersOf, pageOut } from "../../../test/support/task-memory.ts";
import { showSmaps } from "../abi/proc/smaps.ts";
import { FAULT_SIGBUS } from "../base/errno.ts";
import { NR_FILE_PAGES, NR_SHMEM, NR_SWAPCACHE, PGMAJFAULT, PSWPIN, PSWPOUT } from "../frame/vmstat.ts";
import { ACCESS_LOAD } from "../hw/mmu.ts";
import type { Kernel } from "../kernel.ts";
import { quiesceDisks } from "../space/io.ts";
import { exactRss, MM_SHMEMPAGES, MM_SWAPENTS } from "../space/mm.ts";
import { addSwapArea, SWP_SOLIDSTATE, SWP_SYNCHRONOUS_IO } from "../space/swap.ts";
import { storeBytes } from "./user-bytes.ts";

const [MMAP, MUNMAP, SWAPOFF] = [9, 11, 168];
const [PROT_RW, SHARED_ANON] = [3, 0x21];
const SWAP = "/dev/nvme1n1";

/** A machine with swap that reads and writes at once, and shared memory whose pages hold their numbers. */
function machine(pages: number) {
  const { k, task } = fileMachine({ knobs: { "capabilities=": 1 } });
  const flags = SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO;
  addSwapArea(k, { pages: 64, prio: 1, disk: 0, flags, path: SWAP });
  const addr = call(k, task, MMAP, [0, pages * PAGE, PROT_RW, SHARED_ANON, -1, 0]);
  numberPages(k, task, addr, pages);
  return { k, task, addr };
}

/** Pages of shared memory in the machine, in the page cache as a whole, in the swap cache. */
function pages(k: Kernel): number[] {
  return [NR_SHMEM, NR_FILE_PAGES, NR_SWAPCACHE].map((item) => k.vmstat.node[item]!);
}

test("what one process stores another loads, and the memory is free when nobody maps it", () => {
  const { k, task, addr } = machine(4);
  const promised = k.committed[0]!;
  k.task.cpuTask[0] = task;
  const child = fork(k, task);
  expect(mapped(k, child, addr, 4)).toBe("....");
  expect(numbersOf(k, child, addr, 4)).toEqual([1, 2, 3, 4]);
  // A load maps what is ready around it, too.
  expect(faults(k, child)).toEqual([1, 0]);
  storeBytes(k, child, addr + PAGE, Uint8Array.of(99));
  expect(numbersOf(k, task, addr, 2)).toEqual([1, 99]);
  expect(pages(k)).toEqual([4, 4, 0]);
  check(k);
  expect(call(k, task, MUNMAP, [addr, 4 * PAGE])).toBe(0);
  expect(pages(k)).toEqual([4, 4, 0]);
  expect(call(k, child, MUNMAP, [addr, 4 * PAGE])).toBe(0);
  expect(pages(k)).toEqual([0, 0, 0]);
  expect(k.committed[0]!).toBeLessThan(promised);
  check(k);
});

test("pages go to swap and come back with what was stored; their entries are empty meanwhile, and smaps asks the file", () => {
  const { k, task, addr } = machine(8);
  expect(pageOut(k, task, addr, 8)).toBe(0);
  const mm = k.task.mm[task]!;
  expect([exactRss(k, mm, MM_SHMEMPAGES), exactRss(k, mm, MM_SWAPENTS)]).toEqual([0, 0]);
  expect(pages(k)).toEqual([0, 0, 0]);
  expect(k.vmstat.event[PSWPOUT]).toBe(8);
  expect(mapped(k, task, addr, 8)).toBe("........");
  expect(showSmaps(k, task)).toContain("Swap:                 32 kB\nSwapPss:               0 kB");
  check(k);
  expect(numbersOf(k, task, addr, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(k.vmstat.event[PSWPIN]).toBe(8);
  // Slots around are read with the first: the aligned runs of eight slots are 1 to 7, and 8.
  expect(k.vmstat.event[PGMAJFAULT]).toBe(2);
  expect(faults(k, task)[1]).toBe(2);
  expect(pages(k)).toEqual([8, 8, 0]);
  expect(k.swap.inuse[0]).toBe(0);
  check(k);
});

test("unmapping frees what is in swap", () => {
  const { k, task, addr } = machine(8);
  expect(pageOut(k, task, addr, 8)).toBe(0);
  expect(k.swap.inuse[0]).toBe(8);
  expect(call(k, task, MUNMAP, [addr, 8 * PAGE])).toBe(0);
  expect(k.swap.inuse[0]).toBe(0);
  check(k);
});

test("swapoff brings shared memory back that nobody has touched since", () => {
  const { k, task, addr } = machine(8);
  expect(pageOut(k, task, addr, 8)).toBe(0);
  k.task.cpuTask[0] = task;
  expect(call(k, task, SWAPOFF, [SWAP])).toBe(0);
  expect(pages(k)).toEqual([8, 8, 0]);
  expect(numbersOf(k, task, addr, 8)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  check(k);
});

test("a page that cannot be read is lost for all, and the others are not", () => {
  const { k, task, addr } = machine(2);
  expect(pageOut(k, task, addr, 2)).toBe(0);
  k.knob.pageCluster = 0;
  k.disk.failNext[0] = 1;
  expect(touch(k, task, addr, ACCESS_LOAD)).toBe(FAULT_SIGBUS);
  expect(touch(k, task, addr, ACCESS_LOAD)).toBe(FAULT_SIGBUS);
  quiesceDisks(k);
  expect(numbersOf(k, task, addr + PAGE, 1)).toEqual([2]);
  check(k);
});
