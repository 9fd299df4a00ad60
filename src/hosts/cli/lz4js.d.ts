/**
 * The part of lz4js that is used; the package has no types of its own.
 * Doc: https://www.npmjs.com/package/lz4js
 */
declare module "lz4js" {
  /** Most bytes that so many can become. */
  export function compressBound(bytes: number): number;
  /** Compresses a block; the table is zeros. Returns the bytes written, or 0 when it would not be smaller. */
  export function compressBlock(
    source: Uint8Array,
    target: Uint8Array,
    start: number,
    length: number,
    table: Uint32Array,
  ): number;
}
