/**
 * Memory cgroups as a table: the tree, what is charged to each and everything below it, and what protects it.
 *
 *   root (row 0, never limited, nothing charged)
 *     a   usage: a's pages + b's pages        a charge of b goes up to the root; the first counter that would pass its
 *       b usage: b's pages                    limit refuses it, and what was charged below that is taken back
 *
 * A row whose cgroup was removed stays, offline, as long as pages, swap entries or children hold it.
 * Linux: mm/memcontrol.c, mm/page_counter.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { bug } from "../base/bug.ts";
import { type Memcg, NONE, type Pfn, ROOT_MEMCG } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_table, PG_ZONE_SHIFT } from "../frame/page.ts";
import { NR_EVENTS, NR_NODE_ITEMS, NR_PAGETABLE, PGPGOUT } from "../frame/vmstat.ts";
import { lruGenOfflineMemcg, lruGenOnlineMemcg, lruGenReleaseMemcg } from "./lru-gen-memcg.ts";
import type { MemcgColumns } from "./memcg-state.ts";
import { unchargeMemsw } from "./memcg-v1.ts";
import { dropWatches, noteChargedPages, resetWatched } from "./memcg-watch.ts";
import { reparentDeferred, reparentShadowNodes } from "./shadow-nodes.ts";
import type { SpaceState } from "./state.ts";
import { resetWriters } from "./writer.ts";
import { reparentZswap } from "./zswap-lru.ts";

/** States of a row. The root is online from boot. */
export const MEMCG_FREE = 0;
export const MEMCG_ONLINE = 1;
export const MEMCG_OFFLINE = 2;

/** Events of memory.events and memory.swap.events, in the order they are shown. */
export const MEMCG_LOW = 0;
export const MEMCG_HIGH = 1;
export const MEMCG_MAX = 2;
export const MEMCG_OOM = 3;
export const MEMCG_OOM_KILL = 4;
export const MEMCG_OOM_GROUP_KILL = 5;
export const MEMCG_SWAP_HIGH = 6;
export const MEMCG_SWAP_MAX = 7;
export const MEMCG_SWAP_FAIL = 8;
export const NR_MEMCG_EVENTS = 9;

/** Pages charged at once, and the most that a CPU keeps in its stock. */
export const MEMCG_CHARGE_BATCH = 64;

const FIRST_NEVER_USED = 0;
const IN_USE = 1;

/** The root and room for `memcgs - 1` more. */
export function createMemcgColumns(memcgs: number, nodes: number, cpus: number): MemcgColumns {
  const numbers = (): Float64Array => new Float64Array(memcgs);
  const limits = (): Float64Array => new Float64Array(memcgs).fill(Number.POSITIVE_INFINITY, 0, 1);
  const handles = (): Int32Array => new Int32Array(memcgs);
  const state = new Uint8Array(memcgs);
  state[ROOT_MEMCG] = MEMCG_ONLINE;
  return {
    state,
    parent: handles(),
    firstChild: handles(),
    lastChild: handles(),
    nextSibling: handles(),
    name: [""],
    subtree: new Uint8Array(memcgs),
    held: numbers(),
    usage: numbers(),
    watermark: numbers(),
    failcnt: numbers(),
    min: numbers(),
    low: numbers(),
    high: limits(),
    max: limits(),
    swapUsage: numbers(),
    swapWatermark: numbers(),
    swapFailcnt: numbers(),
    swapHigh: limits(),
    swapMax: limits(),
    kmem: numbers(),
    zswapMax: limits(),
    zswapWriteback: new Uint8Array(memcgs).fill(1, 0, 1),
    emin: numbers(),
    elow: numbers(),
    minUsage: numbers(),
    lowUsage: numbers(),
    childrenMinUsage: numbers(),
    childrenLowUsage: numbers(),
    oomGroup: new Uint8Array(memcgs),
    eventLocal: new Float64Array(memcgs * NR_MEMCG_EVENTS),
    event: new Float64Array(memcgs * NR_MEMCG_EVENTS),
    node: new Float64Array(memcgs * nodes * NR_NODE_ITEMS),
    vmEvent: new Float64Array(memcgs * NR_EVENTS),
    iter: new Int32Array(memcgs * nodes).fill(-1),
    stockMemcg: new Int32Array(cpus),
    stockPages: new Int32Array(cpus),
    rows: Int32Array.of(1, 1),
    legacy: new Uint8Array(1),
    memsw: numbers(),
    memswWatermark: numbers(),
    memswFailcnt: numbers(),
    memswMax: limits(),
    softLimit: limits(),
    swappiness: new Uint8Array(memcgs),
    oomKillDisable: new Uint8Array(memcgs),
  };
}

/** A new cgroup below `parent`, without limits. Returns NONE when no row is left. */
export function createMemcg(k: SpaceState, parent: Memcg, name: string): Memcg {
  const m = k.memcg;
  const memcg = takeRow(m);
  if (memcg === NONE) return NONE;
  m.state[memcg] = MEMCG_ONLINE;
  m.name[memcg] = name;
  for (const limit of [m.high, m.max, m.swapHigh, m.swapMax, m.zswapMax, m.memswMax, m.softLimit])
    limit[memcg] = Number.POSITIVE_INFINITY;
  m.zswapWriteback[memcg] = 1;
  m.swappiness[memcg] = parent === ROOT_MEMCG ? k.knob.swappiness : m.swappiness[parent];
  m.oomKillDisable[memcg] = m.oomKillDisable[parent];
  m.parent[memcg] = parent;
  if (m.lastChild[parent] === NONE) m.firstChild[parent] = memcg;
  else m.nextSibling[m.lastChild[parent]] = memcg;
  m.lastChild[parent] = memcg;
  m.held[parent]++;
  lruGenOnlineMemcg(k, memcg);
  return memcg;
}

/** The cgroup is removed: no tasks, no children that are online. Its row goes when nothing holds it any more. */
export function offlineMemcg(k: SpaceState, memcg: Memcg): void {
  const m = k.memcg;
  m.state[memcg] = MEMCG_OFFLINE;
  dropWatches(k, memcg);
  // Its limits and its protection end with it (Linux: mem_cgroup_css_offline).
  m.min[memcg] = 0;
  m.low[memcg] = 0;
  protect(m, memcg);
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) if (m.stockMemcg[cpu] === memcg) drainStock(k, cpu);
  const compressed = reparentZswap(k, memcg, m.parent[memcg]);
  addUsage(m, memcg, -compressed);
  m.kmem[memcg] -= compressed;
  if (m.parent[memcg] !== ROOT_MEMCG) m.kmem[m.parent[memcg]] += compressed;
  if (m.kmem[memcg] > 0) reparentKernelPages(k, memcg);
  reparentShadowNodes(k, memcg, m.parent[memcg]);
  reparentDeferred(k, memcg, m.parent[memcg]);
  lruGenOfflineMemcg(k, memcg);
  if (m.held[memcg] === 0) freeRow(k, memcg);
}

/**
 * The controller of a cgroup was taken away and may come back: what it has charged stays in the old row, which is offline
 * now; a new row without limits takes its place in the tree. Returns it, or NONE when no row is left.
 */
export function renewMemcg(k: SpaceState, memcg: Memcg): Memcg {
  const fresh = createMemcg(k, k.memcg.parent[memcg], k.memcg.name[memcg]);
  if (fresh !== NONE) offlineMemcg(k, memcg);
  return fresh;
}

/** The cgroup itself, or the nearest one above it that is not removed (Linux: mem_cgroup_id_get_online). */
export function onlineMemcg(k: SpaceState, memcg: Memcg): Memcg {
  let at = memcg;
  while (k.memcg.state[at] !== MEMCG_ONLINE) at = k.memcg.parent[at];
  return at;
}

/** One more page, swap entry or child keeps the row. */
export function holdMemcg(k: SpaceState, memcg: Memcg, by: number): void {
  if (memcg === ROOT_MEMCG) return;
  k.memcg.held[memcg] += by;
  if (k.memcg.held[memcg] === 0 && k.memcg.state[memcg] === MEMCG_OFFLINE) freeRow(k, memcg);
}

/**
 * Charges pages to the cgroup and all above it. Returns -1, or the cgroup whose limit refused: nothing is charged then
 * (Linux: page_counter_try_charge).
 */
export function tryChargeCounter(k: SpaceState, memcg: Memcg, pages: number): Memcg {
  const m = k.memcg;
  const { usage, max, parent } = m;
  for (let at = memcg; at !== ROOT_MEMCG; at = parent[at]) {
    if (usage[at] + pages > max[at]) {
      m.failcnt[at]++;
      for (let undo = memcg; undo !== at; undo = parent[undo]) addUsage(m, undo, -pages);
      return at;
    }
    addUsage(m, at, pages);
    if (usage[at] > m.watermark[at]) m.watermark[at] = usage[at];
  }
  return -1;
}

/** Charges past every limit (Linux: page_counter_charge). */
export function chargeCounter(k: SpaceState, memcg: Memcg, pages: number): void {
  const m = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) {
    addUsage(m, at, pages);
    if (m.usage[at] > m.watermark[at]) m.watermark[at] = m.usage[at];
  }
}

/** Takes a charge back (Linux: page_counter_uncharge). */
export function unchargeCounter(k: SpaceState, memcg: Memcg, pages: number): void {
  const m = k.memcg;
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) {
    addUsage(m, at, -pages);
    if (m.usage[at] < 0) bug(`memory cgroup ${at} has ${m.usage[at]} pages charged`);
  }
}

/** A frame is free or leaves its cgroup: the charge goes. The page is charged to a cgroup other than the root. */
export function unchargePage(k: SpaceState, pfn: Pfn): void {
  const memcg = k.pageMemcg[pfn];
  k.pageMemcg[pfn] = ROOT_MEMCG;
  k.memcg.vmEvent[memcg * NR_EVENTS + PGPGOUT]++;
  uncharge(k, memcg, pfn);
}

function uncharge(k: SpaceState, memcg: Memcg, pfn: Pfn): void {
  unchargeCounter(k, memcg, 1);
  if (k.memcg.legacy[0] !== 0) {
    unchargeMemsw(k, memcg, 1);
    noteChargedPages(k, memcg, 1, nodeOf(k, pfn));
  }
  holdMemcg(k, memcg, -1);
}

/** Version 1: the charge of a page that is in swap leaves memory and stays in memory+swap (Linux: memcg1_swapout). */
export function moveChargeToSwap(k: SpaceState, pfn: Pfn, memcg: Memcg): void {
  unchargeCounter(k, memcg, 1);
  k.memcg.vmEvent[memcg * NR_EVENTS + PGPGOUT]++;
  noteChargedPages(k, memcg, 1, nodeOf(k, pfn));
}

/** The node that a page lies on. */
function nodeOf(k: SpaceState, pfn: Pfn): number {
  return ((k.page[pfn * PAGE_WORDS + FLAGS] >>> PG_ZONE_SHIFT) - 1) >> 2;
}

/** Version 1 counts what is charged to a cgroup, to look at its limits now and then. Kernel pages are counted when they go. */
export function noteCharge(k: SpaceState, pfn: Pfn, memcg: Memcg): void {
  if (k.memcg.legacy[0] !== 0) noteChargedPages(k, memcg, 1, nodeOf(k, pfn));
}

/** Makes an allocated page of the kernel's own the cgroup's; it was charged before. */
export function commitKernelCharge(k: SpaceState, pfn: Pfn, memcg: Memcg): void {
  commitCharge(k, pfn, memcg);
  k.memcg.kmem[memcg]++;
}

/** A page of the kernel's own is free, or no longer its cgroup's. The page is charged to a cgroup other than the root. */
export function unchargeKernelPage(k: SpaceState, pfn: Pfn): void {
  const memcg = k.pageMemcg[pfn];
  k.pageMemcg[pfn] = ROOT_MEMCG;
  k.memcg.kmem[memcg]--;
  uncharge(k, memcg, pfn);
}

/** Makes an allocated page the cgroup's; it was charged before. */
export function commitCharge(k: SpaceState, pfn: Pfn, memcg: Memcg): void {
  k.pageMemcg[pfn] = memcg;
  k.memcg.held[memcg]++;
}

/** Takes pages out of the running CPU's stock, if it holds so many for this cgroup (Linux: consume_stock). */
export function consumeStock(k: SpaceState, memcg: Memcg, pages: number): boolean {
  const m = k.memcg;
  const cpu = k.boot[2];
  if (m.stockMemcg[cpu] !== memcg || m.stockPages[cpu] < pages) return false;
  m.stockPages[cpu] -= pages;
  return true;
}

/** Puts charged pages into the running CPU's stock; what it held for another cgroup goes back (Linux: refill_stock). */
export function refillStock(k: SpaceState, memcg: Memcg, pages: number): void {
  const m = k.memcg;
  const cpu = k.boot[2];
  if (m.stockMemcg[cpu] !== memcg) {
    drainStock(k, cpu);
    m.stockMemcg[cpu] = memcg;
  }
  m.stockPages[cpu] += pages;
  if (m.stockPages[cpu] > MEMCG_CHARGE_BATCH) drainStock(k, cpu);
}

/** Gives back what a CPU's stock holds (Linux: drain_stock). */
export function drainStock(k: SpaceState, cpu: number): void {
  const m = k.memcg;
  const memcg = m.stockMemcg[cpu];
  const pages = m.stockPages[cpu];
  m.stockMemcg[cpu] = NONE;
  m.stockPages[cpu] = 0;
  if (pages === 0) return;
  unchargeCounter(k, memcg, pages);
  if (m.legacy[0] !== 0) unchargeMemsw(k, memcg, pages);
}

/** The stocks of all CPUs that hold pages of the cgroup or of one below it (Linux: drain_all_stock). */
export function drainAllStock(k: SpaceState, root: Memcg): void {
  const { stockMemcg, stockPages } = k.memcg;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++)
    if (stockPages[cpu] > 0 && isBelow(k, stockMemcg[cpu], root)) drainStock(k, cpu);
}

/** Whether `memcg` is `root` or below it. */
export function isBelow(k: SpaceState, memcg: Memcg, root: Memcg): boolean {
  for (let at = memcg; at !== ROOT_MEMCG; at = k.memcg.parent[at]) if (at === root) return true;
  return root === ROOT_MEMCG;
}

/** Pages that may still be charged to it, looking at its own limits only (Linux: mem_cgroup_margin). */
export function memcgMargin(k: SpaceState, memcg: Memcg): number {
  const { max, usage, legacy, memsw, memswMax } = k.memcg;
  const margin = Math.max(0, max[memcg] - usage[memcg]);
  return legacy[0] === 0 ? margin : Math.min(margin, Math.max(0, memswMax[memcg] - memsw[memcg]));
}

/** Notes an event of memory.events for the cgroup and all above it (Linux: memcg_memory_event). */
export function memcgEvent(k: SpaceState, memcg: Memcg, event: number): void {
  const m = k.memcg;
  m.eventLocal[memcg * NR_MEMCG_EVENTS + event]++;
  for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) m.event[at * NR_MEMCG_EVENTS + event]++;
}

/** Sets memory.min and memory.low and works out again what the parent's children claim. */
export function setProtection(k: SpaceState, memcg: Memcg, min: number, low: number): void {
  k.memcg.min[memcg] = min;
  k.memcg.low[memcg] = low;
  for (let at = memcg; at !== ROOT_MEMCG; at = k.memcg.parent[at]) protect(k.memcg, at);
}

/** The next cgroup in order of the tree from `root` on (parents before children, older before younger), or -1 after the last. */
export function nextMemcg(k: SpaceState, root: Memcg, memcg: Memcg): Memcg {
  const { firstChild, nextSibling, parent } = k.memcg;
  if (firstChild[memcg] !== NONE) return firstChild[memcg];
  for (let at = memcg; at !== root; at = parent[at]) if (nextSibling[at] !== NONE) return nextSibling[at];
  return -1;
}

/**
 * Where a partial walk below `root` goes on, on one node: the row after the last one looked at, the root again after the
 * last (Linux: mem_cgroup_iter with a cookie). `isFirst`: the walk begins. Returns -1 when the walk has come to the end.
 */
export function iterReclaim(k: SpaceState, root: Memcg, node: number, isFirst: boolean): Memcg {
  const { iter } = k.memcg;
  const at = root * k.lruvec.nodes + node;
  const last = iter[at];
  let next = last < 0 ? root : nextMemcg(k, root, last);
  if (next < 0 && isFirst) next = root;
  iter[at] = next;
  return next;
}

/**
 * Works out how much of the cgroup's memory is protected from reclaim that was started for `root`, in emin and elow.
 * Parents come before their children (Linux: page_counter_calculate_protection, without memory_recursiveprot).
 */
export function calculateProtection(k: SpaceState, root: Memcg, memcg: Memcg): void {
  const m = k.memcg;
  if (memcg === root || m.usage[memcg] === 0) return;
  const parent = m.parent[memcg];
  if (parent === root) {
    m.emin[memcg] = m.min[memcg];
    m.elow[memcg] = m.low[memcg];
    return;
  }
  m.emin[memcg] = effective(m.minUsage[memcg], m.emin[parent], m.childrenMinUsage[parent]);
  m.elow[memcg] = effective(m.lowUsage[memcg], m.elow[parent], m.childrenLowUsage[parent]);
}

/** Whether hard protection covers all of it (Linux: mem_cgroup_below_min). */
export function memcgBelowMin(k: SpaceState, root: Memcg, memcg: Memcg): boolean {
  return memcg !== ROOT_MEMCG && memcg !== root && k.memcg.emin[memcg] >= k.memcg.usage[memcg];
}

/** Whether best-effort protection covers all of it (Linux: mem_cgroup_below_low). */
export function memcgBelowLow(k: SpaceState, root: Memcg, memcg: Memcg): boolean {
  return memcg !== ROOT_MEMCG && memcg !== root && k.memcg.elow[memcg] >= k.memcg.usage[memcg];
}

/** Bug when charges, holds or the tree do not add up: a page's cgroup has it charged, a parent holds its children. */
export function checkMemcgs(k: SpaceState): void {
  const m = k.memcg;
  const rows = m.rows[FIRST_NEVER_USED];
  const charged = new Float64Array(rows);
  for (let pfn = 0; pfn < k.pageMemcg.length; pfn++)
    if (k.pageMemcg[pfn] !== ROOT_MEMCG) charged[k.pageMemcg[pfn]]++;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) charged[m.stockMemcg[cpu]] += m.stockPages[cpu];
  for (let memcg = 1; memcg < rows; memcg++) charged[memcg] += k.zswap.charged[memcg] + k.kmem.pages[memcg];
  // Children stand in rows of any order: each adds its own to everything above it.
  const usage = new Float64Array(rows);
  for (let memcg = 1; memcg < rows; memcg++)
    for (let at = memcg; at !== ROOT_MEMCG; at = m.parent[at]) usage[at] += charged[memcg];
  for (let memcg = 1; memcg < rows; memcg++) {
    if (m.state[memcg] === MEMCG_FREE) continue;
    if (usage[memcg] !== m.usage[memcg])
      bug(`memory cgroup ${memcg} has ${usage[memcg]} pages charged and counts ${m.usage[memcg]}`);
    // With version 1 a slot's charge is part of memory+swap, and counted in swapUsage as well.
    if (m.legacy[0] !== 0 && m.memsw[memcg] !== m.usage[memcg] + m.swapUsage[memcg])
      bug(`memory cgroup ${memcg} counts ${m.memsw[memcg]} pages of memory and swap`);
  }
}

/** Share of its own claim that a cgroup gets when the children together claim more than their parent has. */
function effective(claimed: number, parentEffective: number, siblingsClaimed: number): number {
  if (siblingsClaimed <= parentEffective) return claimed;
  return Math.floor((claimed * parentEffective) / siblingsClaimed);
}

function addUsage(m: MemcgColumns, memcg: Memcg, pages: number): void {
  m.usage[memcg] += pages;
  protect(m, memcg);
}

/** What the cgroup claims of its parent's protection: its usage up to its setting (Linux: propagate_protected_usage). */
function protect(m: MemcgColumns, memcg: Memcg): void {
  const parent = m.parent[memcg];
  const min = Math.min(m.usage[memcg], m.min[memcg]);
  const low = Math.min(m.usage[memcg], m.low[memcg]);
  if (min !== m.minUsage[memcg]) {
    m.childrenMinUsage[parent] += min - m.minUsage[memcg];
    m.minUsage[memcg] = min;
  }
  if (low !== m.lowUsage[memcg]) {
    m.childrenLowUsage[parent] += low - m.lowUsage[memcg];
    m.lowUsage[memcg] = low;
  }
}

function takeRow(m: MemcgColumns): Memcg {
  const { rows, state } = m;
  let memcg: Memcg = 1;
  while (memcg < rows[FIRST_NEVER_USED] && state[memcg] !== MEMCG_FREE) memcg++;
  if (memcg === state.length) return NONE;
  if (memcg === rows[FIRST_NEVER_USED]) rows[FIRST_NEVER_USED]++;
  rows[IN_USE]++;
  return memcg;
}

/** The kernel's own pages of a cgroup that is removed become its parent's (Linux: memcg_reparent_objcgs). */
function reparentKernelPages(k: SpaceState, memcg: Memcg): void {
  const m = k.memcg;
  const parent = m.parent[memcg];
  for (let pfn = 0; pfn < k.pageMemcg.length; pfn++) {
    if (k.pageMemcg[pfn] !== memcg || (k.page[pfn * PAGE_WORDS + FLAGS] & PG_table) === 0) continue;
    k.pageMemcg[pfn] = parent;
    addUsage(m, memcg, -1);
    m.held[memcg]--;
    if (parent !== ROOT_MEMCG) m.held[parent]++;
  }
  const { nodes } = k.lruvec;
  for (let node = 0; node < nodes; node++) {
    const at = (memcg * nodes + node) * NR_NODE_ITEMS + NR_PAGETABLE;
    if (parent !== ROOT_MEMCG) m.node[(parent * nodes + node) * NR_NODE_ITEMS + NR_PAGETABLE] += m.node[at];
    m.node[at] = 0;
  }
  if (parent !== ROOT_MEMCG) m.kmem[parent] += m.kmem[memcg];
  m.kmem[memcg] = 0;
}

/** Pages charged without frames are the parent's now, which has them in its own usage already. */
export function moveUsage(k: SpaceState, memcg: Memcg, pages: number): void {
  addUsage(k.memcg, memcg, -pages);
  if (k.memcg.legacy[0] !== 0) k.memcg.memsw[memcg] -= pages;
}

/** What happened in a cgroup that goes for good stays in the counts of what is above it. */
function leaveCounts(k: SpaceState, memcg: Memcg, parent: Memcg): void {
  const { node, vmEvent } = k.memcg;
  if (parent === ROOT_MEMCG) return;
  const words = k.lruvec.nodes * NR_NODE_ITEMS;
  for (let i = 0; i < words; i++) node[parent * words + i] += node[memcg * words + i];
  for (let i = 0; i < NR_EVENTS; i++) vmEvent[parent * NR_EVENTS + i] += vmEvent[memcg * NR_EVENTS + i];
}

/** Takes an offline row out of the tree and clears it, then lets go of its parent. */
function freeRow(k: SpaceState, memcg: Memcg): void {
  const m = k.memcg;
  const parent = m.parent[memcg];
  let before: Memcg = NONE;
  for (let at = m.firstChild[parent]; at !== memcg; at = m.nextSibling[at]) before = at;
  if (before === NONE) m.firstChild[parent] = m.nextSibling[memcg];
  else m.nextSibling[before] = m.nextSibling[memcg];
  if (m.lastChild[parent] === memcg) m.lastChild[parent] = before;
  leaveCounts(k, memcg, parent);
  lruGenReleaseMemcg(k, memcg);
  resetWriters(k, memcg);
  resetWatched(k, memcg);
  const { nodes } = k.lruvec;
  for (let row = 0; row < m.iter.length; row++) if (m.iter[row] === memcg) m.iter[row] = -1;
  for (const column of columns(m)) column[memcg] = 0;
  m.name[memcg] = "";
  m.eventLocal.fill(0, memcg * NR_MEMCG_EVENTS, (memcg + 1) * NR_MEMCG_EVENTS);
  m.event.fill(0, memcg * NR_MEMCG_EVENTS, (memcg + 1) * NR_MEMCG_EVENTS);
  m.node.fill(0, memcg * nodes * NR_NODE_ITEMS, (memcg + 1) * nodes * NR_NODE_ITEMS);
  m.vmEvent.fill(0, memcg * NR_EVENTS, (memcg + 1) * NR_EVENTS);
  m.rows[IN_USE]--;
  holdMemcg(k, parent, -1);
}

/** Columns with one word a row. */
function columns(m: MemcgColumns): (Int32Array | Float64Array | Uint8Array)[] {
  return [
    ...[m.parent, m.firstChild, m.lastChild, m.nextSibling, m.subtree, m.state, m.oomGroup, m.zswapWriteback],
    ...[m.held, m.usage, m.watermark, m.failcnt, m.min, m.low, m.high, m.max],
    ...[m.swapUsage, m.swapWatermark, m.swapFailcnt, m.swapHigh, m.swapMax, m.kmem, m.zswapMax],
    ...[m.memsw, m.memswWatermark, m.memswFailcnt, m.memswMax, m.softLimit, m.swappiness, m.oomKillDisable],
    ...[m.emin, m.elow, m.minUsage, m.lowUsage, m.childrenMinUsage, m.childrenLowUsage],
  ];
}
