/**
 * Reverse map: from a page to every VMA that may map it.
 *
 * A page cache page knows its inode, and the inode the list of VMAs that map it. An anonymous page knows the anon_vma
 * of the VMA it was born in; a VMA is linked, by chain rows, to its own anon_vma and to those of all its ancestors,
 * because it may map pages born there:
 *
 *   parent VMA --chain--> anon_vma A <--chain-- child VMA --chain--> anon_vma B        page born in the parent: A
 *                          (root)                              (parent A, root A)      page born in the child:  B
 *
 * Invariant: MAPCOUNT is the number of present entries that map the page.
 * Differs: the VMAs of an anon_vma or an inode are a list, not an interval tree; who is found is the same.
 * Linux: mm/rmap.c, mm/interval_tree.c, mm/mmap.c (6.12)   Doc: Documentation/mm/unevictable-lru.rst
 */
import { bug } from "../base/bug.ts";
import { ENOMEM } from "../base/errno.ts";
import { type AnonVma, NONE, type Pfn, ROOT_MEMCG, type Vma } from "../base/types.ts";
import {
  FLAGS,
  INDEX,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_anonExclusive,
  PG_swapbacked,
  PG_uptodate,
  PG_ZONE_SHIFT,
} from "../frame/page.ts";
import { NR_ANON_MAPPED, NR_FILE_MAPPED, NR_NODE_ITEMS } from "../frame/vmstat.ts";
import { chargeObject, KMEM_ANON_VMA, KMEM_ANON_VMA_CHAIN, unchargeObject } from "./kmem.ts";
import { lruvecOfPage } from "./lru-list.ts";
import { modLruvecState } from "./memcg-count.ts";
import { findPte, normalPage } from "./pagetable.ts";
import type { AnonVmaColumns, SpaceState } from "./state.ts";
import { VM_ACCESS_FLAGS, VM_SOFTDIRTY } from "./vma.ts";

const FREE_ROWS = 0;
const NEXT_ROW = 1;
const FREE_CHAINS = 2;
const NEXT_CHAIN = 3;

/** Columns for up to `count - 1` anon_vmas and four times as many chain rows. */
export function createAnonVmaColumns(count: number): AnonVmaColumns {
  const rows = (): Int32Array => new Int32Array(count);
  const chains = (): Int32Array => new Int32Array(count * 4);
  return {
    root: rows(),
    parent: rows(),
    refcount: rows(),
    numChildren: rows(),
    numActiveVmas: rows(),
    firstChain: rows(),
    charged: rows(),
    chainCharged: chains(),
    chainVma: chains(),
    chainAnonVma: chains(),
    chainNextSameVma: chains(),
    chainNext: chains(),
    chainPrev: chains(),
    freeRows: rows(),
    freeChains: chains(),
    rowCount: Int32Array.of(0, 1, 0, 1),
  };
}

/**
 * Sees to it that the VMA has an anon_vma, sharing a neighbour's when the two could be one VMA but for protection.
 * Returns 0, or -ENOMEM when no row is left.
 */
export function anonVmaPrepare(k: SpaceState, vma: Vma): number {
  if (k.vma.anonVma[vma] !== NONE) return 0;
  let anonVma = findMergeableAnonVma(k, vma);
  if (anonVma === NONE) {
    anonVma = allocAnonVma(k);
    if (anonVma === NONE) return -ENOMEM;
    // The link of a root to itself, so that a root is never reused by a child.
    k.anonVma.numChildren[anonVma]!++;
  }
  if (linkChain(k, vma, anonVma) < 0) {
    if (k.anonVma.numActiveVmas[anonVma] === 0) putAnonVma(k, anonVma);
    return -ENOMEM;
  }
  k.vma.anonVma[vma] = anonVma;
  k.anonVma.numActiveVmas[anonVma]!++;
  return 0;
}

/**
 * Links `dst` to every anon_vma that `src` is linked to. When `dst` has none of its own but `src` has (a fork), an
 * anon_vma without VMAs of its own and with at most one child is reused for it, so that a family that forks forever
 * does not grow an endless chain. Returns 0 or -ENOMEM; then `dst` is linked to nothing.
 */
export function anonVmaClone(k: SpaceState, dst: Vma, src: Vma): number {
  const a = k.anonVma;
  const mayReuse = k.vma.anonVma[dst] === NONE && k.vma.anonVma[src] !== NONE;
  let reused: AnonVma = NONE;
  for (let chain = k.vma.anonVmaChain[src]!; chain !== NONE; chain = a.chainNextSameVma[chain]!) {
    const anonVma = a.chainAnonVma[chain]!;
    if (linkChainLast(k, dst, anonVma) < 0) {
      k.vma.anonVma[dst] = NONE;
      unlinkAnonVmas(k, dst);
      return -ENOMEM;
    }
    // The list runs from the newest to the oldest; the oldest that may be reused is taken.
    if (mayReuse && a.numChildren[anonVma]! < 2 && a.numActiveVmas[anonVma] === 0) reused = anonVma;
  }
  if (reused !== NONE) k.vma.anonVma[dst] = reused;
  if (k.vma.anonVma[dst] !== NONE) a.numActiveVmas[k.vma.anonVma[dst]!]!++;
  return 0;
}

/**
 * Gives a child's VMA the parent VMA's anon_vmas and one of its own, where its own pages go. Returns 0 or -ENOMEM.
 */
export function anonVmaFork(k: SpaceState, child: Vma, parent: Vma): number {
  const a = k.anonVma;
  const above = k.vma.anonVma[parent]!;
  if (above === NONE) return 0;
  k.vma.anonVma[child] = NONE;
  if (anonVmaClone(k, child, parent) < 0) return -ENOMEM;
  if (k.vma.anonVma[child] !== NONE) return 0;
  const anonVma = allocAnonVma(k);
  if (anonVma === NONE) {
    unlinkAnonVmas(k, child);
    return -ENOMEM;
  }
  a.numActiveVmas[anonVma]!++;
  a.root[anonVma] = a.root[above]!;
  a.parent[anonVma] = above;
  a.refcount[a.root[above]!]!++;
  if (linkChain(k, child, anonVma) < 0) {
    putAnonVma(k, anonVma);
    unlinkAnonVmas(k, child);
    return -ENOMEM;
  }
  k.vma.anonVma[child] = anonVma;
  a.numChildren[above]!++;
  return 0;
}

/** Takes a VMA off all its anon_vmas; those that are left without any VMA go away, the root last. */
export function unlinkAnonVmas(k: SpaceState, vma: Vma): void {
  const a = k.anonVma;
  const first = k.vma.anonVmaChain[vma]!;
  for (let chain = first; chain !== NONE; chain = a.chainNextSameVma[chain]!) {
    const anonVma = a.chainAnonVma[chain]!;
    unlinkFromAnonVma(a, chain);
    if (a.firstChain[anonVma] === NONE) a.numChildren[a.parent[anonVma]!]!--;
  }
  if (k.vma.anonVma[vma] !== NONE) {
    a.numActiveVmas[k.vma.anonVma[vma]!]!--;
    k.vma.anonVma[vma] = NONE;
  }
  let chain = first;
  while (chain !== NONE) {
    const next = a.chainNextSameVma[chain]!;
    const anonVma = a.chainAnonVma[chain]!;
    if (a.firstChain[anonVma] === NONE) putAnonVma(k, anonVma);
    freeChain(k, chain);
    chain = next;
  }
  k.vma.anonVmaChain[vma] = NONE;
}

/** Puts a VMA that maps a file on the list of its inode. */
export function linkFileVma(k: SpaceState, vma: Vma): void {
  const inode = k.file.inode[k.vma.file[vma]!]!;
  const first = k.file.firstVma[inode]!;
  k.vma.nextShared[vma] = first;
  k.vma.prevShared[vma] = NONE;
  if (first !== NONE) k.vma.prevShared[first] = vma;
  k.file.firstVma[inode] = vma;
}

/** Takes it off again. */
export function unlinkFileVma(k: SpaceState, vma: Vma): void {
  const inode = k.file.inode[k.vma.file[vma]!]!;
  const prev = k.vma.prevShared[vma]!;
  const next = k.vma.nextShared[vma]!;
  if (prev !== NONE) k.vma.nextShared[prev] = next;
  else k.file.firstVma[inode] = next;
  if (next !== NONE) k.vma.prevShared[next] = prev;
  k.vma.prevShared[vma] = NONE;
  k.vma.nextShared[vma] = NONE;
}

/**
 * Makes a newly allocated frame an anonymous page of the VMA at `vpn`, mapped once and by nobody else
 * (Linux: folio_add_new_anon_rmap). The VMA has an anon_vma.
 */
export function addAnonRmap(k: SpaceState, pfn: Pfn, vma: Vma, vpn: number): void {
  const page = k.page;
  const record = pfn * PAGE_WORDS;
  const flags = page[record + FLAGS]!;
  page[record + FLAGS] = flags | (PG_swapbacked | PG_anonExclusive | PG_uptodate);
  page[record + MAPCOUNT] = 1;
  page[record + MAPPING] = k.vma.anonVma[vma]! * 2 + 1;
  page[record + INDEX] = k.vma.pgoff[vma]! + (vpn - k.vma.start[vma]!);
  k.vmstat.node[(((flags >>> PG_ZONE_SHIFT) - 1) >> 2) * NR_NODE_ITEMS + NR_ANON_MAPPED]!++;
  if (k.pageMemcg[pfn] !== ROOT_MEMCG) k.memcg.node[lruvecOfPage(k, pfn) * NR_NODE_ITEMS + NR_ANON_MAPPED]!++;
}

/** One more entry maps a page of the page cache (Linux: folio_add_file_rmap_pte). */
export function addFileRmap(k: SpaceState, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  if (++k.page[record + MAPCOUNT]! === 1) modLruvecState(k, pfn, NR_FILE_MAPPED, 1);
}

/** One entry less maps the page, whatever kind it is (Linux: folio_remove_rmap_pte). */
export function removeRmap(k: SpaceState, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  if (--k.page[record + MAPCOUNT]! !== 0) return;
  modLruvecState(k, pfn, (k.page[record + MAPPING]! & 1) !== 0 ? NR_ANON_MAPPED : NR_FILE_MAPPED, -1);
}

/** The page belongs to this VMA's anon_vma alone from now on (Linux: folio_move_anon_rmap). */
export function moveAnonRmap(k: SpaceState, pfn: Pfn, vma: Vma): void {
  k.page[pfn * PAGE_WORDS + MAPPING] = k.vma.anonVma[vma]! * 2 + 1;
}

/**
 * Calls `visit` for every entry that maps the page, until it returns false. Not for hot loops.
 */
export function forEachMapping(
  k: SpaceState,
  pfn: Pfn,
  visit: (vma: Vma, vpn: number, pte: number) => boolean,
): void {
  const mapping = k.page[pfn * PAGE_WORDS + MAPPING]!;
  if (mapping === 0) return;
  if ((mapping & 1) === 0) {
    for (let vma = k.file.firstVma[mapping >> 1]!; vma !== NONE; vma = k.vma.nextShared[vma]!) {
      if (!visitOne(k, pfn, vma, visit)) return;
    }
    return;
  }
  const a = k.anonVma;
  for (let chain = a.firstChain[mapping >> 1]!; chain !== NONE; chain = a.chainNext[chain]!) {
    if (!visitOne(k, pfn, a.chainVma[chain]!, visit)) return;
  }
}

/** The vpn at which the VMA would map the page, or -1 when its index lies outside the VMA. */
export function vpnInVma(k: SpaceState, pfn: Pfn, vma: Vma): number {
  const first = k.vma.pgoff[vma]!;
  // The record keeps 32 bits of the index; a VMA has fewer than 2^32 pages, so the difference says it all.
  const low = first - Math.floor(first / 4294967296) * 4294967296;
  const pages = (k.page[pfn * PAGE_WORDS + INDEX]! - low) >>> 0;
  return pages < k.vma.end[vma]! - k.vma.start[vma]! ? k.vma.start[vma]! + pages : -1;
}

function visitOne(
  k: SpaceState,
  pfn: Pfn,
  vma: Vma,
  visit: (vma: Vma, vpn: number, pte: number) => boolean,
): boolean {
  const vpn = vpnInVma(k, pfn, vma);
  if (vpn < 0) return true;
  const pte = findPte(k, k.vma.mm[vma]!, vpn);
  if (pte < 0 || normalPage(k, pte) !== pfn) return true;
  return visit(vma, vpn, pte);
}

/**
 * Walks chains and pages. Bug when a chain does not lead back, an anon_vma's counts are wrong, a mapped page is not
 * found through its reverse map, or its map count is not the number of entries found.
 */
export function checkRmap(k: SpaceState): void {
  checkAnonVmas(k);
  const seen = new Set<Pfn>();
  for (let mm = 1; mm < k.mm.rowCount[1]!; mm++) {
    for (let vma = k.mm.firstVma[mm]!; vma !== NONE; vma = k.vma.next[vma]!) {
      for (let vpn = k.vma.start[vma]!; vpn < k.vma.end[vma]!; vpn++) {
        const pte = findPte(k, mm, vpn);
        if (pte < 0) {
          vpn = Math.floor(vpn / 512) * 512 + 511;
          continue;
        }
        const pfn = normalPage(k, pte);
        // Pages of the kernel image (the vdso) belong to no mapping and cannot be found from the page.
        if (pfn === NONE || seen.has(pfn) || k.page[pfn * PAGE_WORDS + MAPPING] === 0) continue;
        seen.add(pfn);
        checkOnePage(k, pfn, vpn);
      }
    }
  }
}

function checkOnePage(k: SpaceState, pfn: Pfn, vpn: number): void {
  let count = 0;
  forEachMapping(k, pfn, () => {
    count++;
    return true;
  });
  const record = pfn * PAGE_WORDS;
  if (k.page[record + MAPCOUNT] !== count)
    bug(`frame ${pfn} (page ${vpn}) has map count ${k.page[record + MAPCOUNT]}, ${count} entries map it`);
  const isAnon = (k.page[record + MAPPING]! & 1) !== 0;
  if (isAnon && (k.page[record + FLAGS]! & PG_anonExclusive) !== 0 && count > 1)
    bug(`frame ${pfn} is exclusive and mapped ${count} times`);
}

function checkAnonVmas(k: SpaceState): void {
  const a = k.anonVma;
  const active = new Map<AnonVma, number>();
  for (let mm = 1; mm < k.mm.rowCount[1]!; mm++) {
    for (let vma = k.mm.firstVma[mm]!; vma !== NONE; vma = k.vma.next[vma]!) {
      const own = k.vma.anonVma[vma]!;
      checkChain(k, vma, own);
      if (own !== NONE) active.set(own, (active.get(own) ?? 0) + 1);
    }
  }
  for (const [anonVma, count] of active) {
    if (a.numActiveVmas[anonVma] !== count)
      bug(`anon_vma ${anonVma} counts ${a.numActiveVmas[anonVma]} VMAs, has ${count}`);
    if (a.refcount[anonVma]! < 1) bug(`anon_vma ${anonVma} is used without a reference`);
  }
}

/** Every chain row of a VMA leads back to it, and one to its own anon_vma. */
function checkChain(k: SpaceState, vma: Vma, own: AnonVma): void {
  const a = k.anonVma;
  let hasOwn = own === NONE;
  for (let chain = k.vma.anonVmaChain[vma]!; chain !== NONE; chain = a.chainNextSameVma[chain]!) {
    if (a.chainVma[chain] !== vma) bug(`chain ${chain} of VMA ${vma} belongs to VMA ${a.chainVma[chain]}`);
    if (a.chainAnonVma[chain] === own) hasOwn = true;
  }
  if (!hasOwn) bug(`VMA ${vma} is not linked to its anon_vma ${own}`);
}

/** A neighbour's anon_vma when the two VMAs differ in protection at most and the neighbour never went through a fork. */
function findMergeableAnonVma(k: SpaceState, vma: Vma): AnonVma {
  const next = k.vma.next[vma]!;
  if (next !== NONE) {
    const found = reusableAnonVma(k, next, vma, next);
    if (found !== NONE) return found;
  }
  const prev = k.vma.prev[vma]!;
  return prev !== NONE ? reusableAnonVma(k, prev, prev, vma) : NONE;
}

function reusableAnonVma(k: SpaceState, old: Vma, low: Vma, high: Vma): AnonVma {
  const { start, end, file, flags, pgoff, anonVma, anonVmaChain } = k.vma;
  if (end[low] !== start[high] || file[low] !== file[high]) return NONE;
  if (((flags[low]! ^ flags[high]!) & ~(VM_ACCESS_FLAGS | VM_SOFTDIRTY)) !== 0) return NONE;
  if (pgoff[high] !== pgoff[low]! + (start[high]! - start[low]!)) return NONE;
  const chain = anonVmaChain[old]!;
  if (chain === NONE || k.anonVma.chainNextSameVma[chain] !== NONE) return NONE;
  return anonVma[old]!;
}

/** A new anon_vma that is its own root and parent, with one reference; NONE when no row is left. */
function allocAnonVma(k: SpaceState): AnonVma {
  const a = k.anonVma;
  let row: AnonVma;
  if (a.rowCount[FREE_ROWS]! > 0) row = a.freeRows[--a.rowCount[FREE_ROWS]!]!;
  else {
    row = a.rowCount[NEXT_ROW]!;
    if (row >= a.root.length) return NONE;
    a.rowCount[NEXT_ROW]!++;
  }
  a.root[row] = row;
  a.parent[row] = row;
  a.refcount[row] = 1;
  a.numChildren[row] = 0;
  a.numActiveVmas[row] = 0;
  a.firstChain[row] = NONE;
  a.charged[row] = chargeObject(k, KMEM_ANON_VMA);
  return row;
}

/** Lets a reference go; the last frees the row and the reference it held on its root. */
function putAnonVma(k: SpaceState, row: AnonVma): void {
  const a = k.anonVma;
  if (--a.refcount[row]! !== 0) return;
  const root = a.root[row]!;
  unchargeObject(k, a.charged[row]!, KMEM_ANON_VMA);
  a.charged[row] = ROOT_MEMCG;
  a.freeRows[a.rowCount[FREE_ROWS]!++] = row;
  if (root !== row) putAnonVma(k, root);
}

/** Links VMA and anon_vma, first in the VMA's list. Returns the chain row or -ENOMEM. */
function linkChain(k: SpaceState, vma: Vma, anonVma: AnonVma): number {
  const chain = allocChain(k, vma, anonVma);
  if (chain < 0) return chain;
  k.anonVma.chainNextSameVma[chain] = k.vma.anonVmaChain[vma]!;
  k.vma.anonVmaChain[vma] = chain;
  return chain;
}

/** The same, last in the VMA's list, which keeps the order when a list is copied from its head. */
function linkChainLast(k: SpaceState, vma: Vma, anonVma: AnonVma): number {
  const a = k.anonVma;
  const chain = allocChain(k, vma, anonVma);
  if (chain < 0) return chain;
  let last = k.vma.anonVmaChain[vma]!;
  if (last === NONE) {
    k.vma.anonVmaChain[vma] = chain;
    return chain;
  }
  while (a.chainNextSameVma[last] !== NONE) last = a.chainNextSameVma[last]!;
  a.chainNextSameVma[last] = chain;
  return chain;
}

function allocChain(k: SpaceState, vma: Vma, anonVma: AnonVma): number {
  const a = k.anonVma;
  let chain: number;
  if (a.rowCount[FREE_CHAINS]! > 0) chain = a.freeChains[--a.rowCount[FREE_CHAINS]!]!;
  else {
    chain = a.rowCount[NEXT_CHAIN]!;
    if (chain >= a.chainVma.length) return -ENOMEM;
    a.rowCount[NEXT_CHAIN]!++;
  }
  const first = a.firstChain[anonVma]!;
  a.chainCharged[chain] = chargeObject(k, KMEM_ANON_VMA_CHAIN);
  a.chainVma[chain] = vma;
  a.chainAnonVma[chain] = anonVma;
  a.chainNextSameVma[chain] = NONE;
  a.chainPrev[chain] = NONE;
  a.chainNext[chain] = first;
  if (first !== NONE) a.chainPrev[first] = chain;
  a.firstChain[anonVma] = chain;
  return chain;
}

function unlinkFromAnonVma(a: AnonVmaColumns, chain: number): void {
  const prev = a.chainPrev[chain]!;
  const next = a.chainNext[chain]!;
  if (prev !== NONE) a.chainNext[prev] = next;
  else a.firstChain[a.chainAnonVma[chain]!] = next;
  if (next !== NONE) a.chainPrev[next] = prev;
}

function freeChain(k: SpaceState, chain: number): void {
  const a = k.anonVma;
  unchargeObject(k, a.chainCharged[chain]!, KMEM_ANON_VMA_CHAIN);
  a.chainCharged[chain] = ROOT_MEMCG;
  a.chainVma[chain] = NONE;
  a.chainAnonVma[chain] = NONE;
  a.chainNextSameVma[chain] = NONE;
  a.freeChains[a.rowCount[FREE_CHAINS]!++] = chain;
}
