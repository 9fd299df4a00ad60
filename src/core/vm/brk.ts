/**
 * The heap: brk moves its end, and grows the VMA that ends there or begins a new one.
 *
 *   startBrk |== heap VMA ==| brk          the heap's VMA merges with nothing but itself: neither with the bss below
 *            ^ never below               startBrk, nor with a mapping above
 *
 * Linux: mm/mmap.c brk, do_brk_flags, vm_brk_flags (6.12)   Doc: man 2 brk
 */
import { EINVAL, ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE } from "../base/types.ts";
import { VM_ACCOUNT, VM_DATA_DEFAULT_FLAGS, VM_EXEC, VM_SOFTDIRTY, vmaStartGap } from "../space/vma.ts";
import { findVmaIntersection, findVmaPrev } from "../space/vma-tree.ts";
import { acctMemory, mayExpandVm, vmEnoughMemory } from "./accounting.ts";
import { pageAlign } from "./bytes.ts";
import { type MergeRange, mergeNewRange } from "./merge.ts";
import { MAP_FIXED } from "./mman.ts";
import { createVma } from "./mmap.ts";
import { unmapRange } from "./munmap.ts";
import type { VmState } from "./state.ts";
import { getUnmappedArea } from "./unmapped-area.ts";

/**
 * Moves the end of the heap to `brk` bytes. Returns the end that is in force afterwards: the old one when the new one
 * is below the heap's start, beyond RLIMIT_DATA, would run into another mapping or its guard gap, or is not promised.
 */
export function doBrk(k: VmState, mm: Mm, brk: number): number {
  const old = k.mm.brk[mm];
  const startBrk = k.mm.startBrk[mm];
  if (brk < startBrk) return old;
  const dataBytes = k.mm.endData[mm] - k.mm.startData[mm];
  const limited = k.knob.dataRlimitBytes !== Number.MAX_SAFE_INTEGER;
  if (limited && brk - startBrk + dataBytes > k.knob.dataRlimitBytes) return old;
  const newEnd = pageAlign(brk) / PAGE_SIZE;
  const oldEnd = pageAlign(old) / PAGE_SIZE;
  let error = 0;
  if (brk <= old && newEnd < oldEnd) error = shrinkHeap(k, mm, newEnd, oldEnd);
  else if (newEnd > oldEnd) error = growHeap(k, mm, oldEnd, newEnd);
  if (error < 0) return old;
  k.mm.brk[mm] = brk;
  return brk;
}

/**
 * Maps zeroed anonymous memory at [addr, addr + len) bytes in place of what is there, as the bss of a program:
 * executable too when `exec`. Returns 0, -EINVAL, -EPERM, or -ENOMEM. Linux: vm_brk_flags.
 */
export function doVmBrk(k: VmState, mm: Mm, addr: number, len: number, exec: boolean): number {
  const bytes = pageAlign(len);
  if (bytes === 0) return 0;
  const error = checkLimits(k, mm, addr, bytes);
  if (error < 0) return error;
  const start = addr / PAGE_SIZE;
  const end = start + bytes / PAGE_SIZE;
  const cut = unmapRange(k, mm, start, end);
  if (cut < 0) return cut;
  return extend(k, brkRange(mm, start, end, exec ? VM_EXEC : 0), 0);
}

function shrinkHeap(k: VmState, mm: Mm, newEnd: number, oldEnd: number): number {
  if (findVmaIntersection(k, mm, newEnd, oldEnd) === NONE) return -EINVAL;
  return unmapRange(k, mm, newEnd, oldEnd);
}

function growHeap(k: VmState, mm: Mm, oldEnd: number, newEnd: number): number {
  const error = checkLimits(k, mm, oldEnd * PAGE_SIZE, (newEnd - oldEnd) * PAGE_SIZE);
  if (error < 0) return error;
  // One page more than the heap itself stays free below a mapping, and the guard gap below a stack.
  const next = findVmaIntersection(k, mm, oldEnd, newEnd + 1 + k.knob.stackGuardGap);
  if (next !== NONE && newEnd + 1 > vmaStartGap(k, next)) return -ENOMEM;
  return extend(k, brkRange(mm, oldEnd, newEnd, 0), k.mm.startBrk[mm] / PAGE_SIZE);
}

/** Whether a mapping may be at these addresses at all: 0 or a negative errno. */
function checkLimits(k: VmState, mm: Mm, addr: number, len: number): number {
  const found = getUnmappedArea(k, mm, { addr, len, pgoff: 0, flags: MAP_FIXED, file: NONE });
  return found < 0 ? found : 0;
}

function brkRange(mm: Mm, start: number, end: number, extra: number): MergeRange {
  const flags = VM_DATA_DEFAULT_FLAGS | VM_ACCOUNT | extra;
  return { mm, start, end, flags, pgoff: start, file: NONE, anonVma: NONE };
}

/**
 * Grows the VMA that ends at the range, if it is alike and ends above vpn `floor`, or makes one. Returns 0 or -ENOMEM.
 * Linux: do_brk_flags.
 */
function extend(k: VmState, range: MergeRange, floor: number): number {
  const { mm, start } = range;
  const pages = range.end - start;
  if (!mayExpandVm(k, mm, range.flags, pages)) return -ENOMEM;
  if (k.mm.mapCount[mm] > k.knob.maxMapCount) return -ENOMEM;
  if (vmEnoughMemory(k, mm, pages) < 0) return -ENOMEM;
  const prev = findVmaPrev(k, mm, start);
  let vma = prev !== NONE && k.vma.end[prev] > floor ? mergeNewRange(k, range, prev, NONE) : NONE;
  if (vma === NONE) vma = createVma(k, range);
  if (vma <= 0) {
    acctMemory(k, -pages);
    return -ENOMEM;
  }
  k.mm.totalVm[mm] += pages;
  k.mm.dataVm[mm] += pages;
  k.vma.flags[vma] |= VM_SOFTDIRTY;
  return 0;
}
