/**
 * Debian's Linux 6.12 in QEMU, by software emulation: one boot runs any number of scripts and takes a few seconds. The initramfs holds the
 * controller as /init, the stub and the scripts; kernel messages go to the first serial line, transcripts to the second.
 * Linux: Documentation/admin-guide/kernel-parameters.rst (6.12)
 */
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeArchive } from "./cpio.ts";
import { makeDisk } from "./disk.ts";
import { createFrameReader, readFrames } from "./frames.ts";
import type { KernelRun, KernelScript, OnTranscript } from "./kernel-run.ts";
import {
  buildRunner,
  cacheDirectory,
  type Found,
  findProgram,
  type Runner,
  scratchDirectory,
} from "./tools.ts";

/** A boot without a script; software emulation on a busy machine. */
const BOOT_TIMEOUT_MS = 120_000;
/** The longest a script may take. */
const SCRIPT_TIMEOUT_MS = 60_000;

const KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 transparent_hugepage=never";

/** The machine: one processor, 512 MiB. Without cx16, because QEMU 7.2 emulates it wrongly now and then. */
const MACHINE = [
  "-machine",
  "q35,accel=tcg",
  "-cpu",
  "max,-cx16",
  "-smp",
  "1",
  "-m",
  "512",
  "-nodefaults",
  "-display",
  "none",
  "-no-reboot",
] as const;

/** What a boot needs. */
interface Guest {
  readonly emulator: string;
  readonly kernel: string;
  readonly runner: Runner;
}

/** What is there to boot, or why nothing is. */
export function findGuest(): Found<Guest> {
  const emulator = findProgram("qemu-system-x86_64");
  if (emulator === undefined) return { missing: "there is no qemu-system-x86_64" };
  if (findProgram("mkfs.ext4") === undefined) return { missing: "there is no mkfs.ext4 (e2fsprogs)" };
  const kernel = findKernel();
  if (kernel === undefined) {
    return {
      missing: "there is no Linux 6.12 to boot: run tools/oracle/fetch-kernel.sh, or set PAGEWALK_KERNEL",
    };
  }
  const runner = buildRunner();
  return runner.missing === undefined ? { value: { emulator, kernel, runner: runner.value } } : runner;
}

/** $PAGEWALK_KERNEL, or the newest kernel that fetch-kernel.sh has put into the cache. */
function findKernel(): string | undefined {
  const chosen = process.env["PAGEWALK_KERNEL"];
  if (chosen !== undefined) return chosen;
  const folder = path.join(cacheDirectory(), "kernel");
  try {
    const names = readdirSync(folder).filter((name) => name.startsWith("vmlinuz-6.12."));
    names.sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
    const newest = names.at(-1);
    return newest === undefined ? undefined : path.join(folder, newest);
  } catch {
    return undefined;
  }
}

/** Boots, runs the scripts, powers off. Throws an Error with one line when the machine dies. */
export async function runInGuest(
  guest: Guest,
  scripts: readonly KernelScript[],
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const scratch = scratchDirectory();
  try {
    const disk = makeDisk(path.join(scratch, "disk"), "guest");
    if (disk.missing !== undefined) throw new Error(disk.missing);
    const initramfs = path.join(scratch, "initramfs");
    writeFileSync(initramfs, packInitramfs(guest.runner, scripts));
    const args = emulatorArguments({
      kernel: guest.kernel,
      initramfs,
      disk: disk.value,
      log: path.join(scratch, "log"),
    });
    return await boot(guest.emulator, args, scripts, onTranscript);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Scripts are packed under numbers: their names may be paths. */
function packInitramfs(runner: Runner, scripts: readonly KernelScript[]): Uint8Array {
  return writeArchive([
    { path: "init", mode: 0o100755, bytes: readFileSync(runner.controller) },
    { path: "stub.elf", mode: 0o100755, bytes: readFileSync(runner.stub) },
    { path: "scripts", mode: 0o040755 },
    ...scripts.map((script, index) => ({
      path: `scripts/${packedName(index)}`,
      mode: 0o100644,
      bytes: Buffer.from(script.text, "utf8"),
    })),
  ]);
}

function packedName(index: number): string {
  return String(index).padStart(6, "0");
}

function emulatorArguments(files: {
  kernel: string;
  initramfs: string;
  disk: string;
  log: string;
}): string[] {
  return [
    ...MACHINE,
    "-kernel",
    files.kernel,
    "-initrd",
    files.initramfs,
    "-append",
    KERNEL_ARGUMENTS,
    "-serial",
    `file:${files.log}`,
    "-serial",
    "stdio",
    "-drive",
    `file=${files.disk},if=none,id=disk,format=raw,cache=unsafe`,
    "-device",
    "nvme,drive=disk,serial=pagewalk",
  ];
}

/** The command line without this machine's paths, for the record. */
function recordedCommandLine(args: readonly string[]): string {
  const short = args.map((arg) => arg.replace(/^(file[:=])?\/.*\/([^/,]+)/, "$1$2"));
  return ["qemu-system-x86_64", ...short.map((arg) => (arg.includes(" ") ? `"${arg}"` : arg))].join(" ");
}

async function boot(
  emulator: string,
  args: readonly string[],
  scripts: readonly KernelScript[],
  onTranscript: OnTranscript = () => {},
): Promise<KernelRun> {
  const reader = createFrameReader();
  const named = new Map(scripts.map((script, index) => [packedName(index), script.name]));
  const transcripts: KernelRun["transcripts"][number][] = [];
  const machine = spawn(emulator, args, { stdio: ["ignore", "pipe", "pipe"] });
  let complaint = "";
  machine.stderr.setEncoding("utf8").on("data", (piece: string) => {
    complaint += piece;
  });
  let timer = setTimeout(() => machine.kill("SIGKILL"), BOOT_TIMEOUT_MS);
  machine.stdout.setEncoding("utf8").on("data", (piece: string) => {
    clearTimeout(timer);
    timer = setTimeout(() => machine.kill("SIGKILL"), SCRIPT_TIMEOUT_MS);
    readFrames(reader, piece, (transcript) => {
      const whole = {
        ...transcript,
        name: named.get(transcript.name)!,
        errors: renamed(transcript.errors, transcript.name, named),
      };
      transcripts.push(whole);
      onTranscript(whole);
    });
  });
  await new Promise<void>((resolve, reject) => {
    machine.once("error", reject);
    machine.once("close", () => resolve());
  });
  clearTimeout(timer);
  if (transcripts.length < scripts.length) {
    const where =
      reader.unfinished === "" ? "before the first script" : `while running ${named.get(reader.unfinished)}`;
    throw new Error(
      `the virtual machine stopped ${where}. ${lastLine(complaint) || lastLine(readLog(args))}`.trim(),
    );
  }
  return { release: reader.release, commandLine: recordedCommandLine(args), transcripts, skipped: [] };
}

/** Error lines begin with the packed name; they get the script's own. */
function renamed(errors: readonly string[], packed: string, named: ReadonlyMap<string, string>): string[] {
  return errors.map((line) =>
    line.startsWith(`${packed}:`) ? named.get(packed)! + line.slice(packed.length) : line,
  );
}

function readLog(args: readonly string[]): string {
  try {
    return readFileSync(args[args.indexOf("-serial") + 1]!.slice("file:".length), "utf8");
  } catch {
    return "";
  }
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)!.trim();
}
