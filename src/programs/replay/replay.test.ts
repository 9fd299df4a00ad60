/** What a replay does on the simulated kernel. Counts of faults are Linux's: one for each page touched first. */
import { expect, test } from "vitest";
import { boot, checkKernel, type Kernel, PRESETS, readFile, type Task } from "../../core/index.ts";
import { drive } from "../driver.ts";
import { bareProgram } from "./bare-program.ts";
import {
  type CallEvent,
  type Chunk,
  type ChunkSource,
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NONE,
  EVENT_NOTE,
  type ReplayEvent,
} from "./events.ts";
import { KIND_LOAD, KIND_STORE } from "./merge.ts";
import type { EndedProcess, ReplaySummary } from "./process.ts";
import { startReplay } from "./replay.ts";

type Run = readonly [page: number, kind: number];
type Step = readonly [runs: readonly Run[], event: ReplayEvent];

const MMAP = 0x4835000;
const PAGE = 4096;

test("an anonymous mapping faults once a page, wherever the kernel put it", () => {
  expect(
    extraFaults([
      [[], mmap(MMAP, 4)],
      [stores(MMAP, 4), exit()],
    ]),
  ).toBe(4);
});

test("a page that is read before it is written faults twice", () => {
  expect(
    extraFaults([
      [[], mmap(MMAP, 1)],
      [[...loads(MMAP, 1), ...stores(MMAP, 1)], exit()],
    ]),
  ).toBe(2);
});

test("the heap grows from where exec put it", () => {
  const heap = 0x4035000;
  const steps: Step[] = [
    [[], call(12, [0], heap)],
    [[], call(12, [heap + 10 * PAGE], heap + 10 * PAGE)],
    [stores(heap, 10), exit()],
  ];
  expect(extraFaults(steps)).toBe(10);
});

test("a call that failed when it was recorded is not made", () => {
  const steps: Step[] = [
    [[], mmap(MMAP, 2)],
    [stores(MMAP, 2), call(11, [MMAP, 2 * PAGE], -22)],
    [stores(MMAP, 2), exit()],
  ];
  expect(extraFaults(steps)).toBe(2);
});

test("what is unmapped and mapped again at the same recorded address is new memory", () => {
  const steps: Step[] = [
    [[], mmap(MMAP, 2)],
    [stores(MMAP, 2), call(11, [MMAP, 2 * PAGE], 0)],
    [[], mmap(MMAP, 2)],
    [stores(MMAP, 2), exit()],
  ];
  expect(extraFaults(steps)).toBe(4);
});

test("the kernel's writes into a buffer fault like the program's own", () => {
  const steps: Step[] = [
    [[], mmap(MMAP, 3)],
    [[], call(0, [7, MMAP + 100, 8192], 8192)],
    [stores(MMAP, 3), exit()],
  ];
  expect(extraFaults(steps)).toBe(3);
  const withPath: Step[] = [
    [[], mmap(MMAP, 1)],
    [[], { ...call(21, [MMAP, 4], -2), strings: [18, -1] }],
    [[], exit()],
  ];
  expect(extraFaults(withPath)).toBe(1);
});

test("a private mapping of a cached file is mapped sixteen pages at a time", () => {
  const file = {
    type: EVENT_FILE,
    id: 1,
    path: "/lib/x.so",
    mode: 0o100644,
    dev: 1,
    ino: 7,
    sizeBytes: 64 * PAGE,
  } as const;
  const open: CallEvent = { ...call(257, [-100, 0, 0], 3), file: 1 };
  const steps: Step[] = [
    [[], file],
    [[], open],
    [[], call(9, [0, 64 * PAGE, 1, 2, 3, 0], MMAP)],
    [loads(MMAP, 64), exit()],
  ];
  const faults = extraFaults(steps, [file]);
  // 64 pages in windows of 16; one more window when the mapping does not begin at one.
  expect(faults).toBeGreaterThanOrEqual(4);
  expect(faults).toBeLessThanOrEqual(5);
});

test("a heap that valgrind stopped goes on as a heap", () => {
  const heap = 0x4035000;
  const steps: Step[] = [
    [[], call(12, [0], heap)],
    [[], call(12, [heap + 4 * PAGE], heap + 4 * PAGE)],
    [stores(heap, 4), call(12, [heap + 8 * PAGE], heap + 4 * PAGE)],
    [[], mmap(MMAP, 256)],
    [stores(MMAP, 6), exit()],
  ];
  let maps = "";
  const { summary } = play([steps], false, [], (k, task) => {
    maps = readFile(k, `/proc/${k.task.pid[task]}/maps`) as string;
  });
  expect(faultsOf(summary) - base()).toBe(10);
  const found = /^([0-9a-f]+)-([0-9a-f]+) .*\[heap\]$/m.exec(maps)!;
  expect((Number.parseInt(found[2]!, 16) - Number.parseInt(found[1]!, 16)) / PAGE).toBe(4 + 256);
});

test("mremap keeps what was there and adds what is new", () => {
  const moved = 0x5000000;
  const steps: Step[] = [
    [[], mmap(MMAP, 4)],
    [stores(MMAP, 4), call(25, [MMAP, 4 * PAGE, 8 * PAGE, 1], moved)],
    [stores(moved, 8), call(11, [moved, 8 * PAGE], 0)],
    [[], exit()],
  ];
  const { summary } = play([steps]);
  expect(faultsOf(summary) - base()).toBe(8);
  expect([...summary.notes.keys()]).toEqual([
    "mremap: the mapping was enlarged or cut in place instead of moved",
  ]);
});

test("a forked child copies what it writes, and its parent's faults count it once it was waited for", () => {
  const parent: Step[] = [
    [[], mmap(MMAP, 4)],
    [stores(MMAP, 4), { ...call(57, [], 4711), child: 1 }],
    [[], call(61, [4711, 0, 0, 0], 4711)],
    [[], exit()],
  ];
  const child: Step[] = [[stores(MMAP, 3), exit(7)]];
  const { summary } = play([parent, child]);
  expect(summary.ended.map(({ stream, status }) => [stream, status])).toEqual([
    [1, 7 * 256],
    [0, 0],
  ]);
  expect(ended(summary, 1).minorFaults).toBe(3);
  expect(faultsOf(summary) - base()).toBe(4 + 3);
});

test("a child of vfork shares its parent's memory until it executes", () => {
  const parent: Step[] = [
    [[], mmap(MMAP, 4)],
    [stores(MMAP, 2), { ...call(58, [], 4711), child: 1 }],
    [stores(MMAP, 4), call(61, [4711, 0, 0, 0], 4711)],
    [[], exit()],
  ];
  const child: Step[] = [
    [stores(MMAP, 3), EXEC_FILE],
    [[], EXEC],
    [[], exit()],
  ];
  const { summary } = play([parent, child]);
  expect(ended(summary, 1).minorFaults).toBe(1 + base());
  expect(faultsOf(summary)).toBe(base() + 2 + 1 + ended(summary, 1).minorFaults);
});

test("accesses to memory that nobody mapped are left out and told", () => {
  const { summary } = play([[[stores(MMAP, 2), exit()]]]);
  expect([...summary.notes]).toEqual([
    ["accesses to pages that were mapped when they were recorded and are not mapped here were left out", 2],
  ]);
});

test("notes and calls are counted", () => {
  const { summary } = play([
    [
      [[], { type: EVENT_NOTE, text: "Something." }],
      [[], call(39, [], 12)],
      [[], call(21, [0, 0], -2)],
      [[], exit()],
    ],
  ]);
  expect([...summary.notes]).toEqual([["Something.", 1]]);
  expect([...summary.calls]).toEqual([
    ["getpid", { count: 1, errors: 0 }],
    ["access", { count: 1, errors: 1 }],
  ]);
});

test("a process that a signal killed ends by that signal", () => {
  const { summary } = play([[[[], { type: EVENT_EXIT, status: 11 }]]]);
  expect(ended(summary, 0).status).toBe(11);
});

test("a trace without programs gets memory where it touches", () => {
  const steps: Step[] = [[[...stores(0x400000, 3), ...stores(0x7fff0000, 2), ...stores(0x1000, 1)], exit()]];
  const { summary, k } = play([steps], true);
  expect(faultsOf(summary)).toBe(faultsOf(play([[[[], exit()]]], true).summary) + 6);
  expect(summary.notes.size).toBe(0);
  checkKernel(k);
});

test("a replay leaves the kernel as its invariants want it, and no process behind", () => {
  const { k } = play([
    [
      [[], mmap(MMAP, 300)],
      [stores(MMAP, 300), exit()],
    ],
  ]);
  checkKernel(k);
});

const EXEC_FILE = {
  type: EVENT_FILE,
  id: 0,
  path: "/bin/bare",
  mode: 0o100755,
  dev: 1,
  ino: 5,
  sizeBytes: 4096,
} as const;
const EXEC: ReplayEvent = {
  type: EVENT_EXEC,
  program: { file: 0, headers: bareProgram(), base: 0 },
  interpreter: null,
  argv: ["bare"],
  envLengths: [9],
  stackPointer: 0x1fff000680,
};

/** Faults of a recording beyond those of a program that does nothing. */
function extraFaults(steps: readonly Step[], cached: (typeof EXEC_FILE | FileStep)[] = []): number {
  return faultsOf(play([steps], false, cached).summary) - base();
}

type FileStep = Extract<ReplayEvent, { type: typeof EVENT_FILE }>;

function base(): number {
  return faultsOf(play([[[[], exit()]]]).summary);
}

function play(
  streams: readonly (readonly Step[])[],
  isBare = false,
  cached: FileStep[] = [],
  beforeExit?: (k: Kernel, task: Task) => void,
): { summary: ReplaySummary; k: Kernel } {
  const k = boot(PRESETS.tiny!);
  const start: Step[] = isBare
    ? []
    : [
        [[], EXEC_FILE],
        [[], EXEC],
      ];
  const rows = streams.map((steps, stream) => [...(stream === 0 ? start : []), ...steps]);
  const { programs, summary } = startReplay(k, sourceOf(rows, isBare), {
    cached: [EXEC_FILE, ...cached],
    beforeExit: (task) => beforeExit?.(k, task),
  });
  const { stuck } = drive(k, programs);
  expect(stuck).toEqual([]);
  return { summary, k };
}

function sourceOf(rows: readonly Step[][], isBare: boolean): ChunkSource {
  return {
    isBare,
    next: (stream: number, chunk: Chunk) => {
      const step = rows[stream]?.shift();
      if (step === undefined) return false;
      const [runs, event] = step;
      runs.forEach(([page, kind], i) => {
        chunk.page[i] = page;
        chunk.kind[i] = kind;
        chunk.count[i] = 1;
      });
      chunk.length = runs.length;
      chunk.event = event;
      return true;
    },
  };
}

function ended(summary: ReplaySummary, stream: number): EndedProcess {
  return summary.ended.find((one) => one.stream === stream)!;
}

function faultsOf(summary: ReplaySummary): number {
  return ended(summary, 0).minorFaults;
}

function stores(address: number, pages: number): Run[] {
  return Array.from({ length: pages }, (_, i) => [address / PAGE + i, KIND_STORE]);
}

function loads(address: number, pages: number): Run[] {
  return Array.from({ length: pages }, (_, i) => [address / PAGE + i, KIND_LOAD]);
}

function call(nr: number, args: number[], result: number): CallEvent {
  return { type: EVENT_CALL, nr, thread: 1, args, result, strings: args.map(() => -1), file: -1, child: -1 };
}

/** Private anonymous memory, readable and writable. */
function mmap(address: number, pages: number): CallEvent {
  return call(9, [0, pages * PAGE, 3, 0x22, 4294967295, 0], address);
}

function exit(code = 0): ReplayEvent {
  return { type: EVENT_EXIT, status: code * 256 };
}

test("an empty event between runs means nothing", () => {
  expect(
    extraFaults([
      [[], mmap(MMAP, 2)],
      [stores(MMAP, 1), { type: EVENT_NONE }],
      [stores(MMAP, 2), exit()],
    ]),
  ).toBe(2);
});
