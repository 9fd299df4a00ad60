/**
 * Floor 8 as data: the view of the kernel object that system calls, exec and the /proc tree have.
 * Linux: include/linux/binfmts.h, fs/proc/internal.h (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import type { VmState } from "../vm/state.ts";
import type { ElfImage } from "./elf.ts";

/**
 * Which files are programs. Simulated files have no bytes of their own, so the headers of an executable are kept here,
 * read once; a file without a row is not executable (ENOEXEC).
 */
export interface ProgramColumns {
  /** By Inode: what its ELF headers say. */
  readonly image: (ElfImage | undefined)[];
}

/** What floor 8 sees of the kernel. */
export interface AbiState extends VmState {
  readonly program: ProgramColumns;
}

/** No programs yet. */
export function createProgramColumns(): ProgramColumns {
  return { image: [] };
}
