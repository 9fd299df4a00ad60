/**
 * A kernel of bare columns for tests of what /proc prints: one task with one address space, and page tables, pages and
 * VMAs that the test draws itself. Nothing allocates; what a test does not draw is zero.
 */
import type { AbiState } from "../../src/core/abi/state.ts";
import { createKnobs } from "../../src/core/base/knobs.ts";
import { NONE, type Mm, type Pfn, type Task, type Vma, vpnHigh, vpnLow } from "../../src/core/base/types.ts";
import { FLAGS, MAPCOUNT, MAPPING, PAGE_WORDS, REFCOUNT } from "../../src/core/frame/page.ts";
import type { KernelConfig } from "../../src/core/hw/kernel-config.ts";
import { pteHigh, pteLow, ptePfn, PTE_PRESENT, PTE_RW, PTE_USER } from "../../src/core/hw/pte.ts";
import { createFileColumns, createInode, openFile } from "../../src/core/space/file.ts";
import { allocMm, createMmColumns } from "../../src/core/space/mm.ts";
import { createMemcgColumns } from "../../src/core/space/memcg.ts";
import { createTask, createTaskColumns } from "../../src/core/space/task.ts";
import { insertVma } from "../../src/core/space/vma-tree.ts";
import { createVmaColumns } from "../../src/core/space/vma.ts";
import { allocVma } from "../../src/core/space/vma-rows.ts";
import { createZram } from "../../src/core/space/zram.ts";

const FRAMES = 4096;
/** Page tables take frames from here upwards; the test's own pages lie below. */
const FIRST_TABLE = 2048;

/** The columns, the task and its address space. */
export interface ProcKernel {
  readonly k: AbiState;
  readonly task: Task;
  readonly mm: Mm;
}

/** Two CPUs, one node, one task named "prog" with an empty address space. */
export function procKernel(config: Partial<KernelConfig> = {}): ProcKernel {
  const k = {
    machine: {
      cpus: 2,
      levels: 4,
      nodes: [{}],
      disks: [{ name: "sda" }],
      config: { softDirty: true, protectionKeys: true, vsyscall: "none", zswap: "none", ...config },
    },
    knob: createKnobs({}),
    clock: { ns: new Float64Array(1) },
    ram: { words: new Int32Array(512 * 1024), slot: new Int32Array(FRAMES), tables: Int32Array.of(FIRST_TABLE) },
    page: new Int32Array(FRAMES * PAGE_WORDS),
    boot: new Float64Array(8),
    mm: createMmColumns(8, 2),
    vma: createVmaColumns(64),
    file: createFileColumns(16, 16),
    task: createTaskColumns(16),
    memcg: createMemcgColumns(2, 1, 2),
    zram: createZram(1, 1),
    committed: new Float64Array(8),
  } as unknown as AbiState;
  const mm = allocMm(k);
  k.mm.pgd[mm] = newTable(k);
  const task = createTask(k, { comm: "prog", mm });
  return { k, task, mm };
}

/** A VMA over [start, end) vpns; of a file when a path is given, at page `pgoff` of it. */
export function drawVma(kernel: ProcKernel, range: { start: number; end: number; flags: number; path?: string; pgoff?: number; dev?: number; ino?: number }): Vma {
  const { k, mm } = kernel;
  const vma = allocVma(k, mm);
  k.vma.start[vma] = range.start;
  k.vma.end[vma] = range.end;
  k.vma.flags[vma] = range.flags;
  k.vma.pgoff[vma] = range.pgoff ?? range.start;
  if (range.path !== undefined) {
    const inode = createInode(k, { path: range.path, sizeBytes: 1 << 20, dev: range.dev ?? 2, ino: range.ino ?? 7 });
    k.vma.file[vma] = openFile(k, inode, 0);
  }
  insertVma(k, mm, vma);
  return vma;
}

/** Maps a frame at a vpn with these extra bits in the entry, and gives its record flags, references and mapcount. */
export function drawPage(kernel: ProcKernel, vpn: number, page: { pfn: Pfn; bits?: number; flags?: number; refs?: number; mapcount?: number; mapping?: number }): void {
  const { k, mm } = kernel;
  const at = entryWord(k, k.mm.pgd[mm], vpn);
  k.ram.words[at] = pteLow(page.pfn, PTE_PRESENT | PTE_USER | PTE_RW | (page.bits ?? 0));
  k.ram.words[at + 1] = pteHigh(page.pfn, 0);
  const record = page.pfn * PAGE_WORDS;
  k.page[record + FLAGS] = page.flags ?? 0;
  k.page[record + REFCOUNT] = page.refs ?? 1;
  k.page[record + MAPCOUNT] = page.mapcount ?? 1;
  k.page[record + MAPPING] = page.mapping ?? 3;
}

/** Puts a swap entry at a vpn, with these bits in its low word. */
export function drawSwapped(kernel: ProcKernel, vpn: number, entry: number, bits = 0): void {
  const { k, mm } = kernel;
  const at = entryWord(k, k.mm.pgd[mm], vpn);
  k.ram.words[at] = bits;
  k.ram.words[at + 1] = entry;
}

/** Index of the entry's low word; tables on the way are made. */
function entryWord(k: AbiState, pgd: Pfn, vpn: number): number {
  const high = vpnHigh(vpn);
  const low = vpnLow(vpn);
  let table = k.ram.slot[pgd] * 1024;
  for (const index of [(high >>> 9) & 511, high & 511, low >>> 9]) {
    const at = table + index * 2;
    if (k.ram.words[at] === 0) {
      const pfn = newTable(k);
      k.ram.words[at] = pteLow(pfn, PTE_PRESENT | PTE_USER | PTE_RW);
      k.ram.words[at + 1] = pteHigh(pfn, 0);
    }
    table = k.ram.slot[ptePfn(k.ram.words[at], k.ram.words[at + 1])] * 1024;
  }
  return table + (low & 511) * 2;
}

function newTable(k: AbiState): Pfn {
  const { tables } = k.ram as unknown as { tables: Int32Array };
  const pfn = tables[0]++;
  k.ram.slot[pfn] = pfn - FIRST_TABLE + 1;
  return pfn === NONE ? NONE : pfn;
}
