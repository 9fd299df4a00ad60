/**
 * The classic LRU: two lists a kind of page, active and inactive. Pages leave the end of the inactive list; when it gets
 * short compared with the active one, pages move over from there without a look at whether they were used, which the
 * inactive list finds out on the way.
 *
 *   getScanCount      how much of each list: anonymous against file by what reclaim of each has cost, and swappiness
 *   shrinkLruvec      32 pages of each list in turn, until that much was looked at or enough was freed
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { type Lruvec, ROOT_MEMCG } from "../../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_lru,
  PG_swapbacked,
  PG_unevictable,
  PG_workingset,
  PG_ZONE_SHIFT,
  PREV,
  REFCOUNT,
} from "../../frame/page.ts";
import { freePage } from "../../frame/pcp.ts";
import {
  NR_ISOLATED_ANON,
  NR_NODE_ITEMS,
  PGDEACTIVATE,
  PGREFILL,
  PGSCAN_ANON,
  PGSCAN_DIRECT,
  PGSCAN_KSWAPD,
  PGSCAN_SKIP_DMA,
  PGSTEAL_ANON,
  PGSTEAL_DIRECT,
  PGSTEAL_KSWAPD,
} from "../../frame/vmstat.ts";
import { CAUSE_RECLAIM, COST_SCAN_PAGE, spend } from "../../hw/clock.ts";
import { finishPlug, startPlug } from "../../hw/plug.ts";
import { cleanRecord } from "../../space/folio.ts";
import {
  countLru,
  LRU_ACTIVE_ANON,
  LRU_ACTIVE_FILE,
  LRU_INACTIVE_ANON,
  LRU_INACTIVE_FILE,
  linkAtHead,
  NR_LRU_LISTS,
  unlink,
} from "../../space/lru-list.ts";
import { lruvecAdd } from "../../space/lru-move.ts";
import { ageNonresident, lruAddDrain, lruNoteCost } from "../../space/lruvec.ts";
import { MEMCG_ONLINE } from "../../space/memcg.ts";
import { countMemcgEvents } from "../../space/memcg-count.ts";
import { flushedState } from "../../space/memcg-flush.ts";
import { isLegacy, memcgSwappiness } from "../../space/memcg-v1.ts";
import { folioReferenced } from "../../space/rmap-walk.ts";
import { SWAP_TOTAL } from "../../space/swap.ts";
import { memcgSwapPages, nrSwapPages } from "../../space/swap-room.ts";
import { VM_EXEC } from "../../space/vma.ts";
import { wakeAllFlushers } from "../flusher.ts";
import {
  createPause,
  DEACTIVATE_ANON,
  DEF_PRIORITY,
  MAX_SWAPPINESS,
  SWAP_CLUSTER_MAX,
} from "../scan-control.ts";
import {
  STAT_CONGESTED,
  STAT_DIRTY,
  STAT_IMMEDIATE,
  STAT_PAGEOUT,
  STAT_UNQUEUED_DIRTY,
  STAT_WRITEBACK,
  shrinkFolioList,
} from "../shrink-list.ts";
import type { ReclaimState, ScanControl } from "../state.ts";
import { throttleForWriteback } from "../throttle.ts";

/** Which lists getScanCount chooses. */
const SCAN_EQUAL = 0;
const SCAN_FRACT = 1;
const SCAN_ANON = 2;
const SCAN_FILE = 3;

/** Scans the lists of a lruvec and frees what it can. */
export function shrinkLruvec(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): void {
  const { toScan: nr, targets } = k.reclaim;
  const before = sc.pause;
  sc.pause = undefined;
  let reclaimed = 0;
  if (before?.toScan !== undefined && before.targets !== undefined) {
    nr.set(before.toScan);
    targets.set(before.targets);
    reclaimed = before.reclaimed;
  } else {
    getScanCount(k, lruvec, sc);
    targets.set(nr);
    startPlug(k);
  }
  // Direct reclaim of the machine does the whole of its first round: kswapd is not keeping up.
  const isProportional = !sc.isCgroup && !sc.isKswapd && sc.priority === DEF_PRIORITY;
  while (nr[LRU_INACTIVE_ANON] !== 0 || nr[LRU_ACTIVE_FILE] !== 0 || nr[LRU_INACTIVE_FILE] !== 0) {
    if (k.clock.ns[0] >= sc.turnEndNs) {
      sc.pause = { ...createPause(lruvec), toScan: nr.slice(), targets: targets.slice(), reclaimed };
      return;
    }
    for (let list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) {
      if (nr[list] === 0) continue;
      const batch = Math.min(nr[list], SWAP_CLUSTER_MAX);
      nr[list] -= batch;
      reclaimed += shrinkList(k, lruvec, list, batch, sc);
    }
    if (reclaimed < sc.nrToReclaim || isProportional) continue;
    if (!balanceTargets(nr, targets)) break;
  }
  finishPlug(k);
  sc.nrReclaimed += reclaimed;
  // Anonymous pages age even when none was looked at, so that the lists keep their proportion.
  if (k.swap.state[SWAP_TOTAL] > 0 && inactiveIsLow(k, lruvec, LRU_INACTIVE_ANON))
    shrinkActiveList(k, lruvec, LRU_ACTIVE_ANON, SWAP_CLUSTER_MAX, sc);
}

/** Whether the inactive list of a kind is short beside its active one: the larger the memory, the shorter it may be. */
export function inactiveIsLow(k: ReclaimState, lruvec: Lruvec, inactive: number): boolean {
  const short = flushedState(k, lruvec, inactive);
  const active = flushedState(k, lruvec, inactive + 1);
  const gib = Math.floor((short + active) / 262144);
  const ratio = gib > 0 ? Math.floor(Math.sqrt(10 * gib)) : 1;
  return short * ratio < active;
}

/**
 * Enough was freed: ends the scan of the kind that has less left to do, and shortens the other's in proportion. False when one is
 * done already.
 */
function balanceTargets(nr: Float64Array, targets: Float64Array): boolean {
  const file = nr[LRU_INACTIVE_FILE] + nr[LRU_ACTIVE_FILE];
  const anon = nr[LRU_INACTIVE_ANON] + nr[LRU_ACTIVE_ANON];
  if (file === 0 || anon === 0) return false;
  const smaller = file > anon ? LRU_INACTIVE_ANON : LRU_INACTIVE_FILE;
  const larger = file > anon ? LRU_INACTIVE_FILE : LRU_INACTIVE_ANON;
  const target = targets[smaller] + targets[smaller + 1] + 1;
  const percentage = Math.floor(((file > anon ? anon : file) * 100) / target);
  nr[smaller] = 0;
  nr[smaller + 1] = 0;
  for (let list = larger; list <= larger + 1; list++) {
    const scanned = targets[list] - nr[list];
    const wanted = Math.floor((targets[list] * (100 - percentage)) / 100);
    nr[list] = wanted - Math.min(wanted, scanned);
  }
  return true;
}

/** Works out how many pages of each list to scan, into `k.reclaim.toScan`. */
function getScanCount(k: ReclaimState, lruvec: Lruvec, sc: ScanControl): void {
  const memcg = Math.floor(lruvec / k.lruvec.nodes);
  const swappiness = sc.swappiness >= 0 ? sc.swappiness : memcgSwappiness(k, memcg);
  const balance = chooseBalance(k, memcg, swappiness, sc);
  let ap = 0;
  let fp = 0;
  if (balance === SCAN_FRACT) {
    const total = sc.anonCost + sc.fileCost;
    const anonCost = total + sc.anonCost;
    const fileCost = total + sc.fileCost;
    ap = Math.floor((swappiness * (anonCost + fileCost + 1)) / (anonCost + 1));
    fp = Math.floor(((MAX_SWAPPINESS - swappiness) * (anonCost + fileCost + 1)) / (fileCost + 1));
  }
  const isOnline = k.memcg.state[memcg] === MEMCG_ONLINE;
  for (let list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) {
    const isFile = list >= LRU_INACTIVE_FILE;
    const size = eligibleSize(k, lruvec, list, sc.reclaimIdx);
    let scan = unprotected(k, memcg, size, sc) >>> sc.priority;
    if (scan === 0 && !isOnline) scan = Math.min(size, SWAP_CLUSTER_MAX);
    if (balance === SCAN_FRACT) {
      const share = (scan * (isFile ? fp : ap)) / (ap + fp);
      scan = isOnline ? Math.floor(share) : Math.ceil(share);
    } else if (balance !== SCAN_EQUAL && (balance === SCAN_FILE) !== isFile) scan = 0;
    k.reclaim.toScan[list] = scan;
  }
}

/** Which kind of page the scan is for. */
function chooseBalance(k: ReclaimState, memcg: number, swappiness: number, sc: ScanControl): number {
  const swap = memcg === ROOT_MEMCG ? nrSwapPages(k) : memcgSwapPages(k, memcg);
  if (!sc.maySwap || swap <= 0) return SCAN_FILE;
  if (sc.isCgroup && swappiness === 0) return SCAN_FILE;
  if (sc.priority === 0 && swappiness !== 0) return SCAN_EQUAL;
  if (sc.fileIsTiny) return SCAN_ANON;
  return sc.cacheTrimMode ? SCAN_FILE : SCAN_FRACT;
}

/** Pages of a list that lie in zones the allocation may use. */
function eligibleSize(k: ReclaimState, lruvec: Lruvec, list: number, highest: number): number {
  let size = 0;
  for (let type = 0; type <= highest; type++)
    size += k.lruvec.zoneSize[(lruvec * 4 + type) * NR_LRU_LISTS + list];
  return size;
}

/** The part of a list that the cgroup's memory.min and memory.low leave to reclaim. */
function unprotected(k: ReclaimState, memcg: number, size: number, sc: ScanControl): number {
  if (memcg === sc.memcg) return size;
  const min = k.memcg.emin[memcg];
  const low = k.memcg.elow[memcg];
  if (min === 0 && low === 0) return size;
  let protection = min;
  if (!sc.lowReclaim && low > min) {
    protection = low;
    sc.lowSkipped = true;
  }
  const usage = Math.max(k.memcg.usage[memcg], protection);
  return Math.max(size - Math.floor((size * protection) / (usage + 1)), SWAP_CLUSTER_MAX);
}

/** A part of one list. Returns pages freed. */
function shrinkList(k: ReclaimState, lruvec: Lruvec, list: number, count: number, sc: ScanControl): number {
  if (list !== LRU_ACTIVE_ANON && list !== LRU_ACTIVE_FILE)
    return shrinkInactiveList(k, lruvec, list, count, sc);
  if ((sc.mayDeactivate & (list === LRU_ACTIVE_ANON ? DEACTIVATE_ANON : 2)) !== 0)
    shrinkActiveList(k, lruvec, list, count, sc);
  else sc.skippedDeactivate = true;
  return 0;
}

/** Takes pages off the end of an inactive list, frees what it can and puts the rest back. */
function shrinkInactiveList(
  k: ReclaimState,
  lruvec: Lruvec,
  list: number,
  count: number,
  sc: ScanControl,
): number {
  const { nodes } = k.lruvec;
  const node = lruvec % nodes;
  const memcg = Math.floor(lruvec / nodes);
  const file = list === LRU_INACTIVE_FILE ? 1 : 0;
  const { event } = k.vmstat;
  const { stat, kept } = k.reclaim;
  lruAddDrain(k);
  const taken = isolate(k, lruvec, list, count, sc);
  const scanned = k.reclaim.targets[7];
  if (!sc.isCgroup) event[sc.isKswapd ? PGSCAN_KSWAPD : PGSCAN_DIRECT] += scanned;
  countMemcgEvents(k, memcg, sc.isKswapd ? PGSCAN_KSWAPD : PGSCAN_DIRECT, scanned);
  event[PGSCAN_ANON + file] += scanned;
  if (taken === 0) return 0;
  k.vmstat.node[node * NR_NODE_ITEMS + NR_ISOLATED_ANON + file] += taken;
  const freed = shrinkFolioList(k, taken, sc, node, false);
  for (let i = 0; i < taken - freed; i++) putBack(k, kept[i]);
  k.vmstat.node[node * NR_NODE_ITEMS + NR_ISOLATED_ANON + file] -= taken;
  if (!sc.isCgroup) event[sc.isKswapd ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT] += freed;
  countMemcgEvents(k, memcg, sc.isKswapd ? PGSTEAL_KSWAPD : PGSTEAL_DIRECT, freed);
  event[PGSTEAL_ANON + file] += freed;
  lruNoteCost(k, lruvec, file === 1, stat[STAT_PAGEOUT], scanned - freed);
  if (stat[STAT_UNQUEUED_DIRTY] === taken) {
    // Nobody writes what is in the way. In version 1 this is what slows down those who dirty a cgroup's pages.
    wakeAllFlushers(k);
    if (sc.isCgroup && isLegacy(k)) throttleForWriteback(k, node);
  }
  sc.dirty += stat[STAT_DIRTY];
  sc.congested += stat[STAT_CONGESTED];
  sc.unqueuedDirty += stat[STAT_UNQUEUED_DIRTY];
  sc.writeback += stat[STAT_WRITEBACK];
  sc.immediate += stat[STAT_IMMEDIATE];
  sc.taken += taken;
  if (file === 1) sc.fileTaken += taken;
  return freed;
}

/** Moves pages from the end of an active list to the inactive one; executable file pages that were used get another round. */
export function shrinkActiveList(
  k: ReclaimState,
  lruvec: Lruvec,
  list: number,
  count: number,
  sc: ScanControl,
): void {
  const { nodes } = k.lruvec;
  const node = lruvec % nodes;
  const memcg = Math.floor(lruvec / nodes);
  const file = list === LRU_ACTIVE_FILE;
  const { isolated, kept } = k.reclaim;
  lruAddDrain(k);
  const taken = isolate(k, lruvec, list, count, sc);
  const scanned = k.reclaim.targets[7];
  if (!sc.isCgroup) k.vmstat.event[PGREFILL] += scanned;
  countMemcgEvents(k, memcg, PGREFILL, scanned);
  const counter = node * NR_NODE_ITEMS + NR_ISOLATED_ANON + (file ? 1 : 0);
  k.vmstat.node[counter] += taken;
  let rotated = 0;
  let deactivated = 0;
  for (let i = 0; i < taken; i++) {
    const pfn = isolated[i];
    const at = pfn * PAGE_WORDS + FLAGS;
    const isUsed = folioReferenced(k, pfn, sc.memcg) !== 0;
    if (isUsed && (k.lruvec.referencedFlags[0] & VM_EXEC) !== 0 && (k.page[at] & PG_swapbacked) === 0) {
      // Pages that stay go back first, in front of those that leave.
      kept[rotated++] = pfn;
      continue;
    }
    k.page[at] = (k.page[at] & ~PG_active) | PG_workingset;
    isolated[deactivated++] = pfn;
  }
  for (let i = 0; i < rotated; i++) putBack(k, kept[i]);
  let moved = 0;
  for (let i = 0; i < deactivated; i++) if (putBack(k, isolated[i])) moved++;
  k.vmstat.event[PGDEACTIVATE] += moved;
  countMemcgEvents(k, memcg, PGDEACTIVATE, moved);
  k.vmstat.node[counter] -= taken;
  spend(k, CAUSE_RECLAIM, taken * COST_SCAN_PAGE);
  if (rotated !== 0) lruNoteCost(k, lruvec, file, 0, rotated);
}

/**
 * Takes up to `count` pages off the end of a list into `k.reclaim.isolated`, each with a reference more. Pages of zones that are not
 * wanted do not count; they and those that cannot be taken go to the head. Pages looked at are left in
 * `k.reclaim.targets[7]`. Returns the pages taken (Linux: isolate_lru_folios).
 */
function isolate(k: ReclaimState, lruvec: Lruvec, list: number, count: number, sc: ScanControl): number {
  const row = lruvec * NR_LRU_LISTS + list;
  const { page } = k;
  const { tail } = k.lruvec;
  const { isolated, kept } = k.reclaim;
  let scanned = 0;
  let total = 0;
  let taken = 0;
  let skipped = 0;
  let zone = 0;
  let run = 0;
  while (scanned < count && tail[row] !== 0) {
    const pfn = tail[row];
    const record = pfn * PAGE_WORDS;
    const flags = page[record + FLAGS];
    const own = flags >>> PG_ZONE_SHIFT;
    total++;
    unlink(k, pfn, row);
    if (((own - 1) & 3) > sc.reclaimIdx) {
      k.vmstat.event[PGSCAN_SKIP_DMA + ((own - 1) & 3)]++;
      kept[skipped++] = pfn;
      if (skipped === kept.length) break;
      continue;
    }
    scanned++;
    if (!sc.mayUnmap && page[record + MAPCOUNT] !== 0) {
      linkAtHead(k, pfn, row);
      continue;
    }
    if (own !== zone) {
      if (run !== 0) countLru(k, lruvec, zone, list, -run);
      zone = own;
      run = 0;
    }
    run++;
    page[record + FLAGS] = flags & ~PG_lru;
    page[record + REFCOUNT]++;
    page[record + NEXT] = 0;
    page[record + PREV] = 0;
    isolated[taken++] = pfn;
  }
  if (run !== 0) countLru(k, lruvec, zone, list, -run);
  // The skipped ones return to the head in the order they had.
  for (let i = 0; i < skipped; i++) linkAtHead(k, kept[i], row);
  k.reclaim.targets[7] = total;
  return taken;
}

/** Puts an isolated page on the list its flags say; the last reference frees it instead. Returns whether it is on a list. */
export function putBack(k: ReclaimState, pfn: number): boolean {
  const record = pfn * PAGE_WORDS;
  const { page } = k;
  if (--page[record + REFCOUNT] === 0) {
    page[record + FLAGS] &= ~(PG_active | PG_unevictable);
    cleanRecord(k, pfn);
    freePage(k, pfn);
    return false;
  }
  lruvecAdd(k, pfn);
  if ((page[record + FLAGS] & PG_active) !== 0) {
    const node = ((page[record + FLAGS] >>> PG_ZONE_SHIFT) - 1) >> 2;
    ageNonresident(k, k.pageMemcg[pfn] * k.lruvec.nodes + node, 1);
  }
  return true;
}
