/**
 * How much memory has been promised: overcommit, and the size totals of an address space.
 *
 * A private writable mapping promises its pages whether they are touched or not. The promise is a per-CPU counter:
 * a CPU keeps what it added until that reaches a batch, then folds it into the shared part, and limits are checked
 * against the shared part alone. So strict accounting may be off by a batch for every CPU, as in Linux.
 *
 *   vm.overcommit_memory   refuses a request
 *   0 guess                larger than all of RAM and swap
 *   1 always               never
 *   2 never                when what is promised would reach ratio % of RAM (or overcommit_kbytes) plus swap,
 *                          less a reserve for the administrator and 1/32 of the asking process
 *
 * Linux: mm/util.c, mm/mm_init.c, lib/percpu_counter.c, mm/mmap.c (6.12)   Doc: Documentation/mm/overcommit-accounting.rst
 */
import { bug } from "../base/bug.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Mm, NONE, PAGE_SIZE } from "../base/types.ts";
import { NR_FREE_PAGES, sumZoneItem } from "../frame/vmstat.ts";
import { filePages } from "../space/pagecache.ts";
import { SHMEM_PROMISED } from "../space/shmem.ts";
import { SWAP_TOTAL } from "../space/swap.ts";
import {
  isDataMapping,
  isExecMapping,
  isStackMapping,
  VM_ACCOUNT,
  VM_NORESERVE,
  VM_SHARED,
  VM_WRITE,
  vmaPages,
} from "../space/vma.ts";
import type { VmState } from "./state.ts";

/** Values of vm.overcommit_memory. */
export const OVERCOMMIT_GUESS = 0;
export const OVERCOMMIT_ALWAYS = 1;
export const OVERCOMMIT_NEVER = 2;

/** Pages in a KiB figure. */
const KIB_PER_PAGE = 4;
/** The reserves' ceilings in KiB. */
const MOST_USER_RESERVE = 131072;
const MOST_ADMIN_RESERVE = 8192;
/** Rows of `k.boot` and `k.committed` used here. */
const BOOT_TOTALRAM = 0;
const BOOT_CPU = 2;
const EXACT = 0;
const SHARED = 1;
const STRAY = 2;
const FIRST_CPU = 3;

/** Nothing promised yet. */
export function createCommitted(cpus: number): Float64Array {
  return new Float64Array(FIRST_CPU + cpus);
}

/**
 * Fills in what strict accounting keeps back when the machine does not say: 1/32 of the memory that is free at boot, at
 * most 128 MiB for the user and 8 MiB for the administrator (Linux: init_user_reserve, init_admin_reserve).
 */
export function setupReserves(k: VmState): void {
  const { knob } = k;
  const share = Math.floor((sumZoneItem(k.vmstat, NR_FREE_PAGES) * KIB_PER_PAGE) / 32);
  if (Number.isNaN(knob.userReserveKbytes)) knob.userReserveKbytes = Math.min(share, MOST_USER_RESERVE);
  if (Number.isNaN(knob.adminReserveKbytes)) knob.adminReserveKbytes = Math.min(share, MOST_ADMIN_RESERVE);
}

/** Changes the promise by a number of pages, which may be negative (Linux: vm_acct_memory, vm_unacct_memory). */
export function acctMemory(k: VmState, pages: number): void {
  const committed = k.committed;
  committed[EXACT] += pages;
  const row = FIRST_CPU + k.boot[BOOT_CPU];
  const local = committed[row] + pages;
  if (Math.abs(local) < committedBatch(k)) {
    committed[row] = local;
    return;
  }
  committed[SHARED] += local;
  committed[row] = 0;
}

/** Folds every CPU's part into the shared one: what a change to strict accounting does first (Linux: sync_overcommit_as). */
export function syncCommitted(k: VmState): void {
  const committed = k.committed;
  committed[SHARED] = committed[EXACT];
  committed.fill(0, FIRST_CPU);
}

/** The ceiling of strict accounting in pages: CommitLimit of /proc/meminfo. */
export function vmCommitLimit(k: VmState): number {
  const ofMemory =
    k.knob.overcommitKbytes !== 0
      ? Math.floor(k.knob.overcommitKbytes / KIB_PER_PAGE)
      : Math.floor((k.boot[BOOT_TOTALRAM] * k.knob.overcommitRatio) / 100);
  return ofMemory + k.swap.state[SWAP_TOTAL];
}

/** Pages promised: Committed_AS of /proc/meminfo. */
export function vmCommitted(k: VmState): number {
  return Math.max(0, k.committed[EXACT]);
}

/**
 * Promises `pages` to an address space. Returns 0, or -ENOMEM when the policy refuses: then nothing was promised.
 * Linux: security_vm_enough_memory_mm, __vm_enough_memory.
 */
export function vmEnoughMemory(k: VmState, mm: Mm, pages: number): number {
  acctMemory(k, pages);
  const mode = k.knob.overcommitMemory;
  if (mode === OVERCOMMIT_ALWAYS) return 0;
  if (mode === OVERCOMMIT_GUESS) {
    if (pages <= k.boot[BOOT_TOTALRAM] + k.swap.state[SWAP_TOTAL]) return 0;
  } else {
    let allowed = vmCommitLimit(k);
    if (k.knob.privileged === 0) allowed -= Math.floor(k.knob.adminReserveKbytes / KIB_PER_PAGE);
    const ownShare = Math.floor(k.mm.totalVm[mm] / 32);
    allowed -= Math.min(ownShare, Math.floor(k.knob.userReserveKbytes / KIB_PER_PAGE));
    if (Math.max(0, k.committed[SHARED]) < allowed) return 0;
  }
  acctMemory(k, -pages);
  return -ENOMEM;
}

/**
 * Notes that pages were promised to a mapping whose end will not give them back: what a stack-like mapping without
 * VM_ACCOUNT (one that cannot be written) grows by. Linux loses the same pages (acct_stack_growth).
 */
export function notePromiseLost(k: VmState, pages: number): void {
  k.committed[STRAY] += pages;
}

/** Whether a mapping of these flags is promised memory: private, writable, and not MAP_NORESERVE. */
export function isAccountableMapping(flags: number): boolean {
  return (flags & (VM_NORESERVE | VM_SHARED | VM_WRITE)) === VM_WRITE;
}

/** Whether the limits on address space and on data leave room for `pages` more of a mapping of these flags. */
export function mayExpandVm(k: VmState, mm: Mm, flags: number, pages: number): boolean {
  if (k.mm.totalVm[mm] + pages > Math.floor(k.knob.asRlimitBytes / PAGE_SIZE)) return false;
  if (!isDataMapping(flags)) return true;
  return k.mm.dataVm[mm] + pages <= Math.floor(k.knob.dataRlimitBytes / PAGE_SIZE);
}

/** Adds pages of a mapping of these flags to the totals of the address space (VmSize, VmData, VmExe, VmStk). */
export function vmStatAccount(k: VmState, mm: Mm, flags: number, pages: number): void {
  k.mm.totalVm[mm] += pages;
  if (isExecMapping(flags)) k.mm.execVm[mm] += pages;
  else if (isStackMapping(flags)) k.mm.stackVm[mm] += pages;
  else if (isDataMapping(flags)) k.mm.dataVm[mm] += pages;
}

/** Remembers the largest size so far, before it shrinks (VmPeak). */
export function updateHiwaterVm(k: VmState, mm: Mm): void {
  if (k.mm.hiwaterVm[mm] < k.mm.totalVm[mm]) k.mm.hiwaterVm[mm] = k.mm.totalVm[mm];
}

/**
 * Adds up every accounted VMA, what was lost, and every part of the counter; bug() when the promise is another number.
 */
export function checkCommitted(k: VmState): void {
  let pages = k.committed[STRAY];
  for (let mm: Mm = 1; mm < k.mm.firstVma.length; mm++) {
    for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) {
      if ((k.vma.flags[vma] & VM_ACCOUNT) !== 0) pages += vmaPages(k, vma);
    }
  }
  for (let inode = 1; inode < k.file.rows[0]; inode++)
    if (k.file.shmem[inode] === SHMEM_PROMISED) pages += filePages(k, inode);
  if (pages !== k.committed[EXACT]) bug(`${k.committed[EXACT]} pages are promised, the VMAs say ${pages}`);
  let parts = k.committed[SHARED];
  for (let row = FIRST_CPU; row < k.committed.length; row++) parts += k.committed[row];
  if (parts !== pages) bug(`the parts of the promise add up to ${parts}, not ${pages}`);
}

/** Pages a CPU may keep to itself: 1/4 of RAM per CPU, or 1/256 under strict accounting. */
function committedBatch(k: VmState): number {
  const cpus = k.committed.length - FIRST_CPU;
  const divisor = k.knob.overcommitMemory === OVERCOMMIT_NEVER ? 256 : 4;
  const share = Math.min(Math.floor(Math.floor(k.boot[BOOT_TOTALRAM] / cpus) / divisor), 2147483647);
  return Math.max(share, cpus * 2, 32);
}
