/** Lackey's log is read whatever the pieces in which it comes. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { createLackeyCalls, type LackeyCall, readCallLine } from "./lackey-calls.ts";
import { createLackeyLines, endLackey, feedLackey } from "./lackey-lines.ts";
import { closeMerger, createMerger } from "./merge.ts";

const LOG = `==1== Lackey, an example Valgrind tool
I  0401ab70,3
 S 1fff000698,8
I  0401bfff,7
 L 04032ffc,8
 M 04033e06,1
SYSCALL[1,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4035000)${" "}
 L 04032ffc,4
`;

test("accesses are merged by page, and those that reach over count in both", () => {
  expect(read([LOG])).toEqual({
    runs: ["401a F 1", "1fff000 S 1", "401b F 1", "401c F 1", "4032 L 1", "4033 L 1", "4033 M 1", "4032 L 1"],
    lines: [
      "==1== Lackey, an example Valgrind tool",
      "SYSCALL[1,1](12) sys_brk ( 0x0 ) --> [pre-success] Success(0x4035000) ",
    ],
    firstData: "1fff000698 1",
    count: 8,
  });
});

test("the pieces in which a log comes do not matter", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (sizes) => {
      const pieces: string[] = [];
      for (let at = 0, i = 0; at < LOG.length; i++) {
        pieces.push(LOG.slice(at, at + sizes[i % sizes.length]!));
        at += sizes[i % sizes.length]!;
      }
      expect(read(pieces)).toEqual(read([LOG]));
    }),
  );
});

test("what only looks like an access is a line", () => {
  expect(read(["I  0401ab7x,3\n", " L 04032ffc\n", " S ,8\n", "I  0401ab70,3x\n"]).lines).toHaveLength(4);
});

test("a last line without an end is read", () => {
  expect(read([" L 04032ffc,4"]).runs).toEqual(["4032 L 1"]);
});

test("pages that are not the program's own are left out", () => {
  expect(read([LOG], [0x401b, 0x401c, 0x4032, 0x4034]).runs).toEqual(["401a F 1", "1fff000 S 1", "401c F 1"]);
});

test("calls, arguments, strings and results", () => {
  expect(
    calls([
      "SYSCALL[7,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000) ",
    ]),
  ).toEqual([
    {
      nr: 9,
      name: "sys_mmap",
      thread: 1,
      args: [0, 8192, 3, 34, 4294967295, 0],
      strings: Array(6).fill(undefined),
      childPid: 0,
      result: 0x4835000,
    },
  ]);
  const [failed] = calls([
    "SYSCALL[7,2](21) sys_access ( 0x402a2a0(/etc/ld.so (old) copy), 4 )[sync] --> Failure(0x2) ",
  ]);
  expect(failed).toMatchObject({
    thread: 2,
    args: [0x402a2a0, 4],
    strings: ["/etc/ld.so (old) copy", undefined],
    result: -2,
  });
});

test("a call that waits is complete with its second line", () => {
  const lines = [
    "SYSCALL[7,1](0) sys_read ( 4, 0x1ffeffed08, 832 ) --> [async] ... ",
    "SYSCALL[7,2](202) sys_futex ( 0x4a28910, 128, 2, 0x0, 0x0 ) --> [async] ... ",
    "SYSCALL[7,1](0) ... [async] --> Success(0x340) ",
    "SYSCALL[7,2](202) ... [async] --> Failure(0xb) ",
  ];
  expect(calls(lines).map(({ nr, args, result }) => [nr, args.length, result])).toEqual([
    [0, 3, 0x340],
    [202, 5, -11],
  ]);
});

test("a fork's remark and its result on the next line", () => {
  const lines = [
    "SYSCALL[7,1](56) sys_clone ( 1200011, 0x0, 0x0, 0x4a28a10, 0x0 )   clone(fork): process 7 created child 9",
    " --> [pre-success] Success(0x9) ",
  ];
  expect(calls(lines)).toMatchObject([{ args: [0x1200011, 0, 0, 0x4a28a10, 0], childPid: 9, result: 9 }]);
});

test("a call that valgrind does not know, and one with hexadecimal arguments that do not say so", () => {
  expect(
    calls([
      "SYSCALL[7,1](334) unimplemented (by the kernel) syscall: 334! (ni_syscall)",
      " --> [pre-fail] Failure(0x26) ",
    ]),
  ).toMatchObject([{ nr: 334, args: [], result: -38 }]);
  expect(
    calls(["SYSCALL[7,1](158) arch_prctl ( 4098, 4828740 ) --> [pre-success] Success(0x0) "]),
  ).toMatchObject([{ args: [4098, 0x4828740] }]);
  expect(calls(["SYSCALL[7,1](39) sys_getpid ()[sync] --> Success(0x1c40) "])).toMatchObject([
    { args: [], result: 0x1c40 },
  ]);
  expect(calls(["SYSCALL[7,1](231) exit_group( 3 ) --> [pre-success] Success(0x0) "])).toMatchObject([
    { args: [3] },
  ]);
});

function read(
  pieces: readonly string[],
  leftOut: number[] = [],
): { runs: string[]; lines: string[]; firstData: string; count: number } {
  const merger = createMerger();
  const lines: string[] = [];
  let firstData = "";
  const reader = createLackeyLines({
    merger,
    leftOut,
    full: () => expect.fail(),
    line: (text) => lines.push(text),
    firstData: (address, kind) => {
      firstData = `${address.toString(16)} ${kind}`;
    },
  });
  for (const piece of pieces) feedLackey(reader, new TextEncoder().encode(piece), piece.length);
  endLackey(reader);
  closeMerger(merger);
  const runs = Array.from(
    { length: merger.length },
    (_, i) => `${merger.page[i]!.toString(16)} ${"LSFM"[merger.kind[i]!]} ${merger.count[i]}`,
  );
  return { runs, lines, firstData, count: reader.lines };
}

function calls(lines: readonly string[]): LackeyCall[] {
  const state = createLackeyCalls();
  return lines.map((line) => readCallLine(state, line)).filter((call) => call !== undefined);
}
