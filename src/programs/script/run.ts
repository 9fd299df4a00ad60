/**
 * Runs a script on a booted machine and writes its transcript, one line after the other.
 *
 *   statement -> task -> call | access | pattern | show -> result -> `STATEMENT = RESULT minor N major N`
 *
 * One task runs at a time, to the end of its statement; then the disks come to rest.
 * Doc: docs/script.md, sections 4 to 9
 */
import { BLOCKED, type Kernel, NONE, panicMessage, type Task } from "../../core/index.ts";
import type {
  AccessAction,
  AdjustAction,
  CallAction,
  Directive,
  EnterAction,
  PatternAction,
  Script,
  ScriptError,
  Statement,
} from "./ast.ts";
import { stringsOf } from "./check.ts";
import {
  type AccessOutcome,
  adoptTask,
  callGuest,
  createGuest,
  dropFile,
  fetchGuest,
  fileInode,
  killGuest,
  loadGuest,
  makeFile,
  runPattern,
  settle,
  showSystem,
  storeGuest,
  warmFile,
  writeSysctl,
} from "./guest.ts";
import { createPattern, EMPTY_FNV } from "./patterns.ts";
import { adjustScore, chooseHierarchy, enterCgroup, makeSwap, setCgroup, watchGroup } from "./pressure.ts";
import { bindRegion, formatAddress } from "./regions.ts";
import {
  createSession,
  evaluate,
  evaluateArgs,
  isDropped,
  lives,
  markFaults,
  runningTask,
  type Session,
  stop,
} from "./session.ts";
import { isOfTask, noteFields, noteTotals, showLines } from "./show.ts";
import { runTogether } from "./together.ts";
import {
  basesLine,
  formatErrno,
  formatFnv,
  formatLoaded,
  formatSignal,
  formatWaitStatus,
  isCanonical,
  resultLine,
  shownLine,
  signalOf,
} from "./transcript.ts";
import { BASES, CALLS, type ResultKind } from "./words.ts";

/** The result of an access to an address that no page table can map. */
const NOT_CANONICAL = "SIGSEGV SI_KERNEL";
/** Directives concern no task, so they have no faults. */
const ESRCH = 3;
const NO_FAULTS = { minor: 0, major: 0 };

/**
 * Runs a script that `readScript` found no error in. `emit` gets each line of the transcript as it is made. Returns the
 * error that stopped the script, if one did.
 */
export function runScript(k: Kernel, script: Script, emit: (line: string) => void): ScriptError | undefined {
  const guest = createGuest(k, stringsOf(script));
  if (typeof guest === "string") return { file: script.file, line: 1, column: 1, message: guest };
  const session = createSession(guest, script, emit);
  chooseHierarchy(guest.k, script);
  for (const name of BASES) {
    session.values.set(name, guest.bases[name]);
    bindRegion(session.regions, name, guest.bases[name], name === "text" ? 4096 : 0);
  }
  noteFields(session);
  noteTotals(session);
  markFaults(session, guest.main);
  emit(basesLine(guest.bases));
  for (const statement of script.statements) {
    session.statement = statement;
    runStatement(session, statement);
    const panic = panicMessage(k);
    if (panic !== undefined) stop(session, 1, panic);
    if (session.error !== undefined) break;
    settle(k);
  }
  for (const [name, value] of session.changed) writeSysctl(k, name, value);
  return session.error;
}

function runStatement(session: Session, statement: Statement): void {
  const { action, text } = statement;
  switch (action.kind) {
    case "file":
    case "drop":
    case "warm":
    case "swap":
    case "cgroup":
    case "watch":
    case "sysctl": {
      const result = runDirective(session, action);
      if (session.error !== undefined) return;
      session.emit(resultLine(text, result < 0 ? formatErrno(result) : "ok", NO_FAULTS));
      return;
    }
    case "show": {
      const isGone = isDropped(session, statement);
      const task = isGone ? NONE : runningTask(session, statement);
      if (task === NONE && !isGone) return;
      const lines = isGone && isOfTask(action.view) ? [] : showLines(session, task, action);
      if (session.error !== undefined) return;
      session.emit(text);
      for (const line of lines) session.emit(shownLine(line));
      return;
    }
    case "enter":
    case "adjust":
      runForTask(session, statement, action);
      return;
    case "together":
      runTogether(session, statement, action.lines, act);
      return;
    default: {
      if (isDropped(session, statement)) {
        session.emit(resultLine(text, "dropped", NO_FAULTS));
        return;
      }
      const task = runningTask(session, statement);
      if (task !== NONE) runCounted(session, task, action);
    }
  }
}

/** What is done to a task from outside; one that was killed is no longer there. */
function runForTask(session: Session, statement: Statement, action: EnterAction | AdjustAction): void {
  const isGone = isDropped(session, statement);
  const task = isGone ? NONE : runningTask(session, statement);
  if (task === NONE && !isGone) return;
  let result = -ESRCH;
  if (!isGone)
    result =
      action.kind === "enter"
        ? enterCgroup(session.k, task, action.group.text)
        : adjustScore(session.k, task, action.value);
  session.emit(resultLine(statement.text, result < 0 ? formatErrno(result) : "ok", NO_FAULTS));
}

/** Runs what a task does, and counts the faults it takes meanwhile; those of a task that ended nobody can read. */
function runCounted(session: Session, task: Task, action: CallAction | AccessAction | PatternAction): void {
  const { minFlt, majFlt, pid } = session.k.task;
  const named = { task, pid: pid[task] };
  const minor = minFlt[task];
  const major = majFlt[task];
  const result = act(session, task, action);
  if (session.error !== undefined) return;
  const faults = lives(session, named)
    ? { minor: minFlt[task] - minor, major: majFlt[task] - major }
    : NO_FAULTS;
  session.emit(resultLine(session.statement.text, result, faults));
}

/** Does the action; the result as the transcript writes it, "" with an error. */
function act(session: Session, task: Task, action: CallAction | AccessAction | PatternAction): string {
  if (action.kind === "call") return runCall(session, task, action);
  return action.kind === "access" ? runAccess(session, task, action) : runAccesses(session, task, action);
}

/** Returns 0 or a negative errno. */
function runDirective(session: Session, action: Directive): number {
  const { k } = session;
  switch (action.kind) {
    case "sysctl":
      return setSysctl(session, action.path, action.value);
    case "file": {
      const sizeBytes = evaluate(session, action.size);
      if (sizeBytes < 0) stop(session, action.size.column, `expected a size, found ${sizeBytes}`);
      session.files.add(action.file.text);
      return session.error === undefined ? makeFile(k, action.file.text, sizeBytes) : 0;
    }
    case "swap": {
      const sizeBytes = evaluate(session, action.size);
      return session.error === undefined ? makeSwap(k, { ...action, sizeBytes }) : 0;
    }
    case "cgroup":
      return setCgroup(k, action.group.text, action.settings);
    case "watch": {
      const watch = watchGroup(k, action.group.text, action.file, action.args);
      if (watch >= 0) session.watches.set(action.watch.text, watch);
      return watch;
    }
    case "drop":
      dropFile(k, fileInode(k, action.file.text));
      return 0;
    case "warm":
      warmFile(k, fileInode(k, action.file.text));
      return 0;
  }
}

/** Sets a tunable and remembers what it was, to put it back at the end. */
function setSysctl(session: Session, name: string, value: number): number {
  const before = Number(showSystem(session.k, `/proc/sys/${name.replaceAll(".", "/")}`));
  const result = writeSysctl(session.k, name, value);
  if (result === 0 && !session.changed.has(name)) session.changed.set(name, before);
  return result;
}

function runCall(session: Session, task: Task, action: CallAction): string {
  const { nr, result: kind } = CALLS.get(action.name)!;
  const args = evaluateArgs(session, action.args);
  if (session.error !== undefined) return "";
  const pid = session.k.task.pid[task];
  const result = callGuest(session.k, task, nr, args);
  if (kind === "exit") {
    session.exited.add(pid);
    return "?";
  }
  // Killed in the call, for want of memory.
  if (!lives(session, { task, pid })) return "SIGKILL";
  if (result === BLOCKED) {
    stop(session, action.column, `${action.name} would wait for ever`);
    return "";
  }
  if (result < 0) return formatErrno(result);
  if (kind === "wait" && result > 0) session.reaped.add(result);
  if (kind === "task") return bindTask(session, action, result);
  // Written before the name is bound: the earlier binding of the same name still counts.
  const text = formatResult(session, task, kind, result);
  if (action.bind !== undefined) bindResult(session, action.bind.text, kind, result, args[1] as number);
  return text;
}

function formatResult(session: Session, task: Task, kind: ResultKind, result: number): string {
  const nameOf = (pid: number) => session.taskNames.get(pid) ?? String(pid);
  if (kind === "region" || kind === "break") return formatAddress(session.regions, result);
  if (kind === "pid") return nameOf(result);
  if (kind === "wait" && result > 0) {
    return `${nameOf(result)} ${formatWaitStatus(session.k.task.waitStatus[task])}`;
  }
  return String(result);
}

function bindResult(session: Session, name: string, kind: ResultKind, result: number, length: number): void {
  session.values.set(name, result);
  if (kind === "region") bindRegion(session.regions, name, result, length);
  else if (kind === "break") bindRegion(session.regions, name, result, 0);
  else session.regions.delete(name);
}

/** Names the new task and lets it execute its first instruction. */
function bindTask(session: Session, action: CallAction, pid: number): string {
  const name = action.bind!.text;
  const task = adoptTask(session.k, pid);
  session.tasks.set(name, { task, pid });
  session.taskNames.set(pid, name);
  session.values.set(name, pid);
  markFaults(session, task);
  // What its first instruction took is counted nowhere.
  const { minFlt, majFlt } = session.k.task;
  addToStart(session, "minor", minFlt[task]);
  addToStart(session, "major", majFlt[task]);
  return name;
}

/** Raises what a figure of `show totals` is counted from. */
function addToStart(session: Session, figure: string, by: number): void {
  session.totals.set(figure, (session.totals.get(figure) ?? 0) + by);
}

function runAccess(session: Session, task: Task, action: AccessAction): string {
  const { k } = session;
  const address = evaluate(session, action.address);
  const length = evaluate(session, action.length);
  const value = action.value === undefined ? 1 : evaluate(session, action.value);
  if (length < 1) {
    stop(session, action.length.column, `expected a length of at least 1, found ${length}`);
  }
  if (action.value !== undefined && (value < 0 || value > 4294967295)) {
    stop(session, action.value.column, `expected a value of 32 bits, found ${value}`);
  }
  if (session.error !== undefined) return "";
  const range = { address, length, isQuiet: session.isQuiet };
  if (action.op === "load") {
    const head = new Uint8Array(8);
    const outcome = loadGuest(k, task, range, head, EMPTY_FNV);
    if (outcome.code < 0) return signalled(session, task, outcome, action.isFatal);
    return formatLoaded(head, length, outcome.hash);
  }
  const outcome = action.op === "store" ? storeGuest(k, task, range, value) : fetchGuest(k, task, range);
  return outcome.code < 0 ? signalled(session, task, outcome, action.isFatal) : "ok";
}

function runAccesses(session: Session, task: Task, action: PatternAction): string {
  const { shape, op, options } = action;
  const address = evaluate(session, action.address);
  const length = evaluate(session, action.length);
  const third = action.third === undefined ? 0 : evaluate(session, action.third);
  if (session.error !== undefined) return "";
  const pattern = createPattern({ shape, op, address, length, third, options });
  if (typeof pattern === "string") {
    stop(session, action.address.column, pattern);
    return "";
  }
  const outcome = runPattern(session.k, task, pattern, EMPTY_FNV, session.isQuiet);
  if (outcome.code === 0) return `${outcome.done} accesses ${formatFnv(outcome.hash)}`;
  return signalled(session, task, outcome, action.isFatal, ` after ${outcome.done}`);
}

/** The result of an access that got a signal; delivers it when the statement says so. */
function signalled(
  session: Session,
  task: Task,
  outcome: AccessOutcome,
  isFatal: boolean,
  after = "",
): string {
  const { regions, k } = session;
  // It was killed for want of memory while it waited.
  if (outcome.code === BLOCKED && isDropped(session, session.statement)) return `SIGKILL${after}`;
  if (outcome.code === BLOCKED) {
    stop(session, 1, panicMessage(k) ?? "the access would wait for memory for ever");
    return "";
  }
  const isThere = isCanonical(outcome.address, k.machine.levels);
  const signal = isThere ? formatSignal(regions, outcome.code, outcome.address) : NOT_CANONICAL;
  const text = signal + after;
  if (!isFatal) return text;
  killGuest(session.k, task, signalOf(outcome.code));
  return `${text} killed`;
}
