/**
 * Entries of swap that page tables lose. Slots side by side of one cgroup go together: where nobody else has one of them they can be
 * taken by anybody at once; single ones are collected by the CPU first (swap.ts).
 *
 *   entries   7 8 9 | 30 | 11 12      three runs: 7 to 9 go at once, 30 is collected
 *
 * Linux: mm/swapfile.c free_swap_and_cache_nr, mm/internal.h swap_pte_batch (6.12)   Doc: docs/map.md
 */
import { NONE, type SwapEntry } from "../base/types.ts";
import { FLAGS, MAPCOUNT, PAGE_WORDS, PG_locked } from "../frame/page.ts";
import type { SpaceState } from "./state.ts";
import {
  emptySlot,
  freeSlot,
  SLOT_COUNT,
  SLOT_MEMCG,
  SLOT_PAGE,
  SLOT_WORDS,
  SWAPFILE_CLUSTER,
  swapFree,
  swapRecord,
} from "./swap.ts";
import { findSwapCache, folioFreeSwap } from "./swap-cache.ts";
import { memcgSwapFull } from "./swap-room.ts";

/**
 * Clears the entry whose words were `low` and `high`, at word `pte`, and those behind it that continue it, `most` in all at most. A page
 * that is in the cache for its entry alone goes with it. Returns how many entries were cleared.
 */
export function zapSwapEntries(k: SpaceState, pte: number, low: number, high: number, most: number): number {
  const { words } = k.ram;
  const { slot } = k.swap;
  const record = swapRecord(k, high);
  let entries = 1;
  while (
    entries < most &&
    words[pte + entries * 2] === low &&
    words[pte + entries * 2 + 1] === high + entries &&
    slot[record + entries * SLOT_WORDS + SLOT_MEMCG] === slot[record + SLOT_MEMCG]
  )
    entries++;
  words.fill(0, pte, pte + entries * 2);
  const isFreed = entries > 1 && freeSlotRun(k, high, entries);
  for (let entry: SwapEntry = high; entry < high + entries; entry++) {
    if (!isFreed) swapFree(k, entry);
    dropUnused(k, entry);
  }
  return entries;
}

/**
 * One entry less refers to each of several slots side by side, the first of which is `entry`'s. Returns false, and nothing was done,
 * unless each had one only and they are in one cluster, all in the swap cache or none; the latter are free at once (Linux: __swap_entries_free).
 */
function freeSlotRun(k: SpaceState, entry: SwapEntry, count: number): boolean {
  const { slot } = k.swap;
  const record = swapRecord(k, entry);
  const end = record + count * SLOT_WORDS;
  const isCached = slot[record + SLOT_PAGE] !== NONE;
  if ((entry % SWAPFILE_CLUSTER) + count > SWAPFILE_CLUSTER) return false;
  for (let at = record; at < end; at += SLOT_WORDS)
    if (slot[at + SLOT_COUNT] !== 1 || (slot[at + SLOT_PAGE] !== NONE) !== isCached) return false;
  for (let i = 0; i < count; i++) {
    slot[record + i * SLOT_WORDS + SLOT_COUNT] = 0;
    if (isCached) continue;
    emptySlot(k, record + i * SLOT_WORDS);
    freeSlot(k, entry + i);
  }
  return true;
}

/** A page of the cache that nothing maps, or any where swap is scarce, gives back a slot that nobody refers to. */
function dropUnused(k: SpaceState, entry: SwapEntry): void {
  const pfn = findSwapCache(k, entry);
  if (pfn === NONE) return;
  const record = pfn * PAGE_WORDS;
  if ((k.page[record + FLAGS] & PG_locked) !== 0) return;
  if (k.page[record + MAPCOUNT] === 0 || memcgSwapFull(k, pfn)) folioFreeSwap(k, pfn);
}
