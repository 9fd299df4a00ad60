/**
 * Zipf-distributed pages as the bench draws them: the page of rank r with weight r^-0.9, ranks scattered over the range,
 * the same sequence every time.
 */

const EXPONENT = 0.9;

/** Numbers from 0 to 1, the same ones for the same seed. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 4294967296;
  };
}

/** Draws one page after the other, from 0 to `pages` - 1, with numbers of `random`. */
export function zipfPages(random: () => number, pages: number): () => number {
  const cumulative = new Float64Array(pages);
  let sum = 0;
  for (let rank = 0; rank < pages; rank++) {
    sum += (rank + 1) ** -EXPONENT;
    cumulative[rank] = sum;
  }
  const scattered = Int32Array.from({ length: pages }, (_, i) => i);
  for (let i = pages - 1; i > 0; i--) {
    const other = Math.floor(random() * (i + 1));
    const kept = scattered[i]!;
    scattered[i] = scattered[other]!;
    scattered[other] = kept;
  }
  return () => scattered[rankOf(cumulative, random() * sum)]!;
}

/** The first rank whose cumulative weight reaches the point. */
function rankOf(cumulative: Float64Array, point: number): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (cumulative[middle]! < point) low = middle + 1;
    else high = middle;
  }
  return low;
}
