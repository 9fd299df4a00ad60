/**
 * Cases that are real programs: runs one on a real kernel in a cgroup with a limit (program.c), and predicts it from its recording.
 *
 *   on this machine   the program as it is installed
 *   in QEMU           an initramfs of program.c and the files that the recording names, as they are installed here
 *
 * The programs must be those that were recorded: run it where the recordings were made.
 * Doc: docs/fidelity.md
 */
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { type Kernel, NONE, readPressureTotals } from "../../src/core/index.ts";
import { type ArchiveEntry, writeArchive } from "../../src/hosts/oracle/cpio.ts";
import { createFrameReader, readFrames } from "../../src/hosts/oracle/frames.ts";
import { driverEntry, findGuest, type Guest, runArchiveInGuest } from "../../src/hosts/oracle/guest.ts";
import type { KernelChoice, KernelRun, KernelScript, OnTranscript } from "../../src/hosts/oracle/kernel-run.ts";
import { openTraceFile } from "../../src/hosts/record/pwt-file.ts";
import { drive } from "../../src/programs/driver.ts";
import { enterCgroup, makeSwap, setCgroup } from "../../src/programs/script/pressure.ts";
import type { FidelityCase, FidelityProgram } from "./cases.ts";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const ROOT = path.join(HERE, "../..");
const SOURCE = path.join(HERE, "program.c");
/** Where the programs run: what they read is there. */
const INPUT = path.join(ROOT, "recordings/input");
/** Where the kernel looks for the dynamic linker of x86-64 programs. */
const LINKER = "/lib64/ld-linux-x86-64.so.2";
/** Directories of today's Debian that are links into /usr. */
const MERGED = ["bin", "lib", "lib64", "sbin"];
const LINK = 0o120777;
const DIRECTORY = 0o040755;

/** Runs the case's program once. `script` carries its name and machine. Throws an Error of one line when it cannot. */
export async function runProgram(
  fidelityCase: FidelityCase,
  script: KernelScript,
  kernel: KernelChoice,
  onTranscript: OnTranscript,
): Promise<KernelRun> {
  const program = fidelityCase.program!;
  const scratch = mkdtempSync(path.join(tmpdir(), "pagewalk-program-"));
  try {
    const runner = path.join(scratch, "program");
    execFileSync("gcc", ["-std=c11", "-D_GNU_SOURCE", "-O2", "-static", "-o", runner, SOURCE]);
    const words = ["--limit", String(program.limitBytes), "--swap", String(program.swapBytes), ...program.command];
    if (kernel === "host") return runHere(runner, words, fidelityCase, onTranscript);
    const guest = findGuest();
    if (guest.missing !== undefined) throw new Error(guest.missing);
    const run = await runArchiveInGuest(guest.value, { ...script, text: "swap 1G" }, packGuest(guest.value, runner, words, fidelityCase));
    run.transcripts.forEach(onTranscript);
    return run;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function runHere(runner: string, words: readonly string[], fidelityCase: FidelityCase, onTranscript: OnTranscript): KernelRun {
  const reader = createFrameReader();
  const output = execFileSync(runner, words, { cwd: INPUT, encoding: "utf8" });
  readFrames(reader, output, (transcript) => onTranscript({ ...transcript, name: fidelityCase.name }));
  return { release: reader.release, commandLines: [], transcripts: [], skipped: [] };
}

/** The initramfs: the driver of its disks, program.c as /init, its words, the files of the program, each under its real name with links to it. */
function packGuest(guest: Guest, runner: string, words: readonly string[], { program }: FidelityCase): Uint8Array {
  const entries = new Map<string, ArchiveEntry>();
  const add = (entry: ArchiveEntry) => {
    addDirectories(entries, path.dirname(entry.path));
    entries.set(entry.path, entry);
  };
  driverEntry(guest).forEach(add);
  add({ path: "init", mode: 0o100755, bytes: readFileSync(runner) });
  add({ path: "words", mode: 0o100644, bytes: Buffer.from(`${words.join("\n")}\n`) });
  addDirectories(entries, "work");
  for (const directory of MERGED) add({ path: directory, mode: LINK, bytes: Buffer.from(`usr/${directory}`) });
  for (const file of program!.files)
    add({ path: `work/${file}`, mode: 0o100644, bytes: readFileSync(path.join(INPUT, file)) });
  for (const file of installedFiles(program!)) {
    const real = realpathSync(file);
    // Directories of the name may be links themselves; below them the name is what the program opens.
    const named = path.join(realpathSync(path.dirname(file)), path.basename(file));
    const { mode, mtimeMs } = statSync(real);
    add({ path: real.slice(1), mode, bytes: readFileSync(real), mtimeSeconds: Math.floor(mtimeMs / 1000) });
    if (named !== real) add({ path: named.slice(1), mode: LINK, bytes: Buffer.from(real) });
  }
  return writeArchive([...entries.values()]);
}

function addDirectories(entries: Map<string, ArchiveEntry>, directory: string): void {
  if (directory === "." || entries.has(directory)) return;
  addDirectories(entries, path.dirname(directory));
  entries.set(directory, { path: directory, mode: DIRECTORY });
}

/** Files of this machine that the recording names; of a compiled Python module its source too, whose time is compared. */
function installedFiles({ recording, command }: FidelityProgram): string[] {
  const opened = openTraceFile(path.join(ROOT, recording)).files.map((file) => file.path);
  const sources = opened.map((file) => file.replace(/__pycache__\/([^/]+)\.cpython-\d+\.pyc$/, "$1.py"));
  const all = new Set([LINKER, `/usr/bin/${command[0]!}`, ...opened, ...sources]);
  return [...all].filter((file) => path.isAbsolute(file) && existsSync(file) && lstatSync(realpathSync(file)).isFile() && !file.startsWith("/proc/"));
}

/** What the program does on a booted machine, as the transcript of a run has it; undefined when the machine refuses what is asked. */
export function predictProgram(k: Kernel, program: FidelityProgram): string | undefined {
  const trace = openTraceFile(path.join(ROOT, program.recording));
  const replay = trace.start(k, { cached: trace.files });
  if (makeSwap(k, { sizeBytes: program.swapBytes, prio: -1, isZram: false, limitBytes: 0 }) < 0) return undefined;
  if (setCgroup(k, "g", [{ file: "memory.max", value: program.limitBytes }]) < 0) return undefined;
  for (const task of replay.programs.keys()) if (enterCgroup(k, task, "g") < 0) return undefined;
  const before = readPressureTotals(k);
  drive(k, replay.programs);
  const after = readPressureTotals(k);
  const first = replay.summary.ended.find((end) => end.stream === NONE);
  if (first === undefined) return undefined;
  const lines = [
    `run = ${(first.status & 127) === 0 ? `exit ${first.status >> 8}` : "SIGKILL"}`,
    "show totals",
    `| minor ${first.minorFaults}`,
    `| major ${first.majorFaults}`,
    ...Object.entries(after).map(([key, value]) => `| ${key} ${value - before[key as keyof typeof before]}`),
    `| rss ${Math.round(first.peakRssKb / 4)}`,
    "| cache 0",
  ];
  return `${lines.join("\n")}\n`;
}
