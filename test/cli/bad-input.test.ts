import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

/** The built command, as a user runs it. `npm test` builds it first. */
const COMMAND = path.join(import.meta.dirname, "../../dist/pagewalk.js");
const RECORDING = path.join(import.meta.dirname, "../../recordings/ls.pwt");
const folder = mkdtempSync(path.join(tmpdir(), "pagewalk-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly errors: string[];
}

function pagewalk(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, ...args], { encoding: "utf8", cwd: folder });
  return { code: status, out: stdout, errors: stderr.trimEnd().split("\n") };
}

function file(name: string, content: string | Uint8Array): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

/** One clear line on stderr, nothing on stdout, no stack trace. */
function expectOneLine(ended: Ended, code: number, line: RegExp): void {
  expect(ended.errors.join("\n")).toMatch(line);
  expect(ended.errors).toHaveLength(1);
  expect([ended.code, ended.out]).toEqual([code, ""]);
}

test("a workload that is not there", () => {
  expectOneLine(pagewalk("run", "nothing.pwt"), 2, /nothing\.pwt: there is no such file/);
});

test("a file that is no workload", () => {
  expectOneLine(pagewalk("run", file("noise.bin", Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) & 255))), 2, /expected a trace in one of the formats/);
});

test("a recording that is cut off, at any of several places", () => {
  const whole = readFileSync(RECORDING);
  for (const share of [0.001, 0.1, 0.5, 0.9, 0.9999]) {
    const cut = file("cut.pwt", whole.subarray(0, Math.floor(whole.length * share)));
    expectOneLine(pagewalk("run", cut, "-q"), 2, /cut\.pwt: byte \d+: .*expected/);
  }
});

test("a recording with one damaged byte", () => {
  const bytes = Uint8Array.from(readFileSync(RECORDING));
  const middle = Math.floor(bytes.length / 2);
  bytes[middle] = bytes[middle]! ^ 0x10;
  expectOneLine(pagewalk("run", file("damaged.pwt", bytes), "-q"), 2, /damaged\.pwt: byte \d+: /);
});

test("a script error names file, line, column and what was expected", () => {
  expectOneLine(pagewalk("run", file("wrong.pw", "a = mmap(NULL, 64K\n")), 2, /wrong\.pw:1:\d+: expected /);
});

test("a script that fails while it runs ends with 1 and leaves no transcript", () => {
  const script = file("late.pw", "p = fork()\np: exit(0)\np: exit(0)\n");
  const ended = pagewalk("run", script, "-t", "late.txt");
  expectOneLine(ended, 1, /late\.pw:3:1: /);
  expect(existsSync(path.join(folder, "late.txt"))).toBe(false);
});

test("a machine that does not exist, is no JSON, or cannot exist", () => {
  expectOneLine(pagewalk("run", RECORDING, "-m", "toaster"), 2, /toaster: no preset and no file of that name; presets: /);
  expectOneLine(pagewalk("run", RECORDING, "-m", file("m1.json", "{")), 2, /m1\.json: not JSON/);
  expectOneLine(pagewalk("run", RECORDING, "-m", file("m2.json", '{"sizeBytes": 5000}')), 2, /m2\.json: sizeBytes: /);
  expectOneLine(pagewalk("run", RECORDING, "-m", file("m3.json", '{"sizeBytes": 1073741824, "colour": 1}')), 2, /m3\.json: .*colour/);
});

test("a tunable that does not exist or is out of range", () => {
  expectOneLine(pagewalk("run", RECORDING, "-s", "vm.nothing=1"), 2, /vm\.nothing: no such tunable/);
  expectOneLine(pagewalk("run", RECORDING, "-s", "vm.swappiness=900"), 2, /vm\.swappiness: 900 is outside/);
});

test("an option that does not exist ends with 2 and says where help is", () => {
  const ended = pagewalk("run", "--sideways");
  expect(ended.code).toBe(2);
  expect(ended.errors.join("\n")).toMatch(/unknown option '--sideways'[\s\S]*pagewalk run --help/);
});

test("a program that is not there cannot be recorded, and nothing is left", () => {
  const ended = pagewalk("record", "-o", "none.pwt", "--", "no-such-program-here");
  expectOneLine(ended, 2, /no such program|valgrind is not installed/);
  expect(readdirSync(folder).filter((name) => name.includes("none"))).toEqual([]);
});

test("an output file that cannot be written is one line too", () => {
  expectOneLine(pagewalk("run", RECORDING, "-q", "-j", "no/such/folder/r.json"), 2, /there is no such file|r\.json/);
});

test("a good run prints a report, and --json validates against the published schema's required fields", () => {
  const ended = pagewalk("run", RECORDING, "-j", "-");
  expect(ended.code).toBe(0);
  const report = JSON.parse(ended.out) as Record<string, unknown>;
  const schema = JSON.parse(readFileSync(path.join(import.meta.dirname, "../../docs/schemas/run-report.schema.json"), "utf8")) as { required: string[] };
  for (const field of schema.required) expect(report, field).toHaveProperty(field);
});
