/**
 * The pool of VMA rows: taken when a mapping is made, copied when one is cut in two or inherited, given back. Each is
 * an object of the kernel's, charged to the cgroup of the task that made it.
 * Linux: kernel/fork.c (vm_area_alloc, vm_area_dup, vm_area_free) (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { type Mm, NONE, ROOT_MEMCG, type Vma } from "../base/types.ts";
import { chargeObject, KMEM_VMA, KMEM_VMA_LOCK, unchargeObject } from "./kmem.ts";
import type { SpaceState } from "./state.ts";

/** Takes a row for the address space, all other columns zero. Returns NONE when every row is in use. */
export function allocVma(k: SpaceState, mm: Mm): Vma {
  const { rows, next } = k.vma;
  let vma: Vma = rows[0];
  if (vma !== NONE) {
    rows[0] = next[vma];
    next[vma] = NONE;
  } else {
    vma = rows[1];
    if (vma >= k.vma.mm.length) return NONE;
    rows[1]++;
  }
  rows[2]++;
  k.vma.mm[vma] = mm;
  k.vma.charged[vma] = chargeObject(k, KMEM_VMA);
  chargeObject(k, KMEM_VMA_LOCK);
  return vma;
}

/** Gives a row back, zeroed. The VMA is in no tree, has no anon_vma and holds no file reference any more. */
export function freeVma(k: SpaceState, vma: Vma): void {
  const columns = k.vma;
  unchargeObject(k, columns.charged[vma], KMEM_VMA_LOCK);
  unchargeObject(k, columns.charged[vma], KMEM_VMA);
  columns.charged[vma] = ROOT_MEMCG;
  columns.mm[vma] = NONE;
  columns.start[vma] = 0;
  columns.end[vma] = 0;
  columns.flags[vma] = 0;
  columns.pgoff[vma] = 0;
  columns.file[vma] = NONE;
  columns.anonVma[vma] = NONE;
  columns.anonVmaChain[vma] = NONE;
  columns.prev[vma] = NONE;
  columns.left[vma] = NONE;
  columns.right[vma] = NONE;
  columns.parent[vma] = NONE;
  columns.height[vma] = 0;
  columns.gap[vma] = 0;
  columns.prevShared[vma] = NONE;
  columns.nextShared[vma] = NONE;
  columns.special[vma] = 0;
  columns.swapRaVpn[vma] = 0;
  columns.swapRaWindow[vma] = 0;
  columns.swapRaHits[vma] = 0;
  columns.minorFaults[vma] = 0;
  columns.majorFaults[vma] = 0;
  columns.next[vma] = columns.rows[0];
  columns.rows[0] = vma;
  columns.rows[2]--;
}

/**
 * A new row with the range, flags, offset, file and anon_vma of another (Linux: vm_area_dup). It is in no tree, has no
 * chains, and takes no reference to the file. Returns NONE when every row is in use.
 */
export function cloneVmaRow(k: SpaceState, source: Vma, mm: Mm): Vma {
  const columns = k.vma;
  const copy = allocVma(k, mm);
  if (copy === NONE) return NONE;
  columns.start[copy] = columns.start[source];
  columns.end[copy] = columns.end[source];
  columns.flags[copy] = columns.flags[source];
  columns.pgoff[copy] = columns.pgoff[source];
  columns.file[copy] = columns.file[source];
  columns.anonVma[copy] = columns.anonVma[source];
  columns.special[copy] = columns.special[source];
  return copy;
}
