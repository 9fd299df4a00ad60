/**
 * write(2) and pwrite64(2).
 * Differs: a file that is not regular takes everything, as /dev/null does.
 * Linux: fs/read_write.c, mm/filemap.c (6.12)   Doc: man 2 write
 */
import { EBADF, EINVAL, ETXTBSY } from "../../base/errno.ts";
import { BLOCKED, NONE, type OpenFile, type Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, spend } from "../../hw/clock.ts";
import { fdFile, mayWrite, O_APPEND, S_IFMT, S_IFREG } from "../../space/file.ts";
import { isSwapFile } from "../../space/swap-room.ts";
import { filemapWrite } from "../../vm/file-write.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";
import { checkTransfer } from "./user-range.ts";

/**
 * write(fd, buf, count). Returns the bytes written, -EBADF (not open, or not to be written), -EFAULT (buffer), -EINVAL
 * (count), -ETXTBSY (a swap area in use), -EFBIG, -ENOMEM, or BLOCKED.
 */
export function sysWrite(k: AbiState, task: Task, args: SyscallArgs): number {
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const position = startOfWrite(k, task, file, k.file.position[file]);
  const done = writeAt(k, task, file, args, position);
  if (done > 0) k.file.position[file] = position + done;
  return done;
}

/** pwrite64(fd, buf, count, offset): as write, there, and the position stays. */
export function sysPwrite64(k: AbiState, task: Task, args: SyscallArgs): number {
  const position = numberArg(args, 3);
  if (position < 0) return -EINVAL;
  const file = fdFile(k, task, numberArg(args, 0));
  return file === NONE ? -EBADF : writeAt(k, task, file, args, startOfWrite(k, task, file, position));
}

/** Where the write begins: with O_APPEND at the end of the file, which a call that goes on has moved already. */
function startOfWrite(k: AbiState, task: Task, file: OpenFile, position: number): number {
  if (!(k.file.openFlags[file] & O_APPEND)) return position;
  return k.file.sizeBytes[k.file.inode[file]] - k.task.progress[task];
}

function writeAt(k: AbiState, task: Task, file: OpenFile, args: SyscallArgs, position: number): number {
  if (!mayWrite(k, file)) return -EBADF;
  const addr = numberArg(args, 1);
  const bytes = checkTransfer(k, addr, numberArg(args, 2));
  if (bytes < 0) return bytes;
  const inode = k.file.inode[file];
  if ((k.file.mode[inode] & S_IFMT) !== S_IFREG) return bytes;
  if (isSwapFile(k, inode)) return -ETXTBSY;
  if (bytes === 0) return 0;
  const done = filemapWrite(k, task, file, { position, addr, bytes });
  if (done !== BLOCKED) spend(k, CAUSE_SYSCALL, COST_SYSCALL);
  return done;
}
