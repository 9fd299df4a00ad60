/**
 * One process under valgrind: its log, line by line, turned into the chunks of one stream, with what valgrind itself
 * put into the process taken out again.
 *
 * Taken out: the library that valgrind preloads into every program (its open, its mappings, every access to its pages),
 * and valgrind's words in the environment. docs/pwt.md lists what cannot be taken out.
 * Doc: docs/pwt.md
 */
import {
  type Chunk,
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NOTE,
  NO_EVENT,
  type ProgramFile,
  type ReplayEvent,
} from "../../programs/replay/events.ts";
import {
  createLackeyCalls,
  type LackeyCall,
  type LackeyCalls,
  readCallLine,
} from "../../programs/replay/lackey-calls.ts";
import {
  createLackeyLines,
  endLackey,
  feedLackey,
  type LackeyLines,
} from "../../programs/replay/lackey-lines.ts";
import {
  closeMerger,
  createMerger,
  emptyMerger,
  KIND_STORE,
  type Merger,
} from "../../programs/replay/merge.ts";
import { type FileFacts, type ImageFacts, isPreload, type LoadedFile } from "./facts.ts";

/** What a tracee asks of the recorder. */
export interface TraceeHost {
  readonly image: (pid: number) => ImageFacts | undefined;
  readonly opened: (pid: number, fd: number, path: string) => FileFacts | undefined;
  /** Takes the stream's next chunk; its arrays are used again afterwards. */
  readonly chunk: (stream: number, chunk: Chunk) => void;
  /** A child was made, with valgrind's library in the pages `leftOut`; returns its stream. */
  readonly child: (pid: number, leftOut: readonly number[]) => number;
  /** The recording cannot go on; does not return. */
  readonly fail: (why: string) => void;
}

/** One process being recorded. */
export interface Tracee {
  readonly pid: number;
  readonly stream: number;
  readonly host: TraceeHost;
  readonly lines: LackeyLines;
  readonly calls: LackeyCalls;
  readonly merger: Merger;
  /** Pages of valgrind's own library, pairs [from, to), and the descriptors through which it was mapped. */
  readonly leftOut: number[];
  readonly hiddenFds: Set<number>;
  /** Ids of the files that were announced, by device, inode and path. */
  readonly files: Map<string, number>;
  readonly notes: Set<string>;
  /** The program whose start is not announced yet: its stack pointer has not been seen. */
  starting: ImageFacts | undefined;
  /** A forked child opens its log with the same words as a new program; only its later ones are an execve. */
  isForked: boolean;
  hasEnded: boolean;
  deadlySignal: number;
}

const NR_READ = 0;
const NR_OPEN = 2;
const NR_CLOSE = 3;
const NR_FSTAT = 5;
const NR_MMAP = 9;
const NR_MPROTECT = 10;
const NR_PREAD = 17;
const NR_EXECVE = 59;
const NR_CREAT = 85;
const NR_EXIT_GROUP = 231;
const NR_OPENAT = 257;
const NR_NEWFSTATAT = 262;
const NR_OPENAT2 = 437;
const O_TRUNC = 0o1000;
const O_CREAT_EXCL = 0o300;
const PAGE_BYTES = 4096;

const COMMAND_LINE = /^==\d+== Command: /;
const DEADLY_LINE = /^==\d+== Process terminating with default action of signal (\d+)/;
/** Valgrind may put the first access of another thread behind a call on the same line. */
const GLUED = /\) (I {2}[0-9a-f]+,\d+| [LSM] [0-9a-f]+,\d+)$/;

/** Starts to follow a process. `stream` is its number in the recording; `inherited` are its parent's pages to leave out. */
export function createTracee(
  pid: number,
  stream: number,
  host: TraceeHost,
  inherited: readonly number[],
): Tracee {
  const merger = createMerger();
  const leftOut = [...inherited];
  const lines = createLackeyLines({
    merger,
    leftOut,
    full: () => emit(tracee, NO_EVENT),
    firstData: (address, kind) => announceImage(tracee, kind === KIND_STORE ? address + 8 : address),
    line: (text) => readLine(tracee, text),
  });
  const tracee: Tracee = {
    pid,
    stream,
    host,
    lines,
    calls: createLackeyCalls(),
    merger,
    leftOut,
    hiddenFds: new Set(),
    files: new Map(),
    notes: new Set(),
    starting: undefined,
    isForked: stream > 0,
    hasEnded: false,
    deadlySignal: 0,
  };
  return tracee;
}

/** Takes bytes 0 to `length` - 1 of the log. */
export function feedTracee(t: Tracee, bytes: Uint8Array, length: number): void {
  if (!t.hasEnded) feedLackey(t.lines, bytes, length);
}

/** The log is at its end: the process is gone. */
export function endTracee(t: Tracee): void {
  if (!t.hasEnded) endLackey(t.lines);
  finish(t, t.deadlySignal);
}

/** A line that is no access: of valgrind itself, or of a call. */
function readLine(t: Tracee, text: string): void {
  const deadly = DEADLY_LINE.exec(text);
  if (COMMAND_LINE.test(text)) {
    if (!t.isForked) startImage(t);
    t.isForked = false;
  } else if (deadly !== null) t.deadlySignal = Number(deadly[1]);
  else if (text.includes("brk segment overflow")) {
    note(t, "valgrind stopped the heap of brk at 8 MiB; the program went on with mmap");
  } else {
    const call = readCallLine(t.calls, text);
    if (call !== undefined) complete(t, call);
  }
  const glued = GLUED.exec(text)?.[1];
  if (glued !== undefined) feedLackey(t.lines, Buffer.from(`${glued}\n`), glued.length + 1);
}

/** A new program: what was known of valgrind's library and of open calls is void. */
function startImage(t: Tracee): void {
  // What was merged so far belongs to the program before.
  if (t.merger.length > 0) emit(t, NO_EVENT);
  t.leftOut.length = 0;
  t.hiddenFds.clear();
  t.calls.open.clear();
  t.lines.hasData = false;
  t.starting = t.host.image(t.pid);
  if (t.starting === undefined) t.host.fail(`process ${t.pid} ended before its program could be looked at`);
}

/**
 * Announces the program that has started. Its stack pointer shows at the first data access: a static program loads from
 * it, the first call in ld.so stores below it.
 */
function announceImage(t: Tracee, stackPointer: number): void {
  const { starting } = t;
  if (starting === undefined) return;
  const { program, interpreter, argv, envLengths } = starting;
  emitAhead(t, {
    type: EVENT_EXEC,
    program: programFile(t, program),
    interpreter: interpreter === null ? null : programFile(t, interpreter),
    argv,
    envLengths,
    stackPointer,
  });
  t.starting = undefined;
}

/** Announces a program's file, if need be, and names it. */
function programFile(t: Tracee, loaded: LoadedFile): ProgramFile {
  return { file: fileId(t, loaded.facts), headers: loaded.headers, base: loaded.base };
}

/** The id of a file in this stream; announces it when it is new. */
function fileId(t: Tracee, facts: FileFacts): number {
  const key = `${facts.dev}:${facts.ino}:${facts.path}`;
  const known = t.files.get(key);
  if (known !== undefined) return known;
  const id = t.files.size;
  t.files.set(key, id);
  const event = { type: EVENT_FILE, id, ...facts } as const;
  if (t.starting === undefined) emit(t, event);
  else emitAhead(t, event);
  return id;
}

/** Hands the merged runs on, with the event that ends them. */
function emit(t: Tracee, event: ReplayEvent): void {
  const { merger } = t;
  closeMerger(merger);
  t.host.chunk(t.stream, {
    page: merger.page,
    kind: merger.kind,
    count: merger.count,
    length: merger.length,
    event,
  });
  emptyMerger(merger);
}

/** Hands on an event that precedes the runs being merged: fetches of a program that is announced only now. */
function emitAhead(t: Tracee, event: ReplayEvent): void {
  const { page, kind, count } = t.merger;
  t.host.chunk(t.stream, { page, kind, count, length: 0, event });
}

/** Writes a note, each but once. */
function note(t: Tracee, text: string): void {
  if (!t.notes.has(text)) emit(t, { type: EVENT_NOTE, text });
  t.notes.add(text);
}

/** A call whose result is known. */
function complete(t: Tracee, call: LackeyCall): void {
  const result = call.result!;
  if (isHidden(t, call, result) || (call.nr === NR_EXECVE && result === 0)) return;
  if (call.nr === NR_EXIT_GROUP) {
    finish(t, (call.args[0]! & 255) * 256);
    return;
  }
  const child = call.childPid > 0 ? t.host.child(call.childPid, t.leftOut) : -1;
  const file = openedFile(t, call, result);
  const strings = call.strings.map((text) => text?.length ?? -1);
  const { nr, thread, args } = call;
  emit(t, { type: EVENT_CALL, nr, thread, args, result, strings, file, child });
}

/** The file that a call opened, or -1. */
function openedFile(t: Tracee, call: LackeyCall, result: number): number {
  const path = pathOfOpen(call);
  if (path === undefined || result < 0) return -1;
  const facts = t.host.opened(t.pid, result, path);
  return facts === undefined ? -1 : fileId(t, isEmptied(call) ? { ...facts, sizeBytes: 0 } : facts);
}

/** Whether a call is part of loading valgrind's own library. Learns its descriptor and its pages on the way. */
function isHidden(t: Tracee, call: LackeyCall, result: number): boolean {
  const { nr, args } = call;
  const path = pathOfOpen(call);
  if (path !== undefined && isPreload(path)) {
    t.hiddenFds.add(result);
    return true;
  }
  if (nr === NR_MMAP && result > 0 && t.hiddenFds.has(args[4]!)) {
    t.leftOut.push(result / PAGE_BYTES, Math.ceil((result + args[1]!) / PAGE_BYTES));
    return true;
  }
  if (nr === NR_MPROTECT) return isLeftOut(t, args[0]! / PAGE_BYTES);
  const isOfFile =
    nr === NR_READ || nr === NR_PREAD || nr === NR_FSTAT || nr === NR_NEWFSTATAT || nr === NR_CLOSE;
  if (!isOfFile || !t.hiddenFds.has(args[0]!)) return false;
  if (nr === NR_CLOSE) t.hiddenFds.delete(args[0]!);
  return true;
}

/** Whether a page belongs to valgrind's own library. */
function isLeftOut(t: Tracee, page: number): boolean {
  return t.leftOut.some((from, i) => i % 2 === 0 && page >= from && page < t.leftOut[i + 1]!);
}

/** Ends the stream with a wait status, once. */
function finish(t: Tracee, status: number): void {
  if (t.hasEnded) return;
  t.hasEnded = true;
  emit(t, { type: EVENT_EXIT, status });
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
