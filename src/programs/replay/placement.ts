/**
 * Where the parts of a program that exec maps were, and where they are now.
 * Doc: docs/pwt.md
 */
import type { Kernel } from "../../core/index.ts";
import { setRange } from "./address-map.ts";
import type { ReplayProcess } from "./process.ts";

/** What is read of an ELF image here. */
export interface SegmentList {
  readonly segments: readonly {
    readonly type: number;
    readonly vaddr: number;
    readonly memoryBytes: number;
  }[];
}

const PAGE = 4096;
const PT_LOAD = 1;
/** Pages that a recorded stack may grow to (8 MiB), and those that may lie above its pointer. */
const STACK_PAGES = 2048;
const ABOVE_PAGES = 64;

/** All loaded segments of a file move together, from load address `base` to `bias`. */
export function placeImage(process: ReplayProcess, image: SegmentList, base: number, bias: number): void {
  const loaded = image.segments.filter((segment) => segment.type === PT_LOAD);
  const start = Math.min(...loaded.map((segment) => segment.vaddr));
  const end = Math.max(...loaded.map((segment) => segment.vaddr + segment.memoryBytes));
  setRange(
    process.space.map,
    Math.floor((base + start) / PAGE),
    Math.ceil((base + end) / PAGE),
    (bias - base) / PAGE,
  );
}

/**
 * The stack moves by whole pages, so that the recorded stack pointer's page comes upon the new one's. Recorded pages above
 * the top of the new stack (valgrind's own words made it taller) come upon its top page.
 */
export function placeStack(k: Kernel, process: ReplayProcess, recorded: number): void {
  const { map } = process.space;
  const mm = k.task.mm[process.task]!;
  const from = Math.floor(recorded / PAGE);
  const to = Math.floor(k.mm.startStack[mm]! / PAGE);
  // The strings end 8 bytes below the top of the stack.
  const pages = Math.ceil((k.mm.envEnd[mm]! + 8) / PAGE) - to;
  setRange(map, from - STACK_PAGES, from + pages, to - from);
  for (let above = pages; above < ABOVE_PAGES; above++)
    setRange(map, from + above, from + above + 1, to + pages - 1 - from - above);
}
