/**
 * What files hold that nobody has written to: words made from a seed, so that every page of every file is another.
 * Linux: none; contents are the model's own   Doc: docs/script.md
 */
import { NONE } from "../base/types.ts";

/**
 * The word that fills page `index` of a file with this content seed, as long as nobody has written there: 0 for NONE,
 * else the seed with the index mixed in. Its last byte is 0xcc, so that a fetch from any word executes a breakpoint.
 */
export function contentWord(seed: number, index: number): number {
  if (seed === NONE) return 0;
  return ((seed ^ Math.imul(index | 0, 0x9e3779b1)) & ~0xff) | 0xcc;
}
