/**
 * Which addresses a pattern touches, in which order, reading or writing: defined bit for bit, so that a runner in C
 * and this one touch the same words. Everything is integer arithmetic below 2^53.
 *
 * Zipf's weights come from a table: log2 of the rank by squaring (20 bits), times theta, then 2 to the minus that by
 * multiplying constants, one a bit. A draw is a random number below the table's last entry and a binary search.
 * Doc: docs/script.md, sections 5 and 6
 */
import { createRng, type RngColumns, randomU32 } from "../../core/index.ts";
import type { AccessOp, PatternOptions, PatternShape } from "./ast.ts";

/** A pattern with its numbers. `third` is the step of a stride and the count of loop, uniform and zipf. */
export interface PatternRequest {
  readonly shape: PatternShape;
  readonly op: AccessOp;
  readonly address: number;
  readonly length: number;
  readonly third: number;
  readonly options: PatternOptions;
}

/** A running pattern: `next` moves it to its next access. */
export interface Pattern {
  readonly request: PatternRequest;
  readonly count: number;
  /** Pages in the range. */
  readonly pages: number;
  readonly rng: RngColumns;
  /** Cumulated weights of zipf; empty otherwise. */
  readonly cumulated: Float64Array;
  /** What a rank is multiplied by to scatter it over the range. */
  readonly scatter: number;
  /** Access number, from 0; -1 before the first. */
  index: number;
  /** The access to make. */
  address: number;
  op: "load" | "store" | "fetch";
}

const PAGE = 4096;
const MOST_PAGES = 2097152;
const TWO_32 = 4294967296;

/** Starts a pattern, or says what is wrong with its numbers. */
export function createPattern(request: PatternRequest): Pattern | string {
  const { shape, address, length, third, options } = request;
  const pages = Math.ceil(length / PAGE);
  if (length < 1) return `expected a length of at least 1, found ${length}`;
  if (pages > MOST_PAGES) return `expected a length of at most 8G, found ${length}`;
  if (address % 4 !== 0) return "expected an address that is a multiple of 4";
  if (shape === "stride" && (third === 0 || third % 4 !== 0))
    return `expected a step that is a multiple of 4 and not 0, found ${third}`;
  if (shape !== "stride" && shape !== "scan" && third < 0)
    return `expected a number of accesses, found ${third}`;
  return {
    request,
    count: shape === "scan" ? pages : shape === "stride" ? Math.ceil(length / Math.abs(third)) : third,
    pages,
    rng: createRng(options.seed),
    cumulated: shape === "zipf" ? zipfTable(pages, options.theta) : new Float64Array(0),
    scatter: shape === "zipf" ? scatterFactor(pages) : 1,
    index: -1,
    address: 0,
    op: "load",
  };
}

/** Moves to the next access and fills `address` and `op`; false when there is none. */
export function nextAccess(pattern: Pattern): boolean {
  const { request, rng } = pattern;
  if (pattern.index + 1 >= pattern.count) return false;
  pattern.index++;
  pattern.address = request.address + offsetOf(pattern);
  if (request.op === "mix") pattern.op = randomU32(rng) % 100 < request.options.writes ? "store" : "load";
  else pattern.op = request.op;
  return true;
}

function offsetOf(pattern: Pattern): number {
  const { request, index, pages } = pattern;
  switch (request.shape) {
    case "scan":
      return index * PAGE;
    case "stride":
      return request.third > 0 ? index * request.third : (pattern.count - 1 - index) * -request.third;
    case "loop":
      return (index % pages) * PAGE;
    case "uniform":
      return Math.floor((randomU32(pattern.rng) * pages) / TWO_32) * PAGE;
    case "zipf":
      return ((drawRank(pattern) * pattern.scatter) % pages) * PAGE;
  }
}

/** A rank from 0, by rejection: a number of as many bits as the table's last entry, until it is below it. */
function drawRank(pattern: Pattern): number {
  const { cumulated, rng, pages } = pattern;
  const total = cumulated[pages]!;
  const highLimit = 2 ** (bitLength(total) - 32);
  let value: number;
  do {
    const high = randomU32(rng);
    value = (high % highLimit) * TWO_32 + randomU32(rng);
  } while (value >= total);
  let low = 1;
  let high = pages;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulated[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

function bitLength(value: number): number {
  let bits = 0;
  for (let power = 1; power <= value; power *= 2) bits++;
  return bits;
}

const ONE_26 = 67108864;
const ONE_25 = 33554432;
const ONE_20 = 1048576;

/** 2^26 * 2^(-2^-b) for b from 1 to 20, rounded. */
const HALVINGS: readonly number[] = [
  47453133, 56431603, 61539100, 64263668, 65670859, 66385968, 66746437, 66927405, 67018073, 67063453,
  67086155, 67097508, 67103186, 67106025, 67107444, 67108154, 67108509, 67108687, 67108775, 67108820,
];

/** log2 of a rank in units of 2^-20, rounded down as the doubling of squares gives it. */
function log2Fixed(rank: number): number {
  let log = bitLength(rank) - 1;
  let mantissa = (rank * ONE_25) / 2 ** log;
  mantissa = Math.floor(mantissa);
  for (let i = 0; i < 20; i++) {
    mantissa = Math.floor((mantissa * mantissa) / ONE_25);
    log *= 2;
    if (mantissa >= ONE_26) {
      mantissa = Math.floor(mantissa / 2);
      log++;
    }
  }
  return log;
}

/** The weight of a rank from 1: rank^-(theta/1000) * 2^32, at least 1. */
export function zipfWeight(rank: number, theta: number): number {
  const exponent = Math.floor((log2Fixed(rank) * theta) / 1000);
  const whole = Math.floor(exponent / ONE_20);
  const fraction = exponent % ONE_20;
  let weight = ONE_26;
  for (let bit = 1; bit <= 20; bit++) {
    if ((fraction >> (20 - bit)) & 1) weight = Math.floor((weight * HALVINGS[bit - 1]!) / ONE_26);
  }
  return Math.max(1, Math.floor((weight * 64) / 2 ** whole));
}

/** Cumulated weights by rank, [0] = 0. */
function zipfTable(pages: number, theta: number): Float64Array {
  const cumulated = new Float64Array(pages + 1);
  for (let rank = 1; rank <= pages; rank++) cumulated[rank] = cumulated[rank - 1]! + zipfWeight(rank, theta);
  return cumulated;
}

/** The smallest number from 5/8 of `pages` that shares no divisor with it: multiplying by it permutes the pages. */
function scatterFactor(pages: number): number {
  let factor = Math.floor((5 * pages) / 8);
  while (greatestCommonDivisor(factor, pages) !== 1) factor++;
  return factor;
}

function greatestCommonDivisor(left: number, right: number): number {
  let a = left;
  let b = right;
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}

const FNV_START = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The FNV-1a hash of nothing. */
export const EMPTY_FNV = FNV_START;

/** FNV-1a of the bytes, going on from `hash`. */
export function fnvBytes(hash: number, bytes: Uint8Array, length: number): number {
  let value = hash;
  for (let i = 0; i < length; i++) value = Math.imul(value ^ bytes[i]!, FNV_PRIME);
  return value >>> 0;
}

/** FNV-1a of a name of ASCII letters: the seed of a file's contents. */
export function fnvText(text: string): number {
  let value = FNV_START;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), FNV_PRIME);
  return value >>> 0;
}
