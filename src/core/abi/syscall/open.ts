/**
 * open(2), creat(2) and openat(2): a path becomes a descriptor.
 * Differs: paths are the model's own strings, compared whole: no links, no "..", relative paths as the program wrote
 * them; openat knows AT_FDCWD only as "the path as it is". O_TMPFILE, O_PATH and permissions of other users are not there.
 * Linux: fs/open.c, fs/namei.c (6.12)   Doc: man 2 open
 */

import { roomForObjects } from "../../alloc/charge.ts";
import { EEXIST, EISDIR, EMFILE, ENOENT, ENOMEM, ENOTDIR } from "../../base/errno.ts";
import { BLOCKED, type Inode, NONE, type Task } from "../../base/types.ts";
import {
  createInode,
  FDS,
  findInode,
  installFd,
  O_ACCMODE,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_RDONLY,
  O_TRUNC,
  O_WRONLY,
  openFile,
  S_IFDIR,
  S_IFMT,
  S_IFREG,
} from "../../space/file.ts";
import { KMEM_FILE } from "../../space/kmem.ts";
import { truncateFile } from "../../vm/truncate.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs, stringArg } from "./row.ts";

/** Mode bits that a new file takes from the call; the umask 022 is taken off. */
const MODE_BITS = 0o7777;
const UMASK = 0o022;

/**
 * open(path, flags, mode). Returns the lowest free descriptor, or -ENOENT, -EEXIST (O_CREAT with O_EXCL), -EISDIR
 * (a directory, to be written or created), -ENOTDIR (O_DIRECTORY), -EMFILE, -ENFILE, BLOCKED (O_TRUNC waits for a read).
 */
export function sysOpen(k: AbiState, task: Task, args: SyscallArgs): number {
  return doOpen(k, task, stringArg(args, 0), numberArg(args, 1), numberArg(args, 2));
}

/** creat(path, mode): open to write, created or emptied. */
export function sysCreat(k: AbiState, task: Task, args: SyscallArgs): number {
  return doOpen(k, task, stringArg(args, 0), O_CREAT | O_WRONLY | O_TRUNC, numberArg(args, 1));
}

/** openat(dirfd, path, flags, mode): as open; the directory is not looked at. */
export function sysOpenat(k: AbiState, task: Task, args: SyscallArgs): number {
  return doOpen(k, task, stringArg(args, 1), numberArg(args, 2), numberArg(args, 3));
}

function doOpen(k: AbiState, task: Task, path: string, flags: number, mode: number): number {
  // A descriptor is reserved before the path is looked at, so a full table changes nothing on the disk.
  if (!hasFreeFd(k, task)) return -EMFILE;
  let inode: Inode = path === "" ? NONE : findInode(k, path);
  if (inode === NONE) {
    if (path === "" || !(flags & O_CREAT)) return -ENOENT;
    inode = createInode(k, { path, sizeBytes: 0, mode: S_IFREG | (mode & MODE_BITS & ~UMASK) });
    if (inode < 0) return inode;
  } else {
    const refused = mayOpen(k, inode, flags);
    if (refused < 0) return refused;
    if (flags & O_TRUNC && (k.file.mode[inode] & S_IFMT) === S_IFREG) {
      const result = truncateFile(k, task, inode, 0);
      if (result === BLOCKED || result < 0) return result;
    }
  }
  if (roomForObjects(k, KMEM_FILE) < 0) return -ENOMEM;
  const file = openFile(k, inode, flags & ~(O_CREAT | O_EXCL | O_TRUNC));
  return file < 0 ? file : installFd(k, task, file);
}

/** What an existing file refuses: 0 or a negative errno. */
function mayOpen(k: AbiState, inode: Inode, flags: number): number {
  const isDirectory = (k.file.mode[inode] & S_IFMT) === S_IFDIR;
  if (flags & O_CREAT && flags & O_EXCL) return -EEXIST;
  if (isDirectory && (flags & O_CREAT || (flags & O_ACCMODE) !== O_RDONLY)) return -EISDIR;
  return flags & O_DIRECTORY && !isDirectory ? -ENOTDIR : 0;
}

function hasFreeFd(k: AbiState, task: Task): boolean {
  const base = k.task.fdTable[task] * FDS;
  return k.task.fds.subarray(base, base + FDS).includes(NONE);
}
