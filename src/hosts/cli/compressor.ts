/**
 * What compressors make of a page, for machines with zswap or zram: lz4 what the kernel's does; of the others the machine's compressionRatio
 * speaks.
 * Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { lz4Length } from "./lz4-length.ts";

/** Bytes that a compressor makes of a page, or undefined where what it makes is not known. */
export function compressPage(name: string, page: Uint8Array): number | undefined {
  return name === "lz4" ? lz4Length(page) : undefined;
}
