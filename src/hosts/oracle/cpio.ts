/**
 * Writes an initramfs: a cpio archive in the "newc" form, each entry a header of thirteen numbers in hexadecimal, the name, the bytes, and
 * zeros up to a multiple of four.
 * Linux: Documentation/driver-api/early-userspace/buffer-format.rst (6.12)
 */

/** A file, a link (`bytes` is where it leads) or a directory (`bytes` left out) of the archive. */
export interface ArchiveEntry {
  readonly path: string;
  /** File type and permissions as st_mode has them. */
  readonly mode: number;
  readonly bytes?: Uint8Array;
  /** When it was changed last, in seconds since 1970; 0 when left out. */
  readonly mtimeSeconds?: number;
}

const TRAILER = "TRAILER!!!";

/** The archive's bytes. Owner and group are 0, and times unless they are given, so that equal entries give equal bytes. */
export function writeArchive(entries: readonly ArchiveEntry[]): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (const [index, entry] of [...entries, { path: TRAILER, mode: 0 }].entries())
    pieces.push(...writeEntry(entry, index + 1));
  return Buffer.concat(pieces);
}

function writeEntry(entry: ArchiveEntry, inode: number): Uint8Array[] {
  const bytes = entry.bytes ?? new Uint8Array(0);
  const name = `${entry.path}\0`;
  const links = entry.path === TRAILER ? 0 : 1;
  const numbers = [
    inode,
    entry.mode,
    0,
    0,
    links,
    entry.mtimeSeconds ?? 0,
    bytes.length,
    0,
    0,
    0,
    0,
    name.length,
    0,
  ];
  const head = `070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}${name}`;
  return [padded(Buffer.from(head, "latin1")), padded(bytes)];
}

function padded(bytes: Uint8Array): Uint8Array {
  return Buffer.concat([bytes, new Uint8Array((4 - (bytes.length % 4)) % 4)]);
}
