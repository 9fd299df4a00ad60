/**
 * msync(2): what shared mappings of files have stored is on the disk before the call returns.
 * Linux: mm/msync.c (6.12)   Doc: man 2 msync
 */
import { EINVAL, ENOMEM } from "../../base/errno.ts";
import { PAGE_SIZE, type Task } from "../../base/types.ts";
import { isPageAligned, pageAlign, TWO_TO_64, unsigned } from "../../vm/bytes.ts";
import { MS_ASYNC, MS_INVALIDATE, MS_SYNC } from "../../vm/mman.ts";
import { doMsync } from "../../vm/sync.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/**
 * msync(addr, length, flags). Returns 0, -EINVAL (unknown flag, both MS_SYNC and MS_ASYNC, addr inside a page), -ENOMEM
 * (a hole), -EBUSY (MS_INVALIDATE of locked memory), -EIO as fsync, or BLOCKED.
 */
export function sysMsync(k: AbiState, task: Task, args: SyscallArgs): number {
  const addr = unsigned(numberArg(args, 0));
  const flags = numberArg(args, 2) | 0;
  if ((flags & ~(MS_ASYNC | MS_INVALIDATE | MS_SYNC)) !== 0 || !isPageAligned(addr)) return -EINVAL;
  if ((flags & (MS_ASYNC | MS_SYNC)) === (MS_ASYNC | MS_SYNC)) return -EINVAL;
  // A length that goes round past the last page is none.
  const rounded = pageAlign(unsigned(numberArg(args, 1)));
  const bytes = rounded >= TWO_TO_64 ? 0 : rounded;
  if (addr + bytes >= TWO_TO_64) return -ENOMEM;
  return bytes === 0 ? 0 : doMsync(k, task, addr / PAGE_SIZE, (addr + bytes) / PAGE_SIZE, flags);
}
