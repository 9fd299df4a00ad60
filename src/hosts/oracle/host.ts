/**
 * The kernel of this machine. As root each run gets an ext4 image on a loop device, mounted where nobody else sees it; without root, or
 * without loop devices, scripts run in a plain directory, and those with files are skipped, because the directory's file system is
 * whatever it is. Sysctls are never touched: others live on this machine.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { platform } from "node:os";
import path from "node:path";
import { makeDisk } from "./disk.ts";
import { createFrameReader, readFrames } from "./frames.ts";
import type { KernelRun, KernelScript, OnTranscript } from "./kernel-run.ts";
import { buildRunner, type Found, findProgram, type Runner, scratchDirectory } from "./tools.ts";

const TIMEOUT_MS = 120_000;

/** What a run on this machine's kernel needs. */
interface Host {
  readonly runner: Runner;
  /** Files are on a disk of our own. */
  readonly hasDisk: boolean;
}

/** Whether this machine's kernel can be asked, or why not. */
export function findHost(): Found<Host> {
  if (platform() !== "linux" || process.arch !== "x64")
    return { missing: `this machine is no x86-64 Linux but ${platform()} ${process.arch}` };
  const runner = buildRunner();
  if (runner.missing !== undefined) return runner;
  const hasDisk =
    process.getuid?.() === 0 && existsSync("/dev/loop-control") && findProgram("mkfs.ext4") !== undefined;
  return { value: { runner: runner.value, hasDisk } };
}

/** Runs the scripts one after the other. Throws an Error with one line when the controller can not run at all (no ptrace, for one). */
export async function runOnHost(
  host: Host,
  scripts: readonly KernelScript[],
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const scratch = scratchDirectory();
  try {
    const skipped: { name: string; reason: string }[] = [];
    const askable = scripts.filter((script) => {
      const reason = whyNot(host, script);
      if (reason !== undefined) skipped.push({ name: script.name, reason });
      return reason === undefined;
    });
    const world = makeWorld(host, scratch);
    const run = await runController(host.runner, world, writeScripts(scratch, askable), onTranscript);
    return { ...run, skipped };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Why a script can not be run here, if it can not. */
function whyNot(host: Host, { text, machine }: KernelScript): string | undefined {
  if (/^[ \t]*sysctl[ \t]/m.test(text)) return "it changes a sysctl, and others live on this machine";
  if (!host.hasDisk && /^[ \t]*file[ \t]/m.test(text))
    return "its files need a disk of their own (root, a loop device, mkfs.ext4)";
  if (machine?.levels === 5 && !hasFiveLevels()) return "this processor has four levels of page tables";
  return undefined;
}

function hasFiveLevels(): boolean {
  return /^flags\b.*\bla57\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
}

/** The controller's arguments that say where scripts run. */
function makeWorld(host: Host, scratch: string): string[] {
  if (host.hasDisk) {
    mkdirSync(path.join(scratch, "image"));
    const disk = makeDisk(path.join(scratch, "image", "disk"), "host");
    if (disk.missing === undefined) return ["--image", disk.value];
    throw new Error(disk.missing);
  }
  mkdirSync(path.join(scratch, "pw"));
  return ["--directory", path.join(scratch, "pw")];
}

/** Writes the scripts under numbers, because names may be paths. Returns the files by the script's name. */
function writeScripts(scratch: string, scripts: readonly KernelScript[]): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  for (const [index, script] of scripts.entries()) {
    const file = path.join(scratch, `${index}.pw`);
    writeFileSync(file, script.text);
    files.set(script.name, file);
  }
  return files;
}

async function runController(
  runner: Runner,
  world: readonly string[],
  files: ReadonlyMap<string, string>,
  onTranscript: OnTranscript = () => {},
): Promise<KernelRun> {
  const reader = createFrameReader();
  const names = new Map([...files].map(([name, file]) => [file, name]));
  const transcripts: KernelRun["transcripts"][number][] = [];
  const args = [...world, "--stub", runner.stub, ...files.values()];
  const child = spawn(runner.controller, args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    complaint += piece;
  });
  const timer = setTimeout(() => child.kill("SIGKILL"), TIMEOUT_MS);
  child.stdout.setEncoding("utf8").on("data", (piece: string) => {
    readFrames(reader, piece, (transcript) => {
      const name = names.get(transcript.name)!;
      const whole = {
        ...transcript,
        name,
        errors: transcript.errors.map((line) => line.replace(`${transcript.name}:`, `${name}:`)),
      };
      transcripts.push(whole);
      onTranscript(whole);
    });
  });
  await new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  clearTimeout(timer);
  if (transcripts.length < files.size)
    throw new Error(complaint.trim().split("\n")[0] || "the controller died");
  return {
    release: reader.release,
    commandLines: [`controller ${world[0]} --stub stub.elf`],
    transcripts,
    skipped: [],
  };
}
