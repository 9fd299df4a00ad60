/**
 * .pwt recordings on disk: what src/programs/replay leaves to a host, reading bytes, unpacking, and writing under a
 * temporary name that becomes the final one only when the recording is whole.
 * Doc: docs/pwt.md
 */
import fs from "node:fs";
import zlib from "node:zlib";
import { formatError } from "../../programs/replay/format-error.ts";
import { type OpenTrace, openTrace } from "../../programs/replay/index.ts";
import {
  BLOCK_MOST_BYTES,
  PACK_BROTLI,
  PACK_DEFLATE,
  PACK_NONE,
  type PwtMeta,
  type PwtTotals,
} from "../../programs/replay/pwt-format.ts";
import { openPwt, type PwtReader } from "../../programs/replay/pwt-read.ts";
import type { TraceInput } from "../../programs/replay/text-source.ts";
import { createPwtWriter, finishPwt, type PwtWriter } from "./pwt-write.ts";

/** A recording being written to disk. */
export interface PwtFile {
  readonly writer: PwtWriter;
  /** Completes the file and gives it its name. */
  readonly finish: () => PwtTotals;
  /** Throws the file away; nothing is left. Does nothing after finish. */
  readonly discard: () => void;
}

/** Larger traces are to be unpacked by hand: they are read from disk piece by piece. */
const GUNZIP_MOST_BYTES = 1073741824;
/** Level 9 of brotli keeps up with any recorder and is within 3 % of the best. */
const BROTLI_LEVEL = 9;

/** Begins a recording that will be called `path`. Throws what the file system throws. */
export function createPwtFile(path: string, meta: PwtMeta): PwtFile {
  const temporary = `${path}.${process.pid}.partial`;
  const fd = fs.openSync(temporary, "wx");
  let isOpen = true;
  const discard = (): void => {
    if (!isOpen) return;
    isOpen = false;
    fs.closeSync(fd);
    fs.rmSync(temporary, { force: true });
  };
  const writer = createPwtWriter(
    {
      write: (bytes) => writeWhole(fd, bytes),
      packing: PACK_BROTLI,
      pack: (bytes) =>
        zlib.brotliCompressSync(bytes, {
          params: {
            [zlib.constants.BROTLI_PARAM_QUALITY]: BROTLI_LEVEL,
            [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
          },
        }),
    },
    meta,
  );
  const finish = (): PwtTotals => {
    const totals = finishPwt(writer);
    fs.fsyncSync(fd);
    fs.closeSync(fd);
    isOpen = false;
    fs.renameSync(temporary, path);
    return totals;
  };
  return { writer, finish, discard };
}

/** Opens a recording on disk. Throws a FormatError, or what the file system throws. The file stays open. */
export function openPwtFile(path: string): PwtReader {
  return openPwt(fileInput(path));
}

/**
 * Opens a trace of any format; a name that ends in .gz is unpacked first, into memory. Throws a FormatError, or what the
 * file system throws.
 */
export function openTraceFile(path: string, isExact = false): OpenTrace {
  return openTrace(path.endsWith(".gz") ? unpackedInput(path) : fileInput(path), isExact);
}

/** A file that stays open and is read where it is asked. */
function fileInput(path: string): TraceInput {
  const fd = fs.openSync(path, "r");
  return { name: path, readAt: (offset, length) => readAt(fd, offset, length), unpack };
}

/** A gzip file, unpacked into memory. */
function unpackedInput(path: string): TraceInput {
  let bytes: Buffer;
  try {
    bytes = zlib.gunzipSync(fs.readFileSync(path), { maxOutputLength: GUNZIP_MOST_BYTES });
  } catch (error) {
    const isSystem = (error as NodeJS.ErrnoException).syscall !== undefined;
    if (isSystem) throw error;
    throw formatError(
      path,
      "byte 0",
      `expected a whole gzip file of at most ${GUNZIP_MOST_BYTES} bytes (${(error as Error).message})`,
    );
  }
  return { name: path, readAt: (offset, length) => bytes.subarray(offset, offset + length), unpack };
}

/** Writes all bytes, however many writes that takes. */
function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
}

/** Reads `length` bytes from an offset; fewer at the end of the file. */
function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const got = fs.readSync(fd, bytes, done, length - done, offset + done);
    if (got === 0) break;
    done += got;
  }
  return bytes.subarray(0, done);
}

/** Unpacks a payload, to at most BLOCK_MOST_BYTES; undefined when it cannot be unpacked. */
function unpack(packing: number, bytes: Uint8Array): Uint8Array | undefined {
  const limit = { maxOutputLength: BLOCK_MOST_BYTES };
  try {
    if (packing === PACK_NONE) return bytes;
    if (packing === PACK_DEFLATE) return zlib.inflateSync(bytes, limit);
    return packing === PACK_BROTLI ? zlib.brotliDecompressSync(bytes, limit) : undefined;
  } catch {
    return undefined;
  }
}
