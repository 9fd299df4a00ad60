/**
 * File mappings and file calls on the page cache: faults, read and write.
 * Linux: mm/filemap.c, mm/memory.c (6.12)   Doc: Documentation/filesystems/vfs.rst
 */
import { bug } from "../base/bug.ts";
import type { Task, Vma } from "../base/types.ts";
import type { VmState } from "./state.ts";

/**
 * Handles a fault on a VMA that has a file. `flags` are FAULT_FLAG_*: WRITE and USER are looked at; what a retry needs
 * to remember is kept in `k.task.faultTried` by this function, which clears it when the fault ends.
 * Returns 0 (done: count a minor fault), VM_FAULT_MAJOR (done: count a major fault), BLOCKED (the task waits for a disk
 * request, try the access again), FAULT_SIGBUS past the end of the file, FAULT_OOM.
 */
export function fileFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  return bug(`no file fault for task ${task} vma ${vma} page ${vpn} flags ${flags} at ${k.clock.ns[0]}`);
}
