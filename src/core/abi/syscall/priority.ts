/**
 * setpriority(2), getpriority(2): how nice a task is, which decides its share of the CPUs.
 * Differs: everybody is root, who may lower it, and there is one user.
 * Linux: kernel/sys.c (6.12)   Doc: man 2 setpriority
 */
import { EINVAL, ESRCH } from "../../base/errno.ts";
import { NONE, type Task } from "../../base/types.ts";
import { findTask, TASK_FREE, TASK_ZOMBIE, taskRows } from "../../space/task.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs } from "./row.ts";

/** Whom a call is about: one task (a thread is one) or a user; between them, a process group. */
const PRIO_PROCESS = 0;
const PRIO_USER = 2;
/** Bounds of nice, and what getpriority returns for the least: results must not be negative. */
const MIN_NICE = -20;
const MAX_NICE = 19;
const LEAST_PRIORITY = 20;

/** setpriority(which, who, nice): a nice value beyond its bounds is the nearest. Returns 0, -EINVAL (which), -ESRCH. */
export function sysSetpriority(k: AbiState, task: Task, args: SyscallArgs): number {
  const found = chosenTasks(k, task, numberArg(args, 0), numberArg(args, 1));
  if (typeof found === "number") return found;
  const nice = Math.max(MIN_NICE, Math.min(MAX_NICE, numberArg(args, 2)));
  for (const each of found) k.task.nice[each] = nice;
  return 0;
}

/** getpriority(which, who): 20 - nice of the least nice of them, 1 to 40. -EINVAL (which), -ESRCH. */
export function sysGetpriority(k: AbiState, task: Task, args: SyscallArgs): number {
  const found = chosenTasks(k, task, numberArg(args, 0), numberArg(args, 1));
  if (typeof found === "number") return found;
  return Math.max(...found.map((each) => LEAST_PRIORITY - k.task.nice[each]));
}

/** The tasks that a call is about, one at least, or a negative errno. */
function chosenTasks(k: AbiState, self: Task, which: number, who: number): Task[] | number {
  if (which < PRIO_PROCESS || which > PRIO_USER) return -EINVAL;
  if (which === PRIO_PROCESS) {
    const task = who === 0 ? self : findTask(k, who);
    return task === NONE ? -ESRCH : [task];
  }
  const group = who === 0 ? k.task.pgrp[self] : who;
  const found: Task[] = [];
  for (let task: Task = 1; task < taskRows(k); task++) {
    if (k.task.state[task] === TASK_FREE || k.task.state[task] === TASK_ZOMBIE) continue;
    if (which === PRIO_USER ? who === 0 : k.task.pgrp[task] === group) found.push(task);
  }
  return found.length === 0 ? -ESRCH : found;
}
