/**
 * Putting a page into zswap instead of writing it.
 *
 *   cgroup at memory.zswap.max?   its oldest entry is written to the disk; if that cannot be, the page is refused
 *   pool at max_pool_percent?     refused, until it is down to accept_threshold_percent of that; a worker sees to it
 *   compressed to more than a page, or no memory for it: refused
 *
 * How long the page becomes: compress.ts.
 * Linux: mm/zswap.c zswap_store (6.12)   Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { type Memcg, NONE, PAGE_SIZE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { PAGE_WORDS, PRIVATE } from "../frame/page.ts";
import { ZSWPOUT } from "../frame/vmstat.ts";
import { CAUSE_COMPRESS, COMPRESS_NS, spend } from "../hw/clock.ts";
import { onlineMemcg } from "../space/memcg.ts";
import { flushMemcgSubtree } from "../space/memcg-flush.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { SLOT_WORDS, swapRecord } from "../space/swap.ts";
import { keepSwapContents } from "../space/swap-cache.ts";
import { zsFree } from "../space/zsmalloc.ts";
import {
  addZswapEntry,
  COMPRESSORS,
  countEntryEvents,
  dropZswap,
  hasZswap,
  ZSWAP_COMPRESSOR,
  ZSWAP_FULL,
  ZSWAP_LIMIT_HIT,
  ZSWAP_REJECT_ALLOC,
  ZSWAP_REJECT_COMPRESS,
  ZSWAP_REJECT_POOR,
  zswapBytesOf,
  zswapLength,
  zswapTotalPages,
} from "../space/zswap.ts";
import { chargeBytesInside } from "./charge-inside.ts";
import { compressedLength, zsMalloc } from "./compress.ts";
import type { ReclaimState } from "./state.ts";
import { acceptPages, maxPoolPages, queueShrinkWork, shrinkMemcgZswap } from "./zswap-shrink.ts";

/**
 * Keeps a page of the swap cache, compressed. Returns false when it is to be written; then nothing old of it is left in zswap.
 */
export function zswapStore(k: ReclaimState, pfn: Pfn): boolean {
  if (!hasZswap(k)) return false;
  const row = swapRecord(k, k.page[pfn * PAGE_WORDS + PRIVATE]) / SLOT_WORDS;
  if (k.knob.zswapEnabled !== 0) {
    if (store(k, pfn, row)) return true;
    if (k.zswap.state[ZSWAP_FULL] !== 0) queueShrinkWork(k);
  }
  dropZswap(k, row);
  return false;
}

/** The same for a page that zswap may take. */
function store(k: ReclaimState, pfn: Pfn, row: number): boolean {
  const memcg = onlineMemcg(k, k.pageMemcg[pfn]);
  const isOwned = k.pageMemcg[pfn] !== ROOT_MEMCG;
  if (isOwned && !mayZswap(k, memcg) && shrinkMemcgZswap(k, memcg) !== 0) return false;
  if (isFull(k)) return false;
  const object = compress(k, pfn);
  if (object === NONE) return false;
  if (!keepSwapContents(k, pfn)) {
    zsFree(k, object);
    return false;
  }
  dropZswap(k, row);
  addZswapEntry(k, object, row, pfn);
  if (isOwned && !isLegacy(k)) chargeBytesInside(k, memcg, zswapLength(k, object));
  k.vmstat.event[ZSWPOUT]++;
  countEntryEvents(k, object, ZSWPOUT);
  return true;
}

/** Whether all limits above the cgroup let it keep more in zswap; where there is one, statistics are added up for it (Linux: obj_cgroup_may_zswap). */
function mayZswap(k: ReclaimState, memcg: Memcg): boolean {
  if (isLegacy(k)) return true;
  for (let at = memcg; at !== ROOT_MEMCG; at = k.memcg.parent[at]) {
    const most = k.memcg.zswapMax[at];
    if (most === Number.POSITIVE_INFINITY) continue;
    if (most === 0) return false;
    flushMemcgSubtree(k, at);
    if (Math.floor(zswapBytesOf(k, at) / PAGE_SIZE) >= most) return false;
  }
  return true;
}

/** Whether the pool takes no more, until it has shrunk enough (Linux: zswap_check_limits). */
function isFull(k: ReclaimState): boolean {
  const { state } = k.zswap;
  const pages = zswapTotalPages(k);
  if (pages >= maxPoolPages(k)) {
    state[ZSWAP_LIMIT_HIT]++;
    state[ZSWAP_FULL] = 1;
  } else if (state[ZSWAP_FULL] !== 0 && pages <= acceptPages(k)) state[ZSWAP_FULL] = 0;
  return state[ZSWAP_FULL] !== 0;
}

/** Room for what the page becomes, in the pool of the compressor in use. Returns the object or NONE (Linux: zswap_compress). */
function compress(k: ReclaimState, pfn: Pfn): number {
  const { state } = k.zswap;
  const pool = state[ZSWAP_COMPRESSOR];
  const bytes = compressedLength(k, pfn, COMPRESSORS[pool]);
  spend(k, CAUSE_COMPRESS, COMPRESS_NS[COMPRESSORS[pool]][0]);
  if (bytes > PAGE_SIZE) {
    // lzo does not look how much room it has, and the pool refuses what it makes; the others fail.
    state[COMPRESSORS[pool].startsWith("lzo") ? ZSWAP_REJECT_POOR : ZSWAP_REJECT_COMPRESS]++;
    return NONE;
  }
  const object = zsMalloc(k, pool, bytes);
  if (object === NONE) state[ZSWAP_REJECT_ALLOC]++;
  return object;
}
