/** Formats are told apart by content, and what is wrong in a trace is named by file and line. */
import { expect, test } from "vitest";
import { boot, PRESETS } from "../../core/index.ts";
import { drive } from "../driver.ts";
import { detectFormat, FORMATS, openTrace } from "./index.ts";
import { fileHeader } from "./pwt-format.ts";
import type { TraceInput } from "./text-source.ts";

const SAMPLES: Readonly<Record<string, string>> = {
  lackey:
    "==12== Lackey, an example Valgrind tool\n==12== \nI  0401ab70,3\n S 1fff000698,8\nI  0401ab73,5\n L 04032a80,8\n M 04033e06,1\n",
  "course-hex": "0041f7a0 R\n13f5e2c0 R\n0041f7a1 W\n31348900 W\n",
  "course-ls": "l 0x1fffff50 1\ns 0x1fffff58 4\nl 0x3fffff50 12\n",
};

test("each format is recognised, and only by itself", () => {
  for (const [name, text] of Object.entries(SAMPLES)) {
    expect(FORMATS.filter((format) => format.detect(bytesOf(text))).map((format) => format.name)).toEqual([
      name,
    ]);
  }
  expect(detectFormat(fileHeader())?.name).toBe("pwt");
  expect(detectFormat(bytesOf("hello\n"))).toBeUndefined();
  expect(detectFormat(new Uint8Array(0))).toBeUndefined();
});

test("comments and empty lines may come first", () => {
  expect(detectFormat(bytesOf("# a trace\n\n0041f7a0 R\r\n"))?.name).toBe("course-hex");
});

test("a file of no format is refused", () => {
  expect(() => openTrace(inputOf("x.txt", "hello\n"))).toThrow(
    "x.txt: byte 0: expected a trace in one of the formats pwt, lackey, course-hex, course-ls",
  );
});

test("accesses and faults of a course trace", () => {
  const text = "0041f7a0 R\n13f5e2c0 R\n0041f7a1 W\n31348900 W\n0041f000 R\n";
  expect(play(text)).toEqual({ accesses: 5, faults: 4 });
  expect(play("l 0x1fffff50 1\ns 0x1fffff58 4\nl 0x3fffff50 12\n")).toEqual({ accesses: 3, faults: 3 });
});

test("accesses of a lackey log, with its calls", () => {
  const log = `${SAMPLES.lackey}SYSCALL[12,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000) \n S 04835000,8\n S 04836000,8\n S 04836008,8\n==12== Exit code:       0\n`;
  // 0401a, the stack, 4032, 4033 and the two pages of the mapping.
  expect(play(log)).toEqual({ accesses: 8, faults: 6 });
});

test("a line that is none is named", () => {
  const good = "0041f7a0 R\n".repeat(10);
  expect(() => play(`${good}0041f7a0 X\n`)).toThrow(
    't: line 11: expected "ADDRESS R" or "ADDRESS W", found "0041f7a0 X"',
  );
  const more = "l 0x1fffff50 1\n".repeat(5);
  expect(() => play(`${more}m 0x1f\n`)).toThrow(
    't: line 6: expected "l 0xADDRESS GAP" or "s 0xADDRESS GAP", found "m 0x1f"',
  );
  const log = "I  0401ab70,3\n".repeat(30);
  expect(() => play(`${log} L 0401ab7x,3\n`)).toThrow("t: line 31: expected an access");
});

test("a trace longer than any buffer is read piece by piece", () => {
  let most = 0;
  const line = "0041f7a0 R\n";
  const total = 200_000;
  const input: TraceInput = {
    name: "t",
    readAt: (offset, length) => {
      most = Math.max(most, length);
      const text = line.repeat(Math.ceil(length / line.length) + 1);
      const end = Math.min(length, total * line.length - offset);
      return bytesOf(text.slice(offset % line.length, (offset % line.length) + Math.max(0, end)));
    },
    unpack: () => undefined,
  };
  const k = boot(PRESETS.tiny!);
  const { programs, summary } = openTrace(input).start(k);
  drive(k, programs);
  expect(summary.accesses).toBe(total);
  expect(most).toBeLessThanOrEqual(65536);
});

function play(text: string): { accesses: number; faults: number } {
  const run = (input: TraceInput): { accesses: number; faults: number } => {
    const k = boot(PRESETS.tiny!);
    const { programs, summary } = openTrace(input).start(k);
    drive(k, programs);
    return { accesses: summary.accesses, faults: summary.ended[0]!.minorFaults };
  };
  // One store: the exec of a trace's process, and one more fault.
  const idle = run(inputOf("idle", "00500000 W\n")).faults - 1;
  const { accesses, faults } = run(inputOf("t", text));
  return { accesses, faults: faults - idle };
}

function inputOf(name: string, text: string): TraceInput {
  const bytes = bytesOf(text);
  return { name, readAt: (offset, length) => bytes.slice(offset, offset + length), unpack: () => undefined };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
