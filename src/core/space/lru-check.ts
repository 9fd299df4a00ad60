/**
 * The lists walked, for tests: whether pages, lists and counters of both policies agree.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import { bug } from "../base/bug.ts";
import { type Lruvec, type Memcg, ROOT_MEMCG } from "../base/types.ts";
import {
  FLAGS,
  NEXT,
  PAGE_WORDS,
  PG_active,
  PG_lru,
  PG_unevictable,
  PG_ZONE_SHIFT,
  PREV,
  REFCOUNT,
} from "../frame/page.ts";
import { NR_INACTIVE_ANON, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import { GEN_LISTS, genOf, genSize, genTypeOf, isActiveGen, listGenOf, MAX_NR_GENS } from "./lru-gen.ts";
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

/**
 * Walks every list of every lruvec. Bug when a page's byte, links or cgroup disagree with the list it is on, when counts by
 * generation are wrong, when a free frame remembers uses, or when active and inactive pages are not those of the generations.
 */
function checkLruGen(k: SpaceState): void {
  for (let pfn = 0; pfn < k.lruGen.page.length; pfn++)
    if (k.lruGen.page[pfn] !== 0 && k.page[pfn * PAGE_WORDS + REFCOUNT] === 0)
      bug(`frame ${pfn} is nobody's and has a generation or uses`);
  const lruvecs = Math.max(1, k.memcg.rows[0]) * k.lruvec.nodes;
  for (let lruvec = 0; lruvec < lruvecs; lruvec++) {
    const counted = new Int32Array(GEN_LISTS);
    for (let row = 0; row < GEN_LISTS; row++) checkGenList(k, lruvec, row, counted);
    for (let row = 0; row < GEN_LISTS; row++) {
      const said = k.lruGen.nrPages[lruvec * GEN_LISTS + row];
      if (said !== counted[row])
        bug(
          `lruvec ${lruvec} counts ${said} pages in place ${row} of its generations and has ${counted[row]}`,
        );
    }
  }
}

/** Pages of MGLRU that count for one of the four classic lists of a lruvec. */
function genPagesOnList(k: SpaceState, lruvec: Lruvec, list: number): number {
  let pages = 0;
  for (let gen = 0; gen < MAX_NR_GENS; gen++)
    if (isActiveGen(k, lruvec, gen) === ((list & 1) !== 0)) pages += genSize(k, lruvec, gen, list >> 1);
  return pages;
}

function checkGenList(k: SpaceState, lruvec: Lruvec, place: number, counted: Int32Array): void {
  const type = (place >> 2) & 1;
  let prev = 0;
  const row = lruvec * GEN_LISTS + place;
  for (let pfn = k.lruGen.head[row]; pfn !== 0; pfn = k.page[pfn * PAGE_WORDS + NEXT]) {
    const flags = k.page[pfn * PAGE_WORDS + FLAGS];
    const gen = genOf(k, pfn);
    const isSame = genTypeOf(flags) === type && (((flags >>> PG_ZONE_SHIFT) - 1) & 3) === (place & 3);
    if (gen < 0 || (flags & PG_lru) === 0 || (flags & (PG_active | PG_unevictable)) !== 0)
      bug(`frame ${pfn} is on a generation's list with flags ${flags} and generation ${gen}`);
    if (!isSame || listGenOf(k, pfn) !== place >> 3 || lruvecOfPage(k, pfn) !== lruvec)
      bug(`frame ${pfn} is on list ${row} of the generations and belongs elsewhere`);
    if (k.page[pfn * PAGE_WORDS + PREV] !== prev) bug(`frame ${pfn} does not know its neighbour`);
    counted[(gen << 3) | (place & 7)]++;
    prev = pfn;
  }
  if (k.lruGen.tail[row] !== prev) bug(`list ${row} of the generations ends at ${prev}`);
}
