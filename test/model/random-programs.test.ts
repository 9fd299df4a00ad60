import { rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, expect, test } from "vitest";
import type { runModel as Model } from "./random-programs.ts";

/** Bundled as the command is: constants of other modules are folded, which makes the run several times shorter. */
const BUNDLE = path.join(import.meta.dirname, `../../node_modules/.cache/pagewalk-model-${process.pid}.mjs`);
const RUNS = Number(process.env["PAGEWALK_MODEL_RUNS"] ?? 200);
const STEPS = 500;

afterAll(() => rmSync(BUNDLE, { force: true }));

test(`${RUNS * STEPS} random steps keep every byte and every invariant`, { timeout: 900_000 }, async () => {
  await build({
    entryPoints: [path.join(import.meta.dirname, "random-programs.ts")],
    outfile: BUNDLE,
    bundle: true,
    platform: "node",
    format: "esm",
    minifySyntax: true,
    packages: "external",
    logLevel: "warning",
  });
  const { runModel } = (await import(pathToFileURL(BUNDLE).href)) as { runModel: typeof Model };
  expect(runModel(RUNS, STEPS)).toBeGreaterThanOrEqual(RUNS * STEPS);
});
