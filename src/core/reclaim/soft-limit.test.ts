/**
 * Linux: mm/memcontrol-v1.c (6.12)   Doc: Documentation/admin-guide/cgroup-v1/memory.rst, 7. Soft limits
 */
import { expect, test } from "vitest";
import { fileMachine, newTask, PAGE } from "../../../test/support/file-machine.ts";
import { addSwap, storePages } from "../../../test/support/task-memory.ts";
import { mountLegacyMemory } from "../abi/cgroup/directory.ts";
import { makeDirectory, writeFile } from "../abi/vfs.ts";
import type { Task } from "../base/types.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { MEMCG_LRU_HEAD } from "../space/lru-gen-memcg.ts";
import { softExcess, takeLargestExceeded } from "../space/memcg-soft.ts";

const ADDR = 0x10000000;
const MIB = 1 << 20;

/** A machine of 64 MiB with swap and a cgroup of version 1 for each name, with a task in each; the rows are 1, 2, … */
function machine(names: readonly string[], lruGen: number): { k: Kernel; tasks: Task[] } {
  const { k } = fileMachine({ knobs: { "/sys/kernel/mm/lru_gen/enabled": lruGen } });
  addSwap(k, 32 * 256 - 1);
  mountLegacyMemory(k);
  const tasks = names.map((name) => {
    const task = newTask(k);
    expect(makeDirectory(k, `/sys/fs/cgroup/memory/${name}`)).toBe(0);
    expect(writeFile(k, `/sys/fs/cgroup/memory/${name}/cgroup.procs`, `${k.task.pid[task]}`)).toBe(0);
    return task;
  });
  return { k, tasks };
}

function softLimit(k: Kernel, name: string, size: string): void {
  expect(writeFile(k, `/sys/fs/cgroup/memory/${name}/memory.soft_limit_in_bytes`, size)).toBe(0);
}

function store(k: Kernel, task: Task, bytes: number): void {
  k.task.cpuTask[0] = task;
  storePages(k, task, ADDR, bytes / PAGE);
}

test("the cgroup furthest above its limit comes first, as of the last look, and only while it is above", () => {
  const { k, tasks } = machine(["a", "b", "c"], 0);
  for (const [name, size] of [
    ["a", "2M"],
    ["b", "1M"],
    ["c", "8M"],
  ] as const)
    softLimit(k, name, size);
  for (const task of tasks) store(k, task, 6 * MIB);
  expect([1, 2, 3].map((memcg) => softExcess(k, memcg) > 0)).toEqual([true, true, false]);
  expect(takeLargestExceeded(k, 0)).toBe(2);
  softLimit(k, "a", "7M");
  expect(takeLargestExceeded(k, 0)).toBe(-1);
  checkKernel(k);
});

test("a machine short of memory takes it from the cgroup above its soft limit first", () => {
  const swappedOf = (limit: string) => {
    const { k, tasks } = machine(["greedy", "modest", "other"], 0);
    softLimit(k, "greedy", limit);
    [20, 8, 28].forEach((size, i) => {
      store(k, tasks[i]!, size * MIB);
    });
    checkKernel(k);
    return [k.memcg.swapUsage[1]!, k.memcg.swapUsage[2]!];
  };
  const [greedy, modest] = swappedOf("8M");
  const [greedyWithout, modestWithout] = swappedOf("-1");
  expect(greedy).toBeGreaterThan(greedyWithout!);
  expect(modest).toBeLessThan(modestWithout!);
});

test("with MGLRU a cgroup above its soft limit goes to the head of its bin", () => {
  const { k, tasks } = machine(["a", "b"], 7);
  softLimit(k, "a", "2M");
  for (const task of tasks) store(k, task, 10 * MIB);
  expect([1, 2].map((memcg) => k.lruGen.fifoSegment[memcg])).toEqual([MEMCG_LRU_HEAD, 0]);
  checkKernel(k);
});
