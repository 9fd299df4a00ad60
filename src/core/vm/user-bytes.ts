/**
 * Bytes of a program's memory, read and written through its page tables, faults included: what a load or store of the
 * program sees, and what the kernel does with a buffer it was given.
 *
 *   addr ....|page|....|page|....  each page: one access, then its part of the bytes
 *
 * Linux: arch/x86/lib/copy_user_64.S, mm/memory.c (6.12)   Doc: Documentation/core-api/mm-api.rst (user space memory access)
 */
import { NONE, PAGE_SIZE, type Pfn, type Task } from "../base/types.ts";
import { ACCESS_LOAD, ACCESS_STORE } from "../hw/mmu.ts";
import { loadWord, storeWord, takeSlot } from "../hw/ram.ts";
import { ACCESS_KERNEL, access } from "./access.ts";
import type { VmState } from "./state.ts";

/**
 * Reads bytes at `addr` as the task would. Returns how many were read; when not even one could be, what access
 * returned for the first page. Less than asked for: call again from there to learn why.
 */
export function loadBytes(k: VmState, task: Task, addr: number, out: Uint8Array): number {
  return moveBytes(k, task, addr, out, ACCESS_LOAD);
}

/** Writes bytes at `addr` as the task would. Returns as loadBytes. */
export function storeBytes(k: VmState, task: Task, addr: number, bytes: Uint8Array): number {
  return moveBytes(k, task, addr, bytes, ACCESS_STORE);
}

/** storeBytes by the kernel (Linux: copy_to_user): a wait for the disk in it always counts as a major fault. */
export function copyToUser(k: VmState, task: Task, addr: number, bytes: Uint8Array): number {
  return moveBytes(k, task, addr, bytes, ACCESS_STORE | ACCESS_KERNEL);
}

function moveBytes(k: VmState, task: Task, addr: number, bytes: Uint8Array, kind: number): number {
  let done = 0;
  while (done < bytes.length) {
    const vpn = Math.floor((addr + done) / PAGE_SIZE);
    const from = addr + done - vpn * PAGE_SIZE;
    const length = Math.min(PAGE_SIZE - from, bytes.length - done);
    const code = access(k, task, vpn, kind);
    if (code !== 0) return done > 0 ? done : code;
    const part = bytes.subarray(done, done + length);
    if ((kind & 1) === 0) readFrame(k, k.tlb.walk[0]!, from, part);
    else writeFrame(k, k.tlb.walk[0]!, from, part);
    done += length;
  }
  return done;
}

/** Bytes of a frame from byte `from` on, low byte of each word first. */
function readFrame(k: VmState, pfn: Pfn, from: number, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    const at = from + i;
    out[i] = loadWord(k, pfn, at >> 2) >>> ((at & 3) * 8);
  }
}

function writeFrame(k: VmState, pfn: Pfn, from: number, bytes: Uint8Array): void {
  // A frame that already holds the one word that is written again and again needs no bytes of its own.
  if (k.ram.slot[pfn] === NONE && isFill(k.ram.fill[pfn]!, from, bytes)) return;
  takeSlot(k, pfn);
  for (let i = 0; i < bytes.length; i++) {
    const at = from + i;
    const shift = (at & 3) * 8;
    storeWord(k, pfn, at >> 2, (loadWord(k, pfn, at >> 2) & ~(255 << shift)) | (bytes[i]! << shift));
  }
}

function isFill(fill: number, from: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) {
    if (bytes[i] !== ((fill >>> (((from + i) & 3) * 8)) & 255)) return false;
  }
  return true;
}
