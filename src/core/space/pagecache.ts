/**
 * The page cache as a table: which frame holds page `index` of an inode, and whether its data has arrived.
 *
 *   inserted, PG_locked, PRIVATE = disk request  --completion-->  PG_uptodate  --written-->  PG_dirty
 *
 * A page that is being read is locked and names its request; nobody waits here (io.ts ends requests).
 * A page of a hole needs no request and is uptodate at once. The cache owns one reference of each of its pages.
 * What becomes of dirty ones is in writeback.ts.
 * Linux: mm/filemap.c, include/linux/pagemap.h (6.12)   Doc: Documentation/filesystems/vfs.rst
 */
import { bug } from "../base/bug.ts";
import { ENOMEM } from "../base/errno.ts";
import { type Inode, NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import { checkTree, xaErase, xaLastLeaf, xaLoad, xaNext, xaNodes, xaStore } from "../base/xarray.ts";
import {
  FLAGS,
  fileMapping,
  INDEX,
  MAPPING,
  PAGE_WORDS,
  PG_dirty,
  PG_locked,
  PG_readahead,
  PG_swapbacked,
  PG_uptodate,
  PG_writeback,
  PRIVATE,
  REFCOUNT,
} from "../frame/page.ts";
import { NR_FILE_PAGES, NR_NODE_ITEMS, NR_SWAPCACHE, PGPGIN } from "../frame/vmstat.ts";
import { fillBytes, loadBlock } from "../hw/content.ts";
import { OP_READ, submitIo } from "../hw/disk.ts";
import { setFill } from "../hw/ram.ts";
import { contentWord } from "./file-content.ts";
import { chargeNodes, unchargeNodes } from "./kmem-nodes.ts";
import { modLruvecState } from "./memcg-count.ts";
import { currentMemcg } from "./memcg-current.ts";
import { chargeNode, freeShadow, takeShadow, updateShadowNode } from "./shadow-nodes.ts";
import type { SpaceState } from "./state.ts";
import { BUFFER_READY, cancelDirty } from "./writeback.ts";

/** The last index a walk over a whole file looks at. */
const LAST_INDEX = Number.MAX_SAFE_INTEGER;
/** What pgpgin and pgpgout count in. */
const SECTORS_PER_PAGE = 8;

/** The frame that holds page `index` of the inode, arrived or not, or NONE. */
export function findPage(k: SpaceState, inode: Inode, index: number): Pfn {
  const pfn = xaLoad(k.xarray, k.file.pages[inode], index);
  return pfn > 0 ? pfn : NONE;
}

/** The first cached index from `index` to `last`, or -1. */
export function nextCached(k: SpaceState, inode: Inode, index: number, last: number): number {
  const root = k.file.pages[inode];
  let at = xaNext(k.xarray, root, index, last);
  while (at >= 0 && xaLoad(k.xarray, root, at) < 0) at = xaNext(k.xarray, root, at + 1, last);
  return at;
}

/** Pages of the file, the last one perhaps in part: one past the last index inside it. */
export function filePages(k: SpaceState, inode: Inode): number {
  return Math.ceil(k.file.sizeBytes[inode] / PAGE_SIZE);
}

/**
 * Puts a frame, whose one reference becomes the cache's, at an index that holds nothing: locked, not uptodate, not yet
 * on an LRU list. Returns 0, or -ENOMEM when the tree has no node left; the frame is then untouched.
 */
export function insertPage(k: SpaceState, inode: Inode, index: number, pfn: Pfn): number {
  const { file: f, page } = k;
  const shadow = Math.max(0, -xaLoad(k.xarray, f.pages[inode], index));
  const before = xaNodes(k.xarray);
  const root = xaStore(k.xarray, f.pages[inode], index, pfn);
  if (root < 0) return -ENOMEM;
  if (shadow > 0) freeShadow(k, shadow);
  f.pages[inode] = root;
  const leaf = xaLastLeaf(k.xarray);
  // A leaf that the page is alone in is new, unless the page stands where a shadow was.
  if (shadow === 0 && k.xarray.count[leaf] === 1) chargeNode(k, leaf, currentMemcg(k));
  updateShadowNode(k, inode, leaf, shadow > 0 ? -1 : 0);
  chargeNodes(k, inode, before);
  f.nrPages[inode]++;
  const record = pfn * PAGE_WORDS;
  page[record + FLAGS] |= PG_locked;
  page[record + MAPPING] = fileMapping(inode);
  page[record + INDEX] = index;
  page[record + PRIVATE] = NONE;
  modLruvecState(k, pfn, NR_FILE_PAGES, 1);
  return 0;
}

/**
 * Takes a page out of the tree, leaving `shadow` (0: nothing): it belongs to no file any more, and the caller gets the
 * cache's reference. The page is mapped nowhere, and nobody reads it from the disk.
 */
export function removePage(k: SpaceState, inode: Inode, index: number, pfn: Pfn, shadow = 0): void {
  const { file: f, page } = k;
  const record = pfn * PAGE_WORDS;
  if (page[record + PRIVATE] > NONE)
    bug(`frame ${pfn} is removed from its file while a disk has to do with it`);
  const row = shadow === 0 ? NONE : takeShadow(k, shadow);
  const before = xaNodes(k.xarray);
  if (row === NONE) f.pages[inode] = xaErase(k.xarray, f.pages[inode], index);
  // The place exists, so nothing has to be made for it.
  else f.pages[inode] = xaStore(k.xarray, f.pages[inode], index, -row);
  updateShadowNode(k, inode, xaLastLeaf(k.xarray), row === NONE ? 0 : 1);
  unchargeNodes(k, inode, before);
  f.nrPages[inode]--;
  cancelDirty(k, inode, pfn);
  page[record + FLAGS] &= ~(PG_locked | PG_uptodate | PG_readahead);
  page[record + MAPPING] = 0;
  page[record + INDEX] = 0;
  page[record + PRIVATE] = NONE;
  modLruvecState(k, pfn, NR_FILE_PAGES, -1);
}

/**
 * Starts to read `pages` inserted pages from `index` on. What lies on the disk is one request; what does not (a hole)
 * is zeros and uptodate at once.
 */
export function startReads(k: SpaceState, inode: Inode, index: number, pages: number): void {
  let at = index;
  const beyond = index + pages;
  if (pages === 1 && isBufferReady(k, findPage(k, inode, index))) {
    endRead(k, findPage(k, inode, index));
    return;
  }
  while (at < beyond) {
    let run = at;
    while (run < beyond && isOnDisk(k, inode, run)) run++;
    if (run > at) {
      const row = submitIo(k, {
        disk: k.file.disk[inode],
        op: OP_READ,
        owner: inode,
        index: at,
        pages: run - at,
      });
      k.vmstat.event[PGPGIN] += (run - at) * SECTORS_PER_PAGE;
      for (let i = at; i < run; i++) awaitRequest(k, findPage(k, inode, i), row);
      at = run;
    }
    while (at < beyond && !isOnDisk(k, inode, at)) {
      const pfn = findPage(k, inode, at);
      setFill(k, pfn, 0);
      endRead(k, pfn);
      at++;
    }
  }
}

/** The disk request that will bring the page's data, or NONE when nobody reads it. */
export function pageRequest(k: SpaceState, pfn: Pfn): number {
  return k.page[pfn * PAGE_WORDS + FLAGS] & PG_locked ? k.page[pfn * PAGE_WORDS + PRIVATE] : NONE;
}

/** True when page `index` has a block on the disk, so that reading it takes time. */
export function isOnDisk(k: SpaceState, inode: Inode, index: number): boolean {
  return (
    index * PAGE_SIZE < k.file.diskBytes[inode] || xaLoad(k.xarray, k.file.blocks[inode], index) !== NONE
  );
}

/** Fills a frame with what the disk has for page `index`: zeros where it has nothing. */
export function loadFromDisk(k: SpaceState, inode: Inode, index: number, pfn: Pfn): void {
  const f = k.file;
  const block = xaLoad(k.xarray, f.blocks[inode], index);
  if (block !== NONE) {
    loadBlock(k, block, pfn);
    return;
  }
  const there = f.diskBytes[inode] - index * PAGE_SIZE;
  setFill(k, pfn, there > 0 ? contentWord(f.contentSeed[inode], index) : 0);
  if (there > 0 && there < PAGE_SIZE) fillBytes(k, { pfn, at: there, bytes: PAGE_SIZE - there }, 0);
}

/** Marks a page uptodate and unlocks it; it waits for no request any more. */
export function endRead(k: SpaceState, pfn: Pfn): void {
  const record = pfn * PAGE_WORDS;
  k.page[record + FLAGS] = (k.page[record + FLAGS] | PG_uptodate) & ~PG_locked;
  if ((k.page[record + FLAGS] & PG_writeback) === 0) k.page[record + PRIVATE] = NONE;
}

/** True for a page that is not uptodate though its data is there: reading it takes no time. */
export function isBufferReady(k: SpaceState, pfn: Pfn): boolean {
  const record = pfn * PAGE_WORDS;
  const flags = k.page[record + FLAGS];
  if ((flags & PG_uptodate) !== 0) return false;
  return (flags & PG_writeback) !== 0 || k.page[record + PRIVATE] === BUFFER_READY;
}

/**
 * Takes the page's word that it is uptodate back and keeps its data: what ext4 leaves of a page of which it read the
 * one block it wanted to change. mincore calls such a page absent.
 */
export function forgetUptodate(k: SpaceState, pfn: Pfn): void {
  k.page[pfn * PAGE_WORDS + FLAGS] &= ~PG_uptodate;
  if ((k.page[pfn * PAGE_WORDS + FLAGS] & PG_writeback) === 0)
    k.page[pfn * PAGE_WORDS + PRIVATE] = BUFFER_READY;
}

/** Unlocks a page that was put into the cache and that nobody reads: it holds nothing and is not uptodate. */
export function leaveUnread(k: SpaceState, pfn: Pfn): void {
  k.page[pfn * PAGE_WORDS + FLAGS] &= ~PG_locked;
}

/** Locks a page until the request brings its data. */
function awaitRequest(k: SpaceState, pfn: Pfn, row: number): void {
  k.page[pfn * PAGE_WORDS + FLAGS] |= PG_locked;
  k.page[pfn * PAGE_WORDS + PRIVATE] = row;
}

/**
 * Walks the trees of all inodes. Invariants: a cached page knows its file and index and has a reference; a file counts
 * its pages, those that are dirty and those under write-back; a page that is locked or under write-back waits for a request
 * that is under way; all pages add up to the counters.
 */
export function checkPageCache(k: SpaceState): void {
  const { file: f } = k;
  let pages = 0;
  for (let inode = 1; inode < f.rows[0]; inode++) {
    if (checkTree(k.xarray, f.pages[inode]) !== f.nrPages[inode])
      bug(`inode ${inode} does not have the ${f.nrPages[inode]} pages it counts`);
    checkTree(k.xarray, f.blocks[inode]);
    let dirty = 0;
    let writeback = 0;
    for (
      let index = nextCached(k, inode, 0, LAST_INDEX);
      index >= 0;
      index = nextCached(k, inode, index + 1, LAST_INDEX)
    ) {
      pages++;
      const flags = checkPage(k, inode, index);
      if ((flags & (PG_dirty | PG_swapbacked)) === PG_dirty) dirty++;
      if ((flags & (PG_writeback | PG_swapbacked)) === PG_writeback) writeback++;
    }
    if (dirty !== f.dirtyPages[inode] || writeback !== f.writebackPages[inode])
      bug(`inode ${inode} has ${dirty} dirty pages and ${writeback} under write-back, and counts otherwise`);
  }
  let counted = 0;
  for (let node = 0; node < k.machine.nodes.length; node++) {
    const at = node * NR_NODE_ITEMS;
    // Pages of the swap cache count as file pages, too.
    counted += k.vmstat.node[at + NR_FILE_PAGES] - k.vmstat.node[at + NR_SWAPCACHE];
  }
  if (counted !== pages) bug(`${pages} pages are cached and nr_file_pages is ${counted}`);
}

/** Checks one cached page. Returns its flags. */
function checkPage(k: SpaceState, inode: Inode, index: number): number {
  const { page } = k;
  const pfn = findPage(k, inode, index);
  const record = pfn * PAGE_WORDS;
  if (page[record + MAPPING] !== fileMapping(inode)) bug(`frame ${pfn} does not know its inode ${inode}`);
  if (page[record + INDEX] !== (index | 0))
    bug(`frame ${pfn} is at page ${index} and says ${page[record + INDEX]}`);
  if (page[record + REFCOUNT] < 1) bug(`cached frame ${pfn} has no reference`);
  const row = page[record + PRIVATE];
  const isWaiting = (page[record + FLAGS] & (PG_locked | PG_writeback)) !== 0;
  if (isWaiting ? k.disk.owner[row] !== inode : row !== NONE && row !== BUFFER_READY)
    bug(`frame ${pfn} waits for request ${row} wrongly`);
  return page[record + FLAGS];
}
