/**
 * /sys/block/zramN: what a zram device holds, and what an operator may set. They are the files of Debian's configuration: with writing pages
 * elsewhere (CONFIG_ZRAM_WRITEBACK), without compressing them again (CONFIG_ZRAM_MULTI_COMP).
 *
 *   mm_stat    original bytes, compressed, memory used, its limit, most used, pages of one word, pages that compaction freed,
 *              pages stored whole, and ever
 *   io_stat    failed reads, failed writes, 0, slots freed
 *
 * No device can get a backing device, because this machine's disks have no nodes in /dev: pages are never written elsewhere.
 * Differs: without one, idle, writeback_limit and writeback_limit_enable would do nothing and are not there; nor is algorithm_params, since
 * what a compressor makes of a page is known for its usual level only. Devices come with their areas; zram-control makes none.
 * Linux: drivers/block/zram/zram_drv.c (6.12)   Doc: Documentation/admin-guide/blockdev/zram.rst
 */
import { E2BIG, EBUSY, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTBLK, ERANGE } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { sizeZram } from "../reclaim/zram-store.ts";
import { findInode } from "../space/file.ts";
import {
  resetZram,
  ZRAM_BYTES,
  ZRAM_COMPRESSOR,
  ZRAM_COMPRESSORS,
  ZRAM_DISKSIZE,
  ZRAM_FAILED_WRITES,
  ZRAM_HUGE,
  ZRAM_HUGE_SINCE,
  ZRAM_LIMIT_PAGES,
  ZRAM_MAX_USED,
  ZRAM_NOTIFY_FREE,
  ZRAM_SAMES,
  ZRAM_STORED,
  ZRAM_WRITESTALL,
  zramPool,
  zramRecord,
} from "../space/zram.ts";
import { zsCompact } from "../space/zsmalloc.ts";
import type { DebugFile } from "./debugfs.ts";
import type { AbiState } from "./state.ts";

/** Longest name of a compressor (Linux: CRYPTO_MAX_ALG_NAME). */
const MOST_NAME = 128;
/** Digits of a column of the statistics. */
const WIDTH = 8;
/** What may be written to `writeback`, besides a page's number. */
const WRITEBACK = /^(idle|huge|huge_idle|incompressible|page_index=[0-9]+)\n?$/;
/** What a letter behind a size says (Linux: memparse). */
const UNITS = "KMGTPE";

/** A file of a device. */
interface ZramFile {
  readonly name: string;
  readonly show?: (k: AbiState, device: number) => string;
  readonly write?: (k: AbiState, device: number, text: string) => number;
}

const FILES: readonly ZramFile[] = [
  { name: "disksize", show: (k, device) => `${wordOf(k, device, ZRAM_DISKSIZE)}\n`, write: writeDisksize },
  { name: "initstate", show: (k, device) => (isSized(k, device) ? "1\n" : "0\n") },
  { name: "reset", write: writeReset },
  { name: "compact", write: writeCompact },
  { name: "mem_limit", write: writeMemLimit },
  { name: "mem_used_max", write: writeMemUsedMax },
  { name: "max_comp_streams", show: (k) => `${k.machine.cpus}\n`, write: () => 0 },
  { name: "comp_algorithm", show: showCompressors, write: writeCompressor },
  { name: "backing_dev", show: () => "none\n", write: writeBackingDevice },
  { name: "writeback", write: writeWriteback },
  { name: "io_stat", show: showIoStat },
  { name: "mm_stat", show: showMmStat },
  { name: "bd_stat", show: () => columns([0, 0, 0]) },
  {
    name: "debug_stat",
    show: (k, device) => `version: 1\n${columns([wordOf(k, device, ZRAM_WRITESTALL), 0])}`,
  },
];

/** The files of the devices that there are. */
export function zramFiles(k: AbiState): readonly DebugFile[] {
  return Array.from({ length: k.zram.count[0]! }, (_, device) => device).flatMap((device) =>
    FILES.map(({ name, show, write }) => ({
      path: `/sys/block/zram${device}/${name}`,
      ...(show === undefined ? {} : { show: (kernel: AbiState) => show(kernel, device) }),
      ...(write === undefined
        ? {}
        : { write: (kernel: AbiState, text: string) => write(kernel, device, text) }),
    })),
  );
}

function wordOf(k: AbiState, device: number, word: number): number {
  return k.zram.device[zramRecord(device) + word]!;
}

function isSized(k: AbiState, device: number): boolean {
  return wordOf(k, device, ZRAM_DISKSIZE) !== 0;
}

function columns(values: readonly number[]): string {
  return `${values.map((value) => String(value).padStart(WIDTH)).join(" ")}\n`;
}

function showMmStat(k: AbiState, device: number): string {
  const word = (which: number): number => wordOf(k, device, which);
  const pool = zramPool(device);
  return columns([
    word(ZRAM_STORED) * PAGE_SIZE,
    word(ZRAM_BYTES),
    k.zsmalloc.pages[pool]! * PAGE_SIZE,
    word(ZRAM_LIMIT_PAGES) * PAGE_SIZE,
    word(ZRAM_MAX_USED) * PAGE_SIZE,
    word(ZRAM_SAMES),
    k.zsmalloc.compacted[pool]!,
    word(ZRAM_HUGE),
    word(ZRAM_HUGE_SINCE),
  ]);
}

/** The third number has always been 0. No read ever fails. */
function showIoStat(k: AbiState, device: number): string {
  const [reads, writes, freed] = [
    0,
    wordOf(k, device, ZRAM_FAILED_WRITES),
    wordOf(k, device, ZRAM_NOTIFY_FREE),
  ].map((value) => String(value).padStart(WIDTH));
  return `${reads} ${writes} 0 ${freed}\n`;
}

function showCompressors(k: AbiState, device: number): string {
  const chosen = wordOf(k, device, ZRAM_COMPRESSOR);
  return `${ZRAM_COMPRESSORS.map((name, index) => (index === chosen ? `[${name}] ` : `${name} `)).join("")}\n`;
}

function writeCompressor(k: AbiState, device: number, text: string): number {
  if (text.length >= MOST_NAME) return -E2BIG;
  const which = ZRAM_COMPRESSORS.indexOf(text.replace(/\n$/, ""));
  if (which < 0) return -EINVAL;
  if (isSized(k, device)) return -EBUSY;
  k.zram.device[zramRecord(device) + ZRAM_COMPRESSOR] = which;
  return 0;
}

function writeDisksize(k: AbiState, device: number, text: string): number {
  const bytes = parseSize(text);
  if (Number.isNaN(bytes) || bytes === 0) return -EINVAL;
  if (isSized(k, device)) return -EBUSY;
  return sizeZram(k, device, bytes) ? 0 : -ENOMEM;
}

function writeReset(k: AbiState, device: number, text: string): number {
  const value = parseDecimal(text);
  if (Number.isNaN(value) || value === 0) return -EINVAL;
  if (value > 0xffff) return -ERANGE;
  if (k.zram.ofArea.includes(device + 1)) return -EBUSY;
  resetZram(k, device);
  return 0;
}

function writeCompact(k: AbiState, device: number): number {
  if (!isSized(k, device)) return -EINVAL;
  zsCompact(k, zramPool(device));
  return 0;
}

function writeMemLimit(k: AbiState, device: number, text: string): number {
  const bytes = parseSize(text);
  if (Number.isNaN(bytes)) return -EINVAL;
  k.zram.device[zramRecord(device) + ZRAM_LIMIT_PAGES] = Math.ceil(bytes / PAGE_SIZE);
  return 0;
}

/** The most that was used is what is used now. */
function writeMemUsedMax(k: AbiState, device: number, text: string): number {
  if (parseDecimal(text) !== 0) return -EINVAL;
  if (isSized(k, device))
    k.zram.device[zramRecord(device) + ZRAM_MAX_USED] = k.zsmalloc.pages[zramPool(device)]!;
  return 0;
}

function writeBackingDevice(k: AbiState, device: number, text: string): number {
  if (isSized(k, device)) return -EBUSY;
  return findInode(k, text.replace(/\n$/, "")) === NONE ? -ENOENT : -ENOTBLK;
}

function writeWriteback(k: AbiState, device: number, text: string): number {
  const page = /[0-9]+/.exec(text);
  if (!WRITEBACK.test(text) || !isSized(k, device)) return -EINVAL;
  const isBeyond = page !== null && Number(page[0]) >= wordOf(k, device, ZRAM_DISKSIZE) / PAGE_SIZE;
  return isBeyond ? -EINVAL : -ENODEV;
}

/** A size with a unit, or NaN; what follows it does not count. */
function parseSize(text: string): number {
  const found = /^\s*(0x[0-9a-f]+|[0-9]+)([KMGTPE]?)/i.exec(text);
  if (found === null) return Number.NaN;
  const [, digits, unit] = found;
  const isOctal = /^0[0-7]+$/.test(digits!);
  const value = isOctal ? Number.parseInt(digits!, 8) : Number(digits);
  return value * 1024 ** (UNITS.indexOf(unit!.toUpperCase() || "-") + 1);
}

function parseDecimal(text: string): number {
  return /^\+?[0-9]+\n?$/.test(text) ? Number.parseInt(text, 10) : Number.NaN;
}
