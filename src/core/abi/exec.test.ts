import { expect, test } from "vitest";
import {
  install,
  LD,
  LINKER,
  machine,
  run,
  show,
  stat,
  T2,
  T2SPIE,
  T3,
  T3NP,
} from "../../../test/support/exec-machine.ts";
import type { Task } from "../base/types.ts";
import { PRESETS } from "../hw/presets.ts";
import { boot, checkKernel, type Kernel } from "../kernel.ts";
import { createTask } from "../space/task.ts";
import { loadBytes } from "../vm/user-bytes.ts";

test("a static program with a bss is laid out as on Debian's 6.12", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2", { argv: ["/t2"] })).toBe(0);
  expect(
    show(k, task, "maps"),
  ).toBe(`00400000-00401000 r--p 00000000 00:02 16                                 /t2
00401000-00402000 r-xp 00001000 00:02 16                                 /t2
00402000-00403000 r--p 00002000 00:02 16                                 /t2
00403000-00404000 rw-p 00003000 00:02 16                                 /t2
00404000-00408000 rw-p 00000000 00:00 0 
7ffff7ff9000-7ffff7ffd000 r--p 00000000 00:00 0                          [vvar]
7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`);
  expect(show(k, task, "statm")).toBe("47 2 0 1 0 38 0\n");
  expect([23, 26, 27, 28].map((field) => stat(k, task, field))).toEqual([
    192512, 4198400, 4198416, 140737488350784,
  ]);
  expect([45, 46, 47, 48, 49, 50, 51].map((field) => stat(k, task, field))).toEqual([
    4206592, 4206604, 4227072, 140737488351216, 140737488351220, 140737488351220, 140737488351220,
  ]);
  // One fault for the page of the strings, one for the page whose end is cleared.
  expect(stat(k, task, 10)).toBe(2);
  expect(show(k, task, "status")).toMatch(
    /Name:\tt2\n(?:.*\n)*VmData:\t {6}20 kB\nVmStk:\t {5}132 kB\nVmExe:\t {7}4 kB\nVmLib:\t {7}8 kB\nVmPTE:\t {6}24 kB\n/,
  );
  const flags = show(k, task, "smaps")
    .split("\n")
    .filter((line) => line.startsWith("VmFlags"));
  expect(flags).toEqual([
    "VmFlags: rd mr mw me sd ",
    "VmFlags: rd ex mr mw me sd ",
    "VmFlags: rd mr mw me sd ",
    "VmFlags: rd wr mr mw me ac sd ",
    "VmFlags: rd wr mr mw me ac sd ",
    "VmFlags: rd mr pf io de dd sd ",
    "VmFlags: rd ex mr mw me de sd ",
    "VmFlags: rd wr mr mw me gd ac ",
  ]);
  checkKernel(k);
});

test("a loader started by itself goes to the mappings, its heap to where programs are", () => {
  const { k, task } = machine();
  install(k, "/t2spie", T2SPIE);
  expect(run(k, task, "/t2spie")).toBe(0);
  expect(
    show(k, task, "maps"),
  ).toBe(`7ffff7ff0000-7ffff7ff4000 r--p 00000000 00:00 0                          [vvar]
7ffff7ff4000-7ffff7ff6000 r-xp 00000000 00:00 0                          [vdso]
7ffff7ff6000-7ffff7ff7000 r--p 00000000 00:02 11                         /t2spie
7ffff7ff7000-7ffff7ff8000 r-xp 00001000 00:02 11                         /t2spie
7ffff7ff8000-7ffff7ff9000 r--p 00002000 00:02 11                         /t2spie
7ffff7ff9000-7ffff7ffb000 rw-p 00002000 00:02 11                         /t2spie
7ffff7ffb000-7ffff7fff000 rw-p 00000000 00:00 0 
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`);
  expect(show(k, task, "statm")).toBe("48 2 0 1 0 39 0\n");
  expect(stat(k, task, 28)).toBe(140737488350768);
  expect(stat(k, task, 47)).toBe(93824992235520);
  expect(show(k, task, "status")).toContain("VmPTE:\t      16 kB\n");
  checkKernel(k);
});

test("a position-independent program and its interpreter are laid out as on Debian's 6.12", () => {
  const { k, task } = machine();
  install(k, "/t3", T3);
  install(k, LINKER, LD);
  expect(run(k, task, "/t3")).toBe(0);
  expect(
    show(k, task, "maps"),
  ).toBe(`555555554000-555555555000 r--p 00000000 00:02 7                          /t3
555555555000-555555556000 r-xp 00001000 00:02 7                          /t3
555555556000-555555557000 r--p 00002000 00:02 7                          /t3
555555557000-555555559000 rw-p 00002000 00:02 7                          /t3
555555559000-555555565000 rw-p 00000000 00:00 0 
7ffff7fc4000-7ffff7fc8000 r--p 00000000 00:00 0                          [vvar]
7ffff7fc8000-7ffff7fca000 r-xp 00000000 00:00 0                          [vdso]
7ffff7fca000-7ffff7fcb000 r--p 00000000 00:02 21                         ${LINKER}
7ffff7fcb000-7ffff7ff1000 r-xp 00001000 00:02 21                         ${LINKER}
7ffff7ff1000-7ffff7ffb000 r--p 00027000 00:02 21                         ${LINKER}
7ffff7ffb000-7ffff7fff000 rw-p 00031000 00:02 21                         ${LINKER}
7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
`);
  expect(show(k, task, "statm")).toBe("109 3 0 1 0 51 0\n");
  expect([26, 27, 28, 45, 46, 47].map((field) => stat(k, task, field))).toEqual([
    93824992235520, 93824992235837, 140737488350784, 93824992247296, 93824992247828, 93824992301056,
  ]);
  expect(stat(k, task, 10)).toBe(3);
  checkKernel(k);
});

test("a program at its own address has page tables of its own: VmPTE is 28 kB with an interpreter", () => {
  const { k, task } = machine();
  install(k, "/t3np", T3NP);
  install(k, LINKER, LD);
  expect(run(k, task, "/t3np")).toBe(0);
  expect(show(k, task, "maps").split("\n")[3]).toBe(
    "00403000-00405000 rw-p 00002000 00:02 15                                 /t3np",
  );
  expect(show(k, task, "status")).toContain("VmPTE:\t      28 kB\n");
  expect([28, 47, 48, 49].map((field) => stat(k, task, field))).toEqual([
    140737488350768, 4263936, 140737488351212, 140737488351218,
  ]);
});

test("the stack holds argc, the pointers, the auxiliary vector and the strings", () => {
  const { k, task } = machine();
  install(k, "/t3", T3);
  install(k, LINKER, LD);
  expect(run(k, task, "/t3", { argv: ["/t3"] })).toBe(0);
  const bytes = new Uint8Array(0x7fffffffefff - 0x7fffffffee40);
  expect(loadBytes(k, task, 0x7fffffffee40, bytes)).toBe(bytes.length);
  const view = new DataView(bytes.buffer);
  const words = Array.from({ length: 50 }, (_, index) => view.getBigUint64(index * 8, true).toString(16));
  expect(words.slice(0, 4)).toEqual(["1", "7fffffffeff0", "0", "0"]);
  const pairs = Array.from(
    { length: 23 },
    (_, index) => `${Number.parseInt(words[4 + index * 2], 16)} ${words[5 + index * 2]}`,
  );
  // The processor's own (51, 16) differ from machine to machine.
  expect(pairs.filter((pair) => !/^(51|16) /.test(pair))).toEqual([
    "33 7ffff7fc8000",
    "6 1000",
    "17 64",
    "3 555555554040",
    "4 38",
    "5 6",
    "7 7ffff7fca000",
    "8 0",
    "9 555555555040",
    "11 0",
    "12 0",
    "13 0",
    "14 0",
    "23 0",
    "25 7fffffffefd9",
    "26 2",
    "31 7fffffffeff4",
    "15 7fffffffefe9",
    "27 1c",
    "28 20",
    "0 0",
  ]);
  const text = String.fromCharCode(...bytes.subarray(0x7fffffffefe9 - 0x7fffffffee40));
  expect(text).toBe("x86_64\0/t3\0/t3\0\0\0\0\0\0\0\0");
});

test("long arguments take pages from the top down, each one fault, and the stack keeps 128 KiB below them", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2", { argv: ["/t2", "x".repeat(9000)], envp: ["HOME=/", "é"] })).toBe(0);
  // Three pages of strings; the tables fit below them in the lowest.
  expect(stat(k, task, 10)).toBe(4);
  expect(show(k, task, "maps")).toContain("7ffffffdc000-7ffffffff000 rw-p");
  const env = new Uint8Array(10);
  const start = k.mm.envStart[k.task.mm[task]];
  loadBytes(k, task, start, env);
  expect([...env]).toEqual([..."HOME=/\0"].map((c) => c.charCodeAt(0)).concat(0xc3, 0xa9, 0));
  expect(k.mm.envEnd[k.task.mm[task]]).toBe(start + 10);
});

test("with 5 levels of page tables the strings come from beyond 2^53 and end up in the same place", () => {
  const k = boot({ ...PRESETS.tiny, levels: 5, seed: 7 });
  const task = createTask(k, { comm: "shell" });
  install(k, "/t2", T2);
  expect(run(k, task, "/t2", { argv: ["/t2", "a".repeat(4080)] })).toBe(0);
  expect([28, 48, 49, 50, 51].map((field) => stat(k, task, field))).toEqual([
    140737488346688, 140737488347135, 140737488351220, 140737488351220, 140737488351220,
  ]);
  expect(show(k, task, "statm")).toBe("48 3 0 1 0 39 0\n");
  checkKernel(k);
});

test("an empty argument list becomes one empty string", () => {
  const { k, task } = machine();
  install(k, "/t2", T2);
  expect(run(k, task, "/t2", { argv: [] })).toBe(0);
  const mm = k.task.mm[task];
  expect(k.mm.argEnd[mm] - k.mm.argStart[mm]).toBe(1);
});

test("random addresses: stack, mappings and program move, the heap too from mode 2 on, and the seed decides", () => {
  const start = (mode: number, seed: number): { k: Kernel; task: Task } => {
    const k = boot({ ...PRESETS.tiny, seed });
    k.knob.randomizeVaSpace = mode;
    const task = createTask(k, { comm: "shell" });
    install(k, "/t3", T3);
    install(k, LINKER, LD);
    expect(run(k, task, "/t3", { personality: 0 })).toBe(0);
    checkKernel(k);
    return { k, task };
  };
  const first = start(2, 1);
  expect(show(first.k, first.task, "maps")).toBe(show(start(2, 1).k, 2, "maps"));
  expect(show(first.k, first.task, "maps")).not.toBe(show(start(2, 2).k, 2, "maps"));
  const { k, task } = first;
  const mm = k.task.mm[task];
  const pages = (from: number, to: number): number => (to - from) / 4096;
  expect(pages(k.mm.startCode[mm] - 0x1000, 0x555555554000 + 2 ** 40)).toBeGreaterThan(0);
  expect(k.mm.startCode[mm]).toBeGreaterThan(0x555555555000);
  expect(k.mm.startStack[mm]).toBeGreaterThan(0x7fffffffe000 - 2 ** 34 - 16384);
  expect(k.mm.startStack[mm]).toBeLessThan(0x7fffffffe000);
  const bss = k.mm.endData[mm] - 0x4014 + 0x10390;
  expect(k.mm.startBrk[mm]).toBeGreaterThan(bss);
  expect(k.mm.startBrk[mm]).toBeLessThan(bss + 2 ** 30 + 8192);
  expect(stat(k, task, 9)).toBe(0x400000);
  const fixedHeap = start(1, 1);
  const other = fixedHeap.k.task.mm[fixedHeap.task];
  expect(fixedHeap.k.mm.startBrk[other] - fixedHeap.k.mm.startCode[other]).toBe(0x11000 - 0x1000);
  const off = start(0, 1);
  expect(show(off.k, off.task, "maps")).toContain("555555554000-555555555000");
});
