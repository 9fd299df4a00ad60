/**
 * Records a program: runs it under valgrind's lackey, follows the log of each of its processes through a pipe, and packs
 * what they do into one .pwt file. The log is never on disk and never whole in memory: a pipe that is not read yet makes
 * valgrind wait.
 * Doc: docs/pwt.md
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { DATA_PAGES, FETCH_PAGES } from "../../programs/replay/merge.ts";
import type { PwtTotals } from "../../programs/replay/pwt-format.ts";
import { imageFacts, openFacts } from "./facts.ts";
import { createFifos, type Fifos } from "./fifos.ts";
import { createPwtFile, type PwtFile } from "./pwt-file.ts";
import { flushStream, type PwtWriter, writeChunk } from "./pwt-write.ts";
import { createTracee, endTracee, feedTracee, type Tracee, type TraceeHost } from "./tracee.ts";

/** What a recording run may be told. */
export interface RecordOptions {
  /** Called now and then with the sums so far. */
  readonly progress?: (totals: PwtWriter["totals"], logBytes: number) => void;
  /** Where the program's output goes; the recorder's own when absent. */
  readonly stdio?: "inherit" | "ignore";
  /** Its environment; the recorder's own when absent. */
  readonly env?: NodeJS.ProcessEnv;
  /** Ends the recording and the program; nothing is left. */
  readonly signal?: AbortSignal;
}

/** What became of a recording. */
export interface RecordResult {
  /** The program's exit code, or 128 and its signal. */
  readonly exitCode: number;
  readonly totals: PwtTotals;
  readonly logBytes: number;
  readonly processes: number;
}

/** An error of recording; hosts print its message as one line. */
export const RECORD_ERROR = "RecordError";

/** How often pipes are read: a pipe holds 64 KiB, which valgrind needs 3 ms at least to write. */
const READ_MS = 2;
/** Dead processes are looked for, and pipes made ready, every so many reads. */
const TURNS_A_LOOK = 25;
const PIPE_BYTES = 65536;

const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A process whose log is being read. */
interface Followed {
  readonly tracee: Tracee;
  /** Its pipe. */
  readonly fd: number;
  /** Bytes came since it was last looked at. */
  isBusy: boolean;
}

/** Path of valgrind itself, or undefined. Debian's `valgrind` is a script that changes the library path: go round it. */
export function findValgrind(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return findProgram("valgrind.bin", env) ?? findProgram("valgrind", env);
}

/** A program in the PATH, or undefined. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const candidates = name.includes("/")
    ? [name]
    : (env.PATH ?? "").split(":").map((folder) => path.join(folder, name));
  return candidates.find((file) => {
    try {
      fs.accessSync(file, fs.constants.X_OK);
      return fs.statSync(file).isFile();
    } catch {
      return false;
    }
  });
}

/**
 * Records `command` with its arguments into `outFile`. Rejects with a RecordError when it cannot be done; then, and when
 * it is aborted, no file is left.
 */
export async function record(
  command: string,
  args: readonly string[],
  outFile: string,
  options: RecordOptions = {},
): Promise<RecordResult> {
  const valgrind = findValgrind();
  if (valgrind === undefined) throw recordError("valgrind is not installed; recording needs it");
  if (findProgram(command, options.env) === undefined) throw recordError(`${command}: no such program`);
  const stop = listenForStop(options.signal);
  const fifos = createFifos();
  try {
    const file = createPwtFile(outFile, {
      command: [command, ...args],
      recorder: execFileSync(valgrind, ["--version"], { encoding: "utf8" }).trim(),
      kernel: os.release(),
      fetchPages: FETCH_PAGES,
      dataPages: DATA_PAGES,
    });
    try {
      return await follow(
        file,
        fifos,
        stop.happened,
        () => start(valgrind, fifos, [command, ...args], options),
        options,
      );
    } finally {
      file.discard();
    }
  } finally {
    fifos.remove();
    stop.listenNoMore();
  }
}

/** Starts the program under valgrind. Every option is one word, so that facts.ts can tell options from the command. */
function start(
  valgrind: string,
  fifos: Fifos,
  command: readonly string[],
  options: RecordOptions,
): ChildProcess {
  const words = [
    "--tool=lackey",
    "--trace-mem=yes",
    "--trace-syscalls=yes",
    "--trace-children=yes",
    "--run-libc-freeres=no",
    "--run-cxx-freeres=no",
    "--vgdb=no",
    `--log-file=${fifos.directory}/%p`,
  ];
  return spawn(valgrind, [...words, ...command], {
    stdio: options.stdio ?? "inherit",
    env: options.env ?? process.env,
  });
}

/** A recording that is going on. */
interface Following {
  readonly file: PwtFile;
  readonly fifos: Fifos;
  readonly followed: Map<number, Followed>;
  readonly host: TraceeHost;
  /** Ends the recording with an error. The first one counts. */
  readonly fail: (error: Error) => void;
  readonly buffer: Uint8Array;
  logBytes: number;
  streams: number;
  /** Of untilAllEnded. */
  timer: NodeJS.Timeout | undefined;
}

/** Runs the program and reads the logs until every process has ended. */
async function follow(
  file: PwtFile,
  fifos: Fifos,
  stopped: Promise<never>,
  run: () => ChildProcess,
  options: RecordOptions,
): Promise<RecordResult> {
  const followed = new Map<number, Followed>();
  let fail: (error: Error) => void = () => undefined;
  const failure = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const host: TraceeHost = {
    image: imageFacts,
    opened: openFacts,
    chunk: (stream, chunk) => writeChunk(file.writer, stream, chunk),
    child: (pid, leftOut) => adopt(f, pid, leftOut),
    fail: (why) => {
      throw recordError(why);
    },
  };
  const f: Following = {
    file,
    fifos,
    followed,
    host,
    fail,
    buffer: new Uint8Array(PIPE_BYTES),
    logBytes: 0,
    streams: 0,
    timer: undefined,
  };
  const child = run();
  try {
    if (child.pid !== undefined) adopt(f, child.pid, []);
    const exited = new Promise<number>((resolve) => {
      child.on("error", (error) => fail(recordError(error.message)));
      child.on("exit", (code, signal) => resolve(code ?? 128 + (os.constants.signals[signal!] ?? 0)));
    });
    const exitCode = await Promise.race([Promise.all([exited, untilAllEnded(f, options)]), failure, stopped]);
    return { exitCode: exitCode[0], totals: file.finish(), logBytes: f.logBytes, processes: f.streams };
  } finally {
    clearInterval(f.timer);
    for (const { tracee, fd } of followed.values()) {
      fs.closeSync(fd);
      kill(tracee.pid);
    }
  }
}

/** Begins to read a process's log; returns its stream. */
function adopt(f: Following, pid: number, leftOut: readonly number[]): number {
  const fd = f.fifos.open(pid);
  if (fd === undefined) throw recordError(`process ${pid} began before a pipe was ready for it`);
  const stream = f.streams++;
  f.followed.set(pid, { tracee: createTracee(pid, stream, f.host, leftOut), fd, isBusy: true });
  return stream;
}

/**
 * Empties the pipes again and again, and looks now and then for processes that are gone, until there is none left.
 * Valgrind writes line by line: reading as soon as there is something would read line by line, too.
 */
function untilAllEnded(f: Following, options: RecordOptions): Promise<void> {
  return new Promise((resolve) => {
    let turn = 0;
    const look = (): void => {
      try {
        for (const entry of f.followed.values()) drain(f, entry);
        if (turn++ % TURNS_A_LOOK === 0) {
          f.fifos.refresh();
          for (const [pid, entry] of f.followed) endIfGone(f, pid, entry);
          options.progress?.(f.file.writer.totals, f.logBytes);
        }
      } catch (error) {
        f.fail(error as Error);
      }
      if (f.followed.size === 0) {
        clearInterval(f.timer);
        resolve();
      }
    };
    f.timer = setInterval(look, READ_MS);
  });
}

/** Reads what a pipe holds. */
function drain(f: Following, entry: Followed): void {
  const { buffer } = f;
  for (;;) {
    let length: number;
    try {
      length = fs.readSync(entry.fd, buffer, 0, buffer.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EAGAIN") return;
      throw error;
    }
    f.logBytes += length;
    entry.isBusy = true;
    feedTracee(entry.tracee, buffer, length);
    if (length < buffer.length) return;
  }
}

/** A pipe that was quiet since the last look, of a process that is gone, has given everything. */
function endIfGone(f: Following, pid: number, entry: Followed): void {
  if (entry.isBusy || isAlive(pid)) {
    entry.isBusy = false;
    return;
  }
  endTracee(entry.tracee);
  fs.closeSync(entry.fd);
  flushStream(f.file.writer, entry.tracee.stream);
  f.followed.delete(pid);
}

/** `happened` rejects when the caller's signal or one of a terminal says to stop. */
function listenForStop(signal: AbortSignal | undefined): {
  happened: Promise<never>;
  listenNoMore: () => void;
} {
  let stop = (): void => undefined;
  const happened = new Promise<never>((_, reject) => {
    stop = () => reject(recordError("stopped; nothing was written"));
  });
  // Nobody may be waiting yet when it happens.
  happened.catch(() => undefined);
  if (signal?.aborted === true) stop();
  signal?.addEventListener("abort", stop);
  for (const name of STOP_SIGNALS) process.on(name, stop);
  const listenNoMore = (): void => {
    signal?.removeEventListener("abort", stop);
    for (const name of STOP_SIGNALS) process.off(name, stop);
  };
  return { happened, listenNoMore };
}

/** An error whose message is for people. */
function recordError(message: string): Error {
  const error = new Error(message);
  error.name = RECORD_ERROR;
  return error;
}

/** Whether a process still runs; one that has ended and waits for its parent does not. */
function isAlive(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^\d+ \(.*\) [ZX]/s.test(stat);
  } catch {
    return false;
  }
}

/** Ends a process of the recorded program that is still there. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
