/**
 * Being told of pressure. A program opens a pressure file, writes "some 150000 1000000" into it and waits with poll() until
 * the stall has grown by 150 ms within a second; the trigger lives as long as the file is open.
 *
 *   open and write: watchPressure        poll: isPressureReached        close: unwatchPressure
 *
 * Linux: kernel/sched/psi.c (6.12)   Doc: Documentation/accounting/psi.rst
 */
import { EINVAL, ENOENT } from "../base/errno.ts";
import { ROOT_MEMCG } from "../base/types.ts";
import { settlePsi } from "../reclaim/psi.ts";
import { PSI_CPU, PSI_IO, PSI_MEM } from "../reclaim/psi-group.ts";
import { createTrigger, destroyTrigger, type PressureOf, pollTrigger } from "../reclaim/psi-trigger.ts";
import { cgroupPath } from "./cgroup/directory.ts";
import type { AbiState } from "./state.ts";

/** Names of resources as the files have them. */
const RESOURCES: ReadonlyMap<string, number> = new Map([
  ["io", PSI_IO],
  ["memory", PSI_MEM],
  ["cpu", PSI_CPU],
]);
/** Bytes of a write that /proc/pressure takes, the last of which it drops: the line end, or the zero of a C string. */
const PROC_BYTES = 32;

/**
 * Opens a pressure file, of /proc/pressure or of a cgroup, and writes the trigger into it, as root. Returns a number for the
 * other two functions, or a negative errno: ENOENT no such file, EINVAL no trigger, or its window is none or above 10 s.
 */
export function watchPressure(k: AbiState, path: string, text: string): number {
  const inProc = RESOURCES.get(/^\/proc\/pressure\/(\w+)$/.exec(path)?.[1] ?? "");
  if (inProc !== undefined)
    return makeTrigger(k, { group: ROOT_MEMCG, resource: inProc }, text.slice(0, PROC_BYTES).slice(0, -1));
  const place = cgroupPath(k, path);
  const resource = RESOURCES.get(/^(\w+)\.pressure$/.exec(place?.rest ?? "")?.[1] ?? "");
  if (place === undefined || resource === undefined || k.psi.enabled[place.memcg] === 0) return -ENOENT;
  return makeTrigger(k, { group: place.memcg, resource }, text);
}

/** Whether the trigger was reached since this was asked last (poll() says POLLPRI). */
export function isPressureReached(k: AbiState, watch: number): boolean {
  settlePsi(k);
  return pollTrigger(k, watch);
}

/** Closes the file. */
export function unwatchPressure(k: AbiState, watch: number): void {
  destroyTrigger(k, watch);
}

/** What a write does when the file is closed right after it. Returns 0 or -EINVAL. */
export function tryTrigger(k: AbiState, of: PressureOf, text: string): number {
  const trigger = makeTrigger(k, of, text);
  if (trigger < 0) return trigger;
  destroyTrigger(k, trigger);
  return 0;
}

/** The same for a file of /proc/pressure. */
export function tryProcTrigger(k: AbiState, resource: number, text: string): number {
  return tryTrigger(k, { group: ROOT_MEMCG, resource }, text.slice(0, PROC_BYTES).slice(0, -1));
}

function makeTrigger(k: AbiState, of: PressureOf, text: string): number {
  return text === "" ? -EINVAL : createTrigger(k, of, text, true, settlePsi(k));
}
