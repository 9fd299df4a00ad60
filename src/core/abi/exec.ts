/**
 * execve: throws the old address space away and builds a new one from a program's headers.
 *
 *   read headers (page cache, may wait) -> new address space, strings on its stack   until here a failure changes nothing
 *   ------------------------------------------------------------------------------------------------------------------
 *   old address space away -> layout, stack to its place -> segments of the program -> segments of the interpreter
 *   -> vdso, vvar -> tables on the stack -> heap                                      from here a failure kills the task
 *
 * Clearing the end of a segment may have to wait for the disk. The step is then kept in `k.program`, and the next call
 * with the same request goes on from there.
 * Differs: a thread that is not the leader keeps its own pid, and its ended leader's row stays until the process ends;
 * descriptors stay open, and a descriptor table that is shared stays shared.
 * Linux: fs/exec.c, fs/binfmt_elf.c (6.12)   Doc: man 2 execve
 */
import { EFAULT, EPERM, SIGSEGV } from "../base/errno.ts";
import { BLOCKED, type Inode, type Mm, NONE, type OpenFile, PAGE_SIZE, type Task } from "../base/types.ts";
import { CAUSE_EXEC, spend } from "../hw/clock.ts";
import { O_RDONLY, openFile, putFile } from "../space/file.ts";
import { TASK_ZOMBIE } from "../space/task.ts";
import { switchMm } from "../space/tlb-flush.ts";
import {
  LAYOUT_RANDOMIZED,
  VM_DONTDUMP,
  VM_EXEC,
  VM_IO,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_PFNMAP,
  VM_READ,
  VMA_VDSO,
  VMA_VVAR,
} from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { pageAlign } from "../vm/bytes.ts";
import { kernelRead } from "../vm/file-read.ts";
import { installSpecialMapping } from "../vm/install.ts";
import { putMm } from "../vm/mm-create.ts";
import { getUnmappedArea, pickMmapLayout } from "../vm/unmapped-area.ts";
import { type ElfImage, ET_DYN, ET_EXEC } from "./elf.ts";
import { type Bprm, createBprm, encodeString, setupArgPages } from "./exec-args.ts";
import { ELF_ET_DYN_BASE, isRandomized, randomizeBrk, randomizeStackTop } from "./exec-layout.ts";
import {
  clearTail,
  imageBounds,
  LOAD_DYNAMIC,
  LOAD_INTERPRETER,
  LOAD_STATIC,
  type Loading,
  loadSegments,
  mapBss,
  mapFirst,
  mapNext,
  movesBrk,
} from "./exec-map.ts";
import { createElfTables } from "./exec-tables.ts";
import { doExit, killTask, releaseMm } from "./process.ts";
import type { AbiState } from "./state.ts";

/** Pages of the kernel's own mappings in 6.12: data of clocks and random numbers, and code. */
const VVAR_PAGES = 4;
const VDSO_PAGES = 2;
/** Bytes of a file that exec reads to see what it is. */
const FIRST_READ_BYTES = 256;
const FILE_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const COMM_BYTES = 15;
/** What an exec costs besides its faults: vfork, exec and exit of a one-page program less vfork and exit, 30 µs on a virtual machine with 6.18. */
const COST_EXEC = 25000;

/** What is to be executed. */
export interface ExecRequest {
  /** The path as the program gave it: it is copied to the new stack, and its last part becomes the task's name. */
  readonly path: string;
  readonly inode: Inode;
  readonly image: ElfImage;
  /** The interpreter's file and headers; both or neither. */
  readonly interpreterInode?: Inode;
  readonly interpreter?: ElfImage;
  readonly argv: readonly string[];
  readonly envp: readonly string[];
  /** personality(2) bits in force; only ADDR_NO_RANDOMIZE counts. */
  readonly personality?: number;
}

/**
 * Replaces the task's address space (if it has one) with the program's.
 * Returns 0, BLOCKED (ask again with the same request), or a negative errno: E2BIG, ENOMEM, EIO, ENFILE with nothing
 * changed; or, when the old address space is gone already, any that mapping gives: the task then dies by SIGSEGV.
 */
export function doExecve(k: AbiState, task: Task, request: ExecRequest): number {
  const { step, context, failure } = k.program;
  // A step is worth something only for the address space it was taken in: the task may have been killed in between.
  if (step[task] === 0 || context[task] !== k.mm.contextId[k.task.mm[task]]) {
    endExec(k, task);
    const error = beginExec(k, task, request);
    if (error !== 0) return error;
    step[task] = 1;
    context[task] = k.mm.contextId[k.task.mm[task]];
  }
  const error = failure[task] !== 0 ? failure[task] : loadProgram(k, task, request);
  if (error === BLOCKED) return BLOCKED;
  endExec(k, task);
  if (error < 0) killTask(k, task, SIGSEGV);
  return error;
}

/** Forgets the exec that the task's columns speak of, also one whose task was killed while it waited. */
function endExec(k: AbiState, task: Task): void {
  const { step, failure, interpreterFile } = k.program;
  const interpreter = interpreterFile[task];
  step[task] = 0;
  failure[task] = 0;
  interpreterFile[task] = NONE;
  if (interpreter !== NONE) putFile(k, interpreter);
}

/** Everything up to the point of no return, and the switch. Returns 0, BLOCKED, or a negative errno. */
function beginExec(k: AbiState, task: Task, request: ExecRequest): number {
  // Each attempt opens the files anew: what came into the page cache meanwhile is found there.
  const file = openFile(k, request.inode, O_RDONLY);
  if (file < 0) return file;
  const interpreterFile =
    request.interpreterInode === undefined ? NONE : openFile(k, request.interpreterInode, O_RDONLY);
  if (interpreterFile < 0) {
    putFile(k, file);
    return interpreterFile;
  }
  let error = readHeaders(k, task, file, request.image, FIRST_READ_BYTES);
  if (error === 0 && interpreterFile !== NONE && request.interpreter !== undefined) {
    error = readHeaders(k, task, interpreterFile, request.interpreter, FILE_HEADER_BYTES);
  }
  const bprm = error === 0 ? createBprm(k, task, request) : error;
  if (typeof bprm === "number") {
    putFile(k, file);
    if (interpreterFile !== NONE) putFile(k, interpreterFile);
    return bprm;
  }
  spend(k, CAUSE_EXEC, COST_EXEC);
  k.mm.exeFile[bprm.mm] = file;
  k.program.interpreterFile[task] = interpreterFile;
  enterNewMm(k, task, request, bprm);
  return 0;
}

/**
 * Brings the pages with the headers into the page cache, as the kernel's reads do. Returns 0, BLOCKED or -ENOMEM.
 * After a wait it begins again: pages that have come are there.
 */
function readHeaders(k: AbiState, task: Task, file: OpenFile, image: ElfImage, firstBytes: number): number {
  for (const [position, bytes] of [
    [0, firstBytes],
    [image.headerOffset, image.segments.length * PROGRAM_HEADER_BYTES],
  ] as const) {
    const done = kernelRead(k, task, file, position, bytes);
    k.task.progress[task] = 0;
    if (done < 0) return done;
  }
  return 0;
}

/** The task leaves its old address space for the new one, whose stack gets its place. A failure is kept for later. */
function enterNewMm(k: AbiState, task: Task, request: ExecRequest, bprm: Bprm): void {
  const { mm } = bprm;
  endOtherThreads(k, task);
  releaseMm(k, task);
  const old: Mm = k.task.mm[task];
  k.task.mm[task] = mm;
  // The old address space goes while its user already runs on the new one, as in Linux.
  switchMm(k, k.boot[2], mm);
  if (old !== NONE) putMm(k, old);
  k.task.comm[task] = request.path.slice(request.path.lastIndexOf("/") + 1).slice(0, COMM_BYTES);
  const randomize = isRandomized(k, request.personality ?? 0);
  pickMmapLayout(k, mm, randomize);
  k.program.failure[task] = setupArgPages(
    k,
    bprm,
    randomizeStackTop(k, randomize),
    randomize,
    request.image.executableStack === true,
  );
}

/** The task becomes the only living thread of its process (Linux: de_thread). */
function endOtherThreads(k: AbiState, task: Task): void {
  let { [task]: thread } = k.task.nextThread;
  while (thread !== task) {
    const after = k.task.nextThread[thread];
    if (k.task.state[thread] !== TASK_ZOMBIE) doExit(k, thread, 0);
    thread = after;
  }
}

/** Maps program and interpreter, then finishes. Returns 0, BLOCKED or a negative errno. */
function loadProgram(k: AbiState, task: Task, request: ExecRequest): number {
  const mm = k.task.mm[task];
  const { interpreter } = request;
  const randomize = (k.mm.layout[mm] & LAYOUT_RANDOMIZED) !== 0;
  const program: Loading = {
    task,
    mm,
    file: k.mm.exeFile[mm],
    image: request.image,
    kind: interpreter === undefined ? LOAD_STATIC : LOAD_DYNAMIC,
    randomize,
    programBias: 0,
  };
  const error = loadFile(k, program, 1, k.program.bias);
  if (error < 0) return error;
  if (interpreter !== undefined) {
    if (interpreter.type !== ET_EXEC && interpreter.type !== ET_DYN) return -EPERM;
    const first = 1 + 2 * loadSegments(request.image).length;
    const linker: Loading = {
      task,
      mm,
      file: k.program.interpreterFile[task],
      image: interpreter,
      kind: LOAD_INTERPRETER,
      randomize,
      programBias: k.program.bias[task],
    };
    const linkerError = loadFile(k, linker, first, k.program.interpreterBias);
    if (linkerError < 0) return linkerError;
  }
  return finishExec(k, program, request);
}

/**
 * Takes the steps of one file, two for each segment: map it; clear its tail and map its bss. `first` is the number of
 * the file's first step, `biases` where its load bias is kept. Returns 0, BLOCKED or a negative errno.
 */
function loadFile(k: AbiState, load: Loading, first: number, biases: Float64Array): number {
  const { step } = k.program;
  const { task } = load;
  const steps = 2 * loadSegments(load.image).length;
  if (steps === 0 && (load.kind === LOAD_INTERPRETER || load.image.type === ET_DYN))
    return mapFirst(k, load).error;
  for (let at = step[task] - first; at < steps; at++) {
    step[task] = first + at;
    const index = Math.floor(at / 2);
    let error = 0;
    if (at === 0) {
      const mapped = mapFirst(k, load);
      biases[task] = mapped.bias;
      error = mapped.error;
    } else if (at % 2 === 0) error = Math.min(mapNext(k, load, index, biases[task]), 0);
    else error = clearTail(k, load, index, biases[task]) || mapBss(k, load, index, biases[task]);
    if (error < 0) return error;
  }
  step[task] = Math.max(step[task], first + steps);
  return 0;
}

/** The kernel's own mappings, the tables on the stack, and the heap. */
function finishExec(k: AbiState, program: Loading, request: ExecRequest): number {
  const { task, mm } = program;
  const { mm: m } = k;
  const bias = k.program.bias[task];
  const bounds = imageBounds(request.image);
  const error = mapVdso(k, mm);
  if (error < 0) return error;
  // The stack is the VMA that holds the strings, whatever else has been mapped since.
  const stack = findVma(k, mm, Math.floor(m.argStart[mm] / PAGE_SIZE));
  if (stack === NONE) return -EFAULT;
  const tableError = createElfTables(k, {
    task,
    mm,
    stack,
    argv: request.argv.length === 0 ? [""] : request.argv,
    envp: request.envp,
    randomize: program.randomize,
    path: k.vma.end[stack] * PAGE_SIZE - 8 - encodeString(request.path).length,
    headers: bounds.headers + bias,
    headerCount: request.image.segments.length,
    interpreterBase: request.interpreter === undefined ? 0 : k.program.interpreterBias[task],
    entry: request.image.entry + bias,
  });
  if (tableError < 0) return tableError;
  m.startCode[mm] = bounds.startCode + bias;
  m.endCode[mm] = bounds.endCode + bias;
  m.startData[mm] = bounds.startData + bias;
  m.endData[mm] = bounds.endData + bias;
  const moved = movesBrk(program);
  // A loader that runs by itself lies among the mappings, where a heap could not grow: its heap goes where programs are.
  let brk = pageAlign(moved ? ELF_ET_DYN_BASE : bounds.brk + bias);
  // Mode 2 leaves a page between bss and heap besides, so that the two never merge.
  if (program.randomize && k.knob.randomizeVaSpace > 1) brk = randomizeBrk(k, moved ? brk : brk + PAGE_SIZE);
  m.startBrk[mm] = brk;
  m.brk[mm] = brk;
  return 0;
}

/** Code above data, in one free area. Returns 0 or a negative errno. */
function mapVdso(k: AbiState, mm: Mm): number {
  const len = (VVAR_PAGES + VDSO_PAGES) * PAGE_SIZE;
  const addr = getUnmappedArea(k, mm, { addr: 0, len, pgoff: 0, flags: 0, file: NONE });
  if (addr < 0) return addr;
  const text = addr + VVAR_PAGES * PAGE_SIZE;
  const code = installSpecialMapping(k, mm, {
    addr: text,
    len: VDSO_PAGES * PAGE_SIZE,
    flags: VM_READ | VM_EXEC | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC,
    kind: VMA_VDSO,
  });
  if (code < 0) return code;
  const data = installSpecialMapping(k, mm, {
    addr,
    len: VVAR_PAGES * PAGE_SIZE,
    flags: VM_READ | VM_MAYREAD | VM_IO | VM_DONTDUMP | VM_PFNMAP,
    kind: VMA_VVAR,
  });
  if (data < 0) return data;
  k.mm.vdso[mm] = text;
  return 0;
}
