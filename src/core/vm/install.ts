/**
 * VMAs that no mmap makes: the stack that exec sets up, and the kernel's own pages (vdso, vvar).
 * Linux: mm/mmap.c insert_vm_struct, __install_special_mapping (6.12)   Doc: Documentation/ABI/stable/vdso
 */
import { ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE, type Vma } from "../base/types.ts";
import {
  isAnonymousVma,
  VM_ACCOUNT,
  VM_DONTEXPAND,
  VM_LOCKED_MASK,
  VM_SOFTDIRTY,
  vmaPages,
} from "../space/vma.ts";
import { allocVma, freeVma } from "../space/vma-rows.ts";
import { findVmaIntersection, insertVma } from "../space/vma-tree.ts";
import { vmEnoughMemory, vmStatAccount } from "./accounting.ts";
import { roomForVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/**
 * Maps the kernel's own pages of kind VMA_VDSO or VMA_VVAR at [addr, addr + len) bytes. Such a VMA never merges and
 * never splits. Returns 0, or -ENOMEM when the range is taken or no row is free.
 */
export function installSpecialMapping(k: VmState, mm: Mm, spec: SpecialMapping): number {
  const flags = (spec.flags | VM_DONTEXPAND | VM_SOFTDIRTY) & ~VM_LOCKED_MASK;
  const vma = installVma(k, mm, spec.addr / PAGE_SIZE, (spec.addr + spec.len) / PAGE_SIZE, {
    flags,
    special: spec.kind,
  });
  return vma < 0 ? vma : 0;
}

/** What installSpecialMapping maps. Bytes. */
export interface SpecialMapping {
  readonly addr: number;
  readonly len: number;
  /** VM_* bits besides those every special mapping has. */
  readonly flags: number;
  /** VMA_VDSO or VMA_VVAR. */
  readonly kind: number;
}

/**
 * Puts a VMA of these flags at [start, end) vpns and counts it. Returns it, or -ENOMEM when the range is taken, no row
 * is free, or the promise is refused.
 */
export function installVma(
  k: VmState,
  mm: Mm,
  start: number,
  end: number,
  spec: { flags: number; special: number },
): Vma {
  if (findVmaIntersection(k, mm, start, end) !== NONE) return -ENOMEM;
  if (roomForVma(k) < 0) return -ENOMEM;
  const vma = allocVma(k, mm);
  if (vma === NONE) return -ENOMEM;
  k.vma.start[vma] = start;
  k.vma.end[vma] = end;
  k.vma.flags[vma] = spec.flags;
  k.vma.special[vma] = spec.special;
  if ((spec.flags & VM_ACCOUNT) !== 0 && vmEnoughMemory(k, mm, end - start) < 0) {
    freeVma(k, vma);
    return -ENOMEM;
  }
  if (isAnonymousVma(k, vma)) k.vma.pgoff[vma] = start;
  insertVma(k, mm, vma);
  vmStatAccount(k, mm, spec.flags, vmaPages(k, vma));
  return vma;
}
