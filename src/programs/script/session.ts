/**
 * A running script: what it has named, what it has seen, and the values of its expressions.
 *
 * One name may stand for three things at once: a number (values), a piece of the address space (regions) that
 * addresses are written relative to, and a task.
 * Doc: docs/script.md, section 3
 */
import { dmesgEnd, type Kernel, NONE, TASK_ZOMBIE, type Task } from "../../core/index.ts";
import type { Arg, Expr, Script, ScriptError, Statement } from "./ast.ts";
import { type Guest, taskOf } from "./guest.ts";
import { isPressureScript } from "./pressure.ts";
import type { Regions } from "./regions.ts";
import { CONSTANTS } from "./words.ts";

/** A task the script has a name for. Its row may be another's once it is reaped; its pid tells. */
export interface NamedTask {
  readonly task: Task;
  readonly pid: number;
}

/** A running script. */
export interface Session {
  readonly script: Script;
  readonly guest: Guest;
  readonly k: Kernel;
  /** Gets each line of the transcript. */
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
  /** What `show totals` counts from, and the files made so far. */
  readonly totals: Map<string, number>;
  readonly files: Set<string>;
  /** Watches of cgroups, by name. */
  readonly watches: Map<string, number>;
  /** Tasks that ended themselves, by pid: others that are gone were killed. */
  readonly exited: Set<number>;
  /** Tasks that one of the script's tasks has waited for, by pid: their faults are the waiter's now. */
  readonly reaped: Set<number>;
  /** All disks come to rest after each access; in a pressure script, only between statements. */
  readonly isQuiet: boolean;
  /** The first kernel message that `show dmesg` has not printed yet. */
  seenMessages: number;
  /** The statement that runs. */
  statement: Statement;
  /** What stopped the script; the first error counts. */
  error: ScriptError | undefined;
}

const NO_STATEMENT: Statement = { line: 0, text: "", action: { kind: "show", view: "faults" } };

/** A session at the start of its script: only `main` has a name. */
export function createSession(guest: Guest, script: Script, emit: (line: string) => void): Session {
  const { k, main } = guest;
  const pid = k.task.pid[main];
  return {
    script,
    guest,
    k,
    emit,
    values: new Map([["main", pid]]),
    regions: new Map(),
    tasks: new Map([["main", { task: main, pid }]]),
    taskNames: new Map([[pid, "main"]]),
    seenFaults: new Map(),
    seenFields: new Map(),
    changed: new Map(),
    totals: new Map(),
    files: new Set(),
    watches: new Map(),
    exited: new Set(),
    reaped: new Set(),
    isQuiet: !isPressureScript(script),
    seenMessages: dmesgEnd(k),
    statement: NO_STATEMENT,
    error: undefined,
  };
}

/** Stops the script at the running statement. Returns 0, so that a computation can go on until it notices. */
export function stop(session: Session, column: number, message: string): 0 {
  session.error ??= { file: session.script.file, line: session.statement.line, column, message };
  return 0;
}

/** Whether the task still runs: neither a zombie nor reaped. */
export function lives(session: Session, named: NamedTask): boolean {
  return taskOf(session.k, named.pid) === named.task && session.k.task.state[named.task] !== TASK_ZOMBIE;
}

/** Whether the statement is for a task that was killed for want of memory: it is not done then. */
export function isDropped(session: Session, statement: Statement): boolean {
  const named = session.tasks.get(statement.task?.text ?? "main");
  if (named === undefined || lives(session, named)) return false;
  return !session.isQuiet && !session.exited.has(named.pid);
}

/** The task the statement runs in, or NONE with an error. */
export function runningTask(session: Session, statement: Statement): Task {
  const name = statement.task?.text ?? "main";
  const column = statement.task?.column ?? 1;
  const named = session.tasks.get(name);
  if (named === undefined)
    stop(session, column, `no task is named ${name}: the call that should have made it failed`);
  else if (lives(session, named)) return named.task;
  else stop(session, column, `task ${name} has ended`);
  return NONE;
}

/** Remembers the task's fault counts as seen. */
export function markFaults(session: Session, task: Task): void {
  session.seenFaults.set(task, [session.k.task.minFlt[task], session.k.task.majFlt[task]]);
}

/** The values of a call's arguments. */
export function evaluateArgs(session: Session, args: readonly Arg[]): (number | string)[] {
  return args.map((arg) => (arg.kind === "string" ? arg.text : evaluate(session, arg)));
}

/** The value of an expression; 0 with an error when it has none. */
export function evaluate(session: Session, expr: Expr): number {
  switch (expr.kind) {
    case "number":
      return expr.value;
    case "name": {
      const value = session.values.get(expr.name) ?? CONSTANTS.get(expr.name);
      if (value !== undefined) return value;
      return stop(
        session,
        expr.column,
        `${expr.name} is not bound: the call that should have bound it failed`,
      );
    }
    case "negate":
      return 0 - evaluate(session, expr.operand);
    case "binary": {
      const left = evaluate(session, expr.left);
      const right = evaluate(session, expr.right);
      const value = applyOperator(session, expr, left, right);
      return Number.isSafeInteger(value) ? value : stop(session, expr.column, "expected a number below 2^53");
    }
  }
}

function applyOperator(
  session: Session,
  expr: Expr & { readonly kind: "binary" },
  left: number,
  right: number,
): number {
  if (expr.operator === "+") return left + right;
  if (expr.operator === "-") return left - right;
  if (expr.operator === "*") return left * right;
  if (left < 0 || right < 0 || left > 2147483647 || right > 2147483647) {
    return stop(session, expr.column, "expected numbers from 0 to 2^31 - 1 beside |");
  }
  return left | right;
}
