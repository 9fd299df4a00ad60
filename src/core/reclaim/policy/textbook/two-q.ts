/**
 * 2Q, full version: a page that comes in waits in a FIFO queue, and only one that is asked for again after it left that
 * queue is taken for worth keeping, in an LRU list.
 *
 *   A1in   FIFO of pages, a quarter of the frames      leaves to A1out
 *   A1out  FIFO of numbers of pages that left, half as many as there are frames
 *   Am     LRU list of pages that were asked for while in A1out
 *
 * A page asked for while it is in A1in stays where it is: that is still the burst that brought it in.
 * Linux: none, this is a policy of the books
 * Doc: Johnson and Shasha, "2Q: a low overhead high performance buffer management replacement algorithm" (VLDB 1994);
 * docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";
import { createQueues, moveTo, pushHead, type Queues, tailOf, takeOut } from "./queues.ts";

const A1_IN = 1;
const AM = 2;
const A1_OUT = 3;

interface TwoQState extends CacheState {
  readonly q: Queues;
  /** Sizes the authors advise: 25 % and 50 % of the frames. */
  readonly kIn: number;
  readonly kOut: number;
}

/** An empty cache with this policy. */
export function startTwoQ(spec: CacheSpec): RunningCache {
  const s: TwoQState = {
    ...createCache(spec),
    q: createQueues(spec.pages, 3),
    kIn: Math.floor(spec.frames / 4),
    kOut: Math.floor(spec.frames / 2),
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: TwoQState, references: Int32Array, from: number, to: number): void {
  const { q, dirty } = s;
  const { where } = q;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const queue = where[page]!;
    if (queue === AM) moveTo(q, AM, page);
    else if (queue !== A1_IN) bringIn(s, page, queue === A1_OUT ? AM : A1_IN);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

/** Room is made before the page leaves A1out, as the paper has it: the page that goes there may push this one out. */
function bringIn(s: TwoQState, page: number, to: number): void {
  const { q } = s;
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else reclaim(s);
  if (q.where[page] !== 0) takeOut(q, page);
  pushHead(q, to, page);
}

function reclaim(s: TwoQState): void {
  const { q } = s;
  if (q.length[A1_IN]! <= s.kIn) {
    const victim = tailOf(q, AM);
    takeOut(q, victim);
    dropPage(s, victim);
    return;
  }
  const victim = tailOf(q, A1_IN);
  moveTo(q, A1_OUT, victim);
  dropPage(s, victim);
  if (q.length[A1_OUT]! > s.kOut) takeOut(q, tailOf(q, A1_OUT));
}
