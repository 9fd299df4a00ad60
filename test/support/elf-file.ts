/**
 * Makes the headers of ELF files that tests execute: the file header, program headers and the interpreter's name.
 * Linux: include/uapi/linux/elf.h (6.12)   Doc: System V ABI, AMD64 supplement, chapter 4
 */
import { PF_R, PT_INTERP } from "../../src/core/abi/elf.ts";

/** One program header; alignment is a page unless given. */
export interface ElfPart {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly vaddr: number;
  readonly fileBytes: number;
  readonly memoryBytes: number;
  readonly align?: number;
}

/** A whole file's headers. `entry` is what e_entry says; an interpreter gets a PT_INTERP of its own, in front. */
export interface ElfPlan {
  readonly type: number;
  readonly entry: number;
  readonly parts: readonly ElfPart[];
  readonly interpreter?: string;
}

/** The bytes of the headers. */
export function buildElf(plan: ElfPlan): Uint8Array {
  const name = plan.interpreter === undefined ? "" : `${plan.interpreter}\0`;
  const count = plan.parts.length + (name === "" ? 0 : 1);
  const nameOffset = 64 + 56 * count;
  const bytes = new Uint8Array(nameOffset + name.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, plan.type, true);
  view.setUint16(18, 62, true);
  view.setUint32(20, 1, true);
  putU64(view, 24, plan.entry);
  putU64(view, 32, 64);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, count, true);
  const parts = name === "" ? plan.parts
    : [{ type: PT_INTERP, flags: PF_R, offset: nameOffset, vaddr: nameOffset, fileBytes: name.length, memoryBytes: name.length, align: 1 }, ...plan.parts];
  parts.forEach((part, row) => {
    const at = 64 + 56 * row;
    view.setUint32(at, part.type, true);
    view.setUint32(at + 4, part.flags, true);
    putU64(view, at + 8, part.offset);
    putU64(view, at + 16, part.vaddr);
    putU64(view, at + 24, part.vaddr);
    putU64(view, at + 32, part.fileBytes);
    putU64(view, at + 40, part.memoryBytes);
    putU64(view, at + 48, part.align ?? 4096);
  });
  for (let index = 0; index < name.length; index++) bytes[nameOffset + index] = name.charCodeAt(index);
  return bytes;
}

function putU64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 4294967296, true);
  view.setUint32(at + 4, Math.floor(value / 4294967296), true);
}
