/**
 * What is remembered of evicted pages of files, and the nodes of page cache trees that hold nothing else.
 *
 *   leaf of a tree:  [ page, page, -row, . ]     some pages: the node is needed anyway
 *                    [ -row, -row, -row, . ]     shadows alone: on the list of the cgroup it is charged to, oldest first;
 *                                                reclaim takes the node away when there are too many (reclaim/shrinker.ts)
 *
 * A node is charged to the cgroup of the task that made it. The nodes of the swap cache are charged to nobody; reclaim of a
 * cgroup never sees them, and that of the machine leaves them here.
 * Differs: the list of a node is that of the CPU which made it, where Linux asks on which node its slab page lies.
 * Linux: mm/workingset.c, mm/list_lru.c (6.12)   Doc: the theory stands at the top of mm/workingset.c
 */
import { bug } from "../base/bug.ts";
import { type Inode, type Memcg, NONE } from "../base/types.ts";
import { type XarrayColumns, xaLeafSlot, xaLoad } from "../base/xarray.ts";
import { NR_NODE_ITEMS, WORKINGSET_NODES } from "../frame/vmstat.ts";
import type { ShadowColumns } from "./file-state.ts";
import type { SpaceState } from "./state.ts";

/** Slots of a node. */
const SLOTS = 64;
/** Shrinkers that may put work off, a word each in `deferred` of a lruvec. */
export const MOST_SHRINKERS = 4;

/** Rows for so many evicted pages, and lists for so many lruvecs. */
export function createShadows(rows: number, xarray: XarrayColumns, lruvecs: number): ShadowColumns {
  const byNode = (): Int32Array => new Int32Array(xarray.parent.length);
  return {
    value: new Float64Array(rows),
    rows: Int32Array.of(1, 0),
    nodeShadows: new Uint8Array(xarray.parent.length),
    nodeLruvec: byNode(),
    nodeCharged: byNode(),
    nodeOwner: byNode(),
    nodeNext: byNode(),
    nodePrev: byNode(),
    listHead: new Int32Array(lruvecs),
    listTail: new Int32Array(lruvecs),
    listCount: new Int32Array(lruvecs),
  };
}

/** What is remembered of the page that was evicted from this index (reclaim/workingset.ts), or 0. */
export function shadowAt(k: SpaceState, inode: Inode, index: number): number {
  const row = -xaLoad(k.xarray, k.file.pages[inode], index);
  return row > 0 ? k.shadow.value[row] : 0;
}

/** A row for what is remembered of an evicted page, or NONE when all are taken. Free rows are chained by their values. */
export function takeShadow(k: SpaceState, value: number): number {
  const { rows } = k.shadow;
  let row = rows[1];
  if (row !== NONE) rows[1] = k.shadow.value[row];
  else if (rows[0] < k.shadow.value.length) row = rows[0]++;
  if (row !== NONE) k.shadow.value[row] = value;
  return row;
}

/** Gives a row back. */
export function freeShadow(k: SpaceState, row: number): void {
  k.shadow.value[row] = k.shadow.rows[1];
  k.shadow.rows[1] = row;
}

/** A new leaf is charged to this cgroup. */
export function chargeNode(k: SpaceState, leaf: number, memcg: Memcg): void {
  k.shadow.nodeLruvec[leaf] = memcg * k.lruvec.nodes + k.cpuNode[k.boot[2]];
}

/**
 * A leaf has got `change` shadows more, or lost something else, or everything and is free: puts it on the list if
 * shadows are all it holds, else takes it off (Linux: workingset_update_node).
 */
export function updateShadowNode(k: SpaceState, inode: Inode, leaf: number, change: number): void {
  const s = k.shadow;
  s.nodeShadows[leaf] += change;
  const shadows = s.nodeShadows[leaf];
  const isOnlyShadows = shadows !== 0 && shadows === k.xarray.count[leaf];
  if (isOnlyShadows === (s.nodeOwner[leaf] !== NONE)) return;
  if (isOnlyShadows) {
    append(s, leaf, inode);
    countNodes(k, leaf, 1);
  } else {
    takeOff(s, leaf);
    countNodes(k, leaf, -1);
  }
}

/** The cgroup is gone: nodes charged to it are its parent's, behind those that the parent has (Linux: memcg_reparent_list_lrus). */
export function reparentShadowNodes(k: SpaceState, memcg: Memcg, parent: Memcg): void {
  const { nodes } = k.lruvec;
  const s = k.shadow;
  const first = memcg * nodes;
  const used = k.xarray.state[0];
  for (let node = 0; node < nodes; node++) {
    const row = first + node;
    while (s.listHead[row] !== NONE) {
      const leaf = s.listHead[row];
      const inode = s.nodeOwner[leaf];
      takeOff(s, leaf);
      s.nodeLruvec[leaf] = parent * nodes + node;
      append(s, leaf, inode);
    }
  }
  for (let leaf = 1; leaf < used; leaf++) {
    const row = s.nodeLruvec[leaf];
    if (row >= first && row < first + nodes) s.nodeLruvec[leaf] = parent * nodes + (row - first);
  }
}

/** The cgroup is gone: what shrinkers put off there is its parent's to do (Linux: reparent_shrinker_deferred). */
export function reparentDeferred(k: SpaceState, memcg: Memcg, parent: Memcg): void {
  const { nodes, deferred } = k.lruvec;
  const words = nodes * MOST_SHRINKERS;
  for (let word = 0; word < words; word++) {
    deferred[parent * words + word] += deferred[memcg * words + word];
    deferred[memcg * words + word] = 0;
  }
}

/** Bug when a node on a list holds anything but shadows, or the lists are not as long as they say. */
export function checkShadowNodes(k: SpaceState): void {
  const s = k.shadow;
  const counted = new Float64Array(k.lruvec.nodes);
  for (let lruvec = 0; lruvec < s.listHead.length; lruvec++) {
    let length = 0;
    for (let leaf = s.listHead[lruvec]; leaf !== NONE; leaf = s.nodeNext[leaf]) {
      length++;
      if (s.nodeLruvec[leaf] !== lruvec) bug(`shadow node ${leaf} is on list ${lruvec}, not its own`);
      let shadows = 0;
      for (let slot = 0; slot < SLOTS; slot++) if (xaLeafSlot(k.xarray, leaf, slot) < 0) shadows++;
      if (shadows !== s.nodeShadows[leaf] || shadows !== k.xarray.count[leaf])
        bug(`shadow node ${leaf} has ${shadows} shadows among ${k.xarray.count[leaf]} entries`);
    }
    if (length !== s.listCount[lruvec]) bug(`list ${lruvec} of shadow nodes has ${length}`);
    counted[lruvec % k.lruvec.nodes] += length;
  }
  for (let node = 0; node < counted.length; node++)
    if (k.vmstat.node[node * NR_NODE_ITEMS + WORKINGSET_NODES] !== counted[node])
      bug(`workingset_nodes of node ${node} is not ${counted[node]}`);
}

/** A leaf is on a list from now on (1), or no longer (-1). */
export function countNodes(k: SpaceState, leaf: number, by: number): void {
  const node = k.shadow.nodeLruvec[leaf] % k.lruvec.nodes;
  k.vmstat.node[node * NR_NODE_ITEMS + WORKINGSET_NODES] += by;
}

function append(s: ShadowColumns, leaf: number, inode: Inode): void {
  const list = s.nodeLruvec[leaf];
  const last = s.listTail[list];
  s.nodeOwner[leaf] = inode;
  s.nodePrev[leaf] = last;
  s.nodeNext[leaf] = NONE;
  if (last === NONE) s.listHead[list] = leaf;
  else s.nodeNext[last] = leaf;
  s.listTail[list] = leaf;
  s.listCount[list]++;
}

/** Takes a leaf off its list. */
export function takeOff(s: ShadowColumns, leaf: number): void {
  const list = s.nodeLruvec[leaf];
  const prev = s.nodePrev[leaf];
  const next = s.nodeNext[leaf];
  if (prev === NONE) s.listHead[list] = next;
  else s.nodeNext[prev] = next;
  if (next === NONE) s.listTail[list] = prev;
  else s.nodePrev[next] = prev;
  s.nodeOwner[leaf] = NONE;
  s.listCount[list]--;
}
