/**
 * The VMAs of an address space in order of address: a list through `prev` and `next`, and an AVL tree over the same
 * rows whose nodes know the largest hole below any VMA of their subtree.
 *
 *   ....[ a ]..[ b ].......[ c ]...          own gap of c = start(c) - end(b)
 *                                            gap(node)    = max(own gap, gap(left), gap(right))
 *
 * So a VMA is found in O(log n), and so is the highest or lowest hole of at least some length. The hole above the last
 * VMA is in no node: searches look at it separately.
 * Invariant: heights of two siblings differ by at most 1; list and tree have the same rows in the same order.
 * Differs: Linux keeps VMAs in a maple tree; what is found is the same.
 * Linux: mm/mmap.c, lib/maple_tree.c (6.12)   Doc: Documentation/core-api/maple_tree.rst
 */
import { type Mm, NONE, type Vma } from "../base/types.ts";
import type { SpaceState } from "./state.ts";
import { detachNode, placeNode, updateGapUpwards } from "./vma-balance.ts";

/** The first VMA whose end lies above the vpn: the one that contains it, or else the next one. NONE when there is none. */
export function findVma(k: SpaceState, mm: Mm, vpn: number): Vma {
  const { start, end, left, right } = k.vma;
  const cached = k.mm.cachedVma[mm];
  if (cached !== NONE && start[cached] <= vpn && vpn < end[cached]) return cached;
  let node = k.mm.vmaRoot[mm];
  let found: Vma = NONE;
  while (node !== NONE) {
    if (end[node] <= vpn) {
      node = right[node];
      continue;
    }
    found = node;
    if (start[node] <= vpn) {
      k.mm.cachedVma[mm] = node;
      return node;
    }
    node = left[node];
  }
  return found;
}

/** The VMA that contains the vpn, or NONE. */
export function vmaLookup(k: SpaceState, mm: Mm, vpn: number): Vma {
  const vma = findVma(k, mm, vpn);
  return vma !== NONE && k.vma.start[vma] <= vpn ? vma : NONE;
}

/** The first VMA that has a page in [start, end), or NONE. */
export function findVmaIntersection(k: SpaceState, mm: Mm, start: number, end: number): Vma {
  const vma = findVma(k, mm, start);
  return vma !== NONE && k.vma.start[vma] < end ? vma : NONE;
}

/** The last VMA that ends at or below the vpn or, when one contains it, the one before that; NONE when there is none. */
export function findVmaPrev(k: SpaceState, mm: Mm, vpn: number): Vma {
  const vma = findVma(k, mm, vpn);
  return vma === NONE ? k.mm.lastVma[mm] : k.vma.prev[vma];
}

/** Puts a VMA whose range is set and free into list and tree, and counts it (Linux: vma_iter_store). */
export function insertVma(k: SpaceState, mm: Mm, vma: Vma): void {
  const { start, prev, next } = k.vma;
  const after = findVma(k, mm, start[vma]);
  const before = after === NONE ? k.mm.lastVma[mm] : prev[after];
  prev[vma] = before;
  next[vma] = after;
  if (before === NONE) k.mm.firstVma[mm] = vma;
  else next[before] = vma;
  if (after === NONE) k.mm.lastVma[mm] = vma;
  else prev[after] = vma;
  placeNode(k, mm, vma);
  if (after !== NONE) updateGapUpwards(k.vma, after);
  k.mm.mapCount[mm]++;
}

/** Takes a VMA out of list and tree. Its row keeps its range and is not freed. */
export function removeVma(k: SpaceState, mm: Mm, vma: Vma): void {
  const { prev, next } = k.vma;
  const before = prev[vma];
  const after = next[vma];
  detachNode(k, mm, vma);
  if (before === NONE) k.mm.firstVma[mm] = after;
  else next[before] = after;
  if (after === NONE) k.mm.lastVma[mm] = before;
  else prev[after] = before;
  prev[vma] = NONE;
  next[vma] = NONE;
  if (after !== NONE) updateGapUpwards(k.vma, after);
  if (k.mm.cachedVma[mm] === vma) k.mm.cachedVma[mm] = NONE;
  k.mm.mapCount[mm]--;
}

/** Changes the range of a VMA that is in the tree. Its place in the order stays the same. */
export function setVmaRange(k: SpaceState, vma: Vma, start: number, end: number): void {
  k.vma.start[vma] = start;
  k.vma.end[vma] = end;
  updateGapUpwards(k.vma, vma);
  const after = k.vma.next[vma];
  if (after !== NONE) updateGapUpwards(k.vma, after);
}

/**
 * The end of the highest hole of at least `pages` within [low, high), cut to that range. Returns -1 when there is none.
 * Linux: mas_empty_area_rev.
 */
export function findGapBelow(k: SpaceState, mm: Mm, low: number, high: number, pages: number): number {
  const columns = k.vma;
  const { start, end, prev } = columns;
  if (high - low < pages) return -1;
  // The hole above the last VMA first: it is in no node.
  const last = k.mm.lastVma[mm];
  if (last === NONE) return high;
  if (high - Math.max(end[last], low) >= pages) return high;
  // The hole that `high` cuts belongs to the first VMA that begins at or above it.
  const above = firstStartingFrom(k, mm, high);
  let vma: Vma = last;
  if (above !== NONE) {
    const before = prev[above];
    const floor = before === NONE ? 0 : end[before];
    if (high - Math.max(floor, low) >= pages) return high;
    vma = before;
  }
  vma = lastWithGap(k, vma, pages);
  if (vma === NONE) return -1;
  const before = prev[vma];
  const floor = before === NONE ? 0 : end[before];
  // Only the hole that `low` cuts can be too short now, and every hole below it is out of range.
  return start[vma] - Math.max(floor, low) >= pages ? start[vma] : -1;
}

/**
 * The start of the lowest hole of at least `pages` within [low, high), cut to that range. Returns -1 when there is none.
 * Linux: mas_empty_area.
 */
export function findGapAbove(k: SpaceState, mm: Mm, low: number, high: number, pages: number): number {
  const { start, end, prev, next } = k.vma;
  if (high - low < pages) return -1;
  // The hole that `low` cuts belongs to the first VMA that begins at or above it.
  let vma = firstStartingFrom(k, mm, low);
  if (vma !== NONE) {
    const before = prev[vma];
    const floor = Math.max(before === NONE ? 0 : end[before], low);
    if (Math.min(start[vma], high) - floor >= pages) return floor;
    vma = next[vma] === NONE ? NONE : firstWithGap(k, next[vma], pages);
    if (vma !== NONE) {
      // Holes above this one lie above `high` as well when it is cut too short.
      const bottom = end[prev[vma]];
      return Math.min(start[vma], high) - bottom >= pages ? bottom : -1;
    }
  }
  const last = k.mm.lastVma[mm];
  const floor = Math.max(last === NONE ? 0 : end[last], low);
  return high - floor >= pages ? floor : -1;
}

/** The first VMA that starts at or above the vpn, or NONE. */
function firstStartingFrom(k: SpaceState, mm: Mm, vpn: number): Vma {
  const { start, left, right } = k.vma;
  let node = k.mm.vmaRoot[mm];
  let found: Vma = NONE;
  while (node !== NONE) {
    if (start[node] >= vpn) {
      found = node;
      node = left[node];
    } else {
      node = right[node];
    }
  }
  return found;
}

/** The last VMA at or before `vma` in order with a hole of at least `pages` below it, or NONE. */
function lastWithGap(k: SpaceState, vma: Vma, pages: number): Vma {
  const { left, right, parent, gap } = k.vma;
  let node = vma;
  while (node !== NONE) {
    if (ownGap(k, node) >= pages) return node;
    if (left[node] !== NONE && gap[left[node]] >= pages) {
      node = left[node];
      while (right[node] !== NONE && gap[right[node]] >= pages) node = right[node];
      continue;
    }
    while (parent[node] !== NONE && left[parent[node]] === node) node = parent[node];
    node = parent[node];
  }
  return NONE;
}

/** The first VMA at or after `vma` in order with a hole of at least `pages` below it, or NONE. */
function firstWithGap(k: SpaceState, vma: Vma, pages: number): Vma {
  const { left, right, parent, gap } = k.vma;
  let node = vma;
  while (node !== NONE) {
    if (ownGap(k, node) >= pages) return node;
    if (right[node] !== NONE && gap[right[node]] >= pages) {
      node = right[node];
      while (left[node] !== NONE && gap[left[node]] >= pages) node = left[node];
      continue;
    }
    while (parent[node] !== NONE && right[parent[node]] === node) node = parent[node];
    node = parent[node];
  }
  return NONE;
}

/** Free pages between the VMA and the one before it. */
function ownGap(k: SpaceState, vma: Vma): number {
  const before = k.vma.prev[vma];
  return before === NONE ? k.vma.start[vma] : k.vma.start[vma] - k.vma.end[before];
}
