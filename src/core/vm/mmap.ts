/**
 * mmap: checks the request in Linux's order, finds the addresses, takes away what a fixed mapping replaces, promises
 * memory, and merges with a neighbour or makes a VMA. Nothing is faulted in here; MAP_POPULATE is the caller's.
 *
 *   arguments -> addresses (unmapped-area.ts) -> file rights -> cut what is there (munmap.ts) -> limits and promise
 *             -> remove what is there -> merge (merge.ts), or a VMA of its own
 *
 * A failure after the removal leaves a hole, as in Linux.
 * Differs: processors have no protection keys, so execute-only mappings are readable.
 * Linux: mm/mmap.c do_mmap, mmap_region (6.12)   Doc: man 2 mmap
 */
import {
  EACCES,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOMEM,
  ENOSYS,
  EOPNOTSUPP,
  EOVERFLOW,
  ETXTBSY,
} from "../base/errno.ts";
import { type Mm, NONE, type OpenFile, PAGE_SIZE, type Vma } from "../base/types.ts";
import { getFile, mayRead, mayWrite, S_IFMT, S_IFREG } from "../space/file.ts";
import { linkFileVma } from "../space/rmap.ts";
import { isSwapFile } from "../space/swap-room.ts";
import {
  VM_ACCESS_FLAGS,
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYSHARE,
  VM_MAYWRITE,
  VM_NOHUGEPAGE,
  VM_NORESERVE,
  VM_SHARED,
  VM_SOFTDIRTY,
  VM_SYNC,
} from "../space/vma.ts";
import { allocVma } from "../space/vma-rows.ts";
import { findVma, findVmaIntersection, findVmaPrev, insertVma } from "../space/vma-tree.ts";
import {
  acctMemory,
  isAccountableMapping,
  mayExpandVm,
  OVERCOMMIT_NEVER,
  vmEnoughMemory,
  vmStatAccount,
} from "./accounting.ts";
import { pageAlign, TWO_TO_64 } from "./bytes.ts";
import { type MergeRange, mergeNewRange } from "./merge.ts";
import {
  LEGACY_MAP_MASK,
  MAP_DROPPABLE,
  MAP_FIXED,
  MAP_FIXED_NOREPLACE,
  MAP_GROWSDOWN,
  MAP_HUGETLB,
  MAP_LOCKED,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  MAP_SHARED_VALIDATE,
  MAP_STACK,
  MAP_SYNC,
  MAP_TYPE,
  PROT_WRITE,
} from "./mman.ts";
import { countGathered, gatherVmas, removeGathered } from "./munmap.ts";
import { roomForVma } from "./rmap-room.ts";
import { putMappedFile, shmemZeroSetup } from "./shmem.ts";
import type { VmState } from "./state.ts";
import { getUnmappedArea } from "./unmapped-area.ts";

/** Largest size of a regular file, in bytes (Linux: MAX_LFS_FILESIZE). */
const MAX_FILE_SIZE = 2 ** 63;

/** What mmap is asked for. */
export interface MmapRequest {
  /** Hint or fixed address, in bytes; 0 for none. */
  readonly addr: number;
  /** Bytes, any number. */
  readonly len: number;
  /** PROT_* bits. */
  readonly prot: number;
  /** MAP_* bits. */
  readonly flags: number;
  /** Open file, or NONE for anonymous memory. */
  readonly file: OpenFile;
  /** Page index in the file where the mapping begins. */
  readonly pgoff: number;
}

/**
 * Maps. Returns the address in bytes, or a negative errno: EINVAL (empty, no kind, address inside a page, a stack that
 * is shared or of a file), ENOMEM (no addresses, no VMA, a limit, or the promise is refused), EEXIST (NOREPLACE and
 * something is there), EACCES (the file was not opened for this), ETXTBSY (a swap area in use, to be written), ENODEV (the file cannot be mapped), EOVERFLOW (beyond
 * the largest file), EOPNOTSUPP (SHARED_VALIDATE with an unknown flag), EPERM (below vm.mmap_min_addr), and ENOSYS for
 * what this kernel does not have: MAP_LOCKED, MAP_HUGETLB, MAP_DROPPABLE.
 */
export function doMmap(k: VmState, mm: Mm, request: MmapRequest): number {
  if (request.len === 0) return -EINVAL;
  const fixed = (request.flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  const flags = fixed ? request.flags | MAP_FIXED : request.flags;
  const addr = fixed ? request.addr : roundHint(k, request.addr);
  const len = pageAlign(request.len);
  if (len >= TWO_TO_64) return -ENOMEM;
  if (request.pgoff + len / PAGE_SIZE >= TWO_TO_64) return -EOVERFLOW;
  if (k.mm.mapCount[mm] > k.knob.maxMapCount) return -ENOMEM;
  const found = getUnmappedArea(k, mm, { addr, len, pgoff: request.pgoff, flags, file: request.file });
  if (found < 0) return found;
  const start = found / PAGE_SIZE;
  const end = start + len / PAGE_SIZE;
  if ((flags & MAP_FIXED_NOREPLACE) !== 0 && findVmaIntersection(k, mm, start, end) !== NONE) return -EEXIST;
  const vmFlags =
    request.file === NONE ? anonymousFlags(request.prot, flags) : fileFlags(k, request, flags, len);
  if (vmFlags < 0) return vmFlags;
  if ((flags & (MAP_LOCKED | MAP_HUGETLB)) !== 0) return -ENOSYS;
  const range: MergeRange = {
    mm,
    start,
    end,
    flags: vmFlags | reserveFlags(k, flags),
    pgoff: request.file === NONE ? start : request.pgoff,
    file: request.file,
    anonVma: NONE,
  };
  const isShmem = request.file === NONE && (vmFlags & VM_SHARED) !== 0;
  const error = isShmem ? mapShmem(k, range) : mmapRegion(k, range);
  return error < 0 ? error : found;
}

/** Makes shared memory for [start, end), and that its mapping. Returns 0 or a negative errno. */
function mapShmem(k: VmState, range: MergeRange): number {
  const isReserved = (range.flags & VM_NORESERVE) === 0;
  const file = shmemZeroSetup(k, range.mm, range.end - range.start, isReserved);
  if (file < 0) return file;
  const error = mmapRegion(k, { ...range, pgoff: 0, file });
  // The mapping has a reference of its own.
  putMappedFile(k, file);
  return error;
}

/**
 * Makes [start, end) a mapping, in place of what is there. Returns 0 or -ENOMEM (or -EINVAL when it would cut the
 * kernel's own pages). Linux: __mmap_region.
 */
function mmapRegion(k: VmState, range: MergeRange): number {
  const { mm, start, end } = range;
  const cut = gatherVmas(k, mm, start, end);
  if (cut < 0) return cut;
  const pages = end - start;
  if (!mayExpandVm(k, mm, range.flags, pages - countGathered(k, mm, start, end, false))) return -ENOMEM;
  let flags = range.flags;
  if (isAccountableMapping(flags)) {
    // What the old mappings had been promised pays for a part of the new one.
    const charged = pages - countGathered(k, mm, start, end, true);
    if (charged !== 0 && vmEnoughMemory(k, mm, charged) < 0) return -ENOMEM;
    flags |= VM_ACCOUNT;
  }
  // A refusal leaves the old mappings as they were.
  if (roomForVma(k) < 0) {
    if (flags !== range.flags) acctMemory(k, -(pages - countGathered(k, mm, start, end, true)));
    return -ENOMEM;
  }
  removeGathered(k, mm, start, end, (flags & VM_ACCOUNT) !== 0);
  const next = findVma(k, mm, start);
  const prev = findVmaPrev(k, mm, start);
  let vma = mergeNewRange(k, { ...range, flags }, prev, next);
  if (vma <= 0) {
    vma = createVma(k, { ...range, flags });
    if (vma === NONE) {
      if ((flags & VM_ACCOUNT) !== 0) acctMemory(k, -pages);
      return -ENOMEM;
    }
  }
  vmStatAccount(k, mm, flags, pages);
  k.vma.flags[vma] |= VM_SOFTDIRTY;
  return 0;
}

/** A VMA of its own for the range, in the tree, with its reference to the file. Returns NONE when no row is free. */
export function createVma(k: VmState, range: MergeRange): Vma {
  const columns = k.vma;
  if (roomForVma(k) < 0) return NONE;
  const vma = allocVma(k, range.mm);
  if (vma === NONE) return NONE;
  columns.start[vma] = range.start;
  columns.end[vma] = range.end;
  columns.flags[vma] = range.flags;
  columns.pgoff[vma] = range.pgoff;
  insertVma(k, range.mm, vma);
  if (range.file !== NONE) {
    columns.file[vma] = getFile(k, range.file);
    linkFileVma(k, vma);
  }
  return vma;
}

/** A hint at its page; one below vm.mmap_min_addr moves up to it. */
function roundHint(k: VmState, hint: number): number {
  const addr = Math.floor(hint / PAGE_SIZE) * PAGE_SIZE;
  return addr !== 0 && addr < k.knob.mmapMinAddr ? pageAlign(k.knob.mmapMinAddr) : addr;
}

/** VM_* bits that PROT_* and MAP_* bits stand for. READ, WRITE, EXEC and GROWSDOWN have the same values in both. */
function commonFlags(prot: number, flags: number): number {
  let vmFlags = (prot & VM_ACCESS_FLAGS) | (flags & MAP_GROWSDOWN) | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
  if ((flags & MAP_SYNC) !== 0) vmFlags |= VM_SYNC;
  if ((flags & MAP_STACK) !== 0) vmFlags |= VM_NOHUGEPAGE;
  return vmFlags;
}

/** Flags of an anonymous mapping, or a negative errno. */
function anonymousFlags(prot: number, flags: number): number {
  const vmFlags = commonFlags(prot, flags);
  switch (flags & MAP_TYPE) {
    case MAP_PRIVATE:
      return vmFlags;
    case MAP_SHARED:
      return (vmFlags & VM_GROWSDOWN) !== 0 ? -EINVAL : vmFlags | VM_SHARED | VM_MAYSHARE;
    case MAP_DROPPABLE:
      return (vmFlags & VM_GROWSDOWN) !== 0 ? -EINVAL : -ENOSYS;
    default:
      return -EINVAL;
  }
}

/** Flags of a file mapping, or a negative errno. */
function fileFlags(k: VmState, request: MmapRequest, flags: number, len: number): number {
  const { file, prot, pgoff } = request;
  if (len > MAX_FILE_SIZE || pgoff > Math.floor((MAX_FILE_SIZE - 1 - len) / PAGE_SIZE)) return -EOVERFLOW;
  let vmFlags = commonFlags(prot, flags);
  const kind = flags & MAP_TYPE;
  if (kind === MAP_SHARED || kind === MAP_SHARED_VALIDATE) {
    if (kind === MAP_SHARED_VALIDATE && (flags & ~LEGACY_MAP_MASK) !== 0) return -EOPNOTSUPP;
    if ((prot & PROT_WRITE) !== 0 && !mayWrite(k, file)) return -EACCES;
    if ((prot & PROT_WRITE) !== 0 && isSwapFile(k, k.file.inode[file])) return -ETXTBSY;
    vmFlags |= VM_SHARED | VM_MAYSHARE;
    if (!mayWrite(k, file)) vmFlags &= ~(VM_MAYWRITE | VM_SHARED);
  } else if (kind !== MAP_PRIVATE) {
    return -EINVAL;
  }
  if (!mayRead(k, file)) return -EACCES;
  if ((k.file.mode[k.file.inode[file]] & S_IFMT) !== S_IFREG) return -ENODEV;
  if ((vmFlags & VM_GROWSDOWN) !== 0) return -EINVAL;
  return vmFlags;
}

/** VM_NORESERVE when MAP_NORESERVE is honoured: under strict accounting it is not. */
function reserveFlags(k: VmState, flags: number): number {
  return (flags & MAP_NORESERVE) !== 0 && k.knob.overcommitMemory !== OVERCOMMIT_NEVER ? VM_NORESERVE : 0;
}
