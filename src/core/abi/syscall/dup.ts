/**
 * dup(2) and dup2(2): another descriptor for the same open file, position and all.
 * Linux: fs/file.c (6.12)   Doc: man 2 dup
 */
import { EBADF, EMFILE } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { closeFd, FDS, fdFile, getFile, installFd } from "../../space/file.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** dup(fd). Returns the lowest free descriptor, -EBADF, or -EMFILE. */
export function sysDup(k: AbiState, task: Task, args: SyscallArgs): number {
  const file = fdFile(k, task, numberArg(args, 0));
  if (file === NONE) return -EBADF;
  const fd = installFd(k, task, file);
  if (fd < 0) return -EMFILE;
  getFile(k, file);
  return fd;
}

/** dup2(oldfd, newfd): onto that descriptor, which is closed first. Returns it, or -EBADF. */
export function sysDup2(k: AbiState, task: Task, args: SyscallArgs): number {
  const from = numberArg(args, 0);
  const to = numberArg(args, 1);
  const file = fdFile(k, task, from);
  if (file === NONE || !Number.isInteger(to) || to < 0 || to >= FDS) return -EBADF;
  if (from === to) return to;
  getFile(k, file);
  closeFd(k, task, to);
  k.task.fds[k.task.fdTable[task] * FDS + to] = file;
  return to;
}
