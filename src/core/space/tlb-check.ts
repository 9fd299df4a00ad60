/**
 * Whether what the TLBs hold is still true: a translation that an ASID keeps as current must be in the page table, with
 * the same frame and at least the same rights. A forgotten flush shows here.
 * Linux: arch/x86/mm/tlb.c (6.12)   Doc: Documentation/arch/x86/tlb.rst
 */
import { bug } from "../base/bug.ts";
import { type Cpu, type Mm, NONE, vpnOf } from "../base/types.ts";
import { PTE_NX_HIGH, PTE_PRESENT, PTE_RW, ptePfn } from "../hw/pte.ts";
import { ASID_STRIDE, NR_ASIDS } from "../hw/tlb.ts";
import {
  ENTRY_HIGH,
  ENTRY_L1D,
  ENTRY_L1I,
  ENTRY_L2,
  ENTRY_PFN,
  ENTRY_RIGHTS,
  ENTRY_TAG,
  RIGHT_EXEC,
  RIGHT_WRITE,
  SIZE_4K,
  TAG_ASID_SHIFT,
  TAG_SIZE_SHIFT,
} from "../hw/tlb-places.ts";
import { findPte } from "./pagetable.ts";
import type { SpaceState } from "./state.ts";

const LOW_MASK = (1 << TAG_ASID_SHIFT) - 1;
const ASID_MASK = 15;

/** Walks the TLB of every CPU. Bug when a current 4 KiB translation says what the page table does not say. */
export function checkTranslations(k: SpaceState): void {
  for (let cpu: Cpu = 0; cpu < k.machine.cpus; cpu++) {
    for (let asid = 0; asid < NR_ASIDS; asid++) {
      const mm = currentMm(k, cpu, asid);
      if (mm !== NONE) checkAsid(k, cpu, asid, mm);
    }
  }
}

/** The address space whose translations the ASID holds, if it missed no flush; else NONE. */
function currentMm(k: SpaceState, cpu: Cpu, asid: number): Mm {
  const at = cpu * ASID_STRIDE + asid;
  const { users, contextId, tlbGen, rowCount } = k.mm;
  for (let mm: Mm = 1; mm < rowCount[1]!; mm++) {
    if (users[mm]! > 0 && contextId[mm] === k.tlb.asidContext[at] && tlbGen[mm] === k.tlb.asidGeneration[at])
      return mm;
  }
  return NONE;
}

function checkAsid(k: SpaceState, cpu: Cpu, asid: number, mm: Mm): void {
  const words = k.tlb.entry;
  for (let entry = 1; entry <= k.tlb.fresh[cpu]!; entry++) {
    const at = (cpu * k.tlb.entriesPerCpu + entry) * 8;
    const hasPlace = (words[at + ENTRY_L1D]! | words[at + ENTRY_L1I]! | words[at + ENTRY_L2]!) !== 0;
    const tag = words[at + ENTRY_TAG]!;
    if (!hasPlace || ((tag >>> TAG_ASID_SHIFT) & ASID_MASK) !== asid || tag >>> TAG_SIZE_SHIFT !== SIZE_4K)
      continue;
    checkEntry(k, mm, vpnOf(words[at + ENTRY_HIGH]!, tag & LOW_MASK), at);
  }
}

function checkEntry(k: SpaceState, mm: Mm, page: number, at: number): void {
  const words = k.tlb.entry;
  const where = `the translation of page ${page} of address space ${mm}`;
  const pte = findPte(k, mm, page);
  const low = pte < 0 ? 0 : k.ram.words[pte]!;
  if ((low & PTE_PRESENT) === 0) bug(`${where} is cached, but no page is mapped there`);
  const high = k.ram.words[pte + 1]!;
  if (ptePfn(low, high) !== words[at + ENTRY_PFN]! >>> 0)
    bug(`${where} leads to another frame than its entry`);
  const rights = words[at + ENTRY_RIGHTS]!;
  if ((rights & RIGHT_WRITE) !== 0 && (low & PTE_RW) === 0) bug(`${where} allows stores, its entry does not`);
  if ((rights & RIGHT_EXEC) !== 0 && (high & PTE_NX_HIGH) !== 0)
    bug(`${where} allows fetches, its entry does not`);
}
