/**
 * A 64-bit hash of columns, two independent 32-bit lanes: equal states give equal hashes on every machine, and two
 * states that differ in one word differ in the hash but for one chance in 2^64. Zero words are skipped together with
 * their position mixed into the next word, so long untouched stretches cost a comparison a word.
 * Doc: Appleby, MurmurHash3 (the mixing constants)
 */

/** Running state of a hash: two words. */
export type HashState = Int32Array;

/** A fresh hash. */
export function createHash(): HashState {
  return Int32Array.of(0x9747b28c, 0x3c6ef372);
}

/** Mixes words[from, to) into the hash. */
export function hashWords(hash: HashState, words: Int32Array, from: number, to: number): void {
  let a = hash[0]!;
  let b = hash[1]!;
  let position = 0;
  for (let i = from; i < to; i++) {
    const word = words[i]!;
    position++;
    if (word === 0) continue;
    a = Math.imul(a ^ Math.imul(word, 0xcc9e2d51 | 0), 0x1b873593) + position;
    a ^= a >>> 15;
    b = Math.imul(b ^ Math.imul(word + position, 0x85ebca6b | 0), 0xc2b2ae35 | 0);
    b = (b << 13) | (b >>> 19);
    position = 0;
  }
  hash[0] = a ^ position;
  hash[1] = b + Math.imul(position, 0x27d4eb2f);
}

/** Mixes the characters of a string into the hash. */
export function hashText(hash: HashState, text: string): void {
  const codes = new Int32Array(text.length + 1);
  for (let i = 0; i < text.length; i++) codes[i] = text.charCodeAt(i);
  codes[text.length] = -1;
  hashWords(hash, codes, 0, codes.length);
}

/** The hash in sixteen hexadecimal digits. */
export function hashDigits(hash: HashState): string {
  const digits = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
  return digits(hash[0]!) + digits(hash[1]!);
}
