/**
 * What lowering a limit does, and memory.reclaim: reclaim that an operator asks for.
 *
 *   memory.high   reclaims at once, as long as it helps; the rest is left to those who charge
 *   memory.max    reclaims until usage is below; when 16 tries free nothing, the cgroup is out of memory
 *                 and processes of it are killed, one after the other, until usage is below or none is left
 *
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EAGAIN, EINVAL } from "../../base/errno.ts";
import { type Memcg, PAGE_SIZE } from "../../base/types.ts";
import { GFP_KERNEL } from "../../reclaim/gfp.ts";
import { memcgOutOfMemory } from "../../reclaim/oom-kill.ts";
import { currentTask, isDying } from "../../reclaim/oom-task.ts";
import { MAX_RECLAIM_RETRIES, MAX_SWAPPINESS } from "../../reclaim/scan-control.ts";
import {
  MEMCG_RECLAIM_MAY_SWAP,
  MEMCG_RECLAIM_PROACTIVE,
  tryToFreeMemcgPages,
} from "../../reclaim/vmscan.ts";
import { lruAddDrainAll } from "../../space/lruvec.ts";
import { drainAllStock, MEMCG_OOM, memcgEvent } from "../../space/memcg.ts";
import type { AbiState } from "../state.ts";
import { parsePages, parseSize } from "./sizes.ts";

const SWAP_TOO = { flags: MEMCG_RECLAIM_MAY_SWAP, swappiness: -1 };

/** Sets memory.high. Returns 0 or -EINVAL. */
export function writeHigh(k: AbiState, memcg: Memcg, text: string): number {
  const high = parsePages(text);
  if (high < 0) return high;
  k.memcg.high[memcg] = high;
  const { usage } = k.memcg;
  if (usage[memcg] > high) drainAllStock(k, memcg);
  for (let retries = MAX_RECLAIM_RETRIES; usage[memcg] > high; ) {
    const reclaimed = tryToFreeMemcgPages(k, memcg, usage[memcg] - high, GFP_KERNEL, SWAP_TOO);
    if (reclaimed === 0 && retries-- === 0) break;
  }
  return 0;
}

/** Sets memory.max. Returns 0 or -EINVAL. */
export function writeMax(k: AbiState, memcg: Memcg, text: string): number {
  const max = parsePages(text);
  if (max < 0) return max;
  k.memcg.max[memcg] = max;
  const { usage } = k.memcg;
  if (usage[memcg] > max) drainAllStock(k, memcg);
  for (let retries = MAX_RECLAIM_RETRIES; usage[memcg] > max; ) {
    if (isDying(k, currentTask(k))) break;
    if (retries > 0) {
      if (tryToFreeMemcgPages(k, memcg, usage[memcg] - max, GFP_KERNEL, SWAP_TOO) === 0) retries--;
      continue;
    }
    memcgEvent(k, memcg, MEMCG_OOM);
    if (!memcgOutOfMemory(k, memcg, GFP_KERNEL, 0)) break;
  }
  return 0;
}

/**
 * memory.reclaim: "SIZE" or "SIZE swappiness=N". Returns 0 when so much was reclaimed, -EAGAIN when 17 tries freed nothing,
 * or -EINVAL.
 */
export function writeReclaim(k: AbiState, memcg: Memcg, text: string): number {
  const size = parseSize(text.trim());
  if (!size.isFound) return -EINVAL;
  const swappiness = parseOptions(size.rest);
  if (swappiness < -1) return swappiness;
  const wanted = Math.floor(size.bytes / PAGE_SIZE);
  const options = { flags: MEMCG_RECLAIM_MAY_SWAP | MEMCG_RECLAIM_PROACTIVE, swappiness };
  let retries = MAX_RECLAIM_RETRIES;
  for (let reclaimed = 0; reclaimed < wanted; ) {
    // The last try comes with the pages that wait in the CPUs' batches.
    if (retries === 0) lruAddDrainAll(k);
    const got = tryToFreeMemcgPages(k, memcg, Math.floor((wanted - reclaimed) / 4), GFP_KERNEL, options);
    if (got === 0 && retries-- === 0) return -EAGAIN;
    reclaimed += got;
  }
  return 0;
}

/** The swappiness that a request gives, -1 when it gives none, or -EINVAL. */
function parseOptions(text: string): number {
  let swappiness = -1;
  for (const word of text.trim().split(" ")) {
    if (word === "") continue;
    const match = /^swappiness=(-?[0-9]+)$/.exec(word);
    if (match === null) return -EINVAL;
    swappiness = Number(match[1]);
    if (swappiness < 0 || swappiness > MAX_SWAPPINESS) return -EINVAL;
  }
  return swappiness;
}
