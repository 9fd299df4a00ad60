/**
 * Faulting pages in ahead of use. MAP_POPULATE: every page of a range as if it were written (private writable memory) or
 * read (the rest), and nobody hears of what failed. MADV_POPULATE_READ and _WRITE: all read or all written, and the first
 * failure ends the call.
 *
 *   entry there, and good enough      the page is marked accessed
 *   otherwise                         a fault, counted as one, and then the same
 *
 * Linux: mm/gup.c (__mm_populate, populate_vma_page_range, faultin_page_range) (6.12)   Doc: man 2 mmap, man 2 madvise
 */
import { EFAULT, EINVAL, ENOMEM, FAULT_OOM } from "../base/errno.ts";
import { BLOCKED, NONE, type Task, type Vma } from "../base/types.ts";
import { PTE_PRESENT, PTE_RW, PTE_SPECIAL, ptePfn } from "../hw/pte.ts";
import { lruAddDrain, markPageAccessed } from "../space/lruvec.ts";
import { afterHole, findPte, NO_PTE_TABLE } from "../space/pagetable.ts";
import {
  VM_ACCESS_FLAGS,
  VM_IO,
  VM_LOCKONFAULT,
  VM_PFNMAP,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
} from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { handleMmFault } from "./fault.ts";
import { FAULT_FLAG_POPULATE, FAULT_FLAG_WRITE } from "./fault-flags.ts";
import type { VmState } from "./state.ts";

/**
 * Populates the vpns [startVpn, endVpn) of the task's address space. Errors end the VMA they happen in and are not
 * reported, as in Linux. Returns 0, or BLOCKED: the task waits for a disk; asked again, it goes on where it was.
 */
export function populate(k: VmState, task: Task, startVpn: number, endVpn: number): number {
  const mm = k.task.mm[task]!;
  const { populated } = k.task;
  let vpn = Math.max(startVpn, populated[task]!);
  populated[task] = 0;
  while (vpn < endVpn) {
    const vma = findVma(k, mm, vpn);
    if (vma === NONE || k.vma.start[vma]! >= endVpn) return 0;
    const stop = Math.min(endVpn, k.vma.end[vma]!);
    const flags = k.vma.flags[vma]!;
    if (
      (flags & (VM_PFNMAP | VM_IO)) === 0 &&
      populateVma(k, task, vma, Math.max(vpn, k.vma.start[vma]!), stop) === BLOCKED
    )
      return BLOCKED;
    vpn = stop;
  }
  return 0;
}

/**
 * Populates the vpns [startVpn, endVpn) for MADV_POPULATE_READ or MADV_POPULATE_WRITE. Returns 0, -ENOMEM (a hole, or no
 * memory), -EINVAL (the VMA does not allow it), -EFAULT (a fault that would have been a signal), or BLOCKED: asked again,
 * it goes on where it was.
 */
export function populateAdvised(
  k: VmState,
  task: Task,
  range: { readonly start: number; readonly end: number },
  isWrite: boolean,
): number {
  const mm = k.task.mm[task]!;
  const { populated } = k.task;
  let vpn = Math.max(range.start, populated[task]!);
  populated[task] = 0;
  while (vpn < range.end) {
    const vma = findVma(k, mm, vpn);
    if (vma === NONE || k.vma.start[vma]! > vpn) return -ENOMEM;
    const flags = k.vma.flags[vma]!;
    if ((flags & (VM_PFNMAP | VM_IO)) !== 0 || (flags & (isWrite ? VM_WRITE : VM_READ)) === 0) return -EINVAL;
    const end = Math.min(range.end, k.vma.end[vma]!, afterHole(vpn, NO_PTE_TABLE));
    // A retry remembers that it is one, as for a copy to the program's memory: a fault that waited is major.
    const result = populateTable(k, task, vma, { start: vpn, end }, isWrite ? FAULT_FLAG_WRITE : 0);
    if (result === BLOCKED) return BLOCKED;
    if (result !== 0) return result === FAULT_OOM ? -ENOMEM : -EFAULT;
    vpn = end;
  }
  lruAddDrain(k);
  return 0;
}

/** One VMA's part. Returns 0 or BLOCKED. */
function populateVma(k: VmState, task: Task, vma: Vma, start: number, stop: number): number {
  const flags = k.vma.flags[vma]!;
  // Locked on fault: the program pays as it goes.
  if ((flags & VM_LOCKONFAULT) !== 0 || (flags & VM_ACCESS_FLAGS) === 0) return 0;
  const isWrite = (flags & (VM_WRITE | VM_SHARED)) === VM_WRITE;
  const faultFlags = isWrite ? FAULT_FLAG_POPULATE | FAULT_FLAG_WRITE : FAULT_FLAG_POPULATE;
  for (let vpn = start; vpn < stop; ) {
    const end = Math.min(stop, afterHole(vpn, NO_PTE_TABLE));
    const result = populateTable(k, task, vma, { start: vpn, end }, faultFlags);
    // Whatever is wrong ends this VMA; only waiting is the caller's business.
    if (result !== 0) return result === BLOCKED ? BLOCKED : 0;
    vpn = end;
  }
  return 0;
}

/** The part of a VMA that one page table covers. Returns 0, or what the first fault that failed returned. */
function populateTable(
  k: VmState,
  task: Task,
  vma: Vma,
  part: { readonly start: number; readonly end: number },
  faultFlags: number,
): number {
  const { start, end } = part;
  const need = (faultFlags & FAULT_FLAG_WRITE) !== 0 ? PTE_PRESENT | PTE_RW : PTE_PRESENT;
  const mm = k.vma.mm[vma]!;
  const { words } = k.ram;
  let pte = findPte(k, mm, start);
  for (let vpn = start; vpn < end; vpn++) {
    while (pte < 0 || (words[pte]! & need) !== need) {
      const result = handleMmFault(k, task, vma, vpn, faultFlags);
      if (result === BLOCKED) k.task.populated[task] = vpn;
      if (result !== 0) return result;
      if (pte < 0) pte = findPte(k, mm, vpn);
    }
    const low = words[pte]!;
    if ((low & PTE_SPECIAL) === 0) markPageAccessed(k, ptePfn(low, words[pte + 1]!));
    pte += 2;
  }
  return 0;
}
