/**
 * Writes a .pwt recording block by block: each stream gathers its chunks until they fill a block, so memory is bounded
 * by the number of processes alive, not by the length of the recording.
 * Doc: docs/pwt.md
 */
import { type ByteWriter, createWriter, encodeUtf8, written } from "../../programs/replay/bytes.ts";
import {
  clearPageTable,
  createPageTable,
  type PageTable,
  putChunk,
} from "../../programs/replay/chunk-code.ts";
import { type Chunk, EVENT_CALL, EVENT_FILE } from "../../programs/replay/events.ts";
import {
  BLOCK_CHUNKS,
  BLOCK_END,
  BLOCK_META,
  blockHeader,
  fileHeader,
  type PwtFileFacts,
  type PwtMeta,
  type PwtTotals,
} from "../../programs/replay/pwt-format.ts";

/** Unpacked size at which a block is written: one more chunk, at most 1.3 MB, still fits in BLOCK_MOST_BYTES. */
const BLOCK_BYTES = 524288;

/** What a host does for the writer. */
export interface PwtOutput {
  /** Takes the next bytes of the file; they are not changed afterwards. */
  readonly write: (bytes: Uint8Array) => void;
  readonly packing: number;
  readonly pack: (bytes: Uint8Array) => Uint8Array;
}

/** A recording being written. */
export interface PwtWriter {
  readonly output: PwtOutput;
  readonly streams: Map<number, { readonly bytes: ByteWriter; readonly table: PageTable }>;
  /** By device and inode number. */
  readonly files: Map<string, PwtFileFacts>;
  totals: Omit<PwtTotals, "files">;
}

/** Begins a recording: writes the file header and the META block. */
export function createPwtWriter(output: PwtOutput, meta: PwtMeta): PwtWriter {
  const w: PwtWriter = {
    output,
    streams: new Map(),
    files: new Map(),
    totals: { blocks: 0, streams: 0, accesses: 0, runs: 0, calls: 0 },
  };
  output.write(fileHeader());
  writeBlock(w, BLOCK_META, 0, encodeUtf8(JSON.stringify(meta)));
  return w;
}

/** Appends a chunk to a stream; a stream begins with its first chunk. */
export function writeChunk(w: PwtWriter, stream: number, chunk: Chunk): void {
  let open = w.streams.get(stream);
  if (open === undefined) {
    open = { bytes: createWriter(), table: createPageTable() };
    w.streams.set(stream, open);
    w.totals = { ...w.totals, streams: w.totals.streams + 1 };
  }
  putChunk(open.bytes, open.table, chunk);
  let accesses = w.totals.accesses;
  for (let i = 0; i < chunk.length; i++) accesses += chunk.count[i]!;
  const calls = w.totals.calls + (chunk.event.type === EVENT_CALL ? 1 : 0);
  w.totals = { ...w.totals, accesses, calls, runs: w.totals.runs + chunk.length };
  if (chunk.event.type === EVENT_FILE) noteFile(w, chunk.event);
  if (open.bytes.length >= BLOCK_BYTES) flushStream(w, stream);
}

/** Writes what a stream has gathered: when it ends, or to bound memory. */
export function flushStream(w: PwtWriter, stream: number): void {
  const open = w.streams.get(stream);
  if (open === undefined || open.bytes.length === 0) return;
  writeBlock(w, BLOCK_CHUNKS, stream, written(open.bytes));
  open.bytes.length = 0;
  clearPageTable(open.table);
}

/** Writes what is left, and the closing block. */
export function finishPwt(w: PwtWriter): PwtTotals {
  for (const stream of w.streams.keys()) flushStream(w, stream);
  const totals: PwtTotals = { ...w.totals, blocks: w.totals.blocks + 1, files: [...w.files.values()] };
  writeBlock(w, BLOCK_END, 0, encodeUtf8(JSON.stringify(totals)));
  return totals;
}

/** Remembers a file as it was when it was first named, for the END block. */
function noteFile(w: PwtWriter, file: PwtFileFacts): void {
  const key = `${file.dev}:${file.ino}`;
  if (w.files.has(key)) return;
  const { path, mode, dev, ino, sizeBytes } = file;
  w.files.set(key, { path, mode, dev, ino, sizeBytes });
}

/** Packs and writes one block. */
function writeBlock(w: PwtWriter, type: number, stream: number, bytes: Uint8Array): void {
  const payload = w.output.pack(bytes);
  w.output.write(
    blockHeader({ type, packing: w.output.packing, stream, unpackedBytes: bytes.length }, payload),
  );
  w.output.write(payload);
  w.totals = { ...w.totals, blocks: w.totals.blocks + 1 };
}
