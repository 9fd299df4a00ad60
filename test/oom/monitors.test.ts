/**
 * Programs that watch the kernel's log find what they look for: each pattern asks for what a well-known one asks for, in our own
 * words. node-problem-detector and cAdvisor (kubelet) look for kills, exporters for Kubernetes for the pod in the cgroup's
 * path, the OOM analysers for all parts of a report; all of them read /dev/kmsg.
 */
import { beforeAll, describe, expect, test } from "vitest";
import { makeDirectory, readFile, writeFile } from "../../src/core/abi/vfs.ts";
import { readDmesg } from "../../src/core/base/dmesg.ts";
import type { Task } from "../../src/core/base/types.ts";
import { ACCESS_STORE } from "../../src/core/hw/mmu.ts";
import type { Kernel } from "../../src/core/kernel.ts";
import { accountRun, beginTurn } from "../../src/core/sched.ts";
import { call, fileMachine, PAGE } from "../support/file-machine.ts";
import { touchPages } from "../support/task-memory.ts";

const ADDR = 0x10000000;
const ROOT = "/sys/fs/cgroup";
const POD = "62015ce8-a46f-4b0e-a5a1-3082235c62dd";
const CONTAINER = "2cc85334e503";

/** Stores to pages until the task is killed, and ends its turn. */
function overflow(k: Kernel, task: Task, pages: number): void {
  beginTurn(k, task);
  if (call(k, task, 9, [ADDR, pages * PAGE, 3, 0x4032, -1, 0]) < 0) throw new Error("no address space");
  touchPages(k, task, ADDR, pages, ACCESS_STORE);
  accountRun(k, task);
}

/** The log of a machine whose container is killed. */
function containerLog(): Kernel {
  const { k, task } = fileMachine();
  let dir = ROOT;
  for (const name of ["kubepods", "burstable", `pod${POD}`, CONTAINER]) {
    writeFile(k, `${dir}/cgroup.subtree_control`, "+memory");
    dir = `${dir}/${name}`;
    makeDirectory(k, dir);
  }
  writeFile(k, `${dir}/memory.max`, "2M");
  writeFile(k, `${dir}/memory.oom.group`, "1");
  writeFile(k, `${dir}/cgroup.procs`, "0", task);
  overflow(k, task, 1000);
  return k;
}

/** The log of a machine that is full. */
function machineLog(): Kernel {
  const { k, task } = fileMachine();
  writeFile(k, "/proc/sys/vm/overcommit_memory", "1");
  overflow(k, task, 400000);
  return k;
}

describe("a container", () => {
  let log = "";
  beforeAll(() => {
    log = readDmesg(containerLog()).replace(/^\[ *[0-9.]+\] /gm, "");
  });

  test("a kill is an OOMKilling event", () => {
    expect(log).toMatch(/Killed process \d+ .+ total-vm:\d+kB, anon-rss:\d+kB, file-rss:\d+kB/);
    expect(log).toMatch(/^Memory cgroup out of memory: Killed process \d+ \(\S+\) .*, shmem-rss:\d+kB, UID:\d+ pgtables:\d+kB oom_score_adj:-?\d+$/m);
  });

  test("the summary gives constraint, cgroups, task and pid", () => {
    const fields = ["nodemask", "cpuset", "mems_allowed", "oom_memcg", "task_memcg", "task", "pid", "uid"];
    const pattern = new RegExp(`^oom-kill:constraint=([^,]*)${fields.map((name) => `,${name}=([^,]*)`).join("")}$`, "m");
    const found = pattern.exec(log);
    expect(found?.[1]).toBe("CONSTRAINT_MEMCG");
    expect(found?.[6]).toBe(`/kubepods/burstable/pod${POD}/${CONTAINER}`);
    expect(found?.[8]).toBe(/Killed process (\d+) \(.+\)/.exec(log)?.[1]);
    expect(log.indexOf("invoked oom-killer:")).toBeLessThan(log.indexOf("oom-kill:constraint"));
  });

  test("the pod and the container are in the path", () => {
    const found = /^oom-kill.+,task_memcg=\/kubepods\/.+\/pod([\w-]+)\/([0-9a-f]+),/m.exec(log);
    expect(found?.slice(1)).toEqual([POD, CONTAINER]);
  });

  test("the whole group is announced", () => {
    expect(log).toMatch(/^Tasks in \/kubepods\S+ are going to be killed due to memory\.oom\.group set$/m);
  });
});

describe("a machine", () => {
  let log = "";
  let kmsg = "";
  beforeAll(() => {
    const k = machineLog();
    log = readDmesg(k).replace(/^\[ *[0-9.]+\] /gm, "");
    kmsg = readFile(k, "/dev/kmsg") as string;
  });

  test.each([
    /^\S+ invoked oom-killer: gfp_mask=0x[0-9a-f]+\([A-Z_|]+\), order=\d+, oom_score_adj=-?\d+$/m,
    /^CPU: \d+ UID: \d+ PID: \d+ Comm: .* Not tainted \d[\w.-]+ #\d/m,
    /^Hardware name: ./m,
    /^Mem-Info:\nactive_anon:\d+ inactive_anon:\d+ isolated_anon:\d+\n active_file:\d+ inactive_file:\d+ isolated_file:\d+\n unevictable:\d+ dirty:\d+ writeback:\d+\n slab_reclaimable:\d+ slab_unreclaimable:\d+\n mapped:\d+ shmem:\d+ pagetables:\d+\n/m,
    /^ free:\d+ free_pcp:\d+ free_cma:\d+$/m,
    /^Node 0 active_anon:\d+kB .* all_unreclaimable\? (yes|no)$/m,
    /^Node 0 DMA32 free:\d+kB boost:\d+kB min:\d+kB low:\d+kB high:\d+kB .* free_cma:\d+kB$/m,
    /^lowmem_reserve\[\]:( \d+){5}$/m,
    /^Node 0 DMA32: (\d+\*\d+kB (\([A-Z]+\) )?){11}= \d+kB$/m,
    /^\d+ total pagecache pages\n\d+ pages in swap cache\nFree swap {2}= \d+kB\nTotal swap = \d+kB$/m,
    /^\d+ pages RAM\n\d+ pages HighMem\/MovableOnly\n\d+ pages reserved\n\d+ pages hwpoisoned$/m,
    /^Tasks state \(memory values in pages\):\n\[ {2}pid {2}\] .* name\n(\[ *\d+\]( +-?\d+){10} \S+\n)+/m,
    /^oom-kill:constraint=CONSTRAINT_NONE,.*,global_oom,task_memcg=\/,task=\S+,pid=\d+,uid=\d+$/m,
    /^Out of memory: Killed process \d+ \(\S+\) total-vm:\d+kB/m,
  ])("%s", (pattern) => {
    expect(log).toMatch(pattern);
  });

  test("every record of /dev/kmsg has level, number and time", () => {
    const lines = kmsg.trimEnd().split("\n");
    expect(lines.length).toBeGreaterThan(20);
    for (const [number, line] of lines.entries()) expect(line).toMatch(new RegExp(`^[0-7],${number},\\d+,-;.`));
    expect(kmsg).toContain("active_anon:");
    expect(kmsg).toContain("\\x0a active_file:");
  });
});
