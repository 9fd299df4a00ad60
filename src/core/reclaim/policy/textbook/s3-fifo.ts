/**
 * S3-FIFO: three FIFO queues. New pages go through a small one; those used more than once while there go to the main one,
 * the others leave and are remembered by number. A number that is asked for goes to the main queue at once. The main queue
 * gives a page another round for every use it counted, three at most.
 *
 *   small S, a tenth of the frames  --used again-->  main M  --not used-->  out
 *        '--not used--> ghost G, numbers only, as many as M has frames
 *
 * Linux: none, this is a policy of the books
 * Doc: Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction" (SOSP 2023), algorithm 1;
 * docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";
import { createQueues, moveTo, pushHead, type Queues, tailOf, takeOut } from "./queues.ts";

const SMALL = 1;
const MAIN = 2;
const GHOST = 3;
/** Two bits count the uses of a page. */
const MOST_USES = 3;

interface S3FifoState extends CacheState {
  readonly q: Queues;
  readonly uses: Uint8Array;
  readonly smallFrames: number;
  readonly mainFrames: number;
}

/** An empty cache with this policy. */
export function startS3Fifo(spec: CacheSpec): RunningCache {
  const smallFrames = Math.max(1, Math.floor(spec.frames / 10));
  const s: S3FifoState = {
    ...createCache(spec),
    q: createQueues(spec.pages, 3),
    uses: new Uint8Array(spec.pages + 1),
    smallFrames,
    mainFrames: spec.frames - smallFrames,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: S3FifoState, references: Int32Array, from: number, to: number): void {
  const { uses, dirty } = s;
  const { where } = s.q;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const queue = where[page]!;
    if (queue !== SMALL && queue !== MAIN) bringIn(s, page);
    else if (uses[page]! < MOST_USES) uses[page]!++;
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: S3FifoState, page: number): void {
  const { q } = s;
  s.counts.faults++;
  while (s.used >= s.frames) {
    if (q.length[SMALL]! >= s.smallFrames) evictSmall(s);
    else evictMain(s);
  }
  // The page that left for the ghost queue may have pushed this one out of it.
  if (q.where[page] === GHOST) moveTo(q, MAIN, page);
  else pushHead(q, SMALL, page);
  s.uses[page] = 0;
  s.used++;
}

/** Pages used more than once move on to the main queue, until one that was not has left. */
function evictSmall(s: S3FifoState): void {
  const { q, uses } = s;
  while (q.length[SMALL]! > 0) {
    const page = tailOf(q, SMALL);
    if (uses[page]! <= 1) {
      forget(s, page);
      return;
    }
    if (s.mainFrames > 0 && q.length[MAIN]! >= s.mainFrames) evictMain(s);
    uses[page] = 0;
    moveTo(q, MAIN, page);
  }
}

/** The page leaves; its number goes to the ghost queue, the oldest number there out. */
function forget(s: S3FifoState, page: number): void {
  const { q } = s;
  moveTo(q, GHOST, page);
  if (q.length[GHOST]! > s.mainFrames) takeOut(q, tailOf(q, GHOST));
  dropPage(s, page);
  s.used--;
}

function evictMain(s: S3FifoState): void {
  const { q, uses } = s;
  while (q.length[MAIN]! > 0) {
    const page = tailOf(q, MAIN);
    if (uses[page] === 0) {
      takeOut(q, page);
      dropPage(s, page);
      s.used--;
      return;
    }
    uses[page]!--;
    moveTo(q, MAIN, page);
  }
}
