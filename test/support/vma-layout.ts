/**
 * For tests: one address space without pages, and a drawing of its VMAs.
 *
 * A drawing shows one character a page and a bar at every border of a VMA: `..|ww|rr|..` is a hole, a read-write VMA
 * of two pages, a read-only one of two pages, a hole.
 *
 *   .  nothing    n  no access    r  read    w  read, write    x  read, execute    a  all    o  any other combination
 *
 * Linux: none; this is a test fixture   Doc: docs/style.md
 */
import { createKnobs } from "../../src/core/base/knobs.ts";
import { createRng } from "../../src/core/base/rng.ts";
import { createTrace } from "../../src/core/base/trace.ts";
import { type Mm, NONE, type OpenFile, PAGE_SIZE } from "../../src/core/base/types.ts";
import { PAGE_WORDS } from "../../src/core/frame/page.ts";
import { createVmstat } from "../../src/core/frame/vmstat.ts";
import { createClock } from "../../src/core/hw/clock.ts";
import { completeMachine } from "../../src/core/hw/machine.ts";
import { PRESETS } from "../../src/core/hw/presets.ts";
import { createRam, takeSlot } from "../../src/core/hw/ram.ts";
import { createTlb } from "../../src/core/hw/tlb.ts";
import { createFileColumns, createInode, O_RDWR, openFile } from "../../src/core/space/file.ts";
import { createLruvec } from "../../src/core/space/lruvec.ts";
import { allocMm, createMmColumns } from "../../src/core/space/mm.ts";
import { createAnonVmaColumns } from "../../src/core/space/rmap.ts";
import { createVmaColumns, VM_EXEC, VM_READ, VM_WRITE } from "../../src/core/space/vma.ts";
import { findVma } from "../../src/core/space/vma-tree.ts";
import { createCommitted } from "../../src/core/vm/accounting.ts";
import { doMmap } from "../../src/core/vm/mmap.ts";
import { MAP_ANONYMOUS, MAP_FIXED, MAP_PRIVATE, PROT_EXEC, PROT_READ, PROT_WRITE } from "../../src/core/vm/mman.ts";
import type { VmState } from "../../src/core/vm/state.ts";
import { createMemcgColumns } from "../../src/core/space/memcg.ts";
import { createTaskColumns } from "../../src/core/space/task.ts";
import { pickMmapLayout } from "../../src/core/vm/unmapped-area.ts";

/** First page of the drawings: 256 MiB, away from everything else. */
export const ARENA = 0x10000;
/** Its address in bytes. */
export const ARENA_ADDR = ARENA * PAGE_SIZE;
/** Pages of RAM the fixture says the machine has. */
export const FIXTURE_RAM_PAGES = 16384;

/** A kernel with empty tables and two address spaces without VMAs, and the rows of those. `knobs` are sysctl paths. */
export function emptySpace(knobs: Readonly<Record<string, number>> = {}, levels: 4 | 5 = 4): { k: VmState; mm: Mm; other: Mm } {
  const machine = completeMachine({ ...PRESETS["tiny"], levels });
  const knob = createKnobs({ "vm.user_reserve_kbytes": 2048, "vm.admin_reserve_kbytes": 2048, ...knobs });
  const parts = {
    machine,
    knob,
    rng: createRng(1),
    trace: createTrace(),
    clock: createClock(machine),
    ram: createRam(machine),
    tlb: createTlb(machine),
    page: new Int32Array(FIXTURE_RAM_PAGES * PAGE_WORDS),
    vmstat: createVmstat(machine),
    boot: Float64Array.of(FIXTURE_RAM_PAGES, 0, 0),
    mm: createMmColumns(8, machine.cpus),
    task: createTaskColumns(2),
    memcg: createMemcgColumns(2, 1, machine.cpus),
    vma: createVmaColumns(70000),
    anonVma: createAnonVmaColumns(4096),
    lruvec: createLruvec(2, 1, machine.cpus, machine.seed),
    file: createFileColumns(16, 64),
    committed: createCommitted(machine.cpus),
    swap: { state: new Float64Array(5) },
    zeroPfn: new Int32Array(1),
  };
  // The tables of pages, zones and tasks that calls on VMAs never read are left out.
  const k = parts as unknown as VmState;
  const mm = addSpace(k, 100);
  return { k, mm, other: addSpace(k, 101) };
}

/** An open file of 1 GiB that may be read and written, or as `flags` (O_*) say. */
export function fixtureFile(k: VmState, name = "/data", flags = O_RDWR): OpenFile {
  return openFile(k, createInode(k, { path: name, sizeBytes: 2 ** 30, mode: 0o100644 }), flags);
}

/** Maps `pages` private anonymous pages at page `at` of the arena; permissions as in the drawing. Returns the result. */
export function mapPages(k: VmState, mm: Mm, at: number, pages: number, letter = "w"): number {
  return doMmap(k, mm, {
    addr: (ARENA + at) * PAGE_SIZE,
    len: pages * PAGE_SIZE,
    prot: protOf(letter),
    flags: MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
    file: NONE,
    pgoff: 0,
  });
}

/** PROT_* bits of a letter of the drawing. */
export function protOf(letter: string): number {
  return { n: 0, r: PROT_READ, w: PROT_READ | PROT_WRITE, x: PROT_READ | PROT_EXEC, a: PROT_READ | PROT_WRITE | PROT_EXEC }[letter] ?? 0;
}

/** Draws the first `pages` pages of the arena. */
export function picture(k: VmState, mm: Mm, pages: number): string {
  let text = "";
  let before = NONE;
  for (let vpn = ARENA; vpn < ARENA + pages; vpn++) {
    const found = findVma(k, mm, vpn);
    const vma = found !== NONE && k.vma.start[found] <= vpn ? found : NONE;
    if (vpn > ARENA && vma !== before) text += "|";
    text += vma === NONE ? "." : letterOf(k.vma.flags[vma]);
    before = vma;
  }
  return text;
}

function letterOf(flags: number): string {
  switch (flags & (VM_READ | VM_WRITE | VM_EXEC)) {
    case 0:
      return "n";
    case VM_READ:
      return "r";
    case VM_READ | VM_WRITE:
      return "w";
    case VM_READ | VM_EXEC:
      return "x";
    case VM_READ | VM_WRITE | VM_EXEC:
      return "a";
    default:
      return "o";
  }
}

function addSpace(k: VmState, pgd: number): Mm {
  const mm = allocMm(k);
  k.mm.pgd[mm] = pgd;
  takeSlot(k, pgd);
  pickMmapLayout(k, mm, false);
  return mm;
}
