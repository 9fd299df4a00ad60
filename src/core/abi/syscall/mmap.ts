/**
 * mmap(2): finds the file behind the descriptor, maps, and with MAP_POPULATE faults the pages in.
 * Linux: arch/x86/kernel/sys_x86_64.c, mm/mmap.c ksys_mmap_pgoff, mm/util.c vm_mmap_pgoff (6.12)   Doc: man 2 mmap
 */
import { EBADF, EINVAL } from "../../base/errno.ts";
import { BLOCKED, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { CAUSE_SYSCALL, COST_SYSCALL, COST_VMA_CALL, spend } from "../../hw/clock.ts";
import { fdFile } from "../../space/file.ts";
import { isPageAligned, pageAlign, unsigned } from "../../vm/bytes.ts";
import {
  MAP_ANONYMOUS,
  MAP_HUGE_MASK,
  MAP_HUGE_SHIFT,
  MAP_HUGETLB,
  MAP_NONBLOCK,
  MAP_POPULATE,
} from "../../vm/mman.ts";
import { doMmap } from "../../vm/mmap.ts";
import { populate } from "../../vm/populate.ts";
import type { VmState } from "../../vm/state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** Binary logarithms of the huge page sizes of the processor; 0 asks for the first. */
const HUGE_SIZES: readonly number[] = [0, 21, 30];

/**
 * mmap(addr, length, prot, flags, fd, offset). Returns the address, a negative errno (see doMmap; EBADF for a descriptor
 * that is not open, EINVAL for an offset inside a page), or BLOCKED while MAP_POPULATE waits for a file to be read:
 * asked again, it goes on where it was.
 */
export function sysMmap(k: VmState, task: Task, args: SyscallArgs): number {
  const len = unsigned(numberArg(args, 1));
  const flags = numberArg(args, 3) | 0;
  const mapped = k.task.progress[task] > 0 ? k.task.progress[task] : map(k, task, args, flags);
  if (mapped < 0 || (flags & (MAP_POPULATE | MAP_NONBLOCK)) !== MAP_POPULATE) return mapped;
  // The mapping is there from the first attempt on; its address is all that a later attempt must know.
  k.task.progress[task] = mapped;
  if (populate(k, task, mapped / PAGE_SIZE, (mapped + pageAlign(len)) / PAGE_SIZE) === BLOCKED)
    return BLOCKED;
  k.task.progress[task] = 0;
  return mapped;
}

/** Everything but populating. */
function map(k: VmState, task: Task, args: SyscallArgs, flags: number): number {
  spend(k, CAUSE_SYSCALL, COST_SYSCALL + COST_VMA_CALL);
  const offset = unsigned(numberArg(args, 5));
  if (!isPageAligned(offset)) return -EINVAL;
  let file = NONE;
  if ((flags & MAP_ANONYMOUS) === 0) {
    file = fdFile(k, task, numberArg(args, 4));
    if (file === NONE) return -EBADF;
    if ((flags & MAP_HUGETLB) !== 0) return -EINVAL;
  } else if (
    (flags & MAP_HUGETLB) !== 0 &&
    !HUGE_SIZES.includes((flags >>> MAP_HUGE_SHIFT) & MAP_HUGE_MASK)
  ) {
    return -EINVAL;
  }
  return doMmap(k, k.task.mm[task], {
    addr: unsigned(numberArg(args, 0)),
    len: unsigned(numberArg(args, 1)),
    prot: numberArg(args, 2) | 0,
    flags,
    file,
    pgoff: offset / PAGE_SIZE,
  });
}
