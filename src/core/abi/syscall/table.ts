/**
 * Every system call there is: number, name, how faithful, and the function that does it.
 * Linux: arch/x86/entry/syscalls/syscall_64.tbl (6.12)   Doc: man 2 syscalls
 */
import { handleOverHigh } from "../../alloc/memcg-high.ts";
import { ENOSYS } from "../../base/errno.ts";
import { BLOCKED, type Task } from "../../base/types.ts";
import { GFP_KERNEL } from "../../reclaim/gfp.ts";
import type { AbiState } from "../state.ts";
import { sysBrk } from "./brk.ts";
import { sysClone } from "./clone.ts";
import { sysClose } from "./close.ts";
import { sysDup, sysDup2 } from "./dup.ts";
import { sysExecve } from "./execve.ts";
import { sysExit, sysExitGroup } from "./exit.ts";
import { sysFadvise64 } from "./fadvise64.ts";
import { sysFork, sysVfork } from "./fork.ts";
import { sysFdatasync, sysFsync } from "./fsync.ts";
import { sysFtruncate } from "./ftruncate.ts";
import { sysGetpid, sysGetppid, sysGettid } from "./getpid.ts";
import { sysLseek } from "./lseek.ts";
import { sysMadvise } from "./madvise.ts";
import { sysMincore } from "./mincore.ts";
import { sysMmap } from "./mmap.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMsync } from "./msync.ts";
import { sysMunmap } from "./munmap.ts";
import { sysCreat, sysOpen, sysOpenat } from "./open.ts";
import { sysGetpriority, sysSetpriority } from "./priority.ts";
import { sysPread64, sysRead } from "./read.ts";
import type { SyscallArgs, SyscallRow } from "./row.ts";
import { sysSwapoff } from "./swapoff.ts";
import { sysSwapon } from "./swapon.ts";
import { sysSync } from "./sync.ts";
import { sysSyncFileRange } from "./sync-file-range.ts";
import { sysWait4 } from "./wait4.ts";
import { sysPwrite64, sysWrite } from "./write.ts";

const PATHS =
  'partial: paths are compared whole: no links, no "..", no directories\' descriptors, no other users';

/** The table, by number. A call that is not in it does not exist: ENOSYS. */
export const SYSCALLS: readonly SyscallRow[] = [
  {
    nr: 0,
    name: "read",
    faithful: "partial: regular files and directories; others read as /dev/null",
    run: sysRead,
  },
  {
    nr: 1,
    name: "write",
    faithful: "partial: regular files; others take everything as /dev/null",
    run: sysWrite,
  },
  { nr: 2, name: "open", faithful: PATHS, run: sysOpen },
  { nr: 3, name: "close", faithful: "exact", run: sysClose },
  { nr: 8, name: "lseek", faithful: "exact", run: sysLseek },
  {
    nr: 9,
    name: "mmap",
    faithful: "partial: no MAP_LOCKED, MAP_HUGETLB or MAP_DROPPABLE (ENOSYS)",
    run: sysMmap,
  },
  { nr: 10, name: "mprotect", faithful: "partial: no protection keys", run: sysMprotect },
  { nr: 11, name: "munmap", faithful: "exact", run: sysMunmap },
  { nr: 12, name: "brk", faithful: "exact", run: sysBrk },
  { nr: 17, name: "pread64", faithful: "partial: as read", run: sysPread64 },
  { nr: 18, name: "pwrite64", faithful: "partial: as write", run: sysPwrite64 },
  { nr: 26, name: "msync", faithful: "exact", run: sysMsync },
  { nr: 27, name: "mincore", faithful: "partial: one user", run: sysMincore },
  {
    nr: 28,
    name: "madvise",
    faithful:
      "partial: DONTNEED, NORMAL, RANDOM, SEQUENTIAL, (DO|DONT)FORK, (DO|DONT)DUMP, (WIPE|KEEP)ONFORK, (NO)HUGEPAGE; ENOSYS for other advice",
    run: sysMadvise,
  },
  { nr: 32, name: "dup", faithful: "partial: 256 descriptors a table", run: sysDup },
  { nr: 33, name: "dup2", faithful: "partial: 256 descriptors a table", run: sysDup2 },
  { nr: 39, name: "getpid", faithful: "exact", run: sysGetpid },
  {
    nr: 56,
    name: "clone",
    faithful: "partial: no namespaces, no pidfd; stack and thread pointer are the program's own business",
    run: sysClone,
  },
  { nr: 57, name: "fork", faithful: "exact", run: sysFork },
  { nr: 58, name: "vfork", faithful: "exact", run: sysVfork },
  {
    nr: 59,
    name: "execve",
    faithful: "partial: no scripts (#!), no 32-bit programs; descriptors stay open",
    run: sysExecve,
  },
  { nr: 60, name: "exit", faithful: "exact", run: sysExit },
  { nr: 61, name: "wait4", faithful: "partial: no stopped or continued children", run: sysWait4 },
  {
    nr: 74,
    name: "fsync",
    faithful: "partial: there is no journal, and the disk has no cache of its own",
    run: sysFsync,
  },
  {
    nr: 75,
    name: "fdatasync",
    faithful: "partial: there is no journal, and the disk has no cache of its own",
    run: sysFdatasync,
  },
  { nr: 77, name: "ftruncate", faithful: "exact", run: sysFtruncate },
  { nr: 85, name: "creat", faithful: PATHS, run: sysCreat },
  { nr: 110, name: "getppid", faithful: "exact", run: sysGetppid },
  { nr: 140, name: "getpriority", faithful: "partial: one user", run: sysGetpriority },
  { nr: 141, name: "setpriority", faithful: "partial: root only, one user", run: sysSetpriority },
  {
    nr: 162,
    name: "sync",
    faithful: "partial: there is no journal, and the disk has no cache of its own",
    run: sysSync,
  },
  {
    nr: 167,
    name: "swapon",
    faithful: "partial: regular files only; areas on block devices come with the machine",
    run: sysSwapon,
  },
  { nr: 168, name: "swapoff", faithful: "partial: nothing else runs while it waits", run: sysSwapoff },
  { nr: 186, name: "gettid", faithful: "exact", run: sysGettid },
  { nr: 221, name: "fadvise64", faithful: "exact", run: sysFadvise64 },
  { nr: 231, name: "exit_group", faithful: "exact", run: sysExitGroup },
  { nr: 257, name: "openat", faithful: PATHS, run: sysOpenat },
  { nr: 277, name: "sync_file_range", faithful: "exact", run: sysSyncFileRange },
];

/**
 * Does call number `nr` for the task. Returns the result (>= 0), a negative errno, or BLOCKED when the task must wait:
 * then the scheduler asks again with the same arguments.
 */
export function syscall(k: AbiState, task: Task, nr: number, args: SyscallArgs): number {
  for (const row of SYSCALLS) if (row.nr === nr) return leave(k, task, row.run(k, task, args));
  return -ENOSYS;
}

/** On the way back to the program, pages charged above memory.high are made good for. */
function leave(k: AbiState, task: Task, result: number): number {
  if (k.task.overHigh[task] !== 0 && result !== BLOCKED) handleOverHigh(k, GFP_KERNEL);
  return result;
}
