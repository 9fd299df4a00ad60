/**
 * The pages of the kernel image that programs can map: the page of zeros, the vvar page and the pages of the vdso.
 * They belong to nobody, are mapped by everybody, and are never freed.
 * Linux: arch/x86/kernel/head_64.S (empty_zero_page), arch/x86/entry/vdso/vma.c (6.12)   Doc: Documentation/ABI/stable/vdso
 */

import { allocPages } from "../alloc/pages.ts";
import { badConfig, bug } from "../base/bug.ts";
import { FAULT_OOM, FAULT_SIGBUS } from "../base/errno.ts";
import { PAGE_SIZE, type Vma } from "../base/types.ts";
import { usualReserved } from "../frame/boot.ts";
import { FLAGS, PAGE_WORDS, PG_reserved, PG_ZONE_SHIFT, REFCOUNT } from "../frame/page.ts";
import { zoneOf } from "../frame/zone.ts";
import { PTE_SPECIAL, pteHigh, pteLow } from "../hw/pte.ts";
import { __GFP_ZERO, GFP_KERNEL } from "../reclaim/gfp.ts";
import { getFolio } from "../space/folio.ts";
import { addRss, MM_FILEPAGES } from "../space/mm.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { addFileRmap } from "../space/rmap.ts";
import { VMA_VVAR } from "../space/vma.ts";
import { ensurePte } from "./pte-alloc.ts";
import type { VmState } from "./state.ts";

/** Places in `k.zeroPfn`. */
export const ZERO_PAGE = 0;
export const VVAR_PAGE = 1;
export const VDSO_FIRST = 2;
const NR_IMAGE_PAGES = 8;

/** The column, empty. */
export function createImagePages(): Int32Array {
  return new Int32Array(NR_IMAGE_PAGES);
}

/**
 * Names the frames at boot: the first ones of the kernel's bss, which boot has reserved; on a machine too small to hold
 * an image, ordinary pages that are never given back.
 */
export function bootZeroPage(k: VmState): void {
  const reserved = k.machine.reserved ?? usualReserved(k.machine);
  const bss = reserved.find(
    ({ what, startByte, endByte }) =>
      what === "kernel bss" && endByte - startByte >= NR_IMAGE_PAGES * PAGE_SIZE,
  );
  for (let i = 0; i < NR_IMAGE_PAGES; i++) {
    const pfn = bss === undefined ? allocPages(k, GFP_KERNEL | __GFP_ZERO, 0) : bss.startByte / PAGE_SIZE + i;
    if (pfn < 0) badConfig("nodes", "no page is left for the kernel's own");
    k.zeroPfn[i] = pfn;
    k.page[pfn * PAGE_WORDS + REFCOUNT] = 1;
    k.page[pfn * PAGE_WORDS + FLAGS] = (zoneOf(k, pfn) << PG_ZONE_SHIFT) | PG_reserved;
  }
}

/**
 * A fault in a mapping of the kernel's own pages. A page of the vdso counts as resident; the vvar page is mapped like
 * device memory and does not. Returns 0, FAULT_SIGBUS past what there is, or FAULT_OOM.
 */
export function specialFault(k: VmState, vma: Vma, vpn: number): number {
  const index = vpn - k.vma.start[vma]!;
  const isVvar = k.vma.special[vma] === VMA_VVAR;
  // Of the vvar pages only the first exists everywhere; those behind it are clocks of hypervisors and time namespaces.
  if (isVvar ? index > 0 : VDSO_FIRST + index >= NR_IMAGE_PAGES) return FAULT_SIGBUS;
  const pfn = k.zeroPfn[isVvar ? VVAR_PAGE : VDSO_FIRST + index]!;
  if (pfn <= 0) bug("the kernel image has no pages for programs");
  const mm = k.vma.mm[vma]!;
  const pte = ensurePte(k, mm, vpn);
  if (pte < 0) return FAULT_OOM;
  const { words } = k.ram;
  const flags = k.vma.flags[vma]!;
  words[pte + 1] = pteHigh(pfn, protHigh(flags));
  words[pte] = pteLow(pfn, protLow(flags) | (isVvar ? PTE_SPECIAL : 0));
  if (isVvar) return 0;
  getFolio(k, pfn);
  addFileRmap(k, pfn);
  addRss(k, mm, MM_FILEPAGES, 1);
  return 0;
}
