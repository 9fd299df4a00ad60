/**
 * /sys/kernel/debug: files for whoever looks into the kernel or experiments with it.
 *
 *   lru_gen          the generations of every memory cgroup on every node: number, age in ms, anonymous and file pages;
 *                    takes orders to age ("+") or to evict ("-") one of them
 *   lru_gen_full     the same, with the tiers' counts and what walks of page tables have met
 *
 * Linux: mm/vmscan.c lru_gen_seq_show, lru_gen_seq_write (6.12)   Doc: Documentation/admin-guide/mm/multigen_lru.rst
 */
import { EINVAL, ERANGE } from "../base/errno.ts";
import { type Lruvec, type Memcg, ROOT_MEMCG } from "../base/types.ts";
import { finishPlug, startPlug } from "../hw/plug.ts";
import { GFP_KERNEL } from "../reclaim/gfp.ts";
import { evictFolios } from "../reclaim/policy/mglru.ts";
import { swappinessOf } from "../reclaim/policy/mglru-shrink.ts";
import { createScan, MAX_SWAPPINESS } from "../reclaim/scan-control.ts";
import type { ScanControl } from "../reclaim/state.ts";
import {
  genSize,
  HAS_WALK,
  LRU_GEN_ANON,
  LRU_GEN_FILE,
  MAX_NR_GENS,
  MAX_NR_TIERS,
  MIN_NR_GENS,
} from "../space/lru-gen.ts";
import { tryToIncMaxSeq } from "../space/lru-gen-aging.ts";
import { MM_LEAF_TOTAL, NR_MM_STATS } from "../space/lru-gen-mm.ts";
import { lruvecOf } from "../space/lru-list.ts";
import { MEMCG_ONLINE, nextMemcg } from "../space/memcg.ts";
import { hasMemory } from "../space/memcg-current.ts";
import { pathOfMemcg } from "../space/memcg-task.ts";
import type { AbiState } from "./state.ts";

/** A file of debugfs, or another that is like one. */
export interface DebugFile {
  readonly path: string;
  /** Its text; absent where a file cannot be read. */
  readonly show?: (k: AbiState) => string;
  /** Does what is written. Returns 0 or a negative errno; absent where a file cannot be written. */
  readonly write?: (k: AbiState, text: string) => number;
}

/** All of them. */
export const DEBUG_FILES: readonly DebugFile[] = [
  { path: "/sys/kernel/debug/lru_gen", show: (k) => showLruGen(k, false), write: writeLruGen },
  { path: "/sys/kernel/debug/lru_gen_full", show: (k) => showLruGen(k, true) },
];

/** A tick of the clock, the unit of ages (Linux: CONFIG_HZ, 250 in Debian). */
const TICK_MS = 4;

/** Ids of memory cgroups begin with the root's 1. */
const FIRST_ID = 1;

function showLruGen(k: AbiState, isFull: boolean): string {
  let text = "";
  for (let memcg: Memcg = ROOT_MEMCG; memcg >= 0; memcg = nextMemcg(k, ROOT_MEMCG, memcg)) {
    if (!hasMemory(k, memcg)) continue;
    text += `memcg ${pad(memcg + FIRST_ID, 5)} ${pathOfMemcg(k, memcg)}\n`;
    for (let node = 0; node < k.lruvec.nodes; node++)
      text += ` node ${pad(node, 5)}\n${showLruvec(k, lruvecOf(k, memcg, node), isFull)}`;
  }
  return text;
}

/** The generations of a lruvec, oldest first; in full, always the last four numbers. */
function showLruvec(k: AbiState, lruvec: Lruvec, isFull: boolean): string {
  const g = k.lruGen;
  const max = g.maxSeq[lruvec]!;
  let text = "";
  let seq = isFull ? Math.max(0, max - MAX_NR_GENS + 1) : g.minSeq[lruvec * 2]!;
  for (; seq <= max; seq++) {
    const bornNs = g.birthNs[lruvec * MAX_NR_GENS + (seq & 3)]!;
    const age = (ticks(k.clock.ns[0]!) - ticks(bornNs)) * TICK_MS;
    text += ` ${pad(seq, 10)} ${pad(age, 10)}`;
    for (let type = LRU_GEN_ANON; type <= LRU_GEN_FILE; type++) {
      const mark = isFull && seq < g.minSeq[lruvec * 2 + type]! ? "x" : " ";
      text += ` ${pad(genSize(k, lruvec, seq & 3, type), 10)}${mark}`;
    }
    text += "\n";
    if (isFull) text += showTiers(k, lruvec, seq) + showWalks(k, lruvec, seq === max);
  }
  return text;
}

/** The tiers of a generation: averages with the youngest, counts with the one being evicted, nothing with others. */
function showTiers(k: AbiState, lruvec: Lruvec, seq: number): string {
  const g = k.lruGen;
  let text = "";
  for (let tier = 0; tier < MAX_NR_TIERS; tier++) {
    text += `            ${pad(tier, 10)}`;
    for (let type = LRU_GEN_ANON; type <= LRU_GEN_FILE; type++) {
      const at = lruvec * 8 + type * MAX_NR_TIERS + tier;
      if (seq === g.maxSeq[lruvec]) text += cells("RTx", [g.avgRefaulted[at]!, g.avgTotal[at]!, 0]);
      else if (seq === g.minSeq[lruvec * 2 + type])
        text += cells("rep", [g.refaulted[at]!, g.evicted[at]!, g.protectedPages[at]!]);
      else text += cells("xxx", [0, 0, 0]);
    }
    text += "\n";
  }
  return text;
}

/** What walks have met so far, with the youngest generation. */
function showWalks(k: AbiState, lruvec: Lruvec, isYoungest: boolean): string {
  const first = lruvec * NR_MM_STATS + MM_LEAF_TOTAL;
  const stats = [...k.lruGen.walkStats.subarray(first, first + NR_MM_STATS)];
  return `${" ".repeat(22)}${isYoungest ? cells("TYFA", stats) : cells("xxxx", [0, 0, 0, 0])}\n`;
}

function cells(letters: string, values: readonly number[]): string {
  return values.map((value, i) => ` ${pad(value, 10)}${letters[i]}`).join("");
}

/**
 * Orders, each on a line or after a comma or semicolon, done until one fails:
 *
 *   + memcg node seq [can_swap [force_scan]]       a new generation, when seq is the youngest
 *   - memcg node seq [swappiness [nr_to_reclaim]]  evicts generations up to seq
 */
function writeLruGen(k: AbiState, text: string): number {
  const { inside } = k.reclaim;
  const sc = createScan({ nrToReclaim: 0, gfp: GFP_KERNEL, priority: 0 });
  const was = inside[0]!;
  inside[0] = 1;
  k.lruGen.state[HAS_WALK] = 1;
  startPlug(k);
  let error = -EINVAL;
  for (const line of text.split(/[,;\n]/)) {
    if (line.trim() === "") continue;
    error = runOrder(k, line, sc);
    if (error !== 0) break;
  }
  k.lruGen.state[HAS_WALK] = 0;
  finishPlug(k);
  inside[0] = was;
  return error;
}

function runOrder(k: AbiState, line: string, sc: ScanControl): number {
  const words = /^\s*(\S)\s*(\d+)\s+(\d+)\s+(\d+)(?:\s+(\d+))?(?:\s+(\d+))?\s*$/.exec(line);
  if (words === null) return -EINVAL;
  const [id, node, seq] = [Number(words[2]), Number(words[3]), Number(words[4])] as const;
  const memcg = id - FIRST_ID;
  const isThere = memcg >= ROOT_MEMCG && k.memcg.state[memcg] === MEMCG_ONLINE && hasMemory(k, memcg);
  if (node >= k.lruvec.nodes || !isThere) return -EINVAL;
  const lruvec = lruvecOf(k, memcg, node);
  const swappiness = words[5] === undefined ? swappinessOf(k, lruvec, sc) : Number(words[5]);
  if (swappiness > MAX_SWAPPINESS) return -EINVAL;
  const option = words[6] === undefined ? Number.POSITIVE_INFINITY : Number(words[6]);
  if (words[1] === "+") return runAging(k, lruvec, seq, swappiness !== 0, option !== 0);
  return words[1] === "-" ? runEviction(k, lruvec, seq, sc, { swappiness, pages: option }) : -EINVAL;
}

/** Begins a new generation after `seq`, unless that has happened. Without force, only when there is a number free. */
function runAging(k: AbiState, lruvec: Lruvec, seq: number, canSwap: boolean, force: boolean): number {
  const { maxSeq, minSeq } = k.lruGen;
  const max = maxSeq[lruvec]!;
  if (seq < max) return 0;
  if (seq > max) return -EINVAL;
  const least = minSeq[lruvec * 2 + (canSwap ? LRU_GEN_ANON : LRU_GEN_FILE)]!;
  if (!force && least + MAX_NR_GENS - 1 <= max) return -ERANGE;
  tryToIncMaxSeq(k, lruvec, max, canSwap, force);
  return 0;
}

/** Evicts until generation `seq` is gone, enough is free, or nothing more is found. */
function runEviction(
  k: AbiState,
  lruvec: Lruvec,
  seq: number,
  sc: ScanControl,
  wanted: { readonly swappiness: number; readonly pages: number },
): number {
  const { maxSeq, minSeq } = k.lruGen;
  if (seq + MIN_NR_GENS > maxSeq[lruvec]!) return -EINVAL;
  const kind = wanted.swappiness !== 0 ? LRU_GEN_ANON : LRU_GEN_FILE;
  sc.nrReclaimed = 0;
  while (seq >= minSeq[lruvec * 2 + kind]! && sc.nrReclaimed < wanted.pages)
    if (evictFolios(k, lruvec, sc, wanted.swappiness) === 0) break;
  return 0;
}

function ticks(ns: number): number {
  return Math.floor(ns / (TICK_MS * 1e6));
}

function pad(value: number, width: number): string {
  return String(value).padStart(width);
}
