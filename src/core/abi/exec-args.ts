/**
 * The new stack while exec fills it: arguments and environment are copied to the highest pages of a fresh address
 * space, string by string from the top down, before the program is even looked at.
 *
 *   STACK_TOP_MAX   8 zero bytes | path\0 | last env\0 … first env\0 | last arg\0 … first arg\0   <- p
 *                                                                       (each string reads upwards)
 *
 * Every page is made by a write fault that the kernel takes on the program's behalf, so it counts as a minor fault of
 * the task. When the program turns out to be good, the whole stack moves down to its place.
 * Linux: fs/exec.c copy_strings, setup_arg_pages, mm/mmap.c relocate_vma_down (6.12)   Doc: man 2 execve
 */
import { bug } from "../base/bug.ts";
import { E2BIG, EFAULT, ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Mm, NONE, PAGE_SIZE, type Task, type Vma } from "../base/types.ts";
import { PTE_NX_HIGH, PTE_PRESENT, PTE_SOFT_DIRTY, ptePfn } from "../hw/pte.ts";
import { takeSlot } from "../hw/ram.ts";
import { lruAddDrain, markPageAccessed } from "../space/lruvec.ts";
import { findPte } from "../space/pagetable.ts";
import { VM_EXEC, VM_RAND_READ, VM_SEQ_READ, VM_SOFTDIRTY, VM_STACK_FLAGS } from "../space/vma.ts";
import { allocVma, freeVma } from "../space/vma-rows.ts";
import { insertVma, setVmaRange } from "../space/vma-tree.ts";
import { freePageTables } from "../space/zap.ts";
import { vmEnoughMemory } from "../vm/accounting.ts";
import { pageAlign } from "../vm/bytes.ts";
import { vmaExpandDownwards } from "../vm/expand-stack.ts";
import { handleMmFault } from "../vm/fault.ts";
import { FAULT_FLAG_WRITE } from "../vm/fault-flags.ts";
import { createMm, putMm } from "../vm/mm-create.ts";
import { ensurePte } from "../vm/pte-alloc.ts";
import { roomForVma } from "../vm/rmap-room.ts";
import { taskSize } from "../vm/unmapped-area.ts";
import { alignStack, pageStart, STACK_EXPAND_BYTES } from "./exec-layout.ts";
import type { AbiState } from "./state.ts";

/** Bytes one string may have with its zero byte: 32 pages. */
const MAX_ARG_STRLEN = 32 * PAGE_SIZE;
/** Room that arguments have however small the stack limit is. */
const ARG_MAX = 131072;
/** The stack limit that the arguments' share is a part of. */
const DEFAULT_STACK_LIMIT = 8 * 1024 * 1024;
const POINTER_BYTES = 8;
/**
 * Positions in the new stack count from this many pages below its end: with 5 levels of page tables the end is beyond
 * 2^53, where byte addresses are not exact any more.
 */
const WINDOW_PAGES = 2 ** 20;
/** Flags of a stack that is still being made: nobody may migrate its pages meanwhile. */
const VM_STACK_INCOMPLETE_SETUP = VM_RAND_READ | VM_SEQ_READ;

/** An exec under way: the new address space, its stack, and where the next string goes (Linux: struct linux_binprm). */
export interface Bprm {
  readonly task: Task;
  readonly mm: Mm;
  readonly vma: Vma;
  /** Page that positions count from; the stack's end lies WINDOW_PAGES above it. */
  readonly base: number;
  /** Position of the lowest byte in use; the next string ends here. */
  p: number;
  /** The limit p may not go below. */
  argMin: number;
  argc: number;
  envc: number;
}

/** What is copied to the stack. */
export interface ExecStrings {
  readonly path: string;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
}

/**
 * Makes an address space with a stack that holds the strings. Returns it, -E2BIG when they are too long or too many,
 * -ENOMEM, or BLOCKED; then nothing is left behind.
 */
export function createBprm(k: AbiState, task: Task, strings: ExecStrings): Bprm | number {
  const mm = createMm(k);
  if (mm < 0) return mm;
  const bprm = createStack(k, task, mm);
  const error = typeof bprm === "number" ? bprm : copyAllStrings(k, bprm, strings);
  if (typeof bprm !== "number" && error === 0) return bprm;
  putMm(k, mm);
  return error;
}

/** The temporary stack: one page at the top of user space. */
function createStack(k: AbiState, task: Task, mm: Mm): Bprm | number {
  if (roomForVma(k) < 0) return -ENOMEM;
  const vma = allocVma(k, mm);
  if (vma === NONE) return -ENOMEM;
  if (vmEnoughMemory(k, mm, 1) < 0) {
    freeVma(k, vma);
    return -ENOMEM;
  }
  const end = taskSize(k) / PAGE_SIZE;
  k.vma.end[vma] = end;
  k.vma.start[vma] = end - 1;
  k.vma.pgoff[vma] = end - 1;
  k.vma.flags[vma] = VM_SOFTDIRTY | VM_STACK_FLAGS | VM_STACK_INCOMPLETE_SETUP;
  insertVma(k, mm, vma);
  k.mm.stackVm[mm] = 1;
  k.mm.totalVm[mm] = 1;
  return {
    task,
    mm,
    vma,
    base: end - WINDOW_PAGES,
    p: WINDOW_PAGES * PAGE_SIZE - POINTER_BYTES,
    argMin: 0,
    argc: 0,
    envc: 0,
  };
}

/** Path, environment, arguments, in this order; an empty argument list becomes one empty string. */
function copyAllStrings(k: AbiState, bprm: Bprm, strings: ExecStrings): number {
  bprm.argc = Math.max(strings.argv.length, 1);
  bprm.envc = strings.envp.length;
  // Strings and pointers may take three quarters of the usual limit or a quarter of the limit in force, whichever is less.
  const share = Math.max(
    Math.min((DEFAULT_STACK_LIMIT / 4) * 3, Math.floor(k.knob.stackRlimitBytes / 4)),
    ARG_MAX,
  );
  const pointers = (bprm.argc + bprm.envc) * POINTER_BYTES;
  if (share <= pointers) return -E2BIG;
  bprm.argMin = bprm.p - (share - pointers);
  return (
    copyStrings(k, bprm, [strings.path]) ||
    copyStrings(k, bprm, strings.envp) ||
    copyStrings(k, bprm, strings.argv.length === 0 ? [""] : strings.argv)
  );
}

/** Copies a list so that its first string is lowest. Returns 0, -E2BIG, or BLOCKED. */
function copyStrings(k: AbiState, bprm: Bprm, strings: readonly string[]): number {
  let page = -1;
  let pfn = NONE;
  for (const text of strings.toReversed()) {
    const bytes = encodeString(text);
    if (bytes.length > MAX_ARG_STRLEN) return -E2BIG;
    bprm.p -= bytes.length;
    if (bprm.p < bprm.argMin) return -E2BIG;
    let left = bytes.length;
    while (left > 0) {
      const last = bprm.p + left - 1;
      const index = Math.floor(last / PAGE_SIZE);
      const from = Math.max(bprm.p, index * PAGE_SIZE);
      if (index !== page) {
        pfn = getArgPage(k, bprm, bprm.base + index);
        if (pfn < 0) return pfn;
        page = index;
      }
      storeBytesInFrame(k, pfn, from - index * PAGE_SIZE, bytes.subarray(from - bprm.p, left));
      left = from - bprm.p;
    }
  }
  return 0;
}

/** The frame behind a page of the new stack, which is made when there is none. Returns -E2BIG or BLOCKED when it can not be. */
function getArgPage(k: AbiState, bprm: Bprm, vpn: number): number {
  if (vpn < k.vma.start[bprm.vma] && vmaExpandDownwards(k, bprm.vma, vpn) < 0) return -E2BIG;
  let at = findPte(k, bprm.mm, vpn);
  if (at < 0 || (k.ram.words[at] & PTE_PRESENT) === 0) {
    const outcome = handleMmFault(k, bprm.task, bprm.vma, vpn, FAULT_FLAG_WRITE);
    if (outcome === BLOCKED) return BLOCKED;
    if (outcome < 0) return -E2BIG;
    at = findPte(k, bprm.mm, vpn);
  }
  const pfn = ptePfn(k.ram.words[at], k.ram.words[at + 1]);
  markPageAccessed(k, pfn);
  return pfn;
}

/** Writes bytes into a frame, within its 4096. */
function storeBytesInFrame(k: AbiState, pfn: number, offset: number, bytes: Uint8Array): void {
  const at = k.ram.words.byteOffset + takeSlot(k, pfn) * PAGE_SIZE;
  new Uint8Array(k.ram.words.buffer, at, PAGE_SIZE).set(bytes, offset);
}

/** A string as UTF-8 with a zero byte behind it. */
export function encodeString(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (code < 0x80) bytes.push(code);
    else if (code < 0x800) bytes.push(0xc0 | (code >> 6), 0x80 | (code & 0x3f));
    else if (code < 0x10000)
      bytes.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f));
    else
      bytes.push(
        0xf0 | (code >> 18),
        0x80 | ((code >> 12) & 0x3f),
        0x80 | ((code >> 6) & 0x3f),
        0x80 | (code & 0x3f),
      );
  }
  bytes.push(0);
  return Uint8Array.from(bytes);
}

/**
 * Gives the stack its place, permissions and first size, and notes where the arguments begin.
 * Returns 0, -ENOMEM, or -EFAULT when it can not grow to its first size.
 */
export function setupArgPages(
  k: AbiState,
  bprm: Bprm,
  stackTop: number,
  randomize: boolean,
  executable: boolean,
): number {
  const { vma, mm } = bprm;
  // The shift within a page is taken off again by rounding; Linux draws the number all the same.
  const top = pageAlign(alignStack(k, stackTop, randomize));
  const { start, end, flags } = k.vma;
  const sizeBytes = (end[vma] - start[vma]) * PAGE_SIZE;
  if (top < k.knob.mmapMinAddr || sizeBytes >= top - k.knob.mmapMinAddr) return -ENOMEM;
  const shiftPages = end[vma] - top / PAGE_SIZE;
  k.mm.argStart[mm] = (bprm.base - shiftPages) * PAGE_SIZE + bprm.p;
  // The flags are set anew, so a stack is the one VMA of a fresh program that is not soft-dirty as a whole.
  flags[vma] = VM_STACK_FLAGS | (executable ? VM_EXEC : 0) | VM_STACK_INCOMPLETE_SETUP;
  if (executable) allowExecution(k, bprm);
  if (shiftPages > 0) {
    const error = relocateStack(k, bprm, shiftPages);
    if (error < 0) return error;
  }
  flags[vma] &= ~VM_STACK_INCOMPLETE_SETUP;
  // The first size is 128 KiB more than the strings take, if the limit allows.
  const wanted = Math.min(pageStart(k.knob.stackRlimitBytes), sizeBytes + STACK_EXPAND_BYTES);
  k.mm.startStack[mm] = k.mm.argStart[mm];
  const base = end[vma] - wanted / PAGE_SIZE;
  return base < start[vma] && vmaExpandDownwards(k, vma, base) < 0 ? -EFAULT : 0;
}

/** Clears the no-execute bit of the pages that are there. */
function allowExecution(k: AbiState, bprm: Bprm): void {
  for (let vpn = k.vma.start[bprm.vma]; vpn < k.vma.end[bprm.vma]; vpn++) {
    const at = findPte(k, bprm.mm, vpn);
    if (at >= 0) k.ram.words[at + 1] &= ~PTE_NX_HIGH;
  }
}

/**
 * Moves the stack down: its entries go to other page tables, and tables that are empty then are freed. The VMA keeps
 * its offset, so that pages keep their index in it. Nobody runs on this address space yet: no TLB knows it.
 */
function relocateStack(k: AbiState, bprm: Bprm, shiftPages: number): number {
  const { vma, mm } = bprm;
  const { start, end, pgoff } = k.vma;
  const oldStart = start[vma];
  const oldEnd = end[vma];
  const offset = pgoff[vma];
  setVmaRange(k, vma, oldStart - shiftPages, oldEnd);
  for (let vpn = oldStart; vpn < oldEnd; vpn++) {
    const from = findPte(k, mm, vpn);
    if (from < 0) continue;
    const low = k.ram.words[from];
    const high = k.ram.words[from + 1];
    if ((low | high) === 0) continue;
    const to = ensurePte(k, mm, vpn - shiftPages);
    if (to < 0) return to;
    // A moved entry counts as written for who tracks soft-dirty pages.
    k.ram.words[from] = 0;
    k.ram.words[from + 1] = 0;
    k.ram.words[to] = low | PTE_SOFT_DIRTY;
    k.ram.words[to + 1] = high;
  }
  lruAddDrain(k);
  freePageTables(k, mm, oldEnd - shiftPages, 0);
  setVmaRange(k, vma, oldStart - shiftPages, oldEnd - shiftPages);
  if (pgoff[vma] !== offset) bug("moving the stack changed its offset");
  return 0;
}
