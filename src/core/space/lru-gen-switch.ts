/**
 * Switching between the classic LRU and MGLRU while the machine runs: every page of the one goes over to the other.
 *
 *   on    from the end of each list: active pages become the youngest, others what new pages would be
 *   off   from the end of each generation's lists: the two youngest are active
 *
 * Linux: mm/vmscan.c lru_gen_change_state (6.12)   Doc: Documentation/admin-guide/mm/multigen_lru.rst
 */
import type { Lruvec } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_active } from "../frame/page.ts";
import { GEN_LISTS, isLruGen, lruGenAdd, lruGenDel, setLruPolicy } from "./lru-gen.ts";
import { LRU_ACTIVE_FILE, LRU_INACTIVE_ANON, NR_LRU_LISTS } from "./lru-list.ts";
import { lruvecAdd, lruvecRemove } from "./lru-move.ts";
import type { SpaceState } from "./state.ts";

/** Puts every page where the policy that is in force now keeps it. */
export function settleLruPolicy(k: SpaceState): void {
  setLruPolicy(k);
  const lruvecs = Math.max(1, k.memcg.rows[0]) * k.lruvec.nodes;
  for (let lruvec = 0; lruvec < lruvecs; lruvec++) {
    if (isLruGen(k)) fill(k, lruvec);
    else drain(k, lruvec);
  }
}

/** All pages of the classic lists into generations (Linux: fill_evictable). */
function fill(k: SpaceState, lruvec: Lruvec): void {
  const { tail } = k.lruvec;
  for (let list = LRU_INACTIVE_ANON; list <= LRU_ACTIVE_FILE; list++) {
    const row = lruvec * NR_LRU_LISTS + list;
    for (let pfn = tail[row]; pfn !== 0; pfn = tail[row]) {
      const active = k.page[pfn * PAGE_WORDS + FLAGS] & PG_active;
      lruvecRemove(k, pfn);
      k.page[pfn * PAGE_WORDS + FLAGS] |= active;
      lruGenAdd(k, pfn, false);
    }
  }
}

/** All pages of the generations on to the classic lists (Linux: drain_evictable). */
function drain(k: SpaceState, lruvec: Lruvec): void {
  const { tail } = k.lruGen;
  for (let row = lruvec * GEN_LISTS; row < (lruvec + 1) * GEN_LISTS; row++)
    for (let pfn = tail[row]; pfn !== 0; pfn = tail[row]) {
      if (lruGenDel(k, pfn)) k.page[pfn * PAGE_WORDS + FLAGS] |= PG_active;
      lruvecAdd(k, pfn);
    }
}
