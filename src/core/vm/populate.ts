/**
 * Faulting pages in ahead of use, for MAP_POPULATE: every page of a range as if it were written (private writable
 * memory) or read (the rest), without the exceptions.
 *
 *   entry there, and good enough      the page is marked accessed
 *   otherwise                         a fault, counted as one, and then the same
 *
 * Linux: mm/gup.c (__mm_populate, populate_vma_page_range) (6.12)   Doc: man 2 mmap (MAP_POPULATE)
 */
import { BLOCKED, NONE, type Task, type Vma, vpnLow } from "../base/types.ts";
import { PTE_PRESENT, PTE_RW, PTE_SPECIAL, ptePfn } from "../hw/pte.ts";
import { markPageAccessed } from "../space/lruvec.ts";
import { findPteTable } from "../space/pagetable.ts";
import { VM_ACCESS_FLAGS, VM_IO, VM_LOCKONFAULT, VM_PFNMAP, VM_SHARED, VM_WRITE } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { FAULT_FLAG_POPULATE, FAULT_FLAG_WRITE } from "./fault-flags.ts";
import { handleMmFault } from "./fault.ts";
import type { VmState } from "./state.ts";

/**
 * Populates the vpns [startVpn, endVpn) of the task's address space. Errors end the VMA they happen in and are not
 * reported, as in Linux. Returns 0, or BLOCKED: the task waits for a disk; ask again, what is done is found done.
 */
export function populate(k: VmState, task: Task, startVpn: number, endVpn: number): number {
  const mm = k.task.mm[task]!;
  let vpn = startVpn;
  while (vpn < endVpn) {
    const vma = findVma(k, mm, vpn);
    if (vma === NONE || k.vma.start[vma]! >= endVpn) return 0;
    const stop = Math.min(endVpn, k.vma.end[vma]!);
    const flags = k.vma.flags[vma]!;
    if ((flags & (VM_PFNMAP | VM_IO)) === 0 && populateVma(k, task, vma, Math.max(vpn, k.vma.start[vma]!), stop) === BLOCKED) return BLOCKED;
    vpn = stop;
  }
  return 0;
}

/** One VMA's part. Returns 0 or BLOCKED. */
function populateVma(k: VmState, task: Task, vma: Vma, start: number, stop: number): number {
  const flags = k.vma.flags[vma]!;
  // Locked on fault: the program pays as it goes.
  if ((flags & VM_LOCKONFAULT) !== 0 || (flags & VM_ACCESS_FLAGS) === 0) return 0;
  const isWrite = (flags & (VM_WRITE | VM_SHARED)) === VM_WRITE;
  const need = isWrite ? PTE_PRESENT | PTE_RW : PTE_PRESENT;
  const faultFlags = isWrite ? FAULT_FLAG_POPULATE | FAULT_FLAG_WRITE : FAULT_FLAG_POPULATE;
  const mm = k.vma.mm[vma]!;
  const { words } = k.ram;
  let table = -1;
  for (let vpn = start; vpn < stop; vpn++) {
    const index = (vpnLow(vpn) & 511) * 2;
    if (table < 0 || index === 0) table = findPteTable(k, mm, vpn);
    while (table < 0 || (words[table + index]! & need) !== need) {
      const result = handleMmFault(k, task, vma, vpn, faultFlags);
      if (result === BLOCKED) return BLOCKED;
      if (result < 0) return 0;
      if (table < 0) table = findPteTable(k, mm, vpn);
    }
    const low = words[table + index]!;
    if ((low & PTE_SPECIAL) === 0) markPageAccessed(k, ptePfn(low, words[table + index + 1]!));
  }
  return 0;
}
