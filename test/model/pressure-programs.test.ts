import { rmSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { build } from "esbuild";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { runPressureModel as Model } from "./pressure-programs.ts";
import { PRESSURE_SETTINGS } from "./pressure-settings.ts";

/** Bundled as the command is, as random-programs.test.ts is. */
const BUNDLE = path.join(import.meta.dirname, `../../node_modules/.cache/pagewalk-pressure-${process.pid}.mjs`);
const RUNS = Number(process.env["PAGEWALK_PRESSURE_RUNS"] ?? 4);
const STEPS = 240;
/** A whole machine has more pages to check after each step; in some programs its only swapoff is killed for memory. */
const MACHINE_RUNS = Math.ceil(RUNS / 2);

afterAll(() => rmSync(BUNDLE, { force: true }));
beforeAll(async () => {
  await build({
    entryPoints: [path.join(import.meta.dirname, "pressure-programs.ts")],
    outfile: BUNDLE,
    bundle: true,
    platform: "node",
    format: "esm",
    minifySyntax: true,
    packages: "external",
    logLevel: "warning",
  });
});

for (const { name, limits } of PRESSURE_SETTINGS) {
  test(`nothing is lost under pressure, failing disks, full swap and swapoff: ${name}`, { timeout: 900_000 }, async () => {
    const { runPressureModel } = (await import(pathToFileURL(BUNDLE).href)) as { runPressureModel: typeof Model };
    const figures = runPressureModel(name, limits === undefined ? MACHINE_RUNS : RUNS, STEPS);
    expect(figures.swapOuts).toBeGreaterThan(0);
    expect(figures.swapIns).toBeGreaterThan(0);
    expect(figures.errors).toBeGreaterThan(0);
    expect(figures.lost).toBeGreaterThan(0);
    expect(figures.swapOffs).toBeGreaterThan(0);
  });
}
