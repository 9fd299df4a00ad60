/**
 * Growing byte buffers with variable-length integers, and a reader that knows where it is.
 *
 * An unsigned number is written seven bits a byte, lowest first, the top bit saying that more follow. A signed number
 * is folded first (0, -1, 1, -2 … become 0, 1, 2, 3 …). Numbers go up to 2^53 - 1 (signed: half of that), beyond what
 * 32-bit shifts can do, so the slow path divides.
 * Doc: docs/pwt.md
 */
import { formatError } from "./format-error.ts";

/** Bytes being written; `bytes` grows, `length` are in use. */
export interface ByteWriter {
  bytes: Uint8Array;
  length: number;
}

/** Bytes being read: `at` is the next, `end` the first that is not ours. */
export interface ByteReader {
  bytes: Uint8Array;
  at: number;
  end: number;
  /** Named in errors. */
  readonly name: string;
  /** Added to `at` in errors. */
  base: number;
}

const SMALL = 0x7fffffff;
const INITIAL_BYTES = 4096;

/** An empty writer. */
export function createWriter(): ByteWriter {
  return { bytes: new Uint8Array(INITIAL_BYTES), length: 0 };
}

/** Makes room for `more` bytes. */
export function reserve(w: ByteWriter, more: number): void {
  if (w.length + more <= w.bytes.length) return;
  const bytes = new Uint8Array(Math.max(w.bytes.length * 2, w.length + more));
  bytes.set(w.bytes.subarray(0, w.length));
  w.bytes = bytes;
}

/** Writes one byte. */
export function putByte(w: ByteWriter, value: number): void {
  if (w.length === w.bytes.length) reserve(w, 1);
  w.bytes[w.length++] = value;
}

/** Writes an unsigned number. */
export function putVarint(w: ByteWriter, value: number): void {
  reserve(w, 8);
  let rest = value;
  while (rest > SMALL) {
    w.bytes[w.length++] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  while (rest >= 128) {
    w.bytes[w.length++] = (rest & 127) | 128;
    rest >>>= 7;
  }
  w.bytes[w.length++] = rest;
}

/** Writes a signed number. */
export function putSigned(w: ByteWriter, value: number): void {
  putVarint(w, value >= 0 ? value * 2 : -value * 2 - 1);
}

/** Writes a length and the bytes. */
export function putBytes(w: ByteWriter, bytes: Uint8Array): void {
  putVarint(w, bytes.length);
  reserve(w, bytes.length);
  w.bytes.set(bytes, w.length);
  w.length += bytes.length;
}

/** Writes a string: the length of its UTF-8 form, then that. */
export function putText(w: ByteWriter, text: string): void {
  putBytes(w, encodeUtf8(text));
}

/** What was written, as a view that the next write may change. */
export function written(w: ByteWriter): Uint8Array {
  return w.bytes.subarray(0, w.length);
}

/** A reader of all of `bytes`. */
export function createReader(bytes: Uint8Array, name: string): ByteReader {
  return { bytes, at: 0, end: bytes.length, name, base: 0 };
}

/** The next byte; a format error at the end. */
export function getByte(r: ByteReader): number {
  if (r.at >= r.end) throw formatError(r.name, `byte ${r.base + r.at}`, "the data ends inside a record");
  return r.bytes[r.at++]!;
}

/** The next unsigned number; a format error when it is cut off or does not fit in 53 bits. */
export function getVarint(r: ByteReader): number {
  let byte = getByte(r);
  if (byte < 128) return byte;
  let value = byte & 127;
  let unit = 128;
  do {
    byte = getByte(r);
    value += (byte & 127) * unit;
    unit *= 128;
  } while (byte >= 128 && unit < 0x4000000000000);
  if (byte >= 128 || value > Number.MAX_SAFE_INTEGER) {
    throw formatError(r.name, `byte ${r.base + r.at}`, "expected a number below 2^53");
  }
  return value;
}

/** The next signed number. */
export function getSigned(r: ByteReader): number {
  const folded = getVarint(r);
  return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
}

/** The next length-prefixed bytes, as a view. */
export function getBytes(r: ByteReader): Uint8Array {
  const length = getVarint(r);
  if (length > r.end - r.at)
    throw formatError(r.name, `byte ${r.base + r.at}`, `expected ${length} bytes, ${r.end - r.at} are left`);
  r.at += length;
  return r.bytes.subarray(r.at - length, r.at);
}

/** The next string. */
export function getText(r: ByteReader): string {
  return decodeUtf8(getBytes(r));
}

/** UTF-8 bytes of a string. The platform's own encoder is no part of the language, so the programs floor has this one. */
export function encodeUtf8(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 63),
        0x80 | ((code >> 6) & 63),
        0x80 | (code & 63),
      );
  }
  return Uint8Array.from(bytes);
}

/** The string of UTF-8 bytes; what is no UTF-8 becomes U+FFFD, byte by byte. */
export function decodeUtf8(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; ) {
    const length = sequenceLength(bytes, at);
    let code = length === 1 ? bytes[at]! : bytes[at]! & (0xff >> (length + 1));
    for (let more = 1; more < length; more++) code = (code << 6) | (bytes[at + more]! & 63);
    text += String.fromCodePoint(length === 0 || code > 0x10ffff ? 0xfffd : code);
    at += Math.max(1, length);
  }
  return text;
}

/** Bytes of the character at `at`; 0 when none begins there or it is cut off. */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : first >= 0xc2 ? 2 : 0;
  for (let more = 1; more < length; more++) if ((bytes[at + more] ?? 0) >> 6 !== 2) return 0;
  return length;
}
