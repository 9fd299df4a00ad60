/**
 * The model's side of the bench: a machine with one process, and the operations of tools/bench/kernel-bench.c done to
 * it through the same system calls. Times are wall time, in nanoseconds a page.
 */
import {
  ACCESS_LOAD,
  ACCESS_STORE,
  type AccessRuns,
  boot,
  createMm,
  createTask,
  findTask,
  type Kernel,
  pickMmapLayout,
  runAccesses,
  syscall,
  type Task,
} from "../../core/index.ts";
import { emptyRuns, setRun } from "./bench-runs.ts";
import { generator, zipfPages } from "./bench-zipf.ts";

const PAGE = 4096;
const CHUNK = 65536;
const SYS_MMAP = 9;
const SYS_MUNMAP = 11;
const SYS_FORK = 57;
const SYS_EXIT_GROUP = 231;
const SYS_WAIT4 = 61;
const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const MAP_POPULATE = 0x8000;
const ZIPF_PAGES = 65536;
const ZIPF_ACCESSES = 1 << 20;
const HOT_PAGES = 48;

/** Nanoseconds a page. */
export interface BenchFigures {
  readonly fault: number;
  readonly populate: number;
  readonly cow: number;
  readonly fork: number;
  readonly munmap: number;
}

/** The machine, its process, and what is reused from round to round. */
export interface Bench {
  readonly k: Kernel;
  readonly task: Task;
  readonly pages: number;
  readonly runs: AccessRuns;
}

/** A machine as large as most that would do this, with one process on it; `mib` MiB is what an operation is done to. */
export function createBench(mib: number): Bench {
  const k = boot({ name: "bench", sizeBytes: 16 * 2 ** 30, cpus: 2 });
  const mm = createMm(k);
  pickMmapLayout(k, mm, false);
  return { k, task: createTask(k, { comm: "bench", mm }), pages: mib * 256, runs: emptyRuns(mib * 256) };
}

/** One round of everything. */
export function modelRound(bench: Bench): BenchFigures {
  const { k, task, pages } = bench;
  const bytes = pages * PAGE;
  let addr = call(k, task, SYS_MMAP, [0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0]);
  const stores = storeRuns(bench, addr);
  const fault = perPage(pages, () => touch(bench, stores));
  let pid = 0;
  const fork = perPage(pages, () => {
    pid = call(k, task, SYS_FORK, []);
  });
  const cow = perPage(pages, () => touch(bench, stores));
  const child = findTask(k, pid);
  syscall(k, child, SYS_EXIT_GROUP, [0]);
  call(k, task, SYS_WAIT4, [pid, 0, 0, 0]);
  const munmap = perPage(pages, () => call(k, task, SYS_MUNMAP, [addr, bytes]));
  const populate = perPage(pages, () => {
    addr = call(k, task, SYS_MMAP, [0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS | MAP_POPULATE, -1, 0]);
  });
  call(k, task, SYS_MUNMAP, [addr, bytes]);
  return { fault, populate, cow, fork, munmap };
}

/** Accesses to a few pages that the first TLB level holds, half of them stores. */
export function hotRuns(bench: Bench): AccessRuns {
  const first = mapPopulated(bench, HOT_PAGES) / PAGE;
  return fillRuns(ZIPF_ACCESSES, (i) => first + ((i * 7) % HOT_PAGES));
}

/** Accesses to ZIPF_PAGES pages, the page of rank r with weight r^-0.9, ranks scattered over the range. */
export function zipfRuns(bench: Bench): AccessRuns {
  const first = mapPopulated(bench, ZIPF_PAGES) / PAGE;
  const nextPage = zipfPages(generator(12345), ZIPF_PAGES);
  return fillRuns(ZIPF_ACCESSES, () => first + nextPage());
}

/** Plays the runs in chunks; millions of accesses a second. */
export function replayRate(bench: Bench, runs: AccessRuns): number {
  const start = performance.now();
  for (let pass = 0; pass < 4; pass++) {
    for (let at = 0; at < ZIPF_ACCESSES; at += CHUNK) play(bench, runs, at, at + CHUNK);
  }
  return (4 * ZIPF_ACCESSES) / ((performance.now() - start) * 1e3);
}

function perPage(pages: number, action: () => unknown): number {
  const start = performance.now();
  action();
  return ((performance.now() - start) * 1e6) / pages;
}

/** Runs that store once to each page from `addr` on, made before the clock starts: they stand for the program. */
function storeRuns(bench: Bench, addr: number): AccessRuns {
  const { runs, pages } = bench;
  for (let page = 0; page < pages; page++) setRun(runs, page, addr / PAGE + page, ACCESS_STORE);
  return runs;
}

/** Plays them. */
function touch(bench: Bench, runs: AccessRuns): void {
  for (let at = 0; at < bench.pages; at += CHUNK) play(bench, runs, at, Math.min(at + CHUNK, bench.pages));
}

function play(bench: Bench, runs: AccessRuns, from: number, to: number): void {
  if (runAccesses(bench.k, bench.task, runs, from, to) !== to)
    throw new Error(`the bench's access failed: ${runs.outcome[0]}`);
}

function mapPopulated(bench: Bench, pages: number): number {
  return call(bench.k, bench.task, SYS_MMAP, [
    0,
    pages * PAGE,
    PROT_READ_WRITE,
    MAP_PRIVATE_ANONYMOUS | MAP_POPULATE,
    -1,
    0,
  ]);
}

function call(k: Kernel, task: Task, nr: number, args: number[]): number {
  const result = syscall(k, task, nr, args);
  if (result < 0) throw new Error(`the bench's system call ${nr} failed: ${result}`);
  return result;
}

function fillRuns(length: number, vpnOf: (i: number) => number): AccessRuns {
  const runs = emptyRuns(length);
  for (let i = 0; i < length; i++) setRun(runs, i, vpnOf(i), i & 1 ? ACCESS_STORE : ACCESS_LOAD);
  return runs;
}
