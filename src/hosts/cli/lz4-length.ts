/**
 * How long a page becomes that the kernel's lz4 compresses, to the byte.
 *
 *   literals … | match: distance, length | literals … | match | … | last literals
 *
 * A block is a row of sequences: a byte that tells both lengths, up to 15 each, further bytes of the length of the literals, the literals,
 * two bytes of distance, further bytes of the length of the match. Where four bytes stood before is looked up in a table of 8192 places, by
 * a hash of them; what is found is what was put there last. Without a find the search goes on in steps that grow by 1 every 64 tries. The
 * last five bytes are literals, and no match begins in the last twelve.
 * Linux: lib/lz4/lz4_compress.c, acceleration 1 (6.12)   Doc: https://github.com/lz4/lz4/blob/dev/doc/lz4_Block_format.md
 */

const MULTIPLIER = 2654435761;
/** Bits of a product that make no part of the hash. */
const HASH_SHIFT = 19;
const LEAST_MATCH = 4;
/** Bytes at the end in which no match begins, and those that are always literals. */
const NO_MATCH_BYTES = 12;
const LAST_LITERALS = 5;
/** Tries after which the search's step grows, as a power of two. */
const TRIES_SHIFT = 6;
/** What the byte of lengths can tell of each, and what each further byte adds at most. */
const MOST_SHORT = 15;
const MOST_BYTE = 255;

/** Where bytes of a hash stood last. */
const places = new Uint16Array(1 << (32 - HASH_SHIFT));

/** Bytes that lz4 makes of up to 64 KiB. */
export function lz4Length(bytes: Uint8Array): number {
  let length = 0;
  let anchor = 0;
  let at = 1;
  places.fill(0);
  const end = bytes.length - NO_MATCH_BYTES;
  for (;;) {
    const found = findMatch(bytes, at, end);
    if (found === undefined) break;
    let { start, from } = found;
    while (start > anchor && from > 0 && bytes[start - 1] === bytes[from - 1]) {
      start--;
      from--;
    }
    length += start - anchor + further(start - anchor);
    // Matches that follow each other have no literals between them.
    for (;;) {
      const matched = matchLength(bytes, start, from);
      length += 1 + 2 + further(matched - LEAST_MATCH);
      start += matched;
      anchor = start;
      if (start > end) break;
      places[hashAt(bytes, start - 2)] = start - 2;
      const hash = hashAt(bytes, start);
      from = places[hash]!;
      places[hash] = start;
      if (!isSame(bytes, start, from)) break;
    }
    if (anchor > end) break;
    at = anchor + 1;
  }
  const rest = bytes.length - anchor;
  return length + 1 + further(rest) + rest;
}

/** The first place from `at` on that is tried and whose four bytes stood somewhere before, and where. */
function findMatch(bytes: Uint8Array, at: number, end: number): { start: number; from: number } | undefined {
  let next = at;
  let step = 1;
  for (let tries = 1 << TRIES_SHIFT; ; tries++) {
    const start = next;
    next += step;
    step = tries >> TRIES_SHIFT;
    if (next > end) return undefined;
    const hash = hashAt(bytes, start);
    const from = places[hash]!;
    places[hash] = start;
    if (isSame(bytes, start, from)) return { start, from };
  }
}

/** Bytes that are equal from both places on, but for the last literals. */
function matchLength(bytes: Uint8Array, start: number, from: number): number {
  const most = bytes.length - LAST_LITERALS - start;
  let matched = LEAST_MATCH;
  while (matched < most && bytes[start + matched] === bytes[from + matched]) matched++;
  return matched;
}

/** Further bytes of a length. */
function further(length: number): number {
  return length < MOST_SHORT ? 0 : Math.floor((length - MOST_SHORT) / MOST_BYTE) + 1;
}

function wordAt(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function hashAt(bytes: Uint8Array, at: number): number {
  return Math.imul(wordAt(bytes, at), MULTIPLIER) >>> HASH_SHIFT;
}

function isSame(bytes: Uint8Array, one: number, other: number): boolean {
  return wordAt(bytes, one) === wordAt(bytes, other);
}
