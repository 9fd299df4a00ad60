/**
 * The OOM killer: memory is out and reclaim does not help, so a process is killed for what it has.
 *
 *   outOfMemory
 *     the running task is dying already      it goes on with what it has: its end brings memory
 *     panic_on_oom                           the machine stops
 *     oom_kill_allocating_task               the running task's process, if it may be killed
 *     otherwise                              the most points (oom-select.ts)
 *   killChosen
 *     report -> the victim, all that share its memory -> with memory.oom.group the rest of its cgroup
 *
 * A kill marks its victims; they end before they would run again (sched.ts), their memory comes back at once (oom-reaper.ts).
 * Linux: mm/oom_kill.c, mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.oom.group)
 */
import { LOG_EMERG, LOG_ERR, LOG_INFO, LOG_WARNING, messages, printk } from "../base/dmesg.ts";
import { SIGKILL } from "../base/errno.ts";
import { type Memcg, NONE, ROOT_MEMCG, type Task } from "../base/types.ts";
import { OOM_KILL } from "../frame/vmstat.ts";
import { isBelow, MEMCG_OOM_GROUP_KILL, MEMCG_OOM_KILL, memcgEvent, memcgMargin } from "../space/memcg.ts";
import { chargedMemcg } from "../space/memcg-current.ts";
import { isAlive, pathOfMemcg } from "../space/memcg-task.ts";
import { isLegacy } from "../space/memcg-v1.ts";
import { sendFatal } from "../space/signal.ts";
import { initTask, leaderOf, taskRows } from "../space/task.ts";
import { __GFP_FS } from "./gfp.ts";
import { OOM_SCORE_ADJ_MIN, oomScoreAdj, taskWithMemory } from "./oom-badness.ts";
import { emptyQueued, queueReaper, waitForReaper } from "./oom-reaper.ts";
import { dumpHeader, dumpStack, dumpVictim, killedLine, mayReport } from "./oom-report.ts";
import { memcgProcesses, type OomControl, STILL_DYING, selectBadProcess } from "./oom-select.ts";
import { currentTask, isDying, willFreeMemory } from "./oom-task.ts";
import type { ReclaimState } from "./state.ts";

/** Zone type of an allocation that a cgroup refused: any. */
const ANY_ZONE = 3;
/** vm.panic_on_oom: whatever the reason. */
const ALWAYS = 2;
const PANIC = "Kernel panic - not syncing: ";

/**
 * A cgroup is at its limit and nothing of it can be reclaimed. Returns true when it is worth charging again: a process was
 * killed, or dies already; false when nobody may be killed (Linux: mem_cgroup_out_of_memory).
 */
export function memcgOutOfMemory(k: ReclaimState, memcg: Memcg, gfp: number, order: number): boolean {
  if (isDying(k, currentTask(k)) || memcgMargin(k, memcg) >= 2 ** order) return true;
  return outOfMemory(k, { memcg, gfp, order, highest: ANY_ZONE });
}

/** Memory is out. Returns true when it is worth trying again, false when nobody may be killed (Linux: out_of_memory). */
export function outOfMemory(k: ReclaimState, oc: OomControl): boolean {
  if (k.reclaim.halted[0] !== 0) return false;
  const isWorthwhile = killSomebody(k, oc);
  emptyQueued(k);
  return isWorthwhile;
}

function killSomebody(k: ReclaimState, oc: OomControl): boolean {
  const current = currentTask(k);
  const isGlobal = oc.memcg === ROOT_MEMCG;
  if (willFreeMemory(k, current)) {
    k.task.oomVictim[leaderOf(k, current)] = 1;
    queueReaper(k, k.task.mm[current]);
    return true;
  }
  // Who must not call into a file system has not been able to reclaim what others can.
  if (isGlobal && (oc.gfp & __GFP_FS) === 0) return true;
  if (mustPanic(k, isGlobal)) {
    dumpHeader(k, oc);
    const why = k.knob.panicOnOom === ALWAYS ? "compulsory" : "system-wide";
    panic(k, `Out of memory: ${why} panic_on_oom is enabled`);
    return false;
  }
  if (isGlobal && k.knob.oomKillAllocatingTask !== 0 && mayKill(k, current)) {
    killChosen(k, oc, leaderOf(k, current), "Out of memory (oom_kill_allocating_task)");
    return true;
  }
  const chosen = selectBadProcess(k, oc);
  if (chosen === STILL_DYING) return waitForReaper(k);
  if (chosen === NONE) {
    dumpHeader(k, oc);
    printk(k, LOG_WARNING, "Out of memory and no killable processes...");
    // The allocation would be tried for ever.
    if (isGlobal) panic(k, "System is deadlocked on memory");
    return false;
  }
  killChosen(k, oc, chosen, isGlobal ? "Out of memory" : "Memory cgroup out of memory");
  return true;
}

/** vm.panic_on_oom 1 panics when the machine is out of memory, 2 also when a cgroup is. */
function mustPanic(k: ReclaimState, isGlobal: boolean): boolean {
  const mode = k.knob.panicOnOom;
  return mode === ALWAYS || (mode !== 0 && isGlobal);
}

/** Why the machine stopped, in the kernel's words; undefined when it runs. */
export function panicMessage(k: ReclaimState): string | undefined {
  if (k.reclaim.halted[0] === 0) return undefined;
  return messages(k, 0)
    .split("\n")
    .findLast((line) => line.startsWith(PANIC));
}

/** Stops the machine for good. */
function panic(k: ReclaimState, reason: string): void {
  const current = currentTask(k);
  const message = PANIC + reason;
  printk(k, LOG_EMERG, message);
  dumpStack(k, current, k.task.comm[current]);
  printk(k, LOG_EMERG, `---[ end ${message} ]---`);
  k.reclaim.halted[0] = 1;
}

/** Whether the running task may be killed for its own allocation. */
function mayKill(k: ReclaimState, current: Task): boolean {
  if (current === NONE || k.task.mm[current] === NONE || current === initTask(k)) return false;
  return oomScoreAdj(k, current) !== OOM_SCORE_ADJ_MIN;
}

/** Reports and kills a process, and the rest of its cgroup where that is wanted (Linux: oom_kill_process). */
function killChosen(k: ReclaimState, oc: OomControl, victim: Task, message: string): void {
  const user = taskWithMemory(k, victim);
  if (willFreeMemory(k, user)) {
    k.task.oomVictim[victim] = 1;
    queueReaper(k, k.task.mm[user]);
    return;
  }
  if (mayReport(k)) {
    dumpHeader(k, oc);
    dumpVictim(k, oc, victim);
  }
  const group = oomGroup(k, victim, oc.memcg);
  killProcess(k, victim, message);
  if (group === ROOT_MEMCG) return;
  memcgEvent(k, group, MEMCG_OOM_GROUP_KILL);
  const path = pathOfMemcg(k, group);
  printk(k, LOG_INFO, `Tasks in ${path} are going to be killed due to memory.oom.group set`);
  for (const member of memcgProcesses(k, group)) {
    const mayDie = oomScoreAdj(k, member) !== OOM_SCORE_ADJ_MIN;
    if (mayDie && taskWithMemory(k, member) !== NONE) killProcess(k, member, message);
    // The walk lets others run between two processes: a victim that it comes to later has ended.
    emptyQueued(k);
  }
}

/**
 * The highest cgroup from the victim's up to the one that is out of memory that wants to be killed as a whole, or
 * ROOT_MEMCG (Linux: mem_cgroup_get_oom_group).
 */
function oomGroup(k: ReclaimState, victim: Task, domain: Memcg): Memcg {
  const own = chargedMemcg(k, k.task.memcg[victim]);
  if (isLegacy(k) || !isBelow(k, own, domain)) return ROOT_MEMCG;
  let group: Memcg = ROOT_MEMCG;
  for (let at = own; at !== ROOT_MEMCG; at = k.memcg.parent[at]) {
    if (k.memcg.oomGroup[at] !== 0) group = at;
    if (at === domain) break;
  }
  return group;
}

/** Kills a process and all others that use its memory (Linux: __oom_kill_process). */
function killProcess(k: ReclaimState, leader: Task, message: string): void {
  const t = k.task;
  const victim = taskWithMemory(k, leader);
  if (victim === NONE) {
    const who = `${t.pid[leader]} (${t.comm[leader]})`;
    printk(k, LOG_INFO, `${message}: OOM victim ${who} is already exiting. Skip killing the task`);
    return;
  }
  const mm = t.mm[victim];
  k.vmstat.event[OOM_KILL]++;
  memcgEvent(k, k.mm.memcg[mm], MEMCG_OOM_KILL);
  sendFatal(k, victim, SIGKILL);
  t.oomVictim[leader] = 1;
  printk(k, LOG_ERR, `${message}: ${killedLine(k, victim)}`);
  for (let other: Task = 1; other < taskRows(k); other++)
    if (isAlive(k, other) && t.mm[other] === mm && t.tgid[other] !== t.tgid[victim])
      sendFatal(k, other, SIGKILL);
  queueReaper(k, mm);
}
