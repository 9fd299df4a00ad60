/**
 * Copying between frames of the kernel and the memory of a program, as read and write do: every user page that is
 * touched may fault, and the fault is counted like any other, but it is the kernel that makes the access.
 * Linux: lib/iov_iter.c, arch/x86/lib/copy_user_64.S (6.12)   Doc: Documentation/core-api/mm-api.rst
 */
import { PAGE_SIZE, type Pfn, type Task } from "../base/types.ts";
import { copyBytes, type FramePart } from "../hw/content.ts";
import { ACCESS_LOAD, ACCESS_STORE, WALK_PFN } from "../hw/mmu.ts";
import { ACCESS_KERNEL, access } from "./access.ts";
import type { VmState } from "./state.ts";

/**
 * Copies part of a frame to the user address `addr`. Returns the bytes copied: all of them, or those up to a page that
 * cannot be written; when that is the first page, BLOCKED or FAULT_* instead.
 */
export function copyFrameToUser(k: VmState, task: Task, addr: number, from: FramePart): number {
  let done = 0;
  while (done < from.bytes) {
    const vpn = Math.floor((addr + done) / PAGE_SIZE);
    const inPage = addr + done - vpn * PAGE_SIZE;
    const bytes = Math.min(from.bytes - done, PAGE_SIZE - inPage);
    const pfn = userFrame(k, task, vpn, ACCESS_STORE);
    if (pfn < 0) return done > 0 ? done : pfn;
    copyBytes(k, { pfn: from.pfn, at: from.at + done, bytes }, pfn, inPage);
    done += bytes;
  }
  return done;
}

/**
 * Copies to part of a frame from the user address `addr`. Returns as copyFrameToUser.
 */
export function copyUserToFrame(k: VmState, task: Task, addr: number, to: FramePart): number {
  let done = 0;
  while (done < to.bytes) {
    const vpn = Math.floor((addr + done) / PAGE_SIZE);
    const inPage = addr + done - vpn * PAGE_SIZE;
    const bytes = Math.min(to.bytes - done, PAGE_SIZE - inPage);
    const pfn = userFrame(k, task, vpn, ACCESS_LOAD);
    if (pfn < 0) return done > 0 ? done : pfn;
    copyBytes(k, { pfn, at: inPage, bytes }, to.pfn, to.at + done);
    done += bytes;
  }
  return done;
}

/**
 * Makes sure that the user bytes [addr, addr + bytes) can be read. Returns how many of them can, or BLOCKED or FAULT_*
 * when the first cannot (Linux: fault_in_readable).
 */
export function faultInReadable(k: VmState, task: Task, addr: number, bytes: number): number {
  let vpn = Math.floor(addr / PAGE_SIZE);
  const beyond = addr + bytes;
  for (; vpn * PAGE_SIZE < beyond; vpn++) {
    const pfn = userFrame(k, task, vpn, ACCESS_LOAD);
    if (pfn >= 0) continue;
    const done = vpn * PAGE_SIZE - addr;
    return done > 0 ? done : pfn;
  }
  return bytes;
}

/** The frame behind a user page after an access of this kind by the kernel, or BLOCKED or FAULT_*. */
function userFrame(k: VmState, task: Task, vpn: number, kind: number): Pfn {
  const code = access(k, task, vpn, kind | ACCESS_KERNEL);
  return code === 0 ? k.tlb.walk[WALK_PFN] : code;
}
