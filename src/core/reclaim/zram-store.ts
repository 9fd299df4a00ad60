/**
 * Putting pages on a zram device, and making a swap area of one. How long a page becomes is said as for zswap (compress.ts).
 *
 *   one word, repeated?           no memory
 *   compressed to 3625 or more    stored whole
 *   no frames for it              tried again where it may sleep, which reclaim may not: the write fails
 *   above mem_limit with it       the write fails: the page stays in memory, dirty
 *
 * Linux: drivers/block/zram/zram_drv.c zram_write_page, disksize_store (6.12)   Doc: Documentation/admin-guide/blockdev/zram.rst
 */
import { ENOMEM, ENOSPC } from "../base/errno.ts";
import { NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import { MIGRATE_UNMOVABLE, ZONE_NORMAL } from "../frame/mmzone.ts";
import { INDEX, PAGE_WORDS, PRIVATE } from "../frame/page.ts";
import { CAUSE_COMPRESS, COMPRESS_NS, spend } from "../hw/clock.ts";
import { WORDS_PER_PAGE } from "../hw/ram.ts";
import {
  addSwapArea,
  SLOT_WORDS,
  SWAP_UNKNOWN_CONTENTS,
  SWP_SOLIDSTATE,
  SWP_SYNCHRONOUS_IO,
  swapRecord,
} from "../space/swap.ts";
import { keepSwapContents, submitSwapWrite, writeSwapNow } from "../space/swap-cache.ts";
import { writeSwapHeader } from "../space/swap-header.ts";
import {
  MOST_ZRAMS,
  resetZram,
  setZramEntry,
  ZRAM_BASE,
  ZRAM_COMPRESSOR,
  ZRAM_COMPRESSORS,
  ZRAM_DISKSIZE,
  ZRAM_ENTRY_BYTES,
  ZRAM_FAILED_WRITES,
  ZRAM_LIMIT_PAGES,
  ZRAM_MAX_USED,
  ZRAM_SAME,
  ZRAM_TABLE,
  ZRAM_WRITESTALL,
  zramOfArea,
  zramPool,
  zramRecord,
} from "../space/zram.ts";
import { zsFree, zsHugeBytes } from "../space/zsmalloc.ts";
import { compressedLength, statedLength, zsMalloc } from "./compress.ts";
import type { ReclaimState } from "./state.ts";
import { takeInside } from "./take-inside.ts";

/** What makes a swap area of a new zram device. */
export interface ZramArea {
  readonly sizeBytes: number;
  /** Bytes of memory it may take; 0: any. */
  readonly limitBytes: number;
  readonly prio: number;
}

/**
 * Makes a zram device, or takes the first that is not in use, and swaps it on. Returns its number, -ENOSPC when there are as many as there
 * can be, or -ENOMEM.
 */
export function addZramSwap(k: ReclaimState, area: ZramArea): number {
  const z = k.zram;
  let device = 0;
  while (z.ofArea.includes(device + 1)) device++;
  if (device === MOST_ZRAMS) return -ENOSPC;
  const record = zramRecord(device);
  resetZram(k, device);
  if (!sizeZram(k, device, area.sizeBytes)) return -ENOMEM;
  z.device[record + ZRAM_LIMIT_PAGES] = Math.ceil(area.limitBytes / PAGE_SIZE);
  const pages = area.sizeBytes / PAGE_SIZE;
  const type = addSwapArea(k, {
    pages,
    prio: area.prio,
    disk: 0,
    flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO,
    path: `/dev/zram${device}`,
  });
  if (type < 0) {
    resetZram(k, device);
    return type;
  }
  z.count[0] = Math.max(z.count[0], device + 1);
  z.ofArea[type] = device + 1;
  z.device[record + ZRAM_BASE] = k.swap.base[type];
  const header = writeSwapHeader({ lastPage: pages - 1, uuid: new Uint8Array(16), label: "", badPages: [] });
  const object = putZram(k, device, k.compressor(ZRAM_COMPRESSORS[0], header) ?? statedLength(k));
  if (object !== NONE) setZramEntry(k, device, k.swap.base[type], object);
  return device;
}

/** Gives a device its size, and memory for its table. Returns false when there is not so much. */
export function sizeZram(k: ReclaimState, device: number, sizeBytes: number): boolean {
  const z = k.zram;
  const record = zramRecord(device);
  z.device[record + ZRAM_DISKSIZE] = Math.ceil(sizeBytes / PAGE_SIZE) * PAGE_SIZE;
  const bytes = (z.device[record + ZRAM_DISKSIZE] / PAGE_SIZE) * ZRAM_ENTRY_BYTES;
  for (let frames = Math.ceil(bytes / PAGE_SIZE); frames > 0; frames--) {
    const pfn = takeInside(k, MIGRATE_UNMOVABLE, ZONE_NORMAL);
    if (pfn === NONE) {
      resetZram(k, device);
      return false;
    }
    k.page[pfn * PAGE_WORDS + INDEX] = z.device[record + ZRAM_TABLE];
    z.device[record + ZRAM_TABLE] = pfn;
  }
  return true;
}

/** Sends a page of the swap cache to its slot, wherever that lies. Returns false when its contents cannot be kept: the page is to stay. */
export function sendToSwap(k: ReclaimState, pfn: Pfn): boolean {
  const device = zramOfArea(k, k.page[pfn * PAGE_WORDS + PRIVATE] >>> 26);
  return device < 0 ? submitSwapWrite(k, pfn) : writeToZram(k, pfn, device);
}

/** Writes a page of the swap cache to the zram device it has a slot on. Returns false when the model can keep no more contents. */
function writeToZram(k: ReclaimState, pfn: Pfn, device: number): boolean {
  const entry = storeZram(k, pfn, device);
  if (entry === NONE) {
    k.zram.device[zramRecord(device) + ZRAM_FAILED_WRITES]++;
    writeSwapNow(k, pfn, true);
    return true;
  }
  if (!keepSwapContents(k, pfn)) {
    if (entry !== ZRAM_SAME) zsFree(k, entry);
    return false;
  }
  setZramEntry(k, device, swapRecord(k, k.page[pfn * PAGE_WORDS + PRIVATE]) / SLOT_WORDS, entry);
  writeSwapNow(k, pfn, false);
  return true;
}

/** What a page is to be kept as: ZRAM_SAME, an object that holds it, or NONE: it cannot be. */
function storeZram(k: ReclaimState, pfn: Pfn, device: number): number {
  if (k.swap.state[SWAP_UNKNOWN_CONTENTS] === 0 && isSameFilled(k, pfn)) return ZRAM_SAME;
  const name = ZRAM_COMPRESSORS[k.zram.device[zramRecord(device) + ZRAM_COMPRESSOR]];
  spend(k, CAUSE_COMPRESS, COMPRESS_NS[name][0]);
  return putZram(k, device, compressedLength(k, pfn, name));
}

/** Room for a page of so many bytes, whole where that is hardly less. Returns the object or NONE. */
function putZram(k: ReclaimState, device: number, bytes: number): number {
  const { device: words } = k.zram;
  const record = zramRecord(device);
  const pool = zramPool(device);
  const object = zsMalloc(k, pool, bytes >= zsHugeBytes() ? PAGE_SIZE : bytes);
  if (object === NONE) {
    words[record + ZRAM_WRITESTALL]++;
    return NONE;
  }
  const pages = k.zsmalloc.pages[pool];
  words[record + ZRAM_MAX_USED] = Math.max(words[record + ZRAM_MAX_USED], pages);
  if (words[record + ZRAM_LIMIT_PAGES] === 0 || pages <= words[record + ZRAM_LIMIT_PAGES]) return object;
  zsFree(k, object);
  return NONE;
}

/** Whether a page is one word of 8 bytes, repeated (Linux: page_same_filled). */
function isSameFilled(k: ReclaimState, pfn: Pfn): boolean {
  const { slot, words } = k.ram;
  if (slot[pfn] === NONE) return true;
  const first = slot[pfn] * WORDS_PER_PAGE;
  for (let at = first + 2; at < first + WORDS_PER_PAGE; at++) if (words[at] !== words[at - 2]) return false;
  return true;
}
