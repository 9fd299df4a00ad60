/**
 * LFU: the page that was used least often since it came in leaves; among equals the one used longest ago. A page that
 * leaves forgets its count.
 *
 *   count 1: d <> a      count 2: b      count 7: c <> e       levels in ascending order, each with its pages by last use
 *
 * Linux: none, this is a policy of the books
 * Doc: Matani, Shah and Mitra, "An O(1) algorithm for implementing the LFU cache eviction scheme" (2010); docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

/** Level 0 closes the circle of levels: next of it is the lowest count. A page's links end in 0 on both sides. */
interface LfuState extends CacheState {
  /** By page: its level (0: not there), and its neighbours there. */
  readonly level: Int32Array;
  readonly newer: Int32Array;
  readonly older: Int32Array;
  /** By level: the count, the neighbours, the newest and the oldest page. */
  readonly times: Float64Array;
  readonly next: Int32Array;
  readonly prev: Int32Array;
  readonly newest: Int32Array;
  readonly oldest: Int32Array;
  /** Levels that are free, linked by `next`. */
  freeLevel: number;
}

/** An empty cache with this policy. */
export function startLfu(spec: CacheSpec): RunningCache {
  const levels = spec.frames + 2;
  const s: LfuState = {
    ...createCache(spec),
    level: new Int32Array(spec.pages + 1),
    newer: new Int32Array(spec.pages + 1),
    older: new Int32Array(spec.pages + 1),
    times: new Float64Array(levels),
    next: new Int32Array(levels),
    prev: new Int32Array(levels),
    newest: new Int32Array(levels),
    oldest: new Int32Array(levels),
    freeLevel: 1,
  };
  for (let level = 1; level + 1 < levels; level++) s.next[level] = level + 1;
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: LfuState, references: Int32Array, from: number, to: number): void {
  const { level, times, next, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const at = level[page]!;
    if (at === 0) {
      makeRoom(s);
      const lowest = next[0]!;
      enter(s, page, lowest !== 0 && times[lowest] === 1 ? lowest : createLevel(s, 0, 1));
    } else {
      const above = next[at]!;
      const count = times[at]! + 1;
      enter(s, page, above !== 0 && times[above] === count ? above : createLevel(s, at, count), at);
    }
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function makeRoom(s: LfuState): void {
  s.counts.faults++;
  if (s.used < s.frames) {
    s.used++;
    return;
  }
  const victim = s.oldest[s.next[0]!]!;
  leave(s, victim);
  s.level[victim] = 0;
  dropPage(s, victim);
}

/** Makes a page the newest of a level, after taking it out of the one it is in, if any. */
function enter(s: LfuState, page: number, level: number, before = 0): void {
  if (before !== 0) leave(s, page);
  const newest = s.newest[level]!;
  s.older[page] = newest;
  s.newer[page] = 0;
  if (newest !== 0) s.newer[newest] = page;
  else s.oldest[level] = page;
  s.newest[level] = page;
  s.level[page] = level;
}

/** Takes a page out of its level; a level without pages is free again. */
function leave(s: LfuState, page: number): void {
  const level = s.level[page]!;
  const newer = s.newer[page]!;
  const older = s.older[page]!;
  if (newer !== 0) s.older[newer] = older;
  else s.newest[level] = older;
  if (older !== 0) s.newer[older] = newer;
  else s.oldest[level] = newer;
  if (s.newest[level] !== 0) return;
  s.next[s.prev[level]!] = s.next[level]!;
  s.prev[s.next[level]!] = s.prev[level]!;
  s.next[level] = s.freeLevel;
  s.freeLevel = level;
}

/** A level for a count, right above the level `below`. */
function createLevel(s: LfuState, below: number, times: number): number {
  const level = s.freeLevel;
  const above = s.next[below]!;
  s.freeLevel = s.next[level]!;
  s.times[level] = times;
  s.next[level] = above;
  s.prev[level] = below;
  s.next[below] = level;
  s.prev[above] = level;
  return level;
}
