/**
 * lseek(2).
 * Linux: fs/read_write.c, fs/ext4/file.c (6.12)   Doc: man 2 lseek
 */
import { EBADF, EINVAL, ENXIO } from "../../base/errno.ts";
import { type Inode, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_dirty } from "../../frame/page.ts";
import { fdFile, MAX_FILE_BYTES, S_IFCHR, S_IFMT } from "../../space/file.ts";
import { findPage, isOnDisk } from "../../space/pagecache.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

export const SEEK_SET = 0;
export const SEEK_CUR = 1;
export const SEEK_END = 2;
export const SEEK_DATA = 3;
export const SEEK_HOLE = 4;

/**
 * lseek(fd, offset, whence). Returns the new position, -EBADF, -EINVAL (before the start, beyond the largest file,
 * unknown whence), or -ENXIO (SEEK_DATA and SEEK_HOLE at or past the end, or no data from there on).
 */
export function sysLseek(k: AbiState, task: Task, args: SyscallArgs): number {
  const f = k.file;
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const inode = f.inode[file];
  const asked = numberArg(args, 1);
  const whence = numberArg(args, 2);
  if (whence < SEEK_SET || whence > SEEK_HOLE) return -EINVAL;
  // A device like /dev/null has no position: it is 0 whatever is asked.
  if ((f.mode[inode] & S_IFMT) === S_IFCHR) return 0;
  let position = asked;
  if (whence === SEEK_CUR) position = f.position[file] + asked;
  if (whence === SEEK_END) position = f.sizeBytes[inode] + asked;
  if (whence === SEEK_DATA || whence === SEEK_HOLE)
    position = seekAlong(k, inode, asked, whence === SEEK_DATA);
  if (position === -ENXIO && whence >= SEEK_DATA) return -ENXIO;
  if (position < 0 || position > MAX_FILE_BYTES) return -EINVAL;
  f.position[file] = position;
  return position;
}

/** The first byte from `position` on that is data, or that is in a hole; the end of the file counts as a hole. */
function seekAlong(k: AbiState, inode: Inode, position: number, wantsData: boolean): number {
  const size = k.file.sizeBytes[inode];
  if (position < 0 || position >= size) return -ENXIO;
  const first = Math.floor(position / PAGE_SIZE);
  for (let index = first; index * PAGE_SIZE < size; index++) {
    if (hasData(k, inode, index) === wantsData) return index === first ? position : index * PAGE_SIZE;
  }
  return wantsData ? -ENXIO : size;
}

/** A page holds data when the disk has it or a write to it waits to go there. */
function hasData(k: AbiState, inode: Inode, index: number): boolean {
  if (isOnDisk(k, inode, index)) return true;
  const pfn = findPage(k, inode, index);
  return pfn !== NONE && (k.page[pfn * PAGE_WORDS + FLAGS] & PG_dirty) !== 0;
}
