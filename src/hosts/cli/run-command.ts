/**
 * `pagewalk run`: boots a machine, runs a workload on it, and reports what its memory did.
 */
import { Command, InvalidArgumentError } from "commander";
import { boot, hashKernel, type Kernel, type Machine, readFile } from "../../core/index.ts";
import { groupDirectory } from "../../programs/script/pressure.ts";
import { buildMachine } from "./machine-file.ts";
import { type PolicyRunOptions, policyList, runPolicies } from "./policy-run.ts";
import { createCollector } from "./report/collect.ts";
import type { RunReport } from "./report/schema.ts";
import { reportText } from "./report/text.ts";
import { parseBytes } from "./units.ts";
import { EXIT_FAILED, userError } from "./user-error.ts";
import { GROUP, openWorkload, type Pressure, type Workload, type WorkloadResult } from "./workload.ts";
import { writeWhole } from "./write-file.ts";

declare const PAGEWALK_VERSION: string;

interface RunOptions {
  readonly machine: string;
  readonly set?: Readonly<Record<string, number>>;
  readonly seed?: number;
  readonly transcript?: string;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly limit?: number;
  readonly swap?: number;
  readonly policy?: string;
  readonly frames?: readonly number[];
}

/** The verb. */
export function runCommand(): Command {
  return new Command("run")
    .description("run a workload on a simulated machine and report what its memory did")
    .argument(
      "[workload]",
      "a script (.pw), a recording (.pwt), or a trace (valgrind lackey, or one access a line)",
    )
    .option(
      "-m, --machine <machine>",
      "a preset (pagewalk machine list) or a machine file (JSON)",
      "laptop-16g",
    )
    .option(
      "-s, --set <path=value>",
      "set a tunable, e.g. vm.overcommit_memory=2; may be repeated",
      addSetting,
    )
    .option("-l, --limit <size>", "run it in a memory cgroup with this memory.max, e.g. 48M", byteSize)
    .option("--swap <size>", "give the machine an area for swap of this size, e.g. 1G", byteSize)
    .option("--seed <number>", "seed of all randomness: address space layout", wholeNumber)
    .option("-t, --transcript <file>", "write a script's transcript; - prints it instead of the report")
    .option(
      "-j, --json <file>",
      "write the report as JSON (docs/schemas/run-report.schema.json); - prints it instead of the report",
    )
    .option("-q, --quiet", "print no report")
    .option(
      "-p, --policy <policy>",
      "replay a trace against a textbook page-replacement policy, or several (lru,clock,opt), without a machine; list prints them",
    )
    .option("-f, --frames <n>", "sizes of memory for --policy, in pages, e.g. 16,64,256", frameCounts)
    .addHelpText(
      "after",
      "\nExamples:\n  pagewalk run ls.pwt\n  pagewalk run ls.pwt -m pi-4g -s vm.overcommit_memory=2 -j report.json\n  pagewalk run sort.pwt --limit 24M --swap 256M -s vm.swappiness=100\n  pagewalk run cow.pw -t -\n  pagewalk run bzip.trace.gz --policy lru,arc,opt --frames 16,64,256",
    )
    .action((path: string | undefined, options: RunOptions, command: Command) => {
      if (options.policy === "list") process.stdout.write(policyList());
      else if (path === undefined) command.error("error: missing required argument 'workload'");
      else if (options.policy !== undefined)
        runPolicies(path, policyOptions(options, options.policy, command));
      else runWorkload(path, options);
    });
}

/** The options of a replay against policies; those that need a machine are refused. */
function policyOptions(options: RunOptions, policy: string, command: Command): PolicyRunOptions {
  const given = (name: string): boolean => command.getOptionValueSource(name) === "cli";
  for (const name of ["machine", "set", "limit", "swap", "transcript"])
    if (given(name)) throw userError(`--${name}: a replay with --policy has no machine`);
  const { frames, seed, json, quiet } = options;
  return {
    policy,
    ...(frames === undefined ? {} : { frames }),
    ...(seed === undefined ? {} : { seed }),
    ...(json === undefined ? {} : { json }),
    ...(quiet === undefined ? {} : { quiet }),
  };
}

function runWorkload(path: string, options: RunOptions): void {
  if (options.frames !== undefined) throw userError("--frames: it says how much memory a --policy gets");
  const workload = openWorkload(path);
  const machine = buildMachine(options.machine, options.set ?? {}, options.seed);
  const k = bootMachine(options.machine, machine);
  const collector = createCollector(k);
  const started = process.hrtime.bigint();
  const pressure = { limitBytes: options.limit ?? 0, swapBytes: options.swap ?? 0 };
  const result = runOn(workload, k, collector, pressure);
  const hostSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  if (options.transcript !== undefined && result.transcript === undefined) {
    throw userError(`--transcript: only scripts have one; ${path} is a ${workload.kind}`);
  }
  const collected = collector.finish();
  const report: RunReport = {
    schema: "pagewalk-run-report/1",
    version: PAGEWALK_VERSION,
    workload: { path, kind: workload.kind },
    machine: {
      name: machine.name,
      cpus: machine.cpus,
      nodes: machine.nodes.length,
      ramBytes: machine.nodes.reduce((sum, node) => sum + node.sizeBytes, 0),
      seed: machine.seed,
      settings: { ...machine.knobs },
    },
    outcome: { ok: result.ok, message: result.message },
    accesses: result.accesses,
    hostSeconds,
    ...collected,
    faults: {
      ...collected.faults,
      perMillionAccesses:
        result.accesses === 0
          ? 0
          : ((collected.faults.minor + collected.faults.major) * 1e6) / result.accesses,
    },
    pressure: result.pressure,
    ...(options.limit === undefined ? {} : { cgroup: readCgroup(k, options.limit) }),
    calls: result.calls,
    notes: result.notes,
    hash: hashKernel(k),
  };
  write(options, report, result);
  if (!result.ok) process.exitCode = EXIT_FAILED;
}

/** What the files of the workload's cgroup say at the end. */
function readCgroup(k: Kernel, limitBytes: number): NonNullable<RunReport["cgroup"]> {
  const text = (file: string): string => String(readFile(k, `${groupDirectory(k, GROUP)}/${file}`)).trim();
  const events: Record<string, number> = {};
  for (const line of text("memory.events").split("\n")) {
    const [name = "", value = "0"] = line.split(" ");
    events[name] = Number(value);
  }
  return { limitBytes, peakBytes: Number(text("memory.peak")), events };
}

/** Runs the workload; a pool that the machine file made too small is the user's to mend. */
function runOn(
  workload: Workload,
  k: Kernel,
  collector: ReturnType<typeof createCollector>,
  pressure: Pressure,
): WorkloadResult {
  try {
    return workload.run(k, collector, pressure);
  } catch (error) {
    if (error instanceof RangeError) throw userError(error.message, EXIT_FAILED);
    if (error instanceof Error && error.name === "FormatError") throw userError(error.message);
    throw error;
  }
}

function bootMachine(name: string, machine: Machine): Kernel {
  try {
    return boot(machine);
  } catch (error) {
    if (error instanceof RangeError) throw userError(`${name}: ${error.message}`);
    throw error;
  }
}

function write(options: RunOptions, report: RunReport, result: WorkloadResult): void {
  const transcript = result.transcript?.map((line) => `${line}\n`).join("");
  const json = `${JSON.stringify(report, null, 2)}\n`;
  if (options.json !== undefined && options.json !== "-") writeWhole(options.json, json);
  if (options.transcript !== undefined && options.transcript !== "-")
    writeWhole(options.transcript, transcript!);
  if (options.transcript === "-") process.stdout.write(transcript!);
  else if (options.json === "-") process.stdout.write(json);
  else if (options.quiet !== true) process.stdout.write(reportText(report, hasColours()));
}

function hasColours(): boolean {
  return process.stdout.isTTY && process.stdout.hasColors() && process.env.NO_COLOR === undefined;
}

function addSetting(
  text: string,
  settings: Readonly<Record<string, number>> | undefined,
): Record<string, number> {
  const match = /^([^=]+)=(-?\d+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError("expected PATH=NUMBER, e.g. vm.swappiness=10");
  return { ...settings, [match[1]!]: Number(match[2]) };
}

/** Most frames of a cache: its arrays are made at once. */
const MOST_FRAMES = 2 ** 28;

function frameCounts(text: string): number[] {
  const counts = text.split(",").map(Number);
  if (!/^\d+(,\d+)*$/.test(text) || !counts.every((n) => n >= 1 && n <= MOST_FRAMES))
    throw new InvalidArgumentError(`expected numbers of pages from 1 to ${MOST_FRAMES}, e.g. 16,64,256`);
  return counts;
}

function byteSize(text: string): number {
  const size = parseBytes(text);
  if (size === undefined) throw new InvalidArgumentError("expected a size of at least a page, e.g. 48M");
  return size;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("expected a whole number");
  return value;
}
