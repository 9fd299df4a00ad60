/**
 * Runs cases on Pagewalk, one after the other, in a process that may be lost: prints a line of JSON for each, {name, transcripts} or
 * {name, problem}.
 * Doc: docs/fidelity.md
 */
import { readFileSync } from "node:fs";
import path from "node:path";
import { boot, type Kernel, type MachineInput } from "../../src/core/index.ts";
import { compressPage } from "../../src/hosts/cli/compressor.ts";
import { formatScriptError, type Script } from "../../src/programs/script/ast.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";
import { FOLDER, type FidelityCase, readCases } from "./cases.ts";
import { predictProgram } from "./program.ts";

const LRU_GEN = "/sys/kernel/mm/lru_gen/enabled";
/** All of MGLRU's parts: what Debian's kernel starts with. */
const LRU_GEN_ALL = 7;

const PAGE_BYTES = 4096;

/** How fast the machine is that a case was recorded on. */
interface Speed {
  readonly faultNs: number;
  readonly readNs: number;
  readonly writeNs: number;
  readonly requestNs: number;
  readonly pageNs: number;
  readonly writePageNs?: number;
  readonly fileByteNs: number;
  /** The processor's TLB, where that is known. */
  readonly tlb?: MachineInput["tlb"];
}

/** Time of an anonymous write fault here, measured as on the recording machines. */
function modelFaultNs(): number {
  const text = "a = mmap(NULL, 16M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\nscan store a 16M\n";
  const k = boot({ name: "speed", cpus: 1, sizeBytes: 2 ** 27, levels: 4 });
  const times: number[] = [];
  runScript(k, readScript(text, "speed.pw").script, () => times.push(k.clock.ns[0]!));
  return (times.at(-1)! - times.at(-2)!) / 4096;
}

const FAULT_NS = modelFaultNs();
const SPEEDS = JSON.parse(readFileSync(path.join(FOLDER, "calibration.json"), "utf8")) as Record<string, Speed>;

/** What a case was recorded on (golden/fidelity/PROVENANCE.md). */
function instrumentOf({ machine, program, hasGroup, name }: FidelityCase): string {
  if (machine.kernel !== "6.12") return machine.kernel;
  if (machine.zswap === true || program !== undefined || name.startsWith("psi-")) return "6.12 on NVMe";
  return hasGroup ? "6.12" : "6.12 of whole machines";
}

/** The processor and the disks of the machine a case was recorded on: the processor by what a fault takes there and here. */
function speedOf(fidelityCase: FidelityCase): Pick<MachineInput, "cpuSlowdown" | "disks" | "tlb"> {
  const { machine } = fidelityCase;
  const { faultNs, readNs, writeNs, requestNs, pageNs, writePageNs = pageNs, fileByteNs, tlb } = SPEEDS[instrumentOf(fidelityCase)]!;
  return {
    tlb,
    cpuSlowdown: faultNs / FAULT_NS,
    disks: [
      { name: "nvme0n1", readNs, writeNs, bytesPerSecond: Math.round(1e9 / fileByteNs) },
      {
        name: "nvme1n1",
        readNs,
        writeNs,
        // A throttled disk gives every request its turn.
        requestNs: machine.swapIops > 0 ? 1e9 / machine.swapIops : requestNs,
        bytesPerSecond: Math.round((PAGE_BYTES * 1e9) / pageNs),
        writeBytesPerSecond: Math.round((PAGE_BYTES * 1e9) / writePageNs),
      },
    ],
  };
}

/**
 * QEMU's TLB, where no hardware helps it: one place for each page number modulo its size, 8 for what was displaced last (CPU_VTLB_SIZE), and
 * no tags. It begins with 256 places and doubles them while more than 70 % are used between two times that it forgets all (tlb_mmu_resize_locked).
 * It does that whenever the stub of a script stops, which is after some 64 pages; a program fills it.
 */
function tlbOf({ machine, program }: FidelityCase): Pick<MachineInput, "tlb" | "config"> {
  if (machine.kernel !== "6.12") return {};
  const sets = program === undefined ? 256 : 4096;
  const tlb = { l1d4k: { sets, ways: 1 }, l1i4k: { sets, ways: 1 }, l2: { sets: 1, ways: 8 } };
  return { tlb, config: { pcid: false } };
}

/** Memory as a case of the whole machine finds it. */
function wholeMachine(): Pick<MachineInput, "e820" | "reserved" | "held" | "init" | "knobs"> {
  const { e820, reserved, held, init, knobs } = JSON.parse(readFileSync(path.join(FOLDER, "machine-256m.json"), "utf8")) as MachineInput;
  return { e820, reserved, held, init, knobs };
}

/** zswap, where the case has it. */
function machineWithZswap({ machine }: FidelityCase): Pick<MachineInput, "config" | "knobs"> {
  if (machine.zswap !== true) return {};
  return { config: { zswap: "lz4" }, knobs: { "/sys/module/zswap/parameters/enabled": 1 } };
}

/** The simulated machine of a case; MGLRU is one tunable more, which a classic machine needs only if there is one. */
function bootMachine(fidelityCase: FidelityCase, seed: number): Kernel {
  const { machine, hasGroup } = fidelityCase;
  const { cpus, memoryBytes, levels, policy } = machine;
  const zswap = machineWithZswap(fidelityCase);
  const memory: MachineInput = hasGroup ? { sizeBytes: memoryBytes } : wholeMachine();
  const tlb = tlbOf(fidelityCase);
  const config = { ...tlb.config, ...zswap.config };
  const input: MachineInput = { name: "fidelity", cpus, levels, seed, ...speedOf(fidelityCase), ...memory, ...tlb, config };
  const knobs = { ...memory.knobs, ...zswap.knobs };
  if (policy === "mglru") return boot({ ...input, knobs: { ...knobs, [LRU_GEN]: LRU_GEN_ALL } }, compressPage);
  try {
    return boot({ ...input, knobs: { ...knobs, [LRU_GEN]: 0 } }, compressPage);
  } catch (error) {
    if (error instanceof RangeError) return boot(input, compressPage);
    throw error;
  }
}

/** Files of cgroup v1 and what has the same effect in v2; the swappiness of a single group is the machine's. */
function asVersion2(script: string): string {
  return script.replace(/^cgroup (\S+) memory\.limit_in_bytes=(\S+)(?: memory\.swappiness=(\d+))?$/gm, (_, group, limit, swappiness) => {
    const line = `cgroup ${group} memory.max=${limit}`;
    return swappiness === undefined ? line : `sysctl vm.swappiness = ${swappiness}\n${line}`;
  });
}

/** Seeds of a case whose runs do not say when statistics were added up: what is chance on a real machine differs between them. */
const SEEDS = [1, 2, 3];

/** What a prediction begins with: a seed, and when the statistics of cgroups are added up, if a run says so. */
interface Start {
  readonly seed: number;
  /** From the first pattern on. */
  readonly flushNs?: number;
}

/** What a case gives here: a transcript for each start, or why there is none. */
interface Prediction {
  readonly transcripts?: readonly string[];
  readonly problem?: string;
}

/**
 * A start for each run: when the kernel adds its statistics up is chance, as it depends on when the machine was booted, and decides much;
 * so each prediction begins where the run began.
 */
function startsOf({ runs }: FidelityCase): Start[] {
  const starts = runs.map(({ clock }, i): Start => ({ seed: i + 1, ...(clock === undefined ? {} : { flushNs: clock.flushSeconds * 1e9 }) }));
  return starts.every(({ flushNs }) => flushNs !== undefined) ? starts : SEEDS.map((seed) => ({ seed }));
}

function predict(fidelityCase: FidelityCase): Prediction {
  const transcripts: string[] = [];
  for (const start of startsOf(fidelityCase)) {
    const { transcript, problem } = predictOnce(fidelityCase, start);
    if (transcript === undefined) return { problem: problem! };
    transcripts.push(transcript);
  }
  return { transcripts };
}

/** A script's lines before the first pattern after which no file is made. */
function preparation(script: Script): Script {
  const { statements } = script;
  const files = statements.findLastIndex(({ action: { kind } }) => kind === "file") + 1;
  const first = statements.slice(files).findIndex(({ action: { kind } }) => kind === "pattern" || kind === "together");
  return { ...script, statements: statements.slice(0, files + first) };
}

/** When the first pattern begins, which is when a run's clock does. */
function beginNs(fidelityCase: FidelityCase, script: Script, seed: number): number {
  const k = bootMachine(fidelityCase, seed);
  runScript(k, preparation(script), () => {});
  return k.clock.ns[0]!;
}

function seconds(ns: number): string {
  return (ns / 1e9).toFixed(6);
}

/** The transcript of one run with its clock; the error that stopped it is its last line. */
function predictOnce(fidelityCase: FidelityCase, start: Start): { transcript?: string; problem?: string } {
  if (fidelityCase.program !== undefined) {
    const transcript = predictProgram(bootMachine(fidelityCase, start.seed), fidelityCase.program);
    return transcript === undefined ? { problem: "the recording did not come to its end" } : { transcript };
  }
  const { script, errors } = readScript(asVersion2(fidelityCase.script), "script.pw");
  if (errors.length > 0) return { problem: formatScriptError(errors[0]!) };
  const lines: string[] = [];
  const k = bootMachine(fidelityCase, start.seed);
  const begin = beginNs(fidelityCase, script, start.seed);
  if (start.flushNs !== undefined) k.lruvec.nextFlushNs[0] = begin + start.flushNs;
  const flushNs = k.lruvec.nextFlushNs[0]! - begin;
  const error = runScript(k, script, (line) => lines.push(line));
  if (error !== undefined) return { problem: formatScriptError(error) };
  lines.push(`@@ clock ${seconds(k.clock.ns[0]! - begin)} flushed ${seconds(flushNs)}`);
  const refused = lines.find((line) => /^(swap|cgroup|enter|sysctl|file) .* = -1 /.test(line));
  return refused === undefined ? { transcript: lines.map((line) => `${line}\n`).join("") } : { problem: refused };
}

const cases = new Map(readCases().map((each) => [each.name, each]));
for (const name of process.argv.slice(2)) {
  let answer: Prediction;
  try {
    answer = predict(cases.get(name)!);
  } catch (error) {
    answer = { problem: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify({ name, ...answer })}\n`);
}
