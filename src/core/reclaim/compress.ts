/**
 * How long a page becomes that zswap or zram keeps, and memory for it.
 *
 * The length is what the compressor that the host brought makes of the page's contents; where those are not known (a recorded program's
 * data), or without such a compressor, the machine's compressionRatio says it.
 * Linux: mm/zsmalloc.c zs_malloc (6.12)   Doc: Documentation/mm/zsmalloc.rst
 */
import { NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import { MIGRATE_MOVABLE, ZONE_MOVABLE } from "../frame/mmzone.ts";
import { freePage } from "../frame/pcp.ts";
import { contentBytes } from "../hw/content.ts";
import { SWAP_UNKNOWN_CONTENTS } from "../space/swap.ts";
import { zsAddGroup, zsChainOf, zsPut } from "../space/zsmalloc.ts";
import type { ReclaimState } from "./state.ts";
import { takeInside } from "./take-inside.ts";

/** Bytes that a compressor makes of a page. */
export function compressedLength(k: ReclaimState, pfn: Pfn, name: string): number {
  if (k.swap.state[SWAP_UNKNOWN_CONTENTS] !== 0) return statedLength(k);
  contentBytes(k, pfn, k.zsmalloc.scratch);
  return k.compressor(name, k.zsmalloc.scratch) ?? statedLength(k);
}

/** Bytes of a compressed page, as the machine's compressionRatio says. */
export function statedLength(k: ReclaimState): number {
  return Math.ceil(PAGE_SIZE / k.machine.compressionRatio);
}

/** An object of a pool, with new frames for it if it must be; NONE when there are none (Linux: zs_malloc). */
export function zsMalloc(k: ReclaimState, pool: number, bytes: number): number {
  const object = zsPut(k, pool, bytes);
  if (object !== NONE) return object;
  const frames = zsChainOf(bytes);
  const { taken } = k.zsmalloc;
  let count = 0;
  while (count < frames) {
    const pfn = takeInside(k, MIGRATE_MOVABLE, ZONE_MOVABLE);
    if (pfn === NONE) break;
    taken[count++] = pfn;
  }
  if (count === frames && zsAddGroup(k, pool, bytes, taken)) return zsPut(k, pool, bytes);
  for (let i = 0; i < count; i++) freePage(k, taken[i]);
  return NONE;
}
