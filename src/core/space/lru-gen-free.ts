/**
 * Pages that leave the generations because they are freed, many in a row: they are unlinked one by one and counted together.
 * Linux: include/linux/mm_inline.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Lruvec, Pfn } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_ZONE_SHIFT } from "../frame/page.ts";
import {
  countGen,
  GEN_LISTS,
  genOf,
  genRow,
  genTypeOf,
  listGenOf,
  NR_ZONE_TYPES,
  unlinkGen,
} from "./lru-gen.ts";
import type { SpaceState } from "./state.ts";

/** Words of `freed`: place and zone of pages that were taken out and not counted yet, and how many. */
const FREED_ROW = 0;
const FREED_ZONE = 1;
const FREED_PAGES = 2;

/** Takes a page that is being freed out of its generation. It is counted with others, by lruGenCountFreed. */
export function lruGenUnlinkFreed(k: SpaceState, pfn: Pfn, lruvec: Lruvec): void {
  const { freed } = k.lruGen;
  const flags = k.page[pfn * PAGE_WORDS + FLAGS];
  const base = genRow(lruvec, 0, genTypeOf(flags), ((flags >>> PG_ZONE_SHIFT) - 1) & 3);
  unlinkGen(k, pfn, base + listGenOf(k, pfn) * (2 * NR_ZONE_TYPES));
  const row = base + genOf(k, pfn) * (2 * NR_ZONE_TYPES);
  if (freed[FREED_PAGES] !== 0 && freed[FREED_ROW] !== row) lruGenCountFreed(k);
  freed[FREED_ROW] = row;
  freed[FREED_ZONE] = flags >>> PG_ZONE_SHIFT;
  freed[FREED_PAGES]++;
}

/** Counts the pages that lruGenUnlinkFreed has taken out since the last time. */
export function lruGenCountFreed(k: SpaceState): void {
  const { freed } = k.lruGen;
  const row = freed[FREED_ROW];
  if (freed[FREED_PAGES] !== 0)
    countGen(k, Math.floor(row / GEN_LISTS), row, freed[FREED_ZONE], -freed[FREED_PAGES]);
  freed[FREED_PAGES] = 0;
}
