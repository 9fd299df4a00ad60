/**
 * CLOCK-Pro: pages with a short time between two uses are hot, the others cold, told apart with one clock and three hands.
 * A cold page that comes in has a test period, also after it left: used again within it, it becomes hot. The number of
 * frames for cold pages grows when a page comes back in its test period, and shrinks when a test period ends without a use.
 *
 *   hand cold   takes the next cold page not used; a used one in its test becomes hot, a used one without begins a test
 *   hand hot    makes the next hot page not used cold, clears the bits of the used ones, ends the tests it passes
 *   hand test   ends tests and takes pages that left out of the clock, when there are more of these than frames
 *
 *   list head: right behind the hand of hot pages, where new pages and those that earned another round go
 *
 * At the beginning nearly all frames are for cold pages; one at least is, at all times.
 * Linux: none, this is a policy of the books
 * Doc: Jiang, Chen and Zhang, "CLOCK-Pro: an effective improvement of the CLOCK replacement" (USENIX 2005), section 4;
 * docs/policies.md
 */
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

/** What a page is in the clock: nothing, hot, cold, or left and still in its test period. */
const AWAY = 0;
const HOT = 1;
const COLD = 2;
const LEFT = 3;

/** `hands`: the pages the three hands stand at, 0 in an empty clock. */
const HAND_COLD = 0;
const HAND_HOT = 1;
const HAND_TEST = 2;

interface ClockProState extends CacheState {
  readonly kind: Uint8Array;
  readonly referenced: Uint8Array;
  readonly inTest: Uint8Array;
  readonly next: Int32Array;
  readonly prev: Int32Array;
  readonly hands: Int32Array;
  /** By kind: pages. */
  readonly length: Int32Array;
  /** Frames for cold pages, and the most it may be. */
  coldFrames: number;
  readonly mostColdFrames: number;
}

/** An empty cache with this policy. */
export function startClockPro(spec: CacheSpec): RunningCache {
  const rows = spec.pages + 1;
  const mostColdFrames = Math.max(1, spec.frames - 1);
  const s: ClockProState = {
    ...createCache(spec),
    kind: new Uint8Array(rows),
    referenced: new Uint8Array(rows),
    inTest: new Uint8Array(rows),
    next: new Int32Array(rows),
    prev: new Int32Array(rows),
    hands: new Int32Array(3),
    length: new Int32Array(4),
    coldFrames: mostColdFrames,
    mostColdFrames,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: ClockProState, references: Int32Array, from: number, to: number): void {
  const { kind, referenced, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    if (kind[page] === HOT || kind[page] === COLD) referenced[page] = 1;
    else bringIn(s, page);
    dirty[page]! |= reference & 1;
  }
  s.counts.requests += to - from;
}

function bringIn(s: ClockProState, page: number): void {
  s.counts.faults++;
  if (s.used < s.frames) s.used++;
  else evict(s);
  s.referenced[page] = 0;
  // Making room may have ended this page's own test.
  if (s.kind[page] !== LEFT) {
    s.inTest[page] = 1;
    setKind(s, page, COLD);
    insertAtHead(s, page);
    return;
  }
  s.coldFrames = Math.min(s.mostColdFrames, s.coldFrames + 1);
  s.inTest[page] = 0;
  takeOut(s, page);
  setKind(s, page, HOT);
  insertAtHead(s, page);
  balance(s);
}

/** The hand of cold pages goes on until one of them has left. */
function evict(s: ClockProState): void {
  const { kind, referenced, inTest, next, hands } = s;
  balance(s);
  for (;;) {
    let page = hands[HAND_COLD]!;
    while (kind[page] !== COLD) page = next[page]!;
    hands[HAND_COLD] = next[page]!;
    if (referenced[page] === 0) {
      leave(s, page);
      return;
    }
    referenced[page] = 0;
    takeOut(s, page);
    if (inTest[page] === 1) setKind(s, page, HOT);
    inTest[page] = inTest[page] === 1 ? 0 : 1;
    insertAtHead(s, page);
    balance(s);
  }
}

function leave(s: ClockProState, page: number): void {
  dropPage(s, page);
  if (s.inTest[page] === 0) {
    takeOut(s, page);
    setKind(s, page, AWAY);
    return;
  }
  setKind(s, page, LEFT);
  while (s.length[LEFT]! > s.frames) turnTestHand(s);
}

/** Makes hot pages cold until there are as many frames for cold pages as there should be. */
function balance(s: ClockProState): void {
  while (s.length[HOT]! > 0 && s.length[HOT]! > s.frames - s.coldFrames) turnHotHand(s);
}

/** The hand of hot pages goes on until one of them has become cold. */
function turnHotHand(s: ClockProState): void {
  const { kind, referenced, next, hands } = s;
  for (;;) {
    const page = hands[HAND_HOT]!;
    hands[HAND_HOT] = next[page]!;
    if (kind[page] !== HOT) endTest(s, page);
    else if (referenced[page] === 1) referenced[page] = 0;
    else {
      setKind(s, page, COLD);
      return;
    }
  }
}

/** The hand of tests goes on to the next page and ends its test. */
function turnTestHand(s: ClockProState): void {
  const page = s.hands[HAND_TEST]!;
  s.hands[HAND_TEST] = s.next[page]!;
  if (s.kind[page] !== HOT) endTest(s, page);
}

/** A test ends; one that saw no use takes a frame from the cold pages, and a page that left is forgotten. */
function endTest(s: ClockProState, page: number): void {
  if (s.inTest[page] === 0) return;
  s.inTest[page] = 0;
  if (s.referenced[page] === 0) s.coldFrames = Math.max(1, s.coldFrames - 1);
  if (s.kind[page] !== LEFT) return;
  takeOut(s, page);
  setKind(s, page, AWAY);
}

function setKind(s: ClockProState, page: number, kind: number): void {
  s.length[s.kind[page]!]!--;
  s.length[kind]!++;
  s.kind[page] = kind;
}

/** Takes a page out of the clock; a hand that stands there goes on. */
function takeOut(s: ClockProState, page: number): void {
  const { next, prev, hands } = s;
  const after = next[page]!;
  const before = prev[page]!;
  for (let hand = 0; hand < hands.length; hand++) {
    if (hands[hand] === page) hands[hand] = after === page ? 0 : after;
  }
  next[before] = after;
  prev[after] = before;
}

function insertAtHead(s: ClockProState, page: number): void {
  const { next, prev, hands } = s;
  const after = hands[HAND_HOT]!;
  if (after === 0) {
    hands.fill(page);
    next[page] = page;
    prev[page] = page;
    return;
  }
  const before = prev[after]!;
  next[before] = page;
  prev[page] = before;
  next[page] = after;
  prev[after] = page;
}
