/**
 * Random processes in random cgroups that are all too small, with and without swap: whoever is killed, whenever, every
 * invariant of the kernel holds afterwards, and what is gone gave everything back.
 */
import { expect, test } from "vitest";
import { makeDirectory, readFile, writeFile } from "../../src/core/abi/vfs.ts";
import { BLOCKED, NONE, type Task } from "../../src/core/base/types.ts";
import { syscall } from "../../src/core/abi/syscall/table.ts";
import { OOM_KILL } from "../../src/core/frame/vmstat.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../../src/core/hw/mmu.ts";
import { checkKernel, type Kernel } from "../../src/core/kernel.ts";
import { panicMessage } from "../../src/core/reclaim/oom-kill.ts";
import { findTask, initTask } from "../../src/core/space/task.ts";
import { access } from "../../src/core/vm/access.ts";
import { drive, type Program, type Programs, TURN_BLOCKED, TURN_ENDED, TURN_OVER } from "../../src/programs/driver.ts";
import { fileMachine, newTask, PAGE } from "../support/file-machine.ts";
import { addSwap } from "../support/task-memory.ts";

const ADDR = 0x10000000;
const PAGES = 1500;
const ROOT = "/sys/fs/cgroup";
const [NR_MMAP, NR_MUNMAP, NR_CLONE, NR_FORK, NR_EXIT] = [9, 11, 56, 57, 60] as const;
const THREAD = 0x50f00;
const SHARED = 0x111;
const MAP = [ADDR, PAGES * PAGE, 3, 0x32, -1, 0];

/** Numbers below n, the same for the same seed. */
function createDice(seed: number): (n: number) => number {
  let state = seed;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** What it does next: an operation that is asked again while it is BLOCKED. */
type Step = () => number;

/** A process or thread that touches, maps, unmaps, forks and ends at random. */
function actor(dice: (n: number) => number): Program {
  let step: Step | undefined;
  let at = 0;
  return {
    run(k, task, untilNs, programs): number {
      do {
        step ??= choose(k, task, programs);
        const result = step();
        if (result === BLOCKED) return TURN_BLOCKED;
        step = undefined;
        if (k.task.fatalSignal[task] !== 0 || k.task.pid[task] === 0 || k.task.mm[task] === NONE) return TURN_ENDED;
      } while (k.clock.ns[0]! < untilNs);
      return TURN_OVER;
    },
  };

  function choose(k: Kernel, task: Task, programs: Programs): Step {
    const chance = dice(1000);
    if (chance < 960) {
      at = dice(3) === 0 ? dice(PAGES) : (at + 1) % PAGES;
      const vpn = ADDR / PAGE + at;
      const kind = dice(4) === 0 ? ACCESS_LOAD : ACCESS_STORE;
      return () => access(k, task, vpn, kind);
    }
    if (chance < 970) return () => syscall(k, task, NR_MMAP, [ADDR, PAGES * PAGE, 3, 0x8032, -1, 0]);
    if (chance < 978) return () => syscall(k, task, NR_MUNMAP, [ADDR + dice(PAGES) * PAGE, 200 * PAGE]);
    if (chance < 980) return () => syscall(k, task, NR_MMAP, MAP);
    if (chance < 982) return () => syscall(k, task, NR_EXIT, [0]);
    if (programs.size > 12) return () => 0;
    const flags = [17, 17, SHARED, THREAD][dice(4)]!;
    return () => {
      const pid = syscall(k, task, flags === 17 ? NR_FORK : NR_CLONE, [flags]);
      const child = pid > 0 ? findTask(k, pid) : NONE;
      if (child !== NONE) programs.set(child, actor(dice));
      return pid;
    };
  }
}

/** An operator that moves processes, changes their scores and the cgroups' limits. */
function meddle(k: Kernel, dice: (n: number) => number, programs: Programs): void {
  const tasks = [...programs.keys()];
  const pid = k.task.pid[tasks[dice(tasks.length)]!]!;
  const group = ["a", "a/b", "a/c", "d"][dice(4)]!;
  switch (dice(5)) {
    case 0:
      writeFile(k, `${ROOT}/${group === "a" ? "d" : group}/cgroup.procs`, String(pid));
      return;
    case 1:
      writeFile(k, `/proc/${pid}/oom_score_adj`, String(dice(2000) - 999));
      return;
    case 2:
      writeFile(k, `${ROOT}/${group}/memory.oom.group`, String(dice(2)));
      return;
    default:
      writeFile(k, `${ROOT}/${group}/memory.max`, String((2 + dice(8)) * 1048576));
  }
}

test.each([
  [1, 0],
  [2, 0],
  [3, 600],
  [4, 600],
])("seed %d with %d pages of swap", (seed, swapPages) => {
  const { k, task: first } = fileMachine({ cpus: 2 });
  syscall(k, first, NR_EXIT, [0]);
  const dice = createDice(seed);
  if (swapPages > 0) addSwap(k, swapPages, 0);
  writeFile(k, `${ROOT}/cgroup.subtree_control`, "+memory");
  for (const name of ["a", "a/b", "a/c", "d"]) {
    if (name === "a/b") writeFile(k, `${ROOT}/a/cgroup.subtree_control`, "+memory");
    makeDirectory(k, `${ROOT}/${name}`);
  }
  for (const [name, max] of [["a", "8M"], ["a/b", "4M"], ["d", "6M"]] as const)
    writeFile(k, `${ROOT}/${name}/memory.max`, max);
  const programs: Programs = new Map();
  const begin = (): void => {
    // In the name of init, whose cgroup is the root.
    k.task.cpuTask.fill(initTask(k));
    const task = newTask(k);
    syscall(k, task, NR_MMAP, MAP);
    programs.set(task, actor(dice));
    writeFile(k, `${ROOT}/${["a/b", "a/c", "d"][dice(3)]!}/cgroup.procs`, String(k.task.pid[task]));
  };
  for (let round = 0; round < 12; round++) {
    while (programs.size < 4) begin();
    let looks = 0;
    const { stuck } = drive(k, programs, () => ++looks < 300);
    for (const task of stuck) if (k.task.pid[task] === 0) programs.delete(task);
    checkKernel(k);
    if (programs.size > 0) meddle(k, dice, programs);
    checkKernel(k);
    for (const task of programs.keys()) if (k.task.mm[task] === NONE) programs.delete(task);
  }
  expect(panicMessage(k)).toBeUndefined();
  expect(k.vmstat.event[OOM_KILL]).toBeGreaterThan(10);
  for (const task of programs.keys()) {
    if (k.task.mm[task] === NONE) continue;
    k.task.fatalSignal[task] = 9;
    k.task.rows[6] = 1;
  }
  writeFile(k, `${ROOT}/a/memory.max`, "64M");
  checkKernel(k);
  for (const group of ["a", "d"]) expect(readFile(k, `${ROOT}/${group}/memory.stat`)).toMatch(/^anon 0$/m);
});
