/**
 * The simulated machine as a script sees it: the stub is executed, calls and accesses are made by its tasks, files are
 * made and evicted, and what the kernel shows is read. Nothing here knows the language.
 * Doc: docs/script.md, sections 8 and 11
 */
import {
  ACCESS_FETCH,
  ADDR_NO_RANDOMIZE,
  access,
  BLOCKED,
  createInode,
  createTask,
  doExecve,
  filePages,
  findInode,
  findTask,
  type Inode,
  installFd,
  interruptMm,
  invalidatePages,
  isPresent,
  type Kernel,
  killTask,
  loadBytes,
  NONE,
  openFile,
  quiesceDisks,
  readElf,
  readFile,
  warmFile as readWholeFile,
  S_IFCHR,
  storeBytes,
  syscall,
  type Task,
  writeBackFile,
  writeFile,
} from "../../core/index.ts";
import { attempt } from "../driver.ts";
import { fnvBytes, fnvText, nextAccess, type Pattern } from "./patterns.ts";
import { stubElf } from "./stub-elf.ts";

/** Where scripts' files are, and the stub. */
const FOLDER = "/pw";
const STUB_PATH = "/pw/stub";
const O_RDWR = 2;
const PAGE = 4096;
const TEXT = 0x400000;
/** The first address that may be called `top`. */
const TOP_FLOOR = 0x700000000000;

/** A machine with the stub running on it. */
export interface Guest {
  readonly k: Kernel;
  readonly main: Task;
  readonly bases: {
    readonly text: number;
    readonly heap: number;
    readonly top: number;
    readonly stack: number;
  };
}

/** Bytes of the stub's memory. `isQuiet`: all disks come to rest after each page. */
export interface GuestRange {
  readonly address: number;
  readonly length: number;
  readonly isQuiet: boolean;
}

/** What an access came to: 0, a FAULT_* code and the address that caused it, or BLOCKED for ever; and what was done before. */
export interface AccessOutcome {
  code: number;
  address: number;
  /** Bytes, or accesses of a pattern. */
  done: number;
  /** FNV-1a of what was loaded. */
  hash: number;
}

/** Executes the stub on a booted machine, with these strings after argv[0]. Returns a message when it cannot be. */
export function createGuest(k: Kernel, strings: readonly string[]): Guest | string {
  const image = readElf(stubElf());
  if ("reason" in image) return `the stub is no program: ${image.reason}`;
  const inode = createInode(k, { path: STUB_PATH, sizeBytes: stubElf().length, mode: 0o100755 });
  if (inode < 0) return "no room for the stub's file";
  warmFile(k, inode);
  const main = createTask(k, { comm: "stub" });
  if (main < 0) return "no room for a task";
  const terminal = createInode(k, { path: "/dev/null", sizeBytes: 0, mode: S_IFCHR | 0o666 });
  for (let fd = 0; fd < 3; fd++) installFd(k, main, openFile(k, terminal, O_RDWR));
  const argv = ["stub", ...strings];
  const request = { path: STUB_PATH, inode, image, argv, envp: [], personality: ADDR_NO_RANDOMIZE };
  const failed = attempt(k, main, () => doExecve(k, main, request));
  if (failed < 0) return `the stub could not be executed (${failed})`;
  fetchText(k, main);
  return { k, main, bases: findBases(k, main) };
}

function fetchText(k: Kernel, task: Task): void {
  attempt(k, task, () => access(k, task, TEXT / PAGE, ACCESS_FETCH));
}

function findBases(k: Kernel, main: Task): Guest["bases"] {
  let top = 0;
  let stack = 0;
  for (const line of showText(k, main, "maps").split("\n")) {
    const match = /^([0-9a-f]+)-([0-9a-f]+) /.exec(line);
    if (match === null) continue;
    const start = Number.parseInt(match[1]!, 16);
    if (top === 0 && start >= TOP_FLOOR) top = start;
    if (line.endsWith("[stack]")) stack = Number.parseInt(match[2]!, 16);
  }
  return { text: TEXT, heap: k.mm.startBrk[k.task.mm[main]!]!, top, stack };
}

/** Makes a system call. Paths are taken from the scripts' folder. Returns its result, or BLOCKED when it waits for ever. */
export function callGuest(k: Kernel, task: Task, nr: number, args: readonly (number | string)[]): number {
  const placed = args.map((arg) =>
    typeof arg === "string" && !arg.startsWith("/") ? `${FOLDER}/${arg}` : arg,
  );
  return attempt(k, task, () => syscall(k, task, nr, placed));
}

/** The task that a fork or clone made; it has executed its first instruction. */
export function adoptTask(k: Kernel, pid: number): Task {
  const task = findTask(k, pid);
  fetchText(k, task);
  return task;
}

/** The task with this pid, or NONE. */
export function taskOf(k: Kernel, pid: number): Task {
  return findTask(k, pid);
}

/** Reads `length` bytes from `address`, into `head` as far as it reaches. */
export function loadGuest(
  k: Kernel,
  task: Task,
  range: GuestRange,
  head: Uint8Array,
  hash: number,
): AccessOutcome {
  const buffer = new Uint8Array(PAGE);
  return transfer(k, task, range, hash, (address, bytes, outcome) => {
    const piece = buffer.subarray(0, bytes);
    const done = loadBytes(k, task, address, piece);
    if (done <= 0) return done;
    outcome.hash = fnvBytes(outcome.hash, piece, done);
    for (let i = 0; i < done && outcome.done + i < head.length; i++) head[outcome.done + i] = piece[i]!;
    return done;
  });
}

/** Writes `length` bytes from `address`: byte i is byte i mod 4 of `value`. */
export function storeGuest(k: Kernel, task: Task, range: GuestRange, value: number): AccessOutcome {
  const buffer = new Uint8Array(PAGE);
  return transfer(k, task, range, 0, (address, bytes, outcome) => {
    for (let i = 0; i < bytes; i++) buffer[i] = value >>> (((outcome.done + i) & 3) * 8);
    return storeBytes(k, task, address, buffer.subarray(0, bytes));
  });
}

/** Fetches an instruction at `address` and at the start of each further page below `address + length`. */
export function fetchGuest(k: Kernel, task: Task, range: GuestRange): AccessOutcome {
  return transfer(k, task, range, 0, (address, bytes) => {
    const result = access(k, task, Math.floor(address / PAGE), ACCESS_FETCH);
    return result < 0 ? result : bytes;
  });
}

/** Page by page: `piece` returns the bytes it did, or a negative code. */
function transfer(
  k: Kernel,
  task: Task,
  range: GuestRange,
  hash: number,
  piece: (address: number, bytes: number, outcome: AccessOutcome) => number,
): AccessOutcome {
  const outcome: AccessOutcome = { code: 0, address: range.address, done: 0, hash };
  const result = attempt(k, task, () => {
    while (outcome.done < range.length) {
      outcome.address = range.address + outcome.done;
      const toPageEnd = PAGE - (outcome.address - Math.floor(outcome.address / PAGE) * PAGE);
      const done = piece(outcome.address, Math.min(toPageEnd, range.length - outcome.done), outcome);
      if (done === BLOCKED) return BLOCKED;
      if (done < 0) {
        outcome.code = done;
        return 0;
      }
      outcome.done += done;
      if (range.isQuiet) quiesceDisks(k);
    }
    return 0;
  });
  if (result < 0) outcome.code = result;
  return outcome;
}

/** Accesses after which a task stops and is started again, so that the others get their turns: tools/oracle/stub does them in such batches. */
export const BATCH_ACCESSES = 64;

/** A pattern that runs: where it is, what it came to so far, and whether an access of it waits for a disk. */
export interface RunningPattern {
  readonly pattern: Pattern;
  readonly outcome: AccessOutcome;
  readonly word: Uint8Array;
  isWaiting: boolean;
  /** Accesses after which it stops, to go on later. */
  stopAt: number;
}

/** A pattern at its start. */
export function startPattern(pattern: Pattern, hash: number): RunningPattern {
  return {
    pattern,
    outcome: { code: 0, address: 0, done: 0, hash },
    word: new Uint8Array(4),
    isWaiting: false,
    stopAt: Number.POSITIVE_INFINITY,
  };
}

/**
 * Goes on with a pattern until the CPU's clock reaches `untilNs`, or it has come to `stopAt`. Returns 0 (it goes on later), BLOCKED, or 1: it is at
 * its end or got a signal, which is in its outcome. `isQuiet`: all disks come to rest after each access.
 */
export function continuePattern(
  k: Kernel,
  task: Task,
  running: RunningPattern,
  untilNs: number,
  isQuiet: boolean,
): number {
  const { pattern, outcome, word } = running;
  while (running.isWaiting || nextAccess(pattern)) {
    running.isWaiting = false;
    outcome.address = pattern.address;
    const result = accessWord(k, task, pattern, word);
    if (result === BLOCKED) {
      running.isWaiting = true;
      return BLOCKED;
    }
    if (result < 0) {
      outcome.code = result;
      return 1;
    }
    if (pattern.op === "load") outcome.hash = fnvBytes(outcome.hash, word, 4);
    outcome.done++;
    if (isQuiet) quiesceDisks(k);
    if (outcome.done % BATCH_ACCESSES === 0) interruptMm(k, k.boot[2]!);
    if (k.clock.ns[0]! >= untilNs || outcome.done === running.stopAt) return 0;
  }
  return 1;
}

/** Runs a pattern to its end or its first signal. */
export function runPattern(
  k: Kernel,
  task: Task,
  pattern: Pattern,
  hash: number,
  isQuiet: boolean,
): AccessOutcome {
  const running = startPattern(pattern, hash);
  const go = (): number => continuePattern(k, task, running, Number.POSITIVE_INFINITY, isQuiet);
  const result = attempt(k, task, go);
  if (result < 0) running.outcome.code = result;
  return running.outcome;
}

function accessWord(k: Kernel, task: Task, pattern: Pattern, word: Uint8Array): number {
  const { address, index } = pattern;
  if (pattern.op === "load") return loadBytes(k, task, address, word);
  if (pattern.op === "fetch") return access(k, task, Math.floor(address / PAGE), ACCESS_FETCH);
  for (let i = 0; i < 4; i++) word[i] = index >>> (i * 8);
  return storeBytes(k, task, address, word);
}

/** Kills the task's process with a signal that was not handled. */
export function killGuest(k: Kernel, task: Task, signal: number): void {
  attempt(k, task, () => {
    killTask(k, task, signal);
    return 0;
  });
}

/** Waits until no read is in flight. */
export function settle(k: Kernel): void {
  quiesceDisks(k);
  k.clock.cpuNs[k.boot[2]!] = k.clock.ns[0]!;
}

/** Makes a file, in place of one with this name: on disk, clean, not cached. Returns 0 or a negative errno. */
export function makeFile(k: Kernel, name: string, sizeBytes: number): number {
  const path = `${FOLDER}/${name}`;
  const old = findInode(k, path);
  if (old !== NONE) k.file.linkCount[old] = 0;
  const inode = createInode(k, { path, sizeBytes, contentSeed: fnvText(name) | 0 });
  return inode < 0 ? inode : 0;
}

/** The inode of a script's file. */
export function fileInode(k: Kernel, name: string): Inode {
  return findInode(k, `${FOLDER}/${name}`);
}

/** Writes dirty pages back and evicts what no task maps. */
export function dropFile(k: Kernel, inode: Inode): void {
  settle(k);
  writeBackFile(k, inode);
  invalidatePages(k, inode, 0, Number.MAX_SAFE_INTEGER);
}

/** Reads the whole file into the page cache. */
export function warmFile(k: Kernel, inode: Inode): void {
  settle(k);
  readWholeFile(k, inode);
  settle(k);
}

/** Pages of the file's size, and whether each is cached, as mincore says. */
export function cachedPages(k: Kernel, inode: Inode): { pages: number; isCached: (page: number) => boolean } {
  return { pages: filePages(k, inode), isCached: (page) => isPresent(k, inode, page) };
}

/** The text of a file of /proc/PID; "" when there is none. */
export function showText(k: Kernel, task: Task, name: string): string {
  const text = readFile(k, `/proc/${k.task.pid[task]!}/${name}`);
  return typeof text === "string" ? text : "";
}

/** The text of a file that belongs to no task. */
export function showSystem(k: Kernel, path: string): string {
  const text = readFile(k, path);
  return typeof text === "string" ? text : "";
}

/** Pagemap entries of [start, end), both on page boundaries. */
export function readPagemap(k: Kernel, task: Task, start: number, end: number): Uint8Array {
  const options = { offset: (start / PAGE) * 8, length: ((end - start) / PAGE) * 8 };
  const bytes = readFile(k, `/proc/${k.task.pid[task]!}/pagemap`, options);
  return bytes instanceof Uint8Array ? bytes : new Uint8Array(0);
}

/** Sets a tunable by its sysctl name. Returns 0 or a negative errno. */
export function writeSysctl(k: Kernel, name: string, value: number): number {
  return writeFile(k, `/proc/sys/${name.replaceAll(".", "/")}`, `${value}\n`);
}
