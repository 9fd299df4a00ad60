/**
 * Maps the segments of an ELF file: file pages for what the file has, zeros for the rest (bss).
 *
 *   |<------------- p_memsz ------------------>|
 *   |<---- p_filesz ---->|                     |
 *   [ file page ][ file p|000 ][ anonymous pages    ]
 *                        ^ the rest of the last file page is cleared by storing zeros, which copies the page:
 *                          a write fault that counts for the task, and waits when the file page must be read
 *
 * The first segment of a position-independent file reserves room for all of them: it is mapped as long as the whole
 * file, and the rest is unmapped again before the other segments come to their fixed places.
 * Linux: fs/binfmt_elf.c elf_load, load_elf_binary, load_elf_interp (6.12)   Doc: Documentation/userspace-api/ELF.rst
 */
import { EFAULT, EINVAL, ENOMEM } from "../base/errno.ts";
import { BLOCKED, type Mm, type OpenFile, PAGE_SIZE, type Task } from "../base/types.ts";
import { doVmBrk } from "../vm/brk.ts";
import { pageAlign } from "../vm/bytes.ts";
import { MAP_FIXED, MAP_FIXED_NOREPLACE, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../vm/mman.ts";
import { doMmap } from "../vm/mmap.ts";
import { doMunmap } from "../vm/munmap.ts";
import { taskSize } from "../vm/unmapped-area.ts";
import { copyToUser } from "../vm/user-bytes.ts";
import { type ElfImage, type ElfSegment, ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD } from "./elf.ts";
import { ELF_ET_DYN_BASE, mmapRandom, pageOffset, pageStart } from "./exec-layout.ts";
import type { AbiState } from "./state.ts";

/** A file being loaded into an address space. */
export interface Loading {
  readonly task: Task;
  readonly mm: Mm;
  readonly file: OpenFile;
  readonly image: ElfImage;
  /** A program that has an interpreter, a program without, or the interpreter itself. */
  readonly kind: typeof LOAD_DYNAMIC | typeof LOAD_STATIC | typeof LOAD_INTERPRETER;
  readonly randomize: boolean;
  /** Load bias of the program, for its interpreter. */
  readonly programBias: number;
}

export const LOAD_DYNAMIC = 0;
export const LOAD_STATIC = 1;
export const LOAD_INTERPRETER = 2;

/** Where a program's parts are, by its headers alone: add the load bias (Linux: start_code … of load_elf_binary). */
export interface ImageBounds {
  readonly startCode: number;
  readonly endCode: number;
  readonly startData: number;
  readonly endData: number;
  /** End of the bss: where the heap would begin. */
  readonly brk: number;
  /** Address of the program headers. */
  readonly headers: number;
}

/** The PT_LOAD headers of a file. */
export function loadSegments(image: ElfImage): ElfSegment[] {
  return image.segments.filter((segment) => segment.type === PT_LOAD);
}

/** Where a file went: what to add to the addresses in its headers, or a negative errno. */
export interface FirstMapping {
  readonly bias: number;
  readonly error: number;
}

/** Maps the first segment, which decides where the whole file is. */
export function mapFirst(k: AbiState, load: Loading): FirstMapping {
  const isFixed = load.image.type === ET_EXEC;
  const isInterpreter = load.kind === LOAD_INTERPRETER;
  const total = isInterpreter || !isFixed ? totalMappingSize(load.image) : 0;
  const segment = loadSegments(load.image)[0];
  if (segment === undefined || (total === 0 && (isInterpreter || !isFixed)))
    return { bias: 0, error: -EINVAL };
  let bias = 0;
  let flags = MAP_PRIVATE;
  if (isInterpreter) {
    if (isFixed) flags |= MAP_FIXED;
    // Beside a program that was moved, the interpreter goes wherever there is room; else its own address is a hint.
    else if (load.programBias !== 0) bias = -segment.vaddr;
  } else if (isFixed) {
    flags |= MAP_FIXED_NOREPLACE;
  } else {
    const base = programBase(k, load, segment, total);
    if (base < 0) return { bias: 0, error: base };
    if (base > 0) flags |= MAP_FIXED_NOREPLACE;
    bias = pageStart(base - segment.vaddr);
  }
  // A file that may go anywhere is mapped at a hint: where it really went makes the bias.
  const mapped = mapSegment(k, load, { segment, addr: bias + segment.vaddr, flags, total });
  if (mapped < 0) return { bias: 0, error: mapped };
  return { bias: isFixed ? 0 : bias + mapped - pageStart(bias + segment.vaddr), error: 0 };
}

/** Base address of a position-independent program, 0 for wherever there is room, or a negative errno. */
function programBase(k: AbiState, load: Loading, segment: ElfSegment, total: number): number {
  const alignment = maximumAlignment(load.image);
  if (load.kind === LOAD_DYNAMIC) {
    const base = ELF_ET_DYN_BASE + (load.randomize ? mmapRandom(k) : 0);
    return alignment === 0 ? base : base - (base % alignment);
  }
  if (alignment <= PAGE_SIZE) return 0;
  // To find where there is room for a larger alignment, it is mapped once and unmapped again.
  const found = mapSegment(k, load, { segment, addr: 0, flags: MAP_PRIVATE, total });
  if (found < 0) return found;
  doMunmap(k, load.mm, found, pageAlign(total));
  return found - (found % alignment);
}

/** One segment to be mapped: at `addr`, with MAP_* flags, and `total` bytes reserved (0: only its own). */
interface Placement {
  readonly segment: ElfSegment;
  readonly addr: number;
  readonly flags: number;
  readonly total: number;
}

/** Maps a segment after the first. Returns its address or a negative errno. */
export function mapNext(k: AbiState, load: Loading, index: number, bias: number): number {
  const segment = loadSegments(load.image)[index];
  return mapSegment(k, load, {
    segment,
    addr: bias + segment.vaddr,
    flags: MAP_PRIVATE | MAP_FIXED,
    total: 0,
  });
}

/** Maps the file pages of a segment (Linux: elf_map). Returns the address they are at, or a negative errno. */
function mapSegment(k: AbiState, load: Loading, place: Placement): number {
  const { segment, flags, total } = place;
  const addr = pageStart(place.addr);
  if (segment.fileBytes === 0) return addr < 0 ? -EINVAL : addr;
  const inPage = pageOffset(segment.vaddr);
  const size = pageAlign(segment.fileBytes + inPage);
  const offset = segment.offset - inPage;
  // Address and file offset must agree within the page, or no page of the file could be mapped there.
  if (offset < 0 || pageOffset(offset) !== 0) return -EINVAL;
  const length = total === 0 ? size : pageAlign(total);
  const mapped = doMmap(k, load.mm, {
    addr,
    len: length,
    prot: protOf(segment),
    flags,
    file: load.file,
    pgoff: offset / PAGE_SIZE,
  });
  if (mapped >= 0 && length > size) doMunmap(k, load.mm, mapped + size, length - size);
  return mapped >= taskSize(k) ? -EINVAL : mapped;
}

/**
 * Clears what of a segment's last file page the file does not fill.
 * Returns 0, BLOCKED, or -EFAULT when a writable page can not be written; one that may not be written stays as it is.
 */
export function clearTail(k: AbiState, load: Loading, index: number, bias: number): number {
  const segment = loadSegments(load.image)[index];
  if (segment.fileBytes === 0 || segment.memoryBytes <= segment.fileBytes) return 0;
  const from = bias + segment.vaddr + segment.fileBytes;
  if (pageOffset(from) === 0) return 0;
  const zeros = new Uint8Array(PAGE_SIZE - pageOffset(from));
  // Storing zeros in a private page of a file copies the page: the fault is the task's.
  const done = copyToUser(k, load.task, from, zeros);
  if (done === BLOCKED) return BLOCKED;
  return done !== zeros.length && (segment.flags & PF_W) !== 0 ? -EFAULT : 0;
}

/** Maps the anonymous pages behind a segment's file pages. Returns 0 or a negative errno. */
export function mapBss(k: AbiState, load: Loading, index: number, bias: number): number {
  const segment = loadSegments(load.image)[index];
  const limit = taskSize(k);
  if (segment.memoryBytes > segment.fileBytes) {
    const begin =
      segment.fileBytes === 0
        ? pageStart(bias + segment.vaddr)
        : pageAlign(bias + segment.vaddr + segment.fileBytes);
    const end = pageAlign(bias + segment.vaddr + segment.memoryBytes);
    const error = end === begin ? 0 : doVmBrk(k, load.mm, begin, end - begin, (segment.flags & PF_X) !== 0);
    if (error < 0) return error;
  }
  // A program's own addresses are checked as the file has them, an interpreter's where it is.
  const address = load.kind === LOAD_INTERPRETER ? bias + segment.vaddr : segment.vaddr;
  const fits =
    address < limit &&
    segment.fileBytes <= segment.memoryBytes &&
    segment.memoryBytes <= limit &&
    limit - segment.memoryBytes >= address;
  return fits ? 0 : load.kind === LOAD_INTERPRETER ? -ENOMEM : -EINVAL;
}

/** Where code, data, heap and headers are, without the load bias. */
export function imageBounds(image: ElfImage): ImageBounds {
  let startCode = Number.POSITIVE_INFINITY;
  let endCode = 0;
  let startData = 0;
  let endData = 0;
  let brk = 0;
  let headers = 0;
  for (const segment of loadSegments(image)) {
    const { vaddr, offset, fileBytes, memoryBytes } = segment;
    if (offset <= image.headerOffset && image.headerOffset < offset + fileBytes)
      headers = image.headerOffset - offset + vaddr;
    if ((segment.flags & PF_X) !== 0) {
      startCode = Math.min(startCode, vaddr);
      endCode = Math.max(endCode, vaddr + fileBytes);
    }
    startData = Math.max(startData, vaddr);
    endData = Math.max(endData, vaddr + fileBytes);
    brk = Math.max(brk, vaddr + memoryBytes);
  }
  return { startCode, endCode, startData, endData, brk, headers };
}

/** Bytes from the first page of the first segment to the end of the last; 0 without segments. */
function totalMappingSize(image: ElfImage): number {
  const segments = loadSegments(image);
  if (segments.length === 0) return 0;
  return (
    Math.max(...segments.map((segment) => segment.vaddr + segment.memoryBytes)) -
    Math.min(...segments.map((segment) => pageStart(segment.vaddr)))
  );
}

/** The largest alignment a segment asks for that is a power of two, in whole pages. */
function maximumAlignment(image: ElfImage): number {
  const powers = loadSegments(image)
    .map((segment) => segment.align)
    .filter((align) => align > 0 && Number.isInteger(Math.log2(align)));
  return pageAlign(Math.max(0, ...powers));
}

function protOf(segment: ElfSegment): number {
  return (
    (segment.flags & PF_R ? PROT_READ : 0) |
    (segment.flags & PF_W ? PROT_WRITE : 0) |
    (segment.flags & PF_X ? PROT_EXEC : 0)
  );
}

/** Whether the kernel moves the heap of this program away from its data: a loader that was started by itself. */
export function movesBrk(load: Loading): boolean {
  return load.image.type === ET_DYN && load.kind === LOAD_STATIC;
}
