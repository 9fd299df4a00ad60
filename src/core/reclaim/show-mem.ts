/**
 * Mem-Info: what the kernel's log says of the machine's memory when an allocation has failed.
 *
 *   counts of the machine, in pages      active_anon:… free:… free_pcp:…
 *   a line for each node, in kB          Node 0 active_anon:…kB … all_unreclaimable? yes
 *   a line for each zone, in kB          Node 0 DMA32 free:…kB … free_cma:…kB, and what it keeps from higher requests
 *   free blocks of each zone             10*4kB (U) 4*8kB (UM) …     U unmovable, M movable, E reclaimable, H atomic reserve
 *   huge pages, page cache, swap, totals
 *
 * Zones above those that the allocation may use are left out.
 * Differs: pools of huge pages are not modelled; they are shown as they are where nobody asks for any: empty.
 * Linux: mm/show_mem.c, mm/swap_state.c, mm/hugetlb.c (6.12)   Doc: Documentation/admin-guide/mm/concepts.rst
 */
import { LOG_WARNING, printk } from "../base/dmesg.ts";
import { PAGE_SIZE, type Zone } from "../base/types.ts";
import { freeBlocks, freeList } from "../frame/buddy.ts";
import { NR_PAGE_ORDERS, PCP_COUNT, ZONES_PER_NODE } from "../frame/mmzone.ts";
import { pcpRow } from "../frame/pcp-tune.ts";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_THPS,
  NR_BOUNCE,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_FREE_CMA_PAGES,
  NR_FREE_PAGES,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_ISOLATED_ANON,
  NR_ISOLATED_FILE,
  NR_KERNEL_MISC_RECLAIMABLE,
  NR_KERNEL_STACK_KB,
  NR_MLOCK,
  NR_NODE_ITEMS,
  NR_PAGETABLE,
  NR_SECONDARY_PAGETABLE,
  NR_SHMEM,
  NR_SHMEM_PMDMAPPED,
  NR_SHMEM_THPS,
  NR_SLAB_RECLAIMABLE_B,
  NR_SLAB_UNRECLAIMABLE_B,
  NR_SWAPCACHE,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
  NR_WRITEBACK_TEMP,
  NR_ZONE_ACTIVE_ANON,
  NR_ZONE_ACTIVE_FILE,
  NR_ZONE_INACTIVE_ANON,
  NR_ZONE_INACTIVE_FILE,
  NR_ZONE_ITEMS,
  NR_ZONE_UNEVICTABLE,
  NR_ZONE_WRITE_PENDING,
  sumNodeItem,
  sumZoneItem,
} from "../frame/vmstat.ts";
import { ALLOC_WMARK_HIGH, ALLOC_WMARK_LOW, ALLOC_WMARK_MIN, watermark } from "../frame/watermark.ts";
import { ZONE_NAMES, zoneNode, zoneType } from "../frame/zone.ts";
import { SWAP_FREE, SWAP_TOTAL } from "../space/swap.ts";
import { MAX_RECLAIM_RETRIES } from "./scan-control.ts";
import type { ReclaimState } from "./state.ts";

const KIB_PER_PAGE = PAGE_SIZE / 1024;
/** Sizes of huge pages in kB, as the pools are shown. */
const HUGE_PAGE_KIB = [1048576, 2048];
/** Letters of the kinds of free blocks, by migratetype: those of MIGRATE_PCPTYPES, the atomic reserve, isolated ones. */
const TYPE_LETTERS = "UMEHI";

/** A name and the counter behind it. */
type Item = readonly [name: string, item: number];

const NODE_ITEMS: readonly Item[] = [
  ["active_anon", NR_ACTIVE_ANON],
  ["inactive_anon", NR_INACTIVE_ANON],
  ["active_file", NR_ACTIVE_FILE],
  ["inactive_file", NR_INACTIVE_FILE],
  ["unevictable", NR_UNEVICTABLE],
  ["isolated(anon)", NR_ISOLATED_ANON],
  ["isolated(file)", NR_ISOLATED_FILE],
  ["mapped", NR_FILE_MAPPED],
  ["dirty", NR_FILE_DIRTY],
  ["writeback", NR_WRITEBACK],
  ["shmem", NR_SHMEM],
  ["shmem_thp", NR_SHMEM_THPS],
  ["shmem_pmdmapped", NR_SHMEM_PMDMAPPED],
  ["anon_thp", NR_ANON_THPS],
  ["writeback_tmp", NR_WRITEBACK_TEMP],
];

const ZONE_LISTS: readonly Item[] = [
  ["active_anon", NR_ZONE_ACTIVE_ANON],
  ["inactive_anon", NR_ZONE_INACTIVE_ANON],
  ["active_file", NR_ZONE_ACTIVE_FILE],
  ["inactive_file", NR_ZONE_INACTIVE_FILE],
  ["unevictable", NR_ZONE_UNEVICTABLE],
  ["writepending", NR_ZONE_WRITE_PENDING],
];

/** Writes all of it, for an allocation from zones up to type `highest` (Linux: __show_mem). */
export function showMem(k: ReclaimState, highest: number): void {
  const say = (text: string): void => printk(k, LOG_WARNING, text);
  const zones = populatedZones(k, highest);
  say("Mem-Info:");
  say(machineCounts(k, zones));
  for (let node = 0; node < k.machine.nodes.length; node++)
    if (zones.some((zone) => zoneNode(zone) === node && k.zone.managedPages[zone] > 0))
      say(nodeLine(k, node));
  for (const zone of zones) {
    say(zoneLine(k, zone));
    say(`lowmem_reserve[]: ${reserves(k, zone).join(" ")}`);
  }
  for (const zone of zones) say(blocksLine(k, zone));
  for (let node = 0; node < k.machine.nodes.length; node++)
    for (const size of HUGE_PAGE_KIB)
      say(`Node ${node} hugepages_total=0 hugepages_free=0 hugepages_surp=0 hugepages_size=${size}kB`);
  say(`${sumNodeItem(k.vmstat, NR_FILE_PAGES)} total pagecache pages`);
  say(`${sumNodeItem(k.vmstat, NR_SWAPCACHE)} pages in swap cache`);
  say(`Free swap  = ${kib(k.swap.state[SWAP_FREE])}`);
  say(`Total swap = ${kib(k.swap.state[SWAP_TOTAL])}`);
  let present = 0;
  let managed = 0;
  for (const zone of populatedZones(k, ZONES_PER_NODE)) {
    present += k.zone.presentPages[zone];
    managed += k.zone.managedPages[zone];
  }
  say(`${present} pages RAM`);
  say("0 pages HighMem/MovableOnly");
  say(`${present - managed} pages reserved`);
  say("0 pages hwpoisoned");
}

/** Zones with memory, up to a type, in order of nodes. */
function populatedZones(k: ReclaimState, highest: number): Zone[] {
  const zones: Zone[] = [];
  for (let zone: Zone = 1; zone < k.zone.count; zone++)
    if (zoneType(zone) <= highest && k.zone.presentPages[zone] > 0) zones.push(zone);
  return zones;
}

/** Counts of the whole machine, in pages. */
function machineCounts(k: ReclaimState, zones: readonly Zone[]): string {
  const of = (item: number): number => sumNodeItem(k.vmstat, item);
  const bytes = (item: number): number => Math.floor(of(item) / PAGE_SIZE);
  const freePcp = zones.reduce((sum, zone) => sum + pcpPages(k, zone), 0);
  return [
    `active_anon:${of(NR_ACTIVE_ANON)} inactive_anon:${of(NR_INACTIVE_ANON)} isolated_anon:${of(NR_ISOLATED_ANON)}`,
    ` active_file:${of(NR_ACTIVE_FILE)} inactive_file:${of(NR_INACTIVE_FILE)} isolated_file:${of(NR_ISOLATED_FILE)}`,
    ` unevictable:${of(NR_UNEVICTABLE)} dirty:${of(NR_FILE_DIRTY)} writeback:${of(NR_WRITEBACK)}`,
    ` slab_reclaimable:${bytes(NR_SLAB_RECLAIMABLE_B)} slab_unreclaimable:${bytes(NR_SLAB_UNRECLAIMABLE_B)}`,
    ` mapped:${of(NR_FILE_MAPPED)} shmem:${of(NR_SHMEM)} pagetables:${of(NR_PAGETABLE)}`,
    ` sec_pagetables:${of(NR_SECONDARY_PAGETABLE)} bounce:${sumZoneItem(k.vmstat, NR_BOUNCE)}`,
    ` kernel_misc_reclaimable:${of(NR_KERNEL_MISC_RECLAIMABLE)}`,
    ` free:${sumZoneItem(k.vmstat, NR_FREE_PAGES)} free_pcp:${freePcp} free_cma:${sumZoneItem(k.vmstat, NR_FREE_CMA_PAGES)}`,
  ].join("\n");
}

function nodeLine(k: ReclaimState, node: number): string {
  const of = (item: number): number => k.vmstat.node[node * NR_NODE_ITEMS + item];
  const isHopeless = k.reclaim.failures[node] >= MAX_RECLAIM_RETRIES;
  return [
    `Node ${node}`,
    ...NODE_ITEMS.map(([name, item]) => `${name}:${kib(of(item))}`),
    `kernel_stack:${of(NR_KERNEL_STACK_KB)}kB`,
    `pagetables:${kib(of(NR_PAGETABLE))}`,
    `sec_pagetables:${kib(of(NR_SECONDARY_PAGETABLE))}`,
    `all_unreclaimable? ${isHopeless ? "yes" : "no"}`,
  ].join(" ");
}

function zoneLine(k: ReclaimState, zone: Zone): string {
  const of = (item: number): number => k.vmstat.zone[zone * NR_ZONE_ITEMS + item];
  const { watermarkBoost, nrReservedHighatomic, presentPages, managedPages } = k.zone;
  return [
    zoneName(zone),
    `free:${kib(of(NR_FREE_PAGES))}`,
    `boost:${kib(watermarkBoost[zone])}`,
    `min:${kib(watermark(k, zone, ALLOC_WMARK_MIN))}`,
    `low:${kib(watermark(k, zone, ALLOC_WMARK_LOW))}`,
    `high:${kib(watermark(k, zone, ALLOC_WMARK_HIGH))}`,
    `reserved_highatomic:${nrReservedHighatomic[zone] * KIB_PER_PAGE}KB`,
    ...ZONE_LISTS.map(([name, item]) => `${name}:${kib(of(item))}`),
    `present:${kib(presentPages[zone])}`,
    `managed:${kib(managedPages[zone])}`,
    `mlocked:${kib(of(NR_MLOCK))}`,
    `bounce:${kib(of(NR_BOUNCE))}`,
    `free_pcp:${kib(pcpPages(k, zone))}`,
    `local_pcp:${kib(k.pcp.rows[pcpRow(k, zone, k.boot[2]) + PCP_COUNT])}`,
    `free_cma:${kib(of(NR_FREE_CMA_PAGES))}`,
  ].join(" ");
}

/** Pages a zone keeps from requests that could have used a higher zone; the device zone is the fifth. */
function reserves(k: ReclaimState, zone: Zone): number[] {
  const first = zone * ZONES_PER_NODE;
  const kept = Array.from(k.zone.lowmemReserve.subarray(first, first + ZONES_PER_NODE));
  return [...kept, kept[ZONES_PER_NODE - 1]];
}

/** Free blocks by order, with the kinds there are of each. */
function blocksLine(k: ReclaimState, zone: Zone): string {
  let text = `${zoneName(zone)}: `;
  let total = 0;
  for (let order = 0; order < NR_PAGE_ORDERS; order++) {
    const blocks = freeBlocks(k, zone, order);
    total += blocks * 2 ** order;
    text += `${blocks}*${kib(2 ** order)} `;
    if (blocks > 0) text += `(${typeLetters(k, zone, order)}) `;
  }
  return `${text}= ${kib(total)}`;
}

function typeLetters(k: ReclaimState, zone: Zone, order: number): string {
  const first = freeList(zone, order, 0);
  return [...TYPE_LETTERS].filter((_, type) => k.zone.freeCount[first + type] > 0).join("");
}

function pcpPages(k: ReclaimState, zone: Zone): number {
  let pages = 0;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) pages += k.pcp.rows[pcpRow(k, zone, cpu) + PCP_COUNT];
  return pages;
}

function zoneName(zone: Zone): string {
  return `Node ${zoneNode(zone)} ${ZONE_NAMES[zoneType(zone)]}`;
}

function kib(pages: number): string {
  return `${pages * KIB_PER_PAGE}kB`;
}
