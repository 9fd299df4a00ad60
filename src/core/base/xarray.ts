/**
 * Radix trees that map an index to a number: what the page cache of a file hangs from. All trees share one table of
 * nodes; a tree is known by the row of its root (NONE: empty), which the owner keeps.
 *
 *   root, shift 6:   [ . | A | . | B | … ]        64 slots; each covers 64 indexes
 *                          |       |
 *   leaves, shift 0: [ v v v … ]  [ . v … ]       a slot of a leaf holds the value itself
 *
 * A tree is as high as its largest index needs and no higher. A node with nothing in it is given back.
 * Differs: a tree with index 0 alone still has a leaf, where Linux keeps the value in the head. Nobody can see that.
 * Linux: lib/xarray.c, include/linux/xarray.h (6.12)   Doc: Documentation/core-api/xarray.rst
 */
import { bug } from "./bug.ts";
import { ENOMEM } from "./errno.ts";
import { NONE } from "./types.ts";

/** Nodes of all trees; row 0 is NONE. */
export interface XarrayColumns {
  /** By node * 64 + slot: a value in a leaf, a node above; 0 is empty. */
  readonly slots: Int32Array;
  /** By node: bits of the index below this node's slots (0 in a leaf). */
  readonly shift: Uint8Array;
  /** By node: slots in use. */
  readonly count: Uint8Array;
  /** By node: the node above, or NONE. A free node: the next free one. */
  readonly parent: Int32Array;
  /** [0] first node never used, [1] head of the free list, [2] nodes in use, [3] the leaf stored to or erased from last. */
  readonly state: Int32Array;
}

const SLOTS = 64;
const SLOT_BITS = 6;
const FIRST_NEVER_USED = 0;
const FREE_HEAD = 1;
const IN_USE = 2;
const LAST_LEAF = 3;

/** Nodes for a page in eight: files are mostly cached in runs, and a leaf holds 64. */
const FRAMES_PER_NODE = 8;
const LEAST_NODES = 4096;
const MOST_NODES = 4500000;

/** The largest index a tree can hold plus one: 16 TiB of 4 KiB pages, which is ext4's largest file. */
export const XA_INDEX_LIMIT = 4294967296;

/** An empty table for a machine of this many frames. */
export function createXarray(nrFrames: number): XarrayColumns {
  const nodes = Math.min(MOST_NODES, Math.ceil(nrFrames / FRAMES_PER_NODE) + LEAST_NODES);
  const state = new Int32Array(4);
  state[FIRST_NEVER_USED] = 1;
  return {
    slots: new Int32Array(nodes * SLOTS),
    shift: new Uint8Array(nodes),
    count: new Uint8Array(nodes),
    parent: new Int32Array(nodes),
    state,
  };
}

/** The value at `index` of the tree, or 0. */
export function xaLoad(x: XarrayColumns, root: number, index: number): number {
  const leaf = leafOf(x, root, index);
  return leaf === NONE ? 0 : x.slots[leaf * SLOTS + (index & 63)];
}

/**
 * Puts a value other than 0 at `index`, which is empty or is overwritten. Returns the root, which may be a new one,
 * or -ENOMEM when the table has no node left; the tree then holds what it held.
 */
export function xaStore(x: XarrayColumns, root: number, index: number, value: number): number {
  if (value === 0 || index < 0 || index >= XA_INDEX_LIMIT) bug(`xarray cannot hold ${value} at ${index}`);
  let top = root === NONE ? takeNode(x, shiftFor(index), NONE) : root;
  if (top === NONE) return -ENOMEM;
  while (index >= reachOf(x, top)) {
    const above = takeNode(x, x.shift[top] + SLOT_BITS, NONE);
    if (above === NONE) return -ENOMEM;
    x.slots[above * SLOTS] = top;
    x.count[above] = 1;
    x.parent[top] = above;
    top = above;
  }
  let node = top;
  for (let shift = x.shift[top]; shift > 0; shift -= SLOT_BITS) {
    const at = node * SLOTS + ((index >>> shift) & 63);
    let below = x.slots[at];
    if (below === NONE) {
      below = takeNode(x, shift - SLOT_BITS, node);
      if (below === NONE) {
        trim(x, node);
        return -ENOMEM;
      }
      x.slots[at] = below;
      x.count[node]++;
    }
    node = below;
  }
  const at = node * SLOTS + (index & 63);
  if (x.slots[at] === 0) x.count[node]++;
  x.slots[at] = value;
  x.state[LAST_LEAF] = node;
  return top;
}

/** Nodes that all trees have. */
export function xaNodes(x: XarrayColumns): number {
  return x.state[IN_USE];
}

/** Nodes that xaStore would have to take for a value at `index`. */
export function xaMissing(x: XarrayColumns, root: number, index: number): number {
  if (root === NONE) return shiftFor(index) / SLOT_BITS + 1;
  let missing = 0;
  for (let reach = reachOf(x, root); index >= reach; reach *= SLOTS) missing++;
  // Below a new root all is new but the old one.
  if (missing > 0) return missing + x.shift[root] / SLOT_BITS + missing;
  let node = root;
  for (let shift = x.shift[root]; shift > 0; shift -= SLOT_BITS) {
    node = x.slots[node * SLOTS + ((index >>> shift) & 63)];
    if (node === NONE) return shift / SLOT_BITS;
  }
  return 0;
}

/** The node above, or NONE. Of a free node: the one that was given back before it. */
export function xaAbove(x: XarrayColumns, node: number): number {
  return x.parent[node];
}

/** The node that was given back last, or NONE. */
export function xaLastFree(x: XarrayColumns): number {
  return x.state[FREE_HEAD];
}

/** Whether a tree holds index 0 and nothing else: Linux needs no node for it. */
export function xaIsLone(x: XarrayColumns, root: number): boolean {
  return root !== NONE && x.shift[root] === 0 && x.count[root] === 1 && x.slots[root * SLOTS] !== 0;
}

/** The node in the first slot of a node, or NONE: in a tree that grew higher, what was its root. */
export function xaFirstBelow(x: XarrayColumns, node: number): number {
  return x.shift[node] === 0 ? NONE : x.slots[node * SLOTS];
}

/** The leaf that the last xaStore or xaErase changed; it is free when nothing is left in it. */
export function xaLastLeaf(x: XarrayColumns): number {
  return x.state[LAST_LEAF];
}

/** What a leaf holds in one of its 64 slots. */
export function xaLeafSlot(x: XarrayColumns, leaf: number, slot: number): number {
  return x.slots[leaf * SLOTS + slot];
}

/** Takes a leaf out of its tree with all that it holds. Returns the root, NONE when nothing is left in the tree. */
export function xaDropLeaf(x: XarrayColumns, root: number, leaf: number): number {
  x.slots.fill(0, leaf * SLOTS, (leaf + 1) * SLOTS);
  x.count[leaf] = 0;
  return trim(x, leaf) === root ? NONE : lower(x, root);
}

/** Empties `index`, which may be empty already. Returns the root, NONE when nothing is left in the tree. */
export function xaErase(x: XarrayColumns, root: number, index: number): number {
  const leaf = leafOf(x, root, index);
  if (leaf === NONE) return root;
  const at = leaf * SLOTS + (index & 63);
  if (x.slots[at] === 0) return root;
  x.slots[at] = 0;
  x.count[leaf]--;
  x.state[LAST_LEAF] = leaf;
  if (trim(x, leaf) === root) return NONE;
  return lower(x, root);
}

/** The first index from `index` to `last` that holds a value, or -1. */
export function xaNext(x: XarrayColumns, root: number, index: number, last: number): number {
  if (root === NONE) return -1;
  const end = Math.min(last + 1, reachOf(x, root));
  let at = index;
  while (at < end) {
    const found = nextInLeaf(x, root, at);
    if (found >= 0) return found < end ? found : -1;
    at = -found;
  }
  return -1;
}

/**
 * The first index from `at` on that holds a value in the leaf of `at`; when there is none, or no such leaf, the first
 * index after what is known to be empty, negated.
 */
function nextInLeaf(x: XarrayColumns, root: number, at: number): number {
  const { slots } = x;
  let node = root;
  for (let bits = x.shift[root]; bits > 0; bits -= SLOT_BITS) {
    node = slots[node * SLOTS + ((at >>> bits) & 63)];
    if (node === NONE) return -(Math.floor(at / 2 ** bits) + 1) * 2 ** bits;
  }
  const first = at - (at & 63);
  for (let slot = at & 63; slot < SLOTS; slot++) if (slots[node * SLOTS + slot] !== 0) return first + slot;
  return -(first + SLOTS);
}

/**
 * The first empty index at or after `index`, looking at no more than `most`; `index + most` when all are full
 * (Linux: page_cache_next_miss).
 */
export function xaNextMiss(x: XarrayColumns, root: number, index: number, most: number): number {
  let at = index;
  while (at < index + most && xaLoad(x, root, at) > 0) at++;
  return at;
}

/**
 * The first empty index at or before `index`, looking at no more than `most`. When all of them are full, the last one
 * looked at; -1 when the tree is full down to 0 (Linux: page_cache_prev_miss, where that wraps around).
 */
export function xaPrevMiss(x: XarrayColumns, root: number, index: number, most: number): number {
  let at = index;
  for (let looked = 0; looked < most; looked++) {
    at = index - looked;
    if (at < 0 || xaLoad(x, root, at) <= 0) break;
  }
  return at;
}

/**
 * Walks one tree. Invariants: counts, shifts and parents agree; no empty node. Returns the values above 0 in it: those below are
 * remnants, which look-ups for what is missing take for nothing. */
export function checkTree(x: XarrayColumns, root: number): number {
  if (root === NONE) return 0;
  if (x.parent[root] !== NONE) bug(`xarray root ${root} has a node above it`);
  return checkNode(x, root);
}

function checkNode(x: XarrayColumns, node: number): number {
  let used = 0;
  let values = 0;
  for (let slot = 0; slot < SLOTS; slot++) {
    const entry = x.slots[node * SLOTS + slot];
    if (entry === 0) continue;
    used++;
    if (x.shift[node] === 0) {
      if (entry > 0) values++;
      continue;
    }
    if (x.parent[entry] !== node) bug(`xarray node ${entry} does not know node ${node} above it`);
    if (x.shift[entry] !== x.shift[node] - SLOT_BITS) bug(`xarray node ${entry} stands on the wrong level`);
    values += checkNode(x, entry);
  }
  if (used !== x.count[node]) bug(`xarray node ${node} counts ${x.count[node]} slots and has ${used}`);
  if (used === 0) bug(`xarray node ${node} is empty`);
  return values;
}

/** The leaf that `index` falls into, or NONE. */
function leafOf(x: XarrayColumns, root: number, index: number): number {
  if (root === NONE || index < 0 || index >= reachOf(x, root)) return NONE;
  const { slots } = x;
  let node = root;
  for (let shift = x.shift[root]; shift > 0 && node !== NONE; shift -= SLOT_BITS) {
    node = slots[node * SLOTS + ((index >>> shift) & 63)];
  }
  return node;
}

/** The smallest shift of a root that reaches `index`. */
function shiftFor(index: number): number {
  let shift = 0;
  while (index >= 2 ** (shift + SLOT_BITS)) shift += SLOT_BITS;
  return shift;
}

/** Indexes below this number have a slot under the node. */
function reachOf(x: XarrayColumns, node: number): number {
  const bits = x.shift[node] + SLOT_BITS;
  return bits > 30 ? XA_INDEX_LIMIT : 1 << bits;
}

/** Gives back the node and those above it while they are empty. Returns the last one given back, or NONE. */
function trim(x: XarrayColumns, leaf: number): number {
  let last = NONE;
  let node = leaf;
  while (node !== NONE && x.count[node] === 0) {
    const above = x.parent[node];
    if (above !== NONE) {
      const base = above * SLOTS;
      for (let slot = 0; slot < SLOTS; slot++) {
        if (x.slots[base + slot] === node) {
          x.slots[base + slot] = NONE;
          x.count[above]--;
          break;
        }
      }
    }
    last = node;
    giveNode(x, node);
    node = above;
  }
  return last;
}

/** Takes roots away that hold slot 0 alone. */
function lower(x: XarrayColumns, root: number): number {
  let top = root;
  while (x.shift[top] > 0 && x.count[top] === 1 && x.slots[top * SLOTS] !== NONE) {
    const below = x.slots[top * SLOTS];
    x.slots[top * SLOTS] = NONE;
    giveNode(x, top);
    x.parent[below] = NONE;
    top = below;
  }
  return top;
}

/** A zeroed node, or NONE. */
function takeNode(x: XarrayColumns, shift: number, parent: number): number {
  const { state } = x;
  let node = state[FREE_HEAD];
  if (node !== NONE) {
    state[FREE_HEAD] = x.parent[node];
  } else {
    if (state[FIRST_NEVER_USED] >= x.shift.length) return NONE;
    node = state[FIRST_NEVER_USED]++;
  }
  state[IN_USE]++;
  x.shift[node] = shift;
  x.count[node] = 0;
  x.parent[node] = parent;
  return node;
}

/** Puts an empty node on the free list. */
function giveNode(x: XarrayColumns, node: number): void {
  x.parent[node] = x.state[FREE_HEAD];
  x.state[FREE_HEAD] = node;
  x.state[IN_USE]--;
}
