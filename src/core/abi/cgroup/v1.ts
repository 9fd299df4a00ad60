/**
 * The memory files of version 1: /sys/fs/cgroup/memory/PATH/memory.limit_in_bytes and its like.
 *
 *   memory.*         usage, highest usage, limit, failed charges of memory (the kernel's included)
 *   memory.memsw.*   the same of memory+swap; never below the limit of memory
 *
 * Differs: cgroup.event_control is no file, because programs here have no eventfd to write into it: memory-watch.ts does
 * what such a write does, for `watch` of a script, too. Charges do not follow a task that moves (move_charge_at_immigrate is always 0).
 * Linux: mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst
 */
import { EBUSY, EINVAL } from "../../base/errno.ts";
import { type Memcg, ROOT_MEMCG } from "../../base/types.ts";
import { GFP_KERNEL } from "../../reclaim/gfp.ts";
import { MAX_RECLAIM_RETRIES, MAX_SWAPPINESS } from "../../reclaim/scan-control.ts";
import { MEMCG_RECLAIM_MAY_SWAP, tryToFreeMemcgPages } from "../../reclaim/vmscan.ts";
import { lruAddDrainAll } from "../../space/lruvec.ts";
import { drainAllStock, isBelow, MEMCG_OOM_KILL, NR_MEMCG_EVENTS } from "../../space/memcg.ts";
import { subtree } from "../../space/memcg-subtree.ts";
import { isAlive } from "../../space/memcg-task.ts";
import { memcgSwappiness } from "../../space/memcg-v1.ts";
import { showLegacyNumaStat, showLegacyStat } from "../../space/memcg-v1-stat.ts";
import { memcgUsage } from "../../space/memcg-watch.ts";
import { taskRows } from "../../space/task.ts";
import type { AbiState } from "../state.ts";
import type { CgroupFile } from "./file.ts";
import { showProcs, writeProcs } from "./procs.ts";
import { bytesText, parseLimit } from "./sizes.ts";

/** What is counted, and what of it a file shows. */
type Counter = "memory" | "memsw";

/** What a limit file shows without a limit: the last multiple of a page below 2^63. */
const NO_LIMIT = "9223372036854771712\n";

/** The files of a cgroup of version 1, in the kernel's order. */
export const LEGACY_FILES: readonly CgroupFile[] = [
  { name: "cgroup.procs", onRoot: true, show: showProcs, write: writeProcs },
  { name: "tasks", onRoot: true, show: showProcs, write: writeProcs },
  ...counterFiles("memory", "memory"),
  {
    name: "memory.soft_limit_in_bytes",
    onRoot: true,
    show: (k, memcg) => limitText(k.memcg.softLimit[memcg]),
    write: (k, memcg, text) => setLimit(k.memcg.softLimit, memcg, text),
  },
  { name: "memory.stat", onRoot: true, show: showLegacyStat },
  { name: "memory.force_empty", onRoot: true, write: forceEmpty },
  {
    name: "memory.use_hierarchy",
    onRoot: true,
    show: () => "1\n",
    write: (_k, _memcg, text) => parseNumber(text, 1, 1),
  },
  {
    name: "memory.swappiness",
    onRoot: true,
    show: (k, memcg) => `${memcgSwappiness(k, memcg)}\n`,
    write: writeSwappiness,
  },
  { name: "memory.move_charge_at_immigrate", onRoot: true, show: () => "0\n" },
  { name: "memory.oom_control", onRoot: true, show: showOomControl, write: writeOomControl },
  { name: "memory.pressure_level", onRoot: true, show: () => "" },
  { name: "memory.numa_stat", onRoot: true, show: showLegacyNumaStat },
  {
    name: "memory.kmem.limit_in_bytes",
    onRoot: true,
    show: () => NO_LIMIT,
    write: (_k, _memcg, text) => Math.min(0, parseLimit(text)),
  },
  {
    name: "memory.kmem.usage_in_bytes",
    onRoot: true,
    show: (k, memcg) => `${bytesText(kernelPages(k, memcg))}\n`,
  },
  ...counterFiles("memsw", "memory.memsw"),
];

/** Usage, highest usage, limit and failed charges of one counter. */
function counterFiles(counter: Counter, prefix: string): CgroupFile[] {
  const isMemsw = counter === "memsw";
  return [
    {
      name: `${prefix}.usage_in_bytes`,
      onRoot: true,
      show: (k, memcg) => `${bytesText(memcgUsage(k, memcg, isMemsw))}\n`,
    },
    {
      name: `${prefix}.max_usage_in_bytes`,
      onRoot: true,
      show: (k, memcg) => `${bytesText((isMemsw ? k.memcg.memswWatermark : k.memcg.watermark)[memcg])}\n`,
      write: (k, memcg) => {
        if (isMemsw) k.memcg.memswWatermark[memcg] = k.memcg.memsw[memcg];
        else k.memcg.watermark[memcg] = k.memcg.usage[memcg];
        return 0;
      },
    },
    {
      name: `${prefix}.limit_in_bytes`,
      onRoot: true,
      show: (k, memcg) => limitText((isMemsw ? k.memcg.memswMax : k.memcg.max)[memcg]),
      write: (k, memcg, text) => resizeMax(k, memcg, text, isMemsw),
    },
    {
      name: `${prefix}.failcnt`,
      onRoot: true,
      show: (k, memcg) => `${(isMemsw ? k.memcg.memswFailcnt : k.memcg.failcnt)[memcg]}\n`,
      write: (k, memcg) => {
        (isMemsw ? k.memcg.memswFailcnt : k.memcg.failcnt)[memcg] = 0;
        return 0;
      },
    },
  ];
}

/**
 * Sets a limit: reclaims until usage is below it. Returns 0, -EINVAL (no size, the root, or memory would be allowed more
 * than memory+swap), or -EBUSY when reclaim does not get there; the old limit stays then.
 */
function resizeMax(k: AbiState, memcg: Memcg, text: string, isMemsw: boolean): number {
  const max = parseLimit(text);
  if (max < 0) return max;
  if (memcg === ROOT_MEMCG) return -EINVAL;
  const { memsw, memswMax, usage } = k.memcg;
  if (isMemsw ? max < k.memcg.max[memcg] : max > memswMax[memcg]) return -EINVAL;
  const used = isMemsw ? memsw : usage;
  if (used[memcg] > max) drainAllStock(k, memcg);
  const options = { flags: isMemsw ? 0 : MEMCG_RECLAIM_MAY_SWAP, swappiness: -1 };
  while (used[memcg] > max) if (tryToFreeMemcgPages(k, memcg, 1, GFP_KERNEL, options) === 0) return -EBUSY;
  (isMemsw ? memswMax : k.memcg.max)[memcg] = max;
  return 0;
}

/** Reclaims all that it can (Linux: mem_cgroup_force_empty). */
function forceEmpty(k: AbiState, memcg: Memcg): number {
  if (memcg === ROOT_MEMCG) return -EINVAL;
  lruAddDrainAll(k);
  drainAllStock(k, memcg);
  const options = { flags: MEMCG_RECLAIM_MAY_SWAP, swappiness: -1 };
  for (let retries = MAX_RECLAIM_RETRIES; retries > 0 && k.memcg.usage[memcg] > 0; )
    if (tryToFreeMemcgPages(k, memcg, 1, GFP_KERNEL, options) === 0) retries--;
  return 0;
}

function writeSwappiness(k: AbiState, memcg: Memcg, text: string): number {
  const value = parseNumber(text, 0, MAX_SWAPPINESS);
  if (value < 0) return value;
  if (memcg === ROOT_MEMCG) k.knob.swappiness = Number(text.trim());
  else k.memcg.swappiness[memcg] = Number(text.trim());
  return 0;
}

function showOomControl(k: AbiState, memcg: Memcg): string {
  const { oomKillDisable, eventLocal } = k.memcg;
  const kills = eventLocal[memcg * NR_MEMCG_EVENTS + MEMCG_OOM_KILL];
  return `oom_kill_disable ${oomKillDisable[memcg]}\nunder_oom ${isUnderOom(k, memcg) ? 1 : 0}\noom_kill ${kills}\n`;
}

/** Whether a task waits for memory of the cgroup, or of one above it whose lack is its lack. */
export function isUnderOom(k: AbiState, memcg: Memcg): boolean {
  for (let task = 1; task < taskRows(k); task++) {
    const waited = k.task.memcgInOom[task];
    if (waited !== ROOT_MEMCG && isAlive(k, task) && isBelow(k, memcg, waited)) return true;
  }
  return false;
}

function writeOomControl(k: AbiState, memcg: Memcg, text: string): number {
  if (memcg === ROOT_MEMCG || parseNumber(text, 0, 1) < 0) return -EINVAL;
  k.memcg.oomKillDisable[memcg] = Number(text.trim());
  return 0;
}

/** Kernel pages of the cgroup and all below it. */
function kernelPages(k: AbiState, memcg: Memcg): number {
  let pages = 0;
  for (const at of subtree(k, memcg)) pages += k.memcg.kmem[at];
  return pages;
}

function setLimit(limits: Float64Array, memcg: Memcg, text: string): number {
  const pages = parseLimit(text);
  if (pages < 0) return pages;
  limits[memcg] = pages;
  return 0;
}

/** 0 when the text is a number in the range, else -EINVAL. */
function parseNumber(text: string, least: number, most: number): number {
  const written = text.trim();
  if (!/^[0-9]+$/.test(written)) return -EINVAL;
  return Number(written) >= least && Number(written) <= most ? 0 : -EINVAL;
}

function limitText(pages: number): string {
  return pages === Number.POSITIVE_INFINITY ? NO_LIMIT : `${bytesText(pages)}\n`;
}
