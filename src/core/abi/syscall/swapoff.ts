/**
 * swapoff(2): a swap area is used no more, and all that lies in it comes back into memory.
 * Linux: mm/swapfile.c (6.12)   Doc: man 2 swapoff
 */
import { EINVAL, ENOENT, EPERM } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { findInode } from "../../space/file.ts";
import { MAX_SWAPFILES, SWP_WRITEOK } from "../../space/swap.ts";
import { leaderOf } from "../../space/task.ts";
import { acctMemory, vmEnoughMemory } from "../../vm/accounting.ts";
import { swapOffArea } from "../../vm/swapoff.ts";
import type { AbiState } from "../state.ts";
import { type SyscallArgs, stringArg } from "./row.ts";

/**
 * swapoff(path). Returns 0, -EPERM (not root), -ENOENT, -EINVAL (no area in use), -ENOMEM: what is promised, or what
 * lies there, has no room without the area; or -EINTR: the task was killed to make room.
 */
export function sysSwapoff(k: AbiState, task: Task, args: SyscallArgs): number {
  if (k.knob.privileged === 0) return -EPERM;
  const path = stringArg(args, 0);
  let type = 0;
  while (type < MAX_SWAPFILES && ((k.swap.flags[type] & SWP_WRITEOK) === 0 || k.swap.path[type] !== path))
    type++;
  if (type === MAX_SWAPFILES) return path === "" || findInode(k, path) === NONE ? -ENOENT : -EINVAL;
  // Promises are held against what would be left after as much again: Linux asks while the area still counts.
  const pages = k.swap.pages[type] - 1;
  const refused = vmEnoughMemory(k, k.task.mm[task], pages);
  if (refused < 0) return refused;
  acctMemory(k, -pages);
  const leader = leaderOf(k, task);
  k.task.oomOrigin[leader] = 1;
  const result = swapOffArea(k, type);
  k.task.oomOrigin[leader] = 0;
  return result;
}
