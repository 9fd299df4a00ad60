/**
 * The invariants of swap areas: what their slots say adds up to what areas, CPUs and the machine count.
 * Linux: mm/swapfile.c (6.12)   Doc: docs/map.md
 */
import { bug } from "../base/bug.ts";
import { NONE } from "../base/types.ts";
import type { SpaceState } from "./state.ts";
import {
  HAND_BACK,
  HAND_COUNTS,
  HAND_LEFT,
  isFree,
  MAX_SWAPFILES,
  SLOT_BLOCK,
  SLOT_HELD,
  SLOT_MEMCG,
  SLOT_STATE,
  SLOT_WORDS,
  SWAP_FREE,
  SWP_USED,
  SWP_WRITEOK,
} from "./swap.ts";

/** Bug when an area's clusters, counts or charges do not add up. */
export function checkSwap(k: SpaceState): void {
  const s = k.swap;
  let free = 0;
  let held = 0;
  for (let type = 0; type < MAX_SWAPFILES; type++) {
    if ((s.flags[type] & SWP_USED) === 0) continue;
    let inuse = 0;
    for (let row = s.base[type] + 1; row < s.base[type] + s.pages[type]; row++) {
      const record = row * SLOT_WORDS;
      if ((s.slot[record + SLOT_STATE] & SLOT_HELD) !== 0) held++;
      if (!isFree(s, row)) inuse++;
      else if (s.slot[record + SLOT_BLOCK] !== NONE || s.slot[record + SLOT_MEMCG] !== 0)
        bug(`swap slot ${row} is free and holds something`);
    }
    if (inuse !== s.inuse[type])
      bug(`swap area ${type} has ${inuse} slots in use and counts ${s.inuse[type]}`);
    if ((s.flags[type] & SWP_WRITEOK) !== 0) free += s.pages[type] - 1 - inuse;
  }
  for (let cpu = 0; cpu < k.machine.cpus; cpu++)
    held -= s.handCounts[cpu * HAND_COUNTS + HAND_LEFT] + s.handCounts[cpu * HAND_COUNTS + HAND_BACK];
  if (held !== 0) bug(`${held} more swap slots are held for CPUs than CPUs have`);
  if (free !== s.state[SWAP_FREE]) bug(`${free} swap slots are free, ${s.state[SWAP_FREE]} are counted`);
}
