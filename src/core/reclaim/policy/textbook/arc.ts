/**
 * ARC: two LRU lists, pages seen once (T1) and pages seen at least twice (T2), each continued by the numbers of pages that
 * left it (B1, B2). A reference to a number in B1 says that T1 should have been longer, one in B2 that T2 should: the
 * target p for the length of T1 moves accordingly.
 *
 *   <- B1 <- [ T1 | T2 ] -> B2 ->        |T1| + |T2| <= c,  |T1| + |B1| <= c,  all four <= 2c
 *
 * Linux: none, this is a policy of the books
 * Doc: Megiddo and Modha, "ARC: a self-tuning, low overhead replacement cache" (FAST 2003), figure 4; docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";
import { createQueues, moveTo, pushHead, type Queues, tailOf, takeOut } from "./queues.ts";

const T1 = 1;
const T2 = 2;
const B1 = 3;
const B2 = 4;

interface ArcState extends CacheState {
  readonly q: Queues;
  /** [0]: p, the target for the length of T1. A real number. */
  readonly target: Float64Array;
}

/** An empty cache with this policy. */
export function startArc(spec: CacheSpec): RunningCache {
  const s: ArcState = {
    ...createCache(spec),
    q: createQueues(spec.pages, 4),
    target: new Float64Array(1),
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: ArcState, references: Int32Array, from: number, to: number): void {
  const { q, dirty } = s;
  const { where } = q;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const queue = where[page]!;
    if (queue === T1 || queue === T2) moveTo(q, T2, page);
    else bringIn(s, page, queue);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: ArcState, page: number, queue: number): void {
  const { q, target, frames } = s;
  const { length } = q;
  s.counts.faults++;
  if (queue === B1) {
    target[0] = Math.min(frames, target[0]! + Math.max(1, length[B2]! / length[B1]!));
    replace(s, false);
    moveTo(q, T2, page);
  } else if (queue === B2) {
    target[0] = Math.max(0, target[0]! - Math.max(1, length[B1]! / length[B2]!));
    replace(s, true);
    moveTo(q, T2, page);
  } else {
    makeRoom(s);
    pushHead(q, T1, page);
  }
}

/** Case IV: the page is in none of the lists. */
function makeRoom(s: ArcState): void {
  const { q, frames } = s;
  const { length } = q;
  if (length[T1]! + length[B1]! === frames) {
    if (length[T1]! < frames) {
      takeOut(q, tailOf(q, B1));
      replace(s, false);
      return;
    }
    const victim = tailOf(q, T1);
    takeOut(q, victim);
    dropPage(s, victim);
    return;
  }
  const all = length[T1]! + length[T2]! + length[B1]! + length[B2]!;
  if (all < frames) return;
  if (all === 2 * frames) takeOut(q, tailOf(q, B2));
  replace(s, false);
}

/** A page leaves T1 if that is longer than its target, else T2; its number stays. */
function replace(s: ArcState, isInB2: boolean): void {
  const { q, target } = s;
  const t1 = q.length[T1]!;
  const isFromT1 = t1 >= 1 && (t1 > target[0]! || (isInB2 && t1 === target[0]));
  const victim = tailOf(q, isFromT1 ? T1 : T2);
  moveTo(q, isFromT1 ? B1 : B2, victim);
  dropPage(s, victim);
}
