/**
 * Page faults: from a refused access to the handler of the kind of memory, and the count of it.
 *
 *   pageFault         which VMA, may it be accessed like this, must a stack grow     (arch/x86/mm/fault.c)
 *   handleMmFault     absent: anonymous, file, shared memory or special; present and not writable: copy or reuse; count
 *
 *   no VMA, or a stack that may not grow     SIGSEGV, SEGV_MAPERR
 *   VMA without the permission               SIGSEGV, SEGV_ACCERR
 *   VMA, but nothing behind it               SIGBUS
 *
 * Linux: arch/x86/mm/fault.c, mm/memory.c (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { handleOverHigh } from "../alloc/memcg-high.ts";
import { FAULT_OOM, FAULT_SEGV_ACCERR, FAULT_SEGV_MAPERR } from "../base/errno.ts";
import { emit, TRACE_PAGE_FAULT_USER } from "../base/trace.ts";
import { BLOCKED, NONE, type Task, type Vma, vpnHigh, vpnLow } from "../base/types.ts";
import { PGFAULT } from "../frame/vmstat.ts";
import { CAUSE_MINOR_FAULT, COST_MINOR_FAULT, spend } from "../hw/clock.ts";
import { NOT_CANONICAL, PF_INSTR, PF_PROT, PF_USER, PF_WRITE, WALK_READY, WALK_WORD } from "../hw/mmu.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_MAPPED, PTE_RW, PTE_SOFT_DIRTY } from "../hw/pte.ts";
import { GFP_KERNEL } from "../reclaim/gfp.ts";
import { countMemcgEvents } from "../space/memcg-count.ts";
import { findPte } from "../space/pagetable.ts";
import { VM_ACCESS_FLAGS, VM_GROWSDOWN, VM_WRITE } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { doAnonymousPage, doWpPage } from "./anon.ts";
import { vmaExpandDownwards } from "./expand-stack.ts";
import { FAULT_FLAG_AGAIN, FAULT_FLAG_INSTRUCTION, FAULT_FLAG_WRITE } from "./fault-flags.ts";
import { pagefaultOutOfMemory } from "./fault-oom.ts";
import { fileFault } from "./filemap.ts";
import { ensurePmdTable } from "./pte-alloc.ts";
import { shmemFault } from "./shmem.ts";
import type { VmState } from "./state.ts";
import { doSwapPage } from "./swapin.ts";
import { specialFault } from "./zero-page.ts";

/**
 * Resolves an access of `task` that the processor refused. `refused` is walkTables' answer: -1 - error code, or
 * NOT_CANONICAL. `user`: the program itself made it (FAULT_FLAG_USER), or 0: the kernel did for it.
 * Returns 0 (try again), BLOCKED, FAULT_SEGV_MAPERR, FAULT_SEGV_ACCERR, FAULT_SIGBUS or FAULT_OOM.
 * Differs: an address that is not canonical is a general protection fault, whose si_code is SI_KERNEL; it is MAPERR here.
 */
export function pageFault(k: VmState, task: Task, vpn: number, refused: number, user: number): number {
  if (refused === NOT_CANONICAL || vpn < 0) return FAULT_SEGV_MAPERR;
  const code = -1 - refused;
  if ((k.trace.mask[0]! & (1 << TRACE_PAGE_FAULT_USER)) !== 0 && (code & PF_USER) !== 0) {
    emit(k, TRACE_PAGE_FAULT_USER, vpnHigh(vpn), vpnLow(vpn), code);
  }
  const vma = findVma(k, k.task.mm[task]!, vpn);
  if (vma === NONE) return FAULT_SEGV_MAPERR;
  const vmFlags = k.vma.flags[vma]!;
  if (k.vma.start[vma]! > vpn) {
    if ((vmFlags & VM_GROWSDOWN) === 0 || vmaExpandDownwards(k, vma, vpn) < 0) return FAULT_SEGV_MAPERR;
  }
  const isWrite = (code & PF_WRITE) !== 0;
  if ((vmFlags & (isWrite ? VM_WRITE : VM_ACCESS_FLAGS)) === 0) return FAULT_SEGV_ACCERR;
  if ((code & (PF_PROT | PF_WRITE)) === PF_PROT) return FAULT_SEGV_ACCERR;
  let flags = user | (isWrite ? FAULT_FLAG_WRITE : 0);
  // A fetch from absent memory that may not be executed is let in: the page comes, and the next try is refused above.
  if ((code & PF_INSTR) !== 0) flags |= FAULT_FLAG_INSTRUCTION;
  const result = handleWalked(k, task, vma, vpn, flags);
  return result === FAULT_OOM ? pagefaultOutOfMemory(k, task, user) : result;
}

/**
 * Makes a page of a VMA accessible, as `flags` (FAULT_FLAG_*) want it, and counts the fault on the task.
 * Returns 0, BLOCKED (ask again when the task is woken; nothing was counted), FAULT_SIGBUS or FAULT_OOM.
 */
export function handleMmFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  k.tlb.walk[WALK_WORD] = findPte(k, k.vma.mm[vma]!, vpn);
  return handleWalked(k, task, vma, vpn, flags);
}

/** handleMmFault when a walk has just left the page's entry, or -1 for a missing table, in `k.tlb.walk`. */
function handleWalked(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const result = handlePteFault(k, task, vma, vpn, flags);
  if (result === BLOCKED) return BLOCKED;
  k.vmstat.event[PGFAULT]!++;
  if (result < 0) {
    // A cgroup's other faults are counted from its tasks' (memcg-task.ts).
    countMemcgEvents(k, k.mm.memcg[k.vma.mm[vma]!]!, PGFAULT, 1);
    return result;
  }
  if (result === 0) {
    k.task.minFlt[task]!++;
    k.vma.minorFaults[vma]!++;
  } else {
    k.task.majFlt[task]!++;
    k.vma.majorFaults[vma]!++;
  }
  spend(k, CAUSE_MINOR_FAULT, COST_MINOR_FAULT);
  return 0;
}

/** Returns 0, VM_FAULT_MAJOR, BLOCKED or FAULT_*. */
function handlePteFault(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const pte = k.tlb.walk[WALK_WORD]!;
  if (pte < 0) {
    if (ensurePmdTable(k, k.vma.mm[vma]!, vpn) < 0) return FAULT_OOM;
    return handleAbsent(k, task, vma, vpn, flags);
  }
  const { words } = k.ram;
  const low = words[pte]!;
  if ((low | words[pte + 1]!) === 0) return handleAbsent(k, task, vma, vpn, flags);
  if ((low & PTE_MAPPED) === 0) return settleHigh(k, task, doSwapPage(k, task, vma, vpn, flags), flags);
  if ((flags & FAULT_FLAG_WRITE) !== 0) {
    if ((low & PTE_RW) === 0) return settleHigh(k, task, doWpPage(k, vma, vpn, pte), flags);
    words[pte] = low | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_ACCESSED;
    return 0;
  }
  words[pte] = low | PTE_ACCESSED;
  return 0;
}

/** Nothing is mapped: whose memory is it. */
function handleAbsent(k: VmState, task: Task, vma: Vma, vpn: number, flags: number): number {
  const file = k.vma.file[vma]!;
  if (file !== NONE) {
    const isShmem = k.file.shmem[k.file.inode[file]!] !== 0;
    return settleHigh(k, task, (isShmem ? shmemFault : fileFault)(k, task, vma, vpn, flags), flags);
  }
  if (k.vma.special[vma] !== 0) return specialFault(k, vma, vpn);
  return doAnonymousPage(k, vma, vpn, flags, k.tlb.walk[WALK_WORD]!);
}

/**
 * On the way back to the program, pages charged above memory.high are made good for. Returns the fault's result.
 * Differs: reclaim that takes the page of this very fault time after time is put off until the access has been made. A
 * real task would go on like that until somebody else gives memory back; here nobody runs meanwhile.
 */
function settleHigh(k: VmState, task: Task, result: number, flags: number): number {
  if (k.task.overHigh[task] === 0 || result === BLOCKED || (flags & FAULT_FLAG_AGAIN) !== 0) return result;
  handleOverHigh(k, GFP_KERNEL);
  // The page may have gone again: the entry is to be walked to.
  k.tlb.walk[WALK_READY] = 0;
  return result;
}
