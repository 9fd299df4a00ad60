/**
 * zram: a disk whose pages lie compressed in memory. As swap it answers at once, by the processor's own work: nobody waits.
 *
 *   page of one word, repeated      a note in the device's table, no memory
 *   compressed, below 3625 bytes    an object of zsmalloc
 *   hardly compressible             an object of a whole page, a "huge" one
 *
 * Each device has a pool of its own. Its frames come from the zones and are charged to no cgroup. What a slot holds is dropped when the
 * slot can be taken by anybody (swap_slot_free_notify): later than its last user goes, when a CPU gives its collected slots back.
 * A device's page n is slot n of its area; page 0 has the area's header. The contents themselves stay with the slot (hw/content.ts).
 *
 * Differs: streams of the compressor (some pages a CPU) are not modelled; pages are never idle, because nothing writes them elsewhere.
 * Linux: drivers/block/zram/zram_drv.c (6.12)   Doc: Documentation/admin-guide/blockdev/zram.rst
 */
import { bug } from "../base/bug.ts";
import { NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import { INDEX, PAGE_WORDS } from "../frame/page.ts";
import { freePage } from "../frame/pcp.ts";
import { CAUSE_COMPRESS, COMPRESS_NS, COST_CLEAR_PAGE, COST_COPY_PAGE, spend } from "../hw/clock.ts";
import type { SpaceState } from "./state.ts";
import type { ZramColumns } from "./swap-state.ts";
import { OBJ_LENGTH, OBJ_OWNER, OBJ_WORDS, ZS_POOLS, zsFree } from "./zsmalloc.ts";

/** Devices there can be, the pool of the first one, and the compressors of Debian's configuration, the usual one first. */
export const MOST_ZRAMS = 8;
const FIRST_POOL = ZS_POOLS - MOST_ZRAMS;
export const ZRAM_COMPRESSORS: readonly string[] = ["lz4", "lz4hc", "zstd", "deflate"];

/** Bytes of a page's entry in a device's table (Linux: struct zram_table_entry, with the time of the last access). */
export const ZRAM_ENTRY_BYTES = 24;

/** In `entry`: the page is one word, repeated. */
export const ZRAM_SAME = -1;

/**
 * Word offsets in a device's record of `device`: bytes of the disk (0: none yet), pages it may take (0: any), number of its compressor, the
 * row of the slot of page 0, 1 when that is known; pages stored, their compressed bytes, pages of one word, pages stored whole now and
 * ever, most frames used, reads and writes that failed, slots freed, allocations that failed at first, and the first frame of its table.
 */
export const ZRAM_DISKSIZE = 0;
export const ZRAM_LIMIT_PAGES = 1;
export const ZRAM_COMPRESSOR = 2;
export const ZRAM_BASE = 3;
export const ZRAM_STORED = 4;
export const ZRAM_BYTES = 5;
export const ZRAM_SAMES = 6;
export const ZRAM_HUGE = 7;
export const ZRAM_HUGE_SINCE = 8;
export const ZRAM_MAX_USED = 9;
export const ZRAM_FAILED_WRITES = 10;
export const ZRAM_NOTIFY_FREE = 11;
export const ZRAM_WRITESTALL = 12;
export const ZRAM_TABLE = 13;
const ZRAM_WORDS = 16;

/** No device. `slots`: rows of swap slots. */
export function createZram(slots: number, areas: number): ZramColumns {
  return {
    entry: new Int32Array(slots),
    ofArea: new Uint8Array(areas),
    device: new Float64Array(MOST_ZRAMS * ZRAM_WORDS),
    count: new Int32Array(1),
  };
}

/** First word of a device's record. */
export function zramRecord(device: number): number {
  return device * ZRAM_WORDS;
}

/** A device's pool of zsmalloc. */
export function zramPool(device: number): number {
  return FIRST_POOL + device;
}

/** The device that a swap area lies on, or -1. */
export function zramOfArea(k: SpaceState, type: number): number {
  return k.zram.ofArea[type] - 1;
}

/** A slot's page is kept as `entry` from now on, of so many bytes (0 for ZRAM_SAME); what was there before is gone. */
export function setZramEntry(k: SpaceState, device: number, row: number, entry: number): void {
  const z = k.zram;
  const record = zramRecord(device);
  dropZram(k, device, row);
  z.entry[row] = entry;
  z.device[record + ZRAM_STORED]++;
  if (entry === ZRAM_SAME) {
    z.device[record + ZRAM_SAMES]++;
    return;
  }
  const bytes = k.zsmalloc.object[entry * OBJ_WORDS + OBJ_LENGTH];
  k.zsmalloc.object[entry * OBJ_WORDS + OBJ_OWNER] = row;
  z.device[record + ZRAM_BYTES] += bytes;
  if (bytes !== PAGE_SIZE) return;
  z.device[record + ZRAM_HUGE]++;
  z.device[record + ZRAM_HUGE_SINCE]++;
}

/** Lets the time pass that it takes to make a slot's page again. */
export function readZram(k: SpaceState, device: number, row: number): void {
  const entry = k.zram.entry[row];
  if (entry === NONE || entry === ZRAM_SAME) {
    spend(k, CAUSE_COMPRESS, COST_CLEAR_PAGE);
    return;
  }
  const isHuge = k.zsmalloc.object[entry * OBJ_WORDS + OBJ_LENGTH] === PAGE_SIZE;
  const name = ZRAM_COMPRESSORS[k.zram.device[zramRecord(device) + ZRAM_COMPRESSOR]];
  spend(k, CAUSE_COMPRESS, isHuge ? COST_COPY_PAGE : COMPRESS_NS[name][1]);
}

/** A slot can be taken by anybody: its page is dropped (Linux: zram_slot_free_notify). */
export function notifyZramFree(k: SpaceState, device: number, row: number): void {
  k.zram.device[zramRecord(device) + ZRAM_NOTIFY_FREE]++;
  dropZram(k, device, row);
}

/** What a slot's page is kept as, if it is, goes (Linux: zram_free_page). */
function dropZram(k: SpaceState, device: number, row: number): void {
  const z = k.zram;
  const record = zramRecord(device);
  const entry = z.entry[row];
  if (entry === NONE) return;
  z.entry[row] = NONE;
  z.device[record + ZRAM_STORED]--;
  if (entry === ZRAM_SAME) {
    z.device[record + ZRAM_SAMES]--;
    return;
  }
  const bytes = k.zsmalloc.object[entry * OBJ_WORDS + OBJ_LENGTH];
  z.device[record + ZRAM_BYTES] -= bytes;
  if (bytes === PAGE_SIZE) z.device[record + ZRAM_HUGE]--;
  zsFree(k, entry);
}

/** The device is as new: no size, nothing stored, the usual compressor (Linux: zram_reset_device). It must not be in use. */
export function resetZram(k: SpaceState, device: number): void {
  const z = k.zram;
  const record = zramRecord(device);
  // Of the area that was swapped off only the header can be left.
  dropZram(k, device, z.device[record + ZRAM_BASE]);
  for (let pfn: Pfn = z.device[record + ZRAM_TABLE]; pfn !== NONE; ) {
    const next = k.page[pfn * PAGE_WORDS + INDEX];
    k.page[pfn * PAGE_WORDS + INDEX] = 0;
    freePage(k, pfn);
    pfn = next;
  }
  z.device.fill(0, record, record + ZRAM_WORDS);
  k.zsmalloc.compacted[zramPool(device)] = 0;
}

/** Bug when a device's counts are not those of its area's slots. */
export function checkZram(k: SpaceState): void {
  const z = k.zram;
  for (let device = 0; device < z.count[0]; device++) {
    const record = zramRecord(device);
    const base = z.device[record + ZRAM_BASE];
    let stored = 0;
    let bytes = 0;
    for (let row = base; row < base + z.device[record + ZRAM_DISKSIZE] / PAGE_SIZE; row++) {
      const entry = z.entry[row];
      if (entry === NONE) continue;
      stored++;
      if (entry === ZRAM_SAME) continue;
      bytes += k.zsmalloc.object[entry * OBJ_WORDS + OBJ_LENGTH];
      if (k.zsmalloc.object[entry * OBJ_WORDS + OBJ_OWNER] !== row)
        bug(`page ${entry} of zram${device} is not slot ${row}'s`);
    }
    if (stored !== z.device[record + ZRAM_STORED] || bytes !== z.device[record + ZRAM_BYTES])
      bug(`zram${device} holds ${stored} pages of ${bytes} bytes and counts others`);
  }
}
