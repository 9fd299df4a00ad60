/**
 * Frames that reclaim takes for its own work, one by one: it can not reclaim for them, and may use every reserve.
 * Differs: kswapd is not woken for them; reclaim is under way, and the next allocation wakes it.
 * Linux: mm/page_alloc.c (6.12; PF_MEMALLOC)   Doc: Documentation/core-api/memory-allocation.rst
 */
import { NONE, type Pfn } from "../base/types.ts";
import { nofragmentFlag, preferredIndex, takePages } from "../frame/freelist.ts";
import { BOOT_RUNNING_CPU } from "../frame/mmzone.ts";
import { PAGE_WORDS, REFCOUNT } from "../frame/page.ts";
import { ALLOC_NO_WATERMARKS, ALLOC_WMARK_LOW, ALLOC_WMARK_MIN } from "../frame/watermark.ts";
import type { ReclaimState } from "./state.ts";

/** A frame of a migratetype from zones up to a type, with one reference, or NONE. Whoever is not inside reclaim leaves the reserves alone. */
export function takeInside(k: ReclaimState, migratetype: number, highest: number): Pfn {
  const node = k.cpuNode[k.boot[BOOT_RUNNING_CPU]];
  const request = { migratetype, highest, node, isLocal: false };
  const keepApart = nofragmentFlag(k, k.zonelist[preferredIndex(k, request)]);
  let pfn = takePages(k, 0, request, ALLOC_WMARK_LOW | keepApart);
  if (pfn === NONE) pfn = takePages(k, 0, request, ALLOC_WMARK_MIN);
  if (pfn === NONE && k.reclaim.inside[0] !== 0) pfn = takePages(k, 0, request, ALLOC_NO_WATERMARKS);
  if (pfn !== NONE) k.page[pfn * PAGE_WORDS + REFCOUNT] = 1;
  return pfn;
}
