/**
 * Linux: mm/compaction.c, mm/migrate.c, mm/vmstat.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (compact_memory)
 */
import { expect, test } from "vitest";
import {
  call,
  check,
  faults,
  fileMachine,
  newFile,
  newTask,
  PAGE,
  touch,
} from "../../../test/support/file-machine.ts";
import { readFile, writeFile } from "../abi/vfs.ts";
import { allocPage, allocPages } from "../alloc/pages.ts";
import { EACCES, EINVAL } from "../base/errno.ts";
import type { Task } from "../base/types.ts";
import { freeBlocks } from "../frame/buddy.ts";
import { freeUnref } from "../frame/pcp.ts";
import { drainAllPcp } from "../frame/pcp-drain.ts";
import {
  COMPACTFAIL,
  COMPACTISOLATED,
  COMPACTMIGRATE_SCANNED,
  COMPACTSTALL,
  COMPACTSUCCESS,
  KCOMPACTD_WAKE,
} from "../frame/vmstat.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import type { Kernel } from "../kernel.ts";
import { lruAddDrainAll } from "../space/lruvec.ts";
import { findPte, normalPage } from "../space/pagetable.ts";
import { addSwapArea, SWP_SYNCHRONOUS_IO } from "../space/swap.ts";
import { writeBackFile } from "../vm/truncate.ts";
import { loadBytes, storeBytes } from "../vm/user-bytes.ts";
import { deferCompaction, fragmentationIndex, isDeferred, resetDeferred } from "./compaction-suitable.ts";
import {
  __GFP_HIGHMEM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MOVABLE,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
} from "./gfp.ts";
import { runKcompactds, wakeKcompactd } from "./kcompactd.ts";
import { isolateToMove, MIGRATE_SYNC, migratePage } from "./migrate.ts";

const [MMAP, MUNMAP, MADVISE, FORK] = [9, 11, 28, 57];
const [MADV_DONTNEED, MADV_PAGEOUT] = [4, 21];
/** Takes what there is, and wakes nobody. */
const QUIETLY = __GFP_HIGHMEM | __GFP_MOVABLE;
const ADDR = 0x10000000;
const ZONE = 2;
const CLASSIC = { "/sys/kernel/mm/lru_gen/enabled": 0 };

function machine(knobs: Record<string, number> = {}) {
  const { k, task } = fileMachine({ sizeBytes: 128 * 1024 * 1024, contentFrames: 32768, knobs });
  k.task.cpuTask[0] = task;
  return { k, task };
}

/** Maps memory and stores a byte to each page that says which it is. */
function fill(k: Kernel, task: Task, addr: number, pages: number, how = [0x4032, -1]): void {
  expect(call(k, task, MMAP, [addr, pages * PAGE, 3, ...how, 0])).toBe(addr);
  for (let i = 0; i < pages; i++) {
    touch(k, task, addr + i * PAGE, ACCESS_STORE);
    expect(storeBytes(k, task, addr + i * PAGE, Uint8Array.of(i, i >> 8))).toBe(2);
  }
}

function expectFilled(k: Kernel, task: Task, addr: number, pages: number, step = 1): void {
  const bytes = new Uint8Array(2);
  for (let i = 0; i < pages; i += step) {
    touch(k, task, addr + i * PAGE, ACCESS_LOAD);
    expect(loadBytes(k, task, addr + i * PAGE, bytes)).toBe(2);
    if (bytes[0] !== (i & 255) || bytes[1] !== i >> 8) expect([i, ...bytes]).toEqual([i, i & 255, i >> 8]);
  }
}

/** Fills most of the machine, and frees every second page of it. */
function fragment(k: Kernel, task: Task, pages: number): void {
  fill(k, task, ADDR, pages);
  for (let i = 1; i < pages; i += 2)
    expect(call(k, task, MADVISE, [ADDR + i * PAGE, PAGE, MADV_DONTNEED])).toBe(0);
  lruAddDrainAll(k);
  drainAllPcp(k);
}

/** Free blocks of a pageblock or more. */
function largeBlocks(k: Kernel): number {
  return freeBlocks(k, ZONE, 9) + 2 * freeBlocks(k, ZONE, 10);
}

for (const lru of [0, 7]) {
  test(`an operator has memory compacted: nobody's pages change, and blocks are whole again (lru_gen ${lru})`, () => {
    const { k, task } = machine({ "/sys/kernel/mm/lru_gen/enabled": lru });
    const pages = 80 * 256;
    fragment(k, task, pages);
    const before = largeBlocks(k);
    const counted = faults(k, task);
    const rss = String(readFile(k, `/proc/${k.task.pid[task]}/smaps_rollup`));
    expect(readFile(k, "/proc/sys/vm/compact_memory")).toBe(-EACCES);
    expect(writeFile(k, "/proc/sys/vm/compact_memory", "1")).toBe(0);
    expect(writeFile(k, "/proc/sys/vm/compact_memory", "0")).toBe(-EINVAL);
    lruAddDrainAll(k);
    drainAllPcp(k);
    check(k);
    // 24 MiB were in pieces of a page: half of the zone's pageblocks are free now.
    expect(largeBlocks(k)).toBeGreaterThan(before + 8);
    expect(k.vmstat.event[COMPACTMIGRATE_SCANNED]).toBeGreaterThan(0);
    expect(k.vmstat.event[COMPACTISOLATED]).toBeGreaterThan(2 * 2048);
    expectFilled(k, task, ADDR, pages, 2);
    // Everything is where it was as its owner sees it.
    expect(faults(k, task)).toEqual(counted);
    expect(readFile(k, `/proc/${k.task.pid[task]}/smaps_rollup`)).toBe(rss);
    check(k);
  });
}

test("all kinds of pages can be moved: shared with a child, of files, shared memory, and in the swap cache", () => {
  const { k, task } = machine();
  addSwapArea(k, { pages: 4096, prio: 1, disk: 0, flags: SWP_SYNCHRONOUS_IO, path: "/swap" });
  const { inode, fd } = newFile(k, task, 64 * PAGE);
  fill(k, task, 0x20000000, 64, [1, fd]);
  fill(k, task, 0x21000000, 64, [0x21, -1]);
  fill(k, task, 0x22000000, 64);
  fill(k, task, 0x23000000, 64);
  // Swapped out, and read back: in the cache and mapped.
  expect(call(k, task, MADVISE, [0x23000000, 64 * PAGE, MADV_PAGEOUT])).toBe(0);
  expectFilled(k, task, 0x23000000, 64);
  const other = call(k, task, FORK, []);
  expect(other).toBeGreaterThan(0);
  lruAddDrainAll(k);
  const counted = faults(k, task);
  for (const addr of [0x20000000, 0x21000000, 0x22000000, 0x23000000])
    for (let i = 0; i < 64; i++) {
      const pte = findPte(k, k.task.mm[task]!, addr / PAGE + i);
      const source = normalPage(k, pte);
      const target = allocPage(k, GFP_HIGHUSER_MOVABLE);
      isolateToMove(k, source);
      expect(migratePage(k, source, target, MIGRATE_SYNC)).toBe(true);
      expect(normalPage(k, pte)).toBe(target);
    }
  check(k);
  for (const addr of [0x20000000, 0x21000000, 0x22000000, 0x23000000]) expectFilled(k, task, addr, 64);
  expect(faults(k, task)).toEqual(counted);
  writeBackFile(k, inode);
  check(k);
});

test("an allocation of several pages is made room for by moving others", () => {
  const { k, task } = machine(CLASSIC);
  fragment(k, task, 80 * 256);
  while (allocPages(k, QUIETLY, 9) > 0);
  const pfn = allocPages(k, GFP_HIGHUSER_MOVABLE & ~__GFP_KSWAPD_RECLAIM, 9);
  expect(pfn).toBeGreaterThan(0);
  expect(k.vmstat.event[COMPACTSTALL]).toBeGreaterThan(0);
  expect(k.vmstat.event[COMPACTSUCCESS]).toBe(1);
  freeUnref(k, pfn, 9);
  expectFilled(k, task, ADDR, 80 * 256, 2);
  check(k);
});

test("where pages cannot be moved an allocation fails, and the zone is left alone for more and more requests", () => {
  const { k } = machine(CLASSIC);
  const taken: number[] = [];
  for (
    let pfn = allocPages(k, GFP_KERNEL, 0);
    pfn > 0 && taken.length < 12000;
    pfn = allocPages(k, GFP_KERNEL, 0)
  )
    taken.push(pfn);
  // The kernel's own pages: every second one stays, and nobody can move it.
  taken.sort((a, b) => a - b);
  taken.forEach((pfn, i) => {
    if (i % 2 === 1) freeUnref(k, pfn, 0);
  });
  drainAllPcp(k);
  while (allocPages(k, QUIETLY, 4) > 0);
  expect(allocPages(k, GFP_KERNEL, 4)).toBeLessThan(0);
  expect(k.vmstat.event[COMPACTFAIL]).toBeGreaterThan(0);
  check(k);
});

test("a zone is left alone for 1, 2, 4, … requests of the order that failed, or larger ones", () => {
  const { k } = machine();
  const tries = (order: number) => {
    let skipped = 0;
    while (isDeferred(k, ZONE, order)) skipped++;
    return skipped;
  };
  k.compaction.orderFailed[ZONE] = 10;
  deferCompaction(k, ZONE, 4);
  expect([tries(3), tries(4)]).toEqual([0, 1]);
  deferCompaction(k, ZONE, 4);
  deferCompaction(k, ZONE, 4);
  expect(tries(5)).toBe(7);
  for (let i = 0; i < 9; i++) deferCompaction(k, ZONE, 4);
  expect(tries(4)).toBe(63);
  resetDeferred(k, ZONE, 4, true);
  expect([tries(4), k.compaction.orderFailed[ZONE]]).toEqual([0, 5]);
});

test("the fragmentation index says whether room or whole blocks are missing", () => {
  const { k, task } = machine();
  expect(fragmentationIndex(k, ZONE, 4)).toBe(-1000);
  fragment(k, task, 80 * 256);
  while (allocPages(k, QUIETLY, 4) > 0);
  const counts = Array.from({ length: 4 }, (_, order) => freeBlocks(k, ZONE, order));
  const blocks = counts.reduce((sum, count) => sum + count, 0);
  const pages = counts.reduce((sum, count, order) => sum + count * 2 ** order, 0);
  expect(fragmentationIndex(k, ZONE, 4)).toBe(
    1000 - Math.floor((1000 + Math.floor((pages * 1000) / 16)) / blocks),
  );
  expect(fragmentationIndex(k, ZONE, 4)).toBeGreaterThan(900);
});

test("kcompactd makes a block of the order it was woken for, and sleeps again", () => {
  const { k, task } = machine(CLASSIC);
  fragment(k, task, 80 * 256);
  while (allocPages(k, QUIETLY, 9) > 0);
  expect(largeBlocks(k)).toBe(0);
  wakeKcompactd(k, 0, 9, 3);
  expect(k.compaction.daemonOrder[0]).toBe(9);
  runKcompactds(k);
  expect(k.vmstat.event[KCOMPACTD_WAKE]).toBe(1);
  expect(k.compaction.daemonOrder[0]).toBe(0);
  drainAllPcp(k);
  expect(largeBlocks(k)).toBeGreaterThan(0);
  expectFilled(k, task, ADDR, 80 * 256, 2);
  check(k);
});

test("pages are moved again and again while tasks use them, and nothing is lost", () => {
  const { k, task } = machine();
  const second = newTask(k);
  fill(k, task, ADDR, 2000);
  fill(k, second, ADDR, 3000);
  for (let round = 0; round < 6; round++) {
    const from = ADDR + round * 100 * PAGE;
    expect(call(k, task, MUNMAP, [from, 50 * PAGE])).toBe(0);
    fill(k, task, from, 50);
    for (let i = 0; i < 50; i++)
      storeBytes(k, task, from + i * PAGE, Uint8Array.of(round * 100 + i, (round * 100 + i) >> 8));
    expect(writeFile(k, "/proc/sys/vm/compact_memory", "1")).toBe(0);
    expectFilled(k, second, ADDR, 3000, 7);
  }
  expectFilled(k, task, ADDR, 2000);
  check(k);
});
