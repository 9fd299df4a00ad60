/**
 * The files of a recording on the simulated machine: made when they are first named, the same file once, whatever its
 * paths.
 * Doc: docs/pwt.md
 */
import { createInode, type Inode, type Kernel, warmFile } from "../../core/index.ts";
import type { FileEvent } from "./events.ts";

/** What is to be known of a file before it can be made. */
export type FileSpec = Omit<FileEvent, "type" | "id">;

const S_IFMT = 0o170000;
const S_IFREG = 0o100000;

/** Whether a file is a regular one: only those have pages. */
export function isRegular(file: FileSpec): boolean {
  return (file.mode & S_IFMT) === S_IFREG;
}

/** The inode of a file, made at the first call. Negative errno when there is no room. */
export function inodeOf(inodes: Map<string, Inode>, k: Kernel, file: FileSpec): Inode {
  const key = `${file.dev}:${file.ino}`;
  const known = inodes.get(key);
  if (known !== undefined) return known;
  const { path, sizeBytes, mode, dev, ino } = file;
  const inode = createInode(k, { path, sizeBytes, mode, dev, ino });
  if (inode > 0) inodes.set(key, inode);
  return inode;
}

/** Brings a whole file into the page cache, as it is on a machine where somebody has read it before. */
export function cacheFile(k: Kernel, inode: Inode): void {
  warmFile(k, inode);
  k.clock.cpuNs[k.boot[2]!] = k.clock.ns[0]!;
}
