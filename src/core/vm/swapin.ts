/**
 * Faults on pages that are in swap.
 *
 *   in the swap cache, uptodate      mapped again; no I/O, a minor fault
 *   in the swap cache, being read    the task waits for that read; a minor fault
 *   not in memory                    pages around it in the VMA are read with it; the task waits; a major fault
 *   the same, the area is done at once (zram) and nobody else has the entry: read alone, without the cache, and mapped; a major fault
 *
 * How far read-ahead goes is learnt per VMA: the window grows with the pages that were read ahead and then used, and
 * halves when none was. Where an area lies on a rotating disk, or vma_ra_enabled says no, it is learnt for all together and what is read are the
 * slots around, a run that is as long and aligned: neighbours on the disk cost no seek. On a store the slot is given back when nobody else needs the page's copy in it.
 * Linux: mm/memory.c do_swap_page, mm/swap_state.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (page-cluster)
 */

import { chargeFolioTo } from "../alloc/charge.ts";
import { allocPage } from "../alloc/pages.ts";
import { FAULT_OOM, FAULT_SIGBUS } from "../base/errno.ts";
import {
  BLOCKED,
  type Mm,
  NONE,
  type Pfn,
  ROOT_MEMCG,
  type SwapEntry,
  type Task,
  type Vma,
  vpnLow,
} from "../base/types.ts";
import {
  FLAGS,
  PAGE_WORDS,
  PG_locked,
  PG_readahead,
  PG_swapbacked,
  PG_uptodate,
  PG_workingset,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { PGMAJFAULT, SWAP_RA, SWAP_RA_HIT } from "../frame/vmstat.ts";
import { CAUSE_PAGE_CACHE, COST_SWAP_IN_PAGE, spend } from "../hw/clock.ts";
import { finishPlug, startPlug } from "../hw/plug.ts";
import { isSwapPte, PTE_POISONED_HIGH } from "../hw/pte.ts";
import { __GFP_COMP, GFP_HIGHUSER_MOVABLE } from "../reclaim/gfp.ts";
import { psiMemstallEnter, psiMemstallLeave } from "../reclaim/psi.ts";
import { workingsetRefault } from "../reclaim/workingset.ts";
import { putFolio } from "../space/folio.ts";
import { isUptodate, sleepOnFolio, waitRow } from "../space/io.ts";
import { enterLruFault, exitLruFault } from "../space/lru-gen.ts";
import { folioAddLru, lruAddDrain } from "../space/lruvec.ts";
import { MEMCG_ONLINE } from "../space/memcg.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { findPte, findRecentPte } from "../space/pagetable.ts";
import {
  CLUSTER_RA_HITS,
  CLUSTER_RA_SLOT,
  CLUSTER_RA_WINDOW,
  SLOT_COUNT,
  SLOT_MEMCG,
  SLOT_PAGE,
  SLOT_WORDS,
  SLOTS_PER_AREA,
  SWAP_ROTATING,
  SWP_SYNCHRONOUS_IO,
  setSwapShadow,
  swapRecord,
  swapShadow,
  unchargeSwap,
} from "../space/swap.ts";
import { addPageToCache, findSwapCache, startSwapRead } from "../space/swap-cache.ts";
import {
  FAULT_FLAG_POPULATE,
  FAULT_FLAG_TRIED,
  FAULT_FLAG_USER,
  RETRY_MMAP_LOCK,
  RETRY_TRIED,
  VM_FAULT_MAJOR,
} from "./fault-flags.ts";
import type { VmState } from "./state.ts";
import { mapDirect, mapSwapped } from "./swap-map.ts";

/** Largest window, as a power of two (Linux: SWAP_RA_ORDER_CEILING), and the most hits that are remembered. */
const RA_ORDER_CEILING = 5;
const RA_HITS_MAX = 63;
/** Before a VMA has had its first fault: Linux begins with four hits. */
const RA_FIRST_HITS = 4;

/**
 * Handles a fault on an entry that is in swap; `pte` is its word. Returns 0 (done, a minor fault), VM_FAULT_MAJOR,
 * BLOCKED (the task waits, ask again), FAULT_OOM, or FAULT_SIGBUS when the slot could not be read, now or by swapoff.
 */
export function doSwapPage(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  enterLruFault(k, k.vma.flags[vma]);
  const result = trySwapPage(k, task, vma, vpn, flags);
  exitLruFault(k);
  return result;
}

/** The same, with what is used counting for MGLRU. */
function trySwapPage(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const { faultTried } = k.task;
  const pte = findRecentPte(k, k.vma.mm[vma], vpn);
  const low = k.ram.words[pte];
  const entry = k.ram.words[pte + 1];
  if (!isSwapPte(low, entry)) return 0;
  if (entry === PTE_POISONED_HIGH) return FAULT_SIGBUS;
  const state = faultTried[task];
  const tried = (state & RETRY_TRIED) !== 0 ? FAULT_FLAG_TRIED : 0;
  let major = 0;
  let pfn = findInCache(k, vma, vpn, entry);
  if (pfn === NONE) {
    if (readsDirectly(k, entry)) return swapInDirectly(k, task, vma, vpn, flags);
    pfn = readAround(k, vma, vpn, entry);
    if (pfn < 0) {
      faultTried[task] = 0;
      return FAULT_OOM;
    }
    if (pfn === NONE) {
      faultTried[task] = 0;
      return 0;
    }
    major = VM_FAULT_MAJOR;
    countMajor(k, vma);
  }
  if (!isUptodate(k, pfn) && waitRow(k, pfn) !== NONE) {
    const underVmaLock = (flags & FAULT_FLAG_USER) !== 0 && (state & RETRY_MMAP_LOCK) === 0;
    const remembered = state | RETRY_MMAP_LOCK | (!underVmaLock || major !== 0 ? RETRY_TRIED : 0);
    faultTried[task] = (flags & FAULT_FLAG_POPULATE) !== 0 ? 0 : remembered;
    const row = waitRow(k, pfn);
    sleepOnFolio(k, task, pfn, row);
    return BLOCKED;
  }
  faultTried[task] = 0;
  // Making room for the page may have put it out again, or freed what the entry named.
  if (k.ram.words[pte + 1] !== entry || findSwapCache(k, entry) !== pfn) return 0;
  if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) === 0) return FAULT_SIGBUS;
  const error = mapSwapped(k, vma, vpn, pte, flags);
  if (error < 0) return error;
  return tried !== 0 || major !== 0 ? VM_FAULT_MAJOR : 0;
}

function countMajor(k: VmState, vma: Vma): void {
  k.vmstat.event[PGMAJFAULT]++;
  countMemcgEvents(k, k.mm.memcg[k.vma.mm[vma]], PGMAJFAULT, 1);
}

/** Whether a page that is not in memory is read at once, by the processor, and wanted by one entry only. */
function readsDirectly(k: VmState, entry: SwapEntry): boolean {
  const isDoneAtOnce = (k.swap.flags[entry >>> 26] & SWP_SYNCHRONOUS_IO) !== 0;
  return isDoneAtOnce && k.swap.slot[swapRecord(k, entry) + SLOT_COUNT] === 1;
}

/** The fault on such an entry: the page never enters the swap cache. Returns as doSwapPage, never BLOCKED. */
function swapInDirectly(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  k.task.faultTried[task] = 0;
  const mm = k.vma.mm[vma];
  const pte = findRecentPte(k, mm, vpn);
  const entry = k.ram.words[pte + 1];
  const at = swapRecord(k, entry);
  const pfn = takeFor(k, mm, at);
  if (pfn < 0) return FAULT_OOM;
  // Making room may have killed those who had the page.
  if (k.ram.words[pte + 1] !== entry || !readsDirectly(k, entry)) {
    putFolio(k, pfn);
    return 0;
  }
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_swapbacked | PG_locked;
  noteReturn(k, pfn, at);
  k.page[pfn * PAGE_WORDS + PRIVATE] = entry;
  const isThrashing = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_workingset) !== 0 && psiMemstallEnter(k);
  startSwapRead(k, pfn);
  psiMemstallLeave(k, isThrashing);
  k.page[pfn * PAGE_WORDS + PRIVATE] = NONE;
  countMajor(k, vma);
  if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) === 0) {
    putFolio(k, pfn);
    return FAULT_SIGBUS;
  }
  const error = mapDirect(k, pfn, vma, vpn, flags);
  return error < 0 ? error : VM_FAULT_MAJOR;
}

/** The page of an entry if it is in memory, and what that tells read-ahead (Linux: swap_cache_get_folio). */
function findInCache(k: VmState, vma: Vma, vpn: number, entry: SwapEntry): Pfn {
  if (readsBySlots(k)) return findReadAhead(k, entry);
  const pfn = findSwapCache(k, entry);
  if (pfn === NONE) return NONE;
  const at = pfn * PAGE_WORDS + FLAGS;
  const wasAhead = (k.page[at] & PG_readahead) !== 0;
  k.page[at] &= ~PG_readahead;
  const { swapRaVpn, swapRaHits } = k.vma;
  beginReadAhead(k, vma);
  if (wasAhead) {
    swapRaHits[vma] = Math.min(swapRaHits[vma] + 1, RA_HITS_MAX);
    k.vmstat.event[SWAP_RA_HIT]++;
  }
  swapRaVpn[vma] = vpn;
  return pfn;
}

/** The page of an entry if it is in memory, where read-ahead is learnt for all together: it is told that it was right. */
export function findReadAhead(k: VmState, entry: SwapEntry): Pfn {
  const pfn = findSwapCache(k, entry);
  if (pfn === NONE) return NONE;
  const at = pfn * PAGE_WORDS + FLAGS;
  if ((k.page[at] & PG_readahead) !== 0) {
    k.swap.state[CLUSTER_RA_HITS]++;
    k.vmstat.event[SWAP_RA_HIT]++;
  }
  k.page[at] &= ~PG_readahead;
  return pfn;
}

/** Reads the page and those around it that are in swap, too. Returns as bringIn. */
export function readAround(k: VmState, vma: Vma, vpn: number, entry: SwapEntry): Pfn {
  if (readsBySlots(k)) {
    readCluster(k, k.vma.mm[vma], entry);
    return bringIn(k, k.vma.mm[vma], entry);
  }
  const window = nextWindow(k, vma, vpn);
  if (window > 1) {
    const previous = k.vma.swapRaVpn[vma];
    k.vma.swapRaVpn[vma] = vpn;
    let first = vpn - Math.floor((window - 1) / 2);
    if (vpn === previous + 1) first = vpn;
    else if (previous === vpn + 1) first = vpn - window + 1;
    startPlug(k);
    readRange(k, vma, vpn, first, first + window);
    finishPlug(k);
    lruAddDrain(k);
  } else k.vma.swapRaVpn[vma] = vpn;
  return bringIn(k, k.vma.mm[vma], entry);
}

/** Whether read-ahead goes by slots, not by VMAs: some area rotates, or the operator wants it. */
function readsBySlots(k: VmState): boolean {
  return k.swap.state[SWAP_ROTATING] !== 0 || k.knob.vmaReadAhead === 0;
}

/** Reads what is in swap of [first, end) within the VMA and within one page table. */
function readRange(k: VmState, vma: Vma, vpn: number, first: number, end: number): void {
  const table = vpn - (vpnLow(vpn) & 511);
  const from = Math.max(first, k.vma.start[vma], table);
  const to = Math.min(end, k.vma.end[vma], table + 512);
  const mm = k.vma.mm[vma];
  const pte = findPte(k, mm, from);
  for (let at = from; at < to; at++) {
    const word = pte + (at - from) * 2;
    const high = k.ram.words[word + 1];
    if (!isSwapPte(k.ram.words[word], high) || high === PTE_POISONED_HIGH) continue;
    if (findSwapCache(k, high) !== NONE) continue;
    const pfn = bringIn(k, mm, high);
    if (pfn <= 0 || at === vpn) continue;
    k.page[pfn * PAGE_WORDS + FLAGS] |= PG_readahead;
    k.vmstat.event[SWAP_RA]++;
  }
}

/** How many pages to read: 1 where faults jump about, up to page-cluster where what was read ahead is used. */
function nextWindow(k: VmState, vma: Vma, vpn: number): number {
  const most = 1 << Math.min(k.knob.pageCluster, RA_ORDER_CEILING);
  if (most === 1) return 1;
  beginReadAhead(k, vma);
  const { swapRaVpn, swapRaWindow, swapRaHits } = k.vma;
  const isNext = vpn === swapRaVpn[vma] + 1 || vpn === swapRaVpn[vma] - 1;
  const pages = Math.max(Math.min(wantedPages(swapRaHits[vma], isNext), most), swapRaWindow[vma] >> 1);
  swapRaWindow[vma] = pages;
  swapRaHits[vma] = 0;
  return pages;
}

/** Pages worth reading after so many of the last ones were used; without any, two if the fault is next to the last. */
function wantedPages(hits: number, isNext: boolean): number {
  if (hits === 0) return isNext ? 2 : 1;
  let pages = 4;
  while (pages < hits + 2) pages *= 2;
  return pages;
}

/** Reads the slots in use around an entry's: the aligned run of them that is as long as the window (Linux: swap_cluster_readahead). */
export function readCluster(k: VmState, mm: Mm, entry: SwapEntry): void {
  const { swap } = k;
  const most = 2 ** k.knob.pageCluster;
  if (most === 1) return;
  const slot = entry & (SLOTS_PER_AREA - 1);
  const { state } = swap;
  const hits = state[CLUSTER_RA_HITS];
  const isNext = slot === state[CLUSTER_RA_SLOT] + 1 || slot === state[CLUSTER_RA_SLOT] - 1;
  const pages = Math.max(Math.min(wantedPages(hits, isNext), most), state[CLUSTER_RA_WINDOW] >> 1);
  if (hits === 0) state[CLUSTER_RA_SLOT] = slot;
  state[CLUSTER_RA_HITS] = 0;
  state[CLUSTER_RA_WINDOW] = pages;
  if (pages === 1) return;
  const type = entry >>> 26;
  const first = slot - (slot % pages);
  const beyond = Math.min(first + pages, swap.pages[type]);
  startPlug(k);
  for (let at = Math.max(1, first); at < beyond; at++) {
    const record = (swap.base[type] + at) * SLOT_WORDS;
    if (swap.slot[record + SLOT_COUNT] === 0 || swap.slot[record + SLOT_PAGE] !== NONE) continue;
    const pfn = bringIn(k, mm, entry - slot + at);
    if (pfn <= 0 || at === slot) continue;
    k.page[pfn * PAGE_WORDS + FLAGS] |= PG_readahead;
    k.vmstat.event[SWAP_RA]++;
  }
  finishPlug(k);
  lruAddDrain(k);
}

/** A VMA that never had a fault of this kind begins with a few hits, so that its first window is not the smallest. */
function beginReadAhead(k: VmState, vma: Vma): void {
  if (k.vma.swapRaVpn[vma] === 0 && k.vma.swapRaWindow[vma] === 0 && k.vma.swapRaHits[vma] === 0)
    k.vma.swapRaHits[vma] = RA_FIRST_HITS;
}

/**
 * The page of an entry, which is put into the cache and read when it is not there. Returns its frame, NONE when nobody has the
 * entry any more, or a negative errno.
 */
export function bringIn(k: VmState, mm: Mm, entry: SwapEntry): Pfn {
  const cached = findSwapCache(k, entry);
  if (cached !== NONE) return cached;
  const at = swapRecord(k, entry);
  const pfn = takeFor(k, mm, at);
  if (pfn < 0) return pfn;
  // Making room may have killed those who had the page, and its slot with them.
  if (k.swap.slot[at + SLOT_COUNT] === 0 || k.swap.slot[at + SLOT_PAGE] !== NONE) {
    putFolio(k, pfn);
    return k.swap.slot[at + SLOT_PAGE];
  }
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_swapbacked | PG_locked;
  addPageToCache(k, pfn, entry);
  noteReturn(k, pfn, at);
  spend(k, CAUSE_PAGE_CACHE, COST_SWAP_IN_PAGE);
  startSwapRead(k, pfn);
  // The allocation's reference ends here: cache and batch hold the page.
  k.page[pfn * PAGE_WORDS + REFCOUNT]--;
  return pfn;
}

/** A frame for the page of a slot, whose record begins at `at`, charged. Returns it or a negative errno. */
function takeFor(k: VmState, mm: Mm, at: number): Pfn {
  const pfn = allocPage(k, GFP_HIGHUSER_MOVABLE | __GFP_COMP);
  if (pfn < 0) return pfn;
  // The page is charged to the cgroup whose it was when it went out, if there is still one.
  const owner = k.swap.slot[at + SLOT_MEMCG];
  const isThere = owner !== ROOT_MEMCG && k.memcg.state[owner] === MEMCG_ONLINE;
  const error = chargeFolioTo(k, pfn, isThere ? owner : k.mm.memcg[mm], GFP_HIGHUSER_MOVABLE);
  if (error >= 0) return pfn;
  freePage(k, pfn);
  return error;
}

/** The page of a slot is back: what is remembered of its eviction is told, and it is on its way to a list. */
function noteReturn(k: VmState, pfn: Pfn, at: number): void {
  // With version 1 the page's new charge takes the slot's place; with version 2 the slot keeps its own until it is free.
  if (k.swap.slot[at + SLOT_MEMCG] !== ROOT_MEMCG && isLegacy(k)) unchargeSwap(k, at);
  const shadow = swapShadow(k, at);
  setSwapShadow(k, at, 0);
  if (shadow !== 0) workingsetRefault(k, pfn, shadow);
  folioAddLru(k, pfn);
}
