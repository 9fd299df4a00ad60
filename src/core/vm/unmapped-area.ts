/**
 * Where a new mapping goes: the layout of an address space, and the search for free addresses.
 *
 *   0   mmap_min_addr   program, heap ->        <- mappings   mmapBase   gap   <- stack   TASK_SIZE
 *   |---------|------------|-------->.....<------------------|----------------<-----------|
 *                          legacy layout: mappings -> from mmapLegacyBase, a third of the way up
 *
 * The search takes the highest hole below mmapBase that is long enough; when there is none it takes the lowest one
 * above mmapLegacyBase. A stack VMA keeps a guard gap free below it. Two things may move the result: a hint, taken when
 * it is free, and the alignment of large mappings to 2 MiB, so that huge pages could back them (whether or not they
 * do). With 5-level tables addresses above 47 bits are given out only to those whose hint lies there.
 * Linux: mm/mmap.c, mm/huge_memory.c, arch/x86/mm/mmap.c, arch/x86/kernel/sys_x86_64.c (6.12)
 * Doc: Documentation/arch/x86/x86_64/5level-paging.rst
 */
import { EINVAL, ENOMEM, EPERM } from "../base/errno.ts";
import { randomBelow } from "../base/rng.ts";
import { type Mm, NONE, type OpenFile, PAGE_SIZE } from "../base/types.ts";
import type { HwState } from "../hw/state.ts";
import { LAYOUT_RANDOMIZED, LAYOUT_TOPDOWN, VM_GROWSDOWN, vmaStartGap } from "../space/vma.ts";
import { findGapAbove, findGapBelow, findVma } from "../space/vma-tree.ts";
import { isPageAligned, pageAlign, remainder } from "./bytes.ts";
import { MAP_32BIT, MAP_ABOVE4G, MAP_FIXED, MAP_SHARED, MAP_TYPE } from "./mman.ts";
import type { VmState } from "./state.ts";

/** First address beyond 47-bit user space: nothing lies above it unless it was asked for by a hint. */
export const DEFAULT_MAP_WINDOW = 2 ** 47 - PAGE_SIZE;
const TASK_SIZE_5_LEVELS = 2 ** 56 - PAGE_SIZE;
/** Bytes one entry of a page middle directory maps. */
const PMD_SIZE = 2 ** 21;
const FOUR_GIB = 2 ** 32;
/** Range of MAP_32BIT, and how far its start is randomised. */
const LOW_BEGIN = 0x40000000;
const LOW_END = 0x80000000;
const LOW_RANDOM_PAGES = 0x02000000 / PAGE_SIZE;
/** The stack's random shift is at most this, and the gap for stack and shift lies between these. */
const STACK_RANDOM_BYTES = 0x3fffff * PAGE_SIZE;
const MIN_STACK_GAP = 128 * 2 ** 20;

/** What is to be mapped. Addresses and lengths in bytes, the length a multiple of the page size. */
export interface AreaRequest {
  readonly addr: number;
  readonly len: number;
  /** Page index in the file. */
  readonly pgoff: number;
  /** MAP_* bits. */
  readonly flags: number;
  readonly file: OpenFile;
}

/** First address that no program may use (Linux: TASK_SIZE_MAX). */
export function taskSize(k: HwState): number {
  return k.machine.levels === 5 ? TASK_SIZE_5_LEVELS : DEFAULT_MAP_WINDOW;
}

/**
 * Chooses the layout of a new address space: top-down unless vm.legacy_va_layout, bases moved by a random number of
 * pages when addresses are randomised (Linux: arch_pick_mmap_layout).
 */
export function pickMmapLayout(k: VmState, mm: Mm, randomize: boolean): void {
  const shift = randomize ? randomBelow(k.rng, 2 ** k.knob.mmapRndBits) * PAGE_SIZE : 0;
  const legacyBase = pageAlign(Math.floor(DEFAULT_MAP_WINDOW / 3)) + shift;
  const legacy = k.knob.legacyVaLayout !== 0;
  k.mm.mmapLegacyBase[mm] = legacyBase;
  k.mm.mmapBase[mm] = legacy ? legacyBase : topDownBase(k, shift, randomize);
  k.mm.layout[mm] = (legacy ? 0 : LAYOUT_TOPDOWN) | (randomize ? LAYOUT_RANDOMIZED : 0);
}

/**
 * Finds free addresses for a mapping, or checks those a fixed mapping names.
 * Returns the address, -ENOMEM (no room, or beyond user space), -EINVAL (a fixed address inside a page), or -EPERM
 * (below vm.mmap_min_addr without privilege).
 */
export function getUnmappedArea(k: VmState, mm: Mm, request: AreaRequest): number {
  const { addr, len, file } = request;
  if (len > taskSize(k)) return -ENOMEM;
  // Files lie on ext4, which asks for huge page alignment whatever the hint; anonymous memory only of whole huge pages;
  // shared memory does not, as long as it is not to have huge pages.
  const isShmem = file === NONE && (request.flags & MAP_TYPE) === MAP_SHARED;
  const aligned = file !== NONE || (!isShmem && addr === 0 && remainder(len, PMD_SIZE) === 0);
  const found = aligned ? findAlignedArea(k, mm, request) : findArea(k, mm, request, len);
  if (found < 0) return found;
  if (found > taskSize(k) - len) return -ENOMEM;
  if (!isPageAligned(found)) return -EINVAL;
  if (found < k.knob.mmapMinAddr && k.knob.privileged === 0) return -EPERM;
  return found;
}

/** Top of the mappings: below the largest stack, its guard gap and its random shift. */
function topDownBase(k: VmState, shift: number, randomize: boolean): number {
  const padding = (randomize ? STACK_RANDOM_BYTES : 0) + k.knob.stackGuardGap * PAGE_SIZE;
  const largest = Math.floor(DEFAULT_MAP_WINDOW / 6) * 5;
  const gap = Math.min(Math.max(k.knob.stackRlimitBytes + padding, MIN_STACK_GAP), largest);
  return pageAlign(DEFAULT_MAP_WINDOW - gap - shift);
}

/**
 * Finds an area whose address and file offset agree below 2 MiB, by asking for 2 MiB more than needed; without that
 * much room, or for files too short to hold a whole huge page there, any area will do. A hint is taken when even the
 * longer area is free there. Linux: thp_get_unmapped_area_vmflags.
 */
function findAlignedArea(k: VmState, mm: Mm, request: AreaRequest): number {
  const { addr, len } = request;
  const offset = request.file === NONE ? 0 : request.pgoff * PAGE_SIZE;
  const hugeOffset = Math.ceil(offset / PMD_SIZE) * PMD_SIZE;
  if (offset + len - hugeOffset >= PMD_SIZE) {
    const found = findArea(k, mm, request, len + PMD_SIZE);
    if (found > 0) {
      if (found === addr) return addr;
      const shift = remainder(offset - found, PMD_SIZE);
      if (shift === 0 && (k.mm.layout[mm] & LAYOUT_TOPDOWN) !== 0) return found + PMD_SIZE;
      return found + shift;
    }
  }
  return findArea(k, mm, request, len);
}

/** Finds an area of `len` bytes in the direction of the layout. */
function findArea(k: VmState, mm: Mm, request: AreaRequest, len: number): number {
  if ((k.mm.layout[mm] & LAYOUT_TOPDOWN) !== 0) return findAreaTopDown(k, mm, request, len);
  return findAreaBottomUp(k, mm, request, len);
}

/** Linux: arch_get_unmapped_area_topdown. */
function findAreaTopDown(k: VmState, mm: Mm, request: AreaRequest, len: number): number {
  const limit = taskSize(k);
  const { flags } = request;
  if (len > limit) return -ENOMEM;
  if ((flags & MAP_FIXED) !== 0) return request.addr;
  if ((flags & MAP_32BIT) !== 0) return findAreaBottomUp(k, mm, request, len);
  const hint = Math.floor(request.addr / PAGE_SIZE) * PAGE_SIZE;
  if (hint !== 0 && isValidHint(limit, hint, len) && isFreeFor(k, mm, hint, len)) return hint;
  const low = (flags & MAP_ABOVE4G) !== 0 ? FOUR_GIB : PAGE_SIZE;
  let high = k.mm.mmapBase[mm];
  if (hint > DEFAULT_MAP_WINDOW) high += limit - DEFAULT_MAP_WINDOW;
  const found = highestArea(k, mm, low, high, len / PAGE_SIZE);
  return found < 0 ? findAreaBottomUp(k, mm, request, len) : found;
}

/** Linux: arch_get_unmapped_area. */
function findAreaBottomUp(k: VmState, mm: Mm, request: AreaRequest, len: number): number {
  const { flags } = request;
  if ((flags & MAP_FIXED) !== 0) return request.addr;
  let low = k.mm.mmapLegacyBase[mm];
  let high = request.addr > DEFAULT_MAP_WINDOW ? taskSize(k) : DEFAULT_MAP_WINDOW;
  if ((flags & MAP_32BIT) !== 0) {
    low = LOW_BEGIN;
    high = LOW_END;
    if ((k.mm.layout[mm] & LAYOUT_RANDOMIZED) !== 0) low += randomBelow(k.rng, LOW_RANDOM_PAGES) * PAGE_SIZE;
  }
  if (len > high) return -ENOMEM;
  const hint = pageAlign(request.addr);
  if (hint !== 0 && high - len >= hint && isFreeFor(k, mm, hint, len)) return hint;
  return lowestArea(k, mm, low, high, len / PAGE_SIZE);
}

/** A hint must lie in user space, wholly below or wholly above the 47-bit border (Linux: mmap_address_hint_valid). */
function isValidHint(limit: number, hint: number, len: number): boolean {
  if (limit - len < hint) return false;
  return hint > DEFAULT_MAP_WINDOW === hint + len > DEFAULT_MAP_WINDOW;
}

/** Whether [hint, hint + len) touches no VMA and no guard gap above it. Guard gaps hold below a stack only. */
function isFreeFor(k: VmState, mm: Mm, hint: number, len: number): boolean {
  const vma = findVma(k, mm, hint / PAGE_SIZE);
  return vma === NONE || (hint + len) / PAGE_SIZE <= vmaStartGap(k, vma);
}

/** The highest free area of `pages` in [low, high) bytes, guard gaps kept; -ENOMEM. Linux: unmapped_area_topdown. */
function highestArea(k: VmState, mm: Mm, low: number, high: number, pages: number): number {
  const bottom = Math.max(low, k.knob.mmapMinAddr) / PAGE_SIZE;
  let top = high / PAGE_SIZE;
  for (;;) {
    const hole = findGapBelow(k, mm, bottom, top, pages);
    if (hole < 0) return -ENOMEM;
    const above = findVma(k, mm, hole);
    const isStack = above !== NONE && (k.vma.flags[above] & VM_GROWSDOWN) !== 0;
    if (!isStack || vmaStartGap(k, above) >= hole) return (hole - pages) * PAGE_SIZE;
    top = vmaStartGap(k, above);
  }
}

/** The lowest free area of `pages` in [low, high) bytes, guard gaps kept; -ENOMEM. Linux: unmapped_area. */
function lowestArea(k: VmState, mm: Mm, low: number, high: number, pages: number): number {
  let bottom = Math.max(low, k.knob.mmapMinAddr) / PAGE_SIZE;
  for (;;) {
    const hole = findGapAbove(k, mm, bottom, high / PAGE_SIZE, pages);
    if (hole < 0) return -ENOMEM;
    const above = findVma(k, mm, hole);
    const isStack = above !== NONE && (k.vma.flags[above] & VM_GROWSDOWN) !== 0;
    if (!isStack || vmaStartGap(k, above) >= hole + pages) return hole * PAGE_SIZE;
    bottom = k.vma.end[above];
  }
}
