/**
 * fsync(2) and fdatasync(2): the file's pages are on the disk before the call returns.
 * Linux: fs/sync.c, fs/ext4/fsync.c (6.12)   Doc: man 2 fsync
 */
import { EBADF } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { fdFile } from "../../space/file.ts";
import { fsyncFile } from "../../vm/sync.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/**
 * fsync(fd). Returns 0, -EBADF, -EINVAL (a device), -EIO
 * (a page could not be written; each open file is told once), or BLOCKED.
 */
export function sysFsync(k: AbiState, task: Task, args: SyscallArgs): number {
  const file = fdFile(k, task, numberArg(args, 0));
  return file === NONE ? -EBADF : fsyncFile(k, task, file);
}

/** fdatasync(fd): as fsync, but for what only the inode says. */
export function sysFdatasync(k: AbiState, task: Task, args: SyscallArgs): number {
  return sysFsync(k, task, args);
}
