/**
 * Kernel memory of cgroups, counted again from what is charged: bytes of all objects, and pages for them, for kernel
 * stacks, and for what CPUs have in stock.
 * Linux: mm/memcontrol.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst (memory.stat)
 */
import { bug } from "../base/bug.ts";
import { PAGE_SIZE } from "../base/types.ts";
import {
  KMEM_ANON_VMA,
  KMEM_ANON_VMA_CHAIN,
  KMEM_FILE,
  KMEM_FILES,
  KMEM_MM,
  KMEM_NODE,
  KMEM_VMA,
  KMEM_VMA_LOCK,
  PROCESS_BYTES,
  STACK_PAGES,
  THREAD_BYTES,
} from "./kmem.ts";
import type { SpaceState } from "./state.ts";
import { leaderOf } from "./task.ts";

/** Bug when bytes are not those of the objects, or pages not what objects, stacks and stocks hold. */
export function checkKmem(k: SpaceState): void {
  const { pages, bytes, left, stockMemcg, stockBytes } = k.kmem;
  const counted = countBytes(k);
  const held = new Float64Array(pages.length);
  for (let memcg = 1; memcg < pages.length; memcg++) {
    if (counted[memcg] !== bytes[memcg])
      bug(`objects of memory cgroup ${memcg} are ${counted[memcg]} bytes and count ${bytes[memcg]}`);
    held[memcg] = bytes[memcg] + left[memcg];
  }
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) held[stockMemcg[cpu]] += stockBytes[cpu];
  for (const memcg of k.task.stackMemcg) held[memcg] += STACK_PAGES * PAGE_SIZE;
  for (const memcg of k.mm.charged) held[memcg] += PAGE_SIZE;
  for (let memcg = 1; memcg < pages.length; memcg++)
    if (held[memcg] !== pages[memcg] * PAGE_SIZE)
      bug(
        `memory cgroup ${memcg} has ${pages[memcg]} pages of kernel memory, which hold ${held[memcg]} bytes`,
      );
}

/** By cgroup: bytes of the objects that are charged to it. */
function countBytes(k: SpaceState): Float64Array {
  const sum = new Float64Array(k.kmem.pages.length);
  const add = (owners: Int32Array, bytes: number): void => {
    for (const memcg of owners) sum[memcg] += bytes;
  };
  add(k.vma.charged, KMEM_VMA + KMEM_VMA_LOCK);
  add(k.anonVma.charged, KMEM_ANON_VMA);
  add(k.anonVma.chainCharged, KMEM_ANON_VMA_CHAIN);
  add(k.mm.charged, KMEM_MM);
  add(k.file.charged, KMEM_FILE);
  add(k.task.tableMemcg, KMEM_FILES);
  for (const owner of k.shadow.nodeCharged) if (owner !== 0) sum[owner - 1] += KMEM_NODE;
  for (let task = 1; task < k.task.taskMemcg.length; task++) {
    const memcg = k.task.taskMemcg[task];
    sum[memcg] += THREAD_BYTES + (leaderOf(k, task) === task ? PROCESS_BYTES : 0);
  }
  return sum;
}
