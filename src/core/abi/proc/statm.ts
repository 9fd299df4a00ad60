/**
 * /proc/PID/statm: seven numbers, in pages: size, resident, shared, text, 0, data and stack, 0.
 * Linux: fs/proc/array.c proc_pid_statm, fs/proc/task_mmu.c task_statm (6.12)   Doc: Documentation/filesystems/proc.rst, table 1-3
 */
import { type Mm, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { exactRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES } from "../../space/mm.ts";
import type { AbiState } from "../state.ts";

/** The text of /proc/PID/statm; zeros when the task has no address space any more. */
export function showStatm(k: AbiState, task: Task): string {
  const mm = k.task.mm[task];
  if (mm === NONE) return "0 0 0 0 0 0 0\n";
  const shared = exactRss(k, mm, MM_FILEPAGES) + exactRss(k, mm, MM_SHMEMPAGES);
  const resident = shared + exactRss(k, mm, MM_ANONPAGES);
  const text = textBytes(k, mm) / PAGE_SIZE;
  const data = k.mm.dataVm[mm] + k.mm.stackVm[mm];
  return `${k.mm.totalVm[mm]} ${resident} ${shared} ${text} 0 ${data} 0\n`;
}

/** The program's code, from its first page to the end of its last. */
export function textBytes(k: AbiState, mm: Mm): number {
  return (
    Math.ceil(k.mm.endCode[mm] / PAGE_SIZE) * PAGE_SIZE -
    Math.floor(k.mm.startCode[mm] / PAGE_SIZE) * PAGE_SIZE
  );
}
