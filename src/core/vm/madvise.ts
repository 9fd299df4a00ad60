/**
 * madvise: marks on a range that change how it is treated later, and DONTNEED, which throws pages away now.
 *
 *   NORMAL SEQUENTIAL RANDOM    how far a file mapping is read ahead
 *   DONTFORK DOFORK             whether fork copies it          WIPEONFORK KEEPONFORK   or copies it empty
 *   DONTDUMP DODUMP             whether a core dump has it      HUGEPAGE NOHUGEPAGE     huge pages wanted or not
 *   DONTNEED                    the pages go: anonymous memory reads as zeros, files are read again
 *   COLD PAGEOUT FREE WILLNEED  about the pages (madvise-pages.ts)    POPULATE_READ _WRITE    faults them in (populate.ts)
 *
 * A hole in the range does not stop the rest; it makes the call fail in the end.
 * Linux: mm/madvise.c (6.12)   Doc: man 2 madvise
 */
import { EAGAIN, EINVAL, ENOMEM, ENOSYS } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE, type Vma } from "../base/types.ts";
import {
  VM_DONTCOPY,
  VM_DONTDUMP,
  VM_HUGEPAGE,
  VM_IO,
  VM_LOCKED,
  VM_NOHUGEPAGE,
  VM_PFNMAP,
  VM_RAND_READ,
  VM_SEQ_READ,
  VM_SHARED,
  VM_SPECIAL,
  VM_WIPEONFORK,
} from "../space/vma.ts";
import { findVma, findVmaPrev } from "../space/vma-tree.ts";
import { zapRange } from "../space/zap.ts";
import { isPageAligned, pageAlign, TWO_TO_64 } from "./bytes.ts";
import { adviseCold, adviseFree, advisePageout, adviseWillneed } from "./madvise-pages.ts";
import { modifyVma, rangeOf } from "./merge.ts";
import {
  MADV_COLD,
  MADV_COLLAPSE,
  MADV_DODUMP,
  MADV_DOFORK,
  MADV_DONTDUMP,
  MADV_DONTFORK,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_FREE,
  MADV_HUGEPAGE,
  MADV_HWPOISON,
  MADV_KEEPONFORK,
  MADV_MERGEABLE,
  MADV_NOHUGEPAGE,
  MADV_NORMAL,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
  MADV_RANDOM,
  MADV_REMOVE,
  MADV_SEQUENTIAL,
  MADV_SOFT_OFFLINE,
  MADV_UNMERGEABLE,
  MADV_WILLNEED,
  MADV_WIPEONFORK,
} from "./mman.ts";
import { populateAdvised } from "./populate.ts";
import type { VmState } from "./state.ts";

/** Advice that Linux knows and this kernel cannot follow. */
const ABSENT: readonly number[] = [
  MADV_REMOVE,
  MADV_MERGEABLE,
  MADV_UNMERGEABLE,
  MADV_COLLAPSE,
  MADV_HWPOISON,
  MADV_SOFT_OFFLINE,
];
/** Advice that is followed. */
const PRESENT: readonly number[] = [
  MADV_NORMAL,
  MADV_RANDOM,
  MADV_SEQUENTIAL,
  MADV_DONTNEED,
  MADV_DONTNEED_LOCKED,
  MADV_DONTFORK,
  MADV_DOFORK,
  MADV_HUGEPAGE,
  MADV_NOHUGEPAGE,
  MADV_DONTDUMP,
  MADV_DODUMP,
  MADV_WIPEONFORK,
  MADV_KEEPONFORK,
  MADV_WILLNEED,
  MADV_FREE,
  MADV_COLD,
  MADV_PAGEOUT,
  MADV_POPULATE_READ,
  MADV_POPULATE_WRITE,
];

/** The answer of advisePages to advice that is a mark of the VMA. */
const NOT_PAGES = 1;

/**
 * Applies advice MADV_* to [addr, addr + len) bytes. Returns 0, -EINVAL (unknown advice, addr not at a page, advice that
 * does not suit the mapping), -ENOMEM (a hole in the range; the rest was done), -EAGAIN (vm.max_map_count), -ENOSYS
 * (advice this kernel does not have), or what populateAdvised returns for the running task, BLOCKED among it.
 */
export function doMadvise(k: VmState, mm: Mm, addr: number, len: number, advice: number): number {
  if (!PRESENT.includes(advice) && !ABSENT.includes(advice)) return -EINVAL;
  if (!isPageAligned(addr)) return -EINVAL;
  const bytes = pageAlign(len);
  if (bytes >= TWO_TO_64 || addr + bytes >= TWO_TO_64) return -EINVAL;
  if (bytes === 0) return 0;
  if (ABSENT.includes(advice)) return -ENOSYS;
  const range = { start: addr / PAGE_SIZE, end: (addr + bytes) / PAGE_SIZE, advice };
  if (advice === MADV_POPULATE_READ || advice === MADV_POPULATE_WRITE)
    return populateAdvised(k, k.task.cpuTask[k.boot[2]], range, advice === MADV_POPULATE_WRITE);
  return walkVmas(k, mm, range);
}

/** A range in vpns and what is advised about it. */
interface Advice {
  readonly start: number;
  readonly end: number;
  readonly advice: number;
}

/** Linux: madvise_walk_vmas. */
function walkVmas(k: VmState, mm: Mm, range: Advice): number {
  const columns = k.vma;
  let result = 0;
  let from = range.start;
  let vma = findVma(k, mm, from);
  // The VMA before the part that is looked at; the same one when the range begins inside it.
  let prev = vma !== NONE && columns.start[vma] < from ? vma : findVmaPrev(k, mm, from);
  for (;;) {
    if (vma === NONE) return -ENOMEM;
    if (from < columns.start[vma]) {
      result = -ENOMEM;
      from = columns.start[vma];
      if (from >= range.end) return result;
    }
    const to = Math.min(columns.end[vma], range.end);
    const done = adviseVma(k, prev, vma, { start: from, end: to, advice: range.advice });
    if (done < 0) return done;
    // Merging may have taken in pages beyond the part: those have the flags already.
    prev = done;
    from = Math.max(to, columns.end[done]);
    if (from >= range.end) return result;
    vma = columns.next[done];
  }
}

/**
 * Applies advice to a part of one VMA; `prev` is the VMA before that part. Returns the VMA that has the part now, or a
 * negative errno. Linux: madvise_vma_behavior.
 */
function adviseVma(k: VmState, prev: Vma, vma: Vma, part: Advice): Vma {
  const flags = k.vma.flags[vma];
  const done = advisePages(k, vma, part);
  if (done !== NOT_PAGES) return done < 0 ? done : vma;
  // All other advice is a flag of the VMA, and a part with other flags is a VMA of its own.
  const refused = refusal(k, vma, part.advice);
  if (refused < 0) return refused;
  const newFlags = advisedFlags(flags, part.advice);
  if (newFlags === flags) return vma;
  const changed = modifyVma(k, prev, vma, rangeOf(k, vma, part.start, part.end, newFlags));
  if (changed < 0) return changed === -ENOMEM ? -EAGAIN : changed;
  k.vma.flags[changed] = newFlags;
  return changed;
}

/** Advice about pages. Returns 0, a negative errno, or NOT_PAGES: it is about the VMA. */
function advisePages(k: VmState, vma: Vma, part: Advice): number {
  switch (part.advice) {
    case MADV_DONTNEED:
    case MADV_DONTNEED_LOCKED:
    case MADV_FREE: {
      const forbidden = part.advice === MADV_DONTNEED_LOCKED ? VM_PFNMAP : VM_PFNMAP | VM_LOCKED;
      if ((k.vma.flags[vma] & forbidden) !== 0) return -EINVAL;
      if (part.advice === MADV_FREE) return adviseFree(k, vma, part);
      zapRange(k, k.vma.mm[vma], vma, part.start, part.end);
      return 0;
    }
    case MADV_COLD:
      return adviseCold(k, vma, part);
    case MADV_PAGEOUT:
      return advisePageout(k, vma, part);
    case MADV_WILLNEED:
      return adviseWillneed(k, vma, part);
    default:
      return NOT_PAGES;
  }
}

/** 0, or the errno of advice that does not suit the VMA. */
function refusal(k: VmState, vma: Vma, advice: number): number {
  const flags = k.vma.flags[vma];
  if (advice === MADV_DOFORK && (flags & VM_IO) !== 0) return -EINVAL;
  if (advice === MADV_WIPEONFORK && (k.vma.file[vma] !== NONE || (flags & VM_SHARED) !== 0)) return -EINVAL;
  if (advice === MADV_DODUMP && (flags & VM_SPECIAL) !== 0) return -EINVAL;
  return 0;
}

/** The flags after the advice. */
function advisedFlags(flags: number, advice: number): number {
  switch (advice) {
    case MADV_NORMAL:
      return flags & ~(VM_RAND_READ | VM_SEQ_READ);
    case MADV_SEQUENTIAL:
      return (flags & ~VM_RAND_READ) | VM_SEQ_READ;
    case MADV_RANDOM:
      return (flags & ~VM_SEQ_READ) | VM_RAND_READ;
    case MADV_DONTFORK:
      return flags | VM_DONTCOPY;
    case MADV_DOFORK:
      return flags & ~VM_DONTCOPY;
    case MADV_WIPEONFORK:
      return flags | VM_WIPEONFORK;
    case MADV_KEEPONFORK:
      return flags & ~VM_WIPEONFORK;
    case MADV_DONTDUMP:
      return flags | VM_DONTDUMP;
    case MADV_DODUMP:
      return flags & ~VM_DONTDUMP;
    case MADV_HUGEPAGE:
      return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE;
    default:
      return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE;
  }
}
