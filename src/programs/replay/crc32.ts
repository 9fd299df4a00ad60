/**
 * CRC-32 (the polynomial of zlib, PNG and Ethernet, 0xEDB88320 reflected), four bytes a turn.
 * Doc: docs/pwt.md, RFC 1952 section 8
 */

const TABLE = createTable();

/** The checksum of `bytes` from `from` to `to`, continuing from `start` (0 for a new one). Unsigned. */
export function crc32(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let crc = ~start;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc =
      TABLE[768 + (crc & 255)]! ^
      TABLE[512 + ((crc >>> 8) & 255)]! ^
      TABLE[256 + ((crc >>> 16) & 255)]! ^
      TABLE[crc >>> 24]!;
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ TABLE[(crc ^ bytes[at]!) & 255]!;
  return ~crc >>> 0;
}

/** Row n of 256: what a byte contributes that has n more bytes after it in the same turn. */
function createTable(): Int32Array {
  const table = new Int32Array(1024);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
    table[byte] = crc;
  }
  for (let i = 256; i < 1024; i++) {
    const before = table[i - 256]!;
    table[i] = (before >>> 8) ^ table[before & 255]!;
  }
  return table;
}
