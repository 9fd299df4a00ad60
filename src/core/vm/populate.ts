/**
 * Faulting pages in ahead of use, for MAP_POPULATE: every page of a range as if it were written (private writable
 * memory) or read (the rest), without the exceptions.
 *
 *   entry there, and good enough      the page is marked accessed
 *   otherwise                         a fault, counted as one, and then the same
 *
 * Linux: mm/gup.c (__mm_populate, populate_vma_page_range) (6.12)   Doc: man 2 mmap (MAP_POPULATE)
 */
import { BLOCKED, NONE, type Task, type Vma } from "../base/types.ts";
import { PTE_PRESENT, PTE_RW, PTE_SPECIAL, ptePfn } from "../hw/pte.ts";
import { markPageAccessed } from "../space/lruvec.ts";
import { afterHole, findPte, NO_PTE_TABLE } from "../space/pagetable.ts";
import { VM_ACCESS_FLAGS, VM_IO, VM_LOCKONFAULT, VM_PFNMAP, VM_SHARED, VM_WRITE } from "../space/vma.ts";
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

/** One VMA's part. Returns 0 or BLOCKED. */
function populateVma(k: VmState, task: Task, vma: Vma, start: number, stop: number): number {
  const flags = k.vma.flags[vma]!;
  // Locked on fault: the program pays as it goes.
  if ((flags & VM_LOCKONFAULT) !== 0 || (flags & VM_ACCESS_FLAGS) === 0) return 0;
  for (let vpn = start; vpn < stop; ) {
    const end = Math.min(stop, afterHole(vpn, NO_PTE_TABLE));
    const result = populateTable(k, task, vma, vpn, end);
    // Whatever is wrong ends this VMA; only waiting is the caller's business.
    if (result !== 0) return result === BLOCKED ? BLOCKED : 0;
    vpn = end;
  }
  return 0;
}

/** The part of a VMA that one page table covers. Returns 0, or what the first fault that failed returned. */
function populateTable(k: VmState, task: Task, vma: Vma, start: number, end: number): number {
  const isWrite = (k.vma.flags[vma]! & (VM_WRITE | VM_SHARED)) === VM_WRITE;
  const need = isWrite ? PTE_PRESENT | PTE_RW : PTE_PRESENT;
  const faultFlags = isWrite ? FAULT_FLAG_POPULATE | FAULT_FLAG_WRITE : FAULT_FLAG_POPULATE;
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
