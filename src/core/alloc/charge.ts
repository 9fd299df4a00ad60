/**
 * Charging memory to a cgroup before it is used. A charge takes a batch of 64 pages at once and keeps what it does not need
 * in the CPU's stock; at a limit it reclaims, and when that does not help the cgroup is out of memory.
 *
 *   stock -> batch of 64 -> just what is asked -> reclaim, then again -> stocks of all CPUs, then again -> -ENOMEM
 *
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.max)
 */
import { ENOMEM } from "../base/errno.ts";
import { type Memcg, type Mm, PAGE_SIZE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { PGPGIN } from "../frame/vmstat.ts";
import {
  __GFP_DIRECT_RECLAIM,
  __GFP_HIGH,
  __GFP_NOFAIL,
  __GFP_NORETRY,
  __GFP_RETRY_MAYFAIL,
  GFP_KERNEL,
} from "../reclaim/gfp.ts";
import { memcgOutOfMemory } from "../reclaim/oom-kill.ts";
import { currentTask, isDying } from "../reclaim/oom-task.ts";
import { MAX_RECLAIM_RETRIES } from "../reclaim/scan-control.ts";
import { MEMCG_RECLAIM_MAY_SWAP, tryToFreeMemcgPages } from "../reclaim/vmscan.ts";
import { drainObjectStocks, fillObjectStock, givePages, hasObjectStock, ownPages } from "../space/kmem.ts";
import {
  commitCharge,
  commitKernelCharge,
  consumeStock,
  drainAllStock,
  MEMCG_CHARGE_BATCH,
  MEMCG_MAX,
  MEMCG_OOM,
  memcgEvent,
  memcgMargin,
  nextMemcg,
  noteCharge,
  refillStock,
} from "../space/memcg.ts";
import { CHARGED, chargePastLimits, limitedBy, tryCharge } from "../space/memcg-charge.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { currentMemcg } from "../space/memcg-current.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { signalWatches, WATCH_OOM } from "../space/memcg-watch.ts";
import { handleOverHigh, noteOverHigh } from "./memcg-high.ts";
import type { AllocState } from "./state.ts";

/** Pages up to which reclaim that made progress is worth another try, and somebody's life (Linux: 1 << PAGE_ALLOC_COSTLY_ORDER). */
const CHEAP_PAGES = 8;
/** Allocations that are charged past the limit rather than refused. */
const MUST = __GFP_NOFAIL | __GFP_HIGH;
const SWAP_TOO = { flags: MEMCG_RECLAIM_MAY_SWAP, swappiness: -1 };
const NO_SWAP = { flags: 0, swappiness: -1 };

/**
 * Charges a new page of an address space to its cgroup, and makes good for what is above memory.high. Returns 0 or
 * -ENOMEM; the page is the caller's in both cases.
 */
export function chargeFolio(k: AllocState, pfn: Pfn, mm: Mm, gfp: number): number {
  const memcg = k.mm.memcg[mm];
  if (memcg === ROOT_MEMCG) return 0;
  const error = chargeFolioTo(k, pfn, memcg, gfp);
  if (error === 0 && k.task.overHigh[k.task.cpuTask[k.boot[2]]] !== 0) handleOverHigh(k, GFP_KERNEL);
  return error;
}

/** The same for a cgroup that is known; above memory.high it is the task's way back to its program that reclaims. */
export function chargeFolioTo(k: AllocState, pfn: Pfn, memcg: Memcg, gfp: number): number {
  if (memcg === ROOT_MEMCG) return 0;
  const error = chargeMemcg(k, memcg, gfp, 1);
  if (error === 0) {
    commitCharge(k, pfn, memcg);
    countMemcgEvents(k, memcg, PGPGIN, 1);
    noteCharge(k, pfn, memcg);
  }
  return error;
}

/** Charges a new page of the kernel's own to the running task's cgroup. Returns 0 or -ENOMEM. */
export function chargeKernelPage(k: AllocState, pfn: Pfn, gfp: number): number {
  const memcg = currentMemcg(k);
  if (memcg === ROOT_MEMCG) return 0;
  const error = chargeMemcg(k, memcg, gfp, 1);
  if (error === 0) commitKernelCharge(k, pfn, memcg);
  return error;
}

/**
 * Sees to it that objects of so many bytes find room when they are charged to the running task's cgroup. Returns 0, or
 * -ENOMEM when nothing can be reclaimed. Pages for them go to the CPU's stock of bytes (Linux: obj_cgroup_charge).
 */
export function roomForObjects(k: AllocState, bytes: number, gfp: number = GFP_KERNEL): number {
  const memcg = currentMemcg(k);
  if (bytes === 0 || memcg === ROOT_MEMCG || hasObjectStock(k, memcg, bytes)) return 0;
  const pages = Math.ceil(bytes / PAGE_SIZE);
  const error = chargeMemcg(k, memcg, gfp, pages);
  if (error === 0) fillObjectStock(k, memcg, pages);
  return error;
}

/**
 * Charges pages of the kernel's own that have no frames to the running task's cgroup, one at a time (Linux:
 * memcg_charge_kernel_stack). Returns the cgroup, or -ENOMEM with nothing charged.
 */
export function chargeKernelPages(k: AllocState, count: number): Memcg {
  const memcg = currentMemcg(k);
  if (memcg === ROOT_MEMCG) return ROOT_MEMCG;
  for (let done = 0; done < count; done++) {
    if (chargeMemcg(k, memcg, GFP_KERNEL, 1) < 0) {
      if (done > 0) givePages(k, memcg, done);
      return -ENOMEM;
    }
    ownPages(k, memcg, 1);
  }
  return memcg;
}

/** Charges pages to a cgroup and all above it. Returns 0 or -ENOMEM (Linux: try_charge_memcg). */
export function chargeMemcg(k: AllocState, memcg: Memcg, gfp: number, pages: number): number {
  if (consumeStock(k, memcg, pages)) return 0;
  let batch = Math.max(MEMCG_CHARGE_BATCH, pages);
  for (;;) {
    const over = tryCharge(k, memcg, batch);
    if (over === CHARGED) {
      if (batch > pages) refillStock(k, memcg, batch - pages);
      noteOverHigh(k, memcg, batch, gfp);
      return 0;
    }
    if (batch === pages) return chargeAtLimit(k, memcg, over, pages, gfp);
    batch = pages;
    if (consumeStock(k, memcg, pages)) return 0;
  }
}

/** There is no room below the limit of `first`: reclaims and tries again until there is, or until it does not help. */
function chargeAtLimit(k: AllocState, memcg: Memcg, first: number, pages: number, gfp: number): number {
  const isInside = k.reclaim.inside[0] !== 0;
  const mayWait = !isInside && (gfp & __GFP_DIRECT_RECLAIM) !== 0;
  if (mayWait && chargeWithReclaim(k, memcg, first, pages, gfp)) return 0;
  // What reclaim itself needs, and what must not fail, goes past the limit.
  if (!isInside && (gfp & MUST) === 0) return -ENOMEM;
  if (!mayWait) memcgEvent(k, limitedBy(first), MEMCG_MAX);
  chargePastLimits(k, memcg, pages);
  return 0;
}

/** Memory is out in a cgroup: who watches it or a cgroup below is told (Linux: mem_cgroup_oom_notify). */
export function tellOutOfMemory(k: AllocState, memcg: Memcg): void {
  if (!isLegacy(k)) return;
  for (let at = memcg; at >= 0; at = nextMemcg(k, memcg, at)) signalWatches(k, at, WATCH_OOM);
}

/** What a charge that met a limit has tried so far. */
interface Attempt {
  readonly pages: number;
  readonly gfp: number;
  retries: number;
  isDrained: boolean;
  /** Somebody was killed for it. */
  hasKilled: boolean;
}

/** Returns false when reclaim makes no room. */
function chargeWithReclaim(k: AllocState, memcg: Memcg, first: number, pages: number, gfp: number): boolean {
  const attempt: Attempt = {
    pages,
    gfp,
    retries: MAX_RECLAIM_RETRIES,
    isDrained: false,
    hasKilled: false,
  };
  let refused = first;
  let options = SWAP_TOO;
  for (;;) {
    // Swapping does not make memory+swap smaller.
    if (refused < 0) options = NO_SWAP;
    const over = limitedBy(refused);
    memcgEvent(k, over, MEMCG_MAX);
    const freed = tryToFreeMemcgPages(k, over, pages, gfp, options);
    if (memcgMargin(k, over) < pages && !mayRetry(k, over, freed, attempt)) return false;
    if (consumeStock(k, memcg, pages)) return true;
    refused = tryCharge(k, memcg, pages);
    if (refused !== CHARGED) continue;
    noteOverHigh(k, memcg, pages, gfp);
    return true;
  }
}

/** Reclaim that freed so much has not made room below the limit of `over`: whether another try is worth it. */
function mayRetry(k: AllocState, over: Memcg, freed: number, attempt: Attempt): boolean {
  const { pages, gfp } = attempt;
  if (!attempt.isDrained) {
    drainObjectStocks(k, over);
    drainAllStock(k, over);
    attempt.isDrained = true;
    return true;
  }
  if ((gfp & __GFP_NORETRY) !== 0) return false;
  if ((freed > 0 && pages <= CHEAP_PAGES) || attempt.retries-- > 0) return true;
  if ((gfp & __GFP_RETRY_MAYFAIL) !== 0) return false;
  if (attempt.hasKilled && isDying(k, currentTask(k))) return false;
  if (pages > CHEAP_PAGES) return false;
  memcgEvent(k, over, MEMCG_OOM);
  if (k.memcg.oomKillDisable[over] !== 0) {
    k.task.memcgInOom[currentTask(k)] = over;
    return false;
  }
  tellOutOfMemory(k, over);
  if (!memcgOutOfMemory(k, over, gfp, Math.ceil(Math.log2(pages)))) return false;
  attempt.hasKilled = true;
  attempt.retries = MAX_RECLAIM_RETRIES;
  return true;
}
