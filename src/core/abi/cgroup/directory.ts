/**
 * Directories of the cgroup tree: finding one by its path, making and removing one, and handing out memory to children.
 *
 *   /sys/fs/cgroup/            the root
 *   /sys/fs/cgroup/a/          has memory.* files once "+memory" is in the root's cgroup.subtree_control
 *
 * Differs: memory is the only controller.
 * Linux: kernel/cgroup/cgroup.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EBUSY, EEXIST, EINVAL, ENOENT, ENOMEM } from "../../base/errno.ts";
import { type Memcg, NONE, ROOT_MEMCG, type Task } from "../../base/types.ts";
import { psiCreateGroup, psiRenewGroup } from "../../reclaim/psi.ts";
import { reparentObjects } from "../../space/kmem.ts";
import { reparentNodes } from "../../space/kmem-nodes.ts";
import { createMemcg, MEMCG_ONLINE, offlineMemcg, renewMemcg } from "../../space/memcg.ts";
import { hasMemory } from "../../space/memcg-current.ts";
import { hasTasks, updateCharged } from "../../space/memcg-task.ts";
import { isLegacy } from "../../space/memcg-v1.ts";
import { taskRows } from "../../space/task.ts";
import type { AbiState } from "../state.ts";

/** Where the tree is mounted: version 2, and the memory controller's own of version 1. */
const MOUNT = "/sys/fs/cgroup";
const LEGACY_MOUNT = "/sys/fs/cgroup/memory";

/** Where the one tree is that has the memory controller. */
export function cgroupMount(k: AbiState): string {
  return isLegacy(k) ? LEGACY_MOUNT : MOUNT;
}

/**
 * Gives the memory controller a hierarchy of version 1, as mount -t cgroup -o memory does. Returns 0, or -EBUSY when there
 * are cgroups already.
 */
export function mountLegacyMemory(k: AbiState): number {
  if (k.memcg.rows[1] !== 1 || k.memcg.subtree[ROOT_MEMCG] === 1) return -EBUSY;
  k.memcg.legacy[0] = 1;
  return 0;
}

/** The cgroup a path below the mount names and what is left of the path: "" or the name of a file that it may have. */
export interface CgroupPath {
  readonly memcg: Memcg;
  readonly rest: string;
}

/** Splits a path without doubled slashes; undefined when it is not in the tree. */
export function cgroupPath(k: AbiState, path: string): CgroupPath | undefined {
  const mount = cgroupMount(k);
  if (path !== mount && !path.startsWith(`${mount}/`)) return undefined;
  const names = path.slice(mount.length + 1).split("/");
  let memcg: Memcg = ROOT_MEMCG;
  let at = 0;
  for (; at < names.length; at++) {
    const child = findChild(k, memcg, names[at]);
    if (child === NONE) break;
    memcg = child;
  }
  return { memcg, rest: names.slice(at).join("/") };
}

/** Names of the cgroups directly below one, from the oldest to the newest. */
export function childNames(k: AbiState, memcg: Memcg): string[] {
  return onlineChildren(k, memcg).map((child) => k.memcg.name[child]);
}

/**
 * Makes a cgroup. Returns 0, or a negative errno: EEXIST, EINVAL a name with a line end, ENOENT no such parent, ENOMEM the
 * table of cgroups is full.
 */
export function makeCgroup(k: AbiState, path: string): number {
  const place = cgroupPath(k, path);
  if (place === undefined || place.rest.includes("/")) return -ENOENT;
  if (place.rest === "") return -EEXIST;
  if (place.rest.includes("\n")) return -EINVAL;
  const memcg = createMemcg(k, place.memcg, place.rest);
  if (memcg === NONE) return -ENOMEM;
  psiCreateGroup(k, memcg);
  return 0;
}

/** Removes a cgroup. Returns 0, or a negative errno: ENOENT, EBUSY when it has tasks or children, or is the root. */
export function removeCgroup(k: AbiState, path: string): number {
  const place = cgroupPath(k, path);
  if (place === undefined || place.rest !== "") return -ENOENT;
  const { memcg } = place;
  if (memcg === ROOT_MEMCG || hasTasks(k, memcg, false) || onlineChildren(k, memcg).length > 0) return -EBUSY;
  // What is left of tasks there has ended; it is shown in the root until it is waited for.
  for (let task: Task = 1; task < taskRows(k); task++)
    if (k.task.memcg[task] === memcg) k.task.memcg[task] = ROOT_MEMCG;
  reparentNodes(k, memcg, k.memcg.parent[memcg]);
  reparentObjects(k, memcg);
  offlineMemcg(k, memcg);
  return 0;
}

/** What cgroup.controllers and cgroup.subtree_control show. */
export function showControllers(k: AbiState, memcg: Memcg): string {
  return hasMemory(k, memcg) ? "memory\n" : "\n";
}

export function showSubtreeControl(k: AbiState, memcg: Memcg): string {
  return k.memcg.subtree[memcg] === 1 ? "memory\n" : "\n";
}

/**
 * Hands memory out to the children, or takes it back: words like "+memory" and "-memory". Returns 0, or a negative errno:
 * EINVAL another word, ENOENT the cgroup has no memory itself, EBUSY it has tasks of its own, or a child hands it out further.
 */
export function writeSubtreeControl(k: AbiState, memcg: Memcg, text: string): number {
  let wanted = k.memcg.subtree[memcg];
  for (const word of text.trim().split(" ")) {
    if (word === "") continue;
    if (word !== "+memory" && word !== "-memory") return -EINVAL;
    wanted = word === "+memory" ? 1 : 0;
  }
  if (wanted === k.memcg.subtree[memcg]) return 0;
  if (wanted === 1) {
    if (!hasMemory(k, memcg)) return -ENOENT;
    if (memcg !== ROOT_MEMCG && hasTasks(k, memcg, true)) return -EBUSY;
  } else if (onlineChildren(k, memcg).some((child) => k.memcg.subtree[child] === 1)) return -EBUSY;
  k.memcg.subtree[memcg] = wanted;
  if (wanted === 0) for (const child of onlineChildren(k, memcg)) forgetController(k, child);
  updateCharged(k, memcg);
  return 0;
}

/** cgroup.stat: cgroups below this one, and those that were removed and still have pages. */
export function showCgroupStat(k: AbiState, memcg: Memcg): string {
  let live = 0;
  let withMemory = hasMemory(k, memcg) ? 1 : 0;
  let dying = 0;
  const visit = (at: Memcg): void => {
    for (let child = k.memcg.firstChild[at]; child !== NONE; child = k.memcg.nextSibling[child]) {
      if (k.memcg.state[child] !== MEMCG_ONLINE) dying++;
      else {
        live++;
        if (hasMemory(k, child)) withMemory++;
      }
      visit(child);
    }
  };
  visit(memcg);
  return `nr_descendants ${live}\nnr_subsys_memory ${withMemory}\nnr_dying_descendants ${dying}\nnr_dying_subsys_memory ${dying}\n`;
}

/** cgroup.events: whether a task is in it or below. */
export function showCgroupEvents(k: AbiState, memcg: Memcg): string {
  return `populated ${hasTasks(k, memcg, false) ? 1 : 0}\nfrozen 0\n`;
}

/** The controller of a child is gone and what it has charged stays in an offline row; a new row stands for the directory. */
function forgetController(k: AbiState, memcg: Memcg): void {
  reparentNodes(k, memcg, k.memcg.parent[memcg]);
  reparentObjects(k, memcg);
  const fresh = renewMemcg(k, memcg);
  if (fresh === NONE) return;
  psiRenewGroup(k, memcg, fresh);
  for (let task: Task = 1; task < taskRows(k); task++)
    if (k.task.memcg[task] === memcg) k.task.memcg[task] = fresh;
}

function onlineChildren(k: AbiState, memcg: Memcg): Memcg[] {
  const found: Memcg[] = [];
  for (let child = k.memcg.firstChild[memcg]; child !== NONE; child = k.memcg.nextSibling[child])
    if (k.memcg.state[child] === MEMCG_ONLINE) found.push(child);
  return found;
}

function findChild(k: AbiState, memcg: Memcg, name: string): Memcg {
  for (let child = k.memcg.firstChild[memcg]; child !== NONE; child = k.memcg.nextSibling[child])
    if (k.memcg.state[child] === MEMCG_ONLINE && k.memcg.name[child] === name) return child;
  return NONE;
}
