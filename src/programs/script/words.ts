/**
 * The vocabulary of the script language: constants by name, calls with their numbers and arguments, words that may not
 * be bound. Values are those of Linux x86-64.
 * Linux: include/uapi/asm-generic/mman-common.h, fcntl.h, include/uapi/linux/sched.h (6.12)   Doc: docs/script.md
 */

/** What an argument of a call may be: a number, or a quoted path. */
export type ArgKind = "number" | "string";

/** How a call's result is written: a number, an address (of a region as long as argument 1), or a task. */
export type ResultKind = "number" | "region" | "break" | "task" | "pid" | "wait" | "exit";

/** One call of the language. */
export interface CallWord {
  readonly nr: number;
  readonly args: readonly ArgKind[];
  /** Arguments that must be given; the others are 0 when left out. */
  readonly required: number;
  readonly result: ResultKind;
}

function call(nr: number, required: number, result: ResultKind, ...args: ArgKind[]): CallWord {
  return { nr, args, required, result };
}

const N = "number";

/** Every call, by name. */
export const CALLS: ReadonlyMap<string, CallWord> = new Map([
  ["read", call(0, 3, "number", N, N, N)],
  ["write", call(1, 3, "number", N, N, N)],
  ["open", call(2, 2, "number", "string", N, N)],
  ["close", call(3, 1, "number", N)],
  ["lseek", call(8, 3, "number", N, N, N)],
  ["mmap", call(9, 4, "region", N, N, N, N, N, N)],
  ["mprotect", call(10, 3, "number", N, N, N)],
  ["munmap", call(11, 2, "number", N, N)],
  ["brk", call(12, 1, "break", N)],
  ["msync", call(26, 3, "number", N, N, N)],
  ["mincore", call(27, 3, "number", N, N, N)],
  ["madvise", call(28, 3, "number", N, N, N)],
  ["getpid", call(39, 0, "pid")],
  ["clone", call(56, 1, "task", N)],
  ["fork", call(57, 0, "task")],
  ["exit", call(60, 1, "exit", N)],
  ["wait4", call(61, 1, "wait", N, N, N, N)],
  ["fsync", call(74, 1, "number", N)],
  ["fdatasync", call(75, 1, "number", N)],
  ["ftruncate", call(77, 2, "number", N, N)],
  ["getpriority", call(140, 2, "number", N, N)],
  ["setpriority", call(141, 3, "number", N, N, N)],
  ["sync", call(162, 0, "number")],
  ["sync_file_range", call(277, 4, "number", N, N, N, N)],
]);

/** Every constant, by name. */
export const CONSTANTS: ReadonlyMap<string, number> = new Map(
  Object.entries({
    NULL: 0,
    PROT_NONE: 0,
    PROT_READ: 1,
    PROT_WRITE: 2,
    PROT_EXEC: 4,
    MAP_SHARED: 1,
    MAP_PRIVATE: 2,
    MAP_SHARED_VALIDATE: 3,
    MAP_FIXED: 0x10,
    MAP_ANONYMOUS: 0x20,
    MAP_GROWSDOWN: 0x100,
    MAP_DENYWRITE: 0x800,
    MAP_EXECUTABLE: 0x1000,
    MAP_LOCKED: 0x2000,
    MAP_NORESERVE: 0x4000,
    MAP_POPULATE: 0x8000,
    MAP_NONBLOCK: 0x10000,
    MAP_STACK: 0x20000,
    MAP_HUGETLB: 0x40000,
    MAP_SYNC: 0x80000,
    MAP_FIXED_NOREPLACE: 0x100000,
    MADV_NORMAL: 0,
    MADV_RANDOM: 1,
    MADV_SEQUENTIAL: 2,
    MADV_WILLNEED: 3,
    MADV_DONTNEED: 4,
    MADV_FREE: 8,
    MADV_REMOVE: 9,
    MADV_DONTFORK: 10,
    MADV_DOFORK: 11,
    MADV_MERGEABLE: 12,
    MADV_UNMERGEABLE: 13,
    MADV_HUGEPAGE: 14,
    MADV_NOHUGEPAGE: 15,
    MADV_DONTDUMP: 16,
    MADV_DODUMP: 17,
    MADV_WIPEONFORK: 18,
    MADV_KEEPONFORK: 19,
    MADV_COLD: 20,
    MADV_PAGEOUT: 21,
    MADV_POPULATE_READ: 22,
    MADV_POPULATE_WRITE: 23,
    MS_ASYNC: 1,
    MS_INVALIDATE: 2,
    MS_SYNC: 4,
    SYNC_FILE_RANGE_WAIT_BEFORE: 1,
    SYNC_FILE_RANGE_WRITE: 2,
    SYNC_FILE_RANGE_WAIT_AFTER: 4,
    O_RDONLY: 0,
    O_WRONLY: 1,
    O_RDWR: 2,
    O_CREAT: 0x40,
    O_EXCL: 0x80,
    O_TRUNC: 0x200,
    O_APPEND: 0x400,
    PRIO_PROCESS: 0,
    PRIO_PGRP: 1,
    PRIO_USER: 2,
    SEEK_SET: 0,
    SEEK_CUR: 1,
    SEEK_END: 2,
    SEEK_DATA: 3,
    SEEK_HOLE: 4,
    CLONE_VM: 0x100,
    CLONE_FS: 0x200,
    CLONE_FILES: 0x400,
    CLONE_SIGHAND: 0x800,
    CLONE_PARENT: 0x8000,
    CLONE_THREAD: 0x10000,
    CLONE_SYSVSEM: 0x40000,
    SIGCHLD: 17,
    WNOHANG: 1,
  }),
);

/** Names bound before the first statement; `main` is the first task, the others are addresses. */
export const BASES = ["text", "heap", "top", "stack"] as const;

/** Words with a meaning of their own, besides calls and constants. */
export const KEYWORDS: ReadonlySet<string> = new Set([
  "load",
  "store",
  "fetch",
  "scan",
  "stride",
  "loop",
  "uniform",
  "zipf",
  "file",
  "drop",
  "warm",
  "sysctl",
  "show",
  "fatal",
  "main",
  "cgroup",
  "swap",
  "enter",
  "together",
  "oom_score_adj",
  "watch",
  "end",
  "max",
  ...BASES,
]);

/** Files of memory cgroups that only version 1 has: a script that names one has its cgroups there. */
export const OLD_GROUP_FILES: ReadonlySet<string> = new Set([
  "memory.limit_in_bytes",
  "memory.memsw.limit_in_bytes",
  "memory.soft_limit_in_bytes",
  "memory.swappiness",
  "memory.oom_control",
  "memory.use_hierarchy",
]);

/** Whether a script may bind the name. */
export function mayBind(name: string): boolean {
  return !KEYWORDS.has(name) && !CALLS.has(name) && !CONSTANTS.has(name);
}
