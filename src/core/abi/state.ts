/**
 * Floor 8 as data: the view of the kernel object that system calls, exec and the /proc tree have.
 * Linux: include/linux/binfmts.h, fs/proc/internal.h (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import type { Column, OpenFile } from "../base/types.ts";
import type { VmState } from "../vm/state.ts";
import type { ElfImage } from "./elf.ts";

/**
 * Which files are programs, and execs that wait midway. Simulated files have no bytes of their own, so the headers of an
 * executable are kept here, read once; a file without a row is not executable (ENOEXEC).
 */
export interface ProgramColumns {
  /** By Inode: what its ELF headers say. Never changes once it is there. */
  readonly image: (ElfImage | undefined)[];
  /** By Task: 0, or the step of its exec that comes next (exec.ts). */
  readonly step: Int32Array;
  /** By Task: context id of the address space that exec is building; the other columns hold for no other. */
  readonly context: Float64Array;
  /** By Task: why its exec will fail, a negative errno, or 0. */
  readonly failure: Int32Array;
  /** By Task: load bias of its program and of the interpreter, in bytes, and the interpreter's file, while it executes. */
  readonly bias: Float64Array;
  readonly interpreterBias: Float64Array;
  readonly interpreterFile: Column<OpenFile>;
}

/** What floor 8 sees of the kernel. */
export interface AbiState extends VmState {
  readonly program: ProgramColumns;
}

/** No programs yet, and room for `tasks` tasks. */
export function createProgramColumns(tasks: number): ProgramColumns {
  return {
    image: [],
    step: new Int32Array(tasks),
    context: new Float64Array(tasks),
    failure: new Int32Array(tasks),
    bias: new Float64Array(tasks),
    interpreterBias: new Float64Array(tasks),
    interpreterFile: new Int32Array(tasks),
  };
}
