/**
 * mincore(2): which pages of a range could be touched without waiting for a disk.
 *
 *   mapped                         1
 *   not mapped, of a file          1 when the file's page is cached, or its swap slot is, and its data is there
 *   in swap                        1 when the page is in the swap cache and its data is there
 *
 * Linux: mm/mincore.c (6.12)   Doc: man 2 mincore
 */
import { EFAULT, EINVAL, ENOMEM } from "../../base/errno.ts";
import { BLOCKED, NONE, PAGE_SIZE, type Task, type Vma } from "../../base/types.ts";
import { isSwapPte, PTE_MAPPED, PTE_POISONED_HIGH } from "../../hw/pte.ts";
import { isPresent, isUptodate } from "../../space/io.ts";
import { findPte } from "../../space/pagetable.ts";
import { shmemSwapAt } from "../../space/shmem.ts";
import { findSwapCache } from "../../space/swap-cache.ts";
import { vmaLookup } from "../../space/vma-tree.ts";
import { isPageAligned, unsigned } from "../../vm/bytes.ts";
import { copyToUser } from "../../vm/user-bytes.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** Answers that are handed over at a time. */
const CHUNK = 4096;

/**
 * mincore(addr, length, vec): one byte a page, 0 or 1, from the user address vec on. Returns 0, -EINVAL (addr inside a
 * page), -ENOMEM (a hole, or beyond user space; what comes before it was answered), -EFAULT (vec), or BLOCKED.
 */
export function sysMincore(k: AbiState, task: Task, args: SyscallArgs): number {
  const addr = unsigned(numberArg(args, 0));
  const bytes = unsigned(numberArg(args, 1));
  const vec = unsigned(numberArg(args, 2));
  const limit = (k.machine.levels === 5 ? 2 ** 56 : 2 ** 47) - PAGE_SIZE;
  if (!isPageAligned(addr)) return -EINVAL;
  if (addr + bytes > limit) return -ENOMEM;
  const pages = Math.ceil(bytes / PAGE_SIZE);
  if (vec + pages > limit) return -EFAULT;
  const first = addr / PAGE_SIZE;
  for (let done = 0; done < pages; ) {
    const vma = vmaLookup(k, k.task.mm[task], first + done);
    if (vma === NONE) return -ENOMEM;
    const beyond = Math.min(first + pages, k.vma.end[vma], first + done + CHUNK);
    const answers = new Uint8Array(beyond - first - done);
    for (let i = 0; i < answers.length; i++) answers[i] = isInCore(k, vma, first + done + i) ? 1 : 0;
    const copied = copyToUser(k, task, vec + done, answers);
    // A wait begins the call anew: what is mapped or cached by then is asked for again.
    if (copied === BLOCKED) return BLOCKED;
    if (copied !== answers.length) return -EFAULT;
    done += answers.length;
  }
  return 0;
}

function isInCore(k: AbiState, vma: Vma, vpn: number): boolean {
  const pte = findPte(k, k.vma.mm[vma], vpn);
  const low = pte < 0 ? 0 : k.ram.words[pte];
  const high = pte < 0 ? 0 : k.ram.words[pte + 1];
  if ((low & PTE_MAPPED) !== 0) return true;
  if (isSwapPte(low, high) && high !== PTE_POISONED_HIGH) return isCachedSwap(k, high);
  if (k.vma.file[vma] === NONE) return false;
  const inode = k.file.inode[k.vma.file[vma]];
  const index = k.vma.pgoff[vma] + (vpn - k.vma.start[vma]);
  const entry = k.file.shmem[inode] !== 0 ? shmemSwapAt(k, inode, index) : NONE;
  return entry !== NONE ? isCachedSwap(k, entry) : isPresent(k, inode, index);
}

function isCachedSwap(k: AbiState, entry: number): boolean {
  const pfn = findSwapCache(k, entry);
  return pfn !== NONE && isUptodate(k, pfn);
}
