/**
 * Reads a script: text to statements. One statement a line; a line that does not parse gives one error and the others
 * are still read, so that all mistakes are told at once.
 *
 * The parser keeps the first error of the line in its cursor and goes on with harmless values: nothing is thrown.
 * Doc: docs/script.md, section 2
 */
import type {
  AccessOp,
  Action,
  Arg,
  CallAction,
  CgroupSetting,
  Expr,
  PatternOptions,
  PatternShape,
  Script,
  ScriptError,
  Statement,
  Word,
} from "./ast.ts";
import { lexLine, type Token } from "./lexer.ts";
import { CALLS } from "./words.ts";

/** Where reading stands in a line. */
interface Cursor {
  readonly tokens: readonly Token[];
  at: number;
  error: { column: number; message: string } | undefined;
}

/** Either the script, or everything that is wrong with it (grammar only; check.ts does the meaning). */
export function parseScript(
  text: string,
  file: string,
): { readonly script: Script; readonly errors: readonly ScriptError[] } {
  const statements: Statement[] = [];
  const errors: ScriptError[] = [];
  let block: Statement[] | undefined;
  const lines = text.split("\n");
  for (const [index, raw] of lines.entries()) {
    const lexed = lexLine(raw.endsWith("\r") ? raw.slice(0, -1) : raw);
    const line = index + 1;
    if (lexed.error !== undefined) {
      errors.push({ file, line, ...lexed.error });
      continue;
    }
    if (lexed.tokens.length === 1) continue;
    const cursor: Cursor = { tokens: lexed.tokens, at: 0, error: undefined };
    const statement = parseLine(cursor, line, lexed.text);
    if (cursor.error === undefined && peek(cursor).kind !== "end") expected(cursor, "the end of the line");
    const isEnd = statement === END;
    if (isEnd && block === undefined) fail(cursor, 1, "expected together before end");
    if (!isEnd && statement.action.kind === "together" && block !== undefined)
      fail(cursor, 1, "expected end, found together");
    if (cursor.error !== undefined) {
      errors.push({ file, line, ...(cursor.error as { column: number; message: string }) });
      continue;
    }
    if (isEnd) block = undefined;
    else (block ?? statements).push(statement);
    if (!isEnd && statement.action.kind === "together") block = statement.action.lines as Statement[];
  }
  if (block !== undefined) errors.push({ file, line: lines.length, column: 1, message: "expected end" });
  return { script: { file, statements }, errors };
}

/** What `end` parses to. */
const END: Statement = { line: 0, text: "end", action: { kind: "together", lines: [] } };

/** A statement, the head of a `together`, or END. */
function parseLine(cursor: Cursor, line: number, text: string): Statement {
  const first = peek(cursor).text;
  if (first !== "together" && first !== "end") return parseStatement(cursor, line, text);
  cursor.at++;
  return first === "end" ? END : { line, text, action: { kind: "together", lines: [] } };
}

function parseStatement(cursor: Cursor, line: number, text: string): Statement {
  const second = cursor.tokens[1];
  if (peek(cursor).kind === "name" && second?.text === ":" && second.kind === "punctuation") {
    const task = word(cursor, "a task");
    cursor.at++;
    return { line, text, task, action: parseAction(cursor) };
  }
  return { line, text, action: parseAction(cursor) };
}

const DIRECTIVES = new Set(["file", "drop", "warm", "sysctl", "swap", "cgroup", "watch"]);
/** The highest priority a swap area can have. */
const MOST_PRIO = 32767;
const SHAPES: ReadonlySet<string> = new Set(["scan", "stride", "loop", "uniform", "zipf"]);
const OPS: ReadonlySet<string> = new Set(["load", "store", "fetch", "mix"]);

function parseAction(cursor: Cursor): Action {
  const first = peek(cursor);
  if (first.kind !== "name") return nothing(cursor, "a statement");
  if (DIRECTIVES.has(first.text)) {
    return cursor.at > 0
      ? nothing(cursor, "a call, an access, enter or show after the task")
      : parseDirective(cursor);
  }
  if (first.text === "show") return parseShow(cursor);
  if (first.text === "enter") {
    cursor.at++;
    return { kind: "enter", group: groupWord(cursor) };
  }
  if (first.text === "oom_score_adj") {
    cursor.at++;
    const sign = accept(cursor, "-") ? -1 : 1;
    return { kind: "adjust", value: sign * numberWord(cursor, "a number") };
  }
  let isFatal = false;
  if (first.text === "fatal") {
    isFatal = true;
    cursor.at++;
  }
  const head = peek(cursor);
  if (head.text === "load" || head.text === "store" || head.text === "fetch")
    return parseAccess(cursor, isFatal, head.text);
  if (SHAPES.has(head.text)) return parsePattern(cursor, isFatal, head.text as PatternShape);
  if (isFatal) return nothing(cursor, "an access after fatal");
  return parseCall(cursor);
}

function parseDirective(cursor: Cursor): Action {
  const kind = word(cursor, "a directive").text;
  switch (kind) {
    case "sysctl":
      return parseSysctl(cursor);
    case "swap":
      return parseSwap(cursor);
    case "cgroup":
      return parseCgroup(cursor);
    case "watch":
      return parseWatch(cursor);
    default: {
      const file = word(cursor, "the name of a file");
      if (kind !== "file") return { kind: kind as "drop" | "warm", file };
      return { kind: "file", file, size: parseExpr(cursor, "a size") };
    }
  }
}

function parseSysctl(cursor: Cursor): Action {
  const path = dotted(cursor, "the name of a sysctl");
  need(cursor, "=");
  const sign = accept(cursor, "-") ? -1 : 1;
  return { kind: "sysctl", path, value: sign * numberWord(cursor, "a number") };
}

function parseSwap(cursor: Cursor): Action {
  const size = parseExpr(cursor, "a size");
  let prio = -1;
  let isZram = false;
  let limitBytes = 0;
  while (peek(cursor).kind !== "end" && cursor.error === undefined) {
    const option = peek(cursor).text;
    if (option === "zram") {
      cursor.at++;
      isZram = true;
    } else if (option === "prio") prio = parsePrio(cursor);
    else if (option === "mem_limit" && isZram) {
      cursor.at++;
      need(cursor, "=");
      limitBytes = numberWord(cursor, "a size");
    } else return nothing(cursor, isZram ? "prio or mem_limit" : "prio or zram");
  }
  return { kind: "swap", size, prio, isZram, limitBytes };
}

function parsePrio(cursor: Cursor): number {
  cursor.at++;
  need(cursor, "=");
  const column = peek(cursor).column;
  const prio = numberWord(cursor, "a priority");
  if (prio > MOST_PRIO) fail(cursor, column, `expected prio from 0 to ${MOST_PRIO}, found ${prio}`);
  return prio;
}

function parseCgroup(cursor: Cursor): Action {
  const group = groupWord(cursor);
  const settings: CgroupSetting[] = [];
  while (peek(cursor).kind !== "end" && cursor.error === undefined) {
    const file = dotted(cursor, "a file of the cgroup");
    need(cursor, "=");
    const isMax = peek(cursor).text === "max";
    settings.push({ file, value: isMax ? "max" : numberWord(cursor, "a number or max") });
    if (isMax) cursor.at++;
  }
  return { kind: "cgroup", group, settings };
}

/** `watch NAME GROUP FILE` and what the file takes besides. */
function parseWatch(cursor: Cursor): Action {
  const watch = word(cursor, "the name of a watch");
  const group = groupWord(cursor);
  const file = dotted(cursor, "a file of the cgroup");
  const args: string[] = [];
  while (peek(cursor).kind !== "end" && cursor.error === undefined)
    args.push(
      peek(cursor).kind === "number"
        ? String(numberWord(cursor, "a number"))
        : word(cursor, "a word or a number").text,
    );
  return { kind: "watch", watch, group, file, args: args.join(",") };
}

/** `NAME.NAME` as one word. */
function dotted(cursor: Cursor, what: string): string {
  let path = word(cursor, what).text;
  while (accept(cursor, ".")) path += `.${word(cursor, "the rest of the name").text}`;
  return path;
}

/** `NAME/NAME`, a cgroup, as one word. */
function groupWord(cursor: Cursor): Word {
  const { text, column } = word(cursor, "the name of a cgroup");
  let path = text;
  while (accept(cursor, "/")) path += `/${word(cursor, "the rest of the cgroup's name").text}`;
  return { text: path, column };
}

function parseShow(cursor: Cursor): Action {
  cursor.at++;
  const view = word(cursor, "what to show").text;
  switch (view) {
    case "maps":
    case "smaps_rollup":
    case "status":
    case "statm":
    case "faults":
    case "swaps":
    case "totals":
    case "dmesg":
    case "zram":
      return { kind: "show", view };
    case "pressure": {
      if (peek(cursor).text !== "cgroup") return { kind: "show", view };
      cursor.at++;
      return { kind: "show", view, group: groupWord(cursor) };
    }
    case "cgroup": {
      const group = groupWord(cursor);
      const file = dotted(cursor, "a file of the group");
      return { kind: "show", view, group, file, fields: names(cursor) };
    }
    case "smaps": {
      if (peek(cursor).kind === "end") return { kind: "show", view };
      const address = parseExpr(cursor, "an address");
      if (peek(cursor).kind === "end") return { kind: "show", view, address };
      return { kind: "show", view, address, length: parseExpr(cursor, "a length") };
    }
    case "pagemap": {
      const address = parseExpr(cursor, "an address");
      return { kind: "show", view, address, length: parseExpr(cursor, "a length") };
    }
    case "watched":
      return { kind: "show", view, watch: word(cursor, "the name of a watch") };
    case "cached":
      return { kind: "show", view, file: word(cursor, "the name of a file") };
    case "vmstat":
    case "meminfo": {
      return { kind: "show", view, fields: [word(cursor, "a field"), ...names(cursor)] };
    }
    default:
      cursor.at--;
      return nothing(
        cursor,
        "maps, smaps, smaps_rollup, status, statm, faults, pagemap, cached, vmstat, meminfo, cgroup, swaps, pressure, totals, dmesg, watched or zram",
      );
  }
}

/** The names up to the end of the line. */
function names(cursor: Cursor): Word[] {
  const found: Word[] = [];
  while (peek(cursor).kind === "name") found.push(word(cursor, "a field"));
  return found;
}

function parseAccess(cursor: Cursor, isFatal: boolean, op: "load" | "store" | "fetch"): Action {
  cursor.at++;
  const address = parseExpr(cursor, "an address");
  const length = parseExpr(cursor, "a length");
  if (op !== "store" || peek(cursor).kind === "end") return { kind: "access", isFatal, op, address, length };
  return { kind: "access", isFatal, op, address, length, value: parseExpr(cursor, "a value") };
}

function parsePattern(cursor: Cursor, isFatal: boolean, shape: PatternShape): Action {
  cursor.at++;
  const opWord = peek(cursor);
  if (!OPS.has(opWord.text)) return nothing(cursor, "load, store, fetch or mix");
  const op = word(cursor, "load, store, fetch or mix").text as AccessOp;
  const address = parseExpr(cursor, "an address");
  const length = parseExpr(cursor, "a length");
  if (shape === "scan") {
    return { kind: "pattern", isFatal, shape, op, address, length, options: parseOptions(cursor, shape, op) };
  }
  const third = parseExpr(cursor, shape === "stride" ? "a step" : "a number of accesses");
  return {
    kind: "pattern",
    isFatal,
    shape,
    op,
    address,
    length,
    third,
    options: parseOptions(cursor, shape, op),
  };
}

function parseOptions(cursor: Cursor, shape: PatternShape, op: AccessOp): PatternOptions {
  const values: Record<string, number> = { seed: 1, theta: 900, writes: 30 };
  const most: Record<string, number> = { seed: 4294967295, theta: 5000, writes: 100 };
  while (peek(cursor).kind !== "end" && cursor.error === undefined) {
    const name = word(cursor, "an option");
    const isKnown =
      (name.text === "seed" && (op === "mix" || shape === "uniform" || shape === "zipf")) ||
      (name.text === "theta" && shape === "zipf") ||
      (name.text === "writes" && op === "mix");
    if (!isKnown) fail(cursor, name.column, `expected an option of ${shape} ${op}, found ${name.text}`);
    need(cursor, "=");
    const column = peek(cursor).column;
    const value = numberWord(cursor, "a number");
    if (isKnown && value > most[name.text]!)
      fail(cursor, column, `expected ${name.text} from 0 to ${most[name.text]}, found ${value}`);
    values[name.text] = value;
  }
  return { seed: values.seed!, theta: values.theta!, writes: values.writes! };
}

function parseCall(cursor: Cursor): Action {
  let bind: Word | undefined;
  if (cursor.tokens[cursor.at + 1]?.text === "=") {
    bind = word(cursor, "a name");
    cursor.at++;
  }
  const name = peek(cursor);
  if (name.kind !== "name" || !CALLS.has(name.text)) {
    return nothing(cursor, bind === undefined ? "a statement" : "a system call");
  }
  cursor.at++;
  need(cursor, "(");
  const args: Arg[] = [];
  if (!accept(cursor, ")")) {
    do args.push(parseArg(cursor));
    while (cursor.error === undefined && accept(cursor, ","));
    need(cursor, ")", '"," or ")"');
  }
  const action: CallAction = { kind: "call", name: name.text, column: name.column, args };
  return bind === undefined ? action : { ...action, bind };
}

function parseArg(cursor: Cursor): Arg {
  const token = peek(cursor);
  if (token.kind !== "string") return parseExpr(cursor, "an argument");
  cursor.at++;
  return { kind: "string", text: token.text, column: token.column };
}

/** Operators by how tightly they bind, loosest first. */
const LEVELS: readonly (readonly string[])[] = [["|"], ["+", "-"], ["*"]];

function parseExpr(cursor: Cursor, what: string, level = 0): Expr {
  const operators = LEVELS[level];
  if (operators === undefined) return parseUnary(cursor, what);
  let left = parseExpr(cursor, what, level + 1);
  while (
    peek(cursor).kind === "punctuation" &&
    operators.includes(peek(cursor).text) &&
    cursor.error === undefined
  ) {
    const operator = peek(cursor).text as "+" | "-" | "*" | "|";
    cursor.at++;
    left = {
      kind: "binary",
      operator,
      left,
      right: parseExpr(cursor, "a number or a name", level + 1),
      column: left.column,
    };
  }
  return left;
}

function parseUnary(cursor: Cursor, what: string): Expr {
  const token = peek(cursor);
  if (accept(cursor, "-"))
    return { kind: "negate", operand: parsePrimary(cursor, "a number or a name"), column: token.column };
  return parsePrimary(cursor, what);
}

function parsePrimary(cursor: Cursor, what: string): Expr {
  const token = peek(cursor);
  const column = token.column;
  if (token.kind === "number") {
    cursor.at++;
    return { kind: "number", value: token.value, column };
  }
  if (token.kind === "name") {
    cursor.at++;
    return { kind: "name", name: token.text, column };
  }
  if (accept(cursor, "(")) {
    const inner = parseExpr(cursor, what);
    need(cursor, ")");
    return inner;
  }
  expected(cursor, what);
  return { kind: "number", value: 0, column };
}

function peek(cursor: Cursor): Token {
  return cursor.tokens[Math.min(cursor.at, cursor.tokens.length - 1)]!;
}

function accept(cursor: Cursor, punctuation: string): boolean {
  const token = peek(cursor);
  if (token.kind !== "punctuation" || token.text !== punctuation) return false;
  cursor.at++;
  return true;
}

function need(cursor: Cursor, punctuation: string, what = JSON.stringify(punctuation)): void {
  if (!accept(cursor, punctuation)) expected(cursor, what);
}

function word(cursor: Cursor, what: string): Word {
  const token = peek(cursor);
  if (token.kind === "name") cursor.at++;
  else expected(cursor, what);
  return { text: token.text, column: token.column };
}

function numberWord(cursor: Cursor, what: string): number {
  const token = peek(cursor);
  if (token.kind === "number") cursor.at++;
  else expected(cursor, what);
  return token.value;
}

function nothing(cursor: Cursor, what: string): Action {
  expected(cursor, what);
  return { kind: "show", view: "faults" };
}

function expected(cursor: Cursor, what: string): void {
  const token = peek(cursor);
  const found =
    token.kind === "end" ? "end of line" : token.kind === "string" ? `"${token.text}"` : token.text;
  fail(cursor, token.column, `expected ${what}, found ${found}`);
}

function fail(cursor: Cursor, column: number, message: string): void {
  cursor.error ??= { column, message };
}
