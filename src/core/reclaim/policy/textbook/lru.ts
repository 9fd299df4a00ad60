/**
 * LRU: the page that was not used for the longest time leaves. Exact, with one list of all pages in order of use.
 *
 *   newest  next> a <> c <> b  <prev  oldest          a page that is used goes to the front
 *
 * Linux: none, this is a policy of the books
 * Doc: Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies" (1970); docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

/** Row 0 closes the circle: next of it is the newest page, prev the oldest. A page that is not there has next -1. */
interface LruState extends CacheState {
  readonly next: Int32Array;
  readonly prev: Int32Array;
}

const AWAY = -1;

/** An empty cache with this policy. */
export function startLru(spec: CacheSpec): RunningCache {
  const s: LruState = {
    ...createCache(spec),
    next: new Int32Array(spec.pages + 1).fill(AWAY),
    prev: new Int32Array(spec.pages + 1),
  };
  s.next[0] = 0;
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: LruState, references: Int32Array, from: number, to: number): void {
  const { next, prev, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const after = next[page]!;
    const first = next[0]!;
    if ((reference & 1) === 1) dirty[page] = 1;
    if (page === first) continue;
    if (after === AWAY) bringIn(s, page, reference & 1);
    else {
      const before = prev[page]!;
      next[before] = after;
      prev[after] = before;
      next[page] = first;
      prev[page] = 0;
      prev[first] = page;
      next[0] = page;
    }
  }
  s.counts.requests += to - from;
}

function bringIn(s: LruState, page: number, isWrite: number): void {
  const { next, prev } = s;
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else {
    const victim = prev[0]!;
    const before = prev[victim]!;
    prev[0] = before;
    next[before] = 0;
    next[victim] = AWAY;
    dropPage(s, victim);
  }
  const first = next[0]!;
  next[page] = first;
  prev[page] = 0;
  prev[first] = page;
  next[0] = page;
  s.dirty[page] = isWrite;
}
