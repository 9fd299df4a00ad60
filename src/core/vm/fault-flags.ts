/**
 * Words that the fault handlers pass each other: flags of a fault, and what a handler answers besides an error.
 *
 * How a fault that must read from disk is counted. A user fault first runs under the lock of its VMA alone; a handler
 * that waits there answers "retry", and the second attempt runs under mmap_lock, marked TRIED only when the page was
 * not in the page cache at all. A fault made inside the kernel, copying to or from a user buffer, runs under
 * mmap_lock at once, and any wait marks it TRIED. A fault that ends TRIED, or whose last attempt was major, is major:
 *
 *   page cache              user access        copy to user                 populate
 *   has it, uptodate        minor              minor                        minor
 *   is reading it already   minor              major (pgmajfault unchanged) minor
 *   does not have it        major, pgmajfault  major, pgmajfault            minor, pgmajfault
 *
 * Linux: include/linux/mm_types.h, arch/x86/mm/fault.c (6.12)   Doc: Documentation/mm/process_addrs.rst
 */

export const FAULT_FLAG_WRITE = 1 << 0;
export const FAULT_FLAG_TRIED = 1 << 5;
/** The access was made in user mode, by the program itself. */
export const FAULT_FLAG_USER = 1 << 6;
export const FAULT_FLAG_INSTRUCTION = 1 << 8;

/** The access has been retried so often that nothing may take its page before it is made (no flag of Linux's). */
export const FAULT_FLAG_AGAIN = 1 << 17;

/** Populate asks: a retry is a new fault, which remembers nothing, so what it waited for counts as minor (Linux: faultin_page). */
export const FAULT_FLAG_POPULATE = 1 << 16;

/** Answer of a handler that is done: count a major fault, not a minor one. */
export const VM_FAULT_MAJOR = 4;

/** Bits of `k.task.faultTried`: the retry is TRIED; the attempt under the VMA lock is over. Cleared when a fault ends. */
export const RETRY_TRIED = 1;
export const RETRY_MMAP_LOCK = 2;
