/**
 * Random: a page drawn by lot leaves, every one with the same chance.
 * Linux: none, this is a policy of the books
 * Doc: Belady, "A study of replacement algorithms for a virtual-storage computer" (1966); docs/policies.md
 */
import { createRng, type RngColumns, randomU32 } from "../../../base/rng.ts";
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

interface RandomState extends CacheState {
  /** By frame: the page in it. */
  readonly held: Int32Array;
  readonly isThere: Uint8Array;
  readonly rng: RngColumns;
}

/** An empty cache with this policy. */
export function startRandom(spec: CacheSpec): RunningCache {
  const s: RandomState = {
    ...createCache(spec),
    held: new Int32Array(spec.frames),
    isThere: new Uint8Array(spec.pages + 1),
    rng: createRng(spec.seed),
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: RandomState, references: Int32Array, from: number, to: number): void {
  const { isThere, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (isThere[page] === 0) bringIn(s, page);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: RandomState, page: number): void {
  let frame = s.used;
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else {
    frame = randomU32(s.rng) % s.frames;
    const victim = s.held[frame]!;
    s.isThere[victim] = 0;
    dropPage(s, victim);
  }
  s.held[frame] = page;
  s.isThere[page] = 1;
}
