/**
 * Second chance: FIFO, except that the oldest page goes back to the end of the queue once if it was used since it was last
 * looked at. CLOCK does the same with a hand instead of moving pages; here it is written as the books tell it first.
 *
 *   oldest a(used) b c d newest   ->   b c d a     then b leaves, if it was not used either
 *
 * The reference that brings a page in counts as a use.
 * Linux: none, this is a policy of the books
 * Doc: Tanenbaum and Bos, "Modern operating systems" (2014), section 3.4.4; docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";
import { createQueues, moveTo, pushHead, type Queues, tailOf, takeOut } from "./queues.ts";

const QUEUE = 1;

interface SecondChanceState extends CacheState {
  readonly q: Queues;
  readonly referenced: Uint8Array;
}

/** An empty cache with this policy. */
export function startSecondChance(spec: CacheSpec): RunningCache {
  const s: SecondChanceState = {
    ...createCache(spec),
    q: createQueues(spec.pages, 1),
    referenced: new Uint8Array(spec.pages + 1),
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: SecondChanceState, references: Int32Array, from: number, to: number): void {
  const { referenced, dirty } = s;
  const { where } = s.q;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (where[page] === 0) bringIn(s, page);
    referenced[page] = 1;
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: SecondChanceState, page: number): void {
  const { q, referenced } = s;
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else {
    let victim = tailOf(q, QUEUE);
    while (referenced[victim] === 1) {
      referenced[victim] = 0;
      moveTo(q, QUEUE, victim);
      victim = tailOf(q, QUEUE);
    }
    takeOut(q, victim);
    dropPage(s, victim);
  }
  pushHead(q, QUEUE, page);
}
