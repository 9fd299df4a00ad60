/**
 * Compaction for an allocation of several pages that finds no block: zone by zone of its list, until one has a block.
 *
 *   costly, or not movable   async before any reclaim
 *   after each reclaim       harder each time that it failed: sync, then every pageblock whatever was seen there
 *
 * Linux: mm/page_alloc.c __alloc_pages_direct_compact, should_compact_retry, mm/compaction.c try_to_compact_pages (6.12)
 * Doc: Documentation/admin-guide/sysctl/vm.rst (extfrag_threshold)
 */
import { NONE, type Pfn } from "../base/types.ts";
import { firstZone, nextZone, type PageRequest, takePages } from "../frame/freelist.ts";
import { COSTLY_ORDER } from "../frame/mmzone.ts";
import { COMPACTFAIL, COMPACTSTALL, COMPACTSUCCESS } from "../frame/vmstat.ts";
import { zoneOf } from "../frame/zone.ts";
import {
  COMPACT_PRIO_ASYNC,
  COMPACT_PRIO_SYNC_FULL,
  COMPACT_PRIO_SYNC_LIGHT,
  compactZoneFor,
} from "../reclaim/compaction.ts";
import {
  COMPACT_COMPLETE,
  COMPACT_DEFERRED,
  COMPACT_PARTIAL_SKIPPED,
  COMPACT_SKIPPED,
  COMPACT_SUCCESS,
  deferCompaction,
  hasRoomToMove,
  isDeferred,
  mayCompact,
  resetDeferred,
} from "../reclaim/compaction-suitable.ts";
import { currentTask, isDying } from "../reclaim/oom-task.ts";
import { psiMemstallEnter, psiMemstallLeave } from "../reclaim/psi.ts";
import { zoneReclaimablePages } from "../reclaim/reclaimable.ts";
import type { AllocState } from "./state.ts";

/** Times that an allocation tries again because compaction said that there was a block (Linux: MAX_COMPACT_RETRIES). */
const MOST_RETRIES = 16;

/** What an allocation has tried so far: how hard it compacts next (COMPACT_PRIO_*), what the last try came to, and tries. */
export interface CompactAttempt {
  priority: number;
  result: number;
  retries: number;
}

/** An allocation that has not compacted yet. */
export function createAttempt(): CompactAttempt {
  return { priority: COMPACT_PRIO_SYNC_LIGHT, result: COMPACT_SKIPPED, retries: 0 };
}

/** Compacts and takes the block if there is one then. Returns it, or NONE. */
export function takeByCompaction(
  k: AllocState,
  gfp: number,
  order: number,
  request: PageRequest,
  how: { readonly flags: number; readonly attempt: CompactAttempt },
): Pfn {
  if (order === 0) return NONE;
  const hasEntered = psiMemstallEnter(k);
  how.attempt.result = compactZones(k, gfp, order, request, how);
  psiMemstallLeave(k, hasEntered);
  if (how.attempt.result === COMPACT_SKIPPED) return NONE;
  k.vmstat.event[COMPACTSTALL]++;
  const pfn = takePages(k, order, request, how.flags);
  if (pfn === NONE) {
    k.vmstat.event[COMPACTFAIL]++;
    return NONE;
  }
  const zone = zoneOf(k, pfn);
  k.compaction.flushesSkip[zone] = 0;
  resetDeferred(k, zone, order, true);
  k.vmstat.event[COMPACTSUCCESS]++;
  return pfn;
}

/** Whether another round of reclaim and compaction is worth it; it may be a harder one. */
export function shouldCompactAgain(
  k: AllocState,
  order: number,
  request: PageRequest,
  attempt: CompactAttempt,
): boolean {
  if (order === 0 || isDying(k, currentTask(k))) return false;
  if (attempt.result === COMPACT_SKIPPED) return couldCompact(k, order, request);
  const isCostly = order > COSTLY_ORDER;
  if (attempt.result === COMPACT_SUCCESS && ++attempt.retries <= (isCostly ? MOST_RETRIES / 4 : MOST_RETRIES))
    return true;
  if (attempt.priority <= (isCostly ? COMPACT_PRIO_SYNC_LIGHT : COMPACT_PRIO_SYNC_FULL)) return false;
  attempt.priority--;
  attempt.retries = 0;
  return true;
}

/** Compacts the zones that the request may use. Returns the best that came of it, COMPACT_*. */
function compactZones(
  k: AllocState,
  gfp: number,
  order: number,
  request: PageRequest,
  how: { readonly flags: number; readonly attempt: CompactAttempt },
): number {
  if (!mayCompact(gfp)) return COMPACT_SKIPPED;
  const { priority } = how.attempt;
  const wanted = { order, gfp, migratetype: request.migratetype, flags: how.flags, highest: request.highest };
  let best = COMPACT_SKIPPED;
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    const zone = k.zonelist[at];
    if (priority > COMPACT_PRIO_SYNC_FULL && isDeferred(k, zone, order)) {
      best = Math.max(best, COMPACT_DEFERRED);
      continue;
    }
    const status = compactZoneFor(k, zone, wanted, priority);
    best = Math.max(best, status);
    if (status === COMPACT_SUCCESS) {
      resetDeferred(k, zone, order, false);
      break;
    }
    const isAtEnd = status === COMPACT_COMPLETE || status === COMPACT_PARTIAL_SKIPPED;
    if (priority !== COMPACT_PRIO_ASYNC && isAtEnd) deferCompaction(k, zone, order);
    if (isDying(k, currentTask(k))) break;
  }
  return best;
}

/** Whether some zone could be compacted if a part of what is reclaimable were free (Linux: compaction_zonelist_suitable). */
function couldCompact(k: AllocState, order: number, request: PageRequest): boolean {
  for (let at = firstZone(k, request); k.zonelist[at] !== NONE; at = nextZone(k, request, at)) {
    const zone = k.zonelist[at];
    const available = Math.floor(zoneReclaimablePages(k, zone) / order);
    if (hasRoomToMove(k, zone, order, request.highest, available)) return true;
  }
  return false;
}
