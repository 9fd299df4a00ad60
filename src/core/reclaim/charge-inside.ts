/**
 * Charges that reclaim itself makes: for compressed bytes, and for pages that are made to be written. They go past any limit, because
 * what they are for gives memory back.
 * Linux: mm/memcontrol.c try_charge_memcg (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { type Memcg, PAGE_SIZE, ROOT_MEMCG } from "../base/types.ts";
import { consumeStock, MEMCG_CHARGE_BATCH, MEMCG_MAX, memcgEvent, refillStock } from "../space/memcg.ts";
import { CHARGED, chargePastLimits, limitedBy, tryCharge } from "../space/memcg-charge.ts";
import { consumeBytes, noteZswapCharge, refillBytes } from "../space/zswap.ts";
import type { ReclaimState } from "./state.ts";

/** Charges pages to a cgroup and all above it, past their limits if it must be. */
export function chargeInside(k: ReclaimState, memcg: Memcg, pages: number): void {
  if (memcg === ROOT_MEMCG || consumeStock(k, memcg, pages)) return;
  if (tryCharge(k, memcg, MEMCG_CHARGE_BATCH) === CHARGED) {
    refillStock(k, memcg, MEMCG_CHARGE_BATCH - pages);
    return;
  }
  const refused = tryCharge(k, memcg, pages);
  if (refused === CHARGED) return;
  memcgEvent(k, limitedBy(refused), MEMCG_MAX);
  chargePastLimits(k, memcg, pages);
}

/** Charges compressed bytes to a cgroup (Linux: obj_cgroup_charge). */
export function chargeBytesInside(k: ReclaimState, memcg: Memcg, bytes: number): void {
  if (consumeBytes(k, memcg, bytes)) return;
  const pages = Math.ceil(bytes / PAGE_SIZE);
  chargeInside(k, memcg, pages);
  noteZswapCharge(k, memcg, pages);
  if (pages * PAGE_SIZE > bytes) refillBytes(k, memcg, pages * PAGE_SIZE - bytes, false);
}
