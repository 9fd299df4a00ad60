/**
 * Every tunable, one row each: the name code reads (`k.knob.swappiness`), the path an operator writes, the default,
 * the range. Boot copies the defaults, then the machine's own settings.
 * Linux: kernel/sysctl.c, mm/page_alloc.c, mm/util.c, mm/mmap.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { badConfig } from "./bug.ts";

/** One tunable. */
export interface KnobRow {
  readonly key: KnobKey;
  /** As `sysctl` names it (vm.swappiness), or a path below /sys. */
  readonly path: string;
  /** NaN: computed at boot from the machine's size. */
  readonly initial: number;
  readonly min: number;
  readonly max: number;
  readonly unit: string;
}

export type KnobKey =
  | "minFreeKbytes"
  | "watermarkScaleFactor"
  | "watermarkBoostFactor"
  | "percpuPagelistHighFraction"
  | "overcommitMemory"
  | "overcommitRatio"
  | "overcommitKbytes"
  | "userReserveKbytes"
  | "adminReserveKbytes"
  | "transparentHugepage"
  | "maxMapCount"
  | "mmapMinAddr"
  | "legacyVaLayout"
  | "randomizeVaSpace"
  | "mmapRndBits"
  | "faultAroundBytes"
  | "readAheadKb"
  | "maxSectorsKb"
  | "swappiness"
  | "panicOnOom"
  | "oomKillAllocatingTask"
  | "oomDumpTasks"
  | "lruGenEnabled"
  | "lruGenMinTtlMs"
  | "dropCaches"
  | "compactMemory"
  | "extfragThreshold"
  | "pageCluster"
  | "vmaReadAhead"
  | "zswapEnabled"
  | "zswapMaxPoolPercent"
  | "zswapAcceptThreshold"
  | "zswapShrinker"
  | "stackGuardGap"
  | "stackRlimitBytes"
  | "dirtyBackgroundRatio"
  | "dirtyBackgroundBytes"
  | "dirtyRatio"
  | "dirtyBytes"
  | "dirtyWritebackCentisecs"
  | "dirtyExpireCentisecs"
  | "statInterval"
  | "privileged"
  | "asRlimitBytes"
  | "dataRlimitBytes";

/** The values in force, by key. One plain object, made at boot with every key present. */
export type Knobs = { [key in KnobKey]: number };

/** The table. */
export const KNOBS: readonly KnobRow[] = [
  {
    key: "minFreeKbytes",
    path: "vm.min_free_kbytes",
    initial: Number.NaN,
    min: 0,
    max: 2147483647,
    unit: "kB",
  },
  {
    key: "watermarkScaleFactor",
    path: "vm.watermark_scale_factor",
    initial: 10,
    min: 1,
    max: 3000,
    unit: "1/10000",
  },
  {
    key: "watermarkBoostFactor",
    path: "vm.watermark_boost_factor",
    initial: 15000,
    min: 0,
    max: 2147483647,
    unit: "1/10000",
  },
  {
    key: "percpuPagelistHighFraction",
    path: "vm.percpu_pagelist_high_fraction",
    initial: 0,
    min: 0,
    max: 2147483647,
    unit: "1/n",
  },
  { key: "overcommitMemory", path: "vm.overcommit_memory", initial: 0, min: 0, max: 2, unit: "mode" },
  { key: "overcommitRatio", path: "vm.overcommit_ratio", initial: 50, min: 0, max: 2147483647, unit: "%" },
  {
    key: "overcommitKbytes",
    path: "vm.overcommit_kbytes",
    initial: 0,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "kB",
  },
  {
    key: "userReserveKbytes",
    path: "vm.user_reserve_kbytes",
    initial: Number.NaN,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "kB",
  },
  {
    key: "adminReserveKbytes",
    path: "vm.admin_reserve_kbytes",
    initial: Number.NaN,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "kB",
  },
  {
    key: "transparentHugepage",
    path: "/sys/kernel/mm/transparent_hugepage/enabled",
    initial: 0,
    min: 0,
    max: 2,
    unit: "0 never, 1 madvise, 2 always",
  },
  { key: "maxMapCount", path: "vm.max_map_count", initial: 65530, min: 0, max: 2147483647, unit: "VMAs" },
  {
    key: "mmapMinAddr",
    path: "vm.mmap_min_addr",
    initial: 65536,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  { key: "legacyVaLayout", path: "vm.legacy_va_layout", initial: 0, min: 0, max: 1, unit: "flag" },
  { key: "randomizeVaSpace", path: "kernel.randomize_va_space", initial: 2, min: 0, max: 2, unit: "mode" },
  { key: "mmapRndBits", path: "vm.mmap_rnd_bits", initial: 28, min: 28, max: 32, unit: "bits" },
  {
    key: "faultAroundBytes",
    path: "/sys/kernel/debug/fault_around_bytes",
    initial: 65536,
    min: 4096,
    max: 2097152,
    unit: "bytes",
  },
  {
    key: "readAheadKb",
    path: "/sys/block/DISK/queue/read_ahead_kb",
    initial: 128,
    min: 0,
    max: 1048576,
    unit: "kB",
  },
  {
    key: "maxSectorsKb",
    path: "/sys/block/DISK/queue/max_sectors_kb",
    initial: 1280,
    min: 4,
    max: 2147483647,
    unit: "kB",
  },
  { key: "dropCaches", path: "vm.drop_caches", initial: 0, min: 1, max: 4, unit: "bits" },
  { key: "compactMemory", path: "vm.compact_memory", initial: 0, min: 1, max: 1, unit: "flag" },
  {
    key: "extfragThreshold",
    path: "vm.extfrag_threshold",
    initial: 500,
    min: 0,
    max: 1000,
    unit: "thousandths",
  },
  { key: "swappiness", path: "vm.swappiness", initial: 60, min: 0, max: 200, unit: "weight" },
  { key: "panicOnOom", path: "vm.panic_on_oom", initial: 0, min: 0, max: 2, unit: "mode" },
  {
    key: "oomKillAllocatingTask",
    path: "vm.oom_kill_allocating_task",
    initial: 0,
    min: -2147483648,
    max: 2147483647,
    unit: "flag",
  },
  {
    key: "oomDumpTasks",
    path: "vm.oom_dump_tasks",
    initial: 1,
    min: -2147483648,
    max: 2147483647,
    unit: "flag",
  },
  {
    key: "lruGenEnabled",
    path: "/sys/kernel/mm/lru_gen/enabled",
    initial: 7,
    min: 0,
    max: 4294967295,
    unit: "bits",
  },
  {
    key: "lruGenMinTtlMs",
    path: "/sys/kernel/mm/lru_gen/min_ttl_ms",
    initial: 0,
    min: 0,
    max: 4294967295,
    unit: "ms",
  },
  {
    key: "vmaReadAhead",
    path: "/sys/kernel/mm/swap/vma_ra_enabled",
    initial: 1,
    min: 0,
    max: 1,
    unit: "flag",
  },
  {
    key: "zswapEnabled",
    path: "/sys/module/zswap/parameters/enabled",
    initial: 0,
    min: 0,
    max: 1,
    unit: "flag",
  },
  {
    key: "zswapMaxPoolPercent",
    path: "/sys/module/zswap/parameters/max_pool_percent",
    initial: 20,
    min: 0,
    max: 4294967295,
    unit: "%",
  },
  {
    key: "zswapAcceptThreshold",
    path: "/sys/module/zswap/parameters/accept_threshold_percent",
    initial: 90,
    min: 0,
    max: 4294967295,
    unit: "%",
  },
  {
    key: "zswapShrinker",
    path: "/sys/module/zswap/parameters/shrinker_enabled",
    initial: 0,
    min: 0,
    max: 1,
    unit: "flag",
  },
  { key: "pageCluster", path: "vm.page-cluster", initial: 3, min: 0, max: 31, unit: "log2 pages" },
  {
    key: "dirtyBackgroundRatio",
    path: "vm.dirty_background_ratio",
    initial: 10,
    min: 0,
    max: 100,
    unit: "%",
  },
  {
    key: "dirtyBackgroundBytes",
    path: "vm.dirty_background_bytes",
    initial: 0,
    min: 1,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  { key: "dirtyRatio", path: "vm.dirty_ratio", initial: 20, min: 0, max: 100, unit: "%" },
  {
    key: "dirtyBytes",
    path: "vm.dirty_bytes",
    initial: 0,
    min: 8192,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  {
    key: "dirtyWritebackCentisecs",
    path: "vm.dirty_writeback_centisecs",
    initial: 500,
    min: 0,
    max: 2147483647,
    unit: "cs",
  },
  {
    key: "dirtyExpireCentisecs",
    path: "vm.dirty_expire_centisecs",
    initial: 3000,
    min: 0,
    max: 2147483647,
    unit: "cs",
  },
  { key: "stackGuardGap", path: "stack_guard_gap=", initial: 256, min: 0, max: 65536, unit: "pages" },
  {
    key: "stackRlimitBytes",
    path: "RLIMIT_STACK",
    initial: 8388608,
    min: 4096,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  {
    key: "asRlimitBytes",
    path: "RLIMIT_AS",
    initial: Number.MAX_SAFE_INTEGER,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  {
    key: "dataRlimitBytes",
    path: "RLIMIT_DATA",
    initial: Number.MAX_SAFE_INTEGER,
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    unit: "bytes",
  },
  { key: "privileged", path: "capabilities=", initial: 0, min: 0, max: 1, unit: "0 user, 1 root" },
  { key: "statInterval", path: "vm.stat_interval", initial: 1, min: 0, max: 2147483647, unit: "s" },
];

/**
 * The defaults with `settings` over them. A setting is named by its path ("vm.swappiness").
 * RangeError when a path is unknown or a value is not an integer in its range.
 */
export function createKnobs(settings: Readonly<Record<string, number>>): Knobs {
  const knobs = {} as Knobs;
  for (const row of KNOBS) knobs[row.key] = row.initial;
  for (const path of Object.keys(settings).sort()) setKnob(knobs, path, settings[path]!);
  return knobs;
}

/** Sets one tunable by its path; RangeError as in createKnobs. */
export function setKnob(knobs: Knobs, path: string, value: number): void {
  const row = KNOBS.find((candidate) => candidate.path === path);
  if (row === undefined) badConfig(path, "no such tunable");
  if (!Number.isInteger(value)) badConfig(path, `${value} is not a whole number`);
  if (value < row.min || value > row.max) badConfig(path, `${value} is outside ${row.min} to ${row.max}`);
  knobs[row.key] = value;
}
