/**
 * Eviction of the multi-generational LRU: pages of the oldest generation, 64 at a time.
 *
 *   kind     the one whose oldest generation is older; else by how many came back, and swappiness   (lru-gen-pid.ts)
 *   sort     moved on already -> its list;  used often through descriptors -> protected, next generation;
 *            zone not wanted, locked, dirty, being written -> next generation;  else isolated
 *   shrink   shrinkFolioList; clean ones that were not freed once more: their write may have ended meanwhile
 *   rest     back, into the youngest generation if they were used
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Lruvec, Pfn } from "../../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_dirty,
  PG_locked,
  PG_mlocked,
  PG_reclaim,
  PG_referenced,
  PG_swapcache,
  PG_unevictable,
  PG_workingset,
  PG_writeback,
  PG_ZONE_SHIFT,
  PREV,
  REFCOUNT,
} from "../../frame/page.ts";
import {
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_KSWAPD,
  PGSCAN_SKIP_DMA,
  PGSTEAL_ANON,
  PGSTEAL_DIRECT,
  PGSTEAL_KSWAPD,
  UNEVICTABLE_PGCULLED,
} from "../../frame/vmstat.ts";
import { CAUSE_RECLAIM, COST_SCAN_PAGE, spend } from "../../hw/clock.ts";
import { completeIo } from "../../space/io.ts";
import {
  genOf,
  genRow,
  genTypeOf,
  incGen,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  linkGenHead,
  lruGenDel,
  MAX_LRU_BATCH,
  MIN_LRU_BATCH,
  MIN_NR_GENS,
  MOST_REFS,
  moveToGen,
  NR_ZONE_TYPES,
  refsOf,
  setRefs,
  tierOf,
  unlinkGen,
} from "../../space/lru-gen.ts";
import { tryToIncMinSeq } from "../../space/lru-gen-aging.ts";
import { lastTier, lastTierAgainst, mayEvict, readPosition } from "../../space/lru-gen-pid.ts";
import { lruvecAdd } from "../../space/lru-move.ts";
import { countMemcgEvents } from "../../space/memcg-count.ts";
import { __GFP_IO } from "../gfp.ts";
import { MAX_SWAPPINESS } from "../scan-control.ts";
import { STAT_UNQUEUED_DIRTY, shrinkFolioList } from "../shrink-list.ts";
import type { ReclaimState, ScanControl } from "../state.ts";
import { putBack } from "./classic.ts";

/** What `k.reclaim.evicting` holds of the batch under way: pages isolated, their kind. */
const EVICTING_TAKEN = 0;
const EVICTING_TYPE = 1;

/** Evicts a batch of pages. Returns the pages looked at, 0 when there is nothing more to find (Linux: evict_folios). */
export function evictFolios(k: ReclaimState, lruvec: Lruvec, sc: ScanControl, swappiness: number): number {
  const { evicting } = k.reclaim;
  evicting[EVICTING_TAKEN] = 0;
  // What passed since the last batch may have ended writes, even where that batch isolated nothing.
  completeIo(k, k.clock.ns[0]);
  let scanned = isolateFolios(k, lruvec, sc, swappiness);
  if (tryToIncMinSeq(k, lruvec, swappiness !== 0)) scanned++;
  const type = swappiness !== 0 ? LRU_GEN_ANON : LRU_GEN_FILE;
  if (nrGens(k, lruvec, type) === MIN_NR_GENS) scanned = 0;
  let count = evicting[EVICTING_TAKEN];
  for (let isRetry = false; count !== 0; isRetry = true) count = shrinkTaken(k, lruvec, sc, count, isRetry);
  return scanned;
}

/** Frees what can be freed of the isolated pages and puts the rest back. Returns how many are left to try once more. */
function shrinkTaken(
  k: ReclaimState,
  lruvec: Lruvec,
  sc: ScanControl,
  count: number,
  isRetry: boolean,
): number {
  const { nodes } = k.lruvec;
  const { event } = k.vmstat;
  const { isolated, kept, stat, evicting } = k.reclaim;
  const reclaimed = shrinkFolioList(k, count, sc, lruvec % nodes, false);
  sc.unqueuedDirty += stat[STAT_UNQUEUED_DIRTY];
  sc.nrReclaimed += reclaimed;
  // Writes that have ended while the batch was gone through are noticed now.
  completeIo(k, k.clock.ns[0]);
  let left = 0;
  for (let i = 0; i < count - reclaimed; i++) {
    if (isRejected(k, kept[i], isRetry)) putBack(k, kept[i]);
    else isolated[left++] = kept[i];
  }
  const item = sc.isKswapd ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT;
  if (!sc.isCgroup) event[item] += reclaimed;
  countMemcgEvents(k, Math.floor(lruvec / nodes), item, reclaimed);
  event[PGSTEAL_ANON + evicting[EVICTING_TYPE]] += reclaimed;
  return left;
}

/** Whether a page that was not freed goes back; false: it is clean and unused, and tried once more. */
function isRejected(k: ReclaimState, pfn: Pfn, isRetry: boolean): boolean {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & (PG_mlocked | PG_unevictable)) !== 0) return true;
  if ((flags & PG_reclaim) !== 0 && (flags & (PG_dirty | PG_writeback)) !== 0) {
    // Isolation took the mark away; with it the page keeps that it is of the working set.
    if ((flags & PG_workingset) !== 0) k.page[record + FLAGS] |= PG_referenced;
    return true;
  }
  const isUsed = (flags & (PG_active | PG_referenced)) !== 0 || k.page[record + MAPCOUNT] !== 0;
  if (!isRetry && !isUsed && (flags & (PG_locked | PG_dirty | PG_writeback)) === 0) return false;
  setRefs(k, pfn, false);
  k.page[record + FLAGS] = (flags & ~(PG_referenced | PG_workingset)) | PG_active;
  return true;
}

/** Takes a batch off the oldest generation of the kind to evict, or else of the other. Returns the pages looked at. */
function isolateFolios(k: ReclaimState, lruvec: Lruvec, sc: ScanControl, swappiness: number): number {
  const { minSeq } = k.lruGen;
  const { evicting } = k.reclaim;
  let type = LRU_GEN_FILE;
  let isWeighed = false;
  if (swappiness !== 0) {
    if (minSeq[lruvec * 2] < minSeq[lruvec * 2 + 1]) type = LRU_GEN_ANON;
    else if (swappiness === MAX_SWAPPINESS) type = LRU_GEN_ANON;
    else if (swappiness !== 1 && (sc.gfp & __GFP_IO) !== 0) {
      type = typeToScan(k, lruvec, swappiness);
      isWeighed = true;
    }
  }
  for (let tries = swappiness === 0 ? 1 : 2; ; tries--) {
    const tier = isWeighed ? weighedTier(k, lruvec, type, swappiness) : lastTier(k, lruvec, type);
    const scanned = scanFolios(k, lruvec, sc, type, tier);
    evicting[EVICTING_TYPE] = type;
    if (scanned !== 0 || tries === 1) return scanned;
    type = 1 - type;
    isWeighed = false;
  }
}

/** The kind whose first tier is less missed, each with its part of swappiness (Linux: get_type_to_scan). */
function typeToScan(k: ReclaimState, lruvec: Lruvec, swappiness: number): number {
  const anon = readPosition(k, lruvec, LRU_GEN_ANON, 0, swappiness);
  const file = readPosition(k, lruvec, LRU_GEN_FILE, 0, MAX_SWAPPINESS - swappiness);
  return mayEvict(anon, file) ? LRU_GEN_FILE : LRU_GEN_ANON;
}

/** The last tier of the kind chosen that is no more missed than the other kind's first. */
function weighedTier(k: ReclaimState, lruvec: Lruvec, type: number, swappiness: number): number {
  const gain = type === LRU_GEN_ANON ? swappiness : MAX_SWAPPINESS - swappiness;
  const other = readPosition(k, lruvec, 1 - type, 0, MAX_SWAPPINESS - gain);
  return lastTierAgainst(k, lruvec, type, gain, other);
}

/**
 * Goes through the oldest generation of a kind, zone by zone from the highest wanted one down, until 64 pages are isolated.
 * Returns the pages looked at, 0 when that was in vain.
 */
function scanFolios(k: ReclaimState, lruvec: Lruvec, sc: ScanControl, type: number, tier: number): number {
  const { nodes } = k.lruvec;
  const memcg = Math.floor(lruvec / nodes);
  const { evicting } = k.reclaim;
  const { event } = k.vmstat;
  if (nrGens(k, lruvec, type) === MIN_NR_GENS) return 0;
  const gen = k.lruGen.minSeq[lruvec * 2 + type] & 3;
  let scanned = 0;
  let sorted = 0;
  for (let i = NR_ZONE_TYPES; i > 0; i--) {
    const zone = (sc.reclaimIdx + i) % NR_ZONE_TYPES;
    const before = evicting[EVICTING_TAKEN];
    const looked = scanZone(k, lruvec, sc, {
      row: genRow(lruvec, gen, type, zone),
      tier,
      most: MAX_LRU_BATCH - scanned,
    });
    scanned += looked.scanned;
    sorted += looked.scanned - looked.skipped - (evicting[EVICTING_TAKEN] - before);
    event[PGSCAN_SKIP_DMA + zone] += looked.skipped;
    if (scanned === MAX_LRU_BATCH || evicting[EVICTING_TAKEN] >= MIN_LRU_BATCH) break;
  }
  const isolated = evicting[EVICTING_TAKEN];
  const item = sc.isKswapd ? PGSCAN_KSWAPD : PGSCAN_DIRECT;
  if (!sc.isCgroup) {
    event[item] += isolated;
    event[PGREFILL] += sorted;
  }
  countMemcgEvents(k, memcg, item, isolated);
  countMemcgEvents(k, memcg, PGREFILL, sorted);
  event[PGSCAN_ANON + type] += isolated;
  // Those that are isolated pay in shrinkFolioList.
  spend(k, CAUSE_RECLAIM, (scanned - isolated) * COST_SCAN_PAGE);
  if (type === LRU_GEN_FILE) sc.fileTaken += isolated;
  return isolated !== 0 || scanned === MAX_LRU_BATCH ? scanned : 0;
}

/** A list to go through: its row, the last tier that may go, and pages to look at. */
interface ListScan {
  readonly row: number;
  readonly tier: number;
  readonly most: number;
}

/** Goes through one list. Pages that could not be taken return to its head. */
function scanZone(
  k: ReclaimState,
  lruvec: Lruvec,
  sc: ScanControl,
  list: ListScan,
): { scanned: number; skipped: number } {
  const { tail } = k.lruGen;
  const { isolated, kept, evicting } = k.reclaim;
  let scanned = 0;
  let skipped = 0;
  while (tail[list.row] !== 0 && scanned < list.most) {
    const pfn = tail[list.row];
    scanned++;
    if (!sortFolio(k, pfn, lruvec, sc, list.tier)) {
      if (mayTake(k, pfn, sc)) {
        take(k, pfn);
        isolated[evicting[EVICTING_TAKEN]++] = pfn;
      } else {
        unlinkGen(k, pfn, list.row);
        kept[skipped++] = pfn;
      }
    }
    if (Math.max(evicting[EVICTING_TAKEN], skipped) >= MIN_LRU_BATCH) break;
  }
  for (let i = 0; i < skipped; i++) linkGenHead(k, kept[i], list.row);
  return { scanned, skipped };
}

/** Finds a page of the oldest generation's list the place it belongs to, if that is not here (Linux: sort_folio). */
function sortFolio(k: ReclaimState, pfn: Pfn, lruvec: Lruvec, sc: ScanControl, lastTier: number): boolean {
  const { page, lruGen: g } = k;
  const at = pfn * PAGE_WORDS + FLAGS;
  const flags = page[at];
  const type = genTypeOf(flags);
  if ((flags & PG_mlocked) !== 0) {
    lruGenDel(k, pfn);
    page[at] |= PG_unevictable;
    lruvecAdd(k, pfn);
    k.vmstat.event[UNEVICTABLE_PGCULLED]++;
    return true;
  }
  if (genOf(k, pfn) !== (g.minSeq[lruvec * 2 + type] & 3)) {
    moveToGen(k, pfn, lruvec, false);
    return true;
  }
  const refs = refsOf(k, pfn);
  const tier = tierOf(refs);
  if (tier > lastTier || refs === MOST_REFS) {
    incGen(k, pfn, lruvec, false);
    moveToGen(k, pfn, lruvec, true);
    g.protectedPages[lruvec * 8 + type * 4 + tier]++;
    return true;
  }
  if ((((flags >>> PG_ZONE_SHIFT) - 1) & 3) > sc.reclaimIdx) {
    incGen(k, pfn, lruvec, false);
    moveToGen(k, pfn, lruvec, true);
    return true;
  }
  const isDirtyFile = type === LRU_GEN_FILE && (flags & PG_dirty) !== 0;
  if (isDirtyFile) {
    sc.fileTaken++;
    if ((flags & PG_writeback) === 0) sc.unqueuedDirty++;
  }
  if ((flags & (PG_locked | PG_writeback)) === 0 && !isDirtyFile) return false;
  incGen(k, pfn, lruvec, true);
  moveToGen(k, pfn, lruvec, false);
  return true;
}

/** Without I/O nothing is taken that would have to be written. */
function mayTake(k: ReclaimState, pfn: Pfn, sc: ScanControl): boolean {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  const isAnon = (k.page[record + MAPPING] & 1) !== 0;
  return (sc.gfp & __GFP_IO) !== 0 || ((flags & PG_dirty) === 0 && !(isAnon && (flags & PG_swapcache) === 0));
}

/** Takes a page off its list, with a reference. What it was used for counts only if it was used twice (Linux: isolate_folio). */
function take(k: ReclaimState, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  const { page } = k;
  if ((page[record + FLAGS] & PG_referenced) === 0) {
    setRefs(k, pfn, false);
    page[record + FLAGS] &= ~PG_workingset;
  }
  page[record + FLAGS] &= ~(PG_reclaim | PG_referenced);
  lruGenDel(k, pfn);
  page[record + NEXT] = 0;
  page[record + PREV] = 0;
  page[record + REFCOUNT]++;
}

function nrGens(k: ReclaimState, lruvec: Lruvec, type: number): number {
  return k.lruGen.maxSeq[lruvec] - k.lruGen.minSeq[lruvec * 2 + type] + 1;
}
