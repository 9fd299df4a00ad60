/**
 * Writing compressed pages to the disk after all: when the pool is full, when a cgroup is at memory.zswap.max, and, where that
 * is switched on, a part of them whenever reclaim asks caches to shrink.
 *
 *   oldest entry of a cgroup's list -> young still? not any more, and to the young end
 *                                   -> its page is made again in the swap cache, sent to the disk, freed when it is there
 *
 * When the pool has been full a worker beside the tasks goes round the cgroups, one entry of each at a time, until the pool is down
 * to the threshold. The shrinker writes the less the better pages compress, and holds back for pages that had to be read
 * from the disk.
 * Differs: the worker charges the pages past the limits of their cgroups; Linux would have it reclaim there first.
 * Linux: mm/zswap.c (6.12)   Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, NONE, PAGE_SIZE, ROOT_MEMCG, type SwapEntry } from "../base/types.ts";
import { BOOT_TOTALRAM, MIGRATE_UNMOVABLE, ZONE_NORMAL } from "../frame/mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_reclaim, PG_swapbacked, PG_uptodate, REFCOUNT } from "../frame/page.ts";
import { PGPGIN, ZSWPWB } from "../frame/vmstat.ts";
import { CAUSE_IO_WAIT } from "../hw/clock.ts";
import { loadBlock } from "../hw/content.ts";
import { FLUSHER_PLUG, switchPlug } from "../hw/plug.ts";
import { folioAddLru } from "../space/lruvec.ts";
import { commitCharge, MEMCG_ONLINE, nextMemcg } from "../space/memcg.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import {
  AREAS,
  SLOT_BLOCK,
  SLOT_MEMCG,
  SLOT_PAGE,
  SLOT_WORDS,
  setSwapShadow,
  swapEntryOf,
  swapShadow,
  unchargeSwap,
} from "../space/swap.ts";
import { addPageToCache } from "../space/swap-cache.ts";
import { OBJ_LENGTH, OBJ_OWNER, OBJ_WORDS } from "../space/zsmalloc.ts";
import {
  countEntryEvents,
  ENTRY_REFERENCED,
  freeZswapEntry,
  spendDecompressing,
  ZSWAP_ATTEMPTS,
  ZSWAP_FAILURES,
  ZSWAP_NEXT_MEMCG,
  ZSWAP_REJECT_RECLAIM,
  ZSWAP_WORK_NS,
  ZSWAP_WRITTEN_BACK,
  zswapBytesOf,
  zswapStoredOf,
  zswapTotalPages,
} from "../space/zswap.ts";
import { rotateZswapLru } from "../space/zswap-lru.ts";
import { chargeInside } from "./charge-inside.ts";
import { MAX_RECLAIM_RETRIES } from "./scan-control.ts";
import type { ReclaimState } from "./state.ts";
import { takeInside } from "./take-inside.ts";
import { workingsetRefault } from "./workingset.ts";
import { sendToSwap } from "./zram-store.ts";

/** What became of an entry that was looked at. */
const ROTATED = 0;
const WRITTEN = 1;
const FAILED = 2;
const IN_CACHE = 3;

/** Answers of shrinkMemcgZswap besides 0, something was written: nothing was, though entries were looked at; there are none. */
const NOTHING_WRITTEN = 1;
const NOTHING_THERE = 2;

/** Most frames the pool may have (Linux: zswap_max_pages). */
export function maxPoolPages(k: ReclaimState): number {
  return Math.floor((k.boot[BOOT_TOTALRAM] * k.knob.zswapMaxPoolPercent) / 100);
}

/** Frames down to which a pool that was full has to shrink (Linux: zswap_accept_thr_pages). */
export function acceptPages(k: ReclaimState): number {
  return Math.floor((maxPoolPages(k) * k.knob.zswapAcceptThreshold) / 100);
}

/** Whether zswap may write to the disk for the cgroup (Linux: mem_cgroup_zswap_writeback_enabled). */
export function mayWriteBack(k: ReclaimState, memcg: Memcg): boolean {
  if (k.knob.zswapEnabled === 0) return true;
  for (let at = memcg; ; at = k.memcg.parent[at]) {
    if (k.memcg.zswapWriteback[at] === 0) return false;
    if (at === ROOT_MEMCG) return true;
  }
}

/** Writes the oldest entry of the cgroup on each node. Returns 0, or why none was written (Linux: shrink_memcg). */
export function shrinkMemcgZswap(k: ReclaimState, memcg: Memcg): number {
  const { nodes } = k.lruvec;
  if (!mayWriteBack(k, memcg) || (memcg !== ROOT_MEMCG && k.memcg.state[memcg] !== MEMCG_ONLINE))
    return NOTHING_THERE;
  let scanned = 0;
  let written = 0;
  for (let node = 0; node < nodes; node++) {
    const object = k.zswap.head[memcg * nodes + node];
    if (object === NONE) continue;
    scanned++;
    if (shrinkEntry(k, object) === WRITTEN) written++;
  }
  if (scanned === 0) return NOTHING_THERE;
  return written > 0 ? 0 : NOTHING_WRITTEN;
}

/** Sees to it that the worker makes room (Linux: queue_work). */
export function queueShrinkWork(k: ReclaimState): void {
  const { state } = k.zswap;
  if (state[ZSWAP_WORK_NS] !== Number.POSITIVE_INFINITY) return;
  state[ZSWAP_WORK_NS] = k.clock.ns[0];
  state[ZSWAP_ATTEMPTS] = 0;
  state[ZSWAP_FAILURES] = 0;
}

/**
 * Lets the worker go on up to the running CPU's now, if it has something to do. On a single CPU it takes its time from the
 * task, but for what it waits.
 */
export function runZswapWorker(k: ReclaimState): void {
  const { clock, boot, reclaim } = k;
  const { state } = k.zswap;
  const nowNs = clock.ns[0];
  if (state[ZSWAP_WORK_NS] > nowNs) return;
  const isAlone = k.machine.cpus === 1;
  const cpu = boot[2];
  const inside = reclaim.inside[0];
  const waitedBefore = clock.spent[CAUSE_IO_WAIT];
  const plug = switchPlug(k, FLUSHER_PLUG);
  if (!isAlone) boot[2] = (cpu + 1) % k.machine.cpus;
  clock.ns[0] = isAlone ? nowNs : state[ZSWAP_WORK_NS];
  reclaim.inside[0] = 0;
  let hasMore = true;
  while (hasMore && (isAlone || clock.ns[0] <= nowNs)) hasMore = workStep(k);
  reclaim.inside[0] = inside;
  switchPlug(k, plug);
  boot[2] = cpu;
  state[ZSWAP_WORK_NS] = hasMore ? clock.ns[0] : Number.POSITIVE_INFINITY;
  clock.ns[0] = isAlone ? clock.ns[0] - (clock.spent[CAUSE_IO_WAIT] - waitedBefore) : nowNs;
}

/** One cgroup's turn. Returns whether there is more to do (Linux: shrink_worker). */
function workStep(k: ReclaimState): boolean {
  const { state } = k.zswap;
  const before = state[ZSWAP_NEXT_MEMCG];
  let memcg = before < 0 ? ROOT_MEMCG : nextMemcg(k, ROOT_MEMCG, before);
  while (memcg > ROOT_MEMCG && k.memcg.state[memcg] !== MEMCG_ONLINE) memcg = nextMemcg(k, ROOT_MEMCG, memcg);
  state[ZSWAP_NEXT_MEMCG] = memcg;
  if (memcg < 0) {
    if (state[ZSWAP_ATTEMPTS] === 0 && ++state[ZSWAP_FAILURES] === MAX_RECLAIM_RETRIES) return false;
    state[ZSWAP_ATTEMPTS] = 0;
    return zswapTotalPages(k) > acceptPages(k);
  }
  const result = shrinkMemcgZswap(k, memcg);
  if (result !== NOTHING_THERE) {
    state[ZSWAP_ATTEMPTS]++;
    if (result !== 0 && ++state[ZSWAP_FAILURES] === MAX_RECLAIM_RETRIES) return false;
  }
  return zswapTotalPages(k) > acceptPages(k);
}

/** Entries that the shrinker may ask for, in parts of what their memory is worth (Linux: zswap_shrinker_count). */
export function countZswap(k: ReclaimState, lruvec: Lruvec): number {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  if (k.knob.zswapShrinker === 0 || !mayWriteBack(k, memcg)) return 0;
  const stored = zswapStoredOf(k, memcg);
  const size = k.zswap.size[lruvec];
  if (stored === 0 || size === 0) return 0;
  const { diskSwapins } = k.zswap;
  const isMade = Math.min(size, diskSwapins[lruvec]);
  diskSwapins[lruvec] -= isMade;
  const pages = Math.floor(zswapBytesOf(k, memcg) / PAGE_SIZE);
  return Math.floor(((size - isMade) * pages) / stored);
}

/** Looks at so many of the lruvec's entries. Returns those written, or -1: the shrinker is to stop (Linux: zswap_shrinker_scan). */
export function scanZswap(k: ReclaimState, lruvec: Lruvec, objects: number): number {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  if (k.knob.zswapShrinker === 0 || !mayWriteBack(k, memcg)) return -1;
  let written = 0;
  for (let left = objects; left > 0 && k.zswap.size[lruvec] > 0; left--) {
    const fate = shrinkEntry(k, k.zswap.head[lruvec]);
    // A page that came back by itself says that the entries from here on are in use.
    if (fate === IN_CACHE) return -1;
    if (fate === WRITTEN) written++;
  }
  return written > 0 ? written : -1;
}

/** Gives an entry another round, or writes it (Linux: shrink_memcg_cb). */
function shrinkEntry(k: ReclaimState, object: number): number {
  const o = k.zsmalloc.object;
  const at = object * OBJ_WORDS + OBJ_LENGTH;
  rotateZswapLru(k, object);
  if ((o[at] & ENTRY_REFERENCED) !== 0) {
    o[at] &= ~ENTRY_REFERENCED;
    return ROTATED;
  }
  const fate = writeEntry(k, object);
  k.zswap.state[fate === WRITTEN ? ZSWAP_WRITTEN_BACK : ZSWAP_REJECT_RECLAIM]++;
  return fate;
}

/** Makes the page again and sends it to the disk (Linux: zswap_writeback_entry). */
function writeEntry(k: ReclaimState, object: number): number {
  const { slot } = k.swap;
  const row = k.zsmalloc.object[object * OBJ_WORDS + OBJ_OWNER];
  const at = row * SLOT_WORDS;
  if (slot[at + SLOT_PAGE] !== NONE) return IN_CACHE;
  const pfn = takeInside(k, MIGRATE_UNMOVABLE, ZONE_NORMAL);
  if (pfn === NONE) return FAILED;
  const record = pfn * PAGE_WORDS;
  const owner = slot[at + SLOT_MEMCG];
  if (owner !== ROOT_MEMCG && k.memcg.state[owner] === MEMCG_ONLINE) {
    chargeInside(k, owner, 1);
    commitCharge(k, pfn, owner);
    countMemcgEvents(k, owner, PGPGIN, 1);
  }
  k.page[record + FLAGS] |= PG_swapbacked;
  addPageToCache(k, pfn, swapEntryAt(k, row));
  if (owner !== ROOT_MEMCG && isLegacy(k)) unchargeSwap(k, at);
  const shadow = swapShadow(k, at);
  setSwapShadow(k, at, 0);
  if (shadow !== 0) workingsetRefault(k, pfn, shadow);
  folioAddLru(k, pfn);
  loadBlock(k, slot[at + SLOT_BLOCK], pfn);
  spendDecompressing(k, object);
  k.vmstat.event[ZSWPWB]++;
  countEntryEvents(k, object, ZSWPWB);
  freeZswapEntry(k, object);
  // Freed as soon as the write is done.
  k.page[record + FLAGS] |= PG_uptodate | PG_reclaim;
  sendToSwap(k, pfn);
  k.page[record + REFCOUNT]--;
  return WRITTEN;
}

/** The entry of a slot's row in whatever area it is. */
function swapEntryAt(k: ReclaimState, row: number): SwapEntry {
  const { base, pages } = k.swap;
  for (let type = 0; type < k.swap.state[AREAS]; type++)
    if (row >= base[type] && row < base[type] + pages[type]) return swapEntryOf(k, type, row);
  return bug(`row ${row} is no swap slot`);
}
