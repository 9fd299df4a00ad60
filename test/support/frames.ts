/**
 * Frames drawn as text, for tests of the page allocator. A picture is a row of frames from the start of a block of the
 * largest order: letters are allocated, dots are free, blanks are for the eye. Everything else on the machine is in use,
 * so nothing outside the picture joins with what is in it.
 *
 *   const k = frames("aaaa bb.. ....");     picture(k) === "aaaa bb.. ....";     blocks(k) === "6:1 8:2"
 */
import type { AllocState } from "../../src/core/alloc/state.ts";
import { createDmesg } from "../../src/core/base/dmesg.ts";
import { createKnobs } from "../../src/core/base/knobs.ts";
import { createRng } from "../../src/core/base/rng.ts";
import { createTrace } from "../../src/core/base/trace.ts";
import { NONE, type Pfn } from "../../src/core/base/types.ts";
import { createXarray } from "../../src/core/base/xarray.ts";
import { bootFrames, createFrameColumns } from "../../src/core/frame/boot.ts";
import { checkBuddy, freeList, freePages } from "../../src/core/frame/buddy.ts";
import { MIGRATE_TYPES, NR_PAGE_ORDERS } from "../../src/core/frame/mmzone.ts";
import { NEXT, PAGE_WORDS } from "../../src/core/frame/page.ts";
import { checkPcp } from "../../src/core/frame/pcp.ts";
import { checkZones } from "../../src/core/frame/zone.ts";
import { createClock } from "../../src/core/hw/clock.ts";
import { createDisk } from "../../src/core/hw/disk.ts";
import { checkRam, createRam } from "../../src/core/hw/ram.ts";
import { completeMachine, type MachineInput } from "../../src/core/hw/machine.ts";
import { createPsiColumns } from "../../src/core/reclaim/psi-group.ts";
import { createCompaction } from "../../src/core/reclaim/compaction.ts";
import { createReclaimColumns } from "../../src/core/reclaim/scan-control.ts";
import { createLruGen } from "../../src/core/space/lru-gen.ts";
import { createLruvec } from "../../src/core/space/lruvec.ts";
import { createNodeSlab } from "../../src/core/space/node-slab.ts";
import { createShadows } from "../../src/core/space/shadow-nodes.ts";
import { createMemcgColumns } from "../../src/core/space/memcg.ts";
import { createMmColumns } from "../../src/core/space/mm.ts";
import { createSwapColumns } from "../../src/core/space/swap.ts";
import { createTaskColumns } from "../../src/core/space/task.ts";
import { createWriteback } from "../../src/core/space/writer.ts";
import { createZram } from "../../src/core/space/zram.ts";
import { createZsmalloc } from "../../src/core/space/zsmalloc.ts";
import { createZswap } from "../../src/core/space/zswap.ts";

const MIB = 1048576;
/** First frame of every picture: 32 MiB, in zone DMA32 (row 2). */
export const FIRST: Pfn = 8192;
export const ZONE = 2;

/** A booted machine of floors hw and frame, with nothing reserved unless the machine says so. */
export function frameKernel(input: MachineInput): AllocState {
  const machine = completeMachine({ contentFrames: 4096, reserved: [], ...input });
  const ram = createRam(machine);
  const k = {
    machine,
    knob: createKnobs(machine.knobs),
    rng: createRng(1),
    trace: createTrace(),
    clock: createClock(machine),
    ram,
    ...createFrameColumns(machine, { ram }),
    // Nothing is on any list, so that reclaim, when an allocation asks it, finds nothing.
    lruvec: createLruvec(2, machine.nodes.length, machine.cpus, machine.seed),
    nodeSlab: createNodeSlab(1 << 16, 4096),
    shadow: createShadows(1, createXarray(1), 2 * machine.nodes.length),
    lruGen: createLruGen(ram.nrFrames, 2, machine.nodes.length, 2),
    memcg: createMemcgColumns(2, machine.nodes.length, machine.cpus),
    swap: createSwapColumns(machine.cpus),
    zsmalloc: createZsmalloc(ram.nrFrames),
    zram: createZram(1, 1),
    zswap: createZswap(0, 2, machine),
    disk: createDisk([]),
    writeback: createWriteback(1, 2),
    dmesg: createDmesg(),
    mm: createMmColumns(2, machine.cpus),
    task: createTaskColumns(2),
    reclaim: createReclaimColumns(machine.nodes.length),
    compaction: createCompaction(machine.nodes.length, 4 * machine.nodes.length + 1, ram.nrFrames),
    psi: createPsiColumns(2, machine.cpus, 2 + machine.nodes.length),
  } as unknown as AllocState;
  bootFrames(k);
  return k;
}

/** Every check of these floors. */
export function checkFrames(k: AllocState): void {
  checkZones(k);
  checkBuddy(k);
  checkPcp(k);
  checkRam(k);
}

/** The pictured frames; the lists have nothing but the dots. Letters are pages in use: one reference each. */
export function frames(drawing: string): AllocState {
  const cells = drawing.replaceAll(" ", "");
  const top = FIRST * 4096;
  const k = frameKernel({
    e820: [{ startByte: 0, endByte: 64 * MIB }],
    reserved: [{ startByte: 0, endByte: 64 * MIB }],
  });
  // The zone manages what is drawn.
  k.zone.managedPages[ZONE] = cells.length;
  [...cells].forEach((cell, i) => {
    if (cell === ".") freePages(k, top / 4096 + i, 0);
    else k.page[(FIRST + i) * PAGE_WORDS + 1] = 1;
  });
  drawn.set(k, drawing);
  return k;
}

const drawn = new WeakMap<AllocState, string>();

/** The first frame of the run of this letter in the drawing. */
export function at(k: AllocState, letters: string): Pfn {
  const index = drawn.get(k)!.replaceAll(" ", "").indexOf(letters);
  if (index < 0) throw new Error(`no ${letters} in the drawing`);
  return FIRST + index;
}

/** The drawing as it is now: dots for what is on the buddy lists, the letter drawn first for the rest ("x" if it was free). */
export function picture(k: AllocState): string {
  const free = new Set<number>();
  for (const [pfn, order] of freeBlocksOf(k)) for (let i = 0; i < 1 << order; i++) free.add(pfn - FIRST + i);
  let index = 0;
  return [...drawn.get(k)!].map((cell) => {
    if (cell === " ") return cell;
    const isFree = free.has(index++);
    return isFree ? "." : cell === "." ? "x" : cell;
  }).join("");
}

/** Free blocks as "frame:order", frames counted from the start of the drawing, in order of address. */
export function blocks(k: AllocState): string {
  return freeBlocksOf(k).sort((a, b) => a[0] - b[0]).map(([pfn, order]) => `${pfn - FIRST}:${order}`).join(" ");
}

/** Frames of one free list in the order they are handed out, counted from the start of the drawing. */
export function listOf(k: AllocState, order: number, migratetype: number): number[] {
  const list: number[] = [];
  for (let pfn = k.zone.freeHead[freeList(ZONE, order, migratetype)]; pfn !== NONE; pfn = k.page[pfn * PAGE_WORDS + NEXT]) {
    list.push(pfn - FIRST);
  }
  return list;
}

function freeBlocksOf(k: AllocState): [number, number][] {
  const found: [number, number][] = [];
  for (let order = 0; order < NR_PAGE_ORDERS; order++) {
    for (let type = 0; type < MIGRATE_TYPES; type++) {
      for (const index of listOf(k, order, type)) found.push([FIRST + index, order]);
    }
  }
  return found;
}
