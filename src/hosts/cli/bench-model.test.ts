import { expect, test } from "vitest";
import { checkKernel, viewProcess } from "../../core/index.ts";
import { createBench, modelRound, replayRate, zipfRuns } from "./bench-model.ts";

test("a round times every operation and leaves the machine as it found it", () => {
  const bench = createBench(4);
  for (const ns of Object.values(modelRound(bench))) expect(ns).toBeGreaterThan(0);
  expect(viewProcess(bench.k, bench.task)).toMatchObject({ anonKb: 0, fileKb: 0 });
  checkKernel(bench.k);
  expect(replayRate(bench, zipfRuns(bench))).toBeGreaterThan(0);
  checkKernel(bench.k);
});
