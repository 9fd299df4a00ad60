/**
 * Fault-around: a read fault on a file maps not one page but those of the aligned 64 KiB around it that are ready.
 *
 *                  |<------ 16 pages, aligned ------>|        never beyond the VMA, the page table, the file's end
 *   file cached    [U][U][U][L][U][U][U][R][U][.][.][U]       U uptodate   L being read   R read-ahead mark   . absent
 *   mapped          x  x  x     x  x  x     x        x
 *
 * Linux: mm/memory.c, mm/filemap.c (6.12)   Doc: Documentation/filesystems/locking.rst (map_pages)
 */
import { ENOMEM } from "../base/errno.ts";
import { NONE, type Vma, vpnLow } from "../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_locked, PG_readahead, PG_uptodate, PG_workingset } from "../frame/page.ts";
import { PTRS_PER_TABLE, pteHigh } from "../hw/pte.ts";
import { getFolio } from "../space/folio.ts";
import { completeIo } from "../space/io.ts";
import { addRss, MM_FILEPAGES, MM_SHMEMPAGES } from "../space/mm.ts";
import { filePages, findPage } from "../space/pagecache.ts";
import { findPteTable } from "../space/pagetable.ts";
import { protHigh } from "../space/protection.ts";
import { addFileRmap } from "../space/rmap.ts";
import { fileEntryLow } from "./map-file-page.ts";
import { ensurePte } from "./pte-alloc.ts";
import type { VmState } from "./state.ts";

/**
 * Maps what is ready around page `vpn` of a file's VMA. Returns 1 when `vpn` itself is mapped now, 0 when it is not,
 * -ENOMEM when there is no page table for it.
 */
export function faultAround(k: VmState, vma: Vma, vpn: number): number {
  const nr = aroundPages(k);
  if (nr <= 1) return 0;
  const v = k.vma;
  const inVma = vpn - v.start[vma];
  const inTable = vpnLow(vpn) & (PTRS_PER_TABLE - 1);
  const from = Math.max(inTable - (inTable & (nr - 1)), inTable - Math.min(inTable, inVma));
  const to = Math.min(from + nr, PTRS_PER_TABLE, inTable + v.end[vma] - vpn) - 1;
  const index = v.pgoff[vma] + inVma;
  return mapPages(k, vma, vpn, index + from - inTable, index + to - inTable);
}

/** Pages of the window: the tunable rounded down to a power of two. */
function aroundPages(k: VmState): number {
  const pages = Math.floor(k.knob.faultAroundBytes / 4096);
  let power = 1;
  while (power * 2 <= pages) power *= 2;
  return power;
}

/** Maps the ready ones of the file's pages `first` to `last` into the VMA (Linux: filemap_map_pages). */
function mapPages(k: VmState, vma: Vma, vpn: number, first: number, last: number): number {
  const { words } = k.ram;
  const v = k.vma;
  const file = v.file[vma];
  const inode = k.file.inode[file];
  const mm = v.mm[vma];
  const end = Math.min(last, filePages(k, inode) - 1);
  const toVpn = v.start[vma] - v.pgoff[vma];
  completeIo(k, k.clock.ns[0]);
  let pte = -1;
  let pteVpn = 0;
  let mapped = 0;
  let hits = 0;
  let done = 0;
  for (let index = first; index <= end; index++) {
    const pfn = findPage(k, inode, index);
    if (pfn === NONE) continue;
    const flags = k.page[pfn * PAGE_WORDS + FLAGS];
    if ((flags & (PG_uptodate | PG_locked | PG_readahead)) !== PG_uptodate) continue;
    if (pte < 0) {
      // 6.12's later releases install a page table here only below the file's last page, lest a huge entry reach past
      // its end; without a table nothing is mapped around, and the fault goes on alone.
      if (index >= filePages(k, inode) - 1 && findPteTable(k, mm, vpn) < 0) return 0;
      pte = ensurePte(k, mm, vpn);
      if (pte < 0) return -ENOMEM;
      pteVpn = vpn;
      // Making the table may have cost this page its place.
      if (findPage(k, inode, index) !== pfn) continue;
    }
    // Counted before the entry is looked at, as Linux does: pages mapped already are hits again.
    if (!(flags & PG_workingset)) hits++;
    const at = pte + (index + toVpn - pteVpn) * 2;
    if (words[at] !== 0 || words[at + 1] !== 0) continue;
    words[at + 1] = pteHigh(pfn, protHigh(v.flags[vma]));
    words[at] = fileEntryLow(k, vma, pfn);
    getFolio(k, pfn);
    addFileRmap(k, pfn);
    mapped++;
    if (index + toVpn === vpn) done = 1;
  }
  if (mapped > 0) addRss(k, mm, k.file.shmem[inode] !== 0 ? MM_SHMEMPAGES : MM_FILEPAGES, mapped);
  k.file.raMmapMiss[file] = Math.max(0, k.file.raMmapMiss[file] - hits);
  return done;
}
