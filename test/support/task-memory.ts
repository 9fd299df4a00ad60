/**
 * Memory of a test's task: mapped and stored to, each page with its own number, put out to swap, and shared with a child.
 * Linux: none; this is a test fixture   Doc: docs/style.md
 */
import type { Task } from "../../src/core/base/types.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../../src/core/hw/mmu.ts";
import type { Kernel } from "../../src/core/kernel.ts";
import { addSwapArea, SWP_SYNCHRONOUS_IO } from "../../src/core/space/swap.ts";
import { findTask } from "../../src/core/space/task.ts";
import { loadBytes, storeBytes } from "../../src/core/vm/user-bytes.ts";
import { call, PAGE, touch } from "./file-machine.ts";

const [MMAP, MADVISE, FORK] = [9, 28, 57];
const MADV_PAGEOUT = 21;

/** An area of swap with room for so many pages, on a device that is done at once unless `flags` (SWP_*) say otherwise. */
export function addSwap(k: Kernel, pages: number, flags: number = SWP_SYNCHRONOUS_IO): void {
  addSwapArea(k, { pages: pages + 1, prio: -2, disk: 0, flags, path: "/swap" });
}

/** Makes one access to each of `pages` pages from `addr` on, until one fails. Returns 0, or what access returned of that. */
export function touchPages(k: Kernel, task: Task, addr: number, pages: number, kind: number): number {
  for (let page = 0; page < pages; page++) {
    const failed = touch(k, task, addr + page * PAGE, kind);
    if (failed !== 0) return failed;
  }
  return 0;
}

/** Maps private memory at `addr` and stores to each page. Returns 0, or what the first call or access returned that failed. */
export function storePages(k: Kernel, task: Task, addr: number, pages: number): number {
  const result = call(k, task, MMAP, [addr, pages * PAGE, 3, 0x32, -1, 0]);
  return result < 0 ? result : touchPages(k, task, addr, pages, ACCESS_STORE);
}

/** Stores to each of `pages` pages its number, from 1 on. */
export function numberPages(k: Kernel, task: Task, addr: number, pages: number): void {
  for (let page = 0; page < pages; page++) {
    touch(k, task, addr + page * PAGE, ACCESS_STORE);
    storeBytes(k, task, addr + page * PAGE, Uint8Array.of((page % 255) + 1));
  }
}

/** Loads these numbers. */
export function numbersOf(k: Kernel, task: Task, addr: number, pages: number): number[] {
  const byte = new Uint8Array(1);
  return Array.from({ length: pages }, (_, page) => {
    touch(k, task, addr + page * PAGE, ACCESS_LOAD);
    loadBytes(k, task, addr + page * PAGE, byte);
    return byte[0]!;
  });
}

/** Puts the pages out, by MADV_PAGEOUT. Returns what madvise does. */
export function pageOut(k: Kernel, task: Task, addr: number, pages: number): number {
  return call(k, task, MADVISE, [addr, pages * PAGE, MADV_PAGEOUT]);
}

/** Private memory of so many pages with their numbers, put out. Returns its address. */
export function swappedOut(k: Kernel, task: Task, pages: number): number {
  const addr = call(k, task, MMAP, [0, pages * PAGE, 3, 0x22, -1, 0]);
  numberPages(k, task, addr, pages);
  pageOut(k, task, addr, pages);
  return addr;
}

/** A child of the task. */
export function fork(k: Kernel, task: Task): Task {
  return findTask(k, call(k, task, FORK, []));
}
