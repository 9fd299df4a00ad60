/**
 * One process under valgrind: its log, line by line, turned into the chunks of one stream, with what valgrind itself
 * put into the process taken out again.
 *
 * Taken out: the library that valgrind preloads into every program (its open, its mappings, every access to its pages),
 * and valgrind's words in the environment. docs/pwt.md lists what cannot be taken out.
 * Doc: docs/pwt.md
 */
import {
  type Chunk, EVENT_CALL, EVENT_EXEC, EVENT_EXIT, EVENT_FILE, EVENT_NOTE, NO_EVENT, type ProgramFile, type ReplayEvent,
} from "../../programs/replay/events.ts";
import { createLackeyCalls, type LackeyCall, readCallLine } from "../../programs/replay/lackey-calls.ts";
import { createLackeyLines, endLackey, feedLackey } from "../../programs/replay/lackey-lines.ts";
import { closeMerger, createMerger, emptyMerger, KIND_STORE } from "../../programs/replay/merge.ts";
import { type FileFacts, type ImageFacts, isPreload, type LoadedFile } from "./facts.ts";

/** What a tracee asks of the recorder. */
export interface TraceeHost {
  readonly image: (pid: number) => ImageFacts | undefined;
  readonly opened: (pid: number, fd: number, path: string) => FileFacts | undefined;
  /** Takes the stream's next chunk; its arrays are used again afterwards. */
  readonly chunk: (stream: number, chunk: Chunk) => void;
  /** A child was made; returns its stream. */
  readonly child: (pid: number) => number;
  /** The recording cannot go on. */
  readonly fail: (why: string) => void;
}

/** One process being recorded. */
export interface Tracee {
  readonly pid: number;
  readonly stream: number;
  /** Takes bytes 0 to `length` - 1 of the log. */
  readonly feed: (bytes: Uint8Array, length: number) => void;
  /** The log is at its end. */
  readonly end: () => void;
}

const NR_READ = 0;
const NR_CLOSE = 3;
const NR_FSTAT = 5;
const NR_MMAP = 9;
const NR_MPROTECT = 10;
const NR_PREAD = 17;
const NR_OPEN = 2;
const NR_CREAT = 85;
const NR_EXECVE = 59;
const NR_EXIT_GROUP = 231;
const NR_OPENAT = 257;
const NR_NEWFSTATAT = 262;
const NR_OPENAT2 = 437;
const O_TRUNC = 0o1000;
const O_CREAT_EXCL = 0o300;
const PAGE_BYTES = 4096;

/** Starts to follow a process. `stream` is its number in the recording. */
export function createTracee(pid: number, stream: number, host: TraceeHost): Tracee {
  const merger = createMerger();
  const calls = createLackeyCalls();
  const leftOut: number[] = [];
  const hiddenFds = new Set<number>();
  const files = new Map<string, number>();
  const notes = new Set<string>();
  let fileCount = 0;
  let image: ImageFacts | undefined;
  let isAtStart = false;
  let hasEnded = false;
  let deadlySignal = 0;

  /** Hands the merged runs on, with the event that ends them. */
  const emit = (event: ReplayEvent): void => {
    closeMerger(merger);
    host.chunk(stream, { page: merger.page, kind: merger.kind, count: merger.count, length: merger.length, event });
    emptyMerger(merger);
  };
  /** Hands on an event that precedes the runs being merged: fetches of a program whose start is announced only now. */
  const ahead = (event: ReplayEvent): void => {
    host.chunk(stream, { page: merger.page, kind: merger.kind, count: merger.count, length: 0, event });
  };
  const fileId = (facts: FileFacts): number => {
    const key = `${facts.dev}:${facts.ino}:${facts.path}`;
    const known = files.get(key);
    if (known !== undefined) return known;
    files.set(key, fileCount);
    const event = { type: EVENT_FILE, id: fileCount, ...facts } as const;
    if (isAtStart) ahead(event);
    else emit(event);
    return fileCount++;
  };
  const note = (text: string): void => {
    if (!notes.has(text)) emit({ type: EVENT_NOTE, text });
    notes.add(text);
  };
  const programFile = (loaded: LoadedFile): ProgramFile => ({ file: fileId(loaded.facts), headers: loaded.headers, base: loaded.base });

  /** A new program: everything known about the old one's descriptors and pages is void, but not its files. */
  const startImage = (): void => {
    leftOut.length = 0;
    image = host.image(pid);
    if (image === undefined) host.fail(`process ${pid} ended before its program could be looked at`);
    isAtStart = image !== undefined;
    lines.hasData = false;
    calls.open.clear();
  };
  /** The stack pointer shows at the first data access: a static program loads from it, ld.so's first call stores below it. */
  const firstData = (address: number, kind: number): void => {
    if (!isAtStart || image === undefined) return;
    const { program, interpreter, argv, envLengths } = image;
    ahead({
      type: EVENT_EXEC,
      program: programFile(program),
      interpreter: interpreter === null ? null : programFile(interpreter),
      argv,
      envLengths,
      stackPointer: kind === KIND_STORE ? address + 8 : address,
    });
    isAtStart = false;
  };
  /** A forked child opens its log with the same words as a new program; only its later ones are an execve. */
  let isForked = stream > 0;
  const line = (text: string): void => {
    // Valgrind may put the first access of another thread behind a call on the same line.
    const glued = /\) (I  [0-9a-f]+,\d+| [LSM] [0-9a-f]+,\d+)$/.exec(text);
    if (/^==\d+== Command: /.test(text)) {
      if (!isForked) startImage();
      isForked = false;
    }
    else if (/^==\d+== Process terminating with default action of signal (\d+)/.test(text)) deadlySignal = Number(/signal (\d+)/.exec(text)![1]);
    else if (/brk segment overflow/.test(text)) note("Valgrind stops the heap of brk at 8 MiB; the program went on with mmap.");
    else {
      const call = readCallLine(calls, text);
      if (call !== undefined) complete(call);
    }
    if (glued !== null) feedLackey(lines, Buffer.from(`${glued[1]}\n`), glued[1]!.length + 1);
  };
  const complete = (call: LackeyCall): void => {
    if (isHidden(call)) return;
    if (call.nr === NR_EXECVE && call.result === 0) return;
    if (call.nr === NR_EXIT_GROUP) {
      finish((call.args[0]! & 255) * 256);
      return;
    }
    const child = call.childPid > 0 ? host.child(call.childPid) : -1;
    const file = openedFile(call);
    emit({
      type: EVENT_CALL,
      nr: call.nr,
      thread: call.thread,
      args: call.args,
      result: call.result!,
      strings: call.strings.map((text) => text?.length ?? -1),
      file,
      child,
    });
  };
  const openedFile = (call: LackeyCall): number => {
    const path = pathOfOpen(call);
    if (path === undefined || call.result! < 0) return -1;
    const facts = host.opened(pid, call.result!, path);
    return facts === undefined ? -1 : fileId(isEmptied(call) ? { ...facts, sizeBytes: 0 } : facts);
  };
  /** Whether a call is part of loading valgrind's own library. Learns its descriptor and its pages on the way. */
  const isHidden = (call: LackeyCall): boolean => {
    const { nr, args } = call;
    const path = pathOfOpen(call);
    if (path !== undefined && isPreload(path)) {
      hiddenFds.add(call.result!);
      return true;
    }
    if (nr === NR_MMAP && hiddenFds.has(args[4]!) && call.result! > 0) {
      leftOut.push(call.result! / PAGE_BYTES, Math.ceil((call.result! + args[1]!) / PAGE_BYTES));
      return true;
    }
    if (nr === NR_MPROTECT) return isLeftOut(args[0]! / PAGE_BYTES);
    const isOfFile = nr === NR_READ || nr === NR_PREAD || nr === NR_FSTAT || nr === NR_NEWFSTATAT || nr === NR_CLOSE;
    if (!isOfFile || !hiddenFds.has(args[0]!)) return false;
    if (nr === NR_CLOSE) hiddenFds.delete(args[0]!);
    return true;
  };
  const isLeftOut = (page: number): boolean => leftOut.some((from, i) => i % 2 === 0 && page >= from && page < leftOut[i + 1]!);
  const finish = (status: number): void => {
    if (hasEnded) return;
    hasEnded = true;
    emit({ type: EVENT_EXIT, status });
  };

  const lines = createLackeyLines({ merger, leftOut, full: () => emit(NO_EVENT), firstData, line });
  return {
    pid,
    stream,
    feed: (bytes, length) => {
      if (!hasEnded) feedLackey(lines, bytes, length);
    },
    end: () => {
      if (!hasEnded) endLackey(lines);
      finish(deadlySignal);
    },
  };
}

/** The path that a call opens, or undefined when it opens none. */
function pathOfOpen(call: LackeyCall): string | undefined {
  if (call.nr === NR_OPEN || call.nr === NR_CREAT) return call.strings[0];
  return call.nr === NR_OPENAT || call.nr === NR_OPENAT2 ? call.strings[1] : undefined;
}

/** Whether an open leaves the file empty, whatever was written to it since. */
function isEmptied(call: LackeyCall): boolean {
  const flags = call.nr === NR_CREAT ? O_TRUNC : call.nr === NR_OPEN ? call.args[1]! : call.args[2]!;
  return (flags & O_TRUNC) !== 0 || (flags & O_CREAT_EXCL) === O_CREAT_EXCL;
}
