/**
 * What boot does with memory that is in use from the start (hw/held.ts): it counts as managed, its pageblocks get their
 * migratetype, and its pages never reach a free list. Their records stay zeros, as those of pages that some part of the
 * kernel has taken for itself and that no list of reclaim has.
 *
 * A range may lie over one that boot frees late: then it becomes managed late, after watermarks were set.
 * Linux: mm/mm_init.c, mm/page_alloc.c (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { PAGE_SIZE, type Pfn, type Zone } from "../base/types.ts";
import { HELD_TYPES } from "../hw/held.ts";
import type { Machine, ReservedRange } from "../hw/machine.ts";
import {
  BOOT_TOTALRAM,
  MIGRATE_MOVABLE,
  MIGRATE_RECLAIMABLE,
  MIGRATE_UNMOVABLE,
  PAGEBLOCK_ORDER,
} from "./mmzone.ts";
import type { FrameState } from "./state.ts";

/** A range of bytes. */
interface ByteRange {
  readonly startByte: number;
  readonly endByte: number;
}

/** By place in HELD_TYPES. */
const MIGRATETYPES: readonly number[] = [MIGRATE_UNMOVABLE, MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE];

/** What boot does not put on a free list: reserved and held ranges, in order of their starts. */
export function keptRanges(machine: Machine, reserved: readonly ReservedRange[]): ByteRange[] {
  return [...reserved, ...machine.held].sort((a, b) => a.startByte - b.startByte);
}

/** Gives every pageblock that a held range touches the range's migratetype. */
export function markHeld(k: FrameState): void {
  for (const range of k.machine.held) {
    const first = Math.floor(range.startByte / PAGE_SIZE) >> PAGEBLOCK_ORDER;
    const last = (Math.ceil(range.endByte / PAGE_SIZE) - 1) >> PAGEBLOCK_ORDER;
    k.pageblock.fill(MIGRATETYPES[HELD_TYPES.indexOf(range.migratetype)], first, last + 1);
  }
}

/** Counts the held pages of [from, to) of a zone as managed, but for those that are reserved as well. */
export function manageHeld(
  k: FrameState,
  zone: Zone,
  span: { from: Pfn; to: Pfn },
  reserved: readonly ReservedRange[],
): void {
  for (const held of k.machine.held) {
    let start = Math.max(span.from, Math.floor(held.startByte / PAGE_SIZE));
    const end = Math.min(span.to, Math.ceil(held.endByte / PAGE_SIZE));
    for (const range of reserved) {
      const keptStart = Math.floor(range.startByte / PAGE_SIZE);
      const keptEnd = Math.ceil(range.endByte / PAGE_SIZE);
      if (keptEnd <= start || keptStart >= end) continue;
      manage(k, zone, Math.max(0, keptStart - start));
      start = keptEnd;
    }
    manage(k, zone, Math.max(0, end - start));
  }
}

/** Whether the page is in use from the start. */
export function isHeld(machine: Machine, pfn: Pfn): boolean {
  const byte = pfn * PAGE_SIZE;
  return machine.held.some((range) => range.startByte < byte + PAGE_SIZE && byte < range.endByte);
}

function manage(k: FrameState, zone: Zone, pages: number): void {
  k.zone.managedPages[zone] += pages;
  k.boot[BOOT_TOTALRAM] += pages;
}
