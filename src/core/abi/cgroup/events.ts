/**
 * memory.events, memory.events.local and memory.swap.events: how often a cgroup met its limits.
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Memcg } from "../../base/types.ts";
import {
  MEMCG_HIGH,
  MEMCG_LOW,
  MEMCG_MAX,
  MEMCG_OOM,
  MEMCG_OOM_GROUP_KILL,
  MEMCG_OOM_KILL,
  MEMCG_SWAP_FAIL,
  MEMCG_SWAP_HIGH,
  MEMCG_SWAP_MAX,
  NR_MEMCG_EVENTS,
} from "../../space/memcg.ts";
import type { AbiState } from "../state.ts";

const MEMORY: readonly (readonly [string, number])[] = [
  ["low", MEMCG_LOW],
  ["high", MEMCG_HIGH],
  ["max", MEMCG_MAX],
  ["oom", MEMCG_OOM],
  ["oom_kill", MEMCG_OOM_KILL],
  ["oom_group_kill", MEMCG_OOM_GROUP_KILL],
];
const SWAP: readonly (readonly [string, number])[] = [
  ["high", MEMCG_SWAP_HIGH],
  ["max", MEMCG_SWAP_MAX],
  ["fail", MEMCG_SWAP_FAIL],
];

/** memory.events: of the cgroup and all below it. */
export function showEvents(k: AbiState, memcg: Memcg): string {
  return rows(k.memcg.event, memcg, MEMORY);
}

/** memory.events.local: of the cgroup alone. */
export function showLocalEvents(k: AbiState, memcg: Memcg): string {
  return rows(k.memcg.eventLocal, memcg, MEMORY);
}

/** memory.swap.events: of the cgroup and all below it. */
export function showSwapEvents(k: AbiState, memcg: Memcg): string {
  return rows(k.memcg.event, memcg, SWAP);
}

function rows(counts: Float64Array, memcg: Memcg, list: readonly (readonly [string, number])[]): string {
  return list.map(([name, event]) => `${name} ${counts[memcg * NR_MEMCG_EVENTS + event]}\n`).join("");
}
