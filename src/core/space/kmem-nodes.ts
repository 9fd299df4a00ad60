/**
 * Nodes of page cache trees as objects of the kernel's: charged to the cgroup of the task that brings the first page under
 * them into the cache, until the last page or shadow below is gone.
 *
 *   pages 0 .. 130 read          root + 3 leaves: four nodes, charged to the reader
 *   64 .. 130 dropped            two leaves go; the root goes, too, for one leaf alone reaches far enough
 *   only index 0 is left         that leaf goes: the tree's head holds the page itself
 *
 * The nodes of the swap cache's trees, and those of blocks on the disk, are charged to nobody.
 * Differs: a node is uncharged at once, where Linux frees it after a grace period of RCU.
 * Linux: lib/xarray.c (XA_FLAGS_ACCOUNT), mm/filemap.c (6.12)   Doc: Documentation/core-api/xarray.rst
 */
import { type Inode, type Memcg, NONE, ROOT_MEMCG } from "../base/types.ts";
import {
  xaAbove,
  xaFirstBelow,
  xaIsLone,
  xaLastFree,
  xaLastLeaf,
  xaMissing,
  xaNodes,
} from "../base/xarray.ts";
import { chargeReclaimable, KMEM_NODE, unchargeReclaimable } from "./kmem.ts";
import type { SpaceState } from "./state.ts";

/** Bytes of nodes that a page at this index of the file needs besides those there are. */
export function nodeBytes(k: SpaceState, inode: Inode, index: number): number {
  const root = k.file.pages[inode];
  if (root === NONE && index === 0) return 0;
  const isLone = index !== 0 && xaIsLone(k.xarray, root);
  return (xaMissing(k.xarray, root, index) + (isLone ? 1 : 0)) * KMEM_NODE;
}

/** A page was put into the file's tree: charges what was made for it. `before`: xaNodes before that. */
export function chargeNodes(k: SpaceState, inode: Inode, before: number): void {
  const { nodeCharged } = k.shadow;
  const leaf = xaLastLeaf(k.xarray);
  if (nodeCharged[leaf] !== 0 && xaNodes(k.xarray) === before) return;
  if (xaIsLone(k.xarray, k.file.pages[inode])) return;
  for (let node = leaf; node !== NONE; node = xaAbove(k.xarray, node))
    if (nodeCharged[node] === 0) nodeCharged[node] = chargeReclaimable(k, KMEM_NODE) + 1;
  // Where the tree grew higher: what is new above its former root, and the leaf that index 0 was alone in.
  for (let node = k.file.pages[inode]; node !== NONE; node = xaFirstBelow(k.xarray, node))
    if (nodeCharged[node] === 0) nodeCharged[node] = chargeReclaimable(k, KMEM_NODE) + 1;
}

/** Something was taken out of the file's tree: uncharges the nodes that went with it. `before`: xaNodes before that. */
export function unchargeNodes(k: SpaceState, inode: Inode, before: number): void {
  let node = xaLastFree(k.xarray);
  for (let gone = before - xaNodes(k.xarray); gone > 0; gone--) {
    unchargeNode(k, node);
    node = xaAbove(k.xarray, node);
  }
  const root = k.file.pages[inode];
  if (xaIsLone(k.xarray, root)) unchargeNode(k, root);
}

/** The cgroup is about to be removed: its nodes are its parent's. */
export function reparentNodes(k: SpaceState, memcg: Memcg, parent: Memcg): void {
  const { nodeCharged } = k.shadow;
  for (let node = 0; node < nodeCharged.length; node++)
    if (nodeCharged[node] === memcg + 1) nodeCharged[node] = parent + 1;
}

function unchargeNode(k: SpaceState, node: number): void {
  const { nodeCharged } = k.shadow;
  if (nodeCharged[node] > ROOT_MEMCG + 1) unchargeReclaimable(k, nodeCharged[node] - 1, KMEM_NODE);
  nodeCharged[node] = 0;
}
