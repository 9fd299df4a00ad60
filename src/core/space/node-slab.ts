/**
 * The slab cache of xarray nodes: the pages in which the nodes of page cache trees and of the swap cache lie. They are the
 * largest part of what the kernel itself takes while memory is short, and being reclaimable, neither movable nor
 * unmovable, they want pageblocks of their own.
 *
 *   slot of swap    63 .. 127  ->  leaf  ->  4096 slots: node  ->  16384 slots: root of a tree
 *                   page or shadow in it: the leaf is there
 *
 *   nodes in use                       slab: 2^order pages, of which so many nodes fit in
 *   |14 nodes|14 nodes|.5......|      a new one when all are full; empty ones are given back but for a few
 *
 * This file counts; reclaim/node-slab.ts takes and gives the pages. The trees of files are in base/xarray.ts; what the
 * model keeps there for the disk's contents is no node of Linux'.
 * Differs: nodes are not known by the slab they lie in. Slabs are as full as they can be, so that one is empty as soon as
 * as many nodes are gone as it holds. A swap tree stays as high as it ever was.
 * Linux: mm/slub.c, lib/radix-tree.c (radix_tree_node_cachep), mm/swap_state.c (6.12)   Doc: Documentation/core-api/xarray.rst
 */
import { bug } from "../base/bug.ts";
import type { NodeSlabColumns, SpaceState } from "./state.ts";

/** Bytes of a node (Linux: struct xa_node, 576) with the slab's link behind what its constructor set. */
const NODE_BYTES = 584;
const PAGE_BYTES = 4096;
/** A slab has at most so large an order, and is to hold 4 nodes for each power of two of the CPUs and one (Linux: calculate_order). */
const MOST_ORDER = 3;
const NODES_A_CPU_BIT = 4;
/** Empty slabs that are kept (Linux: MIN_PARTIAL). */
export const SPARE_SLABS = 5;

/** Words of `state`: nodes of the swap cache, nodes of trees that Linux does not have, slabs, nodes that fit into them. */
const SWAP_NODES = 0;
export const FOREIGN_NODES = 1;
export const SLABS = 2;
export const ROOM = 3;
/** Word of `k.xarray.state` with the nodes in use. */
const IN_USE = 2;

/** Bits of a slot's row below a leaf, the node above, and a tree. */
const LEAF_BITS = 6;
const NODE_BITS = 12;
const TREE_BITS = 14;

/** For so many slots of swap, and slabs for so many nodes. */
export function createNodeSlab(slots: number, nodes: number): NodeSlabColumns {
  return {
    leaf: new Uint8Array((slots >> LEAF_BITS) + 1),
    node: new Uint8Array((slots >> NODE_BITS) + 1),
    tree: new Uint8Array((slots >> TREE_BITS) + 1),
    state: new Int32Array(4),
    slab: new Int32Array(Math.ceil((nodes + (slots >> LEAF_BITS)) / Math.floor(PAGE_BYTES / NODE_BYTES))),
  };
}

/** Order of a slab's pages on a machine with so many CPUs. */
export function nodeSlabOrder(cpus: number): number {
  const wanted = NODES_A_CPU_BIT * (33 - Math.clz32(cpus));
  let order = 0;
  while (order < MOST_ORDER && PAGE_BYTES << order < wanted * NODE_BYTES) order++;
  return order;
}

/** Nodes that fit into 2^order pages. */
export function nodesInSlab(order: number): number {
  return Math.floor((PAGE_BYTES << order) / NODE_BYTES);
}

/** Nodes that lie in slabs now. */
export function nodesInUse(k: SpaceState): number {
  return k.xarray.state[IN_USE] - k.nodeSlab.state[FOREIGN_NODES] + k.nodeSlab.state[SWAP_NODES];
}

/** A slot of swap, known by its row, holds a page or a shadow from now on. */
export function fillSwapNode(k: SpaceState, row: number): void {
  const { leaf, node, tree, state } = k.nodeSlab;
  if (leaf[row >> LEAF_BITS]++ !== 0) return;
  state[SWAP_NODES]++;
  if (node[row >> NODE_BITS]++ !== 0) return;
  state[SWAP_NODES]++;
  if (tree[row >> TREE_BITS]++ === 0) state[SWAP_NODES]++;
}

/** It holds nothing any more. */
export function emptySwapNode(k: SpaceState, row: number): void {
  const { leaf, node, tree, state } = k.nodeSlab;
  if (leaf[row >> LEAF_BITS] === 0) bug(`swap slot ${row} is emptied in an empty node`);
  if (--leaf[row >> LEAF_BITS] !== 0) return;
  state[SWAP_NODES]--;
  if (--node[row >> NODE_BITS] !== 0) return;
  state[SWAP_NODES]--;
  if (--tree[row >> TREE_BITS] === 0) state[SWAP_NODES]--;
}

/** Invariants: every node counts what is below it; slabs are frames in use. */
export function checkNodeSlab(k: SpaceState): void {
  const { leaf, node, tree, state, slab } = k.nodeSlab;
  let nodes = countUsed(leaf);
  for (const [above, below, bits] of [
    [node, leaf, NODE_BITS - LEAF_BITS],
    [tree, node, TREE_BITS - NODE_BITS],
  ] as const) {
    for (let at = 0; at < above.length; at++) {
      const used = countUsed(below.subarray(at << bits, (at + 1) << bits));
      if (used !== above[at]) bug(`swap node ${at} counts ${above[at]} of ${used} below it`);
    }
    nodes += countUsed(above);
  }
  if (nodes !== state[SWAP_NODES]) bug(`the swap cache has ${nodes} nodes, not ${state[SWAP_NODES]}`);
  for (let at = 0; at < state[SLABS]; at++) if (slab[at] === 0) bug(`slab ${at} of nodes has no frame`);
}

function countUsed(counts: Uint8Array): number {
  let used = 0;
  for (const count of counts) if (count !== 0) used++;
  return used;
}
