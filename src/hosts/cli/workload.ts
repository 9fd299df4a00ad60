/**
 * The workloads a user can name: a script, a recording, or a trace. Opening one finds out which by its content, and
 * running it is the same for all: on a booted kernel, watched by a collector.
 */
import { readFileSync } from "node:fs";
import { type Kernel, panicMessage, readPressureTotals, SIGBUS, SIGKILL, SIGSEGV } from "../../core/index.ts";
import { drive } from "../../programs/driver.ts";
import { FORMAT_ERROR } from "../../programs/replay/format-error.ts";
import type { StartedReplay } from "../../programs/replay/replay.ts";
import { formatScriptError } from "../../programs/script/ast.ts";
import { readScript } from "../../programs/script/check.ts";
import { enterCgroup, makeSwap, setCgroup } from "../../programs/script/pressure.ts";
import { runScript } from "../../programs/script/run.ts";
import { openTraceFile } from "../record/pwt-file.ts";
import { startProgress } from "./progress.ts";
import type { Collector } from "./report/collect.ts";
import { EXIT_FAILED, fileProblem, isUserError, userError } from "./user-error.ts";

/** What a run came to. */
export interface WorkloadResult {
  readonly ok: boolean;
  readonly message: string;
  readonly accesses: number;
  readonly calls: { name: string; count: number; errors: number }[];
  readonly notes: string[];
  /** Lines of a script's transcript; undefined for other workloads. */
  readonly transcript: string[] | undefined;
  /** What the run itself cost in pages: not what filled the page cache before it. */
  readonly pressure: Totals;
}

type Totals = ReturnType<typeof readPressureTotals>;

/** A workload that was opened and found sound as far as that can be told without running it. */
export interface Workload {
  readonly kind: string;
  readonly run: (k: Kernel, collector: Collector, pressure: Pressure) => WorkloadResult;
}

/** What a recording or trace is put under: memory.max of its cgroup, an area for swap on a disk and one of zram, in bytes; 0 for none of it. */
export interface Pressure {
  readonly limitBytes: number | "max";
  readonly swapBytes: number;
  readonly zramBytes: number;
}

const NO_CALLS: WorkloadResult["calls"] = [];

/** Opens the file. UserError when it is missing, damaged, or none of the kinds there are. */
export function openWorkload(path: string): Workload {
  try {
    return path.endsWith(".pw") ? openScript(path) : openReplay(path);
  } catch (error) {
    if (isUserError(error)) throw error;
    if (error instanceof Error && error.name === FORMAT_ERROR) throw userError(error.message);
    throw fileProblem(path, error);
  }
}

function openScript(path: string): Workload {
  const { script, errors } = readScript(readText(path), path);
  if (errors.length > 0) throw userError(errors.map(formatScriptError).join("\n"));
  return {
    kind: "script",
    run: (k, collector, pressure) => {
      if (pressure.limitBytes !== 0 || pressure.swapBytes > 0 || pressure.zramBytes > 0)
        throw userError(
          "--limit, --swap and --zram are for recordings and traces; a script says `cgroup` and `swap`",
        );
      const transcript: string[] = [];
      const error = runScript(k, script, (line) => {
        transcript.push(line);
        collector.sample();
      });
      if (error !== undefined) throw userError(formatScriptError(error), EXIT_FAILED);
      const statements = script.statements.length;
      return {
        ok: true,
        message: `${statements} statements done`,
        accesses: 0,
        calls: NO_CALLS,
        notes: [],
        transcript,
        pressure: readPressureTotals(k),
      };
    },
  };
}

function openReplay(path: string): Workload {
  const trace = openTraceFile(path);
  return {
    kind: trace.about === "" ? "trace" : trace.about,
    run: (k, collector, pressure) => {
      const replay = trace.start(k, { cached: trace.files, beforeExit: collector.beforeExit });
      const before = readPressureTotals(k);
      applyPressure(k, replay, pressure);
      const result = play(k, replay, trace.accesses, collector);
      return { ...result, pressure: since(before, readPressureTotals(k)) };
    },
  };
}

/** The cgroup that a limited workload runs in. */
export const GROUP = "workload";

/** Makes the swap area, and the cgroup with its limit, before the workload's first access. */
function applyPressure(k: Kernel, replay: StartedReplay, pressure: Pressure): void {
  makeArea(k, "--zram", pressure.zramBytes);
  makeArea(k, "--swap", pressure.swapBytes);
  if (pressure.limitBytes === 0) return;
  const made = setCgroup(k, GROUP, [{ file: "memory.max", value: pressure.limitBytes }]);
  for (const task of replay.programs.keys())
    if (made < 0 || enterCgroup(k, task, GROUP) < 0)
      throw userError("--limit: no cgroup could be made", EXIT_FAILED);
}

/** An area of what the option says; zram is used first when there are both, as people set it up. */
function makeArea(k: Kernel, option: "--swap" | "--zram", sizeBytes: number): void {
  if (sizeBytes === 0) return;
  if (makeSwap(k, { sizeBytes, prio: -1, isZram: option === "--zram", limitBytes: 0 }) < 0)
    throw userError(`${option}: ${sizeBytes} bytes are no size for an area`, EXIT_FAILED);
}

/** Drives a replay to its end, with progress on a terminal. */
function play(
  k: Kernel,
  replay: StartedReplay,
  accesses: number,
  collector: Collector,
): Omit<WorkloadResult, "pressure"> {
  const { programs, summary } = replay;
  const progress = startProgress("replaying", accesses, "accesses");
  try {
    const { stuck } = drive(k, programs, () => {
      collector.sample();
      progress.update(summary.accesses);
      return true;
    });
    for (const end of summary.ended) {
      collector.ended({
        pid: end.pid,
        command: end.comm,
        how: endOf(end.status),
        minor: end.minorFaults,
        major: end.majorFaults,
        peakRssKb: end.peakRssKb,
      });
    }
    const first = summary.ended.find((end) => end.stream === 0);
    const isDone = stuck.length === 0 && first !== undefined;
    return {
      ok: isDone && (first.status & 127) === 0,
      message: isDone
        ? `ended with ${endOf(first.status)}`
        : (panicMessage(k) ?? `${stuck.length} tasks wait for something that never comes`),
      accesses: summary.accesses,
      calls: [...summary.calls]
        .map(([name, call]) => ({ name, ...call }))
        .sort((a, b) => b.count - a.count || (a.name < b.name ? -1 : 1)),
      notes: [...summary.notes].map(([sentence, times]) =>
        times > 1 ? `${sentence} (${times} times)` : sentence,
      ),
      transcript: undefined,
    };
  } finally {
    progress.stop();
  }
}

function since(before: Totals, after: Totals): Totals {
  return {
    swapin: after.swapin - before.swapin,
    swapout: after.swapout - before.swapout,
    refault_anon: after.refault_anon - before.refault_anon,
    refault_file: after.refault_file - before.refault_file,
    filein: after.filein - before.filein,
    fileout: after.fileout - before.fileout,
    zswpin: after.zswpin - before.zswpin,
    zswpout: after.zswpout - before.zswpout,
  };
}

/** How a process ended, from its wait status. */
function endOf(status: number): string {
  const NAMES: Readonly<Record<number, string>> = {
    [SIGBUS]: "SIGBUS",
    [SIGKILL]: "SIGKILL",
    [SIGSEGV]: "SIGSEGV",
  };
  const signal = status & 127;
  return signal === 0 ? `exit ${status >> 8}` : (NAMES[signal] ?? `signal ${signal}`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fileProblem(path, error);
  }
}
