/**
 * /proc/PID/maps: one line for every VMA.
 *
 *   start-end perms offset dev inode                       name, from column 73 on
 *   7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
 *
 * The page of the first fast system calls stands behind the last VMA where the kernel has one. It is the kernel's, not
 * the address space's: no VMA has a row for it.
 * Linux: fs/proc/task_mmu.c show_map_vma, get_vma_name (6.12)   Doc: Documentation/filesystems/proc.rst, 1.1
 */
import { type Mm, NONE, PAGE_SIZE, type Task, type Vma } from "../../base/types.ts";
import { VM_EXEC, VM_MAYSHARE, VM_READ, VM_WRITE, VMA_VDSO, VMA_VVAR } from "../../space/vma.ts";
import type { AbiState } from "../state.ts";

/** The line of the page at 2^64 - 10 MiB (Linux: VSYSCALL_ADDR), which is at the same place in every address space. */
const VSYSCALL_PREFIX = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0 ";

/** Columns before the blank in front of a name. */
const NAME_COLUMN = 72;

/** The text of /proc/PID/maps; empty when the task has no address space any more. */
export function showMaps(k: AbiState, task: Task): string {
  const mm = k.task.mm[task];
  if (mm === NONE) return "";
  let text = "";
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) text += mapLine(k, vma);
  return text + gateLine(k);
}

/** The line of the [vsyscall] page, with its newline; "" when the kernel has none. */
export function gateLine(k: AbiState): string {
  return k.machine.config.vsyscall === "none" ? "" : named(VSYSCALL_PREFIX, "[vsyscall]");
}

/** The line of one VMA, with its newline. smaps begins each entry with it. */
export function mapLine(k: AbiState, vma: Vma): string {
  const { start, end, flags, pgoff, file } = k.vma;
  const openFile = file[vma];
  const inode = openFile === NONE ? NONE : k.file.inode[openFile];
  const prefix = mapPrefix(
    start[vma] * PAGE_SIZE,
    end[vma] * PAGE_SIZE,
    flags[vma],
    inode === NONE
      ? "00000000 00:00 0"
      : `${hex(pgoff[vma] * PAGE_SIZE, 8)} ${deviceText(k.file.dev[inode])} ${k.file.ino[inode]}`,
  );
  const name = vmaName(k, vma);
  return name === "" ? `${prefix}\n` : `${prefix.padEnd(NAME_COLUMN)} ${name}\n`;
}

/** What stands before a name: range, permissions, and `where` (offset, device, inode), then a blank. */
export function mapPrefix(start: number, end: number, vmFlags: number, where: string): string {
  const permissions = `${vmFlags & VM_READ ? "r" : "-"}${vmFlags & VM_WRITE ? "w" : "-"}${vmFlags & VM_EXEC ? "x" : "-"}${vmFlags & VM_MAYSHARE ? "s" : "p"}`;
  return `${hex(start, 8)}-${hex(end, 8)} ${permissions} ${where} `;
}

/** The columns before a name, then the name, then a newline. */
export function named(prefix: string, name: string): string {
  return `${prefix.padEnd(NAME_COLUMN)} ${name}\n`;
}

/** The name of a VMA: its file, "[vdso]", "[heap]", "[stack]" …, or "". */
export function vmaName(k: AbiState, vma: Vma): string {
  const openFile = k.vma.file[vma];
  if (openFile !== NONE) return fileName(k, k.file.inode[openFile]);
  const special = k.vma.special[vma];
  if (special === VMA_VDSO) return "[vdso]";
  if (special === VMA_VVAR) return "[vvar]";
  const mm: Mm = k.vma.mm[vma];
  const start = k.vma.start[vma] * PAGE_SIZE;
  const end = k.vma.end[vma] * PAGE_SIZE;
  if (start < k.mm.brk[mm] && end > k.mm.startBrk[mm]) return "[heap]";
  if (start <= k.mm.startStack[mm] && end >= k.mm.startStack[mm]) return "[stack]";
  return "";
}

/** A path as the kernel prints it in one line: a newline in it as \012, and " (deleted)" behind a file without a name. */
function fileName(k: AbiState, inode: number): string {
  const path = k.file.path[inode].replaceAll("\n", "\\012");
  return k.file.linkCount[inode] === 0 ? `${path} (deleted)` : path;
}

/** "major:minor", two hexadecimal digits each at least, of a number as stat gives it: 12 bits minor, 12 major, 8 minor. */
function deviceText(dev: number): string {
  return `${hex((dev & 0xfff00) >>> 8, 2)}:${hex((dev & 0xff) | ((dev >>> 12) & 0xfff00), 2)}`;
}

function hex(value: number, width: number): string {
  return value.toString(16).padStart(width, "0");
}
