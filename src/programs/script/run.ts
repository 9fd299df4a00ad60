/**
 * Runs a script on a booted machine and writes its transcript, one line after the other.
 * Doc: docs/script.md, sections 3 to 10
 */
import { BLOCKED, type Kernel, NONE, type Task, TASK_ZOMBIE } from "../../core/index.ts";
import type {
  AccessAction, Arg, CallAction, Directive, Expr, PatternAction, Script, ScriptError, ShowAction, Statement,
} from "./ast.ts";
import { stringsOf } from "./check.ts";
import {
  type AccessOutcome, adoptTask, cachedPages, callGuest, createGuest, dropFile, fetchGuest, fileInode, type Guest,
  killGuest, loadGuest, makeFile, readPagemap, runPattern, settle, showSystem, showText, storeGuest, taskOf, warmFile,
  writeSysctl,
} from "./guest.ts";
import { createPattern, EMPTY_FNV } from "./patterns.ts";
import { bindRegion, formatAddress, type Regions } from "./regions.ts";
import {
  basesLine, formatErrno, formatFnv, formatLoaded, formatSignal, formatWaitStatus, resultLine, shownLine, signalOf,
} from "./transcript.ts";
import {
  cachedLines, changeLine, fieldValues, kernelField, linesOf, maskMappings, memoryLines, pagemapLines, smapsBetween,
} from "./views.ts";
import { BASES, CALLS, CONSTANTS } from "./words.ts";

/** A task the script has a name for. Its row may be another's once it is reaped; its pid tells. */
interface NamedTask {
  readonly task: Task;
  readonly pid: number;
}

/** A running script. */
interface Run {
  readonly script: Script;
  readonly guest: Guest;
  readonly k: Kernel;
  readonly emit: (line: string) => void;
  /** Numbers by name: addresses, descriptors, pids. */
  readonly values: Map<string, number>;
  readonly regions: Regions;
  readonly tasks: Map<string, NamedTask>;
  /** By pid. */
  readonly taskNames: Map<number, string>;
  /** By task: minor and major faults at its last `show faults`. */
  readonly seenFaults: Map<Task, readonly [number, number]>;
  /** By file and field: the value at its last `show`. */
  readonly seenFields: Map<string, number>;
  /** Sysctls to put back: name and old value. */
  readonly changed: Map<string, number>;
  statement: Statement;
  error: ScriptError | undefined;
}

const NO_STATEMENT: Statement = { line: 0, text: "", action: { kind: "show", view: "faults" } };

/**
 * Runs a script that `readScript` found no error in. `emit` gets each line of the transcript as it is made. Returns the
 * error that stopped the script, if one did.
 */
export function runScript(k: Kernel, script: Script, emit: (line: string) => void): ScriptError | undefined {
  const guest = createGuest(k, stringsOf(script));
  if (typeof guest === "string") return { file: script.file, line: 1, column: 1, message: guest };
  const mainPid = k.task.pid[guest.main]!;
  const run: Run = {
    script, guest, k, emit,
    values: new Map(), regions: new Map(), tasks: new Map([["main", { task: guest.main, pid: mainPid }]]), taskNames: new Map([[mainPid, "main"]]),
    seenFaults: new Map(), seenFields: new Map(), changed: new Map(), statement: NO_STATEMENT, error: undefined,
  };
  run.values.set("main", mainPid);
  for (const name of BASES) {
    run.values.set(name, guest.bases[name]);
    bindRegion(run.regions, name, guest.bases[name], name === "text" ? 4096 : 0);
  }
  noteFields(run);
  markFaults(run, guest.main);
  emit(basesLine(guest.bases));
  for (const statement of script.statements) {
    runStatement(run, statement);
    if (run.error !== undefined) break;
    settle(k);
  }
  for (const [name, value] of run.changed) writeSysctl(k, name, value);
  return run.error;
}

function runStatement(run: Run, statement: Statement): void {
  run.statement = statement;
  const { action } = statement;
  if (action.kind === "file" || action.kind === "drop" || action.kind === "warm" || action.kind === "sysctl") {
    runDirective(run, action);
    return;
  }
  const task = runningTask(run, statement);
  if (task === NONE) return;
  const { minFlt, majFlt } = run.k.task;
  const pid = run.k.task.pid[task]!;
  const minor = minFlt[task]!;
  const major = majFlt[task]!;
  if (action.kind === "show") {
    const lines = showLines(run, task, action);
    if (run.error !== undefined) return;
    run.emit(statement.text);
    for (const line of lines) run.emit(shownLine(line));
    return;
  }
  const result =
    action.kind === "call" ? runCall(run, task, action) : action.kind === "access" ? runAccess(run, task, action) : runAccesses(run, task, action);
  if (run.error !== undefined) return;
  const isAlive = lives(run, { task, pid });
  const faults = isAlive ? { minor: minFlt[task]! - minor, major: majFlt[task]! - major } : { minor: 0, major: 0 };
  run.emit(resultLine(statement.text, result, faults));
}

/** The task a statement runs in, or NONE with an error. */
function runningTask(run: Run, statement: Statement): Task {
  const name = statement.task?.text ?? "main";
  const column = statement.task?.column ?? 1;
  const named = run.tasks.get(name);
  if (named === undefined) return stop(run, column, `no task is named ${name}`);
  if (!lives(run, named)) return stop(run, column, `task ${name} has ended`);
  return named.task;
}

function lives(run: Run, named: NamedTask): boolean {
  return taskOf(run.k, named.pid) === named.task && run.k.task.state[named.task] !== TASK_ZOMBIE;
}

function runDirective(run: Run, action: Directive): void {
  let result = 0;
  if (action.kind === "sysctl") result = setSysctl(run, action.path, action.value);
  else if (action.kind === "file") {
    const sizeBytes = evaluate(run, action.size);
    if (run.error === undefined && sizeBytes < 0) stop(run, action.size.column, `expected a size, found ${sizeBytes}`);
    else if (run.error === undefined) result = makeFile(run.k, action.file.text, sizeBytes);
  } else if (action.kind === "drop") dropFile(run.k, fileInode(run.k, action.file.text));
  else warmFile(run.k, fileInode(run.k, action.file.text));
  if (run.error !== undefined) return;
  run.emit(resultLine(run.statement.text, result < 0 ? formatErrno(result) : "ok", { minor: 0, major: 0 }));
}

function setSysctl(run: Run, name: string, value: number): number {
  const before = Number(showSystem(run.k, `/proc/sys/${name.replaceAll(".", "/")}`));
  const result = writeSysctl(run.k, name, value);
  if (result === 0 && !run.changed.has(name)) run.changed.set(name, before);
  return result;
}

function runCall(run: Run, task: Task, action: CallAction): string {
  const word = CALLS.get(action.name)!;
  const args = evaluateArgs(run, action.args);
  if (run.error !== undefined) return "";
  const result = callGuest(run.k, task, word.nr, args);
  if (word.result === "exit") return "?";
  if (result === BLOCKED) {
    stop(run, action.column, `${action.name} would wait for ever`);
    return "";
  }
  if (result < 0) return formatErrno(result);
  if (word.result === "task") return bindTask(run, action, result);
  const text = formatResult(run, task, word.result, result);
  if (action.bind !== undefined) {
    run.values.set(action.bind.text, result);
    if (word.result === "region") bindRegion(run.regions, action.bind.text, result, args[1] as number);
    else if (word.result === "break") bindRegion(run.regions, action.bind.text, result, 0);
    else run.regions.delete(action.bind.text);
  }
  return text;
}

function formatResult(run: Run, task: Task, kind: string, result: number): string {
  if (kind === "region" || kind === "break") return formatAddress(run.regions, result);
  if (kind === "pid") return run.taskNames.get(result) ?? String(result);
  if (kind === "wait" && result > 0) {
    return `${run.taskNames.get(result) ?? String(result)} ${formatWaitStatus(run.k.task.waitStatus[task]!)}`;
  }
  return String(result);
}

/** Names the new task and lets it execute its first instruction. */
function bindTask(run: Run, action: CallAction, pid: number): string {
  const name = action.bind!.text;
  const task = adoptTask(run.k, pid);
  run.tasks.set(name, { task, pid });
  run.taskNames.set(pid, name);
  run.values.set(name, pid);
  markFaults(run, task);
  return name;
}

function runAccess(run: Run, task: Task, action: AccessAction): string {
  const { k } = run;
  const address = evaluate(run, action.address);
  const length = evaluate(run, action.length);
  const value = action.value === undefined ? 1 : evaluate(run, action.value);
  if (run.error !== undefined) return "";
  if (length < 1) stop(run, action.length.column, `expected a length of at least 1, found ${length}`);
  if (value < 0 || value > 4294967295) stop(run, action.value!.column, `expected a value of 32 bits, found ${value}`);
  if (run.error !== undefined) return "";
  const range = { address, length };
  if (action.op === "load") {
    const head = new Uint8Array(8);
    const outcome = loadGuest(k, task, range, head, EMPTY_FNV);
    return outcome.code < 0 ? signalled(run, task, outcome, action.isFatal) : formatLoaded(head, length, outcome.hash);
  }
  const outcome = action.op === "store" ? storeGuest(k, task, range, value) : fetchGuest(k, task, range);
  return outcome.code < 0 ? signalled(run, task, outcome, action.isFatal) : "ok";
}

function runAccesses(run: Run, task: Task, action: PatternAction): string {
  const address = evaluate(run, action.address);
  const length = evaluate(run, action.length);
  const third = action.third === undefined ? 0 : evaluate(run, action.third);
  if (run.error !== undefined) return "";
  const { shape, op, options } = action;
  const pattern = createPattern({ shape, op, address, length, third, options });
  if (typeof pattern === "string") {
    stop(run, action.address.column, pattern);
    return "";
  }
  const outcome = runPattern(run.k, task, pattern, EMPTY_FNV);
  if (outcome.code === 0) return `${outcome.done} accesses ${formatFnv(outcome.hash)}`;
  return signalled(run, task, outcome, action.isFatal, ` after ${outcome.done}`);
}

/** The result of an access that got a signal; delivers it when the statement says so. */
function signalled(run: Run, task: Task, outcome: AccessOutcome, isFatal: boolean, after = ""): string {
  const text = formatSignal(run.regions, outcome.code, outcome.address) + after;
  if (!isFatal) return text;
  killGuest(run.k, task, signalOf(outcome.code));
  return `${text} killed`;
}

function showLines(run: Run, task: Task, action: ShowAction): string[] {
  const { k } = run;
  switch (action.view) {
    case "maps":
    case "smaps_rollup":
      return maskMappings(linesOf(showText(k, task, action.view)));
    case "smaps":
      return smapsLines(run, task, action);
    case "status":
      return memoryLines(linesOf(showText(k, task, "status")));
    case "statm":
      return linesOf(showText(k, task, "statm"));
    case "faults":
      return faultLines(run, task);
    case "pagemap": {
      const address = evaluate(run, action.address);
      const end = address + evaluate(run, action.length);
      if (run.error !== undefined) return [];
      const start = Math.floor(address / 4096) * 4096;
      return pagemapLines(run.regions, start, readPagemap(k, task, start, Math.ceil(end / 4096) * 4096));
    }
    case "cached": {
      const { pages, isCached } = cachedPages(k, fileInode(k, action.file.text));
      return cachedLines(pages, isCached);
    }
    case "vmstat":
    case "meminfo":
      return fieldLines(run, action.view, action.fields);
  }
}

function smapsLines(run: Run, task: Task, action: { readonly address?: Expr; readonly length?: Expr }): string[] {
  const lines = linesOf(showText(run.k, task, "smaps"));
  if (action.address === undefined) return maskMappings(lines);
  const start = evaluate(run, action.address);
  const length = action.length === undefined ? 1 : evaluate(run, action.length);
  return maskMappings(smapsBetween(lines, start, start + length));
}

function faultLines(run: Run, task: Task): string[] {
  const [minor, major] = run.seenFaults.get(task)!;
  const { minFlt, majFlt } = run.k.task;
  const lines = [`minor ${minFlt[task]! - minor}`, `major ${majFlt[task]! - major}`];
  markFaults(run, task);
  return lines;
}

function markFaults(run: Run, task: Task): void {
  run.seenFaults.set(task, [run.k.task.minFlt[task]!, run.k.task.majFlt[task]!]);
}

/** The fields a script shows, as they are when it starts. */
function noteFields(run: Run): void {
  for (const { action } of run.script.statements) {
    if (action.kind === "show" && (action.view === "vmstat" || action.view === "meminfo")) {
      fieldLines(run, action.view, action.fields, true);
    }
  }
}

function fieldLines(
  run: Run,
  view: "vmstat" | "meminfo",
  fields: readonly { readonly text: string; readonly column: number }[],
  isFirst = false,
): string[] {
  const values = fieldValues(showSystem(run.k, `/proc/${view}`));
  const lines: string[] = [];
  for (const field of fields) {
    const now = values.get(view === "meminfo" ? kernelField(field.text) : field.text);
    if (now === undefined) {
      if (!isFirst) stop(run, field.column, `${view} has no field ${field.text}`);
      continue;
    }
    const key = `${view} ${field.text}`;
    lines.push(changeLine(field.text, now - (run.seenFields.get(key) ?? now)));
    run.seenFields.set(key, now);
  }
  return lines;
}

function evaluateArgs(run: Run, args: readonly Arg[]): (number | string)[] {
  return args.map((arg) => (arg.kind === "string" ? arg.text : evaluate(run, arg)));
}

/** The value of an expression; 0 with an error when it has none. */
function evaluate(run: Run, expr: Expr): number {
  switch (expr.kind) {
    case "number":
      return expr.value;
    case "name": {
      const value = run.values.get(expr.name) ?? CONSTANTS.get(expr.name);
      return value ?? stop(run, expr.column, `${expr.name} is not bound: the call that should have bound it failed`);
    }
    case "negate":
      return 0 - evaluate(run, expr.operand);
    case "binary": {
      const value = applyOperator(run, expr, evaluate(run, expr.left), evaluate(run, expr.right));
      return Number.isSafeInteger(value) ? value : stop(run, expr.column, "expected a number below 2^53");
    }
  }
}

function applyOperator(run: Run, expr: Expr & { readonly kind: "binary" }, left: number, right: number): number {
  if (expr.operator === "+") return left + right;
  if (expr.operator === "-") return left - right;
  if (expr.operator === "*") return left * right;
  if (left < 0 || right < 0 || left > 2147483647 || right > 2147483647) {
    return stop(run, expr.column, "expected numbers from 0 to 2^31 - 1 beside |");
  }
  return left | right;
}

function stop(run: Run, column: number, message: string): 0 {
  run.error ??= { file: run.script.file, line: run.statement.line, column, message };
  return 0;
}
