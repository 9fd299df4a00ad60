/**
 * The VMA half of fork: one VMA of the parent becomes one of the child.
 *
 *   parent's VMA       child gets
 *   VM_DONTCOPY        nothing
 *   VM_WIPEONFORK      an empty VMA, no anon_vma
 *   otherwise          the same VMA, chained to every anon_vma of the parent's, with one of its own on top
 *
 * Linux: kernel/fork.c dup_mmap (6.12)   Doc: man 2 fork, man 2 madvise
 */
import { ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, type Vma } from "../base/types.ts";
import { getFile } from "../space/file.ts";
import { linkFileVma } from "../space/rmap.ts";
import { VM_ACCOUNT, VM_DONTCOPY, VM_LOCKED_MASK, VM_WIPEONFORK, vmaPages } from "../space/vma.ts";
import { cloneVmaRow, freeVma } from "../space/vma-rows.ts";
import { insertVma } from "../space/vma-tree.ts";
import { acctMemory, vmEnoughMemory, vmStatAccount } from "./accounting.ts";
import { forkAnonVma, roomForVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/**
 * Gives the child its copy of a parent's VMA. The caller has copied the parent's totals to the child before the first
 * VMA; what the child does not get is taken off again here. Pages are the caller's too (a VM_WIPEONFORK VMA has none).
 * Returns the child's VMA, NONE when it gets none, or -ENOMEM (promise refused, or a table is full).
 */
export function dupVma(k: VmState, vma: Vma, childMm: Mm): Vma {
  const columns = k.vma;
  const flags = columns.flags[vma];
  const pages = vmaPages(k, vma);
  if ((flags & VM_DONTCOPY) !== 0) {
    vmStatAccount(k, childMm, flags, -pages);
    return NONE;
  }
  // The parent's size decides, not the child's.
  const charge = (flags & VM_ACCOUNT) !== 0 ? pages : 0;
  if (charge !== 0 && vmEnoughMemory(k, columns.mm[vma], charge) < 0) return -ENOMEM;
  const copy = roomForVma(k) < 0 ? NONE : cloneVmaRow(k, vma, childMm);
  if (copy === NONE) {
    acctMemory(k, -charge);
    return -ENOMEM;
  }
  if ((flags & VM_WIPEONFORK) !== 0) columns.anonVma[copy] = NONE;
  else if (forkAnonVma(k, copy, vma) < 0) {
    columns.anonVma[copy] = NONE;
    columns.file[copy] = NONE;
    freeVma(k, copy);
    acctMemory(k, -charge);
    return -ENOMEM;
  }
  columns.flags[copy] = flags & ~VM_LOCKED_MASK;
  insertVma(k, childMm, copy);
  if (columns.file[copy] !== NONE) {
    getFile(k, columns.file[copy]);
    linkFileVma(k, copy);
  }
  return copy;
}
