/**
 * What compressors make of a page, by libraries: for machines with zswap. lz4 finds what the kernel's finds in pages of a few words
 * (compared with liblz4, byte by byte of length); of lzo and zstd the machine's compressionRatio speaks.
 * Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { compressBlock, compressBound } from "lz4js";

/** Places of the library's table of what it has met: it uses 16 bits of a hash. */
const TABLE_PLACES = 65536;

/** Bytes that a compressor makes of a page, or undefined where there is no library for it. */
export function compressPage(name: string, page: Uint8Array): number | undefined {
  if (name !== "lz4") return undefined;
  const bytes = compressBlock(page, compressed, 0, page.length, met.fill(0));
  // 0: it found nothing to make smaller.
  return bytes === 0 ? compressed.length : bytes;
}

const compressed = new Uint8Array(compressBound(4096));
const met = new Uint32Array(TABLE_PLACES);
