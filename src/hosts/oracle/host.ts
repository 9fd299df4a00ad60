/**
 * The kernel of this machine. As root each run gets an ext4 image on a loop device, mounted where nobody else sees it; without root, or
 * without loop devices, scripts run in a plain directory, and those with files are skipped, because the directory's file system is
 * whatever it is. Sysctls are never touched: others live on this machine.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { platform } from "node:os";
import path from "node:path";
import { collectTranscripts, numberedName } from "./collect.ts";
import { makeDisk } from "./disk.ts";
import { createFrameReader, readFrames } from "./frames.ts";
import type { KernelRun, KernelScript, OnTranscript } from "./kernel-run.ts";
import { buildRunner, type Found, type Runner, scratchDirectory } from "./tools.ts";

/** The longest a script may take. */
const SCRIPT_TIMEOUT_MS = 60_000;

/** Where scripts run: on a disk of our own, or in a directory as it is. */
type World = "image" | "directory";

/** What a run on this machine's kernel needs. */
interface Host {
  readonly runner: Runner;
  readonly world: World;
}

/** Whether this machine's kernel can be asked, or why not. Tries it, because only a try tells whether ptrace and loop devices work. */
export function findHost(): Found<Host> {
  if (platform() !== "linux" || process.arch !== "x64") {
    return { missing: `this machine is no x86-64 Linux but ${platform()} ${process.arch}` };
  }
  const runner = buildRunner();
  if (runner.missing !== undefined) return runner;
  const mayMount = process.getuid?.() === 0 && existsSync("/dev/loop-control");
  if (mayMount && tryWorld(runner.value, "image") === undefined)
    return { value: { runner: runner.value, world: "image" } };
  const problem = tryWorld(runner.value, "directory");
  return problem === undefined
    ? { value: { runner: runner.value, world: "directory" } }
    : { missing: problem };
}

/** Runs a script without statements. Returns what went wrong, if anything did. */
function tryWorld(runner: Runner, world: World): string | undefined {
  const scratch = scratchDirectory();
  try {
    const place = makeWorld(world, scratch);
    if (place.missing !== undefined) return place.missing;
    const args = [
      ...place.value,
      "--stub",
      runner.stub,
      ...writeScripts(scratch, [{ name: "empty", text: "" }]),
    ];
    const result = spawnSync(runner.controller, args, { encoding: "utf8", timeout: SCRIPT_TIMEOUT_MS });
    const reader = createFrameReader();
    readFrames(reader, result.stdout ?? "");
    const transcript = reader.transcripts[0];
    if (transcript?.status === 0) return undefined;
    return transcript?.errors[0] ?? firstLine(result.stderr ?? "");
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Runs the scripts one after the other. Throws an Error with one line when the controller dies. */
export async function runOnHost(
  host: Host,
  scripts: readonly KernelScript[],
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const scratch = scratchDirectory();
  try {
    const reasons = new Map(scripts.map((script) => [script, whyNot(host, script)]));
    const asked = scripts.filter((script) => reasons.get(script) === undefined);
    const skipped = scripts.flatMap((script) => {
      const reason = reasons.get(script);
      return reason === undefined ? [] : [{ name: script.name, reason }];
    });
    const place = makeWorld(host.world, scratch);
    if (place.missing !== undefined) throw new Error(place.missing);
    const clock = asked.some(({ machine }) => machine?.pressure?.hasClock === true) ? ["--clock"] : [];
    const args = [...place.value, "--stub", host.runner.stub, ...clock, ...writeScripts(scratch, asked)];
    const times = { startMs: SCRIPT_TIMEOUT_MS, scriptMs: SCRIPT_TIMEOUT_MS };
    const run = await collectTranscripts(
      { program: host.runner.controller, args, ...times },
      asked,
      onTranscript,
    );
    if (run.stoppedWhile !== "")
      throw new Error(`the runner stopped ${run.stoppedWhile}: ${firstLine(run.complaint)}`);
    const commandLines = [`controller ${place.value[0]} --stub stub.elf`];
    return { release: run.release, commandLines, transcripts: run.transcripts, skipped };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Why a script can not be run here, if it can not. */
function whyNot(host: Host, { text, machine }: KernelScript): string | undefined {
  if (/^[ \t]*sysctl[ \t]/m.test(text)) return "it changes a sysctl, and others live on this machine";
  if (/^[^#]*\bshow[ \t]+(meminfo|vmstat)\b/m.test(text))
    return "it shows counters of the whole machine, and others live on it";
  if (host.world === "directory" && /^[ \t]*file[ \t]/m.test(text)) {
    return "its files need a disk of their own (root, a loop device, mkfs.ext4)";
  }
  if (machine?.levels === 5 && !hasFiveLevels()) return "this processor has four levels of page tables";
  return undefined;
}

function hasFiveLevels(): boolean {
  return /^flags\b.*\bla57\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}

/** The controller's arguments that say where scripts run, or why they can not. */
function makeWorld(world: World, scratch: string): Found<string[]> {
  if (world === "directory") {
    mkdirSync(path.join(scratch, "pw"));
    return { value: ["--directory", path.join(scratch, "pw")] };
  }
  // A directory of its own, because the controller mounts its root over it.
  mkdirSync(path.join(scratch, "image"));
  const disk = makeDisk(path.join(scratch, "image", "disk"), "host");
  return disk.missing === undefined ? { value: ["--image", disk.value] } : disk;
}

/** Writes the scripts under numbers, which the controller takes for their names. Returns the paths from inside the scratch directory. */
function writeScripts(scratch: string, scripts: readonly KernelScript[]): string[] {
  return scripts.map((script, index) => {
    const file = path.join(scratch, numberedName(index));
    writeFileSync(file, script.text);
    return file;
  });
}

function firstLine(text: string): string {
  return text
    .trim()
    .split("\n")[0]!
    .replace(/^controller: /, "");
}
