/**
 * What a program finds on its stack when it begins: counts, pointers and the auxiliary vector, below the strings.
 *
 *   strings (path, environment, arguments)
 *   gap of 0 to 15 bytes; with ASLR up to 8 KiB
 *   "x86_64\0"                      AT_PLATFORM points here
 *   16 random bytes                 AT_RANDOM points here
 *   gap to a multiple of 16
 *   auxiliary vector: 22 pairs and AT_NULL
 *   0, environment pointers
 *   0, argument pointers
 *   argc                            <- stack pointer, a multiple of 16
 *
 * Each store is one that the kernel makes in user space: a page that is not there yet is a fault of the task.
 * Differs: AT_HWCAP, AT_HWCAP2 and AT_MINSIGSTKSZ are those of one kind of server processor.
 * Linux: fs/binfmt_elf.c create_elf_tables, arch/x86/include/asm/elf.h (6.12)   Doc: man 3 getauxval
 */
import { EFAULT } from "../base/errno.ts";
import { randomU32 } from "../base/rng.ts";
import { BLOCKED, type Mm, PAGE_SIZE, type Task, type Vma } from "../base/types.ts";
import { vmaExpandDownwards } from "../vm/expand-stack.ts";
import { copyToUser } from "../vm/user-bytes.ts";
import { encodeString } from "./exec-args.ts";
import { alignStack } from "./exec-layout.ts";
import type { AbiState } from "./state.ts";

const WORD_BYTES = 8;
const RANDOM_BYTES = 16;
/** CPUID 1 EDX of the processor. */
const HWCAP = 0x178bfbff;
/** User space may use the FSGSBASE instructions. */
const HWCAP2 = 2;
/** Bytes a signal frame with all register state needs. */
const MINSIGSTKSZ = 3376;
const CLOCKS_PER_SEC = 100;
const PROGRAM_HEADER_BYTES = 56;
const RSEQ_FEATURE_SIZE = 28;
const RSEQ_ALIGN = 32;

/** Kinds of entries of the vector, as getauxval(3) knows them. */
const AT_NULL = 0;
const AT_PHDR = 3;
const AT_PHENT = 4;
const AT_PHNUM = 5;
const AT_PAGESZ = 6;
const AT_BASE = 7;
const AT_FLAGS = 8;
const AT_ENTRY = 9;
const AT_UID = 11;
const AT_EUID = 12;
const AT_GID = 13;
const AT_EGID = 14;
const AT_PLATFORM = 15;
const AT_HWCAP = 16;
const AT_CLKTCK = 17;
const AT_SECURE = 23;
const AT_RANDOM = 25;
const AT_HWCAP2 = 26;
const AT_RSEQ_FEATURE_SIZE = 27;
const AT_RSEQ_ALIGN = 28;
const AT_EXECFN = 31;
const AT_SYSINFO_EHDR = 33;
const AT_MINSIGSTKSZ = 51;

/** What the vector tells, in bytes. */
export interface ElfTables {
  readonly task: Task;
  readonly mm: Mm;
  readonly stack: Vma;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  readonly randomize: boolean;
  /** Address of the path. */
  readonly path: number;
  readonly headers: number;
  readonly headerCount: number;
  readonly interpreterBase: number;
  readonly entry: number;
}

/**
 * Writes the tables below the strings (which begin at argStart), and notes where arguments, environment and stack are.
 * Returns 0, BLOCKED, or -EFAULT when the stack can not hold them.
 */
export function createElfTables(k: AbiState, tables: ElfTables): number {
  const { task, mm, stack, argv, envp, randomize } = tables;
  const { argStart, argEnd, envStart, envEnd, startStack } = k.mm;
  const platformBytes = encodeString("x86_64");
  const platform = alignStack(k, argStart[mm], randomize) - platformBytes.length;
  const random = platform - RANDOM_BYTES;
  const vector = auxiliaryVector(k, tables, platform, random);

  // Arguments come first in memory, the environment follows without a gap.
  const argPointers = pointersTo(argv, argStart[mm]);
  argEnd[mm] = argPointers.end;
  envStart[mm] = argPointers.end;
  const envPointers = pointersTo(envp, argPointers.end);
  envEnd[mm] = envPointers.end;
  const words = [argv.length, ...argPointers.at, 0, ...envPointers.at, 0, ...vector];

  // The vector ends below the random bytes; what is below it is placed so that the pointer is a multiple of 16.
  const below = random - vector.length * WORD_BYTES;
  const pointer = alignStack(k, below - (words.length - vector.length) * WORD_BYTES, false);
  for (const [at, bytes] of [
    [platform, platformBytes],
    [random, randomBytes(k)],
  ] as const) {
    const error = store(k, task, at, bytes);
    if (error !== 0) return error;
  }
  // Strings that fill the first 128 KiB leave no room for the tables: then the stack grows once more.
  const vpn = Math.floor(pointer / PAGE_SIZE);
  if (vpn < k.vma.start[stack] && vmaExpandDownwards(k, stack, vpn) < 0) return -EFAULT;
  const error = store(k, task, pointer, wordBytes(words));
  if (error !== 0) return error;
  startStack[mm] = pointer;
  return 0;
}

/** The pairs, in the kernel's order. */
function auxiliaryVector(k: AbiState, tables: ElfTables, platform: number, random: number): number[] {
  return [
    AT_SYSINFO_EHDR,
    k.mm.vdso[tables.mm],
    AT_MINSIGSTKSZ,
    MINSIGSTKSZ,
    AT_HWCAP,
    HWCAP,
    AT_PAGESZ,
    PAGE_SIZE,
    AT_CLKTCK,
    CLOCKS_PER_SEC,
    AT_PHDR,
    tables.headers,
    AT_PHENT,
    PROGRAM_HEADER_BYTES,
    AT_PHNUM,
    tables.headerCount,
    AT_BASE,
    tables.interpreterBase,
    AT_FLAGS,
    0,
    AT_ENTRY,
    tables.entry,
    AT_UID,
    0,
    AT_EUID,
    0,
    AT_GID,
    0,
    AT_EGID,
    0,
    AT_SECURE,
    0,
    AT_RANDOM,
    random,
    AT_HWCAP2,
    HWCAP2,
    AT_EXECFN,
    tables.path,
    AT_PLATFORM,
    platform,
    AT_RSEQ_FEATURE_SIZE,
    RSEQ_FEATURE_SIZE,
    AT_RSEQ_ALIGN,
    RSEQ_ALIGN,
    AT_NULL,
    0,
  ];
}

/** Addresses of strings that lie one behind the other, and the end of the last. */
function pointersTo(strings: readonly string[], start: number): { at: number[]; end: number } {
  const at: number[] = [];
  let end = start;
  for (const text of strings) {
    at.push(end);
    end += encodeString(text).length;
  }
  return { at, end };
}

function randomBytes(k: AbiState): Uint8Array {
  const bytes = new Uint8Array(RANDOM_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < RANDOM_BYTES; at += 4) view.setUint32(at, randomU32(k.rng), true);
  return bytes;
}

/** 64-bit words as bytes, little end first. */
function wordBytes(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * WORD_BYTES);
  const view = new DataView(bytes.buffer);
  words.forEach((word, index) => {
    view.setUint32(index * WORD_BYTES, word % 4294967296, true);
    view.setUint32(index * WORD_BYTES + 4, Math.floor(word / 4294967296), true);
  });
  return bytes;
}

/** Stores in user space. Returns 0, BLOCKED or -EFAULT. */
function store(k: AbiState, task: Task, address: number, bytes: Uint8Array): number {
  const done = copyToUser(k, task, address, bytes);
  if (done === BLOCKED) return BLOCKED;
  return done === bytes.length ? 0 : -EFAULT;
}
