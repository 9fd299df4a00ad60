/**
 * Growing a stack downwards, when a page below it is touched.
 *
 *   [ other ] ...gap >= stack_guard_gap... | new pages | stack |
 *
 * The gap is kept to whatever lies below, unless that is a stack too or may not be accessed at all.
 * Linux: mm/mmap.c expand_downwards, acct_stack_growth (6.12)   Doc: man 2 mmap (MAP_GROWSDOWN)
 */
import { EFAULT, ENOMEM, EPERM } from "../base/errno.ts";
import { NONE, PAGE_SIZE, type Vma } from "../base/types.ts";
import { isAccessibleVma, VM_ACCOUNT, VM_GROWSDOWN } from "../space/vma.ts";
import { setVmaRange } from "../space/vma-tree.ts";
import { mayExpandVm, notePromiseLost, vmEnoughMemory, vmStatAccount } from "./accounting.ts";
import { prepareAnonVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/**
 * Makes the VMA begin at `vpn`, which lies below it. Returns 0, -EFAULT (no stack), -EPERM (below vm.mmap_min_addr), or
 * -ENOMEM (too near to what lies below, larger than RLIMIT_STACK, a limit, or the promise is refused).
 */
export function vmaExpandDownwards(k: VmState, vma: Vma, vpn: number): number {
  const { start, end, flags, pgoff, prev } = k.vma;
  if ((flags[vma] & VM_GROWSDOWN) === 0) return -EFAULT;
  if (vpn * PAGE_SIZE < k.knob.mmapMinAddr) return -EPERM;
  const below = prev[vma];
  if (below !== NONE && (flags[below] & VM_GROWSDOWN) === 0 && isAccessibleVma(k, below)) {
    if (vpn - end[below] < k.knob.stackGuardGap) return -ENOMEM;
  }
  if (prepareAnonVma(k, vma) < 0) return -ENOMEM;
  if (vpn >= start[vma]) return 0;
  const mm = k.vma.mm[vma];
  const grow = start[vma] - vpn;
  if (grow > pgoff[vma]) return -ENOMEM;
  if (!mayExpandVm(k, mm, flags[vma], grow)) return -ENOMEM;
  if ((end[vma] - vpn) * PAGE_SIZE > k.knob.stackRlimitBytes) return -ENOMEM;
  if (vmEnoughMemory(k, mm, grow) < 0) return -ENOMEM;
  if ((flags[vma] & VM_ACCOUNT) === 0) notePromiseLost(k, grow);
  vmStatAccount(k, mm, flags[vma], grow);
  pgoff[vma] -= grow;
  setVmaRange(k, vma, vpn, end[vma]);
  return 0;
}
