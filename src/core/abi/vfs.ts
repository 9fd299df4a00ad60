/**
 * The one door of the trees the kernel shows to programs and operators: list a directory, read a file, write a file.
 * The trees themselves are lists of paths; here a path is looked up and answered as the system calls would.
 * Linux: fs/proc/root.c, fs/proc/generic.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { ENOENT } from "../base/errno.ts";
import { NONE, type Task } from "../base/types.ts";
import type { AbiState } from "./state.ts";

/** Who asks, and which bytes. `self` is the task that /proc/self names. */
export interface ReadOptions {
  readonly self?: Task;
  readonly offset?: number;
  readonly length?: number;
}

/**
 * The contents of a file. Text files come as a string, binary ones (pagemap) as bytes; pagemap needs `length`.
 * Returns a negative errno: ENOENT no such file, ESRCH the process is gone, EISDIR, EFBIG pagemap without a length.
 */
export function readFile(k: AbiState, path: string, options: ReadOptions = {}): string | Uint8Array | number {
  void k;
  void path;
  return options.self === NONE ? -ENOENT : -ENOENT;
}

/** Names in a directory, sorted as the kernel lists them; a negative errno (ENOENT, ENOTDIR). */
export function listDirectory(k: AbiState, path: string): string[] | number {
  void k;
  void path;
  return -ENOENT;
}

/**
 * Writes a file, which for sysctls sets the tunable. Returns 0 or a negative errno: ENOENT, EACCES not writable,
 * EINVAL no number or out of range.
 */
export function writeFile(k: AbiState, path: string, text: string): number {
  void k;
  void path;
  void text;
  return -ENOENT;
}
