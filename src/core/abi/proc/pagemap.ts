/**
 * /proc/PID/pagemap: 8 bytes for every page of the address space, little end first.
 *
 *   63       62    61          60..58  57       56         55          54 ... 0
 *   present  swap  file/shmem          uffd-wp  exclusive  soft-dirty  page frame number
 *
 * Of a page in swap, bits 0 to 4 are the area's type and those from 5 on the number of its slot.
 * "exclusive" means mapped once. The frame is shown, as it is to root. A kernel without CONFIG_MEM_SOFT_DIRTY never
 * sets bit 55.
 * Differs: such a kernel leaves the mark in page table entries and VMA flags 0 as well; here it is kept there and only
 * not told, because nothing but this file and VmFlags reads it.
 * Linux: fs/proc/task_mmu.c pagemap_read, pte_to_pagemap_entry (6.12)   Doc: Documentation/admin-guide/mm/pagemap.rst
 */
import { EFBIG, EINVAL } from "../../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { MAPCOUNT, MAPPING, PAGE_WORDS } from "../../frame/page.ts";
import { isSwapPte, PTE_MAPPED, PTE_SOFT_DIRTY, PTE_SWP_SOFT_DIRTY, ptePfn } from "../../hw/pte.ts";
import { forEachPte, normalPage } from "../../space/pagetable.ts";
import { SLOTS_PER_AREA } from "../../space/swap.ts";
import { VM_SOFTDIRTY } from "../../space/vma.ts";
import { findVma } from "../../space/vma-tree.ts";
import { taskSize } from "../../vm/unmapped-area.ts";
import type { AbiState } from "../state.ts";

/** Bits of the high word of an entry. */
export const PM_SOFT_DIRTY_HIGH = 1 << 23;
export const PM_EXCLUSIVE_HIGH = 1 << 24;
export const PM_FILE_HIGH = 1 << 29;
export const PM_SWAP_HIGH = 1 << 30;
export const PM_PRESENT_HIGH = 0x80000000 | 0;

/** Bits of a swap entry that are the area's type (Linux: MAX_SWAPFILES_SHIFT). */
const TYPE_SHIFT = 5;

/** Bytes in one entry. */
export const PAGEMAP_ENTRY_BYTES = 8;

/**
 * The entries of `count` pages from page `from` on: two words each, low then high. Pages without a mapping are zeros.
 */
export function pagemapEntries(k: AbiState, mm: Mm, from: number, count: number): Uint32Array {
  const entries = new Uint32Array(count * 2);
  const to = from + count;
  const softDirty = k.machine.config.softDirty ? PM_SOFT_DIRTY_HIGH : 0;
  for (let vma = findVma(k, mm, from); vma !== NONE && k.vma.start[vma] < to; vma = k.vma.next[vma]) {
    const first = Math.max(from, k.vma.start[vma]);
    const last = Math.min(to, k.vma.end[vma]);
    const soft = (k.vma.flags[vma] & VM_SOFTDIRTY) !== 0 ? softDirty : 0;
    for (let vpn = first; vpn < last; vpn++) entries[(vpn - from) * 2 + 1] = soft;
    forEachPte(k, mm, first, last, (vpn, pte) => {
      const low = k.ram.words[pte];
      const high = k.ram.words[pte + 1];
      if (isSwapPte(low, high))
        swapEntryTo(entries, (vpn - from) * 2, high, soft | swapSoftDirty(low, softDirty));
      if ((low & PTE_MAPPED) === 0) return;
      const pfn = normalPage(k, pte);
      let bits = PM_PRESENT_HIGH | soft;
      if ((low & PTE_SOFT_DIRTY) !== 0) bits |= softDirty;
      if (pfn !== NONE) {
        if ((k.page[pfn * PAGE_WORDS + MAPPING] & 1) === 0) bits |= PM_FILE_HIGH;
        if (k.page[pfn * PAGE_WORDS + MAPCOUNT] === 1) bits |= PM_EXCLUSIVE_HIGH;
      }
      entries[(vpn - from) * 2] = ptePfn(low, high);
      entries[(vpn - from) * 2 + 1] = bits;
    });
  }
  return entries;
}

/** The bit `softDirty` when a swap entry's low word says so. */
function swapSoftDirty(low: number, softDirty: number): number {
  return (low & PTE_SWP_SOFT_DIRTY) !== 0 ? softDirty : 0;
}

/** Writes the two words for a page in swap. */
function swapEntryTo(entries: Uint32Array, at: number, entry: number, bits: number): void {
  entries[at] = (entry >>> 26) | ((entry & (SLOTS_PER_AREA - 1)) << TYPE_SHIFT);
  entries[at + 1] = PM_SWAP_HIGH | bits;
}

/** The same as the bytes of the file. */
export function pagemapBytes(k: AbiState, mm: Mm, from: number, count: number): Uint8Array {
  const entries = pagemapEntries(k, mm, from, count);
  const bytes = new Uint8Array(count * PAGEMAP_ENTRY_BYTES);
  const view = new DataView(bytes.buffer);
  for (let word = 0; word < entries.length; word++) view.setUint32(word * 4, entries[word], true);
  return bytes;
}

/**
 * The bytes of /proc/PID/pagemap in a range, cut at the end of user space; none when the task has no address space.
 * Returns -EINVAL when offset or length is no multiple of an entry, -EFBIG for a range without end.
 */
export function pagemapFile(k: AbiState, task: Task, range: ByteRange): Uint8Array | number {
  const mm = k.task.mm[task];
  if (mm === NONE) return new Uint8Array(0);
  if (range.length < 0) return -EFBIG;
  if (range.offset % PAGEMAP_ENTRY_BYTES !== 0 || range.length % PAGEMAP_ENTRY_BYTES !== 0) return -EINVAL;
  const from = range.offset / PAGEMAP_ENTRY_BYTES;
  const count = Math.min(range.length / PAGEMAP_ENTRY_BYTES, taskSize(k) / PAGE_SIZE - from);
  return pagemapBytes(k, mm, from, Math.max(0, count));
}

/** Which bytes of the file are wanted; length -1: to the end. */
interface ByteRange {
  readonly offset: number;
  readonly length: number;
}
