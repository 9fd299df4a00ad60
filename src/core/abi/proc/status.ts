/**
 * /proc/PID/status: the task in words, one "Name:<tab>value" a line.
 *
 * Differs: lines are left out for which the model has no truth: FDSize (how far a descriptor table grew), NSsid
 * (no sessions), SigQ (no limit on queued signals), the five Cap… lines (no capability sets), and
 * Speculation_Store_Bypass and SpeculationIndirectBranch (no such processor state). All run as root. The Sig… masks are
 * empty, because no task has handlers.
 * Linux: fs/proc/array.c proc_pid_status, fs/proc/task_mmu.c task_mem (6.12)   Doc: Documentation/filesystems/proc.rst, table 1-2
 */
import { type Mm, NONE, PAGE_SIZE, type Task } from "../../base/types.ts";
import { exactRss, MM_ANONPAGES, MM_FILEPAGES, MM_SHMEMPAGES, MM_SWAPENTS } from "../../space/mm.ts";
import { leaderOf, TASK_STATE_NAMES } from "../../space/task.ts";
import type { AbiState } from "../state.ts";
import { textBytes } from "./statm.ts";

/** Nodes a node mask has room for in Debian's configuration (CONFIG_NODES_SHIFT=10). */
const MAX_NUMNODES = 1024;
const NO_SIGNALS = "0000000000000000";

/** The text of /proc/PID/status, of a process (its leader's row) or a thread. */
export function showStatus(k: AbiState, task: Task): string {
  const t = k.task;
  const mm = t.mm[task];
  const pid = t.pid[task];
  const tgid = t.tgid[task];
  return (
    `Name:\t${escapeName(t.comm[task])}\nUmask:\t0022\nState:\t${TASK_STATE_NAMES[t.state[task]]}\nTgid:\t${tgid}\nNgid:\t0\nPid:\t${pid}\n` +
    `PPid:\t${parentPid(k, task)}\nTracerPid:\t0\nUid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\nGroups:\t \nNStgid:\t${tgid}\nNSpid:\t${pid}\nNSpgid:\t${t.pgrp[task]}\nKthread:\t0\n` +
    (mm === NONE
      ? ""
      : `${memoryLines(k, mm)}CoreDumping:\t0\nTHP_enabled:\t1\nuntag_mask:\t0xffffffffffffffff\n`) +
    `Threads:\t${t.liveThreads[leaderOf(k, task)]}\nSigPnd:\t${NO_SIGNALS}\nShdPnd:\t${NO_SIGNALS}\nSigBlk:\t${NO_SIGNALS}\n` +
    `SigIgn:\t${NO_SIGNALS}\nSigCgt:\t${NO_SIGNALS}\nNoNewPrivs:\t0\nSeccomp:\t0\nSeccomp_filters:\t0\n` +
    `Cpus_allowed:\t${bitmapHex(k.machine.cpus, k.machine.cpus)}\nCpus_allowed_list:\t${bitmapList(k.machine.cpus)}\n` +
    `Mems_allowed:\t${bitmapHex(k.machine.nodes.length, MAX_NUMNODES)}\nMems_allowed_list:\t${bitmapList(k.machine.nodes.length)}\n` +
    `voluntary_ctxt_switches:\t${t.voluntarySwitches[task]}\nnonvoluntary_ctxt_switches:\t${t.involuntarySwitches[task]}\n` +
    "x86_Thread_features:\t\nx86_Thread_features_locked:\t\n"
  );
}

/** The parent's process id, 0 when there is none. */
export function parentPid(k: AbiState, task: Task): number {
  const parent = k.task.parent[leaderOf(k, task)];
  return parent === NONE ? 0 : k.task.tgid[parent];
}

/** VmPeak to HugetlbPages, in kB. */
function memoryLines(k: AbiState, mm: Mm): string {
  const { totalVm, hiwaterVm, hiwaterRss, lockedVm, dataVm, stackVm, execVm, pgtablesBytes } = k.mm;
  const anon = exactRss(k, mm, MM_ANONPAGES);
  const file = exactRss(k, mm, MM_FILEPAGES);
  const shmem = exactRss(k, mm, MM_SHMEMPAGES);
  const total = anon + file + shmem;
  // Executable pages beyond the program's own code are libraries'.
  const execBytes = execVm[mm] * PAGE_SIZE;
  const text = Math.min(textBytes(k, mm), execBytes);
  const lines: readonly (readonly [string, number])[] = [
    ["VmPeak", Math.max(hiwaterVm[mm], totalVm[mm]) * PAGE_SIZE],
    ["VmSize", totalVm[mm] * PAGE_SIZE],
    ["VmLck", lockedVm[mm] * PAGE_SIZE],
    ["VmPin", 0],
    ["VmHWM", Math.max(hiwaterRss[mm], total) * PAGE_SIZE],
    ["VmRSS", total * PAGE_SIZE],
    ["RssAnon", anon * PAGE_SIZE],
    ["RssFile", file * PAGE_SIZE],
    ["RssShmem", shmem * PAGE_SIZE],
    ["VmData", dataVm[mm] * PAGE_SIZE],
    ["VmStk", stackVm[mm] * PAGE_SIZE],
    ["VmExe", text],
    ["VmLib", execBytes - text],
    ["VmPTE", pgtablesBytes[mm]],
    ["VmSwap", exactRss(k, mm, MM_SWAPENTS) * PAGE_SIZE],
    ["HugetlbPages", 0],
  ];
  return lines
    .map(([name, bytes]) => `${name}:\t${String(Math.floor(bytes / 1024)).padStart(8)} kB\n`)
    .join("");
}

/** A task's name with newline and backslash as octal and letter escapes, as the kernel escapes it in one-line files. */
function escapeName(comm: string): string {
  return comm.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

/** A mask with its first `set` bits on, of `width` bits, as %*pb prints it: words of 32 bits, highest first. */
function bitmapHex(set: number, width: number): string {
  const words: string[] = [];
  for (let low = Math.floor((width - 1) / 32) * 32; low >= 0; low -= 32) {
    const bits = Math.min(32, width - low);
    const on = Math.max(0, Math.min(32, set - low));
    words.push((2 ** on - 1).toString(16).padStart(Math.ceil(bits / 4), "0"));
  }
  return words.join(",");
}

/** The same mask as %*pbl prints it. */
function bitmapList(set: number): string {
  return set === 1 ? "0" : `0-${set - 1}`;
}
