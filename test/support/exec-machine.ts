/**
 * Machines and programs for tests of exec: programs that Debian's 6.12 executed too, as their headers say.
 */
import { expect } from "vitest";
import { ET_DYN, ET_EXEC, PF_R, PF_W, PF_X, PT_GNU_STACK, PT_LOAD } from "../../src/core/abi/elf.ts";
import { doExecve } from "../../src/core/abi/exec.ts";
import { ADDR_NO_RANDOMIZE } from "../../src/core/abi/exec-layout.ts";
import { addProgram, findProgram } from "../../src/core/abi/program.ts";
import { readFile } from "../../src/core/abi/vfs.ts";
import { BLOCKED, type Task } from "../../src/core/base/types.ts";
import { PRESETS } from "../../src/core/hw/presets.ts";
import { boot, type Kernel } from "../../src/core/kernel.ts";
import { createInode } from "../../src/core/space/file.ts";
import { createTask } from "../../src/core/space/task.ts";
import { warmFile } from "../../src/core/vm/file-read.ts";
import { buildElf, type ElfPart, type ElfPlan } from "./elf-file.ts";

/** A PT_LOAD. */
export function load(
  flags: number,
  offset: number,
  vaddr: number,
  fileBytes: number,
  memoryBytes = fileBytes,
): ElfPart {
  return { type: PT_LOAD, flags, offset, vaddr, fileBytes, memoryBytes };
}

const STACK: ElfPart = {
  type: PT_GNU_STACK,
  flags: PF_R | PF_W,
  offset: 0,
  vaddr: 0,
  fileBytes: 0,
  memoryBytes: 0,
  align: 16,
};
export const LINKER = "/lib64/ld-linux-x86-64.so.2";

/** Programs that Debian's 6.12 executed, with the inode numbers they had there. What it printed is expected below. */
export const T2: ElfPlan & { ino: number } = {
  ino: 16,
  type: ET_EXEC,
  entry: 0x401000,
  parts: [
    load(PF_R, 0, 0x400000, 0x1b4),
    load(PF_R | PF_X, 0x1000, 0x401000, 0x10),
    load(PF_R, 0x2000, 0x402000, 0x38),
    load(PF_R | PF_W, 0x3000, 0x403000, 0xc, 0x4e48),
    STACK,
  ],
};
export const T2SPIE: ElfPlan & { ino: number } = {
  ino: 11,
  type: ET_DYN,
  entry: 0x1000,
  parts: [
    load(PF_R, 0, 0, 0x299),
    load(PF_R | PF_X, 0x1000, 0x1000, 0x10),
    load(PF_R, 0x2000, 0x2000, 0x50),
    load(PF_R | PF_W, 0x2f30, 0x3f30, 0xdc, 0x4f18),
    STACK,
  ],
};
export const T3: ElfPlan & { ino: number } = {
  ino: 7,
  type: ET_DYN,
  entry: 0x1040,
  interpreter: LINKER,
  parts: [
    load(PF_R, 0, 0, 0x5e0),
    load(PF_R | PF_X, 0x1000, 0x1000, 0x13d),
    load(PF_R, 0x2000, 0x2000, 0xdc),
    load(PF_R | PF_W, 0x2e00, 0x3e00, 0x214, 0xc590),
    STACK,
  ],
};
export const T3NP: ElfPlan & { ino: number } = {
  ino: 15,
  type: ET_EXEC,
  entry: 0x401020,
  interpreter: LINKER,
  parts: [
    load(PF_R, 0, 0x400000, 0x498),
    load(PF_R | PF_X, 0x1000, 0x401000, 0x11d),
    load(PF_R, 0x2000, 0x402000, 0xa4),
    load(PF_R | PF_W, 0x2e38, 0x403e38, 0x1dc, 0xc558),
    STACK,
  ],
};
export const LD: ElfPlan & { ino: number } = {
  ino: 21,
  type: ET_DYN,
  entry: 0x1ab70,
  parts: [
    load(PF_R, 0, 0, 0xd58),
    load(PF_R | PF_X, 0x1000, 0x1000, 0x25111),
    load(PF_R, 0x27000, 0x27000, 0x9c7c),
    load(PF_R | PF_W, 0x31900, 0x31900, 0x2810, 0x29d8),
    STACK,
  ],
};

/** A small machine with one task that has no program yet. */
export function machine(): { k: Kernel; task: Task } {
  const k = boot({ ...PRESETS["tiny"], seed: 7 });
  return { k, task: createTask(k, { comm: "shell" }) };
}

/** Puts a program on the disk; its pages are cached unless `cold`. */
export function install(
  k: Kernel,
  path: string,
  plan: ElfPlan & { ino?: number },
  options: { cold?: boolean; mode?: number } = {},
): void {
  const size = Math.max(...plan.parts.map((part) => part.offset + part.fileBytes), 4096);
  const inode = createInode(k, {
    path,
    sizeBytes: size,
    mode: options.mode ?? 0o100755,
    dev: 2,
    ino: plan.ino ?? 99,
    contentSeed: 5,
  });
  expect(addProgram(k, inode, buildElf(plan))).toBeUndefined();
  if (options.cold !== true) warmFile(k, inode);
}

/** Executes until it does not wait any more: disk time passes at once. */
export function run(
  k: Kernel,
  task: Task,
  path: string,
  options: { argv?: string[]; envp?: string[]; personality?: number } = {},
): number {
  const program = findProgram(k, path);
  if (typeof program === "number") return program;
  const request = {
    ...program,
    path,
    argv: options.argv ?? [path],
    envp: options.envp ?? [],
    personality: options.personality ?? ADDR_NO_RANDOMIZE,
  };
  let result = doExecve(k, task, request);
  for (let tries = 0; result === BLOCKED && tries < 20; tries++) {
    k.clock.ns[0] += 1e9;
    result = doExecve(k, task, request);
  }
  return result;
}

export function show(k: Kernel, task: Task, name: string): string {
  return String(readFile(k, `/proc/${k.task.pid[task]}/${name}`));
}

/** A field of stat by its number in proc(5). */
export function stat(k: Kernel, task: Task, field: number): number {
  return Number(show(k, task, "stat").trim().split(" ")[field - 1]);
}
