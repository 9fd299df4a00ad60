import { expect, test } from "vitest";
import { procKernel } from "../../../../test/support/proc-kernel.ts";
import { NONE } from "../../base/types.ts";
import { addRss, MM_ANONPAGES } from "../../space/mm.ts";
import { createTask, TASK_RUNNING, TASK_ZOMBIE } from "../../space/task.ts";
import { LAYOUT_RANDOMIZED } from "../../space/vma.ts";
import { showComm } from "./comm.ts";
import { showStat, showThreadStat } from "./stat.ts";
import { showStatm } from "./statm.ts";
import { showStatus } from "./status.ts";

/** A static glibc program (t3s) at its first instruction, as Debian's 6.12 had it: 892 kB, two pages resident. */
function freshProgram(): ReturnType<typeof procKernel> {
  const kernel = procKernel();
  const { k, mm, task } = kernel;
  k.mm.totalVm[mm] = 223;
  k.mm.dataVm[mm] = 24;
  k.mm.stackVm[mm] = 33;
  k.mm.execVm[mm] = 122;
  addRss(k, mm, MM_ANONPAGES, 2);
  k.mm.pgtablesBytes[mm] = 24576;
  k.mm.startCode[mm] = 4198400;
  k.mm.endCode[mm] = 4688641;
  k.mm.startStack[mm] = 140737488350768;
  k.mm.startData[mm] = 4851416;
  k.mm.endData[mm] = 4874864;
  k.mm.startBrk[mm] = 4947968;
  k.mm.argStart[mm] = 140737488351214;
  k.mm.argEnd[mm] = 140737488351219;
  k.mm.envStart[mm] = 140737488351219;
  k.mm.envEnd[mm] = 140737488351219;
  k.task.minFlt[task] = 21;
  k.task.startNs[task] = 1_690_000_000;
  return kernel;
}

test("the memory lines of status are those of the real program", () => {
  const { k, task } = freshProgram();
  const memory = showStatus(k, task)
    .split("\n")
    .filter((line) => /^(Vm|Rss|Huge)/.test(line))
    .join("\n");
  expect(memory).toBe(`VmPeak:	     892 kB
VmSize:	     892 kB
VmLck:	       0 kB
VmPin:	       0 kB
VmHWM:	       8 kB
VmRSS:	       8 kB
RssAnon:	       8 kB
RssFile:	       0 kB
RssShmem:	       0 kB
VmData:	      96 kB
VmStk:	     132 kB
VmExe:	     480 kB
VmLib:	       8 kB
VmPTE:	      24 kB
VmSwap:	       0 kB
HugetlbPages:	       0 kB`);
});

test("status keeps the kernel's lines in the kernel's order", () => {
  const { k, task } = freshProgram();
  expect(
    showStatus(k, task)
      .split("\n")
      .map((line) => line.split(":")[0]),
  ).toEqual([
    "Name",
    "Umask",
    "State",
    "Tgid",
    "Ngid",
    "Pid",
    "PPid",
    "TracerPid",
    "Uid",
    "Gid",
    "Groups",
    "NStgid",
    "NSpid",
    "NSpgid",
    "Kthread",
    "VmPeak",
    "VmSize",
    "VmLck",
    "VmPin",
    "VmHWM",
    "VmRSS",
    "RssAnon",
    "RssFile",
    "RssShmem",
    "VmData",
    "VmStk",
    "VmExe",
    "VmLib",
    "VmPTE",
    "VmSwap",
    "HugetlbPages",
    "CoreDumping",
    "THP_enabled",
    "untag_mask",
    "Threads",
    "SigPnd",
    "ShdPnd",
    "SigBlk",
    "SigIgn",
    "SigCgt",
    "NoNewPrivs",
    "Seccomp",
    "Seccomp_filters",
    "Cpus_allowed",
    "Cpus_allowed_list",
    "Mems_allowed",
    "Mems_allowed_list",
    "voluntary_ctxt_switches",
    "nonvoluntary_ctxt_switches",
    "x86_Thread_features",
    "x86_Thread_features_locked",
    "",
  ]);
});

test("masks of processors and nodes are printed as words of 32 bits and as lists", () => {
  const { k, task } = freshProgram();
  expect(showStatus(k, task)).toContain("Cpus_allowed:\t3\nCpus_allowed_list:\t0-1\n");
  expect(showStatus(k, task)).toMatch(/Mems_allowed:\t(00000000,){31}00000001\nMems_allowed_list:\t0\n/);
  (k.machine as { cpus: number }).cpus = 40;
  expect(showStatus(k, task)).toContain("Cpus_allowed:\tff,ffffffff\nCpus_allowed_list:\t0-39\n");
});

test("a zombie has no memory lines", () => {
  const { k, task } = freshProgram();
  k.task.mm[task] = NONE;
  k.task.state[task] = TASK_ZOMBIE;
  expect(showStatus(k, task)).toContain("State:\tZ (zombie)\n");
  expect(showStatus(k, task)).not.toContain("Vm");
});

test("statm and stat are the real program's", () => {
  const { k, task } = freshProgram();
  expect(showStatm(k, task)).toBe("223 2 0 120 0 57 0\n");
  k.task.pid[task] = 161;
  k.task.tgid[task] = 161;
  k.task.pgrp[task] = 0;
  k.task.exitSignal[task] = 17;
  k.task.cpu[task] = 1;
  k.task.comm[task] = "t3s";
  k.task.state[task] = TASK_RUNNING;
  expect(showStat(k, task)).toBe(
    "161 (t3s) R 0 0 0 0 -1 0 21 0 0 0 0 0 0 0 20 0 1 0 169 913408 0 18446744073709551615 4198400 4688641 140737488350768 " +
      "0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 4851416 4874864 4947968 140737488351214 140737488351219 140737488351219 140737488351219 0\n",
  );
});

test("random addresses show as PF_RANDOMIZE in the flags", () => {
  const { k, mm, task } = freshProgram();
  k.mm.layout[mm] = LAYOUT_RANDOMIZED;
  expect(showStat(k, task).split(" ")[8]).toBe("4194304");
});

test("stat of a process adds its threads up, stat of a thread does not", () => {
  const { k, task } = freshProgram();
  const thread = createTask(k, { comm: "prog", leader: task, mm: k.task.mm[task] });
  k.task.minFlt[thread] = 4;
  expect(showStat(k, task).split(" ")[9]).toBe("25");
  expect(showThreadStat(k, thread).split(" ")[9]).toBe("4");
  expect(showStat(k, task).split(" ")[19]).toBe("2");
});

test("without an address space statm is zeros", () => {
  const { k, task } = freshProgram();
  k.task.mm[task] = NONE;
  expect(showStatm(k, task)).toBe("0 0 0 0 0 0 0\n");
  expect(showStat(k, task).split(" ").slice(22, 28)).toEqual([
    "0",
    "0",
    "18446744073709551615",
    "0",
    "0",
    "0",
  ]);
  expect(showComm(k, task)).toBe("prog\n");
});
