import { expect, test } from "vitest";
import { boot, PRESETS } from "../../core/index.ts";
import { formatScriptError } from "./ast.ts";
import { readScript } from "./check.ts";
import { runScript } from "./run.ts";

/** The transcript of a script on a small machine, without its first line; an error as its last line. */
function run(text: string): string[] {
  const { script, errors } = readScript(text, "t.pw");
  if (errors.length > 0) return errors.map(formatScriptError);
  const lines: string[] = [];
  const error = runScript(boot(PRESETS.tiny!), script, (line) => lines.push(line));
  if (error !== undefined) lines.push(formatScriptError(error));
  return lines.slice(1);
}

const MAP = "a = mmap(NULL, 16K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)";

test("the example of docs/script.md gives the transcript that stands there", () => {
  const script = [
    MAP.replace("16K", "64K"),
    "load a 4",
    "store a 4 0x2a",
    "p = fork()",
    "p: store a 4 7",
    "load a 4",
  ];
  script.push("show pagemap a 8K", "p: exit(3)", "wait4(p, NULL, 0, NULL)");
  expect(run(script.join("\n"))).toEqual([
    `${script[0]} = top-64K`,
    "load a 4 = 0x0 minor 1",
    "store a 4 0x2a = ok minor 1",
    "p = fork() = p",
    "p: store a 4 7 = ok minor 1",
    "load a 4 = 0x2a",
    "show pagemap a 8K",
    "| a..a+4K present exclusive soft-dirty",
    "| a+4K..a+8K soft-dirty",
    "p: exit(3) = ?",
    "wait4(p, NULL, 0, NULL) = p exited 3",
  ]);
});

test("a store repeats the four bytes of its value, and a load gets them back across pages", () => {
  const script = `${MAP}\nstore a+4094 7 0x04030201\nload a+4094 4\nload a+4098 2\nload a+4100 1`;
  expect(run(script).slice(2)).toEqual([
    "load a+4094 4 = 0x4030201",
    "load a+4098 2 = 0x201",
    "load a+4100 1 = 0x3",
  ]);
});

test("a signal ends the statement and the task goes on; a fatal one ends the task", () => {
  const script = `${MAP}\nmunmap(a, 16K)\nstore a 4\np = fork()\np: fatal load a+2 1\nwait4(-1, NULL, 0, NULL)`;
  expect(run(script).slice(2)).toEqual([
    "store a 4 = SIGSEGV SEGV_MAPERR a",
    "p = fork() = p",
    "p: fatal load a+2 1 = SIGSEGV SEGV_MAPERR a+2 killed",
    "wait4(-1, NULL, 0, NULL) = p killed SIGSEGV",
  ]);
});

test("a file that is not cached costs a major fault, then none", () => {
  const script =
    'file f 8K\nfd = open("f", O_RDONLY)\nb = mmap(NULL, 8K, PROT_READ, MAP_PRIVATE, fd, 0)\nload b 8K\nshow cached f';
  const lines = run(script);
  expect(lines[1]).toBe('fd = open("f", O_RDONLY) = 3');
  expect(lines[3]).toMatch(/^load b 8K = fnv 0x[0-9a-f]{8} (minor 1 )?major 1$/);
  expect(lines.slice(5)).toEqual(["| 0..8K"]);
});

test("show faults counts from the last time it was shown", () => {
  const script = `${MAP}\nscan store a 16K\nshow faults\nload a 4\nshow faults`;
  const lines = run(script).filter((line) => line.startsWith("| "));
  expect(lines).toEqual(["| minor 4", "| major 0", "| minor 0", "| major 0"]);
});

test("what can only be found when it runs stops the script, naming line and column", () => {
  expect(run("a = mmap(NULL, 0, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\nload a 4").at(-1)).toBe(
    "t.pw:2:6: a is not bound: the call that should have bound it failed",
  );
  expect(run("p = fork()\nwait4(p, NULL, 0, NULL)").at(-1)).toBe("t.pw:2:1: wait4 would wait for ever");
  expect(run("p = fork()\np: exit(0)\np: getpid()").at(-1)).toBe("t.pw:3:1: task p has ended");
  expect(run("load top 0").at(-1)).toBe("t.pw:1:10: expected a length of at least 1, found 0");
  expect(run("store top 4 (-1)").at(-1)).toBe("t.pw:1:14: expected a value of 32 bits, found -1");
  expect(run("load 8T*8T 1").at(-1)).toBe("t.pw:1:6: expected a number below 2^53");
});

test("the same script on the same machine gives the same transcript", () => {
  const script = `${MAP}\nzipf mix a 16K 500 seed=4\nuniform store a 16K 100\np = fork()\np: scan store a 16K`;
  expect(run(script)).toEqual(run(script));
});
