/**
 * Which files can be executed: a host gives the beginning of an executable's bytes, and exec finds the headers later.
 * Linux: fs/exec.c do_open_execat, fs/binfmt_elf.c (6.12)   Doc: man 2 execve
 */
import { bug } from "../base/bug.ts";
import { EACCES, ELIBBAD, ENOENT, ENOEXEC } from "../base/errno.ts";
import { type Inode, NONE } from "../base/types.ts";
import { findInode, S_IFMT, S_IFREG } from "../space/file.ts";
import { taskRows } from "../space/task.ts";
import { type ElfImage, type ElfRefusal, readElf } from "./elf.ts";
import type { AbiState } from "./state.ts";

/** Execute permission of user, group and others. */
const ANY_EXECUTE = 0o111;

/** A program's file and headers, and those of its interpreter if it asks for one. */
export interface ProgramFiles {
  readonly inode: Inode;
  readonly image: ElfImage;
  readonly interpreterInode?: Inode;
  readonly interpreter?: ElfImage;
}

/** Makes the file a program whose headers these bytes begin with. Returns undefined, or why it can not be one. */
export function addProgram(k: AbiState, inode: Inode, bytes: Uint8Array): ElfRefusal | undefined {
  const image = readElf(bytes);
  if (image.errno !== 0) return image;
  k.program.image[inode] = image;
  return undefined;
}

/**
 * What execve of a path has to load. Returns -ENOENT (no file, or no interpreter), -EACCES (not a regular file, or not
 * executable), -ENOEXEC (no program), -ELIBBAD (the interpreter is no program).
 */
export function findProgram(k: AbiState, path: string): ProgramFiles | number {
  const inode = openExec(k, path);
  if (inode < 0) return inode;
  const image = k.program.image[inode];
  if (image === undefined) return -ENOEXEC;
  if (image.interpreter === "") return { inode, image };
  const interpreterInode = openExec(k, image.interpreter);
  if (interpreterInode < 0) return interpreterInode;
  const interpreter = k.program.image[interpreterInode];
  return interpreter === undefined ? -ELIBBAD : { inode, image, interpreterInode, interpreter };
}

/**
 * Walks the execs that are under way. Invariants: the interpreter's file has a reference and is held by a task whose exec
 * has begun; a failure is a negative errno.
 */
export function checkPrograms(k: AbiState): void {
  const { step, failure, interpreterFile } = k.program;
  for (let task = 1; task < taskRows(k); task++) {
    const file = interpreterFile[task];
    if (file !== NONE && (step[task] === 0 || k.file.refcount[file] <= 0))
      bug(`task ${task} holds interpreter ${file} for no exec`);
    if (failure[task] > 0) bug(`the exec of task ${task} fails with ${failure[task]}`);
  }
}

/** The file at a path, if it may be executed; else -ENOENT or -EACCES. */
function openExec(k: AbiState, path: string): Inode {
  const inode = findInode(k, path);
  if (inode === NONE) return -ENOENT;
  const mode = k.file.mode[inode];
  return (mode & S_IFMT) !== S_IFREG || (mode & ANY_EXECUTE) === 0 ? -EACCES : inode;
}
