/**
 * Seeded random numbers, the only chance in the kernel: ASLR, and policies that toss coins.
 * The generator is xoshiro128**, four words of state, seeded by splitmix32.
 * Doc: Blackman and Vigna, "Scrambled linear pseudorandom number generators"
 */

/** Four words of generator state. */
export interface RngColumns {
  readonly state: Uint32Array;
}

/** A generator whose sequence depends on the seed alone (any integer; its low 32 bits count). */
export function createRng(seed: number): RngColumns {
  const state = new Uint32Array(4);
  let mix = seed >>> 0;
  for (let i = 0; i < 4; i++) {
    mix = (mix + 0x9e3779b9) >>> 0;
    let word = mix;
    word = Math.imul(word ^ (word >>> 16), 0x21f0aaad);
    word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
    state[i] = word ^ (word >>> 15);
  }
  return { state };
}

/** The next 32 random bits, as an unsigned integer. */
export function randomU32(rng: RngColumns): number {
  const s = rng.state;
  const s1 = s[1]!;
  const scrambled = Math.imul(s1, 5);
  const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
  s[2]! ^= s[0]!;
  s[3]! ^= s1;
  s[1]! ^= s[2]!;
  s[0]! ^= s[3]!;
  s[2]! ^= s1 << 9;
  const last = s[3]!;
  s[3] = (last << 11) | (last >>> 21);
  return result;
}

/** A uniform integer from 0 to limit - 1; limit at most 2^53. */
export function randomBelow(rng: RngColumns, limit: number): number {
  const wide = (randomU32(rng) & 0x1fffff) * 4294967296 + randomU32(rng);
  return limit <= 0 ? 0 : wide % limit;
}
