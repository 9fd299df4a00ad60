/**
 * `npm run compare-real`: real programs on this machine's kernel beside their recordings on the simulated one. For each
 * program: minor faults and peak resident size of the native run (getrusage, with its children, median of five runs) and
 * of the replay (median of five address space layouts).
 *
 *   npm run compare-real                        record and compare everything
 *   npm run compare-real -- --only ls,perl      only these
 *   npm run compare-real -- --reuse             keep the recordings of an earlier run
 *   npm run compare-real -- --json FILE         write the figures, too
 *
 * Exit codes: 0 every prediction within 10 % and their median within 5 %, or nothing could be compared; 1 not so.
 * Doc: docs/pwt.md
 */
import { execFileSync, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import Table from "cli-table3";
import { boot, PRESETS } from "../../src/core/index.ts";
import { median } from "../../src/hosts/cli/bench-runs.ts";
import { openTraceFile } from "../../src/hosts/record/pwt-file.ts";
import { findProgram, findValgrind, record } from "../../src/hosts/record/record.ts";
import { drive } from "../../src/programs/driver.ts";
import { type CompareWorkload, WORKLOADS } from "./workloads.ts";

/** What is compared. */
interface Figures {
  readonly minorFaults: number;
  readonly peakRssKb: number;
}

/** A line of the table. */
interface Comparison {
  readonly name: string;
  readonly about: string;
  readonly native: Figures;
  readonly predicted: Figures;
  readonly faultsError: number;
  readonly rssError: number;
  readonly accesses: number;
  readonly notes: readonly string[];
}

const RUNS = 5;
const MOST_ERROR = 0.1;
const MEDIAN_ERROR = 0.05;
const MEASURE_SOURCE = path.join(import.meta.dirname, "measure.c");
const MEASURE = "measure";
const COMPILER = "cc";

/** The same environment for every run, native or recorded: its strings lie on the stack. */
const ENVIRONMENT = { PATH: "/usr/bin:/bin", HOME: "/root", LANG: "C.UTF-8" };

/** Reads the options, compares, prints. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: "string" },
      reuse: { type: "boolean", default: false },
      json: { type: "string" },
      directory: { type: "string", default: path.join(os.tmpdir(), "pagewalk-compare") },
    },
  });
  const missing = whatIsMissing();
  if (missing !== undefined) {
    process.stdout.write(`compare-real: skipped, ${missing}\n`);
    return;
  }
  fs.mkdirSync(values.directory, { recursive: true });
  process.chdir(values.directory);
  execFileSync(COMPILER, ["-O2", "-static", "-o", MEASURE, MEASURE_SOURCE], { stdio: "inherit" });
  const wanted = values.only?.split(",");
  const lines: Comparison[] = [];
  const skipped: string[] = [];
  for (const workload of WORKLOADS) {
    if (wanted !== undefined && !wanted.includes(workload.name)) continue;
    const lacking = workload.needs.find((program) => findProgram(program, ENVIRONMENT) === undefined);
    if (lacking !== undefined) skipped.push(`${workload.name}: ${lacking} is not installed`);
    else lines.push(await compare(workload, values.reuse));
  }
  show(lines, skipped);
  if (values.json !== undefined) fs.writeFileSync(values.json, `${JSON.stringify(lines, null, 2)}\n`);
}

/** Why nothing can be compared on this machine, or undefined. */
function whatIsMissing(): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return "programs are recorded on Linux on x86-64 only";
  if (findValgrind() === undefined) return "valgrind is not installed";
  if (findProgram(COMPILER) === undefined) return "there is no C compiler (cc) for the program that measures";
  return undefined;
}

/** One line of the table: native run, recording (unless one is kept), replay. */
async function compare(workload: CompareWorkload, mayReuse: boolean): Promise<Comparison> {
  const file = path.resolve(`${workload.name}.pwt`);
  workload.prepare?.(process.cwd());
  const native = measure(workload);
  if (!mayReuse || !fs.existsSync(file)) {
    process.stderr.write(`recording ${workload.about} …\n`);
    const [command, ...args] = workload.command;
    await record(command!, args, file, { stdio: "ignore", env: ENVIRONMENT });
  }
  const { figures, accesses, notes } = predict(file);
  return {
    name: workload.name,
    about: workload.about,
    native,
    predicted: figures,
    faultsError: figures.minorFaults / native.minorFaults - 1,
    rssError: figures.peakRssKb / native.peakRssKb - 1,
    accesses,
    notes,
  };
}

/** Medians of the native run. One run goes before, so that every file is in the page cache. */
function measure(workload: CompareWorkload): Figures {
  const faults: number[] = [];
  const rss: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const stdio = ["ignore", "ignore", "inherit", "pipe"] as const;
    const result = spawnSync(path.resolve(MEASURE), [...workload.command], { stdio: [...stdio], env: ENVIRONMENT });
    const [before, minor, , maxRss, status] = String(result.output[3]).trim().split(" ").map(Number);
    if (result.status !== 0 || status !== 0) throw new Error(`${workload.name}: the native run failed (${result.output[3]})`);
    if (run === 0) continue;
    faults.push(minor! - before!);
    rss.push(maxRss!);
  }
  return { minorFaults: median(faults), peakRssKb: median(rss) };
}

/** Medians of the replay on a machine with this one's processors, over different seeds of the layout. */
function predict(file: string): { figures: Figures; accesses: number; notes: string[] } {
  const faults: number[] = [];
  const rss: number[] = [];
  let accesses = 0;
  let notes: string[] = [];
  for (let seed = 1; seed <= RUNS; seed++) {
    const trace = openTraceFile(file);
    const k = boot({ ...PRESETS["laptop-16g"]!, cpus: os.availableParallelism(), seed });
    const { programs, summary } = trace.start(k, { cached: trace.files });
    drive(k, programs);
    const first = summary.ended.find((end) => end.stream === 0);
    if (first === undefined) throw new Error(`${file}: the replay did not come to its end`);
    faults.push(first.minorFaults);
    rss.push(first.peakRssKb);
    accesses = summary.accesses;
    notes = [...summary.notes].map(([sentence, times]) => `${sentence} (${times})`);
  }
  return { figures: { minorFaults: median(faults), peakRssKb: median(rss) }, accesses, notes };
}

/** Prints the table, what the replays noted, and the verdict. */
function show(lines: readonly Comparison[], skipped: readonly string[]): void {
  const table = new Table({
    head: ["program", "accesses", "minor faults", "predicted", "", "peak RSS, kB", "predicted", ""],
    style: { head: [], border: [] },
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right"],
  });
  for (const line of lines) {
    table.push([
      line.about,
      `${(line.accesses / 1e6).toFixed(0)} M`,
      line.native.minorFaults,
      line.predicted.minorFaults,
      percent(line.faultsError),
      line.native.peakRssKb,
      line.predicted.peakRssKb,
      percent(line.rssError),
    ]);
  }
  process.stdout.write(`${table.toString()}\n`);
  for (const line of lines) for (const note of line.notes) process.stdout.write(`${line.name}: ${note}\n`);
  for (const reason of skipped) process.stdout.write(`skipped ${reason}\n`);
  if (lines.length === 0) return;
  const errors = lines.flatMap((line) => [Math.abs(line.faultsError), Math.abs(line.rssError)]);
  const worst = Math.max(...errors);
  const middle = median(errors);
  const isGood = worst <= MOST_ERROR && middle <= MEDIAN_ERROR;
  process.stdout.write(
    `native: Linux ${os.release()}, median of ${RUNS}; predicted: Linux 6.12, median of ${RUNS} layouts. Largest difference ${percent(worst)}, median ${percent(middle)}: ${isGood ? "within" : "NOT within"} 10 % and 5 %.\n`,
  );
  if (!isGood) process.exitCode = 1;
}

/** A share in per cent, with its sign. */
function percent(share: number): string {
  return `${share >= 0 ? "+" : ""}${(share * 100).toFixed(1)} %`;
}

await main();
