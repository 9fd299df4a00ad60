/**
 * memory.high: a cgroup above it is not refused anything, but whoever charges to it reclaims, and sleeps the longer the
 * further it is above.
 *
 *   overage = (usage - high) / high          delay = overage² seconds (the shifts make 10 % above cost 639 ms of 64 pages)
 *
 * Differs: a fault reclaims when its page is charged, just before that is mapped; Linux when the task goes back to its program.
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.high)
 */
import { type Memcg, NONE, ROOT_MEMCG } from "../base/types.ts";
import { CAUSE_RECLAIM_WAIT } from "../hw/clock.ts";
import { idleUntil } from "../reclaim/flusher.ts";
import { __GFP_DIRECT_RECLAIM } from "../reclaim/gfp.ts";
import { psiMemstallEnter, psiMemstallLeave } from "../reclaim/psi.ts";
import { MAX_RECLAIM_RETRIES, SWAP_CLUSTER_MAX } from "../reclaim/scan-control.ts";
import { MEMCG_RECLAIM_MAY_SWAP, tryToFreeMemcgPages } from "../reclaim/vmscan.ts";
import { MEMCG_CHARGE_BATCH, MEMCG_HIGH, MEMCG_SWAP_HIGH, memcgEvent } from "../space/memcg.ts";
import type { AllocState } from "./state.ts";

/** Timer ticks a second in Debian's configuration (CONFIG_HZ), and their length. */
const HZ = 250;
const TICK_NS = 4000000;
/** Longest and shortest sleep, in ticks (Linux: MEMCG_MAX_HIGH_DELAY_JIFFIES; one hundredth of a second is let pass). */
const MOST_DELAY = 2 * HZ;
const LEAST_DELAY = Math.floor(HZ / 100);
/** Binary places of an overage, and what its square is shifted by besides. */
const PRECISION_SHIFT = 20n;
const SCALING_SHIFT = 14n;

const SWAP_TOO = { flags: MEMCG_RECLAIM_MAY_SWAP, swappiness: -1 };

/** A batch of pages was charged: notes it against the running task when the cgroup, or one above it, is above its high limit. */
export function noteOverHigh(k: AllocState, memcg: Memcg, batch: number, gfp: number): void {
  const { usage, high, swapUsage, swapHigh, parent } = k.memcg;
  const task = k.task.cpuTask[k.boot[2]];
  if (task === NONE) return;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    if (usage[at] <= high[at] && swapUsage[at] <= swapHigh[at]) continue;
    k.task.overHigh[task] += batch;
    // A call that charges much is held up in its middle, not only at its end.
    if (
      k.task.overHigh[task] > MEMCG_CHARGE_BATCH &&
      k.reclaim.inside[0] === 0 &&
      (gfp & __GFP_DIRECT_RECLAIM) !== 0
    )
      handleOverHigh(k, gfp);
    return;
  }
}

/** Reclaims for what the running task has charged above the limit, then lets it sleep (Linux: mem_cgroup_handle_over_high). */
export function handleOverHigh(k: AllocState, gfp: number): void {
  const task = k.task.cpuTask[k.boot[2]];
  const pages = k.task.overHigh[task];
  k.task.overHigh[task] = 0;
  const mm = k.task.mm[task];
  if (pages === 0 || mm === NONE) return;
  const memcg = k.mm.memcg[mm];
  let wanted = pages;
  for (let retries = MAX_RECLAIM_RETRIES; ; ) {
    const reclaimed = reclaimHigh(k, memcg, wanted, gfp);
    const ticks = Math.min(
      MOST_DELAY,
      highDelay(pages, memoryOverage(k, memcg)) + highDelay(pages, swapOverage(k, memcg)),
    );
    if (ticks <= LEAST_DELAY) return;
    if (reclaimed === 0 && retries-- === 0) {
      const hasEntered = psiMemstallEnter(k);
      idleUntil(k, k.clock.ns[0] + ticks * TICK_NS, CAUSE_RECLAIM_WAIT);
      psiMemstallLeave(k, hasEntered);
      return;
    }
    wanted = SWAP_CLUSTER_MAX;
  }
}

/** Ticks that a task owes for so many pages, given the largest overage as a fraction of 2^20. */
export function highDelay(pages: number, overage: number): number {
  if (overage === 0) return 0;
  // The kernel's product has 64 bits and may wrap when the limit is a few pages.
  const square = BigInt.asUintN(64, BigInt(overage) * BigInt(overage) * BigInt(HZ));
  const ticks = (square >> PRECISION_SHIFT) >> SCALING_SHIFT;
  return Number(BigInt.asUintN(64, ticks * BigInt(pages)) / BigInt(MEMCG_CHARGE_BATCH));
}

/** How far usage is above the limit, as a fraction of 2^20 of the limit (Linux: calculate_overage). */
export function overageOf(usage: number, high: number): number {
  if (usage <= high) return 0;
  const limit = Math.max(high, 1);
  return Math.floor(((usage - limit) * 1048576) / limit);
}

/** Reclaims in every cgroup from this one up that is above its limit. Returns the pages freed. */
function reclaimHigh(k: AllocState, memcg: Memcg, pages: number, gfp: number): number {
  const { usage, high, parent } = k.memcg;
  let reclaimed = 0;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    if (usage[at] <= high[at]) continue;
    memcgEvent(k, at, MEMCG_HIGH);
    reclaimed += tryToFreeMemcgPages(k, at, pages, gfp, SWAP_TOO);
  }
  return reclaimed;
}

function memoryOverage(k: AllocState, memcg: Memcg): number {
  const { usage, high, parent } = k.memcg;
  let most = 0;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at])
    most = Math.max(most, overageOf(usage[at], high[at]));
  return most;
}

function swapOverage(k: AllocState, memcg: Memcg): number {
  const { swapUsage, swapHigh, parent } = k.memcg;
  let most = 0;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    const overage = overageOf(swapUsage[at], swapHigh[at]);
    if (overage !== 0) memcgEvent(k, at, MEMCG_SWAP_HIGH);
    most = Math.max(most, overage);
  }
  return most;
}
