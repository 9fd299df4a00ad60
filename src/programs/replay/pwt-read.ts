/**
 * Reads a .pwt recording: one walk over the block headers finds each stream's blocks and proves that the file is whole;
 * after that every stream is unpacked one block at a time, whenever its process runs.
 * Doc: docs/pwt.md
 */
import { type ByteReader, createReader, decodeUtf8 } from "./bytes.ts";
import { clearPageTable, createPageTable, getChunk, type PageTable } from "./chunk-code.ts";
import type { Chunk, ChunkSource } from "./events.ts";
import { formatError } from "./format-error.ts";
import {
  BLOCK_CHUNKS,
  BLOCK_END,
  BLOCK_HEADER_BYTES,
  BLOCK_META,
  type BlockHeader,
  checkBlock,
  checkFileHeader,
  FILE_HEADER_BYTES,
  type PwtMeta,
  type PwtTotals,
  readBlockHeader,
} from "./pwt-format.ts";

/** What a host does for the reader. */
export interface PwtInput {
  /** Named in errors. */
  readonly name: string;
  /** Reads bytes from an offset; fewer than asked at the end of the file. */
  readonly readAt: (offset: number, length: number) => Uint8Array;
  /** Unpacks a payload of the given PACK_* kind; undefined when it cannot. */
  readonly unpack: (packing: number, bytes: Uint8Array) => Uint8Array | undefined;
}

/** An open recording. */
export interface PwtReader extends ChunkSource {
  readonly meta: PwtMeta;
  readonly totals: PwtTotals;
}

/** One stream's place in the file. */
interface OpenStream {
  /** Offsets of its blocks. */
  readonly blocks: number[];
  next: number;
  reader: ByteReader;
  readonly table: PageTable;
}

/** Opens a recording. Throws a FormatError for what is cut off, damaged, or no recording. */
export function openPwt(input: PwtInput): PwtReader {
  checkFileHeader(input.name, input.readAt(0, FILE_HEADER_BYTES));
  const streams = new Map<number, OpenStream>();
  let meta: PwtMeta | undefined;
  let at = FILE_HEADER_BYTES;
  for (let blocks = 1; ; blocks++) {
    const header = readBlockHeader(input.name, at, input.readAt(at, BLOCK_HEADER_BYTES));
    if ((blocks === 1) !== (header.type === BLOCK_META)) {
      throw formatError(input.name, `byte ${at}`, "expected the META block first, and once");
    }
    if (header.type === BLOCK_META) meta = readJson(input, at, checkMeta);
    if (header.type === BLOCK_CHUNKS) addBlock(streams, header, at, input.name);
    const after = at + BLOCK_HEADER_BYTES + header.packedBytes;
    if (header.type === BLOCK_END) {
      const totals = readJson(input, at, checkTotals);
      const isOutside = [...streams.keys()].some((stream) => stream >= totals.streams);
      if (totals.blocks !== blocks || totals.streams !== streams.size || isOutside) {
        throw formatError(
          input.name,
          `byte ${at}`,
          `expected ${totals.blocks} blocks of ${totals.streams} streams, found ${blocks} of ${streams.size}`,
        );
      }
      if (input.readAt(after, 1).length > 0)
        throw formatError(
          input.name,
          `byte ${after}`,
          "expected the end of the file after the closing block",
        );
      return {
        isBare: false,
        meta: meta!,
        totals,
        next: (stream, chunk) => nextChunk(input, streams.get(stream), chunk),
      };
    }
    at = after;
  }
}

/** Notes that a stream goes on in the block at byte `at`. */
function addBlock(streams: Map<number, OpenStream>, header: BlockHeader, at: number, name: string): void {
  let open = streams.get(header.stream);
  if (open === undefined) {
    open = { blocks: [], next: 0, reader: createReader(new Uint8Array(0), name), table: createPageTable() };
    streams.set(header.stream, open);
  }
  open.blocks.push(at);
}

/** The next chunk of a stream, from its current block or the one after it. */
function nextChunk(input: PwtInput, open: OpenStream | undefined, chunk: Chunk): boolean {
  if (open === undefined) return false;
  while (!getChunk(open.reader, open.table, chunk)) {
    if (open.next === open.blocks.length) return false;
    const at = open.blocks[open.next++]!;
    open.reader = createReader(readBlock(input, at), `${input.name}: block at byte ${at}`);
    clearPageTable(open.table);
  }
  return true;
}

/** Reads, checks and unpacks the block at byte `at`. */
function readBlock(input: PwtInput, at: number): Uint8Array {
  const headerBytes = input.readAt(at, BLOCK_HEADER_BYTES).slice();
  const header = readBlockHeader(input.name, at, headerBytes);
  const payload = input.readAt(at + BLOCK_HEADER_BYTES, header.packedBytes);
  checkBlock(input.name, at, headerBytes, payload);
  const bytes = input.unpack(header.packing, payload);
  if (bytes === undefined || bytes.length !== header.unpackedBytes) {
    throw formatError(
      input.name,
      `byte ${at}`,
      `the block does not unpack to the ${header.unpackedBytes} bytes it promises`,
    );
  }
  return bytes;
}

/** The JSON of a META or END block, if `check` finds in it what there should be. */
function readJson<T>(
  input: PwtInput,
  at: number,
  check: (value: Record<string, unknown>) => T | undefined,
): T {
  const text = decodeUtf8(readBlock(input, at));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const checked =
    typeof value === "object" && value !== null ? check(value as Record<string, unknown>) : undefined;
  if (checked === undefined)
    throw formatError(input.name, `byte ${at}`, "the block's JSON is not what its type promises");
  return checked;
}

/** The fields of a META block, or undefined when one is missing or of another type. */
function checkMeta(value: Record<string, unknown>): PwtMeta | undefined {
  const { command, recorder, kernel, fetchPages, dataPages } = value;
  if (!Array.isArray(command) || !command.every((word) => typeof word === "string")) return undefined;
  if (typeof recorder !== "string" || typeof kernel !== "string") return undefined;
  if (typeof fetchPages !== "number" || typeof dataPages !== "number") return undefined;
  return { command, recorder, kernel, fetchPages, dataPages };
}

/** The fields of an END block, or undefined. */
function checkTotals(value: Record<string, unknown>): PwtTotals | undefined {
  const { blocks, streams, accesses, runs, calls, files } = value;
  for (const number of [blocks, streams, accesses, runs, calls])
    if (typeof number !== "number") return undefined;
  if (!Array.isArray(files) || !files.every(isFile)) return undefined;
  return { blocks, streams, accesses, runs, calls, files } as PwtTotals;
}

/** Whether a value has the fields of a file in an END block. */
function isFile(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const { path, mode, dev, ino, sizeBytes } = value as Record<string, unknown>;
  return (
    typeof path === "string" && [mode, dev, ino, sizeBytes].every((number) => typeof number === "number")
  );
}
