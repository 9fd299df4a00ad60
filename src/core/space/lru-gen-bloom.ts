/**
 * Bloom filters of page tables: which tables of 512 entries are worth a walk, because they had many used entries. A
 * lruvec has two; the walk for generation n asks filter n % 2 and fills the other one for the next walk.
 *
 *   entry of the table above (its kernel address) -> hash of 30 bits -> two bit numbers of 15
 *
 * Linux: mm/vmscan.c, include/linux/hash.h (6.12)   Doc: Documentation/mm/multigen_lru.rst
 */
import type { Lruvec, Pfn } from "../base/types.ts";
import { FILTER_WORDS } from "./lru-gen.ts";
import type { SpaceState } from "./state.ts";

const FILTER_SHIFT = 15;
const KEY_MASK = 2 ** FILTER_SHIFT - 1;
/** 2^64 over the golden ratio (Linux: GOLDEN_RATIO_64). */
const GOLDEN_HIGH = 0x61c88646;
const GOLDEN_LOW = 0x80b583eb;
/** Where Linux maps all frames when addresses are not randomized (Linux: __PAGE_OFFSET_BASE_L4), as 32-bit halves. */
const DIRECT_MAP_HIGH = 0xffff8880;

/** Whether the table below entry `index` of the table in frame `table` may be in the filter for `seq`; one never made holds all. */
export function testFilter(k: SpaceState, lruvec: Lruvec, seq: number, table: Pfn, index: number): boolean {
  const filter = lruvec * 2 + (seq & 1);
  if (k.lruGen.hasFilter[filter] === 0) return true;
  const hash = hashOf(table, index);
  return hasBit(k, filter, hash & KEY_MASK) && hasBit(k, filter, hash >>> FILTER_SHIFT);
}

/** Puts the table below entry `index` of the table in frame `table` into the filter for `seq`. */
export function addToFilter(k: SpaceState, lruvec: Lruvec, seq: number, table: Pfn, index: number): void {
  const filter = lruvec * 2 + (seq & 1);
  if (k.lruGen.hasFilter[filter] === 0) return;
  const hash = hashOf(table, index);
  setBit(k, filter, hash & KEY_MASK);
  setBit(k, filter, hash >>> FILTER_SHIFT);
}

/** Empties the filter for `seq`, or makes it. */
export function resetFilter(k: SpaceState, lruvec: Lruvec, seq: number): void {
  const filter = lruvec * 2 + (seq & 1);
  k.lruGen.filter.fill(0, filter * FILTER_WORDS, (filter + 1) * FILTER_WORDS);
  k.lruGen.hasFilter[filter] = 1;
}

/** The 30 highest bits of the entry's kernel address times the golden ratio (Linux: hash_ptr). */
function hashOf(table: Pfn, index: number): number {
  // table * 4096 + index * 8 in two halves; the direct map begins at a multiple of 2^32.
  const low = ((table << 12) | (index << 3)) >>> 0;
  const high = (DIRECT_MAP_HIGH + (table >>> 20)) | 0;
  const product =
    (Math.imul(high, GOLDEN_LOW) + Math.imul(low, GOLDEN_HIGH) + multiplyHigh(low, GOLDEN_LOW)) | 0;
  return product >>> 2;
}

/** Upper 32 bits of the product of two unsigned words. */
function multiplyHigh(a: number, b: number): number {
  const aHigh = a >>> 16;
  const aLow = a & 0xffff;
  const bHigh = b >>> 16;
  const bLow = b & 0xffff;
  const middle = aHigh * bLow + Math.floor((aLow * bLow) / 65536);
  return (aHigh * bHigh + Math.floor((middle + aLow * bHigh) / 65536)) | 0;
}

function hasBit(k: SpaceState, filter: number, bit: number): boolean {
  return (k.lruGen.filter[filter * FILTER_WORDS + (bit >> 5)] & (1 << (bit & 31))) !== 0;
}

function setBit(k: SpaceState, filter: number, bit: number): void {
  k.lruGen.filter[filter * FILTER_WORDS + (bit >> 5)] |= 1 << (bit & 31);
}
