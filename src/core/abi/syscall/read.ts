/**
 * read(2) and pread64(2).
 * Differs: a file that is neither regular nor a directory reads as /dev/null does: nothing.
 * Linux: fs/read_write.c (6.12)   Doc: man 2 read
 */
import { EBADF, EINVAL, EISDIR } from "../../base/errno.ts";
import { BLOCKED, NONE, type OpenFile, type Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, spend } from "../../hw/clock.ts";
import { fdFile, mayRead, S_IFDIR, S_IFMT, S_IFREG } from "../../space/file.ts";
import { filemapRead } from "../../vm/file-read.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";
import { checkTransfer } from "./user-range.ts";

/**
 * read(fd, buf, count). Returns the bytes read, 0 at the end of the file, -EBADF (not open, or not to be read), -EFAULT
 * (buffer), -EINVAL (count), -EISDIR, -ENOMEM, or BLOCKED.
 */
export function sysRead(k: AbiState, task: Task, args: SyscallArgs): number {
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const done = readAt(k, task, file, args, k.file.position[file]);
  if (done > 0) k.file.position[file] += done;
  return done;
}

/** pread64(fd, buf, count, offset): as read, from there, and the position stays. */
export function sysPread64(k: AbiState, task: Task, args: SyscallArgs): number {
  const position = numberArg(args, 3);
  if (position < 0) return -EINVAL;
  const file = fdFile(k, task, numberArg(args, 0));
  return file === NONE ? -EBADF : readAt(k, task, file, args, position);
}

function readAt(k: AbiState, task: Task, file: OpenFile, args: SyscallArgs, position: number): number {
  if (!mayRead(k, file)) return -EBADF;
  const mode = k.file.mode[k.file.inode[file]];
  const addr = numberArg(args, 1);
  const bytes = checkTransfer(k, addr, numberArg(args, 2));
  if (bytes < 0) return bytes;
  if ((mode & S_IFMT) === S_IFDIR) return -EISDIR;
  if ((mode & S_IFMT) !== S_IFREG) return 0;
  const done = filemapRead(k, task, file, { position, addr, bytes });
  if (done !== BLOCKED) spend(k, CAUSE_SYSCALL, COST_SYSCALL);
  return done;
}
