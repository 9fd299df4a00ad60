/**
 * Reclaim of pages that somebody names: MADV_PAGEOUT. Whether they were used lately is not asked.
 * Linux: mm/vmscan.c reclaim_pages (6.12)   Doc: man 2 madvise
 */
import { bug } from "../base/bug.ts";
import { NONE, type Pfn } from "../base/types.ts";
import { FLAGS, NEXT, PAGE_WORDS, PG_active, PG_lru, PREV, REFCOUNT } from "../frame/page.ts";
import { putFolio } from "../space/folio.ts";
import { lruvecRemove } from "../space/lru-move.ts";
import { folioAddLru } from "../space/lruvec.ts";
import { GFP_KERNEL } from "./gfp.ts";
import { createScan } from "./scan-control.ts";
import { nodeOfPage, shrinkFolioList } from "./shrink-list.ts";
import type { ReclaimState } from "./state.ts";

/**
 * Takes a page off its list for the caller, who holds a reference to it from then on. Returns false when it is on none
 * (Linux: folio_isolate_lru).
 */
export function isolatePage(k: ReclaimState, pfn: Pfn): boolean {
  const { page } = k;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS];
  if ((flags & PG_lru) === 0) return false;
  lruvecRemove(k, pfn);
  // The list is told by the flags, so they stay as they were, but for the one that says it is on a list.
  page[record + FLAGS] = flags & ~PG_lru;
  page[record + NEXT] = NONE;
  page[record + PREV] = NONE;
  page[record + REFCOUNT]++;
  return true;
}

/**
 * Frees what can be freed of the first `count` pages of `k.reclaim.isolated`, each isolated by isolatePage; the others go
 * back to their lists, inactive. Returns the pages freed.
 */
export function reclaimPages(k: ReclaimState, count: number): number {
  const { isolated, inside } = k.reclaim;
  if (count === 0) return 0;
  if (inside[0] !== 0) bug("pages were named to reclaim inside reclaim");
  inside[0] = 1;
  let freed = 0;
  let from = 0;
  while (from < count) {
    // One node at a time, as the pages come: the batch begins at row 0.
    const node = nodeOfPage(k, isolated[from]);
    let length = 0;
    while (from < count && nodeOfPage(k, isolated[from]) === node) isolated[length++] = isolated[from++];
    freed += reclaimBatch(k, length, node);
  }
  inside[0] = 0;
  return freed;
}

function reclaimBatch(k: ReclaimState, length: number, node: number): number {
  const { isolated, kept } = k.reclaim;
  for (let i = 0; i < length; i++) k.page[isolated[i] * PAGE_WORDS + FLAGS] &= ~PG_active;
  const freed = shrinkFolioList(k, length, createScan({ nrToReclaim: 0, gfp: GFP_KERNEL }), node, true);
  for (let i = 0; i < length - freed; i++) {
    folioAddLru(k, kept[i]);
    putFolio(k, kept[i]);
  }
  return freed;
}
