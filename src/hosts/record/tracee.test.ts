/** A process's log becomes chunks, without what valgrind put into it. */
import { expect, test } from "vitest";
import {
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NOTE,
  type ReplayEvent,
} from "../../programs/replay/events.ts";
import type { FileFacts, ImageFacts } from "./facts.ts";
import { createTracee, endTracee, feedTracee, type Tracee } from "./tracee.ts";

const PROGRAM: FileFacts = { path: "/bin/x", mode: 0o100755, dev: 1, ino: 2, sizeBytes: 9000 };
const LINKER: FileFacts = { path: "/lib/ld.so", mode: 0o100755, dev: 1, ino: 3, sizeBytes: 8000 };
const DATA: FileFacts = { path: "/etc/data", mode: 0o100644, dev: 1, ino: 4, sizeBytes: 7000 };
const IMAGE: ImageFacts = {
  program: { facts: PROGRAM, headers: Uint8Array.of(1), base: 0x108000 },
  interpreter: { facts: LINKER, headers: Uint8Array.of(2), base: 0x4000000 },
  argv: ["x"],
  envLengths: [3],
};
const START = "==7== Command: x\nI  0401ab70,3\nI  0401ab73,5\n S 1fff000698,8\n";

interface Seen {
  readonly stream: number;
  readonly runs: string;
  readonly event: ReplayEvent;
}

test("a program is announced with its stack pointer before its first fetches", () => {
  const seen = follow(START);
  expect(seen.map(({ event }) => event.type)).toEqual([EVENT_FILE, EVENT_FILE, EVENT_EXEC, EVENT_EXIT]);
  expect(seen[2]!.event).toMatchObject({
    program: { file: 0, base: 0x108000 },
    interpreter: { file: 1, base: 0x4000000 },
    stackPointer: 0x1fff0006a0,
  });
  expect(seen.map(({ runs }) => runs)).toEqual(["", "", "", "401a F2, 1fff000 S1"]);
});

test("a static program loads from its stack pointer", () => {
  const seen = follow("==7== Command: x\nI  00401000,3\n L 1fff0006a0,8\n");
  expect(seen[2]!.event).toMatchObject({ stackPointer: 0x1fff0006a0 });
});

test("valgrind's own library is taken out: its calls and its pages", () => {
  const seen = follow(
    `${START}SYSCALL[7,1](257) sys_openat ( 4294967196, 0x4034bb0(/usr/libexec/valgrind/vgpreload_core-amd64-linux.so), 524288 ) --> [async] ... 
SYSCALL[7,1](257) ... [async] --> Success(0x4) 
SYSCALL[7,1](0) sys_read ( 4, 0x1ffeffed08, 832 ) --> [async] ... 
SYSCALL[7,1](0) ... [async] --> Success(0x340) 
SYSCALL[7,1](9) sys_mmap ( 0x0, 16400, 1, 2050, 4, 0 ) --> [pre-success] Success(0x4837000) 
SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0) 
 L 04837000,4
 L 0483b000,4
 L 0483c000,4
SYSCALL[7,1](10) sys_mprotect ( 0x483a000, 4096, 1 )[sync] --> Success(0x0) 
SYSCALL[7,1](3) sys_close ( 4 )[sync] --> Success(0x0) 
`,
  );
  const calls = seen.filter(({ event }) => event.type === EVENT_CALL);
  expect(calls.map(({ event }) => event)).toMatchObject([{ nr: 3, args: [4] }]);
  expect(calls[0]!.runs).toBe("401a F2, 1fff000 S1, 483c L1");
});

test("a file is announced when it is opened, once", () => {
  const open =
    "SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40290b1(/etc/data), 524288 )[sync] --> Success(0x4) \n";
  const seen = follow(START + open + open);
  expect(seen.slice(3).map(({ event }) => event)).toMatchObject([
    { type: EVENT_FILE, id: 2, path: "/etc/data", sizeBytes: 7000 },
    { type: EVENT_CALL, nr: 257, file: 2, strings: [-1, 9, -1] },
    { type: EVENT_CALL, nr: 257, file: 2 },
    { type: EVENT_EXIT },
  ]);
});

test("a file that is emptied when it is opened has no bytes, whatever is written later", () => {
  const seen = follow(
    `${START}SYSCALL[7,1](257) sys_openat ( 4294967196, 0x40290b1(/etc/data), 577, 438 )[sync] --> Success(0x4) \n`,
  );
  expect(seen[3]!.event).toMatchObject({ type: EVENT_FILE, sizeBytes: 0 });
});

test("a fork names its child's stream; the child's log begins with no new program", () => {
  const seen = follow(
    `${START}SYSCALL[7,1](58) sys_fork ( )   fork: process 7 created child 9\n --> [pre-success] Success(0x9) \n`,
  );
  expect(seen[3]!.event).toMatchObject({ type: EVENT_CALL, nr: 58, result: 9, child: 5 });
  const child = follow(
    "==9== Command: x\n S 1fff000600,8\nSYSCALL[9,1](231) exit_group( 3 ) --> [pre-success] Success(0x0) \n",
    5,
  );
  expect(child).toEqual([{ stream: 5, runs: "1fff000 S1", event: { type: EVENT_EXIT, status: 768 } }]);
});

test("what a child does before it executes stays before the new program", () => {
  const seen = follow(
    `==9== Command: x\n S 1fff000600,8\nSYSCALL[9,1](59) sys_execve ( 0x1000(/bin/x), 0x0, 0x0 )==9== Lackey, an example Valgrind tool\n${START}`,
    5,
  );
  expect(seen[0]!.runs).toBe("1fff000 S1");
  expect(seen.map(({ event }) => event.type)).toEqual([0, EVENT_FILE, EVENT_FILE, EVENT_EXEC, EVENT_EXIT]);
});

test("a signal that kills is the status", () => {
  const seen = follow(`${START}==7== Process terminating with default action of signal 11 (SIGSEGV)\n`);
  expect(seen.at(-1)!.event).toEqual({ type: EVENT_EXIT, status: 11 });
});

test("nothing counts after the end", () => {
  const seen = follow(
    `${START}SYSCALL[7,1](231) exit_group( 0 ) --> [pre-success] Success(0x0) \n==7== Exit code: 0\n L 04000000,8\n`,
  );
  expect(seen.at(-1)).toEqual({
    stream: 0,
    runs: "401a F2, 1fff000 S1",
    event: { type: EVENT_EXIT, status: 0 },
  });
});

test("an access behind a call on its line is not lost", () => {
  const seen = follow(
    `${START}SYSCALL[7,1](56) sys_clone ( 3d0f00, 0x1, 0x2, 0x2, 0x3 ) --> [pre-success] Success(0x71fa) I  0494eb42,3\n`,
  );
  expect(seen.at(-1)!.runs).toBe("494e F1");
});

test("valgrind's limit on the heap is noted once", () => {
  const line = "==7== brk segment overflow in thread #1: can't grow to 0x4835000\n";
  expect(follow(START + line + line).filter(({ event }) => event.type === EVENT_NOTE)).toHaveLength(1);
});

test("a process that is gone before it was looked at stops the recording", () => {
  expect(() => follow(START, 0, () => undefined)).toThrow(
    "process 7 ended before its program could be looked at",
  );
});

function follow(log: string, stream = 0, image: () => ImageFacts | undefined = () => IMAGE): Seen[] {
  const seen: Seen[] = [];
  const tracee: Tracee = createTracee(
    7,
    stream,
    {
      image,
      opened: () => DATA,
      child: () => 5,
      fail: (why) => {
        throw new Error(why);
      },
      chunk: (number, { page, kind, count, length, event }) => {
        const runs = Array.from(
          { length },
          (_, i) => `${page[i]!.toString(16)} ${"LSFM"[kind[i]!]}${count[i]}`,
        );
        seen.push({ stream: number, runs: runs.join(", "), event });
      },
    },
    [],
  );
  const bytes = new TextEncoder().encode(log);
  feedTracee(tracee, bytes, bytes.length);
  endTracee(tracee);
  return seen;
}
