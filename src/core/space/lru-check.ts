/**
 * The lists walked, for tests: whether pages, lists and counters of both policies agree.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, ROOT_MEMCG } from "../base/types.ts";
import { NEXT, PAGE_WORDS, PG_lru, PREV, REFCOUNT } from "../frame/page.ts";
import { NR_INACTIVE_ANON, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import { checkLruGen, genOf, genPagesOnList } from "./lru-gen.ts";
import { LRU_UNEVICTABLE, lruListOf, lruvecOf, lruvecOfPage, NR_LRU_LISTS } from "./lru-list.ts";
import type { SpaceState } from "./state.ts";

/** Walks every list of both policies. Bug when a page's flags, links, cgroup or the counters disagree with the list it is on. */
export function checkLruvecs(k: SpaceState): void {
  checkLruGen(k);
  const { nodes } = k.lruvec;
  const onNode = new Float64Array(nodes * NR_LRU_LISTS);
  for (let memcg: Memcg = ROOT_MEMCG; memcg < Math.max(1, k.memcg.rows[0]); memcg++) {
    for (let node = 0; node < nodes; node++) {
      const lruvec = lruvecOf(k, memcg, node);
      for (let list = 0; list < NR_LRU_LISTS; list++) {
        const row = lruvec * NR_LRU_LISTS + list;
        let count = checkOneList(k, lruvec, list);
        if (list !== LRU_UNEVICTABLE) count += genPagesOnList(k, lruvec, list);
        if (k.lruvec.size[row] !== count)
          bug(`LRU list ${row} has ${count} pages, not ${k.lruvec.size[row]}`);
        let byZone = 0;
        for (let type = 0; type < 4; type++)
          byZone += k.lruvec.zoneSize[(lruvec * 4 + type) * NR_LRU_LISTS + list];
        if (byZone !== count) bug(`LRU list ${row} has ${count} pages, its zones count ${byZone}`);
        onNode[node * NR_LRU_LISTS + list] += count;
      }
    }
  }
  for (let row = 0; row < onNode.length; row++) {
    const node = Math.floor(row / NR_LRU_LISTS);
    const item = k.vmstat.node[node * NR_NODE_ITEMS + NR_INACTIVE_ANON + (row % NR_LRU_LISTS)];
    if (item !== onNode[row])
      bug(
        `counter ${row % NR_LRU_LISTS} of node ${node} is ${item}, its LRU lists have ${onNode[row]} pages`,
      );
  }
}

/** Follows one list from its head. Returns its length. */
function checkOneList(k: SpaceState, lruvec: Lruvec, list: number): number {
  const row = lruvec * NR_LRU_LISTS + list;
  let prev = 0;
  let count = 0;
  for (let pfn = k.lruvec.head[row]; pfn !== 0; pfn = k.page[pfn * PAGE_WORDS + NEXT]) {
    const flags = k.page[pfn * PAGE_WORDS];
    if ((flags & PG_lru) === 0) bug(`frame ${pfn} is on LRU list ${row} without PG_lru`);
    if (genOf(k, pfn) >= 0) bug(`frame ${pfn} is on LRU list ${row} and in a generation`);
    if (lruListOf(flags) !== list)
      bug(`frame ${pfn} is on LRU list ${row}, its flags say ${lruListOf(flags)}`);
    if (lruvecOfPage(k, pfn) !== lruvec) bug(`frame ${pfn} is on LRU list ${row} and charged elsewhere`);
    if (k.page[pfn * PAGE_WORDS + PREV] !== prev)
      bug(`frame ${pfn} on LRU list ${row} does not know its neighbour`);
    if (k.page[pfn * PAGE_WORDS + REFCOUNT] < 1)
      bug(`frame ${pfn} is on LRU list ${row} without a reference`);
    prev = pfn;
    count++;
  }
  if (k.lruvec.tail[row] !== prev) bug(`LRU list ${row} ends at ${prev}, not ${k.lruvec.tail[row]}`);
  return count;
}
