/**
 * What all textbook policies have in common: a cache of `frames` pages, the stream of references it is asked for, and the
 * counts it is judged by. They know nothing of the kernel: no lists of a zone, no page tables, no time.
 *
 *   reference   page * 2, plus 1 when it writes      pages are numbered from 1 in the order of their first reference
 *   fault       the page was not there: it is brought in, and when no frame is free one page leaves
 *   write-back  the page that leaves was written since it came in; what is left at the end is not counted
 *
 * Linux: none, this is a policy of the books
 * Doc: docs/policies.md
 */

/** A cache to be started. */
export interface CacheSpec {
  /** Pages that fit, at least 1. */
  readonly frames: number;
  /** Different pages there are: the largest number a reference has. */
  readonly pages: number;
  /** Seed of policies that draw lots. */
  readonly seed: number;
  /** For policies that know the future: by reference, the position of the next one to its page, NEVER when there is none. */
  readonly future?: Int32Array;
}

/** The position of a reference that never comes. */
export const NEVER = 0x7fffffff;

/** What a cache has done. */
export interface CacheCounts {
  requests: number;
  faults: number;
  writeBacks: number;
}

/** What every policy's state has. Row = page; row 0 is no page. */
export interface CacheState {
  readonly frames: number;
  /** Frames in use. */
  used: number;
  /** 1 while the page is there and was written. */
  readonly dirty: Uint8Array;
  readonly counts: CacheCounts;
}

/** A running cache: references 0 to `to` - 1 of an array, from `from` on, one after the other. */
export interface RunningCache {
  readonly counts: CacheCounts;
  readonly run: (references: Int32Array, from: number, to: number) => void;
}

/** One policy. */
export interface TextbookPolicy {
  /** What `--policy` takes. */
  readonly name: string;
  /** What it does, in one line. */
  readonly about: string;
  readonly needsFuture: boolean;
  readonly start: (spec: CacheSpec) => RunningCache;
}

/** The common part of an empty cache. */
export function createCache(spec: CacheSpec): CacheState {
  return {
    frames: spec.frames,
    used: 0,
    dirty: new Uint8Array(spec.pages + 1),
    counts: { requests: 0, faults: 0, writeBacks: 0 },
  };
}

/** A page leaves: counts the write-back it may cost. */
export function dropPage(s: CacheState, page: number): void {
  s.counts.writeBacks += s.dirty[page]!;
  s.dirty[page] = 0;
}
