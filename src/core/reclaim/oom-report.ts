/**
 * The OOM killer's report in the kernel's log.
 * Linux: mm/oom_kill.c dump_header, dump_tasks (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (oom_dump_tasks)
 */
import { PAGE_SIZE, type Task } from "../base/types.ts";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, readRss } from "../space/mm.ts";
import { oomScoreAdj } from "./oom-badness.ts";
import type { ReclaimState } from "./state.ts";

const KIB_PER_PAGE = PAGE_SIZE / 1024;

/** What is said of a process that is killed: its size, and why it was a good victim. */
export function killedLine(k: ReclaimState, victim: Task): string {
  const mm = k.task.mm[victim];
  const kib = (pages: number): string => `${pages * KIB_PER_PAGE}kB`;
  return (
    `Killed process ${k.task.pid[victim]} (${k.task.comm[victim]}) total-vm:${kib(k.mm.totalVm[mm])}, ` +
    `anon-rss:${kib(readRss(k, mm, MM_ANONPAGES))}, file-rss:${kib(readRss(k, mm, MM_FILEPAGES))}, ` +
    `shmem-rss:${kib(readRss(k, mm, MM_SHMEMPAGES))}, UID:0 ` +
    `pgtables:${k.mm.pgtablesBytes[mm] / 1024}kB oom_score_adj:${oomScoreAdj(k, victim)}`
  );
}
