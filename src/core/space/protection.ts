/**
 * What a VMA's flags allow, as bits of a page table entry (Linux: vm_page_prot).
 *
 *   flags            private              shared
 *   none             PROTNONE             PROTNONE
 *   read             read-only, NX        read-only, NX
 *   write            read-only, NX (COW)  writable, NX      a shared file mapping that wants to know of the first
 *   exec             read-only            read-only         store is read-only too (write-notify)
 *
 * Every entry is made accessed: x86 kernels do not take a fault to learn of the first use.
 * Linux: mm/mmap.c, arch/x86/mm/pgprot.c (6.12)   Doc: Documentation/arch/x86/x86_64/mm.rst
 */
import { PTE_ACCESSED, PTE_NX_HIGH, PTE_PRESENT, PTE_PROTNONE, PTE_RW, PTE_USER } from "../hw/pte.ts";
import { VM_ACCESS_FLAGS, VM_EXEC, VM_SHARED, VM_WRITE } from "./vma.ts";

/** Low word bits of an entry in a VMA with these flags, before a private page is made writable. */
export function protLow(flags: number): number {
  if ((flags & VM_ACCESS_FLAGS) === 0) return PTE_PROTNONE | PTE_ACCESSED;
  const low = PTE_PRESENT | PTE_USER | PTE_ACCESSED;
  return (flags & (VM_SHARED | VM_WRITE)) === (VM_SHARED | VM_WRITE) ? low | PTE_RW : low;
}

/** High word bits: NX unless the VMA is executable. PROT_NONE entries carry NX as well. */
export function protHigh(flags: number): number {
  return (flags & VM_EXEC) !== 0 ? 0 : PTE_NX_HIGH;
}
