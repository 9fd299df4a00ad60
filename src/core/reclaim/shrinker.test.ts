/**
 * What do_shrink_slab (mm/shrinker.c) and the shrinker of shadow nodes (mm/workingset.c) do in 6.12, by their arithmetic.
 */
import { expect, test } from "vitest";
import { fileMachine, newFile, PAGE } from "../../../test/support/file-machine.ts";
import { allocPage } from "../alloc/pages.ts";
import { freePage } from "../frame/pcp.ts";
import { SLABS_SCANNED, WORKINGSET_NODERECLAIM, WORKINGSET_NODES } from "../frame/vmstat.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { LRU_INACTIVE_FILE } from "../space/lru-list.ts";
import { createMemcg, offlineMemcg } from "../space/memcg.ts";
import { endRead, insertPage, removePage } from "../space/pagecache.ts";
import { shadowAt } from "../space/shadow-nodes.ts";
import { dropShadows } from "../space/shadow-reclaim.ts";
import { GFP_HIGHUSER_MOVABLE, GFP_KERNEL } from "./gfp.ts";
import { dropSlab, shrinkSlab } from "./shrinker.ts";

const LEAF = 64;

/** A file whose every 64th page was read and evicted: so many nodes with one shadow each. */
function evicted(nodes: number): { k: Kernel; task: number; inode: number; counts: () => number[] } {
  const { k, task } = fileMachine();
  const { inode } = newFile(k, task, nodes * LEAF * PAGE);
  for (let node = 0; node < nodes; node++) evict(k, inode, node * LEAF);
  const counts = (): number[] => [
    k.vmstat.node[WORKINGSET_NODES]!,
    k.vmstat.node[WORKINGSET_NODERECLAIM]!,
    k.vmstat.event[SLABS_SCANNED]!,
  ];
  return { k, task, inode, counts };
}

function read(k: Kernel, inode: number, index: number): number {
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE);
  expect(insertPage(k, inode, index, pfn)).toBe(0);
  endRead(k, pfn);
  return pfn;
}

function evict(k: Kernel, inode: number, index: number, shadow = 7): void {
  const pfn = read(k, inode, index);
  removePage(k, inode, index, pfn, shadow);
  freePage(k, pfn);
}

test("a node of shadows alone is counted until a page joins them, or the last is gone", () => {
  const { k, inode, counts } = evicted(3);
  expect(counts()[0]).toBe(3);
  const pfn = read(k, inode, 2 * LEAF + 5);
  expect(counts()[0]).toBe(2);
  removePage(k, inode, 2 * LEAF + 5, pfn);
  freePage(k, pfn);
  expect(counts()[0]).toBe(3);
  dropShadows(k, inode, LEAF);
  expect(counts()[0]).toBe(1);
  expect(shadowAt(k, inode, 0)).toBe(7);
  checkKernel(k);
});

test("half of what can go is asked for, in batches of 128; the rest is put off", () => {
  const { k, inode, counts } = evicted(300);
  expect(shrinkSlab(k, 0, 12, GFP_KERNEL)).toBe(128);
  expect(counts()).toEqual([172, 128, 128]);
  // The oldest went.
  expect(shadowAt(k, inode, 127 * LEAF)).toBe(0);
  expect(shadowAt(k, inode, 128 * LEAF)).toBe(7);
  // 22 were put off, and 86 more are not enough for a batch; at priority 0 all that was put off counts.
  expect(shrinkSlab(k, 0, 12, GFP_KERNEL)).toBe(0);
  expect(k.lruvec.deferred[0]).toBe(108);
  expect(shrinkSlab(k, 0, 0, GFP_KERNEL)).toBe(128);
  expect(counts()).toEqual([44, 256, 256]);
  checkKernel(k);
});

test("a node for every eight pages on the lists stays, as they were counted last", () => {
  const { k, counts } = evicted(300);
  k.lruvec.flushed[LRU_INACTIVE_FILE] = 8 * 44;
  expect(shrinkSlab(k, 0, 12, GFP_KERNEL)).toBe(128);
  k.lruvec.flushed[LRU_INACTIVE_FILE] = 8 * 172;
  expect(shrinkSlab(k, 0, 12, GFP_KERNEL)).toBe(0);
  expect(counts()[0]).toBe(172);
});

test("the nodes of a cgroup that is gone are its parent's", () => {
  const { k, task, inode, counts } = evicted(2);
  const memcg = createMemcg(k, 0, "g");
  k.task.cpuTask[0] = task;
  const mm = k.task.mm[task]!;
  k.mm.memcg[mm] = memcg;
  evict(k, inode, 2 * LEAF);
  k.mm.memcg[mm] = 0;
  expect([k.shadow.listCount[0], k.shadow.listCount[memcg]]).toEqual([2, 1]);
  offlineMemcg(k, memcg);
  expect([k.shadow.listCount[0], k.shadow.listCount[memcg]]).toEqual([3, 0]);
  expect(counts()[0]).toBe(3);
});

test("drop_slab goes on while it brings more than one object", () => {
  const { k, counts } = evicted(300);
  dropSlab(k);
  // 128 of the first 150; then 22 and 86 more are too few.
  expect(counts()[0]).toBe(172);
  checkKernel(k);
});
