/**
 * Reads the headers of an ELF file as execve does: what is to be mapped where, who is the interpreter, may the stack run.
 *
 *   0                64                     64 + 56 * n
 *   | file header    | program headers ...  | sections' contents, mapped by the PT_LOAD headers ...
 *
 * Only headers are needed, so the bytes may be the beginning of the file: the file header, the program headers and the
 * interpreter's name. What a header says of addresses is checked by exec while it maps, as Linux does.
 * PT_TLS and PT_GNU_PROPERTY mean nothing to this kernel: thread-local storage is the C library's business, and x86 is
 * built without properties.
 * Differs: 32-bit programs are refused (ENOEXEC); Debian's kernel hands them to its 32-bit loader.
 * Linux: fs/binfmt_elf.c, include/uapi/linux/elf.h (6.12)   Doc: System V ABI, AMD64 supplement, chapters 4 and 5
 */
import { EIO, ELIBBAD, ENOEXEC } from "../base/errno.ts";

export const ET_EXEC = 2;
export const ET_DYN = 3;
export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PT_GNU_STACK = 0x6474e551;
export const PF_X = 1;
export const PF_W = 2;
export const PF_R = 4;

/** What the file is to be: the program itself, or the interpreter (dynamic linker) a program asks for. */
export const ELF_PROGRAM = 0;
export const ELF_INTERPRETER = 1;

const MAGIC = [0x7f, 0x45, 0x4c, 0x46];
const FILE_HEADER_BYTES = 64;
/** Linux reads this much of a program before it knows what it is, zeros behind the end of a shorter file. */
const FIRST_READ_BYTES = 256;
const PROGRAM_HEADER_BYTES = 56;
/** All program headers must fit in one page. */
const PROGRAM_HEADERS_MAX_BYTES = 4096;
const EM_X86_64 = 62;
const PATH_MAX = 4096;
const WORD = 4294967296;

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
  /** ET_EXEC or ET_DYN; of an interpreter any number, which exec refuses later than the rest. */
  readonly type: number;
  readonly entry: number;
  /** Where the program headers are in the file. */
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
  readonly errno: typeof EIO | typeof ELIBBAD | typeof ENOEXEC;
  readonly reason: string;
}

/**
 * Reads the headers of a program, or of an interpreter.
 * A refusal carries the errno (positive) that execve would return for the file, and why: ENOEXEC what is no program
 * for this machine, EIO an interpreter's name or header that ends behind the file, ELIBBAD a bad interpreter.
 */
export function readElf(bytes: Uint8Array, role: number = ELF_PROGRAM): ElfImage | ElfRefusal {
  const bad = role === ELF_INTERPRETER ? ELIBBAD : ENOEXEC;
  if (role === ELF_INTERPRETER && bytes.length < FILE_HEADER_BYTES) {
    return { errno: EIO, reason: `the interpreter has ${bytes.length} bytes, less than a file header` };
  }
  const padded = new Uint8Array(Math.max(bytes.length, FIRST_READ_BYTES));
  padded.set(bytes);
  const view = new DataView(padded.buffer);
  if (!MAGIC.every((byte, index) => padded[index] === byte)) return { errno: bad, reason: "not an ELF file" };
  const type = view.getUint16(16, true);
  if (role === ELF_PROGRAM && type !== ET_EXEC && type !== ET_DYN) {
    return { errno: bad, reason: `ELF type ${type} is neither an executable nor a shared object` };
  }
  const machine = view.getUint16(18, true);
  if (machine !== EM_X86_64) return { errno: bad, reason: `ELF machine ${machine} is not x86-64` };
  const headerBytes = view.getUint16(54, true);
  if (headerBytes !== PROGRAM_HEADER_BYTES) {
    return { errno: bad, reason: `program headers of ${headerBytes} bytes, not ${PROGRAM_HEADER_BYTES}` };
  }
  const count = view.getUint16(56, true);
  const headerOffset = readU64(view, 32);
  if (count === 0 || count * PROGRAM_HEADER_BYTES > PROGRAM_HEADERS_MAX_BYTES) {
    return {
      errno: bad,
      reason: `${count} program headers; 1 to ${Math.floor(PROGRAM_HEADERS_MAX_BYTES / PROGRAM_HEADER_BYTES)} are possible`,
    };
  }
  if (headerOffset + count * PROGRAM_HEADER_BYTES > bytes.length)
    return { errno: bad, reason: "the program headers end behind the file" };
  const segments: ElfSegment[] = [];
  for (let row = 0; row < count; row++)
    segments.push(readSegment(view, headerOffset + row * PROGRAM_HEADER_BYTES));
  const interpreter = role === ELF_PROGRAM ? readInterpreterName(bytes, segments) : "";
  if (typeof interpreter !== "string") return interpreter;
  const stack = segments.findLast((segment) => segment.type === PT_GNU_STACK);
  return {
    errno: 0,
    type,
    entry: readU64(view, 24),
    headerOffset,
    segments,
    interpreter,
    executableStack: stack === undefined ? undefined : (stack.flags & PF_X) !== 0,
  };
}

/** One program header at this offset of the file. */
function readSegment(view: DataView, at: number): ElfSegment {
  return {
    type: view.getUint32(at, true),
    flags: view.getUint32(at + 4, true),
    offset: readU64(view, at + 8),
    vaddr: readU64(view, at + 16),
    fileBytes: readU64(view, at + 32),
    memoryBytes: readU64(view, at + 40),
    align: readU64(view, at + 48),
  };
}

/** 64 bits as a float. What is above 2^53 loses low bits, and is refused wherever it matters: no address is that high. */
function readU64(view: DataView, at: number): number {
  return view.getUint32(at + 4, true) * WORD + view.getUint32(at, true);
}

/** The name in the first PT_INTERP, "" when there is none, or a refusal. */
function readInterpreterName(bytes: Uint8Array, segments: readonly ElfSegment[]): string | ElfRefusal {
  const header = segments.find((segment) => segment.type === PT_INTERP);
  if (header === undefined) return "";
  const { offset, fileBytes } = header;
  if (fileBytes > PATH_MAX || fileBytes < 2)
    return { errno: ENOEXEC, reason: `an interpreter name of ${fileBytes} bytes` };
  if (offset + fileBytes > bytes.length)
    return { errno: EIO, reason: "the interpreter name ends behind the file" };
  if (bytes[offset + fileBytes - 1] !== 0)
    return { errno: ENOEXEC, reason: "the interpreter name does not end with a zero byte" };
  let name = "";
  for (let at = offset; bytes[at] !== 0; at++) name += String.fromCharCode(bytes[at]!);
  return name;
}
