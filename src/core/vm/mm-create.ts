/**
 * Address spaces come and go: a row and a top page table; users are the tasks that run in it.
 * Linux: kernel/fork.c (mm_init, mmput) (6.12)   Doc: Documentation/mm/active_mm.rst
 */

import { chargeKernelPages, roomForObjects } from "../alloc/charge.ts";
import { bug } from "../base/bug.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, ROOT_MEMCG } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_table, REFCOUNT } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { putFile } from "../space/file.ts";
import { givePages, KMEM_MM } from "../space/kmem.ts";
import { lruGenAddMm, lruGenDelMm } from "../space/lru-gen-mm.ts";
import { unchargeKernelPage } from "../space/memcg.ts";
import { currentMemcg } from "../space/memcg-current.ts";
import { allocMm, exactRss, freeMm } from "../space/mm.ts";
import { leaveMm } from "../space/tlb-flush.ts";
import { exitMmap } from "./exit-mm.ts";
import { allocPgd } from "./pte-alloc.ts";
import type { VmState } from "./state.ts";

/** An empty address space with one user. Returns its row, or -ENOMEM. */
export function createMm(k: VmState): Mm {
  if (roomForObjects(k, KMEM_MM) < 0) return -ENOMEM;
  const charged = chargeKernelPages(k, 1);
  if (charged < 0) return -ENOMEM;
  const mm = allocMm(k);
  if (mm === NONE) {
    if (charged !== ROOT_MEMCG) givePages(k, charged, 1);
    return -ENOMEM;
  }
  k.mm.memcg[mm] = currentMemcg(k);
  const pgd = allocPgd(k);
  if (pgd < 0) {
    freeMm(k, mm);
    return -ENOMEM;
  }
  k.mm.pgd[mm] = pgd;
  lruGenAddMm(k, mm);
  return mm;
}

/** One more user (Linux: mmget). Returns the address space. */
export function getMm(k: VmState, mm: Mm): Mm {
  k.mm.users[mm]!++;
  return mm;
}

/** One user less; with the last goes everything that is mapped (Linux: mmput). */
export function putMm(k: VmState, mm: Mm): void {
  if (--k.mm.users[mm]! > 0) return;
  exitMmap(k, mm);
  lruGenDelMm(k, mm);
  leaveMm(k, mm);
  if (k.mm.exeFile[mm] !== NONE) putFile(k, k.mm.exeFile[mm]!);
  for (let member = 0; member < 4; member++) {
    if (exactRss(k, mm, member) !== 0)
      bug(`address space ${mm} dies with ${exactRss(k, mm, member)} pages of kind ${member}`);
  }
  if (k.mm.pgtablesBytes[mm] !== 0)
    bug(`address space ${mm} dies with ${k.mm.pgtablesBytes[mm]} bytes of page tables`);
  const pgd = k.mm.pgd[mm]!;
  k.page[pgd * PAGE_WORDS + FLAGS]! &= ~PG_table;
  k.page[pgd * PAGE_WORDS + REFCOUNT] = 0;
  if (k.pageMemcg[pgd] !== ROOT_MEMCG) unchargeKernelPage(k, pgd);
  freePage(k, pgd);
  freeMm(k, mm);
}
