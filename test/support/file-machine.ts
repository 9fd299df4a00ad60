/**
 * For tests of files and processes: a small machine with one task, files, and drawings of what is cached.
 *
 * A drawing has one character a page:
 *
 *   .  not cached    L  being read    U  uptodate    R  uptodate, read-ahead mark    l  being read, mark    D  dirty
 *
 * Linux: none; this is a test fixture   Doc: docs/style.md
 */
import { BLOCKED, type Inode, NONE, type Task } from "../../src/core/base/types.ts";
import { FLAGS, PAGE_WORDS, PG_dirty, PG_readahead, PG_uptodate } from "../../src/core/frame/page.ts";
import type { MachineInput } from "../../src/core/hw/machine.ts";
import { PRESETS } from "../../src/core/hw/presets.ts";
import { boot, checkKernel, type Kernel } from "../../src/core/kernel.ts";
import { createInode, installFd, O_RDWR, openFile } from "../../src/core/space/file.ts";
import { filePages, findPage } from "../../src/core/space/pagecache.ts";
import { findPte } from "../../src/core/space/pagetable.ts";
import { createTask, TASK_RUNNING } from "../../src/core/space/task.ts";
import { syscall } from "../../src/core/abi/syscall/table.ts";
import type { SyscallArgs } from "../../src/core/abi/syscall/row.ts";
import { access } from "../../src/core/vm/access.ts";
import { createMm } from "../../src/core/vm/mm-create.ts";
import { pickMmapLayout } from "../../src/core/vm/unmapped-area.ts";

export const PAGE = 4096;

/** A machine of 64 MiB, booted, and a task with an empty address space. */
export function fileMachine(input: MachineInput = {}): { k: Kernel; task: Task } {
  const k = boot({ ...PRESETS["tiny"], ...input });
  return { k, task: newTask(k) };
}

/** A task with an empty address space, child of init. */
export function newTask(k: Kernel): Task {
  const mm = createMm(k);
  pickMmapLayout(k, mm, false);
  return createTask(k, { comm: "test", mm });
}

/** A file of so many bytes that lies on the disk, and a descriptor on it. */
export function newFile(k: Kernel, task: Task, sizeBytes: number, seed = 0x5eed0000): { inode: Inode; fd: number } {
  const inode = createInode(k, { path: `/f${k.file.rows[0]}`, sizeBytes, contentSeed: seed });
  return { inode, fd: installFd(k, task, openFile(k, inode, O_RDWR)) };
}

/** Does a call to its end: whenever it is BLOCKED the clock moves on to what it waits for. */
export function call(k: Kernel, task: Task, nr: number, args: SyscallArgs): number {
  for (;;) {
    const result = syscall(k, task, nr, args);
    if (result !== BLOCKED) return result;
    waitOut(k, task);
  }
}

/** Makes one access to the page at `addr`, to its end. Returns what access returned last. */
export function touch(k: Kernel, task: Task, addr: number, kind: number): number {
  for (;;) {
    const result = access(k, task, Math.floor(addr / PAGE), kind);
    if (result !== BLOCKED) return result;
    waitOut(k, task);
  }
}

/** Lets the time pass that a sleeping task waits. */
export function waitOut(k: Kernel, task: Task): void {
  k.clock.ns[0] = Math.max(k.clock.ns[0]!, k.task.waitUntilNs[task]!);
  k.task.state[task] = TASK_RUNNING;
  k.task.waitRow[task] = NONE;
}

/** Faults the task has taken so far: [minor, major]. */
export function faults(k: Kernel, task: Task): [number, number] {
  return [k.task.minFlt[task]!, k.task.majFlt[task]!];
}

/** The cache of a file, drawn: its first `pages` pages (all when absent). */
export function cached(k: Kernel, inode: Inode, pages = filePages(k, inode)): string {
  let text = "";
  for (let index = 0; index < pages; index++) {
    const pfn = findPage(k, inode, index);
    const flags = pfn === NONE ? 0 : k.page[pfn * PAGE_WORDS + FLAGS]!;
    if (pfn === NONE) text += ".";
    else if (!(flags & PG_uptodate)) text += flags & PG_readahead ? "l" : "L";
    else if (flags & PG_dirty) text += "D";
    else text += flags & PG_readahead ? "R" : "U";
  }
  return text;
}

/** Which of `pages` pages from `addr` on are mapped: x mapped, . not. */
export function mapped(k: Kernel, task: Task, addr: number, pages: number): string {
  let text = "";
  for (let i = 0; i < pages; i++) {
    const pte = findPte(k, k.task.mm[task]!, Math.floor(addr / PAGE) + i);
    text += pte >= 0 && k.ram.words[pte] !== 0 ? "x" : ".";
  }
  return text;
}

/** All invariants. */
export function check(k: Kernel): void {
  checkKernel(k);
}
