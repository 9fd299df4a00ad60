/**
 * Taking a swap area out of use: everything that lies in it comes back into memory.
 *
 *   1  no slot is given out any more
 *   2  every page table entry that names the area gets its page: read if it is not cached, mapped, old and clean
 *   3  pages of the cache that no entry refers to lose their slots
 *   4  no slot is in use: the area is forgotten
 *
 * A page that cannot be read leaves an entry whose touch is a SIGBUS. Without memory for a page, or when the task is killed
 * to get some, the area is used again.
 * Differs: the call waits for its reads and writes on the running CPU's clock and lets no other task run meanwhile.
 * Linux: mm/swapfile.c try_to_unuse, unuse_pte (6.12)   Doc: man 2 swapoff
 */
import { EINTR, ENOMEM } from "../base/errno.ts";
import { type Inode, type Mm, NONE, type Pfn, type Vma } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_anonExclusive, PG_uptodate, PG_writeback } from "../frame/page.ts";
import {
  isSwapPte,
  PTE_ACCESSED,
  PTE_POISONED_HIGH,
  PTE_SOFT_DIRTY,
  PTE_SWP_EXCLUSIVE,
  PTE_SWP_SOFT_DIRTY,
  pteHigh,
  pteLow,
} from "../hw/pte.ts";
import { currentTask, isDying } from "../reclaim/oom-task.ts";
import { getFolio, putFolio } from "../space/folio.ts";
import { isUptodate, quiesceDisks, waitRow } from "../space/io.ts";
import { addRss, MM_ANONPAGES, MM_SWAPENTS } from "../space/mm.ts";
import { findPte, nextMapped } from "../space/pagetable.ts";
import { protHigh, protLow } from "../space/protection.ts";
import { loseShmemSwap, nextSwapped, shmemFromSwapCache, shmemSwapAt } from "../space/shmem.ts";
import {
  dropSwapArea,
  MAX_SWAPFILES,
  resumeSwapArea,
  SLOT_PAGE,
  SLOT_WORDS,
  SWP_WRITEOK,
  stopSwapArea,
  swapFree,
} from "../space/swap.ts";
import { findSwapCache, folioFreeSwap } from "../space/swap-cache.ts";
import type { VmState } from "./state.ts";
import { addSwappedRmap } from "./swap-map.ts";
import { bringIn, readAround, readCluster } from "./swapin.ts";

/** The priority below which areas without one of their own begin. */
const NO_PRIORITY = -1;

/** The priority of the next area that is given none: one below the lowest there is (Linux: least_priority). */
export function nextLeastPriority(k: VmState): number {
  let least = NO_PRIORITY;
  for (let type = 0; type < MAX_SWAPFILES; type++)
    if ((k.swap.flags[type] & SWP_WRITEOK) !== 0) least = Math.min(least, k.swap.prio[type]);
  return least - 1;
}

/**
 * Takes the area out of use. Returns 0, or -ENOMEM, or -EINTR when the task was killed meanwhile: then it is used as before,
 * but last of those without a priority.
 */
export function swapOffArea(k: VmState, type: number): number {
  const { swap } = k;
  stopSwapArea(k, type);
  closePriorities(k, type);
  // Making room may put a page that is mapped again back into the area, if another entry still keeps its slot.
  while (swap.inuse[type] !== 0) {
    let error = 0;
    for (let inode = 1; inode < k.file.rows[0] && error === 0; inode++)
      if (k.file.swapped[inode] !== 0) error = unuseShmem(k, inode, type);
    for (let mm = 1; mm < k.mm.rowCount[1] && error === 0; mm++)
      if (isDying(k, currentTask(k))) error = -EINTR;
      else if (k.mm.pgd[mm] !== NONE) error = unuseHeld(k, mm, type);
    if (error < 0) {
      if (swap.prio[type] < 0) swap.prio[type] = nextLeastPriority(k);
      resumeSwapArea(k, type);
      return error;
    }
    dropCached(k, type);
  }
  dropSwapArea(k, type);
  return 0;
}

/** Areas that were given priorities below this one's move up by one. */
function closePriorities(k: VmState, type: number): void {
  const { flags, prio } = k.swap;
  if (prio[type] >= 0) return;
  for (let other = 0; other < MAX_SWAPFILES; other++)
    if ((flags[other] & SWP_WRITEOK) !== 0 && prio[other] < prio[type]) prio[other]++;
}

/** unuseMm with a reference: who is killed for the memory it takes keeps its page tables until it is done. */
function unuseHeld(k: VmState, mm: Mm, type: number): number {
  k.mm.users[mm]++;
  const error = unuseMm(k, mm, type);
  k.mm.users[mm]--;
  return error;
}

/** Brings back what an address space has in the area. Returns 0 or -ENOMEM. */
function unuseMm(k: VmState, mm: Mm, type: number): number {
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) {
    if (k.vma.anonVma[vma] === NONE) continue;
    const end = k.vma.end[vma];
    for (
      let vpn = nextMapped(k, mm, k.vma.start[vma], end);
      vpn < end;
      vpn = nextMapped(k, mm, vpn + 1, end)
    ) {
      const pte = findPte(k, mm, vpn);
      const high = k.ram.words[pte + 1];
      if (!isSwapPte(k.ram.words[pte], high) || high === PTE_POISONED_HIGH || high >>> 26 !== type) continue;
      const error = unuseEntry(k, vma, vpn, pte);
      if (error < 0) return error;
    }
  }
  return 0;
}

/** Brings back the page of one entry. Returns 0 or -ENOMEM. */
function unuseEntry(k: VmState, vma: Vma, vpn: number, pte: number): number {
  const entry = k.ram.words[pte + 1];
  let pfn = findSwapCache(k, entry);
  if (pfn === NONE) pfn = readAround(k, vma, vpn, entry);
  if (pfn < 0) return -ENOMEM;
  if (pfn === NONE) return 0;
  getFolio(k, pfn);
  waitForPage(k, pfn);
  if (k.ram.words[pte + 1] === entry && findSwapCache(k, entry) === pfn) mapBack(k, vma, vpn, pte);
  folioFreeSwap(k, pfn);
  putFolio(k, pfn);
  return 0;
}

/** Brings back what shared memory has in the area, as nobody's. Returns 0 or -ENOMEM (Linux: shmem_unuse). */
function unuseShmem(k: VmState, inode: Inode, type: number): number {
  for (let index = nextSwapped(k, inode, 0, type); index >= 0; index = nextSwapped(k, inode, index, type)) {
    const entry = shmemSwapAt(k, inode, index);
    readCluster(k, k.task.mm[k.task.cpuTask[k.boot[2]]], entry);
    const pfn = bringIn(k, k.task.mm[k.task.cpuTask[k.boot[2]]], entry);
    if (pfn < 0) return -ENOMEM;
    if (pfn === NONE) continue;
    getFolio(k, pfn);
    waitForPage(k, pfn);
    if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) === 0) loseShmemSwap(k, inode, index);
    else if (shmemSwapAt(k, inode, index) === entry && findSwapCache(k, entry) === pfn)
      shmemFromSwapCache(k, inode, index, pfn);
    putFolio(k, pfn);
  }
  return 0;
}

/** Waits until the page has arrived, and until it is not being written any more. */
function waitForPage(k: VmState, pfn: Pfn): void {
  const isReading = !isUptodate(k, pfn) && waitRow(k, pfn) !== NONE;
  if (isReading || (k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) !== 0) quiesceDisks(k);
}

/** Puts the page of the cache where its entry is, or the mark of a lost one. */
function mapBack(k: VmState, vma: Vma, vpn: number, pte: number): void {
  const { words } = k.ram;
  const low = words[pte];
  const entry = words[pte + 1];
  const pfn = findSwapCache(k, entry);
  const at = pfn * PAGE_WORDS + FLAGS;
  const mm = k.vma.mm[vma];
  addRss(k, mm, MM_SWAPENTS, -1);
  if ((k.page[at] & PG_uptodate) === 0) {
    words[pte] = 0;
    words[pte + 1] = PTE_POISONED_HIGH;
  } else {
    addRss(k, mm, MM_ANONPAGES, 1);
    getFolio(k, pfn);
    if ((low & PTE_SWP_EXCLUSIVE) !== 0) k.page[at] |= PG_anonExclusive;
    addSwappedRmap(k, pfn, vma, vpn);
    const vmFlags = k.vma.flags[vma];
    const soft = (low & PTE_SWP_SOFT_DIRTY) !== 0 ? PTE_SOFT_DIRTY : 0;
    words[pte + 1] = pteHigh(pfn, protHigh(vmFlags));
    words[pte] = pteLow(pfn, (protLow(vmFlags) & ~PTE_ACCESSED) | soft);
  }
  swapFree(k, entry);
}

/** Pages of the cache whose slots nobody refers to: reclaim had begun with them, or had read them ahead. */
function dropCached(k: VmState, type: number): void {
  const { slot, base, pages, inuse } = k.swap;
  if (inuse[type] === 0) return;
  quiesceDisks(k);
  for (let row = base[type] + 1; row < base[type] + pages[type]; row++) {
    const pfn = slot[row * SLOT_WORDS + SLOT_PAGE];
    if (pfn !== NONE) folioFreeSwap(k, pfn);
  }
}
