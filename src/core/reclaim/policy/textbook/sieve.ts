/**
 * SIEVE: a FIFO queue that pages never move in. A hit sets a bit; a hand goes from the oldest page towards the newest,
 * clears set bits and takes the first page whose bit was clear, from wherever it stands.
 *
 *   newest  a b' c d' e  oldest       ' bit set
 *                 ^ hand: clears d', takes c, stays before b
 *
 * Linux: none, this is a policy of the books
 * Doc: Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU" (NSDI 2024); docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";
import { createQueues, pushHead, type Queues, tailOf, takeOut } from "./queues.ts";

const QUEUE = 1;

interface SieveState extends CacheState {
  readonly q: Queues;
  readonly visited: Uint8Array;
  /** The page the hand stands at; 0: it begins at the oldest. */
  hand: number;
}

/** An empty cache with this policy. */
export function startSieve(spec: CacheSpec): RunningCache {
  const s: SieveState = {
    ...createCache(spec),
    q: createQueues(spec.pages, 1),
    visited: new Uint8Array(spec.pages + 1),
    hand: 0,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: SieveState, references: Int32Array, from: number, to: number): void {
  const { visited, dirty } = s;
  const { where } = s.q;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (where[page] === 0) bringIn(s, page);
    else visited[page] = 1;
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: SieveState, page: number): void {
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else evict(s);
  s.visited[page] = 0;
  pushHead(s.q, QUEUE, page);
}

function evict(s: SieveState): void {
  const { q, visited } = s;
  let at = s.hand === 0 ? tailOf(q, QUEUE) : s.hand;
  while (visited[at] === 1) {
    visited[at] = 0;
    at = newerOf(q, at);
    if (at === 0) at = tailOf(q, QUEUE);
  }
  s.hand = newerOf(q, at);
  takeOut(q, at);
  dropPage(s, at);
}

/** The page that came after this one; 0 after the newest. */
function newerOf(q: Queues, page: number): number {
  const newer = q.prev[page]!;
  return newer > q.pages ? 0 : newer;
}
