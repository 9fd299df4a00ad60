/**
 * What `pagewalk bench` replays against a textbook policy: zipf(0.9) over 65536 pages, three reads in ten a write, with
 * frames for a quarter of the pages. The references are drawn beforehand; only the policy is timed.
 */
import { createRng, randomU32, TEXTBOOK_POLICIES } from "../../core/index.ts";

export const LRU_PAGES = 65536;
export const LRU_FRAMES = 16384;
const REQUESTS = 4_000_000;
const CHUNK = 65536;
const EXPONENT = 0.9;
const WRITES_PERCENT = 30;

/** The references, page * 2 + 1 for a write. */
export function zipfReferences(): Int32Array {
  const rng = createRng(1);
  const cumulated = new Float64Array(LRU_PAGES + 1);
  for (let rank = 1; rank <= LRU_PAGES; rank++) cumulated[rank] = cumulated[rank - 1]! + rank ** -EXPONENT;
  const references = new Int32Array(REQUESTS);
  for (let i = 0; i < REQUESTS; i++) {
    const drawn = (randomU32(rng) / 2 ** 32) * cumulated[LRU_PAGES]!;
    // An odd factor scatters the ranks over the pages.
    const page = ((rankOf(cumulated, drawn) * 40503) % LRU_PAGES) + 1;
    references[i] = page * 2 + (randomU32(rng) % 100 < WRITES_PERCENT ? 1 : 0);
  }
  return references;
}

/** Replays the references with LRU, from an empty cache; millions of requests a second. */
export function lruRate(references: Int32Array): number {
  const policy = TEXTBOOK_POLICIES.find(({ name }) => name === "lru")!;
  const cache = policy.start({ frames: LRU_FRAMES, pages: LRU_PAGES, seed: 1 });
  const start = performance.now();
  for (let at = 0; at < references.length; at += CHUNK)
    cache.run(references, at, Math.min(references.length, at + CHUNK));
  return references.length / ((performance.now() - start) * 1e3);
}

/** The first rank whose cumulated weight is above `value`, from 0. */
function rankOf(cumulated: Float64Array, value: number): number {
  let low = 1;
  let high = LRU_PAGES;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulated[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}
