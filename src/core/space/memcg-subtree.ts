/**
 * A cgroup and everything below it, removed ones that still have pages included: what the hierarchical counts add up.
 * Linux: kernel/cgroup/rstat.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import type { Memcg } from "../base/types.ts";
import { nextMemcg } from "./memcg.ts";
import type { SpaceState } from "./state.ts";

/** Rows of the cgroup and all below it, parents before children. */
export function subtree(k: SpaceState, memcg: Memcg): Memcg[] {
  const rows: Memcg[] = [];
  for (let at = memcg; at >= 0; at = nextMemcg(k, memcg, at)) rows.push(at);
  return rows;
}
