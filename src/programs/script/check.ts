/**
 * The meaning of a script as far as reading tells it: every name is bound by an earlier line, tasks are tasks, files
 * are files, calls have their arguments. What is found here stops a script before anything runs.
 * Doc: docs/script.md, sections 3, 4 and 12
 */
import type {
  Action,
  Arg,
  CallAction,
  Expr,
  Script,
  ScriptError,
  ShowAction,
  Statement,
  Word,
} from "./ast.ts";
import { parseScript } from "./parser.ts";
import { BASES, CALLS, CONSTANTS, mayBind } from "./words.ts";

/** Calls that cannot stand between together and end. */
const ALONE: ReadonlySet<string> = new Set(["fork", "clone", "exit", "wait4"]);

interface Scope {
  readonly file: string;
  readonly errors: ScriptError[];
  /** Names that may stand in expressions, tasks among them. */
  readonly names: Set<string>;
  readonly tasks: Set<string>;
  readonly files: Set<string>;
  readonly groups: Set<string>;
  readonly watches: Set<string>;
  line: number;
}

/** Reads and checks a script. `errors` is empty when it may run; otherwise sorted by line. */
export function readScript(
  text: string,
  file: string,
): { readonly script: Script; readonly errors: readonly ScriptError[] } {
  const { script, errors } = parseScript(text, file);
  const all = [...errors, ...checkScript(script)];
  all.sort((left, right) => left.line - right.line || left.column - right.column);
  return { script, errors: all };
}

/** Everything wrong with the meaning of a script that parsed. */
export function checkScript(script: Script): readonly ScriptError[] {
  const scope: Scope = {
    file: script.file,
    errors: [],
    names: new Set([...BASES, "main"]),
    tasks: new Set(["main"]),
    files: new Set(),
    groups: new Set(),
    watches: new Set(),
    line: 0,
  };
  for (const statement of script.statements) checkStatement(scope, statement);
  return scope.errors;
}

/** Every distinct string of a script in order of first appearance: what follows argv[0] on the stub's stack. */
export function stringsOf(script: Script): readonly string[] {
  const found = new Set<string>();
  const all = script.statements.flatMap((each) =>
    each.action.kind === "together" ? each.action.lines : [each],
  );
  for (const { action } of all) {
    if (action.kind !== "call") continue;
    for (const arg of action.args) if (arg.kind === "string") found.add(arg.text);
  }
  return [...found];
}

function checkStatement(scope: Scope, statement: Statement): void {
  scope.line = statement.line;
  if (statement.task !== undefined && !scope.tasks.has(statement.task.text)) {
    report(scope, statement.task.column, `no task is named ${statement.task.text}`);
  }
  checkAction(scope, statement.action);
}

function checkAction(scope: Scope, action: Action): void {
  switch (action.kind) {
    case "call":
      checkCall(scope, action);
      return;
    case "access":
      checkExprs(scope, [action.address, action.length, action.value]);
      return;
    case "pattern":
      checkExprs(scope, [action.address, action.length, action.third]);
      return;
    case "show":
      checkShow(scope, action);
      return;
    case "file":
      checkExprs(scope, [action.size]);
      scope.files.add(action.file.text);
      return;
    case "drop":
    case "warm":
      checkFile(scope, action.file);
      return;
    case "sysctl":
      return;
    case "swap":
      checkExprs(scope, [action.size]);
      return;
    case "cgroup": {
      const parent = action.group.text.slice(0, Math.max(0, action.group.text.lastIndexOf("/")));
      if (parent !== "") checkGroup(scope, { ...action.group, text: parent });
      scope.groups.add(action.group.text);
      return;
    }
    case "watch":
      checkGroup(scope, action.group);
      scope.watches.add(action.watch.text);
      return;
    case "enter":
      checkGroup(scope, action.group);
      return;
    case "together":
      for (const line of action.lines) checkTogether(scope, line);
  }
}

/** A line that runs beside others: an access without `fatal`, or a call that makes, ends or waits for no task. */
function checkTogether(scope: Scope, statement: Statement): void {
  const { action } = statement;
  scope.line = statement.line;
  const isAccess = (action.kind === "access" || action.kind === "pattern") && !action.isFatal;
  const isCall = action.kind === "call" && !ALONE.has(action.name);
  if (!isAccess && !isCall)
    report(scope, 1, "expected an access, or a call that makes, ends or waits for no task");
  checkStatement(scope, statement);
}

function checkGroup(scope: Scope, group: Word): void {
  if (!scope.groups.has(group.text))
    report(scope, group.column, `no earlier line makes a group ${group.text}`);
}

function checkCall(scope: Scope, action: CallAction): void {
  const word = CALLS.get(action.name)!;
  if (action.args.length < word.required || action.args.length > word.args.length) {
    const count =
      word.required === word.args.length ? `${word.required}` : `${word.required} to ${word.args.length}`;
    report(
      scope,
      action.column,
      `expected ${count} arguments of ${action.name}, found ${action.args.length}`,
    );
  }
  for (const [index, arg] of action.args.entries()) checkArg(scope, arg, word.args[index]);
  if (word.result === "task" && action.bind === undefined) {
    report(
      scope,
      action.column,
      `expected a name for the new task (p = ${action.name}(…)), found ${action.name}`,
    );
  }
  if (action.bind !== undefined) bindName(scope, action.bind, word.result === "task");
}

function checkArg(scope: Scope, arg: Arg, wanted: "number" | "string" | undefined): void {
  if (arg.kind === "string") {
    if (wanted === "number") report(scope, arg.column, `expected a number, found "${arg.text}"`);
    return;
  }
  if (wanted === "string") report(scope, arg.column, "expected a path in quotes, found a number");
  checkExprs(scope, [arg]);
}

function bindName(scope: Scope, bind: Word, isTask: boolean): void {
  if (!mayBind(bind.text))
    report(scope, bind.column, `expected a free name, found ${bind.text}, which has a meaning of its own`);
  else if (scope.tasks.has(bind.text))
    report(scope, bind.column, `expected a free name, found ${bind.text}, which names a task`);
  scope.names.add(bind.text);
  if (isTask) scope.tasks.add(bind.text);
}

function checkShow(scope: Scope, action: ShowAction): void {
  if (action.view === "smaps" || action.view === "pagemap")
    checkExprs(scope, [action.address, action.length]);
  else if (action.view === "cached") checkFile(scope, action.file);
  else if (action.view === "cgroup") checkGroup(scope, action.group);
  else if (action.view === "watched") checkWatch(scope, action.watch);
  else if (action.view === "pressure" && action.group !== undefined) checkGroup(scope, action.group);
}

function checkWatch(scope: Scope, watch: Word): void {
  if (!scope.watches.has(watch.text))
    report(scope, watch.column, `no earlier line makes a watch ${watch.text}`);
}

function checkFile(scope: Scope, file: Word): void {
  if (!scope.files.has(file.text)) report(scope, file.column, `no earlier line makes a file ${file.text}`);
}

function checkExprs(scope: Scope, exprs: readonly (Expr | undefined)[]): void {
  for (const expr of exprs) if (expr !== undefined) checkExpr(scope, expr);
}

function checkExpr(scope: Scope, expr: Expr): void {
  switch (expr.kind) {
    case "number":
      return;
    case "name":
      if (!scope.names.has(expr.name) && !CONSTANTS.has(expr.name)) {
        report(scope, expr.column, `no earlier line binds ${expr.name}`);
      }
      return;
    case "negate":
      checkExpr(scope, expr.operand);
      return;
    case "binary":
      checkExpr(scope, expr.left);
      checkExpr(scope, expr.right);
      return;
  }
}

function report(scope: Scope, column: number, message: string): void {
  scope.errors.push({ file: scope.file, line: scope.line, column, message });
}
