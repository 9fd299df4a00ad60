/**
 * Reads the log of valgrind's lackey (`--trace-mem=yes`) as it comes, in pieces of any size: accesses go straight into a
 * merger, every other line is handed on as text.
 *
 *     I  0401ab70,3        fetch of an instruction: address in hexadecimal, bytes in decimal
 *      S 1fff000698,8      store;   ` L` load;   ` M` load and store of one instruction
 *
 * An access that reaches into the next page counts there too.
 * Doc: valgrind manual, chapter "Lackey"; docs/pwt.md
 */
import {
  isMergerFull,
  KIND_FETCH,
  KIND_LOAD,
  KIND_MODIFY,
  KIND_STORE,
  type Merger,
  mergeData,
  mergeFetch,
} from "./merge.ts";

/** What the lines are read into. */
export interface LackeySink {
  readonly merger: Merger;
  /** Page ranges [from, to) whose accesses are not the program's own and are left out; pairs, any order. */
  readonly leftOut: number[];
  /** The merger is full: take its records and empty it. */
  readonly full: () => void;
  /** The first data access of all (address, kind), before it is merged. */
  readonly firstData: (address: number, kind: number) => void;
  /** Any other line, without its end. */
  readonly line: (text: string) => void;
}

/** Progress through one log. */
export interface LackeyLines {
  readonly sink: LackeySink;
  /** Bytes of a line whose end has not come. */
  rest: Uint8Array;
  restLength: number;
  /** Lines read. */
  lines: number;
  hasData: boolean;
}

const NEWLINE = 10;
const SPACE = 32;
const COMMA = 44;
const LETTER_I = 73;
const LETTER_L = 76;
const LETTER_M = 77;
const LETTER_S = 83;
const PAGE_DIGITS = 3;
/** Digits of an address: eight at least, with zeros in front. */
const LEAST_DIGITS = 8;
const MOST_DIGITS = 16;
const PAGE_BYTES = 4096;
const HEX = createHex();

/** A reader at the beginning of a log. */
export function createLackeyLines(sink: LackeySink): LackeyLines {
  return { sink, rest: new Uint8Array(256), restLength: 0, lines: 0, hasData: false };
}

/** Reads the next bytes 0 to `length` - 1. */
export function feedLackey(l: LackeyLines, bytes: Uint8Array, length: number): void {
  let at = 0;
  if (l.restLength > 0) {
    const end = bytes.indexOf(NEWLINE);
    if (end < 0 || end >= length) {
      keepRest(l, bytes, 0, length);
      return;
    }
    keepRest(l, bytes, 0, end + 1);
    const whole = l.restLength;
    l.restLength = 0;
    readLines(l, l.rest, 0, whole);
    at = end + 1;
  }
  at = readLines(l, bytes, at, length);
  keepRest(l, bytes, at, length);
}

/** Reads a last line that has no end. */
export function endLackey(l: LackeyLines): void {
  if (l.restLength > 0) feedLackey(l, Uint8Array.of(NEWLINE), 1);
}

/** Keeps bytes of a line until its end comes. */
function keepRest(l: LackeyLines, bytes: Uint8Array, from: number, to: number): void {
  const needed = l.restLength + to - from;
  if (needed > l.rest.length) {
    const rest = new Uint8Array(needed * 2);
    rest.set(l.rest.subarray(0, l.restLength));
    l.rest = rest;
  }
  l.rest.set(bytes.subarray(from, to), l.restLength);
  l.restLength = needed;
}

/** Reads whole lines; returns where the first one begins that has no end. */
function readLines(l: LackeyLines, bytes: Uint8Array, from: number, to: number): number {
  const { sink } = l;
  let at = from;
  while (at < to) {
    const after = readAccess(l, bytes, at, to);
    if (after > 0) {
      at = after;
      if (isMergerFull(sink.merger)) sink.full();
      continue;
    }
    const end = bytes.indexOf(NEWLINE, at);
    if (end < 0 || end >= to) return at;
    l.lines++;
    sink.line(textOf(bytes, at, end));
    at = end + 1;
  }
  return at;
}

/** Reads the line at `from` if it is a whole access and returns where the next begins; 0 for anything else. */
function readAccess(l: LackeyLines, bytes: Uint8Array, from: number, to: number): number {
  const kind = kindOf(bytes, from);
  if (kind < 0) return 0;
  let comma = from + LEAST_DIGITS + 3;
  while (comma < to && bytes[comma] !== COMMA && comma < from + MOST_DIGITS + 3) comma++;
  const page = hexNumber(bytes, from + 3, comma - PAGE_DIGITS);
  const within = hexNumber(bytes, comma - PAGE_DIGITS, comma);
  let size = 0;
  let at = comma + 1;
  for (; at < to && bytes[at] !== NEWLINE; at++) {
    const digit = bytes[at]! - 48;
    if (digit < 0 || digit > 9 || size > PAGE_BYTES) return 0;
    size = size * 10 + digit;
  }
  if (at >= to || page < 0 || within < 0 || bytes[comma] !== COMMA) return 0;
  l.lines++;
  if (kind !== KIND_FETCH && !l.hasData) {
    l.hasData = true;
    l.sink.firstData(page * PAGE_BYTES + within, kind);
  }
  count(l.sink, page, kind);
  if (within + size > PAGE_BYTES) count(l.sink, page + 1, kind);
  return at + 1;
}

/** The kind of access that a line begins with, or -1. */
function kindOf(bytes: Uint8Array, from: number): number {
  const first = bytes[from];
  const second = bytes[from + 1];
  if (bytes[from + 2] !== SPACE) return -1;
  if (first === LETTER_I) return second === SPACE ? KIND_FETCH : -1;
  if (first !== SPACE) return -1;
  if (second === LETTER_L) return KIND_LOAD;
  if (second === LETTER_S) return KIND_STORE;
  return second === LETTER_M ? KIND_MODIFY : -1;
}

/** The number that hexadecimal digits make, or -1 when one is none. */
function hexNumber(bytes: Uint8Array, from: number, to: number): number {
  let value = 0;
  let invalid = 0;
  for (let at = from; at < to; at++) {
    const digit = HEX[bytes[at]!]!;
    invalid |= digit;
    value = value * 16 + digit;
  }
  return invalid < 0 ? -1 : value;
}

/** Counts an access to a page, unless the page is to be left out. */
function count(sink: LackeySink, page: number, kind: number): void {
  const { leftOut } = sink;
  for (let i = 0; i < leftOut.length; i += 2) if (page >= leftOut[i]! && page < leftOut[i + 1]!) return;
  if (kind === KIND_FETCH) mergeFetch(sink.merger, page);
  else mergeData(sink.merger, page, kind);
}

/** A line as text; what is not ASCII comes byte by byte. */
function textOf(bytes: Uint8Array, from: number, to: number): string {
  let text = "";
  for (let at = from; at < to; at++) text += String.fromCharCode(bytes[at]!);
  return text;
}

/** Value of each hexadecimal digit by its code; -1 for every other. */
function createHex(): Int8Array {
  const table = new Int8Array(256).fill(-1);
  for (let digit = 0; digit < 16; digit++) {
    table[digit.toString(16).charCodeAt(0)] = digit;
    table[digit.toString(16).toUpperCase().charCodeAt(0)] = digit;
  }
  return table;
}
