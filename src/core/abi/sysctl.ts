/**
 * /proc/sys and the tunables below /sys: every row of base/knobs.ts that has such a path is a file here. Writing most of
 * them only changes the number that code reads; what more has to happen is in EFFECTS.
 * Linux: kernel/sysctl.c proc_doulongvec_minmax, mm/util.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { EACCES, EINVAL, ENOENT, ERANGE } from "../base/errno.ts";
import { KNOBS, type KnobKey, type KnobRow } from "../base/knobs.ts";
import { setupPageset } from "../frame/pcp-tune.ts";
import { setupWatermarks } from "../frame/watermark.ts";
import { compactAll } from "../reclaim/compaction.ts";
import { wakeAllFlushers } from "../reclaim/flusher.ts";
import { LRU_GEN_CORE, LRU_GEN_MM_WALK, LRU_GEN_NONLEAF_YOUNG } from "../space/lru-gen.ts";
import { settleLruPolicy } from "../space/lru-gen-switch.ts";
import { ZSWAP_EVER_ON } from "../space/zswap.ts";
import { OVERCOMMIT_NEVER, syncCommitted } from "../vm/accounting.ts";
import { dropCaches } from "../vm/drop-caches.ts";
import type { AbiState } from "./state.ts";

/** What writing a tunable does besides setting it. `value` is what was written and is in force already, `old` was before. */
type Effect = (k: AbiState, value: number, old: number) => void;

const LRU_GEN_ALL = LRU_GEN_CORE | LRU_GEN_MM_WALK | LRU_GEN_NONLEAF_YOUNG;

/** A smaller fraction than this would leave the per-CPU lists too much (Linux: MIN_PERCPU_PAGELIST_HIGH_FRACTION). */
const LEAST_PCP_FRACTION = 8;

/** Limits in bytes, which are counted in pages by numbers of 32 bits. */
const BYTE_LIMITS: readonly KnobKey[] = ["dirtyBytes", "dirtyBackgroundBytes"];
const MOST_DIRTY_BYTES = 0xffffffff * 4096;

/** Time-outs are kept in ticks of the clock (Linux: CONFIG_HZ, 250 in Debian). */
const TICK_MS = 4;

const EFFECTS: Readonly<Partial<Record<KnobKey, Effect>>> = {
  // Ratio and size exclude each other: setting one switches the other off.
  overcommitRatio: (k) => {
    k.knob.overcommitKbytes = 0;
  },
  overcommitKbytes: (k) => {
    k.knob.overcommitRatio = 0;
  },
  // Strict accounting looks at the shared sum alone, so the CPUs' parts are folded into it first.
  overcommitMemory: (k, value) => {
    if (value === OVERCOMMIT_NEVER) syncCommitted(k);
  },
  // Of the limit itself, unlike of the background's, only a change does so.
  dirtyRatio: (k, value, old) => {
    if (value !== old) k.knob.dirtyBytes = 0;
  },
  dirtyBytes: (k, value, old) => {
    if (value !== old) k.knob.dirtyRatio = 0;
  },
  dirtyBackgroundRatio: (k) => {
    k.knob.dirtyBackgroundBytes = 0;
  },
  dirtyBackgroundBytes: (k) => {
    k.knob.dirtyBackgroundRatio = 0;
  },
  // Writers' threads look at their files anew.
  dirtyWritebackCentisecs: (k, value, old) => {
    if (value > 0 && value !== old) wakeAllFlushers(k);
  },
  minFreeKbytes: (k) => updateWatermarks(k),
  watermarkScaleFactor: (k) => updateWatermarks(k),
  percpuPagelistHighFraction: (k) => updatePagesets(k),
  dropCaches,
  compactMemory: (k) => compactAll(k),
  lruGenEnabled: (k, value) => {
    k.knob.lruGenEnabled = value & LRU_GEN_ALL;
    settleLruPolicy(k);
  },
  lruGenMinTtlMs: (k, value) => {
    k.knob.lruGenMinTtlMs = Math.ceil(value / TICK_MS) * TICK_MS;
  },
  zswapEnabled: (k, value) => {
    if (value !== 0) k.zswap.state[ZSWAP_EVER_ON] = 1;
  },
  // The kernel keeps a power of two.
  faultAroundBytes: (k, value) => {
    k.knob.faultAroundBytes = 2 ** Math.floor(Math.log2(value));
  },
};

/** Paths of all tunables that are files on this machine, in the table's order. */
export function sysctlPaths(k: AbiState): string[] {
  return KNOBS.flatMap((row) => pathsOf(k, row));
}

/** The text of a tunable's file, -ENOENT, or -EACCES (drop_caches and compact_memory are orders, there is nothing to read). */
export function readSysctl(k: AbiState, path: string): string | number {
  const row = findRow(k, path);
  if (row === undefined) return -ENOENT;
  if (row.key === "dropCaches" || row.key === "compactMemory") return -EACCES;
  if (row.key === "lruGenEnabled") return `0x${k.knob.lruGenEnabled.toString(16).padStart(4, "0")}\n`;
  if (row.key === "zswapEnabled" || row.key === "zswapShrinker") return k.knob[row.key] === 0 ? "N\n" : "Y\n";
  if (row.key === "vmaReadAhead") return k.knob.vmaReadAhead === 0 ? "false\n" : "true\n";
  return `${k.knob[row.key]}\n`;
}

/**
 * Sets a tunable from the text a program writes: one number, decimal, 0x… or 0…, blanks around it.
 * Returns 0 (also for empty text, which changes nothing), -ENOENT, -EINVAL (no number, or out of range), or -ERANGE (more
 * dirty bytes than 32 bits can count pages).
 */
export function writeSysctl(k: AbiState, path: string, text: string): number {
  const row = findRow(k, path);
  if (row === undefined) return -ENOENT;
  const written = text.trim();
  if (written === "") return 0;
  const value = (PARSERS[row.key] ?? parseNumber)(written);
  if (Number.isNaN(value) || value < row.min || value > row.max) return -EINVAL;
  if (row.key === "percpuPagelistHighFraction" && value > 0 && value < LEAST_PCP_FRACTION) return -EINVAL;
  if (BYTE_LIMITS.includes(row.key) && value > MOST_DIRTY_BYTES) return -ERANGE;
  const old = k.knob[row.key];
  k.knob[row.key] = value;
  EFFECTS[row.key]?.(k, value, old);
  return 0;
}

/** Watermarks follow min_free_kbytes and the scale factor, and the per-CPU lists follow the watermarks. */
function updateWatermarks(k: AbiState): void {
  setupWatermarks(k, k.knob.minFreeKbytes, k.knob.watermarkScaleFactor);
  updatePagesets(k);
}

function updatePagesets(k: AbiState): void {
  for (let zone = 1; zone < k.zone.count; zone++) setupPageset(k, zone);
}

/** The files of one tunable: none for those that are only boot options or limits, one a disk for disks'. */
function pathsOf(k: AbiState, row: KnobRow): string[] {
  if (row.path.startsWith("/sys/module/zswap/") && k.machine.config.zswap === "none") return [];
  if (row.path.startsWith("/sys/block/"))
    return k.machine.disks.map((disk) => row.path.replace("DISK", disk.name));
  if (row.path.startsWith("/")) return [row.path];
  return /^(vm|kernel)\./.test(row.path) ? [`/proc/sys/${row.path.replace(".", "/")}`] : [];
}

function findRow(k: AbiState, path: string): KnobRow | undefined {
  return KNOBS.find((row) => pathsOf(k, row).includes(path));
}

/** A number, or y for all parts of MGLRU, or n for none. */
function parseYesNo(text: string): number {
  const first = text.charAt(0).toLowerCase();
  if (first === "y") return LRU_GEN_ALL;
  return first === "n" ? 0 : parseNumber(text);
}

/** A flag as the kernel reads it (Linux: kstrtobool): y, t, 1, on, or n, f, 0, off; more may follow. Else NaN. */
function parseFlag(text: string): number {
  if (/^([yt1]|on)/i.test(text)) return 1;
  return /^([nf0]|of)/i.test(text) ? 0 : Number.NaN;
}

/** Tunables that are not written as plain numbers. */
const PARSERS: Readonly<Partial<Record<KnobKey, (text: string) => number>>> = {
  lruGenEnabled: parseYesNo,
  vmaReadAhead: parseFlag,
  zswapEnabled: parseFlag,
  zswapShrinker: parseFlag,
};

/** A number as the kernel reads it, or NaN. */
function parseNumber(text: string): number {
  if (/^-?0x[0-9a-f]+$/i.test(text))
    return text.startsWith("-") ? -Number.parseInt(text.slice(1), 16) : Number.parseInt(text, 16);
  if (/^-?0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  return /^-?(0|[1-9][0-9]*)$/.test(text) ? Number.parseInt(text, 10) : Number.NaN;
}
