/**
 * Writing dirty pages of a file out: page by page in the order of the file, neighbours as one request, and each of them
 * write-protected in all mappings first, so that a store that comes later makes it dirty again.
 *
 *   entry  RW D  -->  entry  -- --   page  dirty -> under write-back, contents handed to the disk as they are now
 *
 * Differs: the contents are on the disk from here on, so that a read that follows a lost page sees them; the time is kept.
 * Linux: mm/page-writeback.c write_cache_pages, mm/rmap.c folio_mkclean, fs/ext4/inode.c (6.12)   Doc: Documentation/filesystems/vfs.rst
 */
import { type Inode, NONE, type Pfn } from "../base/types.ts";
import { xaLoad, xaStore } from "../base/xarray.ts";
import { FLAGS, MAPCOUNT, PAGE_WORDS, PG_dirty, PG_writeback } from "../frame/page.ts";
import { PGPGOUT } from "../frame/vmstat.ts";
import { CAUSE_WRITEBACK, COST_WRITE_PAGE, spend } from "../hw/clock.ts";
import { saveBlock } from "../hw/content.ts";
import { OP_WRITE } from "../hw/disk.ts";
import { finishPlug, sendPage, startPlug } from "../hw/plug.ts";
import { PTE_DIRTY, PTE_RW } from "../hw/pte.ts";
import { FOREIGN_NODES } from "./node-slab.ts";
import { findPage, nextCached } from "./pagecache.ts";
import { forEachMapping } from "./rmap.ts";
import type { SpaceState } from "./state.ts";
import { flushTlbMmPage } from "./tlb-flush.ts";
import { VM_SHARED } from "./vma.ts";
import { markMappedDirty, startWriteback } from "./writeback.ts";

/** What pgpgin and pgpgout count in. */
const SECTORS_PER_PAGE = 8;
const LAST_INDEX = Number.MAX_SAFE_INTEGER;

/**
 * Sends up to `most` dirty pages of the file, from page `first` to `last`, to its disk. A page that is under write-back
 * already is passed over. Returns the pages sent.
 */
export function writePages(k: SpaceState, inode: Inode, first: number, last: number, most: number): number {
  if (k.file.dirtyPages[inode] === 0) return 0;
  let sent = 0;
  startPlug(k);
  for (
    let index = nextCached(k, inode, first, last);
    index >= 0 && sent < most;
    index = nextCached(k, inode, index + 1, last)
  ) {
    const pfn = findPage(k, inode, index);
    if ((k.page[pfn * PAGE_WORDS + FLAGS] & (PG_dirty | PG_writeback)) !== PG_dirty) continue;
    if (writePage(k, inode, index, pfn)) sent++;
    if (k.file.dirtyPages[inode] === 0) break;
  }
  finishPlug(k);
  return sent;
}

/**
 * Sends up to `most` dirty pages from where the last call ended, and from the file's beginning after its end (Linux:
 * range_cyclic). Returns the pages sent.
 */
export function writePagesInTurn(k: SpaceState, inode: Inode, most: number): number {
  const begin = k.file.writebackIndex[inode];
  const sent = writePages(k, inode, begin, LAST_INDEX, most);
  return sent < most && begin > 0 ? sent + writePages(k, inode, 0, begin - 1, most - sent) : sent;
}

/** Sends one page. False: the model's disk keeps no more contents; the page stays dirty. */
function writePage(k: SpaceState, inode: Inode, index: number, pfn: Pfn): boolean {
  if (k.page[pfn * PAGE_WORDS + MAPCOUNT] > 0) protectMappings(k, pfn);
  const { blocks, writebackIndex } = k.file;
  const old = xaLoad(k.xarray, blocks[inode], index);
  const block = saveBlock(k, pfn, old);
  if (block === NONE) return false;
  if (old === NONE) {
    const before = k.xarray.state[2];
    const root = xaStore(k.xarray, blocks[inode], index, block);
    k.nodeSlab.state[FOREIGN_NODES] += k.xarray.state[2] - before;
    if (root < 0) return false;
    blocks[inode] = root;
  }
  const row = sendPage(k, k.file.disk[inode], OP_WRITE, inode, index);
  startWriteback(k, inode, pfn, row);
  k.vmstat.event[PGPGOUT] += SECTORS_PER_PAGE;
  spend(k, CAUSE_WRITEBACK, COST_WRITE_PAGE);
  writebackIndex[inode] = index + 1;
  return true;
}

/** Write-protects a page in the shared mappings that could store to it (Linux: folio_mkclean). */
function protectMappings(k: SpaceState, pfn: Pfn): void {
  const { words } = k.ram;
  forEachMapping(k, pfn, (vma, vpn, pte) => {
    const low = words[pte];
    if ((k.vma.flags[vma] & VM_SHARED) === 0 || (low & (PTE_RW | PTE_DIRTY)) === 0) return true;
    if ((low & PTE_DIRTY) !== 0) markMappedDirty(k, pfn);
    words[pte] = low & ~(PTE_RW | PTE_DIRTY);
    flushTlbMmPage(k, k.vma.mm[vma], vpn);
    return true;
  });
}
