/**
 * Records a program: runs it under valgrind's lackey, follows the log of each of its processes through a pipe, and packs
 * what they do into one .pwt file. The log is never on disk and never whole in memory: a pipe that is not read yet makes
 * valgrind wait.
 * Doc: docs/pwt.md
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { DATA_PAGES, FETCH_PAGES } from "../../programs/replay/merge.ts";
import type { PwtTotals } from "../../programs/replay/pwt-format.ts";
import { flushStream, type PwtWriter, writeChunk } from "../../programs/replay/pwt-write.ts";
import { imageFacts, openFacts } from "./facts.ts";
import { createFifos, type Fifos } from "./fifos.ts";
import { createPwtFile, type PwtFile } from "./pwt-file.ts";
import { createTracee, type Tracee, type TraceeHost } from "./tracee.ts";

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

/** How often dead processes are looked for and pipes made ready. */
const LOOK_MS = 50;

/** A process whose log is being read. */
interface Followed {
  readonly tracee: Tracee;
  readonly socket: net.Socket;
  /** Bytes came since it was last looked at. */
  isBusy: boolean;
}

/** Path of valgrind itself, or undefined. Debian's `valgrind` is a script that changes the library path: go round it. */
export function findValgrind(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return findProgram("valgrind.bin", env) ?? findProgram("valgrind", env);
}

/** A program in the PATH, or undefined. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const candidates = name.includes("/") ? [name] : (env["PATH"] ?? "").split(":").map((folder) => path.join(folder, name));
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
export async function record(command: string, args: readonly string[], outFile: string, options: RecordOptions = {}): Promise<RecordResult> {
  const valgrind = findValgrind();
  if (valgrind === undefined) throw recordError("valgrind is not installed; recording needs it");
  if (findProgram(command, options.env) === undefined) throw recordError(`${command}: no such program`);
  const file = createPwtFile(outFile, {
    command: [command, ...args],
    recorder: execFileSync(valgrind, ["--version"], { encoding: "utf8" }).trim(),
    kernel: os.release(),
    fetchPages: FETCH_PAGES,
    dataPages: DATA_PAGES,
  });
  const fifos = createFifos();
  process.on("exit", fifos.remove);
  try {
    return await follow(file, fifos, () => start(valgrind, fifos, [command, ...args], options), options);
  } finally {
    file.discard();
    fifos.remove();
    process.off("exit", fifos.remove);
  }
}

function start(valgrind: string, fifos: Fifos, command: readonly string[], options: RecordOptions): ChildProcess {
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
  return spawn(valgrind, [...words, ...command], { stdio: options.stdio ?? "inherit", env: options.env ?? process.env });
}

/** Runs the program and reads the logs until every process has ended. */
function follow(file: PwtFile, fifos: Fifos, run: () => ChildProcess, options: RecordOptions): Promise<RecordResult> {
  return new Promise((resolve, reject) => {
    const followed = new Map<number, Followed>();
    let logBytes = 0;
    let streams = 0;
    let exitCode: number | undefined;
    const stop = (error: Error | undefined): void => {
      clearInterval(timer);
      options.signal?.removeEventListener("abort", abort);
      for (const { tracee, socket } of followed.values()) {
        socket.destroy();
        if (error !== undefined) kill(tracee.pid);
      }
      if (error !== undefined) {
        child.kill("SIGKILL");
        reject(error);
      } else resolve({ exitCode: exitCode!, totals: file.finish(), logBytes, processes: streams });
    };
    const abort = (): void => stop(recordError("stopped; nothing was written"));
    const guarded = (action: () => void): void => {
      try {
        action();
      } catch (error) {
        stop(error as Error);
      }
    };
    const host: TraceeHost = {
      image: imageFacts,
      opened: openFacts,
      chunk: (stream, chunk) => writeChunk(file.writer, stream, chunk),
      child: (pid) => adopt(pid),
      fail: (why) => {
        throw recordError(why);
      },
    };
    const adopt = (pid: number): number => {
      const stream = streams++;
      const fd = fifos.open(pid);
      if (fd === undefined) throw recordError(`process ${pid} began before a pipe was ready for it`);
      const socket = new net.Socket({ fd, readable: true, writable: false });
      const entry: Followed = { tracee: createTracee(pid, stream, host), socket, isBusy: true };
      followed.set(pid, entry);
      socket.on("error", stop);
      socket.on("data", (bytes: Buffer) => {
        logBytes += bytes.length;
        entry.isBusy = true;
        guarded(() => entry.tracee.feed(bytes, bytes.length));
      });
      return stream;
    };
    const look = (): void => {
      fifos.refresh();
      for (const [pid, entry] of followed) {
        if (entry.isBusy || isAlive(pid)) {
          entry.isBusy = false;
          continue;
        }
        entry.tracee.end();
        entry.socket.destroy();
        flushStream(file.writer, entry.tracee.stream);
        followed.delete(pid);
      }
      options.progress?.(file.writer.totals, logBytes);
      if (followed.size === 0 && exitCode !== undefined) stop(undefined);
    };
    const timer = setInterval(() => guarded(look), LOOK_MS);
    const child = run();
    child.on("error", (error) => stop(recordError(error.message)));
    child.on("exit", (code, signal) => {
      exitCode = code ?? 128 + (os.constants.signals[signal!] ?? 0);
    });
    options.signal?.addEventListener("abort", abort);
    if (child.pid !== undefined) guarded(() => void adopt(child.pid!));
  });
}

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

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}
