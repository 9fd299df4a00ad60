/**
 * The list of a cgroup's files: which shows what, which may be written, and which the root has as well.
 * Linux: kernel/cgroup/cgroup.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EINVAL } from "../../base/errno.ts";
import { type Memcg, ROOT_MEMCG } from "../../base/types.ts";
import { setProtection } from "../../space/memcg.ts";
import { hasMemory } from "../../space/memcg-current.ts";
import { showMemoryStat, showNumaStat } from "../../space/memcg-stat.ts";
import { isLegacy } from "../../space/memcg-v1.ts";
import { hasZswap, zswapBytesOf } from "../../space/zswap.ts";
import type { AbiState } from "../state.ts";
import {
  showCgroupEvents,
  showCgroupStat,
  showControllers,
  showSubtreeControl,
  writeSubtreeControl,
} from "./directory.ts";
import { showEvents, showLocalEvents, showSwapEvents } from "./events.ts";
import type { CgroupFile } from "./file.ts";
import { writeHigh, writeMax, writeReclaim } from "./limits.ts";
import { PRESSURE_FILES } from "./pressure.ts";
import { showProcs, writeProcs } from "./procs.ts";
import { bytesText, parsePages, showPages } from "./sizes.ts";
import { LEGACY_FILES } from "./v1.ts";

/** The columns of MemcgColumns that are plain limits. */
type LimitKey = "swapHigh" | "swapMax" | "zswapMax";

/** All files, the cgroup's own first. */
export const CGROUP_FILES: readonly CgroupFile[] = [
  { name: "cgroup.type", show: () => "domain\n" },
  { name: "cgroup.procs", onRoot: true, show: showProcs, write: writeProcs },
  { name: "cgroup.controllers", onRoot: true, show: showControllers },
  {
    name: "cgroup.subtree_control",
    onRoot: true,
    show: showSubtreeControl,
    write: writeSubtreeControl,
  },
  { name: "cgroup.events", show: showCgroupEvents },
  { name: "cgroup.stat", onRoot: true, show: showCgroupStat },
  ...PRESSURE_FILES,
  { name: "memory.current", show: (k, memcg) => `${bytesText(k.memcg.usage[memcg])}\n` },
  // The maximum that a write resets is that of the writer's open file alone; a file opened later shows the old one.
  { name: "memory.peak", show: (k, memcg) => `${bytesText(k.memcg.watermark[memcg])}\n`, write: () => 0 },
  {
    name: "memory.min",
    show: (k, memcg) => showPages(k.memcg.min[memcg]),
    write: (k, memcg, text) => writeProtection(k, memcg, text, true),
  },
  {
    name: "memory.low",
    show: (k, memcg) => showPages(k.memcg.low[memcg]),
    write: (k, memcg, text) => writeProtection(k, memcg, text, false),
  },
  { name: "memory.high", show: (k, memcg) => showPages(k.memcg.high[memcg]), write: writeHigh },
  { name: "memory.max", show: (k, memcg) => showPages(k.memcg.max[memcg]), write: writeMax },
  { name: "memory.events", show: showEvents },
  { name: "memory.events.local", show: showLocalEvents },
  { name: "memory.stat", onRoot: true, show: showMemoryStat },
  { name: "memory.numa_stat", onRoot: true, show: showNumaStat },
  { name: "memory.oom.group", show: (k, memcg) => `${k.memcg.oomGroup[memcg]}\n`, write: writeOomGroup },
  { name: "memory.reclaim", onRoot: true, write: writeReclaim },
  { name: "memory.swap.current", show: (k, memcg) => `${bytesText(k.memcg.swapUsage[memcg])}\n` },
  limitFile("memory.swap.high", "swapHigh"),
  limitFile("memory.swap.max", "swapMax"),
  {
    name: "memory.swap.peak",
    show: (k, memcg) => `${bytesText(k.memcg.swapWatermark[memcg])}\n`,
    write: () => 0,
  },
  { name: "memory.swap.events", show: showSwapEvents },
  {
    name: "memory.zswap.current",
    isShown: hasZswapFiles,
    show: (k, memcg) => `${zswapBytesOf(k, memcg)}\n`,
  },
  { ...limitFile("memory.zswap.max", "zswapMax"), isShown: hasZswapFiles },
  {
    name: "memory.zswap.writeback",
    onRoot: true,
    isShown: hasZswapFiles,
    show: (k, memcg) => `${k.memcg.zswapWriteback[memcg]}\n`,
    write: (k, memcg, text) => writeFlag(k.memcg.zswapWriteback, memcg, text),
  },
];

/** The files that a cgroup has, in the list's order. */
export function filesOf(k: AbiState, memcg: Memcg): CgroupFile[] {
  if (isLegacy(k)) return [...LEGACY_FILES];
  return CGROUP_FILES.filter(
    (file) =>
      (memcg !== ROOT_MEMCG || file.onRoot === true) &&
      (file.isShown === undefined
        ? !file.name.startsWith("memory.") || hasMemory(k, memcg)
        : file.isShown(k, memcg)),
  );
}

/** Whether a cgroup with the memory controller has the files of zswap. */
function hasZswapFiles(k: AbiState, memcg: Memcg): boolean {
  return hasZswap(k) && (memcg === ROOT_MEMCG || hasMemory(k, memcg));
}

function limitFile(name: string, key: LimitKey): CgroupFile {
  return {
    name,
    show: (k, memcg) => showPages(k.memcg[key][memcg]),
    write: (k, memcg, text) => {
      const pages = parsePages(text);
      if (pages < 0) return pages;
      k.memcg[key][memcg] = pages;
      return 0;
    },
  };
}

function writeProtection(k: AbiState, memcg: Memcg, text: string, isMin: boolean): number {
  const pages = parsePages(text);
  if (pages < 0) return pages;
  setProtection(k, memcg, isMin ? pages : k.memcg.min[memcg], isMin ? k.memcg.low[memcg] : pages);
  return 0;
}

function writeOomGroup(k: AbiState, memcg: Memcg, text: string): number {
  return writeFlag(k.memcg.oomGroup, memcg, text);
}

function writeFlag(flags: Uint8Array, memcg: Memcg, text: string): number {
  if (!/^[+]?(0x)?0*[01]$/.test(text.trim())) return -EINVAL;
  flags[memcg] = Number(text.trim()) === 0 ? 0 : 1;
  return 0;
}
