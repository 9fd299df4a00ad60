/**
 * Descriptor tables: which open file each number of a task stands for. Threads, and processes that asked for it, share one;
 * the last of them closes what is open.
 * Linux: fs/file.c (6.12)   Doc: Documentation/filesystems/files.rst
 */
import { NONE, type OpenFile, ROOT_MEMCG, type Task } from "../base/types.ts";
import { FDS, getFile, putFile } from "./file.ts";
import { KMEM_FILES, unchargeObject } from "./kmem.ts";
import type { SpaceState } from "./state.ts";
import type { TaskColumns } from "./task-state.ts";

/** Copies the open descriptors of one task's table into the empty table of another, each with a reference. */
export function copyFds(k: SpaceState, from: Task, to: Task): void {
  const { fds, fdTable } = k.task;
  for (let fd = 0; fd < FDS; fd++) {
    const file: OpenFile = fds[fdTable[from] * FDS + fd];
    if (file !== NONE) fds[fdTable[to] * FDS + fd] = getFile(k, file);
  }
}

/** Gives the task's share of its descriptor table back; the last share closes what is open. */
export function putFds(k: SpaceState, task: Task): void {
  const { fds, fdTable, fdTableUsers } = k.task;
  const table = fdTable[task];
  if (table === NONE) return;
  fdTable[task] = NONE;
  fdTableUsers[table]--;
  if (fdTableUsers[table] > 0) return;
  unchargeObject(k, k.task.tableMemcg[table], KMEM_FILES);
  k.task.tableMemcg[table] = ROOT_MEMCG;
  for (let fd = 0; fd < FDS; fd++) {
    const file = fds[table * FDS + fd];
    fds[table * FDS + fd] = NONE;
    if (file !== NONE) putFile(k, file);
  }
}

/** An unused descriptor table: the one with the task's own row number unless somebody else still uses that. */
export function freeFdTable(t: TaskColumns, task: Task): number {
  let table: number = task;
  while (t.fdTableUsers[table] > 0) table = table + 1 < t.fdTableUsers.length ? table + 1 : 1;
  return table;
}
