/**
 * VMAs, anon_vmas and their chains are charged to the cgroup of the task that makes them: room for them is looked for
 * before they are made, so that a cgroup at its limit reclaims first, and refuses when that does not help.
 * Linux: kernel/fork.c (vm_area_alloc), mm/rmap.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */

import { roomForObjects } from "../alloc/charge.ts";
import { ENOMEM } from "../base/errno.ts";
import { NONE, type Vma } from "../base/types.ts";
import { KMEM_ANON_VMA, KMEM_ANON_VMA_CHAIN, KMEM_VMA, KMEM_VMA_LOCK } from "../space/kmem.ts";
import { anonVmaClone, anonVmaFork, anonVmaPrepare } from "../space/rmap.ts";
import type { VmState } from "./state.ts";

/** Room for a VMA and its lock. Returns 0 or -ENOMEM. */
export function roomForVma(k: VmState): number {
  return roomForObjects(k, KMEM_VMA + KMEM_VMA_LOCK);
}

/** Sees to it that the VMA has an anon_vma. Returns 0 or -ENOMEM. */
export function prepareAnonVma(k: VmState, vma: Vma): number {
  if (k.vma.anonVma[vma] !== NONE) return 0;
  return anonVmaPrepare(k, vma);
}

/** Links `dst` to every anon_vma that `src` is linked to. Returns 0 or -ENOMEM. */
export function cloneAnonVmas(k: VmState, dst: Vma, src: Vma): number {
  if (roomForObjects(k, chainsOf(k, src) * KMEM_ANON_VMA_CHAIN) < 0) return -ENOMEM;
  return anonVmaClone(k, dst, src);
}

/** The same for a child's VMA, which gets an anon_vma of its own besides. Returns 0 or -ENOMEM. */
export function forkAnonVma(k: VmState, child: Vma, parent: Vma): number {
  if (k.vma.anonVma[parent] === NONE) return 0;
  const chains = chainsOf(k, parent) + 1;
  if (roomForObjects(k, chains * KMEM_ANON_VMA_CHAIN + KMEM_ANON_VMA) < 0) return -ENOMEM;
  return anonVmaFork(k, child, parent);
}

function chainsOf(k: VmState, vma: Vma): number {
  let chains = 0;
  for (let at = k.vma.anonVmaChain[vma]; at !== NONE; at = k.anonVma.chainNextSameVma[at]) chains++;
  return chains;
}
