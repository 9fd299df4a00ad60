/**
 * Boot: what the firmware's map becomes. Ranges that the kernel needs before it has an allocator are reserved (its
 * image, the page records, hash tables); everything else is freed into the buddy lists; then the limits that depend on
 * how much there is are worked out.
 *
 *   e820 usable  |------------------------|   |------------------------------------|
 *   reserved         |kernel| |initrd|                                   |page records|
 *   managed      |--|        |          |   |-----------------------------|
 *                             ^ freed when boot is over, after watermarks were set
 *
 * What the machine file says is held (hw/held.ts) is managed, but was given away before anybody looks.
 *
 * Whole blocks of the largest order stay ranges (buddy.ts), so that a large machine boots without touching its memory.
 * Linux: mm/memblock.c, mm/mm_init.c, arch/x86/kernel/setup.c (6.12)   Doc: Documentation/core-api/boot-time-mm.rst
 */
import { PAGE_SIZE } from "../base/types.ts";
import type { Machine, ReservedRange } from "../hw/machine.ts";
import type { HwState } from "../hw/state.ts";
import { accountFree, freeList, linkTail } from "./buddy.ts";
import { isHeld, keptRanges, manageHeld, markHeld } from "./held-pages.ts";
import {
  BOOT_MEMMAP_PAGES,
  BOOT_MIN_FREE_KBYTES,
  BOOT_TOTALRAM,
  MAX_ORDER_PAGES,
  MAX_PAGE_ORDER,
  MIGRATE_MOVABLE,
  NR_BOOT_FACTS,
  PAGEBLOCK_ORDER,
  ZONES_PER_NODE,
} from "./mmzone.ts";
import { PAGE_WORDS } from "./page.ts";
import { createPcp, freePage } from "./pcp.ts";
import { setupPageset } from "./pcp-tune.ts";
import type { FrameState } from "./state.ts";
import { createVmstat, PGFREE } from "./vmstat.ts";
import {
  hugepageMinFreeKbytes,
  setupLowmemReserve,
  setupWatermarks,
  usualMinFreeKbytes,
} from "./watermark.ts";
import { createZonelists, createZones, nodeRanges } from "./zone.ts";

const KIB = 1024;
const MIB = 1048576;
/** Bytes of struct page, and the unit in which records are mapped: a 2 MiB page. */
const STRUCT_PAGE_BYTES = 64;
/** Page records exist for whole sections of 128 MiB. */
const SECTION_PAGES = 32768;
const DMA32_END = 4294967296;
const SWIOTLB_BYTES = 67108864;
/** Machines smaller than this keep huge pages off, and with them their larger reserve (Linux: hugepage_init). */
const HUGEPAGE_LEAST_PAGES = 131072;
const USUAL_SCALE_FACTOR = 10;

/** The columns of this floor, for a machine whose RAM columns exist. bootFrames fills them. */
export function createFrameColumns(
  machine: Machine,
  hw: Pick<HwState, "ram">,
): Omit<FrameState, keyof HwState> {
  const reserved = machine.reserved ?? usualReserved(machine);
  const zone = createZones(
    machine,
    machine.e820.length + reserved.length + machine.held.length + machine.nodes.length * ZONES_PER_NODE,
  );
  // Rounded up to a whole block, so that a buddy's record can always be looked at.
  const frames = Math.ceil(hw.ram.nrFrames / MAX_ORDER_PAGES) * MAX_ORDER_PAGES;
  const cpuNode = new Int32Array(machine.cpus);
  machine.nodes.forEach((node, id) => {
    for (const cpu of node.cpus) cpuNode[cpu] = id;
  });
  return {
    page: new Int32Array(frames * PAGE_WORDS),
    zone,
    pcp: createPcp(machine, zone),
    vmstat: createVmstat(machine),
    ...createZonelists(machine, zone),
    cpuNode,
    pageblock: new Uint8Array(frames >> PAGEBLOCK_ORDER),
    boot: new Float64Array(NR_BOOT_FACTS),
  };
}

/** Hands the machine's memory to the allocator and sets every limit. The running CPU is 0 afterwards. */
export function bootFrames(k: FrameState): void {
  const reserved = k.machine.reserved ?? usualReserved(k.machine);
  k.pageblock.fill(MIGRATE_MOVABLE);
  markHeld(k);
  let range = 0;
  // In order of address, as memblock frees: the lists then hand out low memory first.
  for (let zone = 1; zone < k.zone.count; zone++) range = freeZone(k, zone, reserved, range);
  for (let node = 0; node < k.machine.nodes.length; node++)
    k.boot[BOOT_MEMMAP_PAGES] += memmapBytes(k.machine, node) / PAGE_SIZE;
  setupLimits(k);
  freeLate(k, reserved);
  // From here on what the machine file sets counts.
  const isAsked = !Number.isNaN(k.knob.minFreeKbytes);
  if (!isAsked) k.knob.minFreeKbytes = k.boot[BOOT_MIN_FREE_KBYTES];
  if (
    isAsked ||
    k.knob.watermarkScaleFactor !== USUAL_SCALE_FACTOR ||
    k.knob.percpuPagelistHighFraction !== 0
  )
    applyKnobs(k);
}

/** Works the limits out again after an operator set a knob they depend on. */
export function applyKnobs(k: FrameState): void {
  setupWatermarks(k, k.knob.minFreeKbytes, k.knob.watermarkScaleFactor);
  setupPagesets(k);
}

/** What a machine file that does not say reserves: the kernel's image, page records, hash tables, per-CPU areas. */
export function usualReserved(machine: Machine): ReservedRange[] {
  const list: ReservedRange[] = [
    { startByte: 0, endByte: MIB, what: "firmware and real mode", isFreed: false },
  ];
  // Sizes of Debian's 6.12 cloud kernel, at the address it is linked to.
  let at = 16 * MIB;
  const image = (bytes: number, what: string, isFreed: boolean): void => {
    list.push({ startByte: at, endByte: at + bytes, what, isFreed });
    at += bytes;
  };
  if (fits(machine, at, 45 * MIB)) {
    image(27392 * KIB, "kernel code and constants", false);
    image(1280 * KIB, "gap before kernel data", true);
    image(7120 * KIB, "kernel data", false);
    image(3980 * KIB, "kernel initialisation", true);
    image(3256 * KIB, "kernel bss", false);
    image(2028 * KIB, "decrypted bss", true);
  }
  for (let node = 0; node < machine.nodes.length; node++) reserveOnNode(machine, node, list);
  const low = machine.e820.findLast((range) => range.kind === "usable" && range.endByte <= DMA32_END);
  if (
    machine.e820.at(-1)!.endByte > DMA32_END &&
    low !== undefined &&
    low.endByte - low.startByte > 2 * SWIOTLB_BYTES
  ) {
    // Devices that reach only 4 GiB copy through a buffer there.
    list.push({
      startByte: low.endByte - SWIOTLB_BYTES,
      endByte: low.endByte,
      what: "swiotlb",
      isFreed: false,
    });
  }
  return list.sort((a, b) => a.startByte - b.startByte);
}

/** Puts a node's own tables at the top of its memory. */
function reserveOnNode(machine: Machine, node: number, list: ReservedRange[]): void {
  const pairs = nodeRanges(machine, node);
  if (pairs.length === 0) return;
  const start = pairs.at(-2)! * PAGE_SIZE;
  const top = pairs.at(-1)! * PAGE_SIZE;
  const perCpu = machine.nodes[node].cpus.length * 264 * KIB;
  const tables = node === 0 ? 1228 * KIB + hashBytes(machine) : 188 * KIB;
  const below = (end: number, bytes: number): number => Math.floor((end - bytes) / PAGE_SIZE) * PAGE_SIZE;
  const tablesStart = below(top, tables + perCpu);
  const records = memmapBytes(machine, node);
  const recordsEnd = Math.floor(tablesStart / (2 * MIB)) * 2 * MIB;
  if (recordsEnd - records <= Math.max(start, 64 * MIB)) return;
  list.push({
    startByte: recordsEnd - records,
    endByte: recordsEnd,
    what: `page records of node ${node}`,
    isFreed: false,
  });
  list.push({ startByte: tablesStart, endByte: top, what: `early tables of node ${node}`, isFreed: false });
}

/** Bytes of page records for a node, in whole 2 MiB pages. */
function memmapBytes(machine: Machine, node: number): number {
  const pairs = nodeRanges(machine, node);
  let bytes = 0;
  let last = -1;
  for (let i = 0; i < pairs.length; i += 2) {
    const first = Math.max(last + 1, Math.floor(pairs[i] / SECTION_PAGES));
    last = Math.floor((pairs[i + 1] - 1) / SECTION_PAGES);
    bytes += (last - first + 1) * SECTION_PAGES * STRUCT_PAGE_BYTES;
  }
  return bytes;
}

/** Dentry and inode hash tables: a pointer for every 8 and 16 KiB of memory, rounded up to a power of two. */
function hashBytes(machine: Machine): number {
  let bytes = 0;
  for (const node of machine.nodes) bytes += node.sizeBytes;
  return 2 ** Math.ceil(Math.log2(bytes / 8192)) * 12;
}

function fits(machine: Machine, startByte: number, bytes: number): boolean {
  return machine.e820.some(
    (r) => r.kind === "usable" && r.startByte <= startByte && r.endByte >= startByte + bytes,
  );
}

/** Frees what is not reserved in one zone. `range` is the first unused row of the range table; returns the next. */
function freeZone(k: FrameState, zone: number, reserved: readonly ReservedRange[], range: number): number {
  const z = k.zone;
  const zoneStart = z.startPfn[zone];
  const zoneEnd = zoneStart + z.spannedPages[zone];
  const pairs = nodeRanges(k.machine, (zone - 1) >> 2);
  let next = range;
  const keptList = keptRanges(k.machine, reserved);
  z.firstRange[zone] = range;
  for (let i = 0; i < pairs.length; i += 2) {
    let start = Math.max(pairs[i], zoneStart);
    const end = Math.min(pairs[i + 1], zoneEnd);
    manageHeld(k, zone, { from: start, to: end }, reserved);
    for (const kept of keptList) {
      if (kept.endByte <= start * PAGE_SIZE || kept.startByte >= end * PAGE_SIZE) continue;
      const keptStart = Math.floor(kept.startByte / PAGE_SIZE);
      if (keptStart > start) next = freeRange(k, zone, start, Math.min(keptStart, end), next);
      start = Math.max(start, Math.ceil(kept.endByte / PAGE_SIZE));
    }
    if (start < end) next = freeRange(k, zone, start, end, next);
  }
  z.endRange[zone] = next;
  return next;
}

/** Frees [from, to): small blocks to their lists' tails in order of address, whole largest blocks as a range. */
function freeRange(k: FrameState, zone: number, from: number, to: number, range: number): number {
  const z = k.zone;
  const pages = to - from;
  z.managedPages[zone] += pages;
  k.boot[BOOT_TOTALRAM] += pages;
  k.vmstat.event[PGFREE] += pages;
  accountFree(k, zone, pages, MIGRATE_MOVABLE);
  const wholeStart = Math.ceil(from / MAX_ORDER_PAGES) * MAX_ORDER_PAGES;
  const wholeEnd = Math.floor(to / MAX_ORDER_PAGES) * MAX_ORDER_PAGES;
  if (wholeEnd <= wholeStart) {
    linkPieces(k, zone, from, to);
    return range;
  }
  linkPieces(k, zone, from, wholeStart);
  z.rangeStart[range] = wholeStart;
  z.rangeEnd[range] = wholeEnd;
  z.freeCount[freeList(zone, MAX_PAGE_ORDER, MIGRATE_MOVABLE)] += (wholeEnd - wholeStart) / MAX_ORDER_PAGES;
  linkPieces(k, zone, wholeEnd, to);
  return range + 1;
}

/** Links [from, to) as the largest aligned blocks that fit, none of the largest order, each with the others of its migratetype. */
function linkPieces(k: FrameState, zone: number, from: number, to: number): void {
  let at = from;
  while (at < to) {
    let order = MAX_PAGE_ORDER;
    while ((at & ((1 << order) - 1)) !== 0 || at + (1 << order) > to) order--;
    linkTail(k, zone, at, order, k.pageblock[at >> PAGEBLOCK_ORDER]);
    at += 1 << order;
  }
}

/** Watermarks, reserves and per-CPU limits, in the order boot does it: before the last memory is freed. */
function setupLimits(k: FrameState): void {
  setupWatermarks(k, usualMinFreeKbytes(k), USUAL_SCALE_FACTOR);
  setupPagesets(k);
  setupLowmemReserve(k);
  if (k.boot[BOOT_TOTALRAM] < HUGEPAGE_LEAST_PAGES) return;
  // khugepaged starts, or decides not to, and works min_free_kbytes out once more, now less the high watermarks.
  const usual = k.knob.transparentHugepage === 0 ? usualMinFreeKbytes(k) : k.boot[BOOT_MIN_FREE_KBYTES];
  const raised = k.knob.transparentHugepage === 0 ? usual : Math.max(usual, hugepageMinFreeKbytes(k));
  setupWatermarks(k, raised, USUAL_SCALE_FACTOR);
  setupPagesets(k);
}

function setupPagesets(k: FrameState): void {
  for (let zone = 1; zone < k.zone.count; zone++) setupPageset(k, zone);
}

/** Gives back what only boot needed, page by page through the first CPU's lists, as the kernel does. */
function freeLate(k: FrameState, reserved: readonly ReservedRange[]): void {
  for (let zone = 1; zone < k.zone.count; zone++) {
    const zoneStart = k.zone.startPfn[zone];
    const zoneEnd = zoneStart + k.zone.spannedPages[zone];
    const pairs = nodeRanges(k.machine, (zone - 1) >> 2);
    for (const range of reserved) {
      if (!range.isFreed) continue;
      for (let i = 0; i < pairs.length; i += 2) {
        const start = Math.max(pairs[i], zoneStart, Math.ceil(range.startByte / PAGE_SIZE));
        const end = Math.min(pairs[i + 1], zoneEnd, Math.floor(range.endByte / PAGE_SIZE));
        for (let pfn = start; pfn < end; pfn++) {
          k.zone.managedPages[zone]++;
          k.boot[BOOT_TOTALRAM]++;
          if (!isHeld(k.machine, pfn)) freePage(k, pfn);
        }
      }
    }
  }
}
