/**
 * Allocation of pages: the one door through which everybody obtains a frame. The common case, one page while the
 * preferred zone is well above its high watermark, is a pop from the running CPU's list; everything else goes the way
 * Linux goes: the low watermark, then waking kswapd, then the reserves.
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/core-api/memory-allocation.rst
 */
import { ENOMEM } from "../base/errno.ts";
import { emit, TRACE_MM_PAGE_ALLOC } from "../base/trace.ts";
import { NONE, type Node, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { unreserveHighatomic } from "../frame/fallback.ts";
import {
  firstZone,
  nextZone,
  nofragmentFlag,
  type PageRequest,
  preferredIndex,
  takePages,
} from "../frame/freelist.ts";
import {
  BOOT_RUNNING_CPU,
  COSTLY_ORDER,
  MAX_PAGE_ORDER,
  MIGRATE_MOVABLE,
  PCP_COUNT,
  PCP_FREE_COUNT,
  PCP_HEAD,
  PCP_TAIL,
  PCP_TAKEN,
  PCP_WORDS,
  ZONE_DMA,
  ZONE_DMA32,
  ZONE_MOVABLE,
  ZONE_NORMAL,
  ZONES_PER_NODE,
} from "../frame/mmzone.ts";
import { FLAGS, NEXT, PAGE_WORDS, PG_head, PG_tail, PG_ZONE_SHIFT, PREV, REFCOUNT } from "../frame/page.ts";
import { refillPcp } from "../frame/pcp.ts";
import { drainAllPcp } from "../frame/pcp-drain.ts";
import {
  ALLOC_HIGHATOMIC,
  ALLOC_KSWAPD,
  ALLOC_MIN_RESERVE,
  ALLOC_NO_WATERMARKS,
  ALLOC_NON_BLOCK,
  ALLOC_WMARK_HIGH,
  ALLOC_WMARK_LOW,
  ALLOC_WMARK_MIN,
  watermark,
  zoneWatermarkOk,
} from "../frame/watermark.ts";
import { zoneNode, zoneType } from "../frame/zone.ts";
import { setFill } from "../hw/ram.ts";
import { COMPACT_PRIO_ASYNC, COMPACT_PRIO_SYNC_LIGHT } from "../reclaim/compaction.ts";
import { COMPACT_DEFERRED, COMPACT_SKIPPED, mayCompact } from "../reclaim/compaction-suitable.ts";
import {
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_HIGH,
  __GFP_HIGHMEM,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_RECLAIMABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  __GFP_ZERO,
} from "../reclaim/gfp.ts";
import { runKswapds, throttleDirectReclaim, wakeKswapd } from "../reclaim/kswapd.ts";
import { outOfMemory } from "../reclaim/oom-kill.ts";
import { currentTask, isDying } from "../reclaim/oom-task.ts";
import { psiMemstallEnter, psiMemstallLeave } from "../reclaim/psi.ts";
import { zoneReclaimablePages } from "../reclaim/reclaimable.ts";
import { MAX_RECLAIM_RETRIES } from "../reclaim/scan-control.ts";
import { tryToFreePages } from "../reclaim/vmscan.ts";
import {
  type CompactAttempt,
  createAttempt,
  shouldCompactAgain,
  takeByCompaction,
} from "./direct-compact.ts";
import type { AllocState } from "./state.ts";

/** Answer of takeOrKill: somebody was killed, and what that brought can be taken. */
const RETRY = -1;

/**
 * One page, from the running CPU's node where possible. Its reference count is 1, its record holds nothing else but the
 * zone; with __GFP_ZERO it is filled with zeros, without, with whatever. Returns -ENOMEM when no zone may give one.
 */
export function allocPage(k: AllocState, gfp: number): Pfn {
  const cpu = k.boot[BOOT_RUNNING_CPU] | 0;
  const highest = gfpZone(gfp);
  const zone = k.localZone[cpu * ZONES_PER_NODE + highest];
  // The zone is not open, or lies on another node: the long way looks at watermarks and at all zones.
  if (zone === NONE) return allocPages(k, gfp, 0);
  const { page, pcp } = k;
  const rows = pcp.rows;
  const at = (zone * pcp.cpus + cpu) * PCP_WORDS;
  const list = at + PCP_HEAD + gfpMigratetype(gfp);
  let pfn = rows[list];
  if (pfn === NONE) {
    refillPcp(k, zone, 0, gfpMigratetype(gfp), (gfp & __GFP_KSWAPD_RECLAIM) | nofragmentFlag(k, zone));
    pfn = rows[list];
    if (pfn === NONE) return allocPages(k, gfp, 0);
  }
  // Only this page's record is touched: its neighbour's PREV means nothing once that is first (pcp.ts).
  const record = pfn * PAGE_WORDS;
  const next = page[record + NEXT];
  rows[list] = next;
  if (next === NONE) rows[list + PCP_TAIL - PCP_HEAD] = NONE;
  rows[at + PCP_COUNT]--;
  rows[at + PCP_TAKEN]++;
  rows[at + PCP_FREE_COUNT] >>= 1;
  page[record] = zone << PG_ZONE_SHIFT;
  page[record + REFCOUNT] = 1;
  page[record + PREV] = 0;
  page[record + NEXT] = 0;
  if ((gfp & __GFP_ZERO) !== 0) k.ram.fill[pfn] = 0;
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_ALLOC)) !== 0)
    emit(k, TRACE_MM_PAGE_ALLOC, pfn, 0, gfpMigratetype(gfp));
  return pfn;
}

/** 2^order pages, as allocPage; the first one has the reference count, __GFP_COMP makes them one compound page. */
export function allocPages(k: AllocState, gfp: number, order: number): Pfn {
  return allocPagesNode(k, gfp, order, k.cpuNode[k.boot[BOOT_RUNNING_CPU]]);
}

/** The same, preferring a node. */
export function allocPagesNode(k: AllocState, gfp: number, order: number, node: Node): Pfn {
  if (order > MAX_PAGE_ORDER) return -ENOMEM;
  const request: PageRequest = {
    migratetype: gfpMigratetype(gfp),
    highest: gfpZone(gfp),
    node,
    isLocal: (gfp & __GFP_THISNODE) !== 0,
  };
  // The first round keeps pageblock types apart as long as any zone of the node has pages of the right kind.
  const kswapd = (gfp & __GFP_KSWAPD_RECLAIM) !== 0 ? ALLOC_KSWAPD : 0;
  const keepApart = nofragmentFlag(k, k.zonelist[preferredIndex(k, request)]);
  let pfn = takePages(k, order, request, ALLOC_WMARK_LOW | kswapd | keepApart);
  if (pfn === NONE) pfn = takeSlowly(k, gfp, order, request);
  if (pfn === NONE) return -ENOMEM;
  preparePages(k, pfn, order, gfp);
  if ((k.trace.mask[0] & (1 << TRACE_MM_PAGE_ALLOC)) !== 0) {
    emit(k, TRACE_MM_PAGE_ALLOC, pfn, order, request.migratetype);
  }
  return pfn;
}

/** What Linux does below the low watermark (__alloc_pages_slowpath): wake kswapd, go down to min, then use reserves. */
function takeSlowly(k: AllocState, gfp: number, order: number, request: PageRequest): Pfn {
  const canReclaim = (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  let flags = ALLOC_WMARK_MIN;
  if ((gfp & __GFP_HIGH) !== 0) flags |= ALLOC_MIN_RESERVE;
  if ((gfp & __GFP_KSWAPD_RECLAIM) !== 0) {
    flags |= ALLOC_KSWAPD;
    wakeKswapds(k, order, request, gfp);
  }
  if (!canReclaim && (gfp & __GFP_NOMEMALLOC) === 0) {
    flags |= ALLOC_NON_BLOCK;
    if (order > 0 && (gfp & __GFP_HIGH) !== 0) flags |= ALLOC_HIGHATOMIC;
  }
  const pfn = takePages(k, order, request, flags);
  if (pfn !== NONE) return pfn;
  const isWanted = (gfp & (__GFP_MEMALLOC | __GFP_NOMEMALLOC)) === __GFP_MEMALLOC;
  const attempt = createAttempt();
  // Enough may be free, in too small pieces. A block of another kind than movable is not to break up more pageblocks.
  const isPicky = order > COSTLY_ORDER || (order > 0 && request.migratetype !== MIGRATE_MOVABLE);
  if (isPicky && canReclaim && !isWanted && k.reclaim.inside[0] === 0 && mayCompact(gfp)) {
    attempt.priority = COMPACT_PRIO_ASYNC;
    const compacted = takeByCompaction(k, gfp, order, request, { flags, attempt });
    if (compacted !== NONE) return compacted;
    const isEasy = order > COSTLY_ORDER && (gfp & __GFP_NORETRY) !== 0;
    const wasTried = attempt.result !== COMPACT_SKIPPED && attempt.result !== COMPACT_DEFERRED;
    if (isEasy && (!wasTried || (gfp & __GFP_THISNODE) !== 0)) return NONE;
    if (!isEasy) attempt.priority = COMPACT_PRIO_SYNC_LIGHT;
  }
  // Who works for reclaim, or asks for it, may use everything there is.
  if (isWanted || (k.reclaim.inside[0] !== 0 && (gfp & __GFP_NOMEMALLOC) === 0)) {
    const reserved = takePages(k, order, request, ALLOC_NO_WATERMARKS | (flags & ALLOC_KSWAPD));
    if (reserved !== NONE) return reserved;
  }
  return canReclaim && k.reclaim.inside[0] === 0
    ? takeWithReclaim(k, gfp, order, request, { flags, attempt })
    : NONE;
}

/** Reclaims and tries again, as long as there is progress or something left that could be reclaimed. */
function takeWithReclaim(
  k: AllocState,
  gfp: number,
  order: number,
  request: PageRequest,
  how: { readonly flags: number; readonly attempt: CompactAttempt },
): Pfn {
  const { flags, attempt } = how;
  let rounds = 0;
  for (;;) {
    const freed = directReclaim(k, gfp, order, request);
    let pfn = takePages(k, order, request, flags);
    if (pfn !== NONE) return pfn;
    // Free pages may sit on other CPUs' lists or in the atomic reserve: both are given up before an allocation fails.
    drainAllPcp(k);
    const hasGiven = giveUpReserve(k, request);
    pfn = takePages(k, order, request, flags);
    if (pfn !== NONE) return pfn;
    pfn = takeByCompaction(k, gfp, order, request, how);
    if (pfn !== NONE) return pfn;
    if ((gfp & __GFP_NORETRY) !== 0) return NONE;
    if (order > COSTLY_ORDER && (gfp & __GFP_RETRY_MAYFAIL) === 0) return NONE;
    rounds = freed > 0 && order <= COSTLY_ORDER ? 0 : rounds + 1;
    const isOver = rounds > MAX_RECLAIM_RETRIES || (!hasGiven && !couldReclaim(k, order, request, flags));
    if (isOver && !(freed > 0 && mayCompact(gfp) && shouldCompactAgain(k, order, request, attempt))) {
      pfn = takeOrKill(k, gfp, order, request);
      if (pfn !== RETRY) return pfn;
      rounds = 0;
    }
    wakeKswapds(k, order, request, gfp);
  }
}

/** One run of reclaim, after waiting for kswapd where the reserves are low; both are a memory stall. Returns the pages freed. */
function directReclaim(k: AllocState, gfp: number, order: number, request: PageRequest): number {
  const hasEntered = psiMemstallEnter(k);
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    const zone = k.zonelist[at];
    if (zoneType(zone) > ZONE_NORMAL) continue;
    throttleDirectReclaim(k, gfp, zoneNode(zone));
    break;
  }
  const freed = tryToFreePages(k, order, gfp, request.highest);
  psiMemstallLeave(k, hasEntered);
  return freed;
}

/**
 * Reclaim has come to its end: a process is killed, unless it would not help or the caller can do without. Returns the
 * pages, if somebody has freed enough meanwhile, NONE, or RETRY (Linux: __alloc_pages_may_oom).
 * Differs: a dying task gets no page from the reserves and sees its allocation fail; it ends before anybody could tell.
 */
function takeOrKill(k: AllocState, gfp: number, order: number, request: PageRequest): Pfn {
  const pfn = takePages(k, order, request, ALLOC_WMARK_HIGH);
  if (pfn !== NONE) return pfn;
  // Neither a large block, nor one node, nor low memory is what a kill brings.
  if (order > COSTLY_ORDER || request.highest < ZONE_NORMAL) return NONE;
  if ((gfp & (__GFP_RETRY_MAYFAIL | __GFP_THISNODE)) !== 0) return NONE;
  if (!outOfMemory(k, { memcg: ROOT_MEMCG, gfp, order, highest: request.highest })) return NONE;
  return isDying(k, currentTask(k)) ? NONE : RETRY;
}

/** Whether some zone would be above its minimum if everything reclaimable in it were free (Linux: should_reclaim_retry). */
function couldReclaim(k: AllocState, order: number, request: PageRequest, flags: number): boolean {
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    const zone = k.zonelist[at];
    const spare = zoneReclaimablePages(k, zone);
    const how = { highest: request.highest, flags };
    if (zoneWatermarkOk(k, zone, order, watermark(k, zone, ALLOC_WMARK_MIN) - spare, how)) return true;
  }
  return false;
}

/** Wakes kswapd on every node the request may use, and lets those that are awake work up to now. */
function wakeKswapds(k: AllocState, order: number, request: PageRequest, gfp: number): void {
  let last = -1;
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    const zone = k.zonelist[at];
    const node = zoneNode(zone);
    if (node === last) continue;
    last = node;
    wakeKswapd(k, node, order, request.highest, gfp);
  }
  if (k.reclaim.inside[0] === 0) runKswapds(k);
}

/** Gives a pageblock of the first atomic reserve there is to ordinary use. False when there is none. */
function giveUpReserve(k: AllocState, request: PageRequest): boolean {
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    if (unreserveHighatomic(k, k.zonelist[at], request.migratetype, true)) return true;
  }
  return false;
}

/** Makes taken pages what the caller expects: one reference, zeros if asked, head and tails if compound. */
function preparePages(k: AllocState, pfn: Pfn, order: number, gfp: number): void {
  const { page } = k;
  const isCompound = order > 0 && (gfp & __GFP_COMP) !== 0;
  const zone = page[pfn * PAGE_WORDS] & (-1 << PG_ZONE_SHIFT);
  for (let at = pfn; at < pfn + (1 << order); at++) {
    page[at * PAGE_WORDS + FLAGS] = isCompound ? zone | (at === pfn ? PG_head : PG_tail) : zone;
    if ((gfp & __GFP_ZERO) !== 0) setFill(k, at, 0);
  }
  page[pfn * PAGE_WORDS + REFCOUNT] = 1;
}

/** The highest zone type that an allocation with these flags may come from. */
function gfpZone(gfp: number): number {
  if ((gfp & __GFP_DMA) !== 0) return ZONE_DMA;
  // Movable alone is not enough: the caller must also be able to use highmem, which kernel users are not.
  if ((gfp & (__GFP_MOVABLE | __GFP_HIGHMEM)) === (__GFP_MOVABLE | __GFP_HIGHMEM)) return ZONE_MOVABLE;
  return (gfp & __GFP_DMA32) !== 0 ? ZONE_DMA32 : ZONE_NORMAL;
}

/** The migratetype an allocation with these flags belongs to: MIGRATE_UNMOVABLE, MIGRATE_MOVABLE or MIGRATE_RECLAIMABLE. */
function gfpMigratetype(gfp: number): number {
  return (gfp & (__GFP_MOVABLE | __GFP_RECLAIMABLE)) >> 3;
}
