import { existsSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { TEXTBOOK_POLICIES } from "../../src/core/index.ts";
import { openTraceFile } from "../../src/hosts/record/pwt-file.ts";
import { createPageNumbers, futureOf, readReferences } from "../../src/programs/references.ts";

/** Where the traces are, beside the checkout; they are too large to be part of it. */
const FOLDER = path.join(import.meta.dirname, "../../../shared/traces");
const FRAMES = [4, 8, 16, 32, 64, 128, 256, 512];

/**
 * Published counts: faults/write-backs by number of frames (LewisXu-RuizeXu/OS-Assignment-2, results/results.csv, and
 * kbsanchez/COP4600-MemVirtualization, README); OPT is the least there can be, computed twice.
 */
const PUBLISHED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  sixpack: {
    lru: "282620/71260 176496/32717 108682/19342 67747/13730 41186/9672 21090/6526 11240/4092 5823/2444",
    clock: "329368/88943 191760/40261 115206/20951 70849/14432 41949/9947 23229/7226 11876/4319 6119/2587",
    opt: "197551 116407 69325 41955 22083 11690 5981 4125",
  },
  bzip: {
    lru: "92770/35650 30691/11092 3344/1069 2133/702 1264/420 771/224 397/48 317/0",
    clock: "111442/37740 46164/17568 3468/1128 2203/734 1318/443 802/235 432/71 317/0",
    opt: "78562 18251 2427 1330 821 497 317 317",
  },
};
const FIFO_BZIP_32 = [2497, 851];

interface Sequence {
  readonly references: Int32Array;
  readonly pages: number;
}

const kept = new Map<string, Sequence>();

function read(name: string): Sequence {
  const known = kept.get(name);
  if (known !== undefined) return known;
  const numbers = createPageNumbers();
  const references = new Int32Array(1_000_000);
  let at = 0;
  readReferences(openTraceFile(path.join(FOLDER, `${name}.trace.gz`), true), numbers, (batch, length) => {
    references.set(batch.subarray(0, length), at);
    at += length;
  });
  expect(at).toBe(references.length);
  const sequence = { references, pages: numbers.numbers.size };
  kept.set(name, sequence);
  return sequence;
}

function countsOf(trace: string, policy: string, frames: number): [number, number] {
  const { references, pages } = read(trace);
  const { start, needsFuture } = TEXTBOOK_POLICIES.find(({ name }) => name === policy)!;
  const future = needsFuture ? { future: futureOf(references, pages) } : {};
  const cache = start({ frames, pages, seed: 1, ...future });
  cache.run(references, 0, references.length);
  return [cache.counts.faults, cache.counts.writeBacks];
}

const reason = existsSync(path.join(FOLDER, "bzip.trace.gz")) ? undefined : "no traces in ../shared/traces";

describe.skipIf(reason !== undefined)(`published counts${reason === undefined ? "" : ` (${reason})`}`, () => {
  for (const [trace, policies] of Object.entries(PUBLISHED)) {
    for (const [policy, line] of Object.entries(policies)) {
      test(`${policy} on ${trace} has the published counts at every size`, () => {
        const found = FRAMES.map((frames) => {
          const [faults, writeBacks] = countsOf(trace, policy, frames);
          return policy === "opt" ? String(faults) : `${faults}/${writeBacks}`;
        });
        expect(found.join(" ")).toBe(line);
      });
    }
  }

  test("FIFO on bzip with 32 frames has the published counts", () => {
    expect(countsOf("bzip", "fifo", 32)).toEqual(FIFO_BZIP_32);
  });
});
