/**
 * Kernel memory of cgroups that is not made of whole pages of its own: the objects that the kernel keeps for a group's
 * tasks, and their kernel stacks. Charges are in bytes; pages are charged one at a time and what is left of the last is
 * kept, in a stock of the CPU, for the next object of the same group.
 *
 *   an object's bytes -> the CPU's stock of bytes -> a page more of the CPU's stock of pages -> the counter
 *   stock of another group -> its whole pages go back, the rest of it waits in the group (`left`)
 *
 * Objects remember the group that they were charged to; who makes them has asked for room before (alloc/charge.ts), so
 * that a charge here meets no limit.
 * Differs: slab pages are not taken from the machine's memory; directory entries, inodes, buffer heads, signals on their way,
 * grown descriptor tables, new credentials at exec and per-CPU memory are not charged; objects that Linux frees after a
 * grace period of RCU are uncharged at once; a stock that turns to another cgroup keeps more than a page until something is freed.
 * Linux: mm/memcontrol.c (obj_cgroup_charge, refill_obj_stock, drain_obj_stock) (6.12)
 * Doc: Documentation/admin-guide/cgroup-v2.rst (memory.stat)
 */
import { type Memcg, NONE, PAGE_SIZE, ROOT_MEMCG } from "../base/types.ts";
import {
  NR_KERNEL_STACK_KB,
  NR_NODE_ITEMS,
  NR_SLAB_RECLAIMABLE_B,
  NR_SLAB_UNRECLAIMABLE_B,
} from "../frame/vmstat.ts";
import { consumeStock, holdMemcg, isBelow, moveUsage, refillStock } from "./memcg.ts";
import { chargePastLimits } from "./memcg-charge.ts";
import { currentMemcg } from "./memcg-current.ts";
import type { KmemColumns } from "./memcg-state.ts";
import type { SpaceState } from "./state.ts";

/** What every accounted object costs besides: the pointer to its group. */
const OWNER_BYTES = 8;

/**
 * Bytes of the objects, with the owner's pointer: `slab_size` in /sys/kernel/slab of Debian's 6.12.107 (amd64, cloud).
 * Every VMA has its lock as an object of its own. A test holds sums of them to memory.stat of that kernel.
 */
export const KMEM_VMA = 176 + OWNER_BYTES;
export const KMEM_VMA_LOCK = 40 + OWNER_BYTES;
export const KMEM_ANON_VMA = 104 + OWNER_BYTES;
export const KMEM_ANON_VMA_CHAIN = 64 + OWNER_BYTES;
export const KMEM_MM = 1408 + OWNER_BYTES;
export const KMEM_FILE = 192 + OWNER_BYTES;
export const KMEM_TASK = 8448 + OWNER_BYTES;
/** Credentials, and what security modules (landlock, AppArmor) keep with them: kmalloc-cg-16. */
export const KMEM_CRED = 192 + OWNER_BYTES + 16 + OWNER_BYTES;
export const KMEM_PID = 128 + OWNER_BYTES;
export const KMEM_FILES = 704 + OWNER_BYTES;
export const KMEM_FS = 64 + OWNER_BYTES;
export const KMEM_SIGHAND = 2112 + OWNER_BYTES;
export const KMEM_SIGNAL = 1152 + OWNER_BYTES;
/** A node of a page cache tree (Linux: radix_tree_node). */
export const KMEM_NODE = 584 + OWNER_BYTES;

/** What every task has, and what the first task of a process has besides. */
export const THREAD_BYTES = KMEM_TASK + KMEM_PID;
export const PROCESS_BYTES = KMEM_CRED + KMEM_FS + KMEM_SIGHAND + KMEM_SIGNAL;

/** Pages of a kernel stack (Linux: THREAD_SIZE). */
export const STACK_PAGES = 4;

/** Words of stockStat a CPU has: bytes of objects that can be reclaimed, and of others. */
const STOCK_ITEMS = 2;
const RECLAIMABLE = 0;
const OTHER = 1;
const ITEMS = [NR_SLAB_RECLAIMABLE_B, NR_SLAB_UNRECLAIMABLE_B];

/** Empty stocks. */
export function createKmem(memcgs: number, cpus: number): KmemColumns {
  return {
    pages: new Float64Array(memcgs),
    bytes: new Float64Array(memcgs),
    left: new Float64Array(memcgs),
    stockMemcg: new Int32Array(cpus),
    stockBytes: new Float64Array(cpus),
    stockStat: new Float64Array(cpus * STOCK_ITEMS),
  };
}

/** Whether an object of so many bytes fits into what the running CPU has for the group. */
export function hasObjectStock(k: SpaceState, memcg: Memcg, bytes: number): boolean {
  const cpu = k.boot[2];
  return k.kmem.stockMemcg[cpu] === memcg && k.kmem.stockBytes[cpu] >= bytes;
}

/** Charges an object to the running task's group. Returns the group, to be kept with the object: ROOT_MEMCG is not charged. */
export function chargeObject(k: SpaceState, bytes: number): Memcg {
  const memcg = currentMemcg(k);
  if (memcg !== ROOT_MEMCG) chargeBytes(k, memcg, bytes, OTHER);
  return memcg;
}

/** An object is gone: its bytes go to the CPU's stock, and what is a page there or more is given back. */
export function unchargeObject(k: SpaceState, memcg: Memcg, bytes: number): void {
  if (memcg !== ROOT_MEMCG) unchargeBytes(k, memcg, bytes, OTHER);
}

/** The same for an object that can be reclaimed: a node of a page cache tree. */
export function chargeReclaimable(k: SpaceState, bytes: number): Memcg {
  const memcg = currentMemcg(k);
  if (memcg !== ROOT_MEMCG) chargeBytes(k, memcg, bytes, RECLAIMABLE);
  return memcg;
}

/** Such an object is gone. */
export function unchargeReclaimable(k: SpaceState, memcg: Memcg, bytes: number): void {
  if (memcg !== ROOT_MEMCG) unchargeBytes(k, memcg, bytes, RECLAIMABLE);
}

function chargeBytes(k: SpaceState, memcg: Memcg, bytes: number, which: number): void {
  if (!hasObjectStock(k, memcg, bytes)) {
    const pages = Math.ceil(bytes / PAGE_SIZE);
    takePages(k, memcg, pages);
    turnStock(k, memcg);
    k.kmem.stockBytes[k.boot[2]] += pages * PAGE_SIZE;
  }
  k.kmem.stockBytes[k.boot[2]] -= bytes;
  countSlab(k, memcg, bytes, which);
}

function unchargeBytes(k: SpaceState, memcg: Memcg, bytes: number, which: number): void {
  const { stockBytes } = k.kmem;
  const cpu = k.boot[2];
  turnStock(k, memcg);
  stockBytes[cpu] += bytes;
  if (stockBytes[cpu] > PAGE_SIZE) {
    const pages = Math.floor(stockBytes[cpu] / PAGE_SIZE);
    stockBytes[cpu] -= pages * PAGE_SIZE;
    givePages(k, memcg, pages);
  }
  countSlab(k, memcg, -bytes, which);
}

/** Pages that were charged to the group are for the next objects on this CPU (Linux: refill_obj_stock). */
export function fillObjectStock(k: SpaceState, memcg: Memcg, count: number): void {
  ownPages(k, memcg, count);
  turnStock(k, memcg);
  k.kmem.stockBytes[k.boot[2]] += count * PAGE_SIZE;
}

/** Pages that were charged to the group are kernel memory now. */
export function ownPages(k: SpaceState, memcg: Memcg, count: number): void {
  k.kmem.pages[memcg] += count;
  k.memcg.kmem[memcg] += count;
  holdMemcg(k, memcg, count);
}

/** Counts the kernel stack of a new task, whose pages were charged to the group. */
export function countStack(k: SpaceState, memcg: Memcg): void {
  countItem(k, memcg, NR_KERNEL_STACK_KB, (STACK_PAGES * PAGE_SIZE) / 1024);
}

/** A task has ended: its stack is nobody's any more. */
export function unchargeStack(k: SpaceState, memcg: Memcg): void {
  if (memcg === ROOT_MEMCG) return;
  countItem(k, memcg, NR_KERNEL_STACK_KB, (-STACK_PAGES * PAGE_SIZE) / 1024);
  givePages(k, memcg, STACK_PAGES);
}

/**
 * Charges an address space: its object, and the half of its top page table that isolates the kernel's tables from the
 * program's (Linux: PGD_ALLOCATION_ORDER), which has no frame here and was charged before. Returns the group.
 */
export function chargeMm(k: SpaceState): Memcg {
  return chargeObject(k, KMEM_MM);
}

/** The address space is gone. */
export function unchargeMm(k: SpaceState, memcg: Memcg): void {
  if (memcg === ROOT_MEMCG) return;
  givePages(k, memcg, 1);
  unchargeObject(k, memcg, KMEM_MM);
}

/** Gives back what the CPUs keep of the group's bytes and of those below it (Linux: the first half of drain_local_stock). */
export function drainObjectStocks(k: SpaceState, root: Memcg): void {
  const { stockMemcg } = k.kmem;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++)
    if (stockMemcg[cpu] !== ROOT_MEMCG && isBelow(k, stockMemcg[cpu], root)) drainObjectStock(k, cpu);
}

/** The group is about to be removed: what is charged to it for objects becomes its parent's (Linux: memcg_reparent_objcgs). */
export function reparentObjects(k: SpaceState, memcg: Memcg): void {
  drainObjectStocks(k, memcg);
  const { pages, bytes, left } = k.kmem;
  if (pages[memcg] === 0) return;
  const parent = k.memcg.parent[memcg];
  for (const owner of owners(k))
    for (let row = 0; row < owner.length; row++) if (owner[row] === memcg) owner[row] = parent;
  movePages(k, memcg, parent, pages[memcg]);
  if (parent !== ROOT_MEMCG) {
    pages[parent] += pages[memcg];
    bytes[parent] += bytes[memcg];
    left[parent] += left[memcg];
  }
  pages[memcg] = 0;
  bytes[memcg] = 0;
  left[memcg] = 0;
}

/** The columns that say whom objects are charged to. */
function owners(k: SpaceState): Int32Array[] {
  const { stackMemcg, taskMemcg, tableMemcg } = k.task;
  return [
    ...[k.vma.charged, k.anonVma.charged, k.anonVma.chainCharged, k.mm.charged, k.file.charged],
    ...[stackMemcg, taskMemcg, tableMemcg],
  ];
}

/** The running CPU's stock is for the group now; what it was given back earlier comes with it. */
function turnStock(k: SpaceState, memcg: Memcg): void {
  const { stockMemcg, stockBytes, left } = k.kmem;
  const cpu = k.boot[2];
  if (stockMemcg[cpu] === memcg) return;
  drainObjectStock(k, cpu);
  stockMemcg[cpu] = memcg;
  stockBytes[cpu] = left[memcg];
  left[memcg] = 0;
}

/** Whole pages go to the stock of pages, the rest to the group (Linux: drain_obj_stock). */
function drainObjectStock(k: SpaceState, cpu: number): void {
  const { stockMemcg, stockBytes, stockStat, left, pages } = k.kmem;
  const memcg = stockMemcg[cpu];
  if (memcg === ROOT_MEMCG) return;
  const whole = Math.floor(stockBytes[cpu] / PAGE_SIZE);
  left[memcg] += stockBytes[cpu] - whole * PAGE_SIZE;
  stockBytes[cpu] = 0;
  stockMemcg[cpu] = NONE;
  for (let which = 0; which < STOCK_ITEMS; which++) {
    const at = cpu * STOCK_ITEMS + which;
    if (stockStat[at] !== 0) countItem(k, memcg, ITEMS[which]!, stockStat[at]);
    stockStat[at] = 0;
  }
  if (whole === 0) return;
  pages[memcg] -= whole;
  k.memcg.kmem[memcg] -= whole;
  refillStock(k, memcg, whole);
  holdMemcg(k, memcg, -whole);
}

function takePages(k: SpaceState, memcg: Memcg, count: number): void {
  if (!consumeStock(k, memcg, count)) chargePastLimits(k, memcg, count);
  ownPages(k, memcg, count);
}

/** Gives back pages of kernel memory. */
export function givePages(k: SpaceState, memcg: Memcg, count: number): void {
  k.kmem.pages[memcg] -= count;
  k.memcg.kmem[memcg] -= count;
  refillStock(k, memcg, count);
  holdMemcg(k, memcg, -count);
}

/** The group's pages for objects are its parent's, which has them in its usage already. */
function movePages(k: SpaceState, memcg: Memcg, parent: Memcg, count: number): void {
  const { nodes } = k.lruvec;
  const m = k.memcg;
  m.kmem[memcg] -= count;
  if (parent !== ROOT_MEMCG) m.kmem[parent] += count;
  for (let node = 0; node < nodes; node++) {
    for (const item of [NR_KERNEL_STACK_KB, ...ITEMS]) {
      const at = (memcg * nodes + node) * NR_NODE_ITEMS + item;
      if (parent !== ROOT_MEMCG) m.node[(parent * nodes + node) * NR_NODE_ITEMS + item] += m.node[at];
      m.node[at] = 0;
    }
  }
  moveUsage(k, memcg, count);
  holdMemcg(k, parent, count);
  holdMemcg(k, memcg, -count);
}

/**
 * Counts bytes of objects. The running CPU's stock, which is the group's, keeps what comes after a first change until
 * it is more than a page (Linux: mod_objcg_state).
 */
function countSlab(k: SpaceState, memcg: Memcg, bytes: number, which: number): void {
  const { stockStat } = k.kmem;
  const at = k.boot[2] * STOCK_ITEMS + which;
  k.kmem.bytes[memcg] += bytes;
  const wasEmpty = stockStat[at] === 0;
  stockStat[at] += bytes;
  if (wasEmpty || Math.abs(stockStat[at]) <= PAGE_SIZE) return;
  countItem(k, memcg, ITEMS[which]!, stockStat[at]);
  stockStat[at] = 0;
}

/** Counts of a group's kernel memory stand for the first node: nobody knows on which an object would lie. */
function countItem(k: SpaceState, memcg: Memcg, item: number, change: number): void {
  k.memcg.node[memcg * k.lruvec.nodes * NR_NODE_ITEMS + item] += change;
}
