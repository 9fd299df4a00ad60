/**
 * Signals that end a process: sent here, delivered when the task would run again.
 *
 *   sendFatal            every thread is marked                      (a kill for memory, from any floor above)
 *   abi/process.ts       endSignalled: the marked ones end           (before anybody runs again: sched.ts)
 *
 * Linux: kernel/signal.c (6.12)   Doc: man 7 signal
 */
import type { Task } from "../base/types.ts";
import type { SpaceState } from "./state.ts";

/** Word of `k.task.rows`: 1 when some task was sent a fatal signal and has not ended yet. */
const SIGNALLED = 6;

/** Sends every thread of a process a signal that ends it. It ends before it would run again (abi/process.ts endSignalled). */
export function sendFatal(k: SpaceState, task: Task, signal: number): void {
  const { fatalSignal, nextThread, rows } = k.task;
  let thread = task;
  do {
    fatalSignal[thread] = signal;
    thread = nextThread[thread];
  } while (thread !== task);
  rows[SIGNALLED] = 1;
}

/** Whether some task was sent a fatal signal and has not ended yet. */
export function isSignalled(k: SpaceState): boolean {
  return k.task.rows[SIGNALLED] !== 0;
}

/** Everybody who was sent a fatal signal has ended. */
export function clearSignalled(k: SpaceState): void {
  k.task.rows[SIGNALLED] = 0;
}
