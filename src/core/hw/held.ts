/**
 * Memory that is in use when the machine is handed over: by the kernel itself (slab, stacks, page tables of daemons) or by
 * programs that never give it back. The page allocator manages it, so that watermarks and reserves follow from it, too,
 * but nobody can free it. Where it lies matters besides how much it is: free pages between pages that cannot move are of
 * another migratetype, and taking those for pages that can move is what boosts watermarks.
 *
 *   reserved   |#####|                          never managed
 *   held               |====|   |=|             managed, in use from the start
 *   free                     |..|  |........|   managed
 *
 * Linux: mm/page_alloc.c (6.12)   Doc: Documentation/mm/physical_memory.rst
 */
import { badConfig } from "../base/bug.ts";

/** What a pageblock is for. */
export const HELD_TYPES = ["unmovable", "movable", "reclaimable"] as const;
type HeldType = (typeof HELD_TYPES)[number];

/** A range of bytes in use from the start: [startByte, endByte), rounded outwards to pages. */
export interface HeldRange {
  readonly startByte: number;
  readonly endByte: number;
  readonly what: string;
  /** The migratetype of the pageblocks that it touches. */
  readonly migratetype: HeldType;
}

/** A held range as a person gives it; `migratetype` is unmovable when left out. */
export interface HeldInput {
  readonly startByte: number;
  readonly endByte: number;
  readonly what?: string | undefined;
  readonly migratetype?: string | undefined;
}

/** What process 1 has from the start, in bytes: anonymous memory of its own, and shared memory. */
export interface InitMemory {
  readonly anonBytes: number;
  readonly sharedBytes: number;
}

/** The same as a person gives it; what is left out is 0. */
export type InitInput = { readonly [field in keyof InitMemory]?: number | undefined };

/** What process 1 has, complete. RangeError naming the field when it cannot be. */
export function readInit(given: InitInput, mostBytes: number): InitMemory {
  return {
    anonBytes: readByte("init.anonBytes", given.anonBytes ?? 0, 0, mostBytes),
    sharedBytes: readByte("init.sharedBytes", given.sharedBytes ?? 0, 0, mostBytes),
  };
}

/** The ranges in order, complete. RangeError naming the field when one cannot be, or when two overlap. */
export function readHeld(given: readonly HeldInput[], mostBytes: number): HeldRange[] {
  const list = given.map((range, i) => {
    const migratetype = HELD_TYPES.find((type) => type === (range.migratetype ?? "unmovable"));
    if (migratetype === undefined)
      badConfig(`held[${i}].migratetype`, `${range.migratetype} is none of ${HELD_TYPES.join(", ")}`);
    return {
      startByte: readByte(`held[${i}].startByte`, range.startByte, 0, mostBytes),
      endByte: readByte(`held[${i}].endByte`, range.endByte, range.startByte + 1, mostBytes),
      what: range.what ?? "held",
      migratetype,
    };
  });
  list.sort((a, b) => a.startByte - b.startByte);
  for (let i = 1; i < list.length; i++) {
    if (list[i].startByte < list[i - 1].endByte)
      badConfig("held", `ranges at ${list[i - 1].startByte} and ${list[i].startByte} overlap`);
  }
  return list;
}

function readByte(field: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) badConfig(field, `${value} is not a whole number`);
  return value >= least && value <= most
    ? value
    : badConfig(field, `${value} is outside ${least} to ${most}`);
}
