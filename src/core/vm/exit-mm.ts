/**
 * The end of an address space: every mapping, then every page table, one flush, then the VMAs.
 * Linux: mm/mmap.c exit_mmap (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { type Mm, NONE } from "../base/types.ts";
import { lruAddDrain } from "../space/lruvec.ts";
import { unlinkAnonVmas, unlinkFileVma } from "../space/rmap.ts";
import { VM_ACCOUNT, vmaPages } from "../space/vma.ts";
import { freeVma } from "../space/vma-rows.ts";
import { finishMmu, freePageTables, gatherMmu, zapVmas } from "../space/zap.ts";
import { acctMemory } from "./accounting.ts";
import { putMappedFile } from "./shmem.ts";
import type { VmState } from "./state.ts";

/** Takes everything out of an address space; the row and its top page table stay. */
export function exitMmap(k: VmState, mm: Mm): void {
  const { firstVma, lastVma } = k.mm;
  if (firstVma[mm] === NONE) return;
  lruAddDrain(k);
  gatherMmu(k, mm, true);
  zapVmas(k, mm, firstVma[mm]!, lastVma[mm]!);
  for (let vma = firstVma[mm]!; vma !== NONE; vma = k.vma.next[vma]!) {
    unlinkAnonVmas(k, vma);
    if (k.vma.file[vma] !== NONE) unlinkFileVma(k, vma);
  }
  freePageTables(k, mm, 0, 0);
  finishMmu(k);
  let accounted = 0;
  let vma = firstVma[mm]!;
  while (vma !== NONE) {
    const next = k.vma.next[vma]!;
    if ((k.vma.flags[vma]! & VM_ACCOUNT) !== 0) accounted += vmaPages(k, vma);
    if (k.vma.file[vma] !== NONE) putMappedFile(k, k.vma.file[vma]!);
    freeVma(k, vma);
    vma = next;
  }
  firstVma[mm] = NONE;
  lastVma[mm] = NONE;
  k.mm.vmaRoot[mm] = NONE;
  k.mm.cachedVma[mm] = NONE;
  k.mm.mapCount[mm] = 0;
  acctMemory(k, -accounted);
}
