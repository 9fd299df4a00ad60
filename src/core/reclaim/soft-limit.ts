/**
 * Reclaim of the machine begins, with version 1 and the classic LRU, at the cgroup that is furthest above its soft limit:
 * all its pages are looked at, and those of the cgroups below it, until it is below the limit or a quarter of what it has
 * in excess is free.
 * Linux: mm/memcontrol-v1.c memcg1_soft_limit_reclaim, mm/vmscan.c mem_cgroup_shrink_node (6.12)
 * Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 7. Soft limits
 */
import type { Memcg, Node } from "../base/types.ts";
import { isLruGen } from "../space/lru-gen.ts";
import { lruvecOf } from "../space/lru-list.ts";
import { iterReclaim } from "../space/memcg.ts";
import { insertExceeded, isExceeded, softExcess, takeLargestExceeded } from "../space/memcg-soft.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { GFP_HIGHUSER_MOVABLE, GFP_RECLAIM_MASK } from "./gfp.ts";
import { shrinkLruvec } from "./policy/classic.ts";
import { createScan, SWAP_CLUSTER_MAX } from "./scan-control.ts";
import type { ReclaimState, ScanControl } from "./state.ts";

/** Rounds through the cgroups below one, and cgroups that give nothing, before it is left at that. */
const MOST_ROUNDS = 100;
const MOST_VAIN = 2;

/** Reclaims where soft limits are exceeded on a node. Returns pages freed and looked at. */
export function softLimitReclaim(
  k: ReclaimState,
  node: Node,
  sc: ScanControl,
): { readonly reclaimed: number; readonly scanned: number } {
  const total = { reclaimed: 0, scanned: 0 };
  if (!isLegacy(k) || isLruGen(k) || sc.order > 0) return total;
  let next = -1;
  for (let loop = 1; ; loop++) {
    const memcg = next >= 0 ? next : takeLargestExceeded(k, node);
    if (memcg < 0) return total;
    const reclaimed = reclaimBelow(k, memcg, node, sc, total);
    total.reclaimed += reclaimed;
    next = reclaimed === 0 ? takeLargestExceeded(k, node) : -1;
    // Its place is another one now; a charge may have put it back already.
    if (!isExceeded(k, memcg, node)) insertExceeded(k, memcg, node, softExcess(k, memcg));
    if (total.reclaimed > 0 || next < 0 || loop > MOST_VAIN) return total;
  }
}

/** Reclaims from a cgroup and those below it, each as a whole. Returns the pages freed (Linux: mem_cgroup_soft_reclaim). */
function reclaimBelow(
  k: ReclaimState,
  root: Memcg,
  node: Node,
  sc: ScanControl,
  total: { scanned: number },
): number {
  const excess = softExcess(k, root);
  let reclaimed = 0;
  let loop = 0;
  let victim = iterReclaim(k, root, node, true);
  for (;;) {
    if (victim >= 0) {
      const run = createScan({
        nrToReclaim: SWAP_CLUSTER_MAX,
        gfp: (sc.gfp & GFP_RECLAIM_MASK) | (GFP_HIGHUSER_MOVABLE & ~GFP_RECLAIM_MASK),
        memcg: victim,
        isCgroup: true,
        isKswapd: sc.isKswapd,
        priority: 0,
      });
      shrinkLruvec(k, lruvecOf(k, victim, node), run);
      reclaimed += run.nrReclaimed;
      total.scanned += run.nrScanned;
      if (softExcess(k, root) === 0) return reclaimed;
      victim = iterReclaim(k, root, node, false);
      continue;
    }
    loop++;
    if (loop >= 2 && (reclaimed === 0 || reclaimed >= Math.floor(excess / 4) || loop > MOST_ROUNDS))
      return reclaimed;
    victim = iterReclaim(k, root, node, true);
  }
}
