/**
 * /proc/PID/smaps_rollup: the sums of smaps over the whole address space, under one line from the first VMA's start to
 * the last one's end.
 * Linux: fs/proc/task_mmu.c show_smaps_rollup (6.12)   Doc: Documentation/ABI/testing/procfs-smaps_rollup
 */
import { ESRCH } from "../../base/errno.ts";
import { NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import type { AbiState } from "../state.ts";
import { mapPrefix, named } from "./maps.ts";
import { emptyStats, gatherStats, statsText } from "./smaps.ts";

/** The text of /proc/PID/smaps_rollup. Returns -ESRCH when the task has no address space any more. */
export function showSmapsRollup(k: AbiState, task: Task): string | number {
  const mm = k.task.mm[task];
  if (mm === NONE) return -ESRCH;
  const stats = emptyStats();
  const first = k.mm.firstVma[mm];
  for (let vma = first; vma !== NONE; vma = k.vma.next[vma]) gatherStats(k, vma, stats);
  const start = first === NONE ? 0 : k.vma.start[first] * PAGE_SIZE;
  const end = first === NONE ? 0 : k.vma.end[k.mm.lastVma[mm]] * PAGE_SIZE;
  return named(mapPrefix(start, end, 0, "00000000 00:00 0"), "[rollup]") + statsText(stats, true);
}
