/**
 * VMAs: the ranges of an address space that mean something, one row each. This file has the flag bits, the pool of
 * rows, and the small questions everyone asks about a VMA; vma-tree.ts keeps the VMAs of an address space in order.
 *
 *   vpn:   start                      end
 *            |<------- pages -------->|
 *   file:  pgoff                  pgoff + pages          (anonymous and private: pgoff is the vpn it was created at)
 *
 * Linux: include/linux/mm.h, include/linux/mm_types.h, mm/vma.h (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { bug } from "../base/bug.ts";
import { type Column, type Mm, NONE, type Vma } from "../base/types.ts";
import type { SpaceState, VmaColumns } from "./state.ts";

/** Permissions in force. */
export const VM_READ = 0x00000001;
export const VM_WRITE = 0x00000002;
export const VM_EXEC = 0x00000004;
export const VM_SHARED = 0x00000008;
/** Permissions mprotect may give; each is its VM_* four bits to the left. */
export const VM_MAYREAD = 0x00000010;
export const VM_MAYWRITE = 0x00000020;
export const VM_MAYEXEC = 0x00000040;
export const VM_MAYSHARE = 0x00000080;
/** A stack: grows when the page below is touched. */
export const VM_GROWSDOWN = 0x00000100;
/** Frames without reference counts (vvar). */
export const VM_PFNMAP = 0x00000400;
/** Its pages stay in memory; LOCKONFAULT: once they were touched. */
export const VM_LOCKED = 0x00002000;
/** Not RAM: no core dump, no pages to count. */
export const VM_IO = 0x00004000;
/** How a file mapping is read ahead: much, or not at all. */
export const VM_SEQ_READ = 0x00008000;
export const VM_RAND_READ = 0x00010000;
/** fork leaves it out. */
export const VM_DONTCOPY = 0x00020000;
/** mremap may not make it larger, and it merges with nothing. */
export const VM_DONTEXPAND = 0x00040000;
export const VM_LOCKONFAULT = 0x00080000;
/** Its pages are counted as committed. */
export const VM_ACCOUNT = 0x00100000;
/** They are not, by MAP_NORESERVE. */
export const VM_NORESERVE = 0x00200000;
export const VM_HUGETLB = 0x00400000;
/** MAP_SYNC was asked for. */
export const VM_SYNC = 0x00800000;
/** fork gives the child an empty one. */
export const VM_WIPEONFORK = 0x02000000;
/** A core dump leaves it out. */
export const VM_DONTDUMP = 0x04000000;
/** Everything in it counts as written since the last clear of soft-dirty bits. */
export const VM_SOFTDIRTY = 0x08000000;
export const VM_MIXEDMAP = 0x10000000;
/** What MADV_HUGEPAGE and MADV_NOHUGEPAGE said. */
export const VM_HUGEPAGE = 0x20000000;
export const VM_NOHUGEPAGE = 0x40000000;

/** The bits loads, stores and fetches look at. */
export const VM_ACCESS_FLAGS = VM_READ | VM_WRITE | VM_EXEC;
/** The bits that make a stack. */
const VM_STACK = VM_GROWSDOWN;
/** Flags of the heap. */
export const VM_DATA_DEFAULT_FLAGS = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
/** Flags of the main stack, before exec adds VM_EXEC or not. */
export const VM_STACK_FLAGS = VM_STACK | VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT;
/** VMAs that never merge. */
export const VM_SPECIAL = VM_IO | VM_DONTEXPAND | VM_PFNMAP | VM_MIXEDMAP;
/** The bits of mlock. */
export const VM_LOCKED_MASK = VM_LOCKED | VM_LOCKONFAULT;

/** Kinds of special mappings, in the `special` column: the kernel's own pages, with names of their own. */
export const VMA_VDSO = 1;
export const VMA_VVAR = 2;

/** Bits of `k.mm.layout`: areas are searched from mmapBase downwards; addresses were randomised at exec. */
export const LAYOUT_TOPDOWN = 1;
export const LAYOUT_RANDOMIZED = 2;

/** Columns for up to `count - 1` VMAs of all address spaces together. */
export function createVmaColumns(count: number): VmaColumns {
  const handles = (): Column<Vma> => new Int32Array(count);
  return {
    rows: Int32Array.of(NONE, 1, 0),
    mm: new Int32Array(count),
    start: new Float64Array(count),
    end: new Float64Array(count),
    flags: new Int32Array(count),
    pgoff: new Float64Array(count),
    file: new Int32Array(count),
    anonVma: new Int32Array(count),
    anonVmaChain: new Int32Array(count),
    prev: handles(),
    next: handles(),
    left: handles(),
    right: handles(),
    parent: handles(),
    height: new Int32Array(count),
    gap: new Float64Array(count),
    prevShared: handles(),
    nextShared: handles(),
    special: new Uint8Array(count),
    swapRaVpn: new Float64Array(count),
    swapRaWindow: new Uint8Array(count),
    swapRaHits: new Uint8Array(count),
    charged: new Int32Array(count),
    minorFaults: new Float64Array(count),
    majorFaults: new Float64Array(count),
  };
}

/** Pages of the VMA. */
export function vmaPages(k: SpaceState, vma: Vma): number {
  return k.vma.end[vma] - k.vma.start[vma];
}

/** Whether the VMA is private anonymous memory: neither a file nor the kernel's own pages behind it. */
export function isAnonymousVma(k: SpaceState, vma: Vma): boolean {
  return k.vma.file[vma] === NONE && k.vma.special[vma] === 0;
}

/** Whether any access at all is allowed. */
export function isAccessibleVma(k: SpaceState, vma: Vma): boolean {
  return (k.vma.flags[vma] & VM_ACCESS_FLAGS) !== 0;
}

/** Whether writing such a VMA copies the page first (Linux: is_cow_mapping). */
export function isCowMapping(flags: number): boolean {
  return (flags & (VM_SHARED | VM_MAYWRITE)) === VM_MAYWRITE;
}

/** Whether the flags count as executable code in VmExe: executable, not writable, no stack. */
export function isExecMapping(flags: number): boolean {
  return (flags & (VM_EXEC | VM_WRITE | VM_STACK)) === VM_EXEC;
}

/** Whether the flags count as stack in VmStk. */
export function isStackMapping(flags: number): boolean {
  return (flags & VM_STACK) === VM_STACK;
}

/** Whether the flags count as data in VmData: private, writable, no stack. */
export function isDataMapping(flags: number): boolean {
  return (flags & (VM_WRITE | VM_SHARED | VM_STACK)) === VM_WRITE;
}

/** First vpn that is kept free below the VMA: its start, less the guard gap when it is a stack. */
export function vmaStartGap(k: SpaceState, vma: Vma): number {
  const start = k.vma.start[vma];
  if ((k.vma.flags[vma] & VM_GROWSDOWN) === 0) return start;
  return Math.max(0, start - k.knob.stackGuardGap);
}

/**
 * Walks the VMAs of one address space, or of all when none is named, and the pool of rows. Stops with bug() when the
 * order, the tree, its gaps, a flag or a total is not what a recount gives.
 */
export function checkVmas(k: SpaceState, mm?: Mm): void {
  if (mm !== undefined) {
    checkOneMm(k, mm);
    return;
  }
  let used = 0;
  for (let row: Mm = 1; row < k.mm.firstVma.length; row++) {
    if (k.mm.mapCount[row] === 0 && k.mm.firstVma[row] === NONE) continue;
    checkOneMm(k, row);
    used += k.mm.mapCount[row];
  }
  if (used !== k.vma.rows[2]) bug(`${k.vma.rows[2]} VMA rows are taken but ${used} are in address spaces`);
  let free = 0;
  for (let row = k.vma.rows[0]; row !== NONE; row = k.vma.next[row]) {
    if (k.vma.mm[row] !== NONE) bug(`free VMA row ${row} belongs to an address space`);
    free++;
  }
  if (free + used !== k.vma.rows[1] - 1)
    bug(`VMA rows: ${free} free and ${used} used of ${k.vma.rows[1] - 1}`);
}

/** List, tree and totals of one address space. */
function checkOneMm(k: SpaceState, mm: Mm): void {
  const { start, end, prev, next, parent } = k.vma;
  let before: Vma = NONE;
  let count = 0;
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = next[vma]) {
    if (k.vma.mm[vma] !== mm) bug(`VMA ${vma} is in address space ${mm} and says ${k.vma.mm[vma]}`);
    if (prev[vma] !== before) bug(`VMA ${vma}: previous is ${prev[vma]}, should be ${before}`);
    if (start[vma] >= end[vma]) bug(`VMA ${vma} is empty: ${start[vma]} to ${end[vma]}`);
    if (before !== NONE && end[before] > start[vma])
      bug(`VMAs ${before} and ${vma} overlap at vpn ${start[vma]}`);
    checkVmaFlags(k, vma);
    before = vma;
    count++;
  }
  if (k.mm.lastVma[mm] !== before) bug(`last VMA of ${mm} is ${k.mm.lastVma[mm]}, should be ${before}`);
  if (k.mm.mapCount[mm] !== count) bug(`map count of ${mm} is ${k.mm.mapCount[mm]}, should be ${count}`);
  const root = k.mm.vmaRoot[mm];
  if (root !== NONE && parent[root] !== NONE) bug(`root VMA ${root} of ${mm} has a parent`);
  const inTree = checkSubtree(k, root, k.mm.firstVma[mm]);
  if (inTree !== NONE) bug(`VMA ${inTree} of ${mm} is in the list but not in the tree`);
  const cached = k.mm.cachedVma[mm];
  if (cached !== NONE && k.vma.mm[cached] !== mm) bug(`cached VMA ${cached} is not in address space ${mm}`);
  checkTotals(k, mm);
}

/** Walks a subtree in order beside the list. Returns the list's VMA that must come after the subtree. */
function checkSubtree(k: SpaceState, node: Vma, expected: Vma): Vma {
  if (node === NONE) return expected;
  const { start, end, prev, left, right, parent, height, gap } = k.vma;
  for (const child of [left[node], right[node]]) {
    if (child !== NONE && parent[child] !== node)
      bug(`VMA ${child}: parent is ${parent[child]}, should be ${node}`);
  }
  const here = checkSubtree(k, left[node], expected);
  if (here !== node) bug(`the tree has VMA ${node} where the list has ${here}`);
  const after = checkSubtree(k, right[node], k.vma.next[node]);
  const leftHeight = height[left[node]];
  const rightHeight = height[right[node]];
  if (Math.abs(leftHeight - rightHeight) > 1) bug(`VMA tree out of balance at ${node}`);
  if (height[node] !== Math.max(leftHeight, rightHeight) + 1) bug(`height of VMA ${node} is ${height[node]}`);
  const own = start[node] - (prev[node] === NONE ? 0 : end[prev[node]]);
  const largest = Math.max(
    own,
    left[node] === NONE ? 0 : gap[left[node]],
    right[node] === NONE ? 0 : gap[right[node]],
  );
  if (gap[node] !== largest) bug(`gap of VMA ${node} is ${gap[node]}, should be ${largest}`);
  return after;
}

/** What holds for the flags of every VMA. */
function checkVmaFlags(k: SpaceState, vma: Vma): void {
  const flags = k.vma.flags[vma];
  const granted = flags & VM_ACCESS_FLAGS;
  const special = k.vma.special[vma] !== 0;
  if (!special && (granted & ~(flags >> 4)) !== 0) bug(`VMA ${vma} has permissions mprotect could not give`);
  if ((flags & VM_ACCOUNT) !== 0 && (flags & (VM_SHARED | VM_NORESERVE)) !== 0)
    bug(`VMA ${vma} should not be accounted`);
  if (special && k.vma.anonVma[vma] !== NONE && (flags & VM_PFNMAP) !== 0)
    bug(`VMA ${vma} has foreign frames and an anon_vma`);
  if ((k.vma.anonVma[vma] !== NONE) !== (k.vma.anonVmaChain[vma] !== NONE))
    bug(`VMA ${vma}: anon_vma without chain or chain without it`);
}

/** total_vm and its parts, recounted. */
function checkTotals(k: SpaceState, mm: Mm): void {
  let total = 0;
  let exec = 0;
  let stack = 0;
  let data = 0;
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) {
    const pages = vmaPages(k, vma);
    const flags = k.vma.flags[vma];
    total += pages;
    if (isExecMapping(flags)) exec += pages;
    else if (isStackMapping(flags)) stack += pages;
    else if (isDataMapping(flags)) data += pages;
  }
  if (k.mm.totalVm[mm] !== total) bug(`total_vm of ${mm} is ${k.mm.totalVm[mm]}, should be ${total}`);
  if (k.mm.execVm[mm] !== exec) bug(`exec_vm of ${mm} is ${k.mm.execVm[mm]}, should be ${exec}`);
  if (k.mm.stackVm[mm] !== stack) bug(`stack_vm of ${mm} is ${k.mm.stackVm[mm]}, should be ${stack}`);
  if (k.mm.dataVm[mm] !== data) bug(`data_vm of ${mm} is ${k.mm.dataVm[mm]}, should be ${data}`);
}
