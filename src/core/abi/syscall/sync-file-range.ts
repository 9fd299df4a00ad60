/**
 * sync_file_range(2): sends part of a file to its disk, and waits for it, or not.
 * Linux: fs/sync.c (6.12)   Doc: man 2 sync_file_range
 */
import { EBADF, EINVAL, ESPIPE } from "../../base/errno.ts";
import { NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { fdFile, S_IFDIR, S_IFMT, S_IFREG } from "../../space/file.ts";
import {
  SYNC_FILE_RANGE_WAIT_AFTER,
  SYNC_FILE_RANGE_WAIT_BEFORE,
  SYNC_FILE_RANGE_WRITE,
  syncFileRange,
} from "../../vm/sync.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

const FLAGS = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
/** The first byte that no file can have: offsets are signed 64-bit numbers. */
const BEYOND_OFFSETS = 2 ** 63;

/**
 * sync_file_range(fd, offset, nbytes, flags); 0 bytes means up to the end. Returns 0, -EBADF, -EINVAL (unknown flag, a
 * range that is negative or too far), -ESPIPE (neither file nor directory), -EIO as fsync, or BLOCKED.
 */
export function sysSyncFileRange(k: AbiState, task: Task, args: SyscallArgs): number {
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const offset = numberArg(args, 1);
  const bytes = numberArg(args, 2);
  const flags = numberArg(args, 3);
  if ((flags & ~FLAGS) !== 0 || offset < 0 || bytes < 0 || offset + bytes >= BEYOND_OFFSETS) return -EINVAL;
  const kind = k.file.mode[k.file.inode[file]] & S_IFMT;
  if (kind !== S_IFREG && kind !== S_IFDIR) return -ESPIPE;
  const first = Math.floor(offset / PAGE_SIZE);
  const last = bytes === 0 ? Number.MAX_SAFE_INTEGER : Math.floor((offset + bytes - 1) / PAGE_SIZE);
  return syncFileRange(k, task, file, { first, last }, flags);
}
