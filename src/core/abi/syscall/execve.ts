/**
 * execve(2): runs another program in place of this one.
 * Differs: personality(2) is not there; a process whose addresses are not random though the sysctl asks for it was
 * started with ADDR_NO_RANDOMIZE, and hands that on, as a personality is handed on.
 * Linux: fs/exec.c (6.12)   Doc: man 2 execve
 */
import { ENAMETOOLONG } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { LAYOUT_RANDOMIZED } from "../../space/vma.ts";
import { doExecve } from "../exec.ts";
import { ADDR_NO_RANDOMIZE } from "../exec-layout.ts";
import { findProgram } from "../program.ts";
import type { AbiState } from "../state.ts";
import { listArg, type SyscallArgs, stringArg } from "./row.ts";

const PATH_MAX = 4096;

/**
 * execve(path, argv, envp). Returns 0 in the new program, BLOCKED while a file is read, or a negative errno: ENOENT,
 * EACCES, ENOEXEC, ELIBBAD, ENAMETOOLONG, and those of doExecve.
 */
export function sysExecve(k: AbiState, task: Task, args: SyscallArgs): number {
  const path = stringArg(args, 0);
  if (path.length >= PATH_MAX) return -ENAMETOOLONG;
  const program = findProgram(k, path);
  if (typeof program === "number") return program;
  const mm = k.task.mm[task];
  const isFixed = mm !== NONE && (k.mm.layout[mm] & LAYOUT_RANDOMIZED) === 0 && k.knob.randomizeVaSpace !== 0;
  return doExecve(k, task, {
    ...program,
    path,
    argv: listArg(args, 1),
    envp: listArg(args, 2),
    personality: isFixed ? ADDR_NO_RANDOMIZE : 0,
  });
}
