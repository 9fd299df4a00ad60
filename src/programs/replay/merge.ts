/**
 * Merges accesses to runs without losing what the processor's memory management unit sees.
 *
 * Instruction fetches and data accesses go through TLBs of their own, so each of the two sides is merged by itself.
 * A side's accesses are cut into *phases*: a phase lasts while at most W different pages are touched (W = 8 for fetches,
 * 4 for data). In a phase every access after the first to its page finds the page among the last W used, so any first
 * level TLB with at least W ways that evicts the least recently used hits: it needs no record of its own.
 * What is kept, exactly: the order of the first accesses of each kind to each page of the phase (that is what faults,
 * sets accessed and dirty bits, and misses), both sides interleaved as they happened; the number of accesses by page
 * and kind; and the order in which the pages of the phase were *last* used, which decides what a TLB evicts later. For
 * that last point one access is taken out of a run and gets a record of its own at the place of the page's last use,
 * for those pages only whose order of last use is not the order in which their runs stand:
 *
 *     accesses     A B A A C B          (loads)
 *     records      A:3 B:1 C:1 B:1      order of last use A C B: B is written again, A and C stand right
 *
 * System calls end the phases of both sides, so that no access moves across one.
 * Doc: docs/pwt.md
 */

/** Kinds of access, numbered as the core numbers them (vm/access.ts). */
export const KIND_LOAD = 0;
export const KIND_STORE = 1;
export const KIND_FETCH = 2;
export const KIND_MODIFY = 3;

/** Pages in a phase. */
export const FETCH_PAGES = 8;
export const DATA_PAGES = 4;

/** Records at which a merger is to be emptied; a phase's end may add a few more. */
export const RUNS_FULL = 65472;
const RUNS_MOST = 65536;
/** Accesses at which a merger is to be emptied, so that every count fits 31 bits. */
const ACCESSES_FULL = 0x3fffffff;

/** One side's open phase. Row p of the arrays is the p-th page of the phase. */
interface Phase {
  readonly width: number;
  pages: number;
  /** Row of the page accessed last. */
  current: number;
  clock: number;
  readonly page: Float64Array;
  /** By page * 4 + kind: the record that counts such accesses, or -1. */
  readonly record: Int32Array;
  readonly lastUse: Float64Array;
  readonly lastKind: Uint8Array;
  /** How many records there were when the page was last turned to. */
  readonly lastPlace: Int32Array;
  /** Rows in order of last use, made when the phase ends. */
  readonly order: Int32Array;
}

/** Runs being merged: records 0 to `length` - 1 of the three columns, in order. */
export interface Merger {
  readonly page: Float64Array;
  readonly kind: Uint8Array;
  readonly count: Int32Array;
  length: number;
  /** Accesses since the merger was emptied. */
  accesses: number;
  readonly fetch: Phase;
  readonly data: Phase;
}

/**
 * A merger with nothing in it. An exact one merges only accesses to one page that follow each other directly, fetches and
 * data alike: for readers to whom the order of all accesses counts, and not what a TLB makes of it.
 */
export function createMerger(isExact = false): Merger {
  const data = createPhase(isExact ? 1 : DATA_PAGES);
  return {
    page: new Float64Array(RUNS_MOST),
    kind: new Uint8Array(RUNS_MOST),
    count: new Int32Array(RUNS_MOST),
    length: 0,
    accesses: 0,
    fetch: isExact ? data : createPhase(FETCH_PAGES),
    data,
  };
}

/** Counts one fetch from a page. */
export function mergeFetch(m: Merger, page: number): void {
  const phase = m.fetch;
  m.accesses++;
  const record = phase.record[phase.current * 4 + KIND_FETCH]!;
  if (phase.page[phase.current] === page && phase.pages > 0 && record >= 0) m.count[record]!++;
  else mergeOther(m, phase, page, KIND_FETCH);
}

/** Counts one load, store or modify of a page. */
export function mergeData(m: Merger, page: number, kind: number): void {
  const phase = m.data;
  m.accesses++;
  const record = phase.record[phase.current * 4 + kind]!;
  if (phase.page[phase.current] === page && phase.pages > 0 && record >= 0) {
    m.count[record]!++;
    phase.lastKind[phase.current] = kind;
  } else mergeOther(m, phase, page, kind);
}

/** Whether the merger is to be emptied before more goes in. */
export function isMergerFull(m: Merger): boolean {
  return m.length >= RUNS_FULL || m.accesses >= ACCESSES_FULL;
}

/** Ends both phases; the records are then complete, and the caller empties the merger when it has taken them. */
export function closeMerger(m: Merger): void {
  closePhase(m, m.fetch);
  closePhase(m, m.data);
}

/** Forgets the records; the merger must have been closed. */
export function emptyMerger(m: Merger): void {
  m.length = 0;
  m.accesses = 0;
}

function createPhase(width: number): Phase {
  return {
    width,
    pages: 0,
    current: 0,
    clock: 0,
    page: new Float64Array(width),
    record: new Int32Array(width * 4).fill(-1),
    lastUse: new Float64Array(width),
    lastKind: new Uint8Array(width),
    lastPlace: new Int32Array(width),
    order: new Int32Array(width),
  };
}

/** An access that is not one more of what its phase did last: to another page, or of a kind not seen there. */
function mergeOther(m: Merger, phase: Phase, page: number, kind: number): void {
  let row = 0;
  while (row < phase.pages && phase.page[row] !== page) row++;
  if (row === phase.pages) {
    if (row === phase.width) {
      closePhase(m, phase);
      row = 0;
    }
    phase.pages = row + 1;
    phase.page[row] = page;
  }
  phase.current = row;
  phase.lastUse[row] = ++phase.clock;
  phase.lastKind[row] = kind;
  const record = phase.record[row * 4 + kind]!;
  if (record >= 0) m.count[record]!++;
  else phase.record[row * 4 + kind] = append(m, page, kind);
  phase.lastPlace[row] = m.length;
}

function append(m: Merger, page: number, kind: number): number {
  const record = m.length++;
  m.page[record] = page;
  m.kind[record] = kind;
  m.count[record] = 1;
  return record;
}

/** Writes again, where it was last used, each page whose order of last use its records do not show; starts anew. */
function closePhase(m: Merger, phase: Phase): void {
  const { order, record, lastPlace } = phase;
  sortByLastUse(phase);
  let latest = -1;
  let again = 0;
  for (let place = 0; place < phase.pages; place++) {
    const row = order[place]!;
    const last = Math.max(record[row * 4]!, record[row * 4 + 1]!, record[row * 4 + 2]!, record[row * 4 + 3]!);
    if (last > latest) latest = last;
    else {
      // Had the last use been the first of its kind, its record would stand after all others: so the run has two.
      latest = lastPlace[row]! - 0.5;
      order[again++] = row;
    }
  }
  while (again-- > 0) {
    const row = order[again]!;
    const kind = phase.lastKind[row]!;
    m.count[record[row * 4 + kind]!]!--;
    insert(m, lastPlace[row]!, phase.page[row]!, kind);
  }
  record.fill(-1);
  phase.pages = 0;
  phase.current = 0;
}

/** Puts one access before the record at `place`. Records after it move up, and what points at them is corrected. */
function insert(m: Merger, place: number, page: number, kind: number): void {
  m.page.copyWithin(place + 1, place, m.length);
  m.kind.copyWithin(place + 1, place, m.length);
  m.count.copyWithin(place + 1, place, m.length);
  m.length++;
  m.page[place] = page;
  m.kind[place] = kind;
  m.count[place] = 1;
  pushUp(m.fetch.record, place);
  pushUp(m.data.record, place);
  pushUp(m.fetch.lastPlace, place + 1);
  pushUp(m.data.lastPlace, place + 1);
}

function pushUp(places: Int32Array, from: number): void {
  for (let i = 0; i < places.length; i++) if (places[i]! >= from) places[i]!++;
}

/** Insertion sort: at most eight rows. */
function sortByLastUse(phase: Phase): void {
  const { order, lastUse } = phase;
  for (let row = 0; row < phase.pages; row++) {
    let place = row;
    while (place > 0 && lastUse[order[place - 1]!]! > lastUse[row]!) {
      order[place] = order[place - 1]!;
      place--;
    }
    order[place] = row;
  }
}
