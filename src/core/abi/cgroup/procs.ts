/**
 * cgroup.procs: the processes in a cgroup; writing a process id moves that process there.
 * Differs: processes are listed by number; Linux lists them in the order in which they came.
 * Linux: kernel/cgroup/cgroup.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EBUSY, EINVAL, ESRCH } from "../../base/errno.ts";
import { type Memcg, NONE, ROOT_MEMCG, type Task } from "../../base/types.ts";
import { psiMoveTask } from "../../reclaim/psi.ts";
import { isAlive, moveProcess } from "../../space/memcg-task.ts";
import { findTask, leaderOf, taskRows } from "../../space/task.ts";
import type { AbiState } from "../state.ts";

/** The processes in the cgroup that have not ended, one a line. */
export function showProcs(k: AbiState, memcg: Memcg): string {
  const { pid, tgid } = k.task;
  const ids: number[] = [];
  for (let task = 1; task < taskRows(k); task++)
    if (k.task.memcg[task] === memcg && pid[task] === tgid[task] && isAlive(k, task)) ids.push(pid[task]);
  return ids
    .sort((a, b) => a - b)
    .map((id) => `${id}\n`)
    .join("");
}

/**
 * Moves the process with this id, or that of `self` for 0. Returns 0, or a negative errno: EINVAL no number, ESRCH no such
 * process, EBUSY the cgroup hands memory out to children and is not the root.
 */
export function writeProcs(k: AbiState, memcg: Memcg, text: string, self: Task): number {
  const written = text.trim();
  if (!/^[0-9]+$/.test(written)) return -EINVAL;
  const task = Number(written) === 0 ? self : findTask(k, Number(written));
  if (task === NONE || !isAlive(k, task)) return -ESRCH;
  if (memcg !== ROOT_MEMCG && k.memcg.subtree[memcg] === 1) return -EBUSY;
  const leader = leaderOf(k, task);
  moveProcess(k, leader, memcg);
  let thread = leader;
  do {
    psiMoveTask(k, thread);
    thread = k.task.nextThread[thread];
  } while (thread !== leader);
  return 0;
}
