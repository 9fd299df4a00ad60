/**
 * Pages for xarray nodes (space/node-slab.ts): taken when all slabs are full, given back when some are empty.
 *
 * Nodes are made where the caller cannot reclaim for them, or does not want to: a slab of the usual order if there is one above
 * the low watermark, or above half of min, else one page.
 * Differs: where there is no page at all the node is there without, and the next one asks again; Linux leaves the page that
 * was to have the node in memory.
 * Linux: mm/slub.c (allocate_slab, discard_slab), mm/swap_state.c (add_to_swap) (6.12)   Doc: Documentation/mm/slab.rst
 */
import { NONE, type Pfn } from "../base/types.ts";
import { freePages } from "../frame/buddy.ts";
import { nofragmentFlag, preferredIndex, takePages } from "../frame/freelist.ts";
import { BOOT_RUNNING_CPU, MIGRATE_RECLAIMABLE, ZONE_NORMAL } from "../frame/mmzone.ts";
import { FLAGS, PAGE_WORDS, PG_head, PG_tail, REFCOUNT } from "../frame/page.ts";
import { NR_NODE_ITEMS, NR_SLAB_RECLAIMABLE_B } from "../frame/vmstat.ts";
import { ALLOC_MIN_RESERVE, ALLOC_WMARK_LOW, ALLOC_WMARK_MIN } from "../frame/watermark.ts";
import { zoneNode, zoneOf } from "../frame/zone.ts";
import { nodeSlabOrder, nodesInSlab, nodesInUse, ROOM, SLABS, SPARE_SLABS } from "../space/node-slab.ts";
import type { ReclaimState } from "./state.ts";

/** Takes or gives slabs until they fit the nodes that are in use. */
export function settleNodeSlabs(k: ReclaimState): void {
  const { state } = k.nodeSlab;
  const nodes = nodesInUse(k);
  if (nodes > state[ROOM]) growSlabs(k, nodes);
  else if (nodes + SPARE_SLABS * nodesInSlab(nodeSlabOrder(k.machine.cpus)) < state[ROOM])
    shrinkSlabs(k, nodes);
}

function growSlabs(k: ReclaimState, nodes: number): void {
  const { state, slab } = k.nodeSlab;
  const usual = nodeSlabOrder(k.machine.cpus);
  while (nodes > state[ROOM] && state[SLABS] < slab.length) {
    let order = usual;
    let pfn = takeSlab(k, order);
    if (pfn === NONE && order > 0) {
      order = 0;
      pfn = takeSlab(k, order);
    }
    if (pfn === NONE) return;
    slab[state[SLABS]++] = pfn;
    state[ROOM] += nodesInSlab(order);
    countPages(k, pfn, 1 << order);
  }
}

function shrinkSlabs(k: ReclaimState, nodes: number): void {
  const { state, slab } = k.nodeSlab;
  const spare = SPARE_SLABS * nodesInSlab(nodeSlabOrder(k.machine.cpus));
  while (nodes + spare < state[ROOM] && state[SLABS] > 0) {
    const pfn = slab[--state[SLABS]];
    slab[state[SLABS]] = NONE;
    const order = (k.page[pfn * PAGE_WORDS + FLAGS] & PG_head) !== 0 ? nodeSlabOrder(k.machine.cpus) : 0;
    state[ROOM] -= nodesInSlab(order);
    countPages(k, pfn, -(1 << order));
    freePages(k, pfn, order);
  }
}

/** 2^order pages of the reclaimable kind, or NONE. */
function takeSlab(k: ReclaimState, order: number): Pfn {
  const node = k.cpuNode[k.boot[BOOT_RUNNING_CPU]];
  const request = { migratetype: MIGRATE_RECLAIMABLE, highest: ZONE_NORMAL, node, isLocal: false };
  const keepApart = nofragmentFlag(k, k.zonelist[preferredIndex(k, request)]);
  let pfn = takePages(k, order, request, ALLOC_WMARK_LOW | keepApart);
  if (pfn === NONE) pfn = takePages(k, order, request, ALLOC_WMARK_MIN | ALLOC_MIN_RESERVE);
  if (pfn === NONE) return NONE;
  k.page[pfn * PAGE_WORDS + REFCOUNT] = 1;
  if (order > 0) {
    k.page[pfn * PAGE_WORDS + FLAGS] |= PG_head;
    for (let at = pfn + 1; at < pfn + (1 << order); at++) k.page[at * PAGE_WORDS + FLAGS] |= PG_tail;
  }
  return pfn;
}

function countPages(k: ReclaimState, pfn: Pfn, pages: number): void {
  k.vmstat.node[zoneNode(zoneOf(k, pfn)) * NR_NODE_ITEMS + NR_SLAB_RECLAIMABLE_B] += pages;
}
