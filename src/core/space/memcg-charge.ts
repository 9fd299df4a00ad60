/**
 * One charge to everything that a cgroup counts it in: memory and, with version 1, memory and swap together.
 *
 *   memory+swap is at its limit     refused; reclaim that swaps would not help
 *   memory is                       refused; what memory+swap was charged is taken back
 *
 * Linux: mm/memcontrol.c try_charge_memcg (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import type { Memcg } from "../base/types.ts";
import { chargeCounter, tryChargeCounter } from "./memcg.ts";
import { chargeMemsw, isLegacy, tryChargeMemsw, unchargeMemsw } from "./memcg-v1.ts";
import type { SpaceState } from "./state.ts";

/** Answers of tryCharge: done; and what a cgroup's row is taken from when its memory+swap is at its limit. */
export const CHARGED = -1;
const MEMSW = -2;

/**
 * Charges pages to a cgroup and all above it, or nothing. Returns CHARGED, the cgroup whose memory is at its limit, or a
 * smaller number than CHARGED when it is memory+swap of a cgroup: limitedBy says which one.
 */
export function tryCharge(k: SpaceState, memcg: Memcg, pages: number): number {
  if (!isLegacy(k)) return tryChargeCounter(k, memcg, pages);
  const over = tryChargeMemsw(k, memcg, pages);
  if (over >= 0) return MEMSW - over;
  const overMemory = tryChargeCounter(k, memcg, pages);
  if (overMemory >= 0) unchargeMemsw(k, memcg, pages);
  return overMemory;
}

/** The cgroup that an answer of tryCharge other than CHARGED speaks of. */
export function limitedBy(refused: number): Memcg {
  return refused < 0 ? MEMSW - refused : refused;
}

/** Charges past every limit. */
export function chargePastLimits(k: SpaceState, memcg: Memcg, pages: number): void {
  chargeCounter(k, memcg, pages);
  if (isLegacy(k)) chargeMemsw(k, memcg, pages);
}
