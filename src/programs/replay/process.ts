/**
 * One recorded process being replayed: where its pages and descriptors are now, and how far it has come.
 *
 *   chunk (recorded pages) --address map--> runs (replayed pages) --runAccesses--> then the chunk's event as a row of
 *   actions, each of which may have to wait: memory the kernel touches, calls on the simulated kernel
 *
 * Doc: docs/pwt.md
 */
import { type AccessRuns, type Inode, type Task, vpnHigh, vpnLow } from "../../core/index.ts";
import { type AddressMap, copyAddressMap, createAddressMap, findRange, setRange } from "./address-map.ts";
import { CHUNK_RUNS, type Chunk, type ChunkSource, createChunk, type FileEvent } from "./events.ts";
import { KIND_FETCH } from "./merge.ts";

/** Memory that the kernel reads or writes for the process: replayed pages [page, end). */
export interface TouchAction {
  readonly kind: "touch";
  page: number;
  readonly end: number;
  readonly isStore: boolean;
}

/** A call on the simulated kernel; `done` gets its result. */
export interface CallAction {
  readonly kind: "call";
  readonly nr: number;
  readonly args: readonly number[];
  readonly done?: (result: number) => void;
}

export type Action = TouchAction | CallAction;

/** An address space as the recording knew it. A child of vfork shares its parent's. */
export interface RecordedSpace {
  readonly map: AddressMap;
  /** Recorded and replayed start of the heap; 0 before the first brk. */
  heapFrom: number;
  heapTo: number;
  /** End of the replayed heap, and how much more the program asked for when valgrind refused; 0 when it did not. */
  heapEnd: number;
  heapWanted: number;
}

/** One process. */
export interface ReplayProcess {
  readonly stream: number;
  readonly task: Task;
  space: RecordedSpace;
  /** Recorded descriptor to descriptor; only regular files are here. */
  readonly fds: Map<number, number>;
  /** Files of this stream by id. */
  readonly files: Map<number, FileEvent>;
  readonly chunk: Chunk;
  readonly runs: AccessRuns;
  /** Next run, and how many there are; -1 before the first chunk. */
  at: number;
  length: number;
  /** What is left of the chunk's event. */
  actions: Action[];
  isEventPlanned: boolean;
  /** An exec that waits, asked again with the same request. */
  request: unknown;
}

/** What a replay remembers besides its processes. */
export interface ReplaySummary {
  accesses: number;
  /** By name: how often the recorded program called, and how often it failed there. */
  readonly calls: Map<string, { count: number; errors: number }>;
  /** What could not be played as it was, by sentence: how often. */
  readonly notes: Map<string, number>;
  readonly ended: EndedProcess[];
}

/** A process that has ended, with what getrusage would say of it and its waited-for children. */
export interface EndedProcess {
  readonly stream: number;
  readonly pid: number;
  readonly comm: string;
  /** As wait4 gives it. */
  readonly status: number;
  readonly minorFaults: number;
  readonly majorFaults: number;
  readonly peakRssKb: number;
}

/** A replay: the source of chunks, and what all its processes share. */
export interface Replay {
  readonly source: ChunkSource;
  /** By "dev:ino" of the recording. */
  readonly inodes: Map<string, Inode>;
  /** By recorded pid. */
  readonly pids: Map<number, number>;
  readonly summary: ReplaySummary;
  /** Called for each task when its process is about to end, before its memory is given back. */
  readonly beforeExit: ((task: Task) => void) | undefined;
}

/** A process at the start of its stream. With a parent it inherits address space (shared with `sharesSpace`) and files. */
export function createProcess(
  stream: number,
  task: Task,
  parent?: ReplayProcess,
  sharesSpace = false,
): ReplayProcess {
  const space =
    parent === undefined
      ? createSpace()
      : sharesSpace
        ? parent.space
        : { ...parent.space, map: copyAddressMap(parent.space.map) };
  return {
    stream,
    task,
    space,
    fds: new Map(parent?.fds),
    files: new Map(),
    chunk: createChunk(),
    runs: {
      high: new Int32Array(CHUNK_RUNS),
      low: new Int32Array(CHUNK_RUNS),
      count: new Int32Array(CHUNK_RUNS),
      outcome: new Int32Array(1),
    },
    at: 0,
    length: -1,
    actions: [],
    isEventPlanned: false,
    request: undefined,
  };
}

/** An address space nothing is known of. */
export function createSpace(): RecordedSpace {
  return { map: createAddressMap(), heapFrom: 0, heapTo: 0, heapEnd: 0, heapWanted: 0 };
}

/** Loads the stream's next chunk and moves its runs to where their pages are now. False at the end of the stream. */
export function nextRuns(replay: Replay, process: ReplayProcess): boolean {
  process.at = 0;
  process.length = 0;
  process.isEventPlanned = false;
  if (!replay.source.next(process.stream, process.chunk)) return false;
  process.length = process.chunk.length;
  replay.summary.accesses += moveRuns(process);
  return true;
}

/** Counts one more of something that could not be played as it was. */
export function note(replay: Replay, sentence: string): void {
  replay.summary.notes.set(sentence, (replay.summary.notes.get(sentence) ?? 0) + 1);
}

/** Fills the runs from the chunk; returns how many accesses they are. */
function moveRuns(process: ReplayProcess): number {
  const { chunk, runs } = process;
  const { map } = process.space;
  const { start, end, shift } = map;
  // Fetches and data stay near each other, but not fetches near data: one guess for each.
  let fetchRow = 0;
  let dataRow = 0;
  let accesses = 0;
  for (let i = 0; i < chunk.length; i++) {
    const recorded = chunk.page[i]!;
    const kind = chunk.kind[i]!;
    let row = kind === KIND_FETCH ? fetchRow : dataRow;
    if (row >= start.length || recorded < start[row]! || recorded >= end[row]!) {
      row = findRange(map, recorded);
      if (kind === KIND_FETCH) fetchRow = row;
      else dataRow = row;
    }
    const moved = row < start.length && start[row]! <= recorded ? recorded + shift[row]! : recorded;
    runs.high[i] = vpnHigh(moved);
    runs.low[i] = vpnLow(moved) * 4 + kind;
    runs.count[i] = chunk.count[i]!;
    accesses += chunk.count[i]!;
  }
  return accesses;
}

/** Remembers that recorded pages from byte address `from` are at `to` now. */
export function remember(process: ReplayProcess, from: number, to: number, bytes: number): void {
  const page = Math.floor(from / 4096);
  setRange(process.space.map, page, Math.ceil((from + bytes) / 4096), Math.floor(to / 4096) - page);
}
