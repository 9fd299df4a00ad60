/**
 * Joining neighbouring VMAs that are alike, when a range is new and when the flags of a range change.
 *
 *   new range            prev |new| next      prev grows over new, and over next when that fits too; else next grows
 *   changed range        prev [vma] next      a whole VMA: prev takes it, or next takes it, or prev takes both
 *                        prev [va|ma]         its first part: prev grows, vma shrinks
 *                             [vm|a] next     its last part: vma shrinks, next grows
 *
 * Alike means: same flags but for soft-dirty, same open file, offsets that continue, and anon_vmas that agree. Two
 * anon_vmas agree when they are the same one, or when one is missing and the neighbour's chain has exactly one entry:
 * a VMA that went through a fork has several and stays apart.
 * Invariant: a VMA that takes over pages of another has that one's anon_vma from then on.
 * Linux: mm/vma.c (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { ENOMEM } from "../base/errno.ts";
import { type AnonVma, type Mm, NONE, type OpenFile, type Vma } from "../base/types.ts";
import { unlinkAnonVmas, unlinkFileVma } from "../space/rmap.ts";
import { VM_SOFTDIRTY, VM_SPECIAL, vmaPages } from "../space/vma.ts";
import { freeVma } from "../space/vma-rows.ts";
import { removeVma, setVmaRange } from "../space/vma-tree.ts";
import { cloneAnonVmas } from "./rmap-room.ts";
import { putMappedFile } from "./shmem.ts";
import { splitVma } from "./split.ts";
import type { VmState } from "./state.ts";

/** A range of an address space and what it is to be. Vpns. */
export interface MergeRange {
  readonly mm: Mm;
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly pgoff: number;
  readonly file: OpenFile;
  readonly anonVma: AnonVma;
}

/**
 * Grows a neighbour over a range that is free (or about to be). `prev` and `next` are the VMAs before and after it.
 * With `next` NONE only the one before is asked. Returns the VMA that covers the range now, NONE when neither
 * neighbour fits, or -ENOMEM when one fits but its anon_vma could not be shared. Linux: vma_merge_new_range.
 */
export function mergeNewRange(k: VmState, range: MergeRange, prev: Vma, next: Vma): Vma {
  if ((range.flags & VM_SPECIAL) !== 0) return NONE;
  const { start, end, pgoff } = k.vma;
  const left = canMergeLeft(k, range, prev);
  const right =
    canMergeRight(k, range, next) &&
    (!left || anonVmasAgree(k, k.vma.anonVma[prev], k.vma.anonVma[next], NONE));
  if (left) {
    if (!right) {
      setVmaRange(k, prev, start[prev], range.end);
      return prev;
    }
    const error = shareAnonVma(k, prev, next);
    if (error < 0) return error;
    const newEnd = end[next];
    absorb(k, prev, next);
    setVmaRange(k, prev, start[prev], newEnd);
    return prev;
  }
  if (!right) return NONE;
  pgoff[next] -= range.end - range.start;
  setVmaRange(k, next, range.start, end[next]);
  return next;
}

/**
 * Makes [start, end) of a VMA a VMA of its own whose flags are to be `flags`: merged with a neighbour that already has
 * them, or cut out. `prev` is the VMA before `start`, which is `vma` itself when `start` lies inside it. The caller
 * sets the flags of what is returned. Returns that VMA, or -ENOMEM (no row, or vm.max_map_count), or -EINVAL (the
 * kernel's own pages do not split). Linux: vma_modify_flags.
 */
export function modifyVma(k: VmState, prev: Vma, vma: Vma, range: MergeRange): Vma {
  const merged = mergeExistingRange(k, prev, vma, range);
  if (merged !== NONE) return merged;
  if (k.vma.start[vma] < range.start) {
    const part = splitVma(k, vma, range.start, true);
    if (part < 0) return part;
  }
  if (k.vma.end[vma] > range.end) {
    const part = splitVma(k, vma, range.end, false);
    if (part < 0) return part;
  }
  return vma;
}

/** The range of modifyVma: [start, end) of a VMA with other flags. */
export function rangeOf(k: VmState, vma: Vma, start: number, end: number, flags: number): MergeRange {
  const columns = k.vma;
  return {
    mm: columns.mm[vma],
    start,
    end,
    flags,
    pgoff: columns.pgoff[vma] + start - columns.start[vma],
    file: columns.file[vma],
    anonVma: columns.anonVma[vma],
  };
}

/** Linux: vma_merge_existing_range. Returns the merged VMA, NONE, or -ENOMEM. */
function mergeExistingRange(k: VmState, prev: Vma, vma: Vma, range: MergeRange): Vma {
  const { start, end, anonVma } = k.vma;
  const atStart = range.start === start[vma];
  const atEnd = range.end === end[vma];
  if ((range.flags & VM_SPECIAL) !== 0 || (!atStart && !atEnd)) return NONE;
  const next = atEnd ? k.vma.next[vma] : NONE;
  const left = atStart && canMergeLeft(k, range, prev);
  const right =
    canMergeRight(k, range, next) && (!left || anonVmasAgree(k, anonVma[prev], anonVma[next], NONE));
  if (!left && !right) return NONE;
  const source = left && right && anonVma[next] !== NONE ? next : vma;
  const error = shareAnonVma(k, left ? prev : next, source);
  if (error < 0) return error;
  if (!left) {
    growDown(k, next, vma, range.start);
    return next;
  }
  growUp(k, prev, vma, range.end);
  if (right) growUp(k, prev, next, end[next]);
  return prev;
}

/** Lets `taker` have the pages of the VMA after it, up to `until`; a VMA that has none left goes. */
function growUp(k: VmState, taker: Vma, after: Vma, until: number): void {
  const { start, end, pgoff } = k.vma;
  if (until === end[after]) {
    absorb(k, taker, after);
  } else {
    pgoff[after] += until - start[after];
    setVmaRange(k, after, until, end[after]);
  }
  setVmaRange(k, taker, start[taker], until);
}

/** Lets `taker` have the pages of the VMA before it, down to `from`; a VMA that has none left goes. */
function growDown(k: VmState, taker: Vma, before: Vma, from: number): void {
  const { start, end, pgoff } = k.vma;
  if (from === start[before]) absorb(k, taker, before);
  else setVmaRange(k, before, start[before], from);
  pgoff[taker] -= start[taker] - from;
  setVmaRange(k, taker, from, end[taker]);
}

/** Whether the VMA before the range touches it and is alike (Linux: can_vma_merge_left). */
function canMergeLeft(k: VmState, range: MergeRange, prev: Vma): boolean {
  if (prev === NONE || k.vma.end[prev] !== range.start || !isMergeable(k, range, prev)) return false;
  if (!anonVmasAgree(k, range.anonVma, k.vma.anonVma[prev], prev)) return false;
  return k.vma.pgoff[prev] + vmaPages(k, prev) === range.pgoff;
}

/** Whether the VMA after the range touches it and is alike (Linux: can_vma_merge_right, can_vma_merge_before). */
function canMergeRight(k: VmState, range: MergeRange, next: Vma): boolean {
  if (next === NONE || k.vma.start[next] !== range.end || !isMergeable(k, range, next)) return false;
  if (!anonVmasAgree(k, range.anonVma, k.vma.anonVma[next], next)) return false;
  return k.vma.pgoff[next] === range.pgoff + range.end - range.start;
}

/** Same flags but for soft-dirty, same open file (Linux: is_mergeable_vma). */
function isMergeable(k: VmState, range: MergeRange, vma: Vma): boolean {
  if (((k.vma.flags[vma] ^ range.flags) & ~VM_SOFTDIRTY) !== 0) return false;
  return k.vma.file[vma] === range.file;
}

/**
 * Whether two anon_vmas may be in one VMA (Linux: is_mergeable_anon_vma). When one is missing, the chain of `vma` must
 * have exactly one entry; NONE asks for no chain. A chain without entries does not count as one.
 */
function anonVmasAgree(k: VmState, one: AnonVma, other: AnonVma, vma: Vma): boolean {
  if (one === other) return true;
  if (one !== NONE && other !== NONE) return false;
  if (vma === NONE) return true;
  const first = k.vma.anonVmaChain[vma];
  return first !== NONE && k.anonVma.chainNextSameVma[first] === NONE;
}

/** Gives `taker` the anon_vma of `source` when it has none itself. Returns 0 or -ENOMEM. Linux: dup_anon_vma. */
function shareAnonVma(k: VmState, taker: Vma, source: Vma): number {
  if (k.vma.anonVma[source] === NONE || k.vma.anonVma[taker] !== NONE) return 0;
  k.vma.anonVma[taker] = k.vma.anonVma[source];
  return cloneAnonVmas(k, taker, source) < 0 ? -ENOMEM : 0;
}

/** Removes a VMA whose range another one takes over. */
function absorb(k: VmState, taker: Vma, gone: Vma): void {
  const columns = k.vma;
  removeVma(k, columns.mm[gone], gone);
  if (columns.file[gone] !== NONE) {
    unlinkFileVma(k, gone);
    putMappedFile(k, columns.file[gone]);
  }
  if (columns.anonVma[gone] !== NONE) unlinkAnonVmas(k, gone);
  columns.minorFaults[taker] += columns.minorFaults[gone];
  columns.majorFaults[taker] += columns.majorFaults[gone];
  freeVma(k, gone);
}
