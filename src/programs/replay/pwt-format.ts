/**
 * The frame of a .pwt file: a file header, then blocks, each with a header and a packed payload, the last of type END.
 *
 *     file    89 50 57 54 0d 0a 1a 0a   version u16   flags u16 (0)   crc32 of these 12 bytes
 *     block   "PWTB"   type u8   packing u8   0 u16   stream u32   unpacked bytes u32   packed bytes u32   crc32   payload
 *
 * All numbers are little-endian. A block's checksum covers its header up to the checksum, and its packed payload. Packing
 * and files are a host's business; here are the pure parts.
 * Doc: docs/pwt.md
 */
import { crc32 } from "./crc32.ts";
import { formatError } from "./format-error.ts";

export const PWT_VERSION = 1;
export const FILE_HEADER_BYTES = 16;
export const BLOCK_HEADER_BYTES = 24;

/** Block types: JSON about the whole recording (first), chunks of one stream, JSON with the totals (last). */
export const BLOCK_META = 1;
export const BLOCK_CHUNKS = 2;
export const BLOCK_END = 3;

/** How a payload is packed. */
export const PACK_NONE = 0;
export const PACK_DEFLATE = 1;
export const PACK_BROTLI = 2;

/** A block's payload never unpacks to more than this, so a reader's memory is bounded whatever a file says. */
export const BLOCK_MOST_BYTES = 4194304;

const MAGIC = [0x89, 0x50, 0x57, 0x54, 0x0d, 0x0a, 0x1a, 0x0a];
/** "PWTB", read as a little-endian number. */
const BLOCK_MARK = 0x42545750;
const CRC_AT = 20;

/** The header of a block. */
export interface BlockHeader {
  readonly type: number;
  readonly packing: number;
  readonly stream: number;
  readonly unpackedBytes: number;
  readonly packedBytes: number;
  readonly crc: number;
}

/** What a META block says. */
export interface PwtMeta {
  /** The command that was recorded. */
  readonly command: readonly string[];
  /** The tool that watched it, with its version. */
  readonly recorder: string;
  /** Kernel on which it ran. */
  readonly kernel: string;
  /** Pages in a merging phase. */
  readonly fetchPages: number;
  readonly dataPages: number;
}

/** What an END block says: sums over the whole file, which a reader compares with what it met. */
export interface PwtTotals {
  readonly blocks: number;
  readonly streams: number;
  readonly accesses: number;
  readonly runs: number;
  readonly calls: number;
  /** Every file that the recording names, as it was when it was first named. */
  readonly files: readonly PwtFileFacts[];
}

/** A file in an END block; the fields of a FILE event. */
export interface PwtFileFacts {
  readonly path: string;
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  readonly sizeBytes: number;
}

/** Whether a file that begins with these bytes is a recording. */
export function isPwt(start: Uint8Array): boolean {
  return MAGIC.every((byte, i) => start[i] === byte);
}

/** The 16 bytes a file begins with. */
export function fileHeader(): Uint8Array {
  const bytes = new Uint8Array(FILE_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setUint16(8, PWT_VERSION, true);
  view.setUint32(12, crc32(bytes, 0, 12), true);
  return bytes;
}

/** Refuses what is not the beginning of a recording this program can read. */
export function checkFileHeader(file: string, bytes: Uint8Array): void {
  if (bytes.length < FILE_HEADER_BYTES) {
    throw formatError(
      file,
      `byte ${bytes.length}`,
      `the file ends inside its header: expected ${FILE_HEADER_BYTES} bytes`,
    );
  }
  if (!isPwt(bytes))
    throw formatError(file, "byte 0", "expected the mark of a .pwt recording (89 50 57 54 0d 0a 1a 0a)");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(12, true) !== crc32(bytes, 0, 12)) {
    throw formatError(file, "byte 12", "the file header is damaged: its checksum does not match");
  }
  const version = view.getUint16(8, true);
  if (version !== PWT_VERSION)
    throw formatError(file, "byte 8", `expected format version ${PWT_VERSION}, found ${version}`);
}

/** Header bytes for a packed payload. */
export function blockHeader(
  block: Omit<BlockHeader, "crc" | "packedBytes">,
  payload: Uint8Array,
): Uint8Array {
  const bytes = new Uint8Array(BLOCK_HEADER_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, BLOCK_MARK, true);
  view.setUint8(4, block.type);
  view.setUint8(5, block.packing);
  view.setUint32(8, block.stream, true);
  view.setUint32(12, block.unpackedBytes, true);
  view.setUint32(16, payload.length, true);
  view.setUint32(CRC_AT, blockCrc(bytes, payload), true);
  return bytes;
}

/** Reads a block header that stands at byte `at` of the file. */
export function readBlockHeader(file: string, at: number, bytes: Uint8Array): BlockHeader {
  if (bytes.length < BLOCK_HEADER_BYTES) {
    const found = bytes.length === 0 ? "the end of the file" : `${bytes.length} bytes`;
    throw formatError(
      file,
      `byte ${at}`,
      `expected a block or the closing block, found ${found}: the recording is cut off`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(0, true) !== BLOCK_MARK)
    throw formatError(file, `byte ${at}`, 'expected a block (mark "PWTB")');
  const header = {
    type: view.getUint8(4),
    packing: view.getUint8(5),
    stream: view.getUint32(8, true),
    unpackedBytes: view.getUint32(12, true),
    packedBytes: view.getUint32(16, true),
    crc: view.getUint32(CRC_AT, true),
  };
  const isKnown = header.type >= BLOCK_META && header.type <= BLOCK_END && header.packing <= PACK_BROTLI;
  if (!isKnown || header.unpackedBytes > BLOCK_MOST_BYTES || header.packedBytes > BLOCK_MOST_BYTES) {
    throw formatError(file, `byte ${at}`, "the block header is damaged: type, packing or size cannot be");
  }
  return header;
}

/** Refuses a block (header bytes and packed payload, at byte `at` of the file) whose checksum does not match. */
export function checkBlock(file: string, at: number, headerBytes: Uint8Array, payload: Uint8Array): void {
  const header = readBlockHeader(file, at, headerBytes);
  if (payload.length < header.packedBytes) {
    throw formatError(
      file,
      `byte ${at + BLOCK_HEADER_BYTES + payload.length}`,
      `the file ends inside a block: expected ${header.packedBytes} bytes, found ${payload.length}`,
    );
  }
  if (blockCrc(headerBytes, payload) !== header.crc) {
    throw formatError(file, `byte ${at}`, "the block is damaged: its checksum does not match");
  }
}

/** Checksum of a block: its header before the checksum, then its packed payload. */
function blockCrc(headerBytes: Uint8Array, payload: Uint8Array): number {
  return crc32(payload, 0, payload.length, crc32(headerBytes, 0, CRC_AT));
}
