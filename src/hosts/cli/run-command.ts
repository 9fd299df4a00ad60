/**
 * `pagewalk run`: boots a machine, runs a workload on it, and reports what its memory did.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { runLimits } from "./limits.ts";
import { type Compressor, ZSWAP_COMPRESSORS } from "./machine-file.ts";
import { type PolicyRunOptions, policyList, runPolicies } from "./policy-run.ts";
import type { RunReport } from "./report/schema.ts";
import { reportText } from "./report/text.ts";
import { runOnce } from "./run-once.ts";
import { parseBytes } from "./units.ts";
import { EXIT_FAILED, userError } from "./user-error.ts";
import type { WorkloadResult } from "./workload.ts";
import { writeWhole } from "./write-file.ts";

interface RunOptions {
  readonly machine: string;
  readonly set?: Readonly<Record<string, number>>;
  readonly seed?: number;
  readonly transcript?: string;
  readonly json?: string;
  readonly quiet?: boolean;
  readonly limit?: readonly (number | "max")[];
  readonly swap?: number;
  readonly zswap?: Compressor;
  readonly zram?: number;
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
    .option(
      "-l, --limit <sizes>",
      "run it in a memory cgroup with this memory.max, e.g. 48M; several, with commas between them, are compared: max,64M,48M,32M",
      limitSizes,
    )
    .option("--swap <size>", "give the machine an area for swap of this size, e.g. 1G", byteSize)
    .addOption(
      new Option(
        "--zswap <compressor>",
        "a kernel with zswap: swap is kept in memory first, compressed",
      ).choices(ZSWAP_COMPRESSORS),
    )
    .option(
      "--zram <size>",
      "give the machine an area for swap of this size that is kept in memory, compressed; before --swap, e.g. 1G",
      byteSize,
    )
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
      "\nExamples:\n  pagewalk run ls.pwt\n  pagewalk run ls.pwt -m pi-4g -s vm.overcommit_memory=2 -j report.json\n  pagewalk run sort.pwt --limit 24M --swap 256M -s vm.swappiness=100\n  pagewalk run sort.pwt --limit max,48M,32M,24M --swap 256M\n  pagewalk run sort.pwt --limit max,32M --zram 256M\n  pagewalk run cow.pw -t -\n  pagewalk run bzip.trace.gz --policy lru,arc,opt --frames 16,64,256",
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
  for (const name of ["machine", "set", "limit", "swap", "zswap", "zram", "transcript"])
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
  const [limit, ...more] = options.limit ?? [];
  if (limit !== undefined && more.length > 0) {
    if (options.transcript !== undefined) throw userError("--transcript: only one run has one");
    const { set, seed, machine, swap = 0, zram = 0, zswap } = options;
    const setup = { set: set ?? {}, seed, machine, swapBytes: swap, zramBytes: zram, zswap };
    runLimits(path, [limit, ...more], setup, options);
    return;
  }
  const { report, result } = runOnce(path, {
    machine: options.machine,
    set: options.set ?? {},
    seed: options.seed,
    limitBytes: limit ?? 0,
    swapBytes: options.swap ?? 0,
    zramBytes: options.zram ?? 0,
    zswap: options.zswap,
  });
  if (options.transcript !== undefined && result.transcript === undefined) {
    throw userError(`--transcript: only scripts have one; ${path} is a ${report.workload.kind}`);
  }
  write(options, report, result);
  if (!result.ok) process.exitCode = EXIT_FAILED;
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

function limitSizes(text: string): (number | "max")[] {
  return text.split(",").map((size) => (size === "max" ? "max" : byteSize(size)));
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("expected a whole number");
  return value;
}
