/**
 * The bench's swapping replay: 256 MiB in a cgroup of 192 MiB, every page stored to once, then 1,000,000 zipf(0.9)
 * accesses, three in ten of them stores; what does not fit is in swap. Some 63,700 of the accesses are major faults.
 *
 *   kernel   tools/bench/swap-replay.c: memory cgroup of version 1, a swap file; needs root
 *   model    a fresh process a sample, because a user's run begins with code that was never run, too
 *
 * Both replay the same list of accesses. Setting up (the list, the machine, the swap area) is not timed on either side.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import os from "node:os";
import {
  ACCESS_LOAD,
  ACCESS_STORE,
  type AccessRuns,
  BLOCKED,
  boot,
  createMm,
  createTask,
  type Kernel,
  pickMmapLayout,
  runAccesses,
  SWAP_UNKNOWN_CONTENTS,
  syscall,
  type Task,
} from "../../core/index.ts";
import { drive, type Program, TURN_BLOCKED, TURN_ENDED, TURN_OVER } from "../../programs/driver.ts";
import { enterCgroup, makeSwap, setCgroup } from "../../programs/script/pressure.ts";
import { emptyRuns, median, setRun } from "./bench-runs.ts";
import { generator, zipfPages } from "./bench-zipf.ts";

const PAGE = 4096;
const MIB = 2 ** 20;
const PAGES = 65536;
const LIMIT_MIB = 192;
const ACCESSES = 1_000_000;
const STORES = 0.3;
const CHUNK = 65536;
const SYS_MMAP = 9;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const GROUP = "bench";
/** Samples of each side. */
const ROUNDS = 5;
/** Where a file that is swapped to can lie: not on tmpfs, which /tmp may be. */
const SWAP_FOLDER = "/var/tmp";

/** Which parts of MGLRU are on: the model has those on that this machine's kernel has, so that both do the same work. */
const LRU_GEN = "/sys/kernel/mm/lru_gen/enabled";

/** Hidden argument of the bench: take one sample of the model in this process and print it. */
export const SAMPLE_OPTION = "--swapping-sample";

/** One replay. */
interface Sample {
  readonly ms: number;
  readonly majors: number;
}

/** What was measured; the kernel's side is null when it was skipped, and `skipped` says why. Medians. */
export interface SwappingFigure {
  readonly name: string;
  readonly unit: "ms";
  readonly model: number;
  readonly kernel: number | null;
  readonly ratio: number | null;
  readonly target: number;
  readonly modelMajors: number;
  readonly kernelMajors: number | null;
  readonly skipped: string | null;
}

/** Times the kernel's speed that the model promises. */
const TARGET = 25;

/** Measures both sides in turns. `program` is the C program, built, or why there is none. */
export function measureSwapping(
  program: { readonly file: string } | { readonly skipped: string },
): SwappingFigure {
  const accesses = swappingAccesses();
  const model: Sample[] = [];
  const kernel: Sample[] = [];
  let skipped = "skipped" in program ? program.skipped : null;
  for (let round = 0; round < ROUNDS; round++) {
    if ("file" in program && skipped === null) {
      const taken = kernelSample(program.file, accesses);
      if (typeof taken === "string") skipped = taken;
      else if (taken !== undefined) kernel.push(taken);
    }
    model.push(freshSample());
  }
  if (skipped === null && kernel.length === 0) skipped = "the kernel killed every run for want of memory";
  const modelMs = median(model.map(({ ms }) => ms));
  const kernelMs = skipped === null ? median(kernel.map(({ ms }) => ms)) : null;
  return {
    name: "swapping",
    unit: "ms",
    model: modelMs,
    kernel: kernelMs,
    ratio: kernelMs === null ? null : kernelMs / modelMs,
    target: TARGET,
    modelMajors: median(model.map(({ majors }) => majors)),
    kernelMajors: skipped === null ? median(kernel.map(({ majors }) => majors)) : null,
    skipped,
  };
}

/** One replay of the model in this process. */
export function takeSample(): Sample {
  const accesses = swappingAccesses();
  const k = boot({ name: "bench", sizeBytes: 2 ** 31, cpus: 2, knobs: { [LRU_GEN]: kernelsLruGen() } });
  // The accesses store values that nobody knows, so no page may be taken for one of zeros.
  k.swap.state[SWAP_UNKNOWN_CONTENTS] = 1;
  const mm = createMm(k);
  pickMmapLayout(k, mm, false);
  const task = createTask(k, { comm: "bench", mm });
  need(makeSwap(k, { sizeBytes: 1024 * MIB, prio: -1, isZram: false, limitBytes: 0 }));
  need(setCgroup(k, GROUP, [{ file: "memory.max", value: LIMIT_MIB * MIB }]));
  need(enterCgroup(k, task, GROUP));
  const addr = need(
    syscall(k, task, SYS_MMAP, [0, PAGES * PAGE, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0]),
  );
  const runs = runsOf(accesses, addr / PAGE);
  const start = performance.now();
  drive(k, new Map([[task, replayer(runs)]]));
  return { ms: performance.now() - start, majors: k.task.majFlt[task]! };
}

function kernelsLruGen(): number {
  return existsSync(LRU_GEN) ? Number(readFileSync(LRU_GEN, "utf8")) || 0 : 0;
}

/** The list of accesses: page * 2, plus 1 for a store. */
function swappingAccesses(): Uint32Array {
  const random = generator(12345);
  const nextPage = zipfPages(random, PAGES);
  const accesses = new Uint32Array(PAGES + ACCESSES);
  for (let i = 0; i < accesses.length; i++)
    accesses[i] = i < PAGES ? i * 2 + 1 : nextPage() * 2 + (random() < STORES ? 1 : 0);
  return accesses;
}

/** The same for the model, beginning at a page. */
function runsOf(accesses: Uint32Array, first: number): AccessRuns {
  const runs = emptyRuns(accesses.length);
  accesses.forEach((word, i) => {
    setRun(runs, i, first + (word >>> 1), (word & 1) !== 0 ? ACCESS_STORE : ACCESS_LOAD);
  });
  return runs;
}

/** A program that plays the runs, in chunks. */
function replayer(runs: AccessRuns): Program {
  const { length } = runs.low;
  let at = 0;
  return {
    run(k: Kernel, task: Task, untilNs: number): number {
      while (at < length) {
        const end = Math.min(length, at + CHUNK);
        at = runAccesses(k, task, runs, at, end);
        const stopped = runs.outcome[0]!;
        if (stopped === BLOCKED) return TURN_BLOCKED;
        if (stopped !== 0) throw new Error(`the bench's access ${at} failed: ${stopped}`);
        if (at < length && k.clock.ns[0]! >= untilNs) return TURN_OVER;
      }
      return TURN_ENDED;
    },
  };
}

/** One replay of the model in a process of its own. */
function freshSample(): Sample {
  const command = [...process.execArgv, process.argv[1]!, "bench", SAMPLE_OPTION];
  return JSON.parse(execFileSync(process.execPath, command, { encoding: "utf8" })) as Sample;
}

/** One replay of the kernel, undefined when the kernel killed it, or why there can be none. */
function kernelSample(file: string, accesses: Uint32Array): Sample | string | undefined {
  const folder = existsSync(SWAP_FOLDER) ? SWAP_FOLDER : os.tmpdir();
  let text = "";
  try {
    text = execFileSync(file, [String(PAGES), String(LIMIT_MIB), folder], {
      input: Buffer.from(accesses.buffer),
      encoding: "utf8",
      stdio: ["pipe", "pipe", "ignore"],
    });
  } catch (error) {
    // With status 2 the reason is on standard output.
    if (error instanceof Error && "stdout" in error) text = String(error.stdout);
  }
  const [word, , ns, majors] = text.trim().split(" ");
  if (word === "killed") return undefined;
  if (word === "replay") return { ms: Number(ns) / 1e6, majors: Number(majors) };
  return text.startsWith("skipped ") ? text.trim().slice("skipped ".length) : "the C program failed";
}

function need(result: number): number {
  if (result < 0) throw new Error(`the bench could not set its machine up: ${result}`);
  return result;
}
