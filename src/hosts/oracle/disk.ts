/**
 * The disk that a script's files are on: an ext4 image with 4 KiB blocks and no journal, so that nothing is written behind a script's back.
 */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, truncateSync, writeSync } from "node:fs";
import { type Found, findProgram } from "./tools.ts";

const DISK_BYTES = 256 * 1024 * 1024;

/** Fixed, so that equal disks are equal byte for byte. */
const DISK_UUID = "70616765-7761-4c6b-8000-000000000001";

/** The command that makes the image, without its last argument, the file. */
export const MAKE_DISK = [
  "mkfs.ext4",
  "-q",
  "-F",
  "-b",
  "4096",
  "-U",
  DISK_UUID,
  "-E",
  `nodiscard,lazy_itable_init=0,hash_seed=${DISK_UUID}`,
] as const;

/**
 * Features of the file system. `encrypt` is there for kernels from 6.16 on, which use large folios on ext4 but not where encryption may be
 * used; 6.12 never uses them.
 */
const FEATURES = { guest: "^has_journal", host: "^has_journal,encrypt" } as const;

const CHUNK = Buffer.alloc(4 * 1024 * 1024);

/**
 * Makes a file of zeros at a path where there is none yet. Its first bytes are written: they take this machine's memory now, and a virtual
 * machine that writes there later is not held up by that.
 */
export function makeEmptyDisk(file: string, bytes: number, writtenBytes: number): void {
  const descriptor = openSync(file, "wx");
  for (let at = 0; at < writtenBytes; at += CHUNK.length)
    writeSync(descriptor, CHUNK, 0, Math.min(CHUNK.length, writtenBytes - at));
  closeSync(descriptor);
  truncateSync(file, bytes);
}

/** Makes an image at a path where there is no file yet. Returns the path, or why there is no image. */
export function makeDisk(file: string, use: keyof typeof FEATURES): Found<string> {
  const program = findProgram(MAKE_DISK[0]);
  if (program === undefined) return { missing: "there is no mkfs.ext4 (e2fsprogs)" };
  makeEmptyDisk(file, DISK_BYTES, use === "guest" ? DISK_BYTES : 0);
  const result = spawnSync(program, [...MAKE_DISK.slice(1), "-O", FEATURES[use], file], { encoding: "utf8" });
  if (result.status !== 0)
    return { missing: `mkfs.ext4 failed: ${(result.stderr ?? "").trim().split("\n")[0]}` };
  return { value: file };
}
