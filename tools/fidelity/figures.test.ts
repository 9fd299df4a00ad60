/** The figures that predictions are judged by: read as the controller printed them, compared as docs/fidelity.md says. */
import { expect, test } from "vitest";
import { readCases } from "./cases.ts";
import { errorOf, FIGURES, ownSpread, quantile, readFigures, spreadOf } from "./figures.ts";

/** The end of a transcript of Linux 6.12 (zipf, limit 48 MiB). */
const TRANSCRIPT = `show totals
| minor 16649
| major 20028
| swapin 20071
| swapout 19031
| refault_anon 20072
| refault_file 3
| filein 0
| fileout 4
| rss 12237
| cache 0
`;

test("figures are those of the last totals, refaults of both kinds together", () => {
  const figures = readFigures(`show totals\n| minor 1\nscan store a 64M = ok\n${TRANSCRIPT}`);
  expect(figures).toEqual({
    major: 20028,
    swapin: 20071,
    swapout: 19031,
    refault: 20075,
    minor: 16649,
    filein: 0,
    rss: 12237,
    cache: 0,
  });
});

test("a transcript without totals, or with some missing, has no figures", () => {
  expect(readFigures("bases text=0x400000\n")).toBeUndefined();
  expect(readFigures(TRANSCRIPT.replace("| rss 12237\n", ""))).toBeUndefined();
});

test("an error is relative to the mean of the runs, and to 160 where that is smaller", () => {
  expect(errorOf({ mean: 20000, min: 19000, max: 21000 }, 20400)).toBeCloseTo(0.02);
  expect(errorOf({ mean: 2, min: 2, max: 2 }, 10)).toBeCloseTo(0.05);
  expect(ownSpread({ mean: 20000, min: 19000, max: 20500 })).toBeCloseTo(0.05);
});

test("a quantile is the smallest number that has the share below or at it", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2);
  expect(quantile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.9)).toBe(9);
  expect(quantile([5], 1)).toBe(5);
});

test("every recorded run has its figures", () => {
  for (const { name, runs } of readCases()) {
    const real = spreadOf(runs);
    for (const run of runs) expect(readFigures(run.text), `${name} ${run.file}`).toBeDefined();
    if (real !== undefined) for (const figure of FIGURES) expect(real[figure].min).toBeLessThanOrEqual(real[figure].max);
  }
});
