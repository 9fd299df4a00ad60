import { expect, test } from "vitest";
import { type Expr, formatScriptError } from "./ast.ts";
import { readScript, stringsOf } from "./check.ts";
import { parseScript } from "./parser.ts";

function errorsOf(text: string): string[] {
  return readScript(text, "t.pw").errors.map(formatScriptError);
}

function drawn(expr: Expr): string {
  if (expr.kind === "number") return String(expr.value);
  if (expr.kind === "name") return expr.name;
  if (expr.kind === "negate") return `-${drawn(expr.operand)}`;
  return `(${drawn(expr.left)}${expr.operator}${drawn(expr.right)})`;
}

test("a call in strace's spelling keeps its name, its binding and its arguments", () => {
  const { script, errors } = parseScript(
    "a = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
    "t.pw",
  );
  expect(errors).toEqual([]);
  const action = script.statements[0]!.action;
  if (action.kind !== "call") throw new Error("no call");
  expect(action.bind?.text).toBe("a");
  expect(action.args.map((arg) => (arg.kind === "string" ? arg.text : drawn(arg)))).toEqual([
    "NULL",
    "65536",
    "(PROT_READ|PROT_WRITE)",
    "(MAP_PRIVATE|MAP_ANONYMOUS)",
    "-1",
    "0",
  ]);
});

test("operators bind as in C: products before sums before or", () => {
  const { script } = parseScript("load a+4K*2|1 8", "t.pw");
  const action = script.statements[0]!.action;
  if (action.kind !== "access") throw new Error("no access");
  expect(drawn(action.address)).toBe("((a+(4096*2))|1)");
  expect(drawn(action.length)).toBe("8");
});

test("a task prefix and fatal are kept; comments and empty lines are no statements", () => {
  const { script, errors } = parseScript("# one\n\np: fatal store a 4 7 # two\r\n", "t.pw");
  expect(errors).toEqual([]);
  expect(script.statements).toMatchObject([
    {
      line: 3,
      text: "p: fatal store a 4 7",
      task: { text: "p" },
      action: { kind: "access", op: "store", isFatal: true },
    },
  ]);
});

test("a pattern has defaults and takes the options of its kind", () => {
  const { script, errors } = parseScript("zipf mix top-1M 1M 500 seed=7 writes=10\nscan load top 4K", "t.pw");
  expect(errors).toEqual([]);
  expect(script.statements[0]!.action).toMatchObject({
    shape: "zipf",
    op: "mix",
    options: { seed: 7, theta: 900, writes: 10 },
  });
  expect(script.statements[1]!.action).toMatchObject({ shape: "scan", options: { seed: 1 } });
});

test("a mistake names file, line, column and what was expected", () => {
  expect(errorsOf("load top")).toEqual(["t.pw:1:9: expected a length, found end of line"]);
  expect(errorsOf("lood top 4")).toEqual(["t.pw:1:1: expected a statement, found lood"]);
  expect(errorsOf("munmap(top 4K)")).toEqual(['t.pw:1:12: expected "," or ")", found 4K']);
  expect(errorsOf("show mops")).toEqual([
    "t.pw:1:6: expected maps, smaps, smaps_rollup, status, statm, faults, pagemap, cached, vmstat, meminfo, cgroup, swaps, pressure, totals, dmesg, watched or zram, found mops",
  ]);
  expect(errorsOf("scan load top 4K theta=3")).toEqual([
    "t.pw:1:18: expected an option of scan load, found theta",
  ]);
  expect(errorsOf("zipf mix top 4K 1 writes=101")).toEqual([
    "t.pw:1:26: expected writes from 0 to 100, found 101",
  ]);
});

test("all lines are read: every mistake is told, in order", () => {
  expect(errorsOf("load b 4\nload\nmunmap(1)")).toEqual([
    "t.pw:1:6: no earlier line binds b",
    "t.pw:2:5: expected an address, found end of line",
    "t.pw:3:1: expected 2 arguments of munmap, found 1",
  ]);
});

test("names, tasks and files must be made before they are used", () => {
  expect(errorsOf("q: load top 4")).toEqual(["t.pw:1:1: no task is named q"]);
  expect(errorsOf("drop f")).toEqual(["t.pw:1:6: no earlier line makes a file f"]);
  expect(errorsOf("fork()")).toEqual([
    "t.pw:1:1: expected a name for the new task (p = fork(…)), found fork",
  ]);
  expect(errorsOf("p = fork()\np = getpid()")).toEqual([
    "t.pw:2:1: expected a free name, found p, which names a task",
  ]);
  expect(errorsOf("show = brk(0)")).toEqual(["t.pw:1:6: expected what to show, found ="]);
  expect(errorsOf("top = brk(0)")).toEqual([
    "t.pw:1:1: expected a free name, found top, which has a meaning of its own",
  ]);
  expect(errorsOf("open(3, O_RDONLY)")).toEqual(["t.pw:1:6: expected a path in quotes, found a number"]);
});

test("directives have no task", () => {
  expect(errorsOf("main: drop f")).toEqual([
    "t.pw:1:7: expected a call, an access, enter or show after the task, found drop",
  ]);
});

test("strings of calls are listed once, in order", () => {
  const { script } = readScript('open("b", O_RDONLY)\nopen("a", O_RDONLY)\nopen("b", O_RDWR)', "t.pw");
  expect(stringsOf(script)).toEqual(["b", "a"]);
});

test("a sysctl's value may be negative", () => {
  const { script, errors } = parseScript("sysctl vm.overcommit_memory = 2\nsysctl a.b.c = -1", "t.pw");
  expect(errors).toEqual([]);
  expect(script.statements.map((statement) => statement.action)).toEqual([
    { kind: "sysctl", path: "vm.overcommit_memory", value: 2 },
    { kind: "sysctl", path: "a.b.c", value: -1 },
  ]);
});
