/**
 * What compressors make of a page, by libraries: for machines with zswap. lz4 as WebAssembly; of lzo and zstd the machine's
 * compressionRatio speaks.
 * Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { compress } from "lz4-wasm-nodejs";

/** The library puts the length of what it was given, 4 bytes, before what it made of it. */
const LENGTH_BYTES = 4;

/** Bytes that a compressor makes of a page, or undefined where there is no library for it. */
export function compressPage(name: string, page: Uint8Array): number | undefined {
  return name === "lz4" ? compress(page).length - LENGTH_BYTES : undefined;
}
