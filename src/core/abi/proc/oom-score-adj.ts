/**
 * /proc/PID/oom_score_adj: what its owner asks of the choice of a victim when memory is out.
 * Linux: fs/proc/base.c oom_score_adj_write (6.12)   Doc: Documentation/filesystems/proc.rst, 3.1
 */
import { EINVAL } from "../../base/errno.ts";
import type { Task } from "../../base/types.ts";
import {
  OOM_SCORE_ADJ_MAX,
  OOM_SCORE_ADJ_MIN,
  oomScoreAdj,
  setOomScoreAdj,
} from "../../reclaim/oom-badness.ts";
import type { AbiState } from "../state.ts";

/** The text of /proc/PID/oom_score_adj. */
export function showOomScoreAdj(k: AbiState, task: Task): string {
  return `${oomScoreAdj(k, task)}\n`;
}

/**
 * Writes oom_score_adj. Returns 0, or -EINVAL: no number, or not within -1000 to 1000. Tasks here have every capability,
 * so none is refused for going below the least value it was given.
 */
export function writeOomScoreAdj(k: AbiState, task: Task, text: string): number {
  const match = /^([+-]?)(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)$/i.exec(text.trim());
  if (match === null) return -EINVAL;
  const isOctal = /^0[0-7]+$/.test(match[2]);
  const size = isOctal ? Number.parseInt(match[2], 8) : Number(match[2]);
  const adj = match[1] === "-" ? -size : size;
  if (adj < OOM_SCORE_ADJ_MIN || adj > OOM_SCORE_ADJ_MAX) return -EINVAL;
  setOomScoreAdj(k, task, adj);
  return 0;
}
