/**
 * npm run fidelity:record: runs cases of memory pressure on real kernels and keeps what they print, verbatim.
 *
 *   npm run fidelity:record              every case with fewer than three runs
 *   npm run fidelity:record -- CASE…     these cases anew
 *   npm run fidelity:record -- --all     every case anew
 *   … --runs=5                           five runs each
 *   … --add                              keep the runs that are there, add what is missing of so many
 *   … --kernel=6.18                      only cases of that kernel
 *
 * Cases with a cgroup share a boot, since each has a fresh one; cases of the whole machine boot it for every run. Only one virtual machine
 * runs at a time.
 * Doc: docs/fidelity.md
 */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { type KernelScript, type KernelTranscript } from "../../src/hosts/oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../../src/hosts/oracle/run-on-kernel.ts";
import { FOLDER, type FidelityCase, readCases } from "./cases.ts";
import { runProgram } from "./program.ts";

const USUAL_RUNS = 3;
/** Scripts in one boot at most: a virtual machine that dies takes only these with it. */
const MOST_IN_A_BOOT = 6;
const QEMU_KERNEL = "6.12";

/**
 * The kernel adds up its statistics every two seconds, and much depends on when it does; a virtual machine boots in the same time every
 * time. So each run waits another part of the two seconds first: the golden ratio spreads any few of them evenly.
 */
const FLUSH_MS = 2000;
const RUN_STEP = (Math.sqrt(5) - 1) / 2;

/** What to record: a case, and the number of the run. */
interface Job {
  readonly fidelityCase: FidelityCase;
  readonly number: number;
}

/** The scripts of one boot. */
interface Boot {
  readonly kernel: "host" | "qemu";
  readonly jobs: readonly Job[];
}

function valueOf(args: readonly string[], option: string): string | undefined {
  return args.find((arg) => arg.startsWith(`--${option}=`))?.slice(option.length + 3);
}

/** The cases that the command line asks for. */
function chosenCases(args: readonly string[], runs: number): FidelityCase[] {
  const kernel = valueOf(args, "kernel");
  const names = args.filter((arg) => !arg.startsWith("--"));
  const cases = readCases().filter((each) => kernel === undefined || each.machine.kernel === kernel);
  const unknown = names.filter((name) => !cases.some((each) => each.name === name));
  if (unknown.length > 0) throw new Error(`no such case: ${unknown.join(", ")}`);
  if (names.length > 0) return cases.filter((each) => names.includes(each.name));
  return args.includes("--all") ? cases : cases.filter((each) => each.allRuns.length < runs);
}

/** Which boots it takes: one run of up to ten cases with a group on the same machine, or one of a whole machine. */
function planBoots(cases: readonly FidelityCase[], runs: number, keeps: boolean): Boot[] {
  const boots: Boot[] = [];
  for (let number = 1; number <= runs; number++) {
    const open = new Map<string, Job[]>();
    for (const fidelityCase of cases) {
      if (keeps && fidelityCase.allRuns.some(({ file }) => file.endsWith(`-${number}.txt`))) continue;
      const kernel = fidelityCase.machine.kernel === QEMU_KERNEL ? "qemu" : "host";
      const isShared = fidelityCase.hasGroup && fidelityCase.program === undefined;
      const key = isShared ? JSON.stringify(fidelityCase.machine) : fidelityCase.name;
      const jobs = open.get(key) ?? [];
      if (jobs.length === 0) boots.push({ kernel, jobs });
      jobs.push({ fidelityCase, number });
      if (jobs.length === MOST_IN_A_BOOT || fidelityCase.program !== undefined) open.delete(key);
      else open.set(key, jobs);
    }
  }
  return boots;
}

/** Keeps what a kernel printed. Returns what is wrong with it, if anything is. */
function keep(job: Job, transcript: KernelTranscript): string | undefined {
  if (transcript.status !== 0) return transcript.errors.join("; ") || `status ${transcript.status}`;
  if (!transcript.text.includes("\n| cache ")) return "there is no `show totals` in it";
  const refused = /^(swap|cgroup|enter|file) .* = -1 .*$/m.exec(transcript.text);
  if (refused !== null) return `the machine is not as the script wants it: ${refused[0]}`;
  const folder = path.join(FOLDER, job.fidelityCase.name, "runs");
  mkdirSync(folder, { recursive: true });
  const clock = transcript.clock === undefined ? "" : `@@ clock ${transcript.clock}\n`;
  writeFileSync(path.join(folder, `${job.fidelityCase.machine.kernel}-${job.number}.txt`), transcript.text + clock);
  return undefined;
}

/** Boots, and keeps every transcript. Returns how many are missing. */
async function runBoot({ kernel, jobs }: Boot): Promise<number> {
  const start = performance.now();
  const scripts: KernelScript[] = jobs.map(({ fidelityCase: { name, script, machine, hasGroup: hasClock }, number }) => {
    const delayMs = Math.round(((number * RUN_STEP) % 1) * FLUSH_MS);
    const { cpus, memoryBytes, levels, policy, swapIops, zswap = false } = machine;
    return { name, text: script, machine: { cpus, memoryBytes, levels, pressure: { policy, swapIops, zswap, delayMs, hasClock } } };
  });
  const done: KernelTranscript[] = [];
  const problems: string[] = [];
  try {
    const [only] = jobs;
    const onTranscript = (transcript: KernelTranscript) => done.push(transcript);
    const run = await (only!.fidelityCase.program === undefined
      ? runOnKernel(scripts, { kernel, onTranscript })
      : runProgram(only!.fidelityCase, scripts[0]!, kernel, onTranscript));
    releases.add(`Linux ${run.release}`);
    problems.push(...run.skipped.map(({ name, reason }) => `${name}: ${reason}`));
  } catch (error) {
    problems.push(error instanceof Error ? error.message : String(error));
  }
  let kept = 0;
  for (const transcript of done) {
    const job = jobs.find((each) => each.fidelityCase.name === transcript.name)!;
    const problem = keep(job, transcript);
    if (problem === undefined) kept++;
    else problems.push(`${transcript.name}: ${problem}`);
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  process.stdout.write(`run ${jobs[0]!.number} of ${jobs.map((job) => job.fidelityCase.name).join(" ")}: ${kept} kept, ${seconds} s\n`);
  for (const problem of problems) process.stdout.write(`  ${problem}\n`);
  return jobs.length - kept;
}

const releases = new Set<string>();
const args = process.argv.slice(2);
const runs = Number(valueOf(args, "runs") ?? USUAL_RUNS);
const cases = chosenCases(args, runs);
const isAnew = !args.includes("--add") && (args.includes("--all") || args.some((arg) => !arg.startsWith("--")));
if (isAnew) for (const each of cases) rmSync(path.join(FOLDER, each.name, "runs"), { recursive: true, force: true });
let missing = 0;
for (const kernel of ["host", "qemu"] as const) {
  const boots = planBoots(cases, runs, !isAnew).filter((boot) => boot.kernel === kernel);
  const reason = boots.length > 0 ? whyNotKernel(kernel) : undefined;
  if (reason === undefined) for (const boot of boots) missing += await runBoot(boot);
  else process.stdout.write(`skipped ${kernel}: ${reason}\n`);
}
for (const release of releases) process.stdout.write(`recorded on ${release}\n`);
process.stdout.write(missing === 0 ? "everything recorded\n" : `${missing} runs are missing\n`);
process.exitCode = missing === 0 ? 0 : 1;
