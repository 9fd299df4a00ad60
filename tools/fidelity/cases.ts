/**
 * The cases of memory pressure under golden/fidelity/: a script or a program, the machine it was recorded on, and what real kernels printed.
 * Doc: docs/fidelity.md, docs/script.md (8a)
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

/** Where the cases are. */
export const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../golden/fidelity");

/** machine.json of a case. */
export interface FidelityMachine {
  /** Which kernel it is recorded on: 6.12 boots in QEMU, another is that of the recording machine. */
  readonly kernel: string;
  readonly policy: "classic" | "mglru";
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly levels: 4 | 5;
  /** Requests a second that a disk for swap does at most; 0: as many as it can. */
  readonly swapIops: number;
  /** Swap goes to zswap first, with lz4. */
  readonly zswap?: boolean;
}

/** program.json of a case: a program that runs in a cgroup with a limit, and its recording, by which it is predicted. */
export interface FidelityProgram {
  readonly command: readonly string[];
  /** Below the root of the project. */
  readonly recording: string;
  /** Files of recordings/input that it reads. */
  readonly files: readonly string[];
  readonly limitBytes: number;
  readonly swapBytes: number;
}

/** A case, with the runs recorded so far. */
export interface FidelityCase {
  readonly name: string;
  /** The script; empty where the case is a program. */
  readonly script: string;
  readonly program: FidelityProgram | undefined;
  readonly machine: FidelityMachine;
  /** Whether its tasks are in a cgroup, so that one boot can run it after others. */
  readonly hasGroup: boolean;
  readonly allRuns: readonly FidelityRun[];
  /** Those to compare with: where the kernel killed a task for want of memory in some runs only, the more frequent kind. */
  readonly runs: readonly FidelityRun[];
}

/** What a real kernel printed in one run. */
export interface FidelityRun {
  /** The file's name: RELEASE-NUMBER.txt. */
  readonly file: string;
  readonly text: string;
  /** What its last line says, in runs that have one. */
  readonly clock?: RunClock;
}

/** When a run was, in the kernel's own rhythm. */
export interface RunClock {
  /** From the first pattern to the end. */
  readonly seconds: number;
  /** From the first pattern to when the kernel added up its statistics of cgroups next, which it does every two seconds. */
  readonly flushSeconds: number;
}

/** Every case, by name. */
export function readCases(): FidelityCase[] {
  return readdirSync(FOLDER, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => readCase(entry.name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Whether a task was killed for want of memory. */
export function hasKill(transcript: string): boolean {
  return /= SIGKILL\b/.test(transcript);
}

/** Of several runs those that ended in the more frequent way, with a kill or without. */
export function usualRuns<Run extends { readonly text: string }>(runs: readonly Run[]): Run[] {
  const killed = runs.filter((run) => hasKill(run.text));
  return killed.length * 2 > runs.length ? killed : runs.filter((run) => !hasKill(run.text));
}

function readCase(name: string): FidelityCase {
  const folder = path.join(FOLDER, name);
  const programFile = path.join(folder, "program.json");
  const program = existsSync(programFile)
    ? (JSON.parse(readFileSync(programFile, "utf8")) as FidelityProgram)
    : undefined;
  const script = program === undefined ? readFileSync(path.join(folder, "script.pw"), "utf8") : "";
  const machine = JSON.parse(readFileSync(path.join(folder, "machine.json"), "utf8")) as FidelityMachine;
  const runsFolder = path.join(folder, "runs");
  const files = existsSync(runsFolder) ? readdirSync(runsFolder).sort() : [];
  const allRuns = files.map((file) => readRun(file, readFileSync(path.join(runsFolder, file), "utf8")));
  const hasGroup = program !== undefined || /^cgroup /m.test(script);
  return { name, script, program, machine, hasGroup, allRuns, runs: usualRuns(allRuns) };
}

/** A run; `@@ clock SECONDS flushed SECONDS…` is its last line where the recorder asked for it. */
export function readRun(file: string, text: string): FidelityRun {
  const [, seconds, flushed] = /^@@ clock (\S+) flushed (\S+)/m.exec(text) ?? [];
  if (seconds === undefined || flushed === undefined) return { file, text };
  return { file, text, clock: { seconds: Number(seconds), flushSeconds: Number(flushed) } };
}
