/**
 * NRU, not recently used: each page has a bit that says it was used and one that says it was written. At every tick the
 * first is cleared. A page of the lowest class that is not empty leaves, drawn by lot.
 *
 *   class 0  neither      1  written      2  used      3  used and written
 *
 * Books leave the tick open; here it comes every `frames` references, so that a cache looks back over about as many
 * references as it has pages.
 * Linux: none, this is a policy of the books
 * Doc: Tanenbaum and Bos, "Modern operating systems" (2014), section 3.4.2; docs/policies.md
 */
import { createRng, type RngColumns, randomU32 } from "../../../base/rng.ts";
import { type CacheSpec, type CacheState, createCache, dropPage, type RunningCache } from "./cache.ts";

const CLASSES = 4;
const WRITTEN = 1;
const USED = 2;
const AWAY = 255;

interface NruState extends CacheState {
  /** By page: its class, or AWAY; and where it stands in the array of its class. */
  readonly pageClass: Uint8Array;
  readonly place: Int32Array;
  /** By class, `frames` rows each: its pages, in no order. */
  readonly members: Int32Array;
  readonly length: Int32Array;
  readonly rng: RngColumns;
  /** References left until the next tick. */
  untilTick: number;
}

/** An empty cache with this policy. */
export function startNru(spec: CacheSpec): RunningCache {
  const s: NruState = {
    ...createCache(spec),
    pageClass: new Uint8Array(spec.pages + 1).fill(AWAY),
    place: new Int32Array(spec.pages + 1),
    members: new Int32Array(spec.frames * CLASSES),
    length: new Int32Array(CLASSES),
    rng: createRng(spec.seed),
    untilTick: spec.frames,
  };
  return { counts: s.counts, run: (references, from, to) => run(s, references, from, to) };
}

function run(s: NruState, references: Int32Array, from: number, to: number): void {
  const { pageClass, dirty } = s;
  for (let i = from; i < to; i++) {
    const reference = references[i]!;
    const page = reference >> 1;
    const isWrite = reference & 1;
    const before = pageClass[page]!;
    if (before === AWAY) {
      makeRoom(s);
      join(s, page, USED | isWrite);
    } else if ((before | USED | isWrite) !== before) {
      leave(s, page);
      join(s, page, before | USED | isWrite);
    }
    dirty[page]! |= isWrite;
    if (--s.untilTick === 0) tick(s);
  }
  s.counts.requests += to - from;
}

function makeRoom(s: NruState): void {
  s.counts.faults++;
  if (s.used < s.frames) {
    s.used++;
    return;
  }
  let lowest = 0;
  while (s.length[lowest] === 0) lowest++;
  const victim = s.members[lowest * s.frames + (randomU32(s.rng) % s.length[lowest]!)]!;
  leave(s, victim);
  s.pageClass[victim] = AWAY;
  dropPage(s, victim);
}

/** Clears all used bits: class 2 becomes 0, class 3 becomes 1. */
function tick(s: NruState): void {
  for (let from = USED; from < CLASSES; from++) {
    while (s.length[from]! > 0) {
      const page = s.members[from * s.frames + s.length[from]! - 1]!;
      leave(s, page);
      join(s, page, from & WRITTEN);
    }
  }
  s.untilTick = s.frames;
}

function join(s: NruState, page: number, to: number): void {
  const at = s.length[to]!++;
  s.members[to * s.frames + at] = page;
  s.place[page] = at;
  s.pageClass[page] = to;
}

/** Takes a page out of its class; the last of the class takes its place. */
function leave(s: NruState, page: number): void {
  const from = s.pageClass[page]!;
  const last = s.members[from * s.frames + --s.length[from]!]!;
  s.members[from * s.frames + s.place[page]!] = last;
  s.place[last] = s.place[page]!;
}
