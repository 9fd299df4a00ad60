/**
 * Debian's Linux 6.12 in QEMU, by software emulation: one boot runs any number of scripts and takes a few seconds. The initramfs holds the
 * controller as /init, the stub and the scripts; kernel messages go to the first serial line, transcripts to the second.
 * Linux: Documentation/admin-guide/kernel-parameters.rst (6.12)
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { collectTranscripts, numberedName } from "./collect.ts";
import { type ArchiveEntry, writeArchive } from "./cpio.ts";
import { makeDisk, makeEmptyDisk } from "./disk.ts";
import {
  DEFAULT_MACHINE,
  type KernelMachine,
  type KernelRun,
  type KernelScript,
  type OnTranscript,
} from "./kernel-run.ts";
import { fullKernelWords, kernelOf, moduleFiles } from "./modules.ts";
import {
  buildRunner,
  cacheDirectory,
  type Found,
  findProgram,
  type Runner,
  scratchDirectory,
} from "./tools.ts";

/** A boot without a script; software emulation on a busy machine. */
const BOOT_TIMEOUT_MS = 240_000;
/** How often a machine is booted that does not come up. */
const MOST_BOOTS = 3;
/** The longest a script may take. */
const SCRIPT_TIMEOUT_MS = 240_000;

const MEBIBYTE = 1024 * 1024;
const SWAP_DISK_BYTES = 1024 * MEBIBYTE;
/** A `swap` statement whose area is on a disk. */
const DISK_AREA = /^[ \t]*swap[ \t]+(\d+)([KMG]?)(?![^#\n]*[ \t]zram\b)/gm;
/** What a letter behind a size says (docs/script.md, 2). */
const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1024, M: MEBIBYTE, G: 1024 * MEBIBYTE };

/** An NVMe disk: built into the kernel, but QEMU 7.2 loses an interrupt of it now and then, and the kernel waits until a time-out. */
const NVME = { model: "nvme", options: "", words: " nvme_core.io_timeout=1" };
/**
 * A virtio disk loses none; it takes about as many requests at a time as an NVMe disk. Its driver is a module. The word keeps a thread that
 * tests ciphers from taking half of the processor for some seconds.
 */
const VIRTIO = { model: "virtio-blk-pci", options: ",queue-size=1024", words: " cryptomgr.notests" };

/** Beside such disks the processor's time is counted in instructions, 2 ns each, whatever else this machine does meanwhile. */
const INSTRUCTION_TIME = "shift=1";

const KERNEL_ARGUMENTS = "console=ttyS0 quiet panic=-1 transparent_hugepage=never";

/** What a boot needs. */
export interface Guest {
  readonly emulator: string;
  readonly kernel: string;
  /** The driver of virtio disks, or undefined. */
  readonly driver: string | undefined;
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
  return runner.missing === undefined
    ? { value: { emulator, kernel, driver: findDriver(kernel), runner: runner.value } }
    : runner;
}

/** $PAGEWALK_KERNEL, or the newest kernel that fetch-kernel.sh has put into the cache. */
function findKernel(): string | undefined {
  const chosen = process.env.PAGEWALK_KERNEL;
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

/** The driver of virtio disks that fetch-kernel.sh has put beside the kernel. */
function findDriver(kernel: string): string | undefined {
  const file = path.join(
    path.dirname(kernel),
    `virtio_blk-${path.basename(kernel).replace(/^vmlinuz-/, "")}.ko.xz`,
  );
  return existsSync(file) ? file : undefined;
}

/** The disks of the scripts' machine: what scripts of memory pressure do depends on time, so theirs must not lose any. */
function disksOf(guest: Guest, scripts: readonly KernelScript[]): typeof NVME {
  const pressure = scripts[0]!.machine?.pressure;
  // The full kernel has no driver of its own here.
  const isTimed = pressure !== undefined && pressure.zswap !== true;
  return isTimed && guest.driver !== undefined ? VIRTIO : NVME;
}

/**
 * Boots once for every machine that the scripts ask for, and runs them. Throws an Error with one line when a machine dies. Transcripts are in
 * the order of the scripts.
 */
export async function runInGuest(
  guest: Guest,
  scripts: readonly KernelScript[],
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const machines = new Map<string, KernelScript[]>();
  for (const script of scripts) {
    const key = JSON.stringify(script.machine ?? DEFAULT_MACHINE);
    machines.set(key, [...(machines.get(key) ?? []), script]);
  }
  const runs: KernelRun[] = [];
  for (const group of machines.values())
    runs.push(
      await runOneBoot(
        guest,
        group,
        { initramfs: packInitramfs(guest, group), disks: disksOf(guest, group) },
        onTranscript,
      ),
    );
  const found = new Map(
    runs.flatMap((run) => run.transcripts).map((transcript) => [transcript.name, transcript]),
  );
  return {
    release: runs[0]?.release ?? "",
    commandLines: runs.flatMap((run) => run.commandLines),
    transcripts: scripts.map((script) => found.get(script.name)!),
    skipped: [],
  };
}

/**
 * Boots with an initramfs of the caller's, whose /init prints one transcript as the controller would. `script` has its name, its machine,
 * and a `swap` line for every area that is wanted. Where the kernel has a driver of virtio disks (`driverEntry`), its disks are such.
 */
export async function runArchiveInGuest(
  guest: Guest,
  script: KernelScript,
  archive: Uint8Array,
): Promise<KernelRun> {
  return runOneBoot(guest, [script], { initramfs: archive, disks: disksOf(guest, [script]) });
}

/** What an initramfs has besides for a machine with virtio disks: their driver, which /init loads. */
export function driverEntry({ driver }: Guest): ArchiveEntry[] {
  return driver === undefined
    ? []
    : [{ path: "virtio_blk.ko.xz", mode: 0o100644, bytes: readFileSync(driver) }];
}

/** What a boot is given besides the scripts' machine. */
interface Equipment {
  readonly initramfs: Uint8Array;
  readonly disks: typeof NVME;
}

/** Boots, runs scripts that all want the same machine, powers off. */
async function runOneBoot(
  guest: Guest,
  scripts: readonly KernelScript[],
  { initramfs, disks }: Equipment,
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const scratch = scratchDirectory();
  try {
    const disk = makeDisk(path.join(scratch, "disk"), "guest");
    if (disk.missing !== undefined) throw new Error(disk.missing);
    const files = {
      initramfs: path.join(scratch, "initramfs"),
      disk: disk.value,
      log: path.join(scratch, "log"),
    };
    writeFileSync(files.initramfs, initramfs);
    const swaps = makeSwapDisks(scratch, scripts);
    const machine = scripts[0]!.machine ?? DEFAULT_MACHINE;
    const args = emulatorArguments(machine, { kernel: guest.kernel, ...files }, swaps, disks);
    return await boot(guest.emulator, args, scripts, onTranscript);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Scripts are packed under numbers: their names may be paths. */
function packInitramfs(guest: Guest, scripts: readonly KernelScript[]): Uint8Array {
  const { runner } = guest;
  return writeArchive([
    ...(disksOf(guest, scripts) === VIRTIO ? driverEntry(guest) : []),
    { path: "init", mode: 0o100755, bytes: readFileSync(runner.controller) },
    { path: "stub.elf", mode: 0o100755, bytes: readFileSync(runner.stub) },
    ...moduleFiles(scripts),
    { path: "scripts", mode: 0o040755 },
    ...scripts.map((script, index) => ({
      path: `scripts/${numberedName(index)}`,
      mode: 0o100644,
      bytes: Buffer.from(script.text, "utf8"),
    })),
  ]);
}

/** Empty disks for as many areas as the script with the most of them swaps on, 1 GiB each; what areas use of them is written before. */
function makeSwapDisks(scratch: string, scripts: readonly KernelScript[]): string[] {
  const areas = scripts.map((script) => [...script.text.matchAll(DISK_AREA)]);
  const bytes = areas.flat().map(([, count, unit]) => Number(count) * UNITS[unit!]!);
  const writtenBytes = Math.min(SWAP_DISK_BYTES, Math.max(0, ...bytes));
  return Array.from({ length: Math.max(...areas.map((each) => each.length)) }, (_, index) => {
    const file = path.join(scratch, `swap${index + 1}`);
    makeEmptyDisk(file, SWAP_DISK_BYTES, writtenBytes);
    return file;
  });
}

/** The words of the kernel's command line for memory pressure; the controller looks for the first ones. */
function pressureWords(machine: KernelMachine, disks: typeof NVME): string {
  if (machine.pressure === undefined) return "";
  const policy = machine.pressure.policy === "mglru" ? " pagewalk.mglru" : "";
  const delay = ` pagewalk.delay=${machine.pressure.delayMs ?? 0}`;
  const clock = machine.pressure.hasClock === true ? " pagewalk.clock" : "";
  return ` pagewalk.pressure${policy}${delay}${clock}${disks.words}`;
}

/** The emulator's arguments. Without cx16, because QEMU 7.2 emulates it wrongly now and then. */
function emulatorArguments(
  machine: KernelMachine,
  files: { kernel: string; initramfs: string; disk: string; log: string },
  swaps: readonly string[],
  disks: typeof NVME,
): string[] {
  const words = `${machine.levels === 4 ? " no5lvl" : ""}${pressureWords(machine, disks)}`;
  const iops = machine.pressure?.swapIops ?? 0;
  const text =
    `-machine q35,accel=tcg -cpu max,-cx16 -smp ${machine.cpus} -m ${machine.memoryBytes / MEBIBYTE} ` +
    `-nodefaults -display none -no-reboot -device ${disks.model},drive=disk,serial=pagewalk${disks.options}`;
  return [
    ...text.split(" "),
    ...(disks === VIRTIO ? ["-icount", INSTRUCTION_TIME] : []),
    ...["-drive", `file=${files.disk},if=none,id=disk,format=raw,cache=unsafe`],
    ...swaps.flatMap((file, index) => [
      ...["-device", `${disks.model},drive=swap${index},serial=swap${index}${disks.options}`, "-drive"],
      `file=${file},if=none,id=swap${index},format=raw,cache=unsafe${iops > 0 ? `,iops=${iops}` : ""}`,
    ]),
    ...["-serial", `file:${files.log}`, "-serial", "stdio"],
    ...["-kernel", kernelOf(machine, files.kernel), "-initrd", files.initramfs],
    ...["-append", `${KERNEL_ARGUMENTS}${words}${fullKernelWords(machine)}`],
  ];
}

/** The command line without this machine's paths, for the record. */
function recordedCommandLine(args: readonly string[]): string {
  const short = args.map((arg) => arg.replace(/^(file[:=])?\/.*\/([^/,]+)/, "$1$2"));
  return ["qemu-system-x86_64", ...short.map((arg) => (arg.includes(" ") ? `"${arg}"` : arg))].join(" ");
}

/**
 * Runs the machine to its end. A kernel that dies before the first script is booted again: under software emulation on a busy machine one
 * boot in some hundred does. Throws an Error with one line when it dies later, or again and again.
 */
async function boot(
  emulator: string,
  args: readonly string[],
  scripts: readonly KernelScript[],
  onTranscript?: OnTranscript,
): Promise<KernelRun> {
  const command = { program: emulator, args, startMs: BOOT_TIMEOUT_MS, scriptMs: SCRIPT_TIMEOUT_MS };
  let run = await collectTranscripts(command, scripts, onTranscript);
  for (let boots = 1; boots < MOST_BOOTS && run.stoppedWhile !== "" && run.release === ""; boots++) {
    run = await collectTranscripts(command, scripts, onTranscript);
  }
  if (run.stoppedWhile !== "") {
    const reason = lastLine(run.complaint) || deathOf(readLog(args));
    throw new Error(`the virtual machine stopped ${run.stoppedWhile}: ${reason}`);
  }
  return {
    release: run.release,
    commandLines: [recordedCommandLine(args)],
    transcripts: run.transcripts,
    skipped: [],
  };
}

function readLog(args: readonly string[]): string {
  try {
    return readFileSync(args[args.indexOf("-serial") + 1]!.slice("file:".length), "utf8");
  } catch {
    return "";
  }
}

/** What a kernel's messages say about its end. */
function deathOf(log: string): string {
  return /Kernel panic.*/.exec(log)?.[0].trim() ?? lastLine(log);
}

function lastLine(text: string): string {
  return text.trim().split("\n").at(-1)!.trim();
}
