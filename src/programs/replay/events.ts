/**
 * What a recording says besides accesses: programs starting and ending, files, system calls.
 *
 * A recording is a set of streams, one a process, numbered from 0 in the order in which they began. A stream is a row of
 * chunks, and a chunk is a number of runs of accesses with one event after them.
 * Doc: docs/pwt.md
 */

/** The chunk ended because it was full, not because something happened. */
export const EVENT_NONE = 0;
export const EVENT_CALL = 1;
export const EVENT_EXEC = 2;
export const EVENT_EXIT = 3;
export const EVENT_FILE = 4;
export const EVENT_NOTE = 5;

/** A system call with what it returned. */
export interface CallEvent {
  readonly type: typeof EVENT_CALL;
  /** Linux's number on x86-64. */
  readonly nr: number;
  /** Thread of the process that called, 1 for the first. */
  readonly thread: number;
  /** Addresses and sizes; what a register held above 2^63 is negative. */
  readonly args: readonly number[];
  /** Result, or minus errno. */
  readonly result: number;
  /** By argument that is the address of a string: its length in bytes without the final 0; -1 for the others. */
  readonly strings: readonly number[];
  /** The file (EVENT_FILE of this stream) that an open gave, or -1. */
  readonly file: number;
  /** The stream of the process that a fork made, or -1. */
  readonly child: number;
}

/** A file's headers and where the recorded process had it. */
export interface ProgramFile {
  /** EVENT_FILE id in this stream. */
  readonly file: number;
  /** The file's first bytes: ELF header, program headers and the interpreter's path. */
  readonly headers: Uint8Array;
  /** Address at which its virtual address 0 was loaded. */
  readonly base: number;
}

/** The process begins to run a program: the first event of stream 0, and what an execve does. */
export interface ExecEvent {
  readonly type: typeof EVENT_EXEC;
  readonly program: ProgramFile;
  readonly interpreter: ProgramFile | null;
  readonly argv: readonly string[];
  /** Length in bytes of each environment string; their text stays with whoever recorded. */
  readonly envLengths: readonly number[];
  /** Stack pointer at the program's first instruction. */
  readonly stackPointer: number;
}

/** The process is gone, with the status that wait4 gives its parent. */
export interface ExitEvent {
  readonly type: typeof EVENT_EXIT;
  readonly status: number;
}

/** A file the stream's later events name by `id`. */
export interface FileEvent {
  readonly type: typeof EVENT_FILE;
  readonly id: number;
  readonly path: string;
  /** st_mode: type and permissions. */
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  /** Size when it was opened. */
  readonly sizeBytes: number;
}

/** Something the recorder found that the reader of a report should know, in one sentence. */
export interface NoteEvent {
  readonly type: typeof EVENT_NOTE;
  readonly text: string;
}

/** The chunk was full. */
export interface NoEvent {
  readonly type: typeof EVENT_NONE;
}

export type ReplayEvent = NoEvent | CallEvent | ExecEvent | ExitEvent | FileEvent | NoteEvent;

/** Said when nothing happened. */
export const NO_EVENT: NoEvent = { type: EVENT_NONE };

/** Most runs in a chunk. */
export const CHUNK_RUNS = 65536;

/** Runs 0 to `length` - 1, in order, and the event after them. Addresses are those of the recorded process. */
export interface Chunk {
  /** Virtual page number. */
  readonly page: Float64Array;
  /** KIND_* of merge.ts. */
  readonly kind: Uint8Array;
  /** Accesses in the run, at least 1. */
  readonly count: Int32Array;
  length: number;
  event: ReplayEvent;
}

/** An empty chunk with room for CHUNK_RUNS runs. */
export function createChunk(): Chunk {
  return {
    page: new Float64Array(CHUNK_RUNS),
    kind: new Uint8Array(CHUNK_RUNS),
    count: new Int32Array(CHUNK_RUNS),
    length: 0,
    event: NO_EVENT,
  };
}

/**
 * Where chunks come from. Every format of this folder makes one of these.
 */
export interface ChunkSource {
  /** The source says nothing of programs and mappings: memory is there wherever it is touched. */
  readonly isBare: boolean;
  /** Fills `chunk` with the stream's next; false when the stream has ended. Throws a FormatError. */
  next(stream: number, chunk: Chunk): boolean;
}
