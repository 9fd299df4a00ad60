/**
 * ftruncate(2).
 * Linux: fs/open.c, mm/truncate.c (6.12)   Doc: man 2 ftruncate
 */
import { EBADF, EINVAL } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { fdFile, mayWrite, S_IFMT, S_IFREG } from "../../space/file.ts";
import { truncateFile } from "../../vm/truncate.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/**
 * ftruncate(fd, length). Returns 0, -EINVAL (negative length, not a regular file, not open for writing), -EBADF,
 * -EFBIG, -ENOMEM, or BLOCKED.
 */
export function sysFtruncate(k: AbiState, task: Task, args: SyscallArgs): number {
  const length = numberArg(args, 1);
  if (length < 0) return -EINVAL;
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const inode = k.file.inode[file];
  if ((k.file.mode[inode] & S_IFMT) !== S_IFREG || !mayWrite(k, file)) return -EINVAL;
  return truncateFile(k, task, inode, length);
}
