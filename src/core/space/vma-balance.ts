/**
 * The AVL mechanics of the VMA tree: hang a node in, take one out, rotate, and keep height and gap of every node on
 * the way to the root right. Nothing here compares addresses: the list says where a node belongs.
 *
 *        node                    pivot
 *       /    \     rotateLeft   /     \
 *      a    pivot  --------->  node    c
 *           /  \               /  \
 *          b    c             a    b
 *
 * Linux: lib/maple_tree.c (6.12), which does it with wide nodes   Doc: Knuth, The Art of Computer Programming 6.2.3
 */
import { type Mm, NONE, type Vma } from "../base/types.ts";
import type { SpaceState, VmaColumns } from "./state.ts";

/** Hangs a node into the tree, at the place its neighbours in the list say. */
export function placeNode(k: SpaceState, mm: Mm, vma: Vma): void {
  const { left, right, parent, height, prev, next } = k.vma;
  const before = prev[vma];
  const after = next[vma];
  left[vma] = NONE;
  right[vma] = NONE;
  height[vma] = 1;
  // Of two neighbours in order, the lower has no right child or the upper has no left child.
  if (before !== NONE && right[before] === NONE) {
    right[before] = vma;
    parent[vma] = before;
  } else if (after !== NONE) {
    left[after] = vma;
    parent[vma] = after;
  } else {
    k.mm.vmaRoot[mm] = vma;
    parent[vma] = NONE;
  }
  rebalance(k, mm, vma);
}

/** Takes a node out of the tree; the list is not touched. */
export function detachNode(k: SpaceState, mm: Mm, vma: Vma): void {
  const { left, right, parent, height, next } = k.vma;
  let changed: Vma;
  if (left[vma] === NONE || right[vma] === NONE) {
    // At most one child: it moves up.
    const child = left[vma] === NONE ? right[vma] : left[vma];
    changed = parent[vma];
    replaceChild(k, mm, vma, child);
  } else {
    // The next VMA in order has no left child: it takes the place of the node.
    const heir = next[vma];
    if (parent[heir] === vma) {
      changed = heir;
    } else {
      changed = parent[heir];
      replaceChild(k, mm, heir, right[heir]);
      right[heir] = right[vma];
      parent[right[heir]] = heir;
    }
    left[heir] = left[vma];
    parent[left[heir]] = heir;
    replaceChild(k, mm, vma, heir);
  }
  left[vma] = NONE;
  right[vma] = NONE;
  parent[vma] = NONE;
  height[vma] = 0;
  if (changed !== NONE) rebalance(k, mm, changed);
}

/** Recomputes the gaps from a node to the root, stopping where nothing changes. */
export function updateGapUpwards(columns: VmaColumns, vma: Vma): void {
  const { gap, parent } = columns;
  let node = vma;
  while (node !== NONE) {
    const before = gap[node];
    updateGap(columns, node);
    if (gap[node] === before) return;
    node = parent[node];
  }
}

/** The largest hole below any VMA of the subtree: its own, or a child's. */
function updateGap(columns: VmaColumns, node: Vma): void {
  const { start, end, prev, left, right, gap } = columns;
  const before = prev[node];
  let largest = before === NONE ? start[node] : start[node] - end[before];
  if (left[node] !== NONE && gap[left[node]] > largest) largest = gap[left[node]];
  if (right[node] !== NONE && gap[right[node]] > largest) largest = gap[right[node]];
  gap[node] = largest;
}

/** Height and gap of a node from those of its children. */
function updateNode(columns: VmaColumns, node: Vma): void {
  const { left, right, height } = columns;
  const leftHeight = height[left[node]];
  const rightHeight = height[right[node]];
  height[node] = (leftHeight > rightHeight ? leftHeight : rightHeight) + 1;
  updateGap(columns, node);
}

/** Restores balance, heights and gaps from a node up to the root. Row 0 has height 0, so it serves as the empty tree. */
function rebalance(k: SpaceState, mm: Mm, from: Vma): void {
  const columns = k.vma;
  const { left, right, parent, height } = columns;
  let node = from;
  while (node !== NONE) {
    // A child that leans the other way is turned first, so that one turn here suffices.
    const lean = height[left[node]] - height[right[node]];
    if (lean > 1) {
      const child = left[node];
      if (height[left[child]] < height[right[child]]) rotateLeft(k, mm, child);
      node = rotateRight(k, mm, node);
    } else if (lean < -1) {
      const child = right[node];
      if (height[right[child]] < height[left[child]]) rotateRight(k, mm, child);
      node = rotateLeft(k, mm, node);
    } else {
      updateNode(columns, node);
    }
    node = parent[node];
  }
}

/** Puts `child` (may be NONE) where `node` hangs. */
function replaceChild(k: SpaceState, mm: Mm, node: Vma, child: Vma): void {
  const { left, right, parent } = k.vma;
  const up = parent[node];
  if (up === NONE) k.mm.vmaRoot[mm] = child;
  else if (left[up] === node) left[up] = child;
  else right[up] = child;
  if (child !== NONE) parent[child] = up;
}

/** Returns the node that now stands where `node` stood. */
function rotateLeft(k: SpaceState, mm: Mm, node: Vma): Vma {
  const { left, right, parent } = k.vma;
  const pivot = right[node];
  replaceChild(k, mm, node, pivot);
  right[node] = left[pivot];
  if (right[node] !== NONE) parent[right[node]] = node;
  left[pivot] = node;
  parent[node] = pivot;
  updateNode(k.vma, node);
  updateNode(k.vma, pivot);
  return pivot;
}

/** The mirror image of rotateLeft. */
function rotateRight(k: SpaceState, mm: Mm, node: Vma): Vma {
  const { left, right, parent } = k.vma;
  const pivot = left[node];
  replaceChild(k, mm, node, pivot);
  left[node] = right[pivot];
  if (left[node] !== NONE) parent[left[node]] = node;
  right[pivot] = node;
  parent[node] = pivot;
  updateNode(k.vma, node);
  updateNode(k.vma, pivot);
  return pivot;
}
