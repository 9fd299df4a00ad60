/**
 * What pressure scripts have besides: areas for swap, memory cgroups, and the totals by which runs are compared.
 * Doc: docs/script.md, sections 8a and 10
 */
import {
  addSwapArea,
  addZramSwap,
  cgroupMount,
  isLegacy,
  type Kernel,
  makeDirectory,
  mountLegacyMemory,
  NONE,
  readPressureTotals,
  SWP_SOLIDSTATE,
  type Task,
  viewProcess,
  watchMemory,
  writeFile,
} from "../../core/index.ts";
import type { CgroupSetting, Script } from "./ast.ts";
import { OLD_GROUP_FILES } from "./words.ts";

const PAGE = 4096;
const EEXIST = 17;
const EINVAL = 22;
/** The priority of the first area without one of its own; each further one is lower. */
const FIRST_PRIO = -2;

/** Whether a script's transcript differs from run to run of a real kernel. */
export function isPressureScript(script: Script): boolean {
  return script.statements.some(
    ({ action }) =>
      ["swap", "cgroup", "together", "enter", "adjust", "watch"].includes(action.kind) ||
      (action.kind === "show" && action.view === "dmesg"),
  );
}

/** An area for swap: bytes, header included; its priority, or -1; whether it is a zram device, and bytes that may take (0: any). */
export interface SwapWish {
  readonly sizeBytes: number;
  readonly prio: number;
  readonly isZram: boolean;
  readonly limitBytes: number;
}

/** Makes the area and swaps it on; on a disk of its own where the machine has one, unless it is zram. Returns 0 or -errno. */
export function makeSwap(k: Kernel, { sizeBytes, prio, isZram, limitBytes }: SwapWish): number {
  if (sizeBytes % PAGE !== 0 || sizeBytes < 2 * PAGE) return -EINVAL;
  const areas = k.swap.path.filter((path) => path !== undefined && path !== "").length;
  const given = prio >= 0 ? prio : FIRST_PRIO - areas;
  const type = isZram
    ? addZramSwap(k, { sizeBytes, limitBytes, prio: given })
    : addSwapArea(k, {
        pages: sizeBytes / PAGE,
        prio: given,
        disk: Math.min(areas - k.zram.count[0]! + 1, k.disk.depth.length - 1),
        flags: SWP_SOLIDSTATE,
        path: `swap${areas + 1}`,
      });
  return type < 0 ? type : 0;
}

/** Gives memory cgroups their hierarchy of version 1 when the script names a file that only that has. */
export function chooseHierarchy(k: Kernel, script: Script): void {
  const isOld = script.statements.some(
    ({ action }) =>
      action.kind === "watch" ||
      (action.kind === "cgroup" && action.settings.some(({ file }) => OLD_GROUP_FILES.has(file))) ||
      (action.kind === "show" && action.view === "cgroup" && OLD_GROUP_FILES.has(action.file)),
  );
  if (isOld) mountLegacyMemory(k);
}

/** Directory of a group. */
export function groupDirectory(k: Kernel, group: string): string {
  return `${cgroupMount(k)}/${group}`;
}

/** Makes the group unless it is there, and writes the values to its files. Returns 0 or what failed first. */
export function setCgroup(k: Kernel, group: string, settings: readonly CgroupSetting[]): number {
  const directory = groupDirectory(k, group);
  if (!isLegacy(k)) {
    const parent = directory.slice(0, directory.lastIndexOf("/"));
    const enabled = writeFile(k, `${parent}/cgroup.subtree_control`, "+memory\n");
    if (enabled < 0) return enabled;
  }
  const made = makeDirectory(k, directory);
  if (made < 0 && made !== -EEXIST) return made;
  for (const { file, value } of settings) {
    const result = writeFile(k, `${directory}/${file}`, `${value === "max" && isLegacy(k) ? -1 : value}\n`);
    if (result < 0) return result;
  }
  return 0;
}

/** Binds an eventfd to a file of the group. Returns its number, or a negative errno. */
export function watchGroup(k: Kernel, group: string, file: string, args: string): number {
  return watchMemory(k, `${groupDirectory(k, group)}/${file}`, args);
}

/** Moves the task's process into the group. Returns 0 or a negative errno. */
export function enterCgroup(k: Kernel, task: Task, group: string): number {
  return writeFile(k, `${groupDirectory(k, group)}/cgroup.procs`, `${k.task.pid[task]}\n`);
}

/** Sets the oom_score_adj of the task's process. Returns 0 or a negative errno. */
export function adjustScore(k: Kernel, task: Task, value: number): number {
  return writeFile(k, `/proc/${k.task.pid[task]}/oom_score_adj`, `${value}\n`);
}

/** The figures of `show totals`, by name, since boot; `tasks` are those of the script, `inodes` its files. */
export function pressureTotals(
  k: Kernel,
  tasks: readonly Task[],
  inodes: readonly number[],
): Map<string, number> {
  // Pages of zswap are rows of memory.stat; `show totals` has none for them.
  const { zswpin: _in, zswpout: _out, ...pages } = readPressureTotals(k);
  let minor = 0;
  let major = 0;
  let rss = 0;
  for (const task of tasks) {
    minor += k.task.minFlt[task]! + k.task.cMinFlt[task]!;
    major += k.task.majFlt[task]! + k.task.cMajFlt[task]!;
    if (k.task.mm[task] !== NONE) {
      const { anonKb, fileKb, shmemKb } = viewProcess(k, task);
      rss += ((anonKb + fileKb + shmemKb) * 1024) / PAGE;
    }
  }
  let cache = 0;
  for (const inode of inodes) cache += k.file.nrPages[inode]!;
  return new Map([
    ["minor", minor],
    ["major", major],
    ...Object.entries(pages),
    ["rss", rss],
    ["cache", cache],
  ]);
}
