/**
 * The OOM killer's report in the kernel's log.
 *
 *   X invoked oom-killer: …        who asked, for what
 *   Mem-Info: … or memory: usage … the machine's memory, or the cgroup's
 *   Tasks state …                  everybody who might have been killed
 *   oom-kill:constraint=…          one line for programs that read the log
 *   …: Killed process …            who was
 *
 * Differs: there is no call trace and there are no registers, because the model has neither stack nor registers; the
 * kernel's release is the one it is a model of. Everybody is user 0.
 * Linux: mm/oom_kill.c, mm/memcontrol.c, lib/dump_stack.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (oom_dump_tasks)
 */
import { LOG_INFO, LOG_WARNING, printk } from "../base/dmesg.ts";
import { type Memcg, NONE, PAGE_SIZE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { chargedMemcg } from "../space/memcg-current.ts";
import { showMemoryStat } from "../space/memcg-stat.ts";
import { pathOfMemcg } from "../space/memcg-task.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { showLegacyStat } from "../space/memcg-v1-stat.ts";
import { MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS, readMmRss, readRss } from "../space/mm.ts";
import { gfpNames } from "./gfp-names.ts";
import { oomScoreAdj, taskWithMemory } from "./oom-badness.ts";
import { candidates, type OomControl } from "./oom-select.ts";
import { currentTask } from "./oom-task.ts";
import { showMem } from "./show-mem.ts";
import type { ReclaimState } from "./state.ts";

const KIB_PER_PAGE = PAGE_SIZE / 1024;
/** A limit that is none, in pages (Linux: PAGE_COUNTER_MAX). */
const NO_LIMIT = 2 ** 51 - 1;
/** The Linux that this is a model of. */
const RELEASE = "6.12";
/** Header of the table of tasks. */
const TABLE_HEADER =
  "[  pid  ]   uid  tgid total_vm      rss rss_anon rss_file rss_shmem pgtables_bytes swapents oom_score_adj name";
/** At most so many reports in so many ns (Linux: DEFAULT_RATELIMIT_BURST, _INTERVAL). */
const MOST_REPORTS = 10;
const REPORTS_NS = 5e9;

/** Words of `k.reclaim.reports`: when the interval began, reports in it, and those that were left out. */
const BEGIN = 0;
const WRITTEN = 1;
const LEFT_OUT = 2;

/** Whether a report may be written, so that many kills do not fill the log with them (Linux: ___ratelimit). */
export function mayReport(k: ReclaimState): boolean {
  const { reports } = k.reclaim;
  const now = k.clock.ns[0];
  if (reports[WRITTEN] === 0 || reports[BEGIN] + REPORTS_NS < now) {
    if (reports[LEFT_OUT] > 0)
      printk(k, LOG_WARNING, `oom_kill_process: ${reports[LEFT_OUT]} callbacks suppressed`);
    reports.set([now, 0, 0]);
  }
  if (reports[WRITTEN] === MOST_REPORTS) {
    reports[LEFT_OUT]++;
    return false;
  }
  reports[WRITTEN]++;
  return true;
}

/** Who asked for what, where memory is, and who is there (Linux: dump_header). */
export function dumpHeader(k: ReclaimState, oc: OomControl): void {
  const current = currentTask(k);
  const name = current === NONE ? `swapper/${k.boot[2]}` : k.task.comm[current];
  const adj = current === NONE ? 0 : oomScoreAdj(k, current);
  const gfp = `0x${oc.gfp.toString(16)}(${gfpNames(oc.gfp)})`;
  printk(
    k,
    LOG_WARNING,
    `${name} invoked oom-killer: gfp_mask=${gfp}, order=${oc.order}, oom_score_adj=${adj}`,
  );
  dumpStack(k, current, name);
  if (oc.memcg === ROOT_MEMCG) showMem(k, oc.highest);
  else memcgMeminfo(k, oc.memcg);
  if (k.knob.oomDumpTasks !== 0) dumpTasks(k, oc);
}

/** What a stack dump begins with: the processor, the task, the kernel, the machine. */
export function dumpStack(k: ReclaimState, task: Task, name: string): void {
  const who = `CPU: ${k.boot[2]} UID: 0 PID: ${k.task.pid[task]} Comm: ${name}`;
  printk(k, LOG_WARNING, `${who} Not tainted ${RELEASE} #1 Pagewalk`);
  printk(k, LOG_WARNING, `Hardware name: Pagewalk ${k.machine.name}`);
}

/** The summary in one line (Linux: dump_oom_victim). */
export function dumpVictim(k: ReclaimState, oc: OomControl, victim: Task): void {
  const isGlobal = oc.memcg === ROOT_MEMCG;
  const nodes = k.machine.nodes.length;
  const domain = isGlobal ? "global_oom" : `oom_memcg=${pathOfMemcg(k, oc.memcg)}`;
  printk(
    k,
    LOG_INFO,
    [
      `oom-kill:constraint=${isGlobal ? "CONSTRAINT_NONE" : "CONSTRAINT_MEMCG"}`,
      "nodemask=(null)",
      "cpuset=/",
      `mems_allowed=${nodes === 1 ? "0" : `0-${nodes - 1}`}`,
      domain,
      `task_memcg=${pathOfMemcg(k, chargedMemcg(k, k.task.memcg[victim]))}`,
      `task=${k.task.comm[victim]}`,
      `pid=${k.task.pid[victim]}`,
      "uid=0",
    ].join(","),
  );
}

/** What is said of a process that is killed: its size, and why it was a good victim. */
export function killedLine(k: ReclaimState, victim: Task): string {
  const mm = k.task.mm[victim];
  return (
    `Killed process ${k.task.pid[victim]} (${k.task.comm[victim]}) total-vm:${kib(k.mm.totalVm[mm])}, ` +
    `anon-rss:${kib(readRss(k, mm, MM_ANONPAGES))}, file-rss:${kib(readRss(k, mm, MM_FILEPAGES))}, ` +
    `shmem-rss:${kib(readRss(k, mm, MM_SHMEMPAGES))}, UID:0 ` +
    `pgtables:${k.mm.pgtablesBytes[mm] / 1024}kB oom_score_adj:${oomScoreAdj(k, victim)}`
  );
}

/** The cgroup's counters and its memory.stat (Linux: mem_cgroup_print_oom_meminfo). */
function memcgMeminfo(k: ReclaimState, memcg: Memcg): void {
  const m = k.memcg;
  const say = (text: string): void => printk(k, LOG_INFO, text);
  const counter = (name: string, usage: number, limit: number, failcnt: number): void =>
    say(`${name}: usage ${kib(usage)}, limit ${kib(Math.min(limit, NO_LIMIT))}, failcnt ${failcnt}`);
  counter("memory", m.usage[memcg], m.max[memcg], m.failcnt[memcg]);
  if (isLegacy(k)) {
    counter("memory+swap", m.memsw[memcg], m.memswMax[memcg], m.memswFailcnt[memcg]);
    counter("kmem", m.kmem[memcg], NO_LIMIT, 0);
  } else counter("swap", m.swapUsage[memcg], m.swapMax[memcg], m.swapFailcnt[memcg]);
  say(`Memory cgroup stats for ${pathOfMemcg(k, memcg)}:`);
  const stat = isLegacy(k) ? showLegacyStat(k, memcg) : showMemoryStat(k, memcg);
  for (const line of stat.trimEnd().split("\n")) say(line);
}

/** The table of those who might be killed, in the order in which they are asked. */
function dumpTasks(k: ReclaimState, oc: OomControl): void {
  printk(k, LOG_INFO, "Tasks state (memory values in pages):");
  printk(k, LOG_INFO, TABLE_HEADER);
  for (const leader of candidates(k, oc.memcg)) {
    const task = taskWithMemory(k, leader);
    if (task !== NONE) printk(k, LOG_INFO, taskRow(k, task));
  }
}

function taskRow(k: ReclaimState, task: Task): string {
  const t = k.task;
  const mm = t.mm[task];
  const right = (value: number, width: number): string => String(value).padStart(width);
  const sizes = [
    right(k.mm.totalVm[mm], 8),
    right(readMmRss(k, mm), 8),
    right(readRss(k, mm, MM_ANONPAGES), 8),
    right(readRss(k, mm, MM_FILEPAGES), 8),
    right(readRss(k, mm, MM_SHMEMPAGES), 9),
    right(k.mm.pgtablesBytes[mm], 8),
    right(readRss(k, mm, MM_SWAPENTS), 8),
  ].join(" ");
  const adj = right(oomScoreAdj(k, task), 5);
  return `[${right(t.pid[task], 7)}] ${right(0, 5)} ${right(t.tgid[task], 5)} ${sizes}         ${adj} ${t.comm[task]}`;
}

function kib(pages: number): string {
  return `${pages * KIB_PER_PAGE}kB`;
}
