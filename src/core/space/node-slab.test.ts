/** Slabs of xarray nodes, as 6.12's /proc/slabinfo has them for radix_tree_node. */
import { expect, test } from "vitest";
import { NR_SLAB_RECLAIMABLE_B, sumNodeItem } from "../frame/vmstat.ts";
import { boot, checkKernel } from "../index.ts";
import { settleNodeSlabs } from "../reclaim/node-slab.ts";
import { emptySwapNode, fillSwapNode, nodeSlabOrder, nodesInSlab, nodesInUse } from "./node-slab.ts";

const machine = { sizeBytes: 2 ** 26, cpus: 1 };

test("with one processor a slab has two pages and 14 nodes, with four it has four pages and 28", () => {
  expect([1, 2, 4, 16, 64].map(nodeSlabOrder)).toEqual([1, 1, 2, 2, 3]);
  expect([nodesInSlab(1), nodesInSlab(2)]).toEqual([14, 28]);
});

test("a slot in use has a leaf, a node and a root; the second in a leaf has no more", () => {
  const k = boot(machine);
  const before = nodesInUse(k);
  fillSwapNode(k, 5000);
  expect(nodesInUse(k)).toBe(before + 3);
  fillSwapNode(k, 5001);
  expect(nodesInUse(k)).toBe(before + 3);
  fillSwapNode(k, 5100);
  expect(nodesInUse(k)).toBe(before + 4);
  for (const row of [5000, 5001, 5100]) emptySwapNode(k, row);
  expect(nodesInUse(k)).toBe(before);
  checkKernel(k);
});

test("nodes take slabs from free memory and give them back but for a few", () => {
  const k = boot(machine);
  for (let row = 0; row < 64 * 140; row += 64) fillSwapNode(k, row);
  settleNodeSlabs(k);
  const slabs = Math.ceil(nodesInUse(k) / 14);
  expect(sumNodeItem(k.vmstat, NR_SLAB_RECLAIMABLE_B)).toBe(slabs * 2);
  checkKernel(k);
  for (let row = 0; row < 64 * 140; row += 64) emptySwapNode(k, row);
  settleNodeSlabs(k);
  expect(sumNodeItem(k.vmstat, NR_SLAB_RECLAIMABLE_B)).toBe(5 * 2);
  checkKernel(k);
});
