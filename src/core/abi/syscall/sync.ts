/**
 * sync(2): all files are on their disks before the call returns.
 * Linux: fs/sync.c (6.12)   Doc: man 2 sync
 */
import type { Task } from "../../base/types.ts";
import { syncAll } from "../../vm/sync.ts";
import type { AbiState } from "../state.ts";

/** sync(). Returns 0, whatever the disks say, or BLOCKED. */
export function sysSync(k: AbiState, task: Task): number {
  return syncAll(k, task);
}
