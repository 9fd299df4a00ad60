/**
 * The one door of the trees the kernel shows to programs and operators: list a directory, read a file, write a file.
 *
 *   /proc/PID/FILE, /proc/self/FILE, /proc/PID/task/TID/FILE     proc/tree.ts: TASK_FILES
 *   /proc/FILE                                                   proc/tree.ts: MACHINE_FILES
 *   /sys/fs/cgroup/PATH/FILE                                     cgroup/tree.ts; the one tree with directories to make
 *   /sys/kernel/debug/NAME                                       debugfs.ts, zswap-files.ts
 *   /sys/block/zramN/NAME                                        zram-files.ts
 *   /dev/kmsg                                                    base/dmesg.ts
 *   /proc/sys/vm/NAME, /proc/sys/kernel/NAME, /sys/…             sysctl.ts
 *
 * Linux: fs/proc/root.c, fs/proc/base.c, fs/proc/proc_sysctl.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { readKmsg } from "../base/dmesg.ts";
import { EACCES, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, EPERM } from "../base/errno.ts";
import { NONE, type Task } from "../base/types.ts";
import { findTask, initTask, leaderOf, TASK_FREE, taskRows } from "../space/task.ts";
import { wakeMemoryWaiters } from "../vm/fault-oom.ts";
import {
  type CgroupPath,
  cgroupMount,
  cgroupPath,
  childNames,
  makeCgroup,
  removeCgroup,
} from "./cgroup/directory.ts";
import { filesOf } from "./cgroup/tree.ts";
import { DEBUG_FILES, type DebugFile } from "./debugfs.ts";
import { MACHINE_FILES, TASK_FILES } from "./proc/tree.ts";
import { endSignalled } from "./process.ts";
import type { AbiState } from "./state.ts";
import { readSysctl, sysctlPaths, writeSysctl } from "./sysctl.ts";
import { zramFiles } from "./zram-files.ts";
import { zswapFiles } from "./zswap-files.ts";

/** The kernel's messages. */
const KMSG = "/dev/kmsg";

/** Who asks, and which bytes. */
export interface ReadOptions {
  /** The task that /proc/self names. */
  readonly self?: Task;
  /** For files that are not text: first byte (0 when absent) and bytes wanted (to the end when absent). */
  readonly offset?: number;
  readonly length?: number;
}

/** What a path below /proc/PID means: a task, whether as a thread, and the rest of the path. */
interface TaskPath {
  readonly task: Task;
  readonly isThread: boolean;
  readonly rest: string;
}

/**
 * The contents of a file. Text files come as a string, binary ones (pagemap) as bytes; pagemap needs `length`.
 * Returns a negative errno: ENOENT no such file, ESRCH the process has ended, EISDIR, EFBIG pagemap without a length,
 * EINVAL pagemap at a part of an entry.
 */
export function readFile(k: AbiState, path: string, options: ReadOptions = {}): string | Uint8Array | number {
  const clean = cleanPath(path);
  const inCgroup = cgroupPath(k, clean);
  if (inCgroup !== undefined) return readCgroup(k, inCgroup);
  const inTask = taskPath(k, clean, options.self ?? NONE);
  if (inTask !== undefined) {
    const file = TASK_FILES.find((row) => row.name === inTask.rest);
    if (file === undefined) return isDirectory(k, clean, options.self) ? -EISDIR : -ENOENT;
    const show = inTask.isThread ? (file.showThread ?? file.show) : file.show;
    return show(k, inTask.task, { offset: options.offset ?? 0, length: options.length ?? -1 });
  }
  if (clean === KMSG) return readKmsg(k);
  const file = MACHINE_FILES.find((row) => `/proc/${row.name}` === clean);
  if (file !== undefined) return file.show(k);
  const inDebug = specialFiles(k).find((row) => row.path === clean);
  if (inDebug !== undefined) return inDebug.show?.(k) ?? -EACCES;
  const text = readSysctl(k, clean);
  return text === -ENOENT && isDirectory(k, clean, options.self) ? -EISDIR : text;
}

/**
 * Names in a directory: files and directories in the order of their lists, tasks by number.
 * Returns a negative errno: ENOENT, ENOTDIR.
 */
export function listDirectory(k: AbiState, path: string, self: Task = NONE): string[] | number {
  const clean = cleanPath(path);
  const inCgroup = cgroupPath(k, clean);
  if (inCgroup !== undefined) return listCgroup(k, inCgroup);
  const inTask = taskPath(k, clean, self);
  if (inTask !== undefined) {
    if (inTask.rest === "")
      return [...(inTask.isThread ? [] : ["task"]), ...TASK_FILES.map((row) => row.name)];
    if (inTask.rest === "task" && !inTask.isThread) return threadIds(k, inTask.task);
    return TASK_FILES.some((row) => row.name === inTask.rest) ? -ENOTDIR : -ENOENT;
  }
  const prefix = clean === "/" ? "/" : `${clean}/`;
  const all = [
    KMSG,
    ...MACHINE_FILES.map((row) => `/proc/${row.name}`),
    ...sysctlPaths(k),
    cgroupMount(k),
    ...specialFiles(k).map((row) => row.path),
  ];
  const names = new Set(
    all.filter((file) => file.startsWith(prefix)).map((file) => file.slice(prefix.length).split("/")[0]),
  );
  if (clean === "/proc") for (const pid of processIds(k)) names.add(pid);
  if (names.size > 0) return [...names];
  return all.includes(clean) ? -ENOTDIR : -ENOENT;
}

/**
 * Writes a file, which for sysctls sets the tunable and for a cgroup does what the file is for. `self` is the task that
 * writes. Returns 0 or a negative errno: ENOENT, EISDIR, EACCES not writable, EINVAL no number or out of range, or what
 * the cgroup's file says.
 */
export function writeFile(k: AbiState, path: string, text: string, self: Task = NONE): number {
  const clean = cleanPath(path);
  const inCgroup = cgroupPath(k, clean);
  if (inCgroup !== undefined) {
    if (inCgroup.rest === "") return -EISDIR;
    const file = filesOf(k, inCgroup.memcg).find((row) => row.name === inCgroup.rest);
    // The tree's directories hold only what the kernel puts there: nobody can create a file.
    if (file === undefined) return inCgroup.rest.includes("/") ? -ENOENT : -EACCES;
    return file.write === undefined
      ? -EINVAL
      : writeAs(k, self, () => file.write!(k, inCgroup.memcg, text, self));
  }
  const inTask = taskPath(k, clean, self);
  const file = inTask && TASK_FILES.find((row) => row.name === inTask.rest);
  if (inTask !== undefined && file?.write !== undefined)
    return writeAs(k, self, () => file.write!(k, inTask.task, text));
  const inProc = MACHINE_FILES.find((row) => `/proc/${row.name}` === clean);
  if (inProc?.write !== undefined) return inProc.write(k, text);
  const inDebug = specialFiles(k).find((row) => row.path === clean);
  if (inDebug !== undefined)
    return inDebug.write === undefined ? -EACCES : writeAs(k, self, () => inDebug.write!(k, text));
  const result = writeSysctl(k, clean, text);
  if (result !== -ENOENT) return result;
  if (isDirectory(k, clean)) return -EISDIR;
  const isFile =
    MACHINE_FILES.some((row) => `/proc/${row.name}` === clean) || taskPath(k, clean, NONE) !== undefined;
  return isFile ? -EACCES : -ENOENT;
}

/** Does what a write is for in the name of a task; without one init does it, who is never the one that a kill hits. */
function writeAs(k: AbiState, self: Task, write: () => number): number {
  const { cpuTask } = k.task;
  const cpu = k.boot[2];
  const before = cpuTask[cpu];
  cpuTask[cpu] = self === NONE ? initTask(k) : self;
  const result = write();
  cpuTask[cpu] = before;
  // Nobody runs when an operator writes, so whom that killed ends now.
  if (self === NONE) endSignalled(k);
  wakeMemoryWaiters(k, true);
  return result;
}

/** A cgroup's file; root may open those that cannot be read, but not read them. */
function readCgroup(k: AbiState, { memcg, rest }: CgroupPath): string | number {
  if (rest === "") return -EISDIR;
  const file = filesOf(k, memcg).find((row) => row.name === rest);
  if (file === undefined) return -ENOENT;
  return file.show === undefined ? -EINVAL : file.show(k, memcg);
}

/** Files and cgroups in a cgroup. */
function listCgroup(k: AbiState, { memcg, rest }: CgroupPath): string[] | number {
  const files = filesOf(k, memcg).map((row) => row.name);
  if (rest === "") return [...files, ...childNames(k, memcg)];
  return files.includes(rest) ? -ENOTDIR : -ENOENT;
}

/** Files that are neither numbers to set nor in /proc. */
function specialFiles(k: AbiState): readonly DebugFile[] {
  return [...DEBUG_FILES, ...zswapFiles(k), ...zramFiles(k)];
}

/** Makes a cgroup. Returns 0 or a negative errno: EEXIST, EPERM outside the cgroup tree, and those of makeCgroup. */
export function makeDirectory(k: AbiState, path: string): number {
  const clean = cleanPath(path);
  if (cgroupPath(k, clean) === undefined) return isDirectory(k, clean) ? -EEXIST : -EPERM;
  return makeCgroup(k, clean);
}

/** Removes a cgroup. Returns 0 or a negative errno: EPERM outside the cgroup tree, and those of removeCgroup. */
export function removeDirectory(k: AbiState, path: string): number {
  const clean = cleanPath(path);
  return cgroupPath(k, clean) === undefined ? -EPERM : removeCgroup(k, clean);
}

/** The path without doubled and trailing slashes. */
function cleanPath(path: string): string {
  const clean = path.replace(/\/+/g, "/");
  return clean.length > 1 && clean.endsWith("/") ? clean.slice(0, -1) : clean;
}

function isDirectory(k: AbiState, path: string, self: Task = NONE): boolean {
  return typeof listDirectory(k, path, self) !== "number";
}

/** The task a path below /proc/PID names, or undefined when the path names none. */
function taskPath(k: AbiState, path: string, self: Task): TaskPath | undefined {
  const match = /^\/proc\/(self|[1-9][0-9]*)(?:\/task\/([1-9][0-9]*))?(?:\/(.*))?$/.exec(path);
  if (match === null) return undefined;
  const task = match[1] === "self" ? self : findTask(k, Number(match[1]));
  if (task === NONE) return undefined;
  const rest = match[3] ?? "";
  if (match[2] === undefined) return { task, isThread: false, rest };
  const thread = findTask(k, Number(match[2]));
  return thread === NONE || k.task.tgid[thread] !== k.task.tgid[task]
    ? undefined
    : { task: thread, isThread: true, rest };
}

/** Numbers of all processes, ascending. */
function processIds(k: AbiState): string[] {
  const { pid, tgid, state } = k.task;
  const ids: number[] = [];
  for (let task = 1; task < taskRows(k); task++)
    if (state[task] !== TASK_FREE && pid[task] === tgid[task]) ids.push(pid[task]);
  return ids.sort((a, b) => a - b).map(String);
}

/** Numbers of a process's threads, ascending. */
function threadIds(k: AbiState, task: Task): string[] {
  const { pid, nextThread } = k.task;
  const leader = leaderOf(k, task);
  const ids: number[] = [];
  let thread = leader;
  do {
    ids.push(pid[thread]);
    thread = nextThread[thread];
  } while (thread !== leader);
  return ids.sort((a, b) => a - b).map(String);
}
