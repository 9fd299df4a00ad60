/**
 * munmap, and the first half of a fixed mmap: everything in a range goes, VMAs that stick out are cut.
 *
 *   before   |--- a ---|  |- b -|   |---- c ----|
 *   range          [ start ............... end )
 *   gathered       |-x-|  |- b -|   |- y -|            x and y are cut off first; that may fail, and then stays cut
 *   after    |- a -|                      |- c -|
 *
 * Cutting may go one above the limit on the number of VMAs, but a hole in the middle of one VMA may not.
 * Linux: mm/vma.c vms_gather_munmap_vmas, vms_complete_munmap_vmas (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { EINVAL, ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE, type Vma } from "../base/types.ts";
import { unlinkAnonVmas, unlinkFileVma } from "../space/rmap.ts";
import { VM_ACCOUNT, vmaPages } from "../space/vma.ts";
import { freeVma } from "../space/vma-rows.ts";
import { findVmaIntersection, removeVma } from "../space/vma-tree.ts";
import { finishMmu, freePageTables, gatherMmu, zapVmas } from "../space/zap.ts";
import { acctMemory, updateHiwaterVm, vmStatAccount } from "./accounting.ts";
import { isPageAligned, pageAlign } from "./bytes.ts";
import { putMappedFile } from "./shmem.ts";
import { splitVmaUnchecked } from "./split.ts";
import type { VmState } from "./state.ts";
import { taskSize } from "./unmapped-area.ts";

/**
 * Removes every mapping in [addr, addr + len) bytes. Returns 0 (also when nothing was there), -EINVAL (addr not at a
 * page, empty range, or outside user space; or it would cut the kernel's own pages), or -ENOMEM (the hole would make
 * one VMA too many).
 */
export function doMunmap(k: VmState, mm: Mm, addr: number, len: number): number {
  const limit = taskSize(k);
  if (!isPageAligned(addr) || addr > limit || len > limit - addr) return -EINVAL;
  const first = addr / PAGE_SIZE;
  const last = first + pageAlign(len) / PAGE_SIZE;
  if (first === last) return -EINVAL;
  return unmapRange(k, mm, first, last);
}

/** doMunmap in vpns. Returns 0, -ENOMEM or -EINVAL. */
export function unmapRange(k: VmState, mm: Mm, start: number, end: number): number {
  const error = gatherVmas(k, mm, start, end);
  if (error < 0) return error;
  removeGathered(k, mm, start, end, false);
  return 0;
}

/**
 * Cuts the VMAs that stick out of [start, end), so that every VMA lies inside or outside. Returns 0, -ENOMEM or
 * -EINVAL; after an error cuts that were made remain. Linux: vms_gather_munmap_vmas.
 */
export function gatherVmas(k: VmState, mm: Mm, start: number, end: number): number {
  const columns = k.vma;
  const first = findVmaIntersection(k, mm, start, end);
  if (first === NONE) return 0;
  if (columns.start[first] < start) {
    if (end < columns.end[first] && k.mm.mapCount[mm] >= k.knob.maxMapCount) return -ENOMEM;
    const part = splitVmaUnchecked(k, first, start, true);
    if (part < 0) return part;
  }
  const last = lastVmaBefore(k, first, end);
  if (columns.end[last] > end) {
    const part = splitVmaUnchecked(k, last, end, false);
    if (part < 0) return part;
  }
  return 0;
}

/** Pages of gathered VMAs in [start, end), or only those that are promised (VM_ACCOUNT). */
export function countGathered(
  k: VmState,
  mm: Mm,
  start: number,
  end: number,
  accountedOnly: boolean,
): number {
  let pages = 0;
  let vma = findVmaIntersection(k, mm, start, end);
  while (vma !== NONE && k.vma.start[vma] < end) {
    if (!accountedOnly || (k.vma.flags[vma] & VM_ACCOUNT) !== 0) pages += vmaPages(k, vma);
    vma = k.vma.next[vma];
  }
  return pages;
}

/**
 * Takes gathered VMAs and everything they map away: pages, page tables that nobody else needs, totals, and promises
 * unless a new mapping takes those over. Linux: vms_clear_ptes, vms_complete_munmap_vmas.
 */
export function removeGathered(k: VmState, mm: Mm, start: number, end: number, keepPromise: boolean): void {
  const columns = k.vma;
  const first = findVmaIntersection(k, mm, start, end);
  if (first === NONE) return;
  const last = lastVmaBefore(k, first, end);
  const before = columns.prev[first];
  const after = columns.next[last];
  gatherMmu(k, mm);
  zapVmas(k, mm, first, last);
  for (let vma: Vma = first; vma !== after; vma = columns.next[vma]) {
    unlinkAnonVmas(k, vma);
    if (columns.file[vma] !== NONE) unlinkFileVma(k, vma);
  }
  // Tables may go as far as the neighbours reach; without a neighbour, to the end of the address space.
  freePageTables(k, mm, before === NONE ? 0 : columns.end[before], after === NONE ? 0 : columns.start[after]);
  finishMmu(k);
  updateHiwaterVm(k, mm);
  let accounted = 0;
  let vma = first;
  while (vma !== after) {
    const next = columns.next[vma];
    const pages = vmaPages(k, vma);
    if ((columns.flags[vma] & VM_ACCOUNT) !== 0) accounted += pages;
    vmStatAccount(k, mm, columns.flags[vma], -pages);
    removeVma(k, mm, vma);
    if (columns.file[vma] !== NONE) putMappedFile(k, columns.file[vma]);
    freeVma(k, vma);
    vma = next;
  }
  if (!keepPromise) acctMemory(k, -accounted);
}

/** The last VMA from `first` on that starts below `end`. */
function lastVmaBefore(k: VmState, first: Vma, end: number): Vma {
  const { start, next } = k.vma;
  let vma = first;
  while (next[vma] !== NONE && start[next[vma]] < end) vma = next[vma];
  return vma;
}
