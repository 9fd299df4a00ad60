/**
 * posix_fadvise(2): how a file will be read, and that it may leave the cache.
 * Linux: mm/fadvise.c (6.12)   Doc: man 2 posix_fadvise
 */
import { EBADF, EINVAL } from "../../base/errno.ts";
import { NONE, type OpenFile, PAGE_SIZE, type Task } from "../../base/types.ts";
import { FILE_RANDOM, fdFile } from "../../space/file.ts";
import { writePages } from "../../space/write-out.ts";
import { forceReadAhead } from "../../vm/readahead.ts";
import { invalidatePages } from "../../vm/truncate.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

export const POSIX_FADV_NORMAL = 0;
export const POSIX_FADV_RANDOM = 1;
export const POSIX_FADV_SEQUENTIAL = 2;
export const POSIX_FADV_WILLNEED = 3;
export const POSIX_FADV_DONTNEED = 4;
export const POSIX_FADV_NOREUSE = 5;

/**
 * fadvise64(fd, offset, len, advice). Returns 0, -EBADF, or -EINVAL (negative length, unknown advice).
 */
export function sysFadvise64(k: AbiState, task: Task, args: SyscallArgs): number {
  const f = k.file;
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const first = numberArg(args, 1);
  const bytes = numberArg(args, 2);
  if (bytes < 0) return -EINVAL;
  // No length, or one that overflows, means up to the end.
  const end = bytes === 0 ? Number.MAX_SAFE_INTEGER : first + bytes;
  const pages = Math.floor((k.knob.readAheadKb * 1024) / PAGE_SIZE);
  switch (numberArg(args, 3)) {
    case POSIX_FADV_NORMAL:
      f.raPages[file] = pages;
      f.openFlags[file] &= ~FILE_RANDOM;
      return 0;
    case POSIX_FADV_RANDOM:
      f.openFlags[file] |= FILE_RANDOM;
      return 0;
    case POSIX_FADV_SEQUENTIAL:
      f.raPages[file] = pages * 2;
      f.openFlags[file] &= ~FILE_RANDOM;
      return 0;
    case POSIX_FADV_WILLNEED:
      willNeed(k, file, first, end);
      return 0;
    case POSIX_FADV_DONTNEED:
      dontNeed(k, file, first, end);
      return 0;
    case POSIX_FADV_NOREUSE:
      return 0;
    default:
      return -EINVAL;
  }
}

/** Starts to read the bytes [first, end). */
function willNeed(k: AbiState, file: OpenFile, first: number, end: number): void {
  const from = Math.floor(first / PAGE_SIZE);
  forceReadAhead(k, file, from, Math.floor((end - 1) / PAGE_SIZE) - from + 1);
}

/** Sends what is dirty to the disk, and drops the whole pages in [first, end) that are neither dirty nor on their way there; the last page of the file counts as whole when the range covers its end. */
function dontNeed(k: AbiState, file: OpenFile, first: number, end: number): void {
  const inode = k.file.inode[file];
  writePages(
    k,
    inode,
    Math.floor(first / PAGE_SIZE),
    Math.floor((end - 1) / PAGE_SIZE),
    Number.MAX_SAFE_INTEGER,
  );
  const from = Math.ceil(first / PAGE_SIZE);
  const coversEnd = end >= k.file.sizeBytes[inode];
  const last = coversEnd ? Number.MAX_SAFE_INTEGER : Math.floor(end / PAGE_SIZE) - 1;
  if (last >= from) invalidatePages(k, inode, from, last);
}
