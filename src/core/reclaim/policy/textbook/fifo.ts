/**
 * FIFO: the page that came first leaves first, used or not.
 *
 *   ring of frames   [p q r s t]     the hand stands at the oldest; the new page takes its frame
 *                         ^
 * Linux: none, this is a policy of the books
 * Doc: Belady, Nelson and Shedler, "An anomaly in space-time characteristics of certain programs" (1969); docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

interface FifoState extends CacheState {
  /** By frame: the page in it. */
  readonly ring: Int32Array;
  readonly isThere: Uint8Array;
  hand: number;
}

/** An empty cache with this policy. */
export function startFifo(spec: CacheSpec): RunningCache {
  const s: FifoState = {
    ...createCache(spec),
    ring: new Int32Array(spec.frames),
    isThere: new Uint8Array(spec.pages + 1),
    hand: 0,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: FifoState, references: Int32Array, from: number, to: number): void {
  const { isThere, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (isThere[page] === 0) bringIn(s, page);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: FifoState, page: number): void {
  const { ring, hand, isThere } = s;
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else {
    const victim = ring[hand]!;
    isThere[victim] = 0;
    dropPage(s, victim);
  }
  ring[hand] = page;
  isThere[page] = 1;
  s.hand = hand + 1 === s.frames ? 0 : hand + 1;
}
