/**
 * close(2).
 * Linux: fs/open.c, fs/file.c (6.12)   Doc: man 2 close
 */
import type { Task } from "../../base/types.ts";
import { closeFd } from "../../space/file.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** close(fd). Returns 0, or -EBADF when it is not open. Mappings of the file stay. */
export function sysClose(k: AbiState, task: Task, args: SyscallArgs): number {
  return closeFd(k, task, numberArg(args, 0));
}
