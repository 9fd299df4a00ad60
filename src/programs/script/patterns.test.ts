import { expect, test } from "vitest";
import { createRng, randomU32 } from "../../core/index.ts";
import type { PatternShape } from "./ast.ts";
import {
  createPattern,
  EMPTY_FNV,
  fnvBytes,
  fnvText,
  nextAccess,
  type PatternRequest,
  zipfWeight,
} from "./patterns.ts";

function request(
  shape: PatternShape,
  length: number,
  third: number,
  more: Partial<PatternRequest> = {},
): PatternRequest {
  return {
    shape,
    op: "load",
    address: 65536,
    length,
    third,
    options: { seed: 1, theta: 900, writes: 30 },
    ...more,
  };
}

/** Addresses less 64 KiB, in order, with S before stores. */
function drawn(wanted: PatternRequest): string {
  const pattern = createPattern(wanted);
  if (typeof pattern === "string") return pattern;
  const parts: string[] = [];
  while (nextAccess(pattern)) parts.push((pattern.op === "store" ? "S" : "") + (pattern.address - 65536));
  return parts.join(" ");
}

test("the generator's first numbers for seed 1 are those of xoshiro128** seeded by splitmix32", () => {
  const rng = createRng(1);
  expect([randomU32(rng), randomU32(rng), randomU32(rng)]).toEqual(referenceNumbers(1n, 3));
  expect(referenceNumbers(1n, 3)).toEqual([393288148, 2174103013, 3814759091]);
});

test("scan touches every page once, ascending; a part of a page counts", () => {
  expect(drawn(request("scan", 8193, 0))).toBe("0 4096 8192");
});

test("stride steps by bytes, and backwards over the same addresses", () => {
  expect(drawn(request("stride", 3000, 1000))).toBe("0 1000 2000");
  expect(drawn(request("stride", 3000, -1000))).toBe("2000 1000 0");
  expect(drawn(request("stride", 3000, 0))).toMatch(/^expected a step/);
});

test("loop goes round", () => {
  expect(drawn(request("loop", 8192, 5))).toBe("0 4096 0 4096 0");
});

test("uniform scales the next random number to the pages", () => {
  const numbers = referenceNumbers(1n, 4);
  const pages = numbers.map((number) => String(Number((BigInt(number) * 100n) >> 32n) * 4096)).join(" ");
  expect(drawn(request("uniform", 409600, 4))).toBe(pages);
});

test("a mix draws the page first, then whether to store", () => {
  const [first, second] = referenceNumbers(1n, 2);
  const page = Number((BigInt(first!) * 100n) >> 32n) * 4096;
  const options = { seed: 1, theta: 900, writes: 30 };
  expect(drawn(request("uniform", 409600, 1, { op: "mix", options }))).toBe(
    (second! % 100 < 30 ? "S" : "") + page,
  );
});

test("zipf's weights are powers of the rank to twenty bits", () => {
  for (const theta of [0, 500, 900, 1000, 2000]) {
    for (const rank of [1, 2, 3, 10, 1000, 65536, 2097152]) {
      const exact = Math.max(1, rank ** (-theta / 1000) * 2 ** 32);
      const error = Math.abs(zipfWeight(rank, theta) - exact);
      expect(error, `${rank}^-${theta}`).toBeLessThan(exact * 1e-4 + 1);
    }
  }
  expect([1, 2, 3, 7].map((rank) => zipfWeight(rank, 1000))).toEqual(
    [1, 2, 3, 7].map((rank) => referenceWeight(BigInt(rank), 1000n)),
  );
});

test("zipf reaches every page and the first rank most often", () => {
  const pattern = createPattern(request("zipf", 40 * 4096, 20000));
  if (typeof pattern === "string") throw new Error(pattern);
  const hits = new Map<number, number>();
  while (nextAccess(pattern)) hits.set(pattern.address, (hits.get(pattern.address) ?? 0) + 1);
  expect(hits.size).toBe(40);
  const most = [...hits.entries()].sort((a, b) => b[1] - a[1])[0]!;
  expect(most[0]).toBe(65536);
});

test("the first pages of zipf for seed 1 are those docs/script.md gives to check a runner with", () => {
  const pages = drawn(request("zipf", 256 * 4096, 8))
    .split(" ")
    .map((offset) => Number(offset) / 4096);
  expect(pages).toEqual([251, 140, 9, 244, 111, 161, 0, 177]);
});

test("hashes are FNV-1a", () => {
  expect(EMPTY_FNV).toBe(0x811c9dc5);
  expect(fnvText("a")).toBe(0xe40c292c);
  expect(fnvText("foobar")).toBe(0xbf9cf968);
  expect(fnvBytes(EMPTY_FNV, new TextEncoder().encode("foobar"), 6)).toBe(0xbf9cf968);
});

/** Section 6 of docs/script.md word for word in unbounded integers, to check the 32-bit arithmetic against. */
function referenceNumbers(seed: bigint, count: number): number[] {
  const mask = 0xffffffffn;
  const rotl = (value: bigint, by: bigint) => ((value << by) | (value >> (32n - by))) & mask;
  let mix = seed;
  const s = [0, 1, 2, 3].map(() => {
    mix = (mix + 0x9e3779b9n) & mask;
    let w = mix;
    w = ((w ^ (w >> 16n)) * 0x21f0aaadn) & mask;
    w = ((w ^ (w >> 15n)) * 0x735a2d97n) & mask;
    return w ^ (w >> 15n);
  });
  const numbers: number[] = [];
  for (let i = 0; i < count; i++) {
    numbers.push(Number((rotl((s[1]! * 5n) & mask, 7n) * 9n) & mask));
    const t = (s[1]! << 9n) & mask;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= t;
    s[3] = rotl(s[3]!, 11n);
  }
  return numbers;
}

/** The weight of a rank as section 6 says, in unbounded integers; the constants of 2^-f computed, not copied. */
function referenceWeight(rank: bigint, theta: bigint): number {
  const e = BigInt(rank.toString(2).length - 1);
  let x = (rank << 25n) >> e;
  let log = e;
  for (let i = 0; i < 20; i++) {
    x = (x * x) >> 25n;
    log *= 2n;
    if (x >= 1n << 26n) {
      x >>= 1n;
      log += 1n;
    }
  }
  const y = (log * theta) / 1000n;
  let w = 1n << 26n;
  for (let b = 1; b <= 20; b++) {
    if (((y >> BigInt(20 - b)) & 1n) === 1n) w = (w * BigInt(Math.round(2 ** 26 * 2 ** -(2 ** -b)))) >> 26n;
  }
  const weight = (w * 64n) >> (y >> 20n);
  return Number(weight > 1n ? weight : 1n);
}
