/**
 * Shadows that go: those beyond the end of a file that was cut short, and nodes that hold nothing else when there are too
 * many of them. The nodes are uncharged with them.
 * Linux: mm/truncate.c, mm/workingset.c (shadow_lru_isolate) (6.12)   Doc: the theory stands at the top of mm/workingset.c
 */
import { type Inode, type Lruvec, NONE } from "../base/types.ts";
import { xaDropLeaf, xaErase, xaLastLeaf, xaLeafSlot, xaLoad, xaNext, xaNodes } from "../base/xarray.ts";
import { NR_NODE_ITEMS, WORKINGSET_NODERECLAIM } from "../frame/vmstat.ts";
import { unchargeNodes } from "./kmem-nodes.ts";
import { countNodes, freeShadow, takeOff, updateShadowNode } from "./shadow-nodes.ts";
import type { SpaceState } from "./state.ts";

/** Slots of a node. */
const SLOTS = 64;
const LAST_INDEX = Number.MAX_SAFE_INTEGER;

/** Forgets the evicted pages of the file from page `index` on. */
export function dropShadows(k: SpaceState, inode: Inode, index: number): void {
  const { file: f } = k;
  let at = xaNext(k.xarray, f.pages[inode], index, LAST_INDEX);
  while (at >= 0) {
    const row = -xaLoad(k.xarray, f.pages[inode], at);
    if (row > 0) {
      freeShadow(k, row);
      const before = xaNodes(k.xarray);
      f.pages[inode] = xaErase(k.xarray, f.pages[inode], at);
      updateShadowNode(k, inode, xaLastLeaf(k.xarray), -1);
      unchargeNodes(k, inode, before);
    }
    at = xaNext(k.xarray, f.pages[inode], at + 1, LAST_INDEX);
  }
}

/** Frees up to `most` nodes of shadows of a lruvec, oldest first, with what they remember. Returns how many. */
export function reclaimShadowNodes(k: SpaceState, lruvec: Lruvec, most: number): number {
  const s = k.shadow;
  let freed = 0;
  while (freed < most && s.listHead[lruvec] !== NONE) {
    const leaf = s.listHead[lruvec];
    const inode = s.nodeOwner[leaf];
    takeOff(s, leaf);
    countNodes(k, leaf, -1);
    for (let slot = 0; slot < SLOTS; slot++) {
      const row = -xaLeafSlot(k.xarray, leaf, slot);
      if (row > 0) freeShadow(k, row);
    }
    s.nodeShadows[leaf] = 0;
    const before = xaNodes(k.xarray);
    k.file.pages[inode] = xaDropLeaf(k.xarray, k.file.pages[inode], leaf);
    unchargeNodes(k, inode, before);
    const node = lruvec % k.lruvec.nodes;
    k.vmstat.node[node * NR_NODE_ITEMS + WORKINGSET_NODERECLAIM]++;
    if (lruvec >= k.lruvec.nodes) k.memcg.node[lruvec * NR_NODE_ITEMS + WORKINGSET_NODERECLAIM]++;
    freed++;
  }
  return freed;
}
