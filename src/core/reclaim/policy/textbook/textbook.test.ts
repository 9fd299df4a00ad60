import { expect, test } from "vitest";
import { NEVER, type RunningCache, type TextbookPolicy } from "./cache.ts";
import { TEXTBOOK_POLICIES } from "./list.ts";

function find(name: string): TextbookPolicy {
  return TEXTBOOK_POLICIES.find((policy) => policy.name === name)!;
}

/** "a b C": pages by letter, capitals write. */
function referencesOf(text: string): Int32Array {
  const letters = text.replaceAll(" ", "");
  return Int32Array.from(letters, (c) => (c.toLowerCase().charCodeAt(0) - 96) * 2 + (c < "a" ? 1 : 0));
}

function startOn(name: string, references: Int32Array, frames: number): RunningCache {
  const pages = references.reduce((most, reference) => Math.max(most, reference >> 1), 1);
  const future = new Int32Array(references.length);
  const seen = new Int32Array(pages + 1).fill(NEVER);
  for (let at = references.length - 1; at >= 0; at--) {
    future[at] = seen[references[at]! >> 1]!;
    seen[references[at]! >> 1] = at;
  }
  return find(name).start({ frames, pages, seed: 1, future });
}

/** Which references fault: F, or . for a hit, in the grouping of the text. */
function played(name: string, frames: number, text: string): string {
  const references = referencesOf(text);
  const cache = startOn(name, references, frames);
  const marks: string[] = [];
  for (let at = 0; at < references.length; at++) {
    const before = cache.counts.faults;
    cache.run(references, at, at + 1);
    marks.push(cache.counts.faults > before ? "F" : ".");
  }
  return text.replace(/[a-zA-Z]/g, () => marks.shift()!);
}

function countsOf(name: string, frames: number, references: Int32Array): [number, number] {
  const cache = startOn(name, references, frames);
  cache.run(references, 0, references.length);
  return [cache.counts.faults, cache.counts.writeBacks];
}

/** Belady's sequence 1 2 3 4 1 2 5 1 2 3 4 5. */
const ANOMALY = "abcd abe abcde";

test("FIFO shows Belady's anomaly: 9 faults with three frames, 10 with four", () => {
  expect(countsOf("fifo", 3, referencesOf(ANOMALY))[0]).toBe(9);
  expect(countsOf("fifo", 4, referencesOf(ANOMALY))[0]).toBe(10);
});

test("LRU and OPT do as worked out by hand on the same sequence", () => {
  expect(played("lru", 3, ANOMALY)).toBe("FFFF FFF ..FFF");
  expect(played("lru", 4, ANOMALY)).toBe("FFFF ..F ..FFF");
  expect(played("opt", 3, ANOMALY)).toBe("FFFF ..F ..FF.");
  expect(played("opt", 4, ANOMALY)).toBe("FFFF ..F ...F.");
});

test("a write-back is counted when a page that was written leaves, once for each time it comes in", () => {
  // a leaves dirty for c, b clean for a, c clean for b; a comes back clean.
  expect(countsOf("lru", 2, referencesOf("Ab c a b a"))).toEqual([5, 1]);
  expect(countsOf("fifo", 1, referencesOf("A A b A b"))).toEqual([4, 2]);
});

test("CLOCK spares a page that was used since the hand passed, in both conventions", () => {
  // Bits set at entry: for d the hand clears all three and takes a; b is then used and spared, c leaves for e.
  expect(played("clock", 3, "abc d b e b c")).toBe("FFF F . F . F");
  // Bits clear at entry: d takes a at once, b has its bit set and is spared, c leaves.
  expect(played("clock-0", 3, "abc b d b c a")).toBe("FFF . F . . F");
  // For e the hand stands at b, whose bit is set: cleared, and c leaves.
  expect(played("clock-0", 3, "abc b d e b c")).toBe("FFF . F F . F");
});

test("second chance is CLOCK with a queue: the same faults on any sequence", () => {
  let state = 7;
  const references = Int32Array.from({ length: 20000 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (1 + ((state >> 8) % 40) * ((state >> 20) % 3)) * 2 + ((state >> 5) & 1);
  });
  for (const frames of [1, 2, 7, 19, 40]) {
    expect(countsOf("second-chance", frames, references)).toEqual(countsOf("clock", frames, references));
  }
});

test("NRU takes a page of the lowest class", () => {
  // Four frames, so a tick after four references clears the used bits. Then b and c are used: a was written (class 1),
  // d is neither (class 0) and leaves.
  expect(played("nru", 4, "Abcd bc e abc d")).toBe("FFFF .. F ... F");
});

test("LFU takes the page used least often, and among equals the one used longest ago", () => {
  expect(played("lfu", 3, "aabb c d a b c")).toBe("F.F. F F . . F");
  // b and c have one use each; b is older and leaves for d. Back again it has forgotten its uses.
  expect(played("lfu", 3, "aabc d c b")).toBe("F.FF F . F");
});

test("random draws by its seed, the same every time", () => {
  const references = referencesOf("abcdefghabcdefghabcdefghhgfedcba");
  expect(countsOf("random", 4, references)).toEqual(countsOf("random", 4, references));
});

test("2Q keeps what comes back after it left A1in, and lets a scan pass by", () => {
  // Four frames: Kin 1, Kout 2. a leaves A1in for e and is remembered; asked for again it goes to Am and survives the
  // scan f g h, which takes only pages of A1in.
  expect(played("2q", 4, "abcd e a fgh a")).toBe("FFFF F F FFF .");
  // A1out remembers two pages: a was pushed out by c when f came, so it is new again and leaves in the scan.
  expect(played("2q", 4, "abcd efg a hijk a")).toBe("FFFF FFF F FFFF F");
});

test("2Q does not move a page that is used again in A1in", () => {
  // a is used in A1in and leaves first all the same.
  expect(played("2q", 4, "abcd a e b a")).toBe("FFFF . F . F");
});

test("ARC keeps pages seen twice from a scan", () => {
  // a and b are in T2, c in T1; the scan d e f goes through T1's frame. LRU would have lost both.
  expect(played("arc", 3, "aabb cdef ab")).toBe("F.F. FFFF ..");
  expect(played("lru", 3, "aabb cdef ab")).toBe("F.F. FFFF FF");
});

test("ARC makes T1 longer when a page of B1 comes back", () => {
  // Four frames. a, b in T2, c d in T1; e: p is 0, so c leaves T1 for B1. c comes back: p is 1, d leaves T1 (2 > 1), c is
  // in T2. Then T1 holds e alone, which is not more than p, so f takes a from T2: e stays and a is gone.
  expect(played("arc", 4, "aabb cd e c f e a")).toBe("F.F. FF F F F . F");
});

test("CLOCK-Pro makes a page hot that comes back in its test period", () => {
  // Three frames. a leaves for d and is in its test; coming back it is hot, and stays while e to h pass by.
  expect(played("clock-pro", 3, "abc d a efgh a")).toBe("FFF F F FFFF .");
  expect(played("clock", 3, "abc d a efgh a")).toBe("FFF F F FFFF F");
});

test("SIEVE takes the first page not visited from its hand on, and leaves the others where they are", () => {
  // The example of the paper's figure 1 in letters: seven frames, newest to oldest g f e d c b a with a, b, g visited.
  // h takes c (the hand clears a and b), a hit on a, then i takes d.
  expect(played("sieve", 7, "abcdefg abg h a d i d")).toBe("FFFFFFF ... F . . F .");
  // d was visited before the hand came: it is spared and e leaves.
  expect(played("sieve", 7, "abcdefg abg h d i d e")).toBe("FFFFFFF ... F . F . F");
});

test("S3-FIFO lets pages used once pass through the small queue and takes a remembered one into the main queue", () => {
  // Ten frames, one of them small. k pushes a out; a comes back into main, and a scan through the small queue leaves it.
  expect(played("s3-fifo", 10, "abcdefghij k a lmnopqrs a")).toBe("FFFFFFFFFF F F FFFFFFFF .");
  // a and b were used twice more: they go to main when the queue is full, c leaves.
  expect(played("s3-fifo", 3, "aaabbbc d a b c")).toBe("F..F..F F . . F");
});

test("with a frame for every page nothing ever leaves, whatever the policy", () => {
  let state = 99;
  const references = Int32Array.from({ length: 5000 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (1 + ((state >> 10) % 26)) * 2 + ((state >> 4) & 1);
  });
  const pages = new Set(references.map((reference) => reference >> 1)).size;
  for (const { name } of TEXTBOOK_POLICIES)
    expect([name, countsOf(name, 26, references)]).toEqual([name, [pages, 0]]);
});

test("no policy has fewer faults than OPT, nor more than references, at any size", () => {
  let state = 5;
  const references = Int32Array.from({ length: 8000 }, (_, i) => {
    state = (state * 1103515245 + 12345) % 2147483648;
    const page = i % 3 === 0 ? (i >> 2) % 23 : (state >> 9) % (1 + ((state >> 20) % 60));
    return (1 + page) * 2 + ((state >> 4) & 1);
  });
  for (const frames of [1, 2, 3, 5, 10, 31]) {
    const [least] = countsOf("opt", frames, references);
    for (const { name } of TEXTBOOK_POLICIES) {
      const [faults, writeBacks] = countsOf(name, frames, references);
      expect(faults, `${name} with ${frames} frames`).toBeGreaterThanOrEqual(least);
      expect(faults, `${name} with ${frames} frames`).toBeLessThanOrEqual(references.length);
      expect(writeBacks).toBeLessThanOrEqual(faults);
    }
  }
});

test("LRU and OPT never have more faults with more frames", () => {
  let state = 11;
  const references = Int32Array.from({ length: 4000 }, () => {
    state = (state * 1103515245 + 12345) % 2147483648;
    return (1 + ((state >> 9) % (1 + ((state >> 20) % 50)))) * 2;
  });
  for (const name of ["lru", "opt"]) {
    let before = Number.POSITIVE_INFINITY;
    for (let frames = 1; frames <= 50; frames++) {
      const [faults] = countsOf(name, frames, references);
      expect(faults).toBeLessThanOrEqual(before);
      before = faults;
    }
  }
});
