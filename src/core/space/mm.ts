/**
 * Address spaces as rows, and how many pages each has (RSS).
 *
 * A count has several parts: `rssShared`, which is what most of /proc prints, and what each CPU keeps in `rssDelta` until that
 * reaches the batch, max(32, 2 * cpus), and is folded into the shared part. The exact count is the sum of all.
 *
 *   fault on cpu 0:  delta[0] 30 -> 31 -> (32: fold) 0      shared 0 -> 32
 *
 * Linux: include/linux/mm.h, lib/percpu_counter.c, kernel/fork.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { bug } from "../base/bug.ts";
import { type Column, type Mm, NONE, type Pfn } from "../base/types.ts";
import { FLAGS, MAPCOUNT, MAPPING, PAGE_WORDS, PG_swapbacked, REFCOUNT } from "../frame/page.ts";
import { NR_ANON_MAPPED, NR_FILE_MAPPED, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import { chargeMm, unchargeMm } from "./kmem.ts";
import { findPte, nextMapped, normalPage } from "./pagetable.ts";
import type { MmColumns, SpaceState } from "./state.ts";

/** Kinds of pages an address space counts. */
export const MM_FILEPAGES = 0;
export const MM_ANONPAGES = 1;
export const MM_SWAPENTS = 2;
export const MM_SHMEMPAGES = 3;
export const NR_MM_COUNTERS = 4;

/** Bits of oomFlags: nothing more is to be had by killing its users; it is to be reaped; nothing is mapped in it any more. */
export const MMF_OOM_SKIP = 1;
export const MMF_OOM_REAP_QUEUED = 2;
export const MM_EMPTIED = 4;

/** Words of cpuMask for one address space: 64 of 32 CPUs each. */
export const CPU_MASK_WORDS = 64;

const FREE_ON_STACK = 0;
const FIRST_NEVER_USED = 1;
const LAST_CONTEXT = 2;
/** Row 0 stands for the kernel's own address space (Linux: init_mm), whose context id is 1. */
const INIT_CONTEXT = 1;

/** Columns for up to `count - 1` address spaces on a machine with `cpus` CPUs. */
export function createMmColumns(count: number, cpus: number): MmColumns {
  const wide = (): Float64Array => new Float64Array(count);
  const handles = (): Column<number> => new Int32Array(count);
  const contextId = wide();
  contextId[0] = INIT_CONTEXT;
  return {
    pgd: handles(),
    users: handles(),
    charged: handles(),
    firstVma: handles(),
    lastVma: handles(),
    vmaRoot: handles(),
    mapCount: handles(),
    cachedVma: handles(),
    totalVm: wide(),
    dataVm: wide(),
    execVm: wide(),
    stackVm: wide(),
    lockedVm: wide(),
    hiwaterRss: wide(),
    hiwaterVm: wide(),
    pgtablesBytes: wide(),
    startCode: wide(),
    endCode: wide(),
    startData: wide(),
    endData: wide(),
    startBrk: wide(),
    brk: wide(),
    startStack: wide(),
    argStart: wide(),
    argEnd: wide(),
    envStart: wide(),
    envEnd: wide(),
    mmapBase: wide(),
    mmapLegacyBase: wide(),
    layout: new Uint8Array(count),
    vdso: wide(),
    exeFile: handles(),
    cpuMask: new Int32Array(count * CPU_MASK_WORDS),
    rssShared: new Int32Array(count * NR_MM_COUNTERS),
    rssDelta: new Int32Array(count * NR_MM_COUNTERS * cpus),
    contextId,
    tlbGen: wide(),
    freeRows: new Int32Array(count),
    rowCount: Int32Array.of(0, 1, INIT_CONTEXT),
    memcg: handles(),
    oomFlags: new Uint8Array(count),
    reapNs: wide(),
  };
}

/** Takes a row, all columns zero but its context id and one user. Returns NONE when every row is in use. */
export function allocMm(k: SpaceState): Mm {
  const { rowCount, freeRows, users, contextId } = k.mm;
  let mm: Mm;
  if (rowCount[FREE_ON_STACK]! > 0) mm = freeRows[--rowCount[FREE_ON_STACK]!]!;
  else {
    mm = rowCount[FIRST_NEVER_USED]!;
    if (mm >= users.length) return NONE;
    rowCount[FIRST_NEVER_USED]!++;
  }
  users[mm] = 1;
  contextId[mm] = ++rowCount[LAST_CONTEXT]!;
  k.mm.charged[mm] = chargeMm(k);
  return mm;
}

/** Gives a row back, zeroed. It has no VMA, no page and no page table any more. */
export function freeMm(k: SpaceState, mm: Mm): void {
  const columns = k.mm;
  if (columns.firstVma[mm] !== NONE) bug(`address space ${mm} is freed with VMAs`);
  unchargeMm(k, columns.charged[mm]!);
  // The stack of free rows is as long as the columns, and none of them.
  for (const column of Object.values(columns))
    if (column.length === columns.users.length && column !== columns.freeRows) column[mm] = 0;
  columns.rssShared.fill(0, mm * NR_MM_COUNTERS, (mm + 1) * NR_MM_COUNTERS);
  const deltas = NR_MM_COUNTERS * k.machine.cpus;
  columns.rssDelta.fill(0, mm * deltas, (mm + 1) * deltas);
  columns.cpuMask.fill(0, mm * CPU_MASK_WORDS, (mm + 1) * CPU_MASK_WORDS);
  columns.freeRows[columns.rowCount[FREE_ON_STACK]!++] = mm;
}

/** Counts `delta` pages of the kind `member`, on the running CPU. */
export function addRss(k: SpaceState, mm: Mm, member: number, delta: number): void {
  const row = mm * NR_MM_COUNTERS + member;
  const cpus = k.machine.cpus;
  const { rssDelta } = k.mm;
  const at = row * cpus + k.boot[2]!;
  const own = rssDelta[at]! + delta;
  const batch = cpus > 16 ? cpus * 2 : 32;
  if (own >= batch || own <= -batch) {
    k.mm.rssShared[row]! += own;
    rssDelta[at] = 0;
  } else rssDelta[at] = own;
}

/** Pages of the kind as /proc prints them: the shared count, never below 0 (Linux: get_mm_counter). */
export function readRss(k: SpaceState, mm: Mm, member: number): number {
  return Math.max(0, k.mm.rssShared[mm * NR_MM_COUNTERS + member]!);
}

/** Resident pages as /proc prints them: file, anonymous and shared memory (Linux: get_mm_rss). */
export function readMmRss(k: SpaceState, mm: Mm): number {
  return readRss(k, mm, MM_FILEPAGES) + readRss(k, mm, MM_ANONPAGES) + readRss(k, mm, MM_SHMEMPAGES);
}

/** Remembers the resident size before it falls (Linux: update_hiwater_rss). */
export function updateHiwaterRss(k: SpaceState, mm: Mm): void {
  const pages = readMmRss(k, mm);
  if (k.mm.hiwaterRss[mm]! < pages) k.mm.hiwaterRss[mm] = pages;
}

/** The largest resident size so far, in pages, as /proc and getrusage give it (Linux: get_mm_hiwater_rss). */
export function readHiwaterRss(k: SpaceState, mm: Mm): number {
  return Math.max(k.mm.hiwaterRss[mm]!, readMmRss(k, mm));
}

/** Pages of one kind in the address space, exact: over all CPUs (Linux: get_mm_counter_sum). */
export function exactRss(k: SpaceState, mm: Mm, member: number): number {
  const row = mm * NR_MM_COUNTERS + member;
  const { cpus } = k.machine;
  let pages = k.mm.rssShared[row]!;
  for (let cpu = 0; cpu < cpus; cpu++) pages += k.mm.rssDelta[row * cpus + cpu]!;
  return pages;
}

/** Checks that no address space has less than no page of a kind. */
export function checkMms(k: SpaceState): void {
  for (let mm = 1; mm < k.mm.rowCount[FIRST_NEVER_USED]!; mm++)
    for (let member = 0; member < NR_MM_COUNTERS; member++)
      if (exactRss(k, mm, member) < 0)
        bug(`rss ${member} of address space ${mm} is ${exactRss(k, mm, member)}`);
}

/**
 * Counts again, from the page tables, what every address space has resident, and how many pages are mapped at all.
 * Bug when a count of an address space, nr_anon_pages or nr_mapped says otherwise, or a mapped page lacks references.
 */
export function checkRss(k: SpaceState): void {
  const top = k.machine.levels === 5 ? 2 ** 44 : 2 ** 35;
  const mapped = new Map<Pfn, number>();
  for (let mm = 1; mm < k.mm.rowCount[FIRST_NEVER_USED]!; mm++) {
    if (k.mm.pgd[mm] === NONE) continue;
    const counts = [0, 0, 0, 0];
    for (let vpn = nextMapped(k, mm, 0, top); vpn < top; vpn = nextMapped(k, mm, vpn + 1, top)) {
      const pfn = normalPage(k, findPte(k, mm, vpn));
      if (pfn === NONE) continue;
      const isAnon = (k.page[pfn * PAGE_WORDS + MAPPING]! & 1) !== 0;
      const isShmem = !isAnon && (k.page[pfn * PAGE_WORDS + FLAGS]! & PG_swapbacked) !== 0;
      counts[isShmem ? MM_SHMEMPAGES : isAnon ? MM_ANONPAGES : MM_FILEPAGES]!++;
      mapped.set(pfn, (mapped.get(pfn) ?? 0) + 1);
    }
    for (const member of [MM_FILEPAGES, MM_ANONPAGES, MM_SHMEMPAGES]) {
      const rss = exactRss(k, mm, member);
      if (rss !== counts[member])
        bug(`rss ${member} of address space ${mm} is ${rss}, its page tables have ${counts[member]}`);
    }
  }
  checkMappedPages(k, mapped);
}

/** What holds for every page that is mapped, given how often each is. */
function checkMappedPages(k: SpaceState, mapped: ReadonlyMap<Pfn, number>): void {
  let anon = 0;
  let file = 0;
  for (const [pfn, entries] of mapped) {
    const record = pfn * PAGE_WORDS;
    if ((k.page[record + MAPPING]! & 1) !== 0) anon++;
    else file++;
    if (k.page[record + MAPCOUNT] !== entries)
      bug(`frame ${pfn} has map count ${k.page[record + MAPCOUNT]}, ${entries} entries map it`);
    if (k.page[record + REFCOUNT]! < entries)
      bug(`frame ${pfn} is mapped ${entries} times and has ${k.page[record + REFCOUNT]} references`);
  }
  let countedAnon = 0;
  let countedFile = 0;
  for (let at = 0; at < k.vmstat.node.length; at += NR_NODE_ITEMS) {
    countedAnon += k.vmstat.node[at + NR_ANON_MAPPED]!;
    countedFile += k.vmstat.node[at + NR_FILE_MAPPED]!;
  }
  if (countedAnon !== anon) bug(`${anon} anonymous pages are mapped and nr_anon_pages is ${countedAnon}`);
  if (countedFile !== file) bug(`${file} file pages are mapped and nr_mapped is ${countedFile}`);
}
