/**
 * Drives tasks: the scheduler says whose turn it is, the task's program runs until the turn is over, the task waits or
 * ends, and the scheduler is told. A workload is a program a task; a program makes others when its task forks.
 *
 *   pickNext --> program.run(k, task, until) --> accountRun --> pickNext ...   until nobody can run any more
 *
 * `attempt` is the other way to run: one operation of one task, with everybody else standing still, waiting as long as
 * the disk takes. Scripts run like that.
 * Doc: docs/map.md
 */
import {
  accountRun,
  BLOCKED,
  beginTurn,
  type Kernel,
  NONE,
  pickNext,
  TASK_ZOMBIE,
  type Task,
  wake,
} from "../core/index.ts";

/** What became of a turn. */
export const TURN_OVER = 0;
export const TURN_BLOCKED = 1;
export const TURN_ENDED = 2;
/** The turn ends before its time, and the task can go on when the others have had theirs. */
export const TURN_YIELDED = 3;

/** What a task does when it has a turn. */
export interface Program {
  /**
   * Runs the task until the CPU's clock reaches `untilNs` (a little more is no harm), the task is BLOCKED, or it has
   * ended. Returns TURN_OVER, TURN_BLOCKED, TURN_ENDED or TURN_YIELDED. New tasks are put into `programs`.
   */
  run(k: Kernel, task: Task, untilNs: number, programs: Programs): number;
  /** The kernel ends the task with this signal before it would run again: last words. */
  readonly end?: (k: Kernel, signal: number) => void;
}

/** The program of every task that has one. */
export type Programs = Map<Task, Program>;

/** How driving ended. */
export interface DriveEnd {
  /** Tasks that still have a program but wait for something that never comes. */
  readonly stuck: readonly Task[];
  readonly turns: number;
}

/** Virtual time after which a turn is looked at, in ns. */
const SLICE_NS = 20_000;

/**
 * Runs all programs to their ends. `look` is called often while they run, several times a turn (progress, sampling);
 * driving stops when it returns false.
 */
export function drive(k: Kernel, programs: Programs, look?: () => boolean): DriveEnd {
  let turns = 0;
  let goesOn = true;
  let last: Task = NONE;
  let program: Program | undefined;
  while (goesOn && programs.size > 0) {
    const task = pickNext(k);
    // A task that waited for the disk mostly has the next turn, too: its program is known.
    if (task !== last) program = programs.get(task);
    if (task === NONE || program === undefined) break;
    const endNs = k.task.runEndNs[task]!;
    let outcome = TURN_OVER;
    do {
      outcome = program.run(k, task, Math.min(endNs, k.clock.ns[0]! + SLICE_NS), programs);
      goesOn = look === undefined || look();
      if (k.task.fatalSignal[task] !== 0) break;
    } while (goesOn && outcome === TURN_OVER && k.clock.ns[0]! < endNs);
    if (outcome === TURN_ENDED) programs.delete(task);
    last = outcome === TURN_ENDED || k.task.fatalSignal[task] !== 0 ? NONE : task;
    endPrograms(k, programs);
    accountRun(k, task);
    turns++;
  }
  return { stuck: [...programs.keys()], turns };
}

/** Forgets the programs of tasks that end with this turn, because somebody's memory ran out. */
function endPrograms(k: Kernel, programs: Programs): void {
  for (const task of programs.keys()) {
    const signal = k.task.fatalSignal[task]!;
    if (signal === 0) continue;
    const program = programs.get(task);
    programs.delete(task);
    program?.end?.(k, signal);
  }
}

/**
 * Does one operation of a task from beginning to end: begins a turn for it, asks again each time a disk request is
 * done, and ends the turn. Returns the operation's result, or BLOCKED when the task waits for another task or was killed.
 */
export function attempt(k: Kernel, task: Task, operation: () => number): number {
  beginTurn(k, task);
  let result = operation();
  while (result === BLOCKED && k.task.waitUntilNs[task] !== Number.POSITIVE_INFINITY) {
    const pid = k.task.pid[task]!;
    accountRun(k, task);
    // Whoever was killed while it waited does not come back.
    if (k.task.state[task] === TASK_ZOMBIE || k.task.pid[task] !== pid) return BLOCKED;
    beginTurn(k, task);
    result = operation();
  }
  accountRun(k, task);
  wake(k);
  return result;
}
