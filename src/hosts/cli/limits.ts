/**
 * `pagewalk run X --limit max,48M,32M`: the same workload on the same machine in a cgroup of each size, side by side.
 * The first run is what the others are compared with.
 */
import type { LimitsReport } from "./report/limits-schema.ts";
import { plainTable } from "./report/text.ts";
import { type RunSetup, runOnce } from "./run-once.ts";
import { bytes, count, duration } from "./units.ts";
import { EXIT_FAILED } from "./user-error.ts";
import { writeWhole } from "./write-file.ts";

declare const PAGEWALK_VERSION: string;

/** Runs the workload at each limit (bytes) and writes the table, the JSON, or both. */
export function runLimits(
  path: string,
  limits: readonly (number | "max")[],
  setup: Omit<RunSetup, "limitBytes">,
  output: { readonly json?: string; readonly quiet?: boolean },
): void {
  const runs = limits.map((limitBytes) => runOnce(path, { ...setup, limitBytes }).report);
  const report: LimitsReport = {
    schema: "pagewalk-limits-report/1",
    version: PAGEWALK_VERSION,
    limits: limits.map((limit) => (limit === "max" ? null : limit)),
    runs,
  };
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (output.json !== undefined && output.json !== "-") writeWhole(output.json, json);
  if (output.json === "-") process.stdout.write(json);
  else if (output.quiet !== true) process.stdout.write(tableText(report));
  if (runs.some(({ outcome }) => !outcome.ok)) process.exitCode = EXIT_FAILED;
}

function tableText({ runs }: LimitsReport): string {
  const table = plainTable(
    ["limit", "outcome", "peak", "minor", "major", "swapped out", "in", "refaults", "time", "times as long"],
    [0, 1],
  );
  const firstNs = runs[0]?.virtualNs ?? 0;
  for (const run of runs) {
    const { pressure, cgroup } = run;
    const limit = cgroup?.limitBytes ?? null;
    table.push([
      limit === null ? "max" : bytes(limit),
      run.outcome.message.replace("ended with ", ""),
      bytes(cgroup?.peakBytes ?? 0),
      count(run.faults.minor),
      count(run.faults.major),
      count(pressure.swapout),
      count(pressure.swapin),
      count(pressure.refault_anon + pressure.refault_file),
      duration(run.virtualNs),
      run.outcome.ok ? (run.virtualNs / firstNs).toFixed(2) : "-",
    ]);
  }
  const [first] = runs;
  const about =
    first === undefined
      ? ""
      : `${first.workload.path} (${first.workload.kind}) on ${first.machine.name}, seed ${first.machine.seed}\n\n`;
  return `${about}${table.toString()}\n`;
}
