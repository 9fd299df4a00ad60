/**
 * `pagewalk bench`: how fast the model does what the real kernel does, both measured in this run, and how fast it
 * replays accesses. tools/bench/kernel-bench.c is the kernel's side; without a compiler it is skipped, with the reason.
 *
 *   round:   kernel (one warm-up, one measured)   model (the same)       round: …       medians
 *
 * The rounds alternate so that whatever else the machine does falls on both. The JSON is
 *
 *   { version: 1, node, cpu, kernel, mib, rounds, skipped: string | null,
 *     figures:  [{ name, unit: "ns/page", model, kernel: number | null, ratio: number | null, target }],
 *     swapping: { name, unit: "ms", model, kernel, ratio, target, modelMajors, kernelMajors, skipped } (bench-swap.ts),
 *     replay:   [{ name, unit: "M accesses/s", model, target }],
 *     policy:   [{ name, unit: "M requests/s", model, other, otherName, ratio, target }] }
 *
 * where ratio is how many times as fast the model is as the kernel, or as what it is compared with, and target is what
 * the project promises.
 */
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type BenchFigures, createBench, hotRuns, modelRound, replayRate, zipfRuns } from "./bench-model.ts";
import { LRU_FRAMES, LRU_PAGES, lruRate, zipfReferences } from "./bench-policy.ts";
import { median } from "./bench-runs.ts";
import { measureSwapping, type SwappingFigure } from "./bench-swap.ts";
import { writeWhole } from "./write-file.ts";

const ROUNDS = 7;
const WARM_UPS = 3;
/** Times the kernel's speed that the model promises, by figure. */
const TARGETS: Readonly<Record<keyof BenchFigures, number>> = {
  fault: 12,
  populate: 8,
  cow: 8,
  fork: 8,
  munmap: 8,
};
const NAMES: Readonly<Record<keyof BenchFigures, string>> = {
  fault: "anonymous write faults",
  populate: "MAP_POPULATE",
  cow: "COW faults",
  fork: "fork",
  munmap: "munmap",
};
const FIGURES = Object.keys(TARGETS) as (keyof BenchFigures)[];
const REPLAY_TARGETS = { hot: 50, zipf: 12 };
/** What libCacheSim's authors give for one thread and LRU, in millions of requests a second, and what is promised. */
const LRU_OTHER = { name: "libCacheSim", rate: 20 };
const LRU_TARGET = 20;
const REPLAY_NAMES = { hot: "hot set of 48 pages", zipf: "zipf(0.9) over 65536 pages" };

/** What the JSON file holds. */
interface BenchReport {
  readonly version: 1;
  readonly node: string;
  readonly cpu: string;
  readonly kernel: string;
  readonly mib: number;
  readonly rounds: number;
  readonly skipped: string | null;
  readonly figures: readonly {
    name: string;
    unit: string;
    model: number;
    kernel: number | null;
    ratio: number | null;
    target: number;
  }[];
  readonly replay: readonly { name: string; unit: string; model: number; target: number }[];
  readonly swapping: SwappingFigure;
  readonly policy: readonly {
    name: string;
    unit: string;
    model: number;
    other: number;
    otherName: string;
    ratio: number;
    target: number;
  }[];
}

/** Measures, prints a table, and writes the JSON when a file is named. */
export async function runBench(options: { json?: string }): Promise<void> {
  const mib = os.freemem() > 4 * 2 ** 30 ? 1024 : 256;
  const folder = mkdtempSync(path.join(os.tmpdir(), "pagewalk-bench-"));
  try {
    // The swapping replay comes first: nothing else is in the machine's memory then.
    const swapping = measureSwapping(buildProgram(folder, "swap-replay"));
    const report = measure(mib, buildProgram(folder, "kernel-bench"), swapping);
    process.stdout.write(table(report));
    if (options.json !== undefined) writeWhole(options.json, `${JSON.stringify(report, null, 2)}\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A C program, built; or why there is none. */
type KernelProgram = { readonly file: string } | { readonly skipped: string };

function buildProgram(folder: string, name: string): KernelProgram {
  if (process.platform !== "linux") return { skipped: `this is ${process.platform}, not Linux` };
  const here = path.dirname(fileURLToPath(import.meta.url));
  // Beside the bundle in dist/, or from the source tree.
  const source = [`../tools/bench/${name}.c`, `../../../tools/bench/${name}.c`]
    .map((relative) => path.join(here, relative))
    .find((candidate) => existsSync(candidate));
  if (source === undefined) return { skipped: `tools/bench/${name}.c is not part of this installation` };
  const file = path.join(folder, name);
  try {
    execFileSync("gcc", ["-std=c11", "-O2", "-o", file, source], { stdio: ["ignore", "ignore", "pipe"] });
  } catch (error) {
    const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
    return { skipped: missing ? "gcc is not installed" : `gcc could not build tools/bench/${name}.c` };
  }
  return { file };
}

/** All rounds. */
function measure(mib: number, program: KernelProgram, swapping: SwappingFigure): BenchReport {
  const bench = createBench(mib);
  const samples = { model: emptySamples(), kernel: emptySamples() };
  let skipped = "skipped" in program ? program.skipped : null;
  for (let round = 0; round < WARM_UPS; round++) modelRound(bench);
  for (let round = 0; round < ROUNDS; round++) {
    if ("file" in program && skipped === null) {
      const taken = kernelRound(program.file, mib);
      if (taken === null) skipped = "the C program failed (not enough memory?)";
      else for (const name of FIGURES) samples.kernel[name].push(taken[name]);
    }
    // As on the kernel's side: one round to bring everything in, one that counts.
    modelRound(bench);
    const model = modelRound(bench);
    for (const name of FIGURES) samples.model[name].push(model[name]);
  }
  const hot = hotRuns(bench);
  const zipf = zipfRuns(bench);
  const rates = { hot: [] as number[], zipf: [] as number[] };
  const references = zipfReferences();
  const lruRates: number[] = [];
  for (let round = 0; round < ROUNDS + WARM_UPS; round++) {
    const hotRate = replayRate(bench, hot);
    const zipfRate = replayRate(bench, zipf);
    const lru = lruRate(references);
    if (round < WARM_UPS) continue;
    lruRates.push(lru);
    rates.hot.push(hotRate);
    rates.zipf.push(zipfRate);
  }
  return {
    version: 1,
    node: process.version,
    cpu: os.cpus()[0]?.model ?? "unknown",
    kernel: `${os.type()} ${os.release()}`,
    mib,
    rounds: ROUNDS,
    skipped,
    figures: FIGURES.map((name) => {
      const model = median(samples.model[name]);
      const kernel = skipped === null ? median(samples.kernel[name]) : null;
      return {
        name,
        unit: "ns/page",
        model,
        kernel,
        ratio: kernel === null ? null : kernel / model,
        target: TARGETS[name],
      };
    }),
    replay: (["hot", "zipf"] as const).map((name) => ({
      name,
      unit: "M accesses/s",
      model: median(rates[name]),
      target: REPLAY_TARGETS[name],
    })),
    swapping,
    policy: [
      {
        name: "lru",
        unit: "M requests/s",
        model: median(lruRates),
        other: LRU_OTHER.rate,
        otherName: LRU_OTHER.name,
        ratio: median(lruRates) / LRU_OTHER.rate,
        target: LRU_TARGET,
      },
    ],
  };
}

function emptySamples(): Record<keyof BenchFigures, number[]> {
  return { fault: [], populate: [], cow: [], fork: [], munmap: [] };
}

/** One measured round on the kernel, after one that brings the memory in; null when the program failed. */
function kernelRound(file: string, mib: number): Record<keyof BenchFigures, number> | null {
  let text: string;
  try {
    text = execFileSync(file, [String(mib), "2"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return null;
  }
  const figures: Partial<Record<keyof BenchFigures, number>> = {};
  // The second round's lines come last and win.
  for (const line of text.trim().split("\n")) {
    const [name, pages, ns] = line.split(" ");
    const figure = FIGURES.find((candidate) => candidate === name);
    if (figure !== undefined) figures[figure] = Number(ns) / Number(pages);
  }
  return FIGURES.every((name) => figures[name] !== undefined)
    ? (figures as Record<keyof BenchFigures, number>)
    : null;
}

/** The report as lines of text. */
function table(report: BenchReport): string {
  const lines = [
    `${report.mib} MiB of pages, medians of ${report.rounds} rounds, Node ${report.node}, ${report.cpu}, ${report.kernel}`,
    "",
    row(["", "kernel", "model", "times as fast", "promised"]),
  ];
  for (const { name, kernel, model, ratio, target } of report.figures) {
    const kernelText = kernel === null ? "skipped" : `${kernel.toFixed(1)} ns`;
    lines.push(
      row([
        NAMES[name as keyof BenchFigures],
        kernelText,
        `${model.toFixed(1)} ns`,
        ratio === null ? "-" : `${ratio.toFixed(1)} x`,
        `${target} x`,
      ]),
    );
  }
  lines.push(...swappingLines(report.swapping));
  lines.push("", row(["replay with the TLB", "", "M accesses/s", "", "promised"]));
  for (const { name, model, target } of report.replay) {
    lines.push(row([REPLAY_NAMES[name as "hot" | "zipf"], "", model.toFixed(1), "", String(target)]));
  }
  for (const { name, model, other, otherName, ratio, target } of report.policy) {
    lines.push("", row(["textbook policy, M requests/s", otherName, "model", "times as fast", "promised"]));
    const what = `${name}, ${LRU_PAGES >> 10}K pages in ${LRU_FRAMES >> 10}K`;
    lines.push(row([what, other.toFixed(1), model.toFixed(1), `${ratio.toFixed(1)} x`, String(target)]));
  }
  if (report.skipped !== null) lines.push("", `the kernel's side was skipped: ${report.skipped}`);
  return `${lines.join("\n")}\n`;
}

/** The swapping replay: its times, how many major faults they were, and why the kernel's side is missing. */
function swappingLines(figure: SwappingFigure): string[] {
  const { model, kernel, ratio, target, modelMajors, kernelMajors, skipped } = figure;
  const lines = [
    row([
      "swapping replay, cold",
      kernel === null ? "skipped" : `${kernel.toFixed(0)} ms`,
      `${model.toFixed(0)} ms`,
      ratio === null ? "-" : `${ratio.toFixed(1)} x`,
      `${target} x`,
    ]),
    row(["  its major faults", kernelMajors === null ? "-" : String(kernelMajors), String(modelMajors)]),
  ];
  if (skipped !== null) lines.push(`  the kernel's side was skipped: ${skipped}`);
  return lines;
}

function row(cells: readonly string[]): string {
  return cells
    .map((cell, i) => (i === 0 ? cell.padEnd(28) : cell.padStart(15)))
    .join("")
    .trimEnd();
}
