/**
 * Lines that run at the same time: each task's in order, all tasks side by side on the machine's CPUs.
 *
 *   a: zipf …      the scheduler gives a a turn, b another, … ; a pattern goes on where its last turn ended, at most
 *                  64 accesses long, as on a real kernel, where the controller hands them out in such batches
 *   b: scan …      a call is made in one turn, and asked again when what it waits for is done
 *
 * Doc: docs/script.md, section 8a
 */
import {
  type Kernel,
  NONE,
  panicMessage,
  TASK_INTERRUPTIBLE,
  TASK_RUNNING,
  TASK_ZOMBIE,
  type Task,
} from "../../core/index.ts";
import {
  drive,
  type Program,
  type Programs,
  TURN_BLOCKED,
  TURN_ENDED,
  TURN_OVER,
  TURN_YIELDED,
} from "../driver.ts";
import type { AccessAction, CallAction, PatternAction, Statement } from "./ast.ts";
import {
  type AccessOutcome,
  BATCH_ACCESSES,
  continuePattern,
  type RunningPattern,
  startPattern,
} from "./guest.ts";
import { createPattern, EMPTY_FNV } from "./patterns.ts";
import { evaluate, isDropped, lives, runningTask, type Session, stop } from "./session.ts";
import { formatFnv, formatSignal, resultLine } from "./transcript.ts";

/** What a task does beside others. */
type Act = CallAction | AccessAction | PatternAction;
/** Does a call or a plain access to its end; the result as the transcript writes it. */
type Alone = (session: Session, task: Task, action: Act) => string;

/** One line: its pattern once it has begun, its result once it is over, and the faults it took. */
interface Line {
  readonly statement: Statement;
  readonly task: Task;
  hasBegun: boolean;
  running: RunningPattern | undefined;
  result: string | undefined;
  minor: number;
  major: number;
}

/** Runs the lines and emits them, with their results, in the order of the script. */
export function runTogether(
  session: Session,
  statement: Statement,
  statements: readonly Statement[],
  alone: Alone,
): void {
  const lines: Line[] = [];
  for (const each of statements) {
    session.statement = each;
    const task = isDropped(session, each) ? NONE : runningTask(session, each);
    if (session.error !== undefined) return;
    const blank = { hasBegun: false, running: undefined, result: undefined, minor: 0, major: 0 };
    lines.push({ statement: each, task, ...blank });
  }
  const programs: Programs = new Map();
  for (const { task } of lines) {
    if (task !== NONE && !programs.has(task))
      programs.set(
        task,
        programOf(
          session,
          lines.filter((line) => line.task === task),
          alone,
        ),
      );
  }
  const tasks = [...session.tasks.values()].filter((named) => lives(session, named));
  // All begin with equal claims on the CPUs, in the order of their rows: that in which they were made.
  const { vruntime } = session.k.task;
  const most = Math.max(...tasks.map(({ task }) => vruntime[task]!));
  for (const { task } of tasks) vruntime[task] = most;
  for (const { task } of tasks) if (!programs.has(task)) park(session.k, task);
  const { stuck } = drive(session.k, programs);
  if (stuck.length > 0)
    stop(session, 1, panicMessage(session.k) ?? "what runs together waits for memory for ever");
  for (const named of tasks) if (lives(session, named)) session.k.task.state[named.task] = TASK_RUNNING;
  meetClocks(session.k);
  session.statement = statement;
  if (session.error !== undefined) return;
  session.emit("together");
  for (const line of lines)
    session.emit(
      resultLine(line.statement.text, line.result ?? "dropped", { minor: line.minor, major: line.major }),
    );
  session.emit("end");
}

/** A task that has no line, or no more, sleeps while others run. */
function park(k: Kernel, task: Task): void {
  k.task.state[task] = TASK_INTERRUPTIBLE;
  k.task.waitUntilNs[task] = Number.POSITIVE_INFINITY;
}

/** The statement is over on all CPUs when it is on the last one. */
function meetClocks(k: Kernel): void {
  const { cpuNs } = k.clock;
  cpuNs.fill(Math.max(...cpuNs));
  for (let task = 1; task < k.task.rows[0]!; task++) k.task.waitUntilNs[task] = cpuNs[0]!;
}

/** The lines of one task as a program. */
function programOf(session: Session, lines: readonly Line[], alone: Alone): Program {
  let at = 0;
  return {
    run(k: Kernel, task: Task, untilNs: number): number {
      while (at < lines.length && session.error === undefined) {
        const line = lines[at]!;
        const { minFlt, majFlt } = k.task;
        const minor = minFlt[task]!;
        const major = majFlt[task]!;
        session.statement = line.statement;
        line.hasBegun = true;
        const outcome = step(session, line, untilNs, alone);
        if (k.task.state[task] === TASK_ZOMBIE || k.task.fatalSignal[task] !== 0) {
          line.minor = 0;
          line.major = 0;
          return TURN_ENDED;
        }
        line.minor += minFlt[task]! - minor;
        line.major += majFlt[task]! - major;
        if (outcome !== TURN_ENDED) return outcome;
        at++;
        if (k.clock.ns[0]! >= untilNs) break;
      }
      if (at < lines.length && session.error === undefined) return TURN_OVER;
      park(k, task);
      return TURN_ENDED;
    },
    end(): void {
      const line = lines[at];
      if (line === undefined || !line.hasBegun) return;
      line.result ??= line.running === undefined ? "SIGKILL" : `SIGKILL after ${line.running.outcome.done}`;
      line.minor = 0;
      line.major = 0;
    },
  };
}

/** Goes on with a line. TURN_ENDED: the line is over. */
function step(session: Session, line: Line, untilNs: number, alone: Alone): number {
  const action = line.statement.action as Act;
  if (action.kind !== "pattern") {
    line.result = alone(session, line.task, action);
    return TURN_ENDED;
  }
  if (line.running === undefined) {
    const running = beginPattern(session, action);
    if (running === undefined) return TURN_ENDED;
    running.stopAt = BATCH_ACCESSES;
    line.running = running;
  }
  const { running } = line;
  const outcome = continuePattern(session.k, line.task, running, untilNs, false);
  if (outcome === 0 && running.outcome.done === running.stopAt) {
    running.stopAt += BATCH_ACCESSES;
    return TURN_YIELDED;
  }
  if (outcome === 0) return TURN_OVER;
  if (outcome < 0) return TURN_BLOCKED;
  line.result = patternResult(session, running.outcome);
  return TURN_ENDED;
}

function beginPattern(session: Session, action: PatternAction): RunningPattern | undefined {
  const { shape, op, options } = action;
  const address = evaluate(session, action.address);
  const length = evaluate(session, action.length);
  const third = action.third === undefined ? 0 : evaluate(session, action.third);
  if (session.error !== undefined) return undefined;
  const pattern = createPattern({ shape, op, address, length, third, options });
  if (typeof pattern !== "string") return startPattern(pattern, EMPTY_FNV);
  stop(session, action.address.column, pattern);
  return undefined;
}

function patternResult(session: Session, outcome: AccessOutcome): string {
  if (outcome.code === 0) return `${outcome.done} accesses ${formatFnv(outcome.hash)}`;
  return `${formatSignal(session.regions, outcome.code, outcome.address)} after ${outcome.done}`;
}
