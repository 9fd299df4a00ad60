/**
 * The controller of MGLRU: which kind of page eviction takes and up to which tier, by how many of those evicted came back.
 *
 *   position = what came back / what was evicted or protected:  of the generation being evicted (proportional)
 *                                                               plus half of the sum before, and so on (integral)
 *   a kind or tier may go when its position is not above that of the first tier it is held against, each by its gain
 *
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Lruvec } from "../base/types.ts";
import { MAX_NR_TIERS, MIN_LRU_BATCH } from "./lru-gen.ts";
import type { SpaceState } from "./state.ts";

/** Where a tier stands: pages that came back, pages that went or were spared, and the weight of both. */
export interface ControlPosition {
  readonly refaulted: number;
  readonly total: number;
  readonly gain: number;
}

/** Position of a tier of a kind of page (Linux: read_ctrl_pos). */
export function readPosition(
  k: SpaceState,
  lruvec: Lruvec,
  type: number,
  tier: number,
  gain: number,
): ControlPosition {
  const g = k.lruGen;
  const at = lruvec * 8 + type * MAX_NR_TIERS + tier;
  return {
    refaulted: g.avgRefaulted[at] + g.refaulted[at],
    total: g.avgTotal[at] + g.evicted[at] + g.protectedPages[at],
    gain,
  };
}

/** The oldest generation of a kind has gone: its counts become half of the averages (Linux: reset_ctrl_pos). */
export function carryPositions(k: SpaceState, lruvec: Lruvec, type: number): void {
  const g = k.lruGen;
  const first = lruvec * 8 + type * MAX_NR_TIERS;
  for (let at = first; at < first + MAX_NR_TIERS; at++) {
    g.avgRefaulted[at] = Math.floor((g.avgRefaulted[at] + g.refaulted[at]) / 2);
    g.avgTotal[at] = Math.floor((g.avgTotal[at] + g.evicted[at] + g.protectedPages[at]) / 2);
    g.refaulted[at] = 0;
    g.evicted[at] = 0;
    g.protectedPages[at] = 0;
  }
}

/**
 * Whether what `variable` stands for may be evicted as `setPoint` is: few of it came back, or a smaller part
 * (Linux: positive_ctrl_err).
 */
export function mayEvict(setPoint: ControlPosition, variable: ControlPosition): boolean {
  return (
    variable.refaulted < MIN_LRU_BATCH ||
    variable.refaulted * (setPoint.total + MIN_LRU_BATCH) * setPoint.gain <=
      (setPoint.refaulted + 1) * variable.total * variable.gain
  );
}

/** The last tier of a kind that may go as its first does; others must come back twice as often (Linux: get_tier_idx). */
export function lastTier(k: SpaceState, lruvec: Lruvec, type: number): number {
  return lastTierAgainst(k, lruvec, type, 2, readPosition(k, lruvec, type, 0, 1));
}

/** The last tier of a kind, weighed with `gain`, that may go as `setPoint` does. */
export function lastTierAgainst(
  k: SpaceState,
  lruvec: Lruvec,
  type: number,
  gain: number,
  setPoint: ControlPosition,
): number {
  let tier = 1;
  while (tier < MAX_NR_TIERS && mayEvict(setPoint, readPosition(k, lruvec, type, tier, gain))) tier++;
  return tier - 1;
}
