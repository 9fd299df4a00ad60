/**
 * CLOCK: a ring of frames, a bit a page that is set when the page is used, and a hand. The hand clears set bits as it goes
 * and takes the first page whose bit was clear.
 *
 *   bits  1 0 1 1 0        the hand clears the 1 it stands at, goes on, and takes the 0 after it
 *         ^
 *
 * Books differ in one point: whether the reference that brings a page in sets its bit. `clock` sets it, as hardware does
 * that sets the bit at every access; `clock-0` leaves it clear until the next use.
 * Linux: none, this is a policy of the books
 * Doc: Corbató, "A paging experiment with the Multics system" (1968); docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

interface ClockState extends CacheState {
  /** By frame: the page in it. */
  readonly ring: Int32Array;
  readonly isThere: Uint8Array;
  readonly referenced: Uint8Array;
  /** The bit of a page that comes in. */
  readonly entry: number;
  hand: number;
}

/** An empty cache; a page enters with its bit set. */
export function startClock(spec: CacheSpec): RunningCache {
  return start(spec, 1);
}

/** An empty cache; a page enters with its bit clear. */
export function startClock0(spec: CacheSpec): RunningCache {
  return start(spec, 0);
}

function start(spec: CacheSpec, entry: number): RunningCache {
  const s: ClockState = {
    ...createCache(spec),
    ring: new Int32Array(spec.frames),
    isThere: new Uint8Array(spec.pages + 1),
    referenced: new Uint8Array(spec.pages + 1),
    entry,
    hand: 0,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: ClockState, references: Int32Array, from: number, to: number): void {
  const { isThere, referenced, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (isThere[page] === 0) bringIn(s, page);
    else referenced[page] = 1;
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: ClockState, page: number): void {
  const { ring, isThere, referenced, frames } = s;
  s.counts.faults++;
  let { hand } = s;
  if (s.used < frames) s.used++;
  else {
    while (referenced[ring[hand]!] === 1) {
      referenced[ring[hand]!] = 0;
      hand = hand + 1 === frames ? 0 : hand + 1;
    }
    const victim = ring[hand]!;
    isThere[victim] = 0;
    dropPage(s, victim);
  }
  ring[hand] = page;
  isThere[page] = 1;
  referenced[page] = s.entry;
  s.hand = hand + 1 === frames ? 0 : hand + 1;
}
