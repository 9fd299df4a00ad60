/**
 * OPT: the page whose next use is farthest away leaves. No policy has fewer faults, and none can do this without knowing
 * the future: it is the mark the others are measured against.
 *
 *   a heap of the pages that are there, the one used last of all on top; each reference moves its page down or up
 *
 * Among pages that are never used again any may leave, which changes write-backs but not faults.
 * Linux: none, this is a policy of the books
 * Doc: Belady, "A study of replacement algorithms for a virtual-storage computer" (1966); docs/policies.md
 */
import { bug } from "../../../base/bug.ts";
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

interface OptState extends CacheState {
  readonly future: Int32Array;
  /** Pages 1 to `used`, a page's next use at least that of the two at twice its place. */
  readonly heap: Int32Array;
  /** By page: its place in the heap (0: not there), and when it is used next. */
  readonly place: Int32Array;
  readonly nextUse: Int32Array;
  /** References seen. */
  position: number;
}

/** An empty cache with this policy. The specification must have the future. */
export function startOpt(spec: CacheSpec): RunningCache {
  const s: OptState = {
    ...createCache(spec),
    future: spec.future ?? bug("OPT was started without the future"),
    heap: new Int32Array(spec.frames + 1),
    place: new Int32Array(spec.pages + 1),
    nextUse: new Int32Array(spec.pages + 1),
    position: 0,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: OptState, references: Int32Array, from: number, to: number): void {
  const { place, nextUse, future, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    nextUse[page] = future[s.position++]!;
    // Its next use has only moved farther away.
    if (place[page] !== 0) siftUp(s, page, place[page]!);
    else bringIn(s, page);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: OptState, page: number): void {
  s.counts.faults++;
  if (s.used < s.frames) {
    siftUp(s, page, ++s.used);
    return;
  }
  const victim = s.heap[1]!;
  s.place[victim] = 0;
  dropPage(s, victim);
  siftDown(s, page);
}

function siftUp(s: OptState, page: number, from: number): void {
  const { heap, place, nextUse } = s;
  let at = from;
  while (at > 1 && nextUse[heap[at >> 1]!]! < nextUse[page]!) {
    heap[at] = heap[at >> 1]!;
    place[heap[at]!] = at;
    at >>= 1;
  }
  heap[at] = page;
  place[page] = at;
}

/** Puts a page in at the top and lets it sink. */
function siftDown(s: OptState, page: number): void {
  const { heap, place, nextUse, used } = s;
  let at = 1;
  while (at * 2 <= used) {
    let child = at * 2;
    if (child < used && nextUse[heap[child + 1]!]! > nextUse[heap[child]!]!) child++;
    if (nextUse[heap[child]!]! <= nextUse[page]!) break;
    heap[at] = heap[child]!;
    place[heap[at]!] = at;
    at = child;
  }
  heap[at] = page;
  place[page] = at;
}
