/**
 * Dirty pages of files and those on their way to the disk: what is counted, and which files have some.
 *
 *   stored to    PG_dirty                  the inode goes to the list of its writer, newest first
 *   cleaned      PG_writeback, request     mappings are write-protected: the next store makes it dirty again
 *   written      neither
 *
 * A writer keeps the dirty inodes of one disk whose first dirty page was charged to one cgroup; in the hierarchy of version 1,
 * and on a disk without cgroups, that is the root's. Its lists (Linux: struct bdi_writeback):
 *
 *   WB_DIRTY --old enough, or all of them--> WB_IO --its pages of this turn are on their way, more left--> WB_MORE
 *
 * writer.ts has the writers' rows.
 * Differs: an inode leaves its writer with its last dirty page; Linux keeps it there until others write most of it.
 * Linux: mm/page-writeback.c, fs/fs-writeback.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst (dirty_*)
 */
import { bug } from "../base/bug.ts";
import { type Inode, NONE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import {
  FLAGS,
  MAPPING,
  PAGE_WORDS,
  PG_dirty,
  PG_reclaim,
  PG_swapbacked,
  PG_uptodate,
  PG_writeback,
  PG_ZONE_SHIFT,
  PRIVATE,
} from "../frame/page.ts";
import {
  NR_DIRTIED,
  NR_FILE_DIRTY,
  NR_NODE_ITEMS,
  NR_WRITEBACK,
  NR_WRITTEN,
  NR_ZONE_ITEMS,
  NR_ZONE_WRITE_PENDING,
} from "../frame/vmstat.ts";
import { folioRotateReclaimable } from "./lruvec.ts";
import { modLruvecState } from "./memcg-count.ts";
import { isLegacy } from "./memcg-v1.ts";
import type { SpaceState } from "./state.ts";
import { CENTISECOND_NS, hasDirty, LISTS, noteWritten, runWriterAt, WB_DIRTY } from "./writer.ts";

/** PRIVATE of a page whose data is there though nobody has called the page uptodate (Linux: buffer_uptodate). */
export const BUFFER_READY = -1;
/**
 * Marks a page of a file dirty (of shared memory, too, whose pages are not counted: nobody writes them for their age).
 * Returns true when it was clean.
 */
export function markDirty(k: SpaceState, pfn: Pfn): boolean {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if (flags & PG_dirty) return false;
  k.page[record + FLAGS] = flags | PG_dirty;
  if (flags & PG_swapbacked) return true;
  const inode = k.page[record + MAPPING] >> 1;
  attachInode(k, inode, pfn);
  countDirty(k, inode, pfn, 1);
  modLruvecState(k, pfn, NR_DIRTIED, 1);
  k.writeback.dirtied[k.file.writer[inode]]++;
  const task = k.task.cpuTask[k.boot[2]];
  if (task !== NONE) k.task.dirtied[task]++;
  return true;
}

/**
 * Marks a page dirty because a mapping has stored to it, or is about to. The mark of read-ahead goes, as in Linux, where
 * it is the same bit as PG_reclaim (folio_mark_dirty). Returns true when it was clean.
 */
export function markMappedDirty(k: SpaceState, pfn: Pfn): boolean {
  k.page[pfn * PAGE_WORDS + FLAGS] &= ~PG_reclaim;
  return markDirty(k, pfn);
}

/** A dirty page leaves its file unwritten, because the file ends before it. */
export function cancelDirty(k: SpaceState, inode: Inode, pfn: Pfn): void {
  const at = pfn * PAGE_WORDS + FLAGS;
  if ((k.page[at] & PG_dirty) === 0) return;
  k.page[at] &= ~PG_dirty;
  if ((k.page[at] & PG_swapbacked) === 0) countDirty(k, inode, pfn, -1);
}

/** A dirty page is on its way to the disk as part of a request, clean from now on. */
export function startWriteback(k: SpaceState, inode: Inode, pfn: Pfn, row: number): void {
  const record = pfn * PAGE_WORDS;
  k.page[record + FLAGS] = (k.page[record + FLAGS] & ~PG_dirty) | PG_writeback;
  k.page[record + PRIVATE] = row;
  countDirty(k, inode, pfn, -1);
  countWriteback(k, inode, pfn, 1);
}

/** The page has been written, or the disk could not; it goes where reclaim looks next if reclaim waits for it. */
export function endWriteback(k: SpaceState, inode: Inode, pfn: Pfn, hasFailed: boolean): void {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & PG_writeback) === 0) bug(`frame ${pfn} was written and is not under write-back`);
  if (hasFailed) k.file.writeErrors[inode]++;
  if ((flags & PG_reclaim) !== 0) {
    k.page[record + FLAGS] &= ~PG_reclaim;
    folioRotateReclaimable(k, pfn);
  }
  k.page[record + FLAGS] &= ~PG_writeback;
  k.page[record + PRIVATE] = (flags & PG_uptodate) !== 0 ? NONE : BUFFER_READY;
  countWriteback(k, inode, pfn, -1);
  modLruvecState(k, pfn, NR_WRITTEN, 1);
  noteWritten(k, k.file.writer[inode]);
}

/** Puts an inode at the young end of another list of its writer. */
export function moveInode(k: SpaceState, inode: Inode, list: number): void {
  unlinkInode(k, inode);
  linkInode(k, inode, list);
}

/** Puts an inode back among the dirty ones, not older than the youngest there (Linux: redirty_tail). */
export function redirtyTail(k: SpaceState, inode: Inode): void {
  const f = k.file;
  const youngest = k.writeback.newest[f.writer[inode] * LISTS + WB_DIRTY];
  if (youngest !== NONE && f.dirtiedNs[inode] < f.dirtiedNs[youngest]) f.dirtiedNs[inode] = k.clock.ns[0];
  moveInode(k, inode, WB_DIRTY);
}

/** Takes an inode without dirty pages off its writer's lists. */
export function forgetInode(k: SpaceState, inode: Inode): void {
  unlinkInode(k, inode);
  k.file.writerList[inode] = 0;
}

/**
 * Walks files and writers. Invariants: a file counts its dirty pages and those under write-back and is on a list when it has
 * dirty ones; the writers' and the nodes' counters add up to the files'.
 */
export function checkWriteback(k: SpaceState): void {
  const { file: f, writeback: w } = k;
  const dirty = new Float64Array(w.dirty.length);
  const writeback = new Float64Array(w.dirty.length);
  let listed = 0;
  for (let inode = 1; inode < f.rows[0]; inode++) {
    dirty[f.writer[inode]] += f.dirtyPages[inode];
    writeback[f.writer[inode]] += f.writebackPages[inode];
    if (f.writerList[inode] !== 0) listed++;
    else if (f.dirtyPages[inode] !== 0) bug(`inode ${inode} has dirty pages and no writer knows`);
  }
  let [allDirty, allWriteback] = [0, 0];
  for (let writer = 0; writer < w.dirty.length; writer++) {
    allDirty += dirty[writer];
    allWriteback += writeback[writer];
    if (w.dirty[writer] !== dirty[writer] || w.writeback[writer] !== writeback[writer])
      bug(`writer ${writer} counts ${w.dirty[writer]} and ${w.writeback[writer]} pages wrongly`);
    if (w.runNs[writer] < w.firstRunNs[0]) bug(`writer ${writer} runs before the first of all`);
    listed -= checkLists(k, writer);
  }
  if (listed !== 0) bug(`${listed} more inodes say that they are on a list of a writer than lists have`);
  for (let node = 0; node < k.machine.nodes.length; node++) {
    allDirty -= k.vmstat.node[node * NR_NODE_ITEMS + NR_FILE_DIRTY];
  }
  if (allDirty !== 0) bug(`files have ${allDirty} more dirty pages than nodes count`);
  if (allWriteback < 0) bug("fewer than no pages are under write-back");
}

/** Walks a writer's lists. Returns the inodes on them. */
function checkLists(k: SpaceState, writer: number): number {
  const { file: f, writeback: w } = k;
  let inodes = 0;
  for (let list = 0; list < LISTS; list++) {
    let next: Inode = NONE;
    for (let inode = w.newest[writer * LISTS + list]; inode !== NONE; inode = f.nextDirty[inode]) {
      if (f.writerList[inode] !== list + 1 || f.writer[inode] !== writer || f.prevDirty[inode] !== next)
        bug(`inode ${inode} does not know that it is on list ${list} of writer ${writer}`);
      next = inode;
      inodes++;
    }
    if (w.oldest[writer * LISTS + list] !== next) bug(`list ${list} of writer ${writer} has a wrong end`);
  }
  return inodes;
}

/** The inode gets dirty: the page says whose it is, its writer's thread will look after a while (Linux: __mark_inode_dirty). */
function attachInode(k: SpaceState, inode: Inode, pfn: Pfn): void {
  const { file: f, writeback: w } = k;
  if (f.writerList[inode] !== 0) return;
  if (f.dirtyPages[inode] + f.writebackPages[inode] === 0) {
    const memcg = isLegacy(k) ? ROOT_MEMCG : k.pageMemcg[pfn];
    f.writer[inode] = f.disk[inode] * w.memcgs + memcg;
  }
  const writer = f.writer[inode];
  const intervalNs = k.knob.dirtyWritebackCentisecs * CENTISECOND_NS;
  if (w.dirtied[writer] === 0) w.lastOldNs[writer] = k.clock.ns[0];
  if (!hasDirty(w, writer) && intervalNs > 0) runWriterAt(k, writer, k.clock.ns[0] + intervalNs);
  f.dirtiedNs[inode] = k.clock.ns[0];
  linkInode(k, inode, WB_DIRTY);
}

function linkInode(k: SpaceState, inode: Inode, list: number): void {
  const { file: f, writeback: w } = k;
  const at = f.writer[inode] * LISTS + list;
  const newest = w.newest[at];
  f.writerList[inode] = list + 1;
  f.prevDirty[inode] = NONE;
  f.nextDirty[inode] = newest;
  if (newest === NONE) w.oldest[at] = inode;
  else f.prevDirty[newest] = inode;
  w.newest[at] = inode;
}

function unlinkInode(k: SpaceState, inode: Inode): void {
  const { file: f, writeback: w } = k;
  const at = f.writer[inode] * LISTS + f.writerList[inode] - 1;
  const next = f.nextDirty[inode];
  const prev = f.prevDirty[inode];
  if (prev === NONE) w.newest[at] = next;
  else f.nextDirty[prev] = next;
  if (next === NONE) w.oldest[at] = prev;
  else f.prevDirty[next] = prev;
  f.nextDirty[inode] = NONE;
  f.prevDirty[inode] = NONE;
}

/** Counts a page that became dirty or clean: its file, its writer, its node and its zone. */
function countDirty(k: SpaceState, inode: Inode, pfn: Pfn, by: number): void {
  k.file.dirtyPages[inode] += by;
  k.writeback.dirty[k.file.writer[inode]] += by;
  modLruvecState(k, pfn, NR_FILE_DIRTY, by);
  countPending(k, pfn, by);
}

function countWriteback(k: SpaceState, inode: Inode, pfn: Pfn, by: number): void {
  k.file.writebackPages[inode] += by;
  k.writeback.writeback[k.file.writer[inode]] += by;
  modLruvecState(k, pfn, NR_WRITEBACK, by);
  countPending(k, pfn, by);
}

function countPending(k: SpaceState, pfn: Pfn, by: number): void {
  const zone = k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT;
  k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_ZONE_WRITE_PENDING] += by;
}
