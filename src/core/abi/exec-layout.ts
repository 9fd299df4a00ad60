/**
 * Where a program's address space puts things, and what ASLR adds to it.
 *
 *   0x400000        ET_EXEC programs, at the address their headers say
 *   0x555555554aaa  ELF_ET_DYN_BASE: position-independent programs, + up to 2^28 pages
 *   ...             heap: behind the program's data, + up to 1 GiB
 *   mmap_base       libraries, vdso, mappings, downwards; - up to 2^28 pages
 *   STACK_TOP       the stack, downwards; - up to 2^22 pages, and less than 8 KiB within
 *   0x7ffffffff000  end of user space with 4 levels of page tables (with 5 levels only those who ask get more)
 *
 * randomize_va_space: 0 nothing moves, 1 all but the heap, 2 all.
 * Linux: arch/x86/include/asm/elf.h, page_64_types.h, arch/x86/mm/mmap.c, mm/util.c (6.12)   Doc: Documentation/admin-guide/sysctl/kernel.rst
 */
import { randomBelow } from "../base/rng.ts";
import { PAGE_SIZE } from "../base/types.ts";
import { DEFAULT_MAP_WINDOW } from "../vm/unmapped-area.ts";
import type { AbiState } from "./state.ts";

/** Top of the stack before it is moved at random. */
export const STACK_TOP = DEFAULT_MAP_WINDOW;
/** Where position-independent programs begin: two thirds up, and not on a page boundary; the load rounds it down. */
export const ELF_ET_DYN_BASE = Math.floor(DEFAULT_MAP_WINDOW / 3) * 2;
/** ADDR_NO_RANDOMIZE, as personality(2) has it. */
export const ADDR_NO_RANDOMIZE = 0x0040000;
/** What the stack is given at the start, below the arguments. */
export const STACK_EXPAND_BYTES = 131072;

const STACK_RND_PAGES = 2 ** 22;
const STACK_RND_BYTES = 8192;
const BRK_RND_BYTES = 2 ** 30;

/** Whether a program with this personality gets random addresses (Linux: PF_RANDOMIZE). */
export function isRandomized(k: AbiState, personality: number): boolean {
  return (personality & ADDR_NO_RANDOMIZE) === 0 && k.knob.randomizeVaSpace !== 0;
}

/** The top of the stack, moved down by whole pages when `randomize`. */
export function randomizeStackTop(k: AbiState, randomize: boolean): number {
  return STACK_TOP - (randomize ? randomBelow(k.rng, STACK_RND_PAGES) * PAGE_SIZE : 0);
}

/** A stack pointer moved down by less than 8 KiB when `randomize`, and to a multiple of 16. */
export function alignStack(k: AbiState, pointer: number, randomize: boolean): number {
  const moved = pointer - (randomize ? randomBelow(k.rng, STACK_RND_BYTES) : 0);
  return moved - (moved % 16);
}

/** What is added to the base of a position-independent program, in bytes. */
export function mmapRandom(k: AbiState): number {
  return randomBelow(k.rng, 2 ** k.knob.mmapRndBits) * PAGE_SIZE;
}

/** A heap start between `brk` and 1 GiB above it. */
export function randomizeBrk(k: AbiState, brk: number): number {
  return brk + randomBelow(k.rng, BRK_RND_BYTES / PAGE_SIZE) * PAGE_SIZE;
}

/** Down to the page boundary. */
export function pageStart(address: number): number {
  return Math.floor(address / PAGE_SIZE) * PAGE_SIZE;
}

/** Bytes since the page boundary. */
export function pageOffset(address: number): number {
  return address - pageStart(address);
}
