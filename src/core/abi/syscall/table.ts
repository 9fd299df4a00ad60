/**
 * Every system call there is: number, name, how faithful, and the function that does it.
 * Linux: arch/x86/entry/syscalls/syscall_64.tbl (6.12)   Doc: man 2 syscalls
 */
import { ENOSYS } from "../../base/errno.ts";
import type { Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";
import { sysBrk } from "./brk.ts";
import { sysExecve } from "./execve.ts";
import { sysMadvise } from "./madvise.ts";
import { sysMmap } from "./mmap.ts";
import { sysMprotect } from "./mprotect.ts";
import { sysMunmap } from "./munmap.ts";
import type { SyscallArgs, SyscallRow } from "./row.ts";

/** The table, by number. A call that is not in it does not exist: ENOSYS. */
export const SYSCALLS: readonly SyscallRow[] = [
  { nr: 9, name: "mmap", faithful: "partial: no shared anonymous memory, MAP_LOCKED, MAP_HUGETLB or MAP_DROPPABLE (ENOSYS)", run: sysMmap },
  { nr: 10, name: "mprotect", faithful: "exact", run: sysMprotect },
  { nr: 11, name: "munmap", faithful: "exact", run: sysMunmap },
  { nr: 12, name: "brk", faithful: "exact", run: sysBrk },
  { nr: 28, name: "madvise", faithful: "partial: advice other than MADV_DONTNEED", run: sysMadvise },
  { nr: 59, name: "execve", faithful: "partial: no scripts (#!), no 32-bit programs; descriptors stay open", run: sysExecve },
];

/** Name of a call by number, or "" when there is no such call. */
export function syscallName(nr: number): string {
  return SYSCALLS.find((row) => row.nr === nr)?.name ?? "";
}

/**
 * Does call number `nr` for the task. Returns the result (>= 0), a negative errno, or BLOCKED when the task must wait:
 * then the scheduler asks again with the same arguments.
 */
export function syscall(k: AbiState, task: Task, nr: number, args: SyscallArgs): number {
  for (const row of SYSCALLS) if (row.nr === nr) return row.run(k, task, args);
  return -ENOSYS;
}
