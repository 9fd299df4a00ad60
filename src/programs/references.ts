/**
 * A trace as a textbook sees it: one page after the other, read or written. Which process, what kind of memory and what
 * calls stand between is left aside; the same page number in two processes is two pages.
 *
 *   reference   page * 2, plus 1 when it writes; pages are numbered from 1 in the order of their first reference
 *
 * Doc: docs/policies.md
 */
import { NEVER } from "../core/index.ts";
import { type ChunkSource, createChunk } from "./replay/events.ts";
import { KIND_MODIFY, KIND_STORE } from "./replay/merge.ts";

/** Numbers of pages, kept from one reading of a trace to the next. */
export interface PageNumbers {
  /** By stream and page. */
  readonly numbers: Map<number, number>;
}

/** Where a trace's accesses are. */
export interface ReferenceSource {
  readonly source: ChunkSource;
  readonly streams: number;
}

/** References handed over at one time. */
const BATCH = 65536;
/** More than any virtual page number of a process (57 - 12 bits). */
const STREAM_PAGES = 2 ** 45;
/** A reference has 31 bits. */
const MOST_PAGES = 2 ** 30 - 1;

/** No page has a number yet. */
export function createPageNumbers(): PageNumbers {
  return { numbers: new Map() };
}

/** What is being handed over. */
interface Handover {
  readonly batch: Int32Array;
  length: number;
  total: number;
  readonly take: (references: Int32Array, length: number) => void;
}

/**
 * Reads all references of a trace, the streams one after the other, and hands them over in batches: rows 0 to `length` - 1
 * of an array that is used again. Returns how many there were; what the source throws (FormatError) goes through.
 */
export function readReferences(
  trace: ReferenceSource,
  pages: PageNumbers,
  take: (references: Int32Array, length: number) => void,
): number {
  const chunk = createChunk();
  const handover: Handover = { batch: new Int32Array(BATCH), length: 0, total: 0, take };
  for (let stream = 0; stream < trace.streams; stream++) {
    while (trace.source.next(stream, chunk)) {
      for (let run = 0; run < chunk.length; run++) {
        const page = numberOf(pages, stream * STREAM_PAGES + chunk.page[run]!);
        const kind = chunk.kind[run]!;
        add(handover, page * 2 + (kind === KIND_STORE || kind === KIND_MODIFY ? 1 : 0), chunk.count[run]!);
      }
    }
  }
  flush(handover);
  return handover.total;
}

/** Adds a reference `count` times. */
function add(handover: Handover, reference: number, count: number): void {
  for (let left = count; left > 0; left--) {
    handover.batch[handover.length++] = reference;
    if (handover.length === BATCH) flush(handover);
  }
}

function flush(handover: Handover): void {
  if (handover.length > 0) handover.take(handover.batch, handover.length);
  handover.total += handover.length;
  handover.length = 0;
}

/** The page's number; a new one at its first reference. RangeError when there are too many. */
function numberOf(pages: PageNumbers, key: number): number {
  const known = pages.numbers.get(key);
  if (known !== undefined) return known;
  const number = pages.numbers.size + 1;
  if (number > MOST_PAGES) throw new RangeError(`the trace has more than ${MOST_PAGES} pages`);
  pages.numbers.set(key, number);
  return number;
}

/** By reference, the position of the next one to its page; NEVER when there is none. Pages are 1 to `pages`. */
export function futureOf(references: Int32Array, pages: number): Int32Array {
  const future = new Int32Array(references.length);
  const seen = new Int32Array(pages + 1).fill(NEVER);
  for (let at = references.length - 1; at >= 0; at--) {
    const page = references[at]! >> 1;
    future[at] = seen[page]!;
    seen[page] = at;
  }
  return future;
}
