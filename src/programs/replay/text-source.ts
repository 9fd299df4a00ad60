/**
 * Text traces as chunks: lines are read piece by piece and merged to runs, so a trace of any length takes the same memory.
 * Doc: docs/pwt.md
 */
import { type Chunk, type ChunkSource, EVENT_EXIT, NO_EVENT, type ReplayEvent } from "./events.ts";
import { closeMerger, createMerger, emptyMerger, type Merger } from "./merge.ts";

/** Where the bytes of a trace are. */
export interface TraceInput {
  /** Named in errors. */
  readonly name: string;
  /** Reads bytes from an offset; fewer than asked at the end. */
  readonly readAt: (offset: number, length: number) => Uint8Array;
  /** Unpacks a payload of the given PACK_* kind; undefined when it cannot. */
  readonly unpack: (packing: number, bytes: Uint8Array) => Uint8Array | undefined;
}

/** What reads a text format: bytes go in, accesses come into the merger, and `emit` ends a chunk. */
export interface TextReader {
  readonly feed: (bytes: Uint8Array) => void;
  readonly end: () => void;
}

/** What a text reader writes to. */
export interface TextSink {
  readonly merger: Merger;
  /** Ends the chunk with what has been merged so far, and an event. */
  readonly emit: (event: ReplayEvent) => void;
}

const PIECE_BYTES = 65536;

/** A source with one stream, 0, from a text trace. `isExact`: accesses in their exact order (createMerger). */
export function createTextSource(
  input: TraceInput,
  createReader: (sink: TextSink) => TextReader,
  isExact = false,
): ChunkSource {
  const merger = createMerger(isExact);
  const ready: Chunk[] = [];
  const emit = (event: ReplayEvent): void => {
    closeMerger(merger);
    const chunk: Chunk = {
      page: merger.page.slice(0, merger.length),
      kind: merger.kind.slice(0, merger.length),
      count: merger.count.slice(0, merger.length),
      length: merger.length,
      event,
    };
    ready.push(chunk);
    emptyMerger(merger);
  };
  const reader = createReader({ merger, emit });
  let offset = 0;
  let hasEnded = false;
  const readMore = (): void => {
    const bytes = input.readAt(offset, PIECE_BYTES);
    offset += bytes.length;
    if (bytes.length > 0) reader.feed(bytes);
    else {
      reader.end();
      hasEnded = true;
      emit({ type: EVENT_EXIT, status: 0 });
    }
  };
  return {
    isBare: true,
    next: (stream, chunk) => {
      while (ready.length === 0 && !hasEnded && stream === 0) readMore();
      const first = stream === 0 ? ready.shift() : undefined;
      if (first === undefined) return false;
      chunk.page.set(first.page);
      chunk.kind.set(first.kind);
      chunk.count.set(first.count);
      chunk.length = first.length;
      chunk.event = first.event;
      return true;
    },
  };
}

/** A reader of lines for formats of one access a line. `line` gets each line with its number, the first being 1. */
export function createLineReader(line: (text: string, number: number) => void): TextReader {
  let rest = "";
  let number = 0;
  return {
    feed: (bytes) => {
      let text = rest;
      for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!);
      const lines = text.split("\n");
      rest = lines.pop()!;
      for (const one of lines) line(one.endsWith("\r") ? one.slice(0, -1) : one, ++number);
    },
    end: () => {
      if (rest !== "") line(rest, ++number);
    },
  };
}

/** The first lines that say something, for telling formats apart: no empty ones, no comments. */
export function firstLines(start: Uint8Array, most: number): string[] {
  let text = "";
  for (let i = 0; i < start.length; i++) text += String.fromCharCode(start[i]!);
  const lines = text.split(/\r?\n/);
  // The last may be cut off.
  if (lines.length > 1) lines.pop();
  return lines.filter((line) => line.trim() !== "" && !line.startsWith("#")).slice(0, most);
}

/** Empties a merger that is full. */
export function emitIfFull(sink: TextSink, isFull: boolean): void {
  if (isFull) sink.emit(NO_EVENT);
}
