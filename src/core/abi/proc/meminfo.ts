/**
 * /proc/meminfo: memory of the whole machine by use, in kB.
 *
 * Differs: what this machine does not do is 0 or left as boot made it: slab, kernel stacks, vmalloc, huge pages.
 * The direct map is what alignment alone gives; Linux also splits large pages where the kernel protects its own text.
 * Linux: fs/proc/meminfo.c, mm/show_mem.c, arch/x86/mm/pat/set_memory.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { BOOT_TOTALRAM, BOOT_TOTALRESERVE } from "../../frame/mmzone.ts";
import {
  NR_ACTIVE_ANON,
  NR_ACTIVE_FILE,
  NR_ANON_MAPPED,
  NR_ANON_THPS,
  NR_BOUNCE,
  NR_FILE_DIRTY,
  NR_FILE_MAPPED,
  NR_FILE_PAGES,
  NR_FILE_PMDMAPPED,
  NR_FILE_THPS,
  NR_FREE_PAGES,
  NR_INACTIVE_ANON,
  NR_INACTIVE_FILE,
  NR_KERNEL_MISC_RECLAIMABLE,
  NR_KERNEL_STACK_KB,
  NR_MLOCK,
  NR_PAGETABLE,
  NR_SECONDARY_PAGETABLE,
  NR_SHMEM,
  NR_SHMEM_PMDMAPPED,
  NR_SHMEM_THPS,
  NR_SLAB_RECLAIMABLE_B,
  NR_SLAB_UNRECLAIMABLE_B,
  NR_SWAPCACHE,
  NR_UNACCEPTED,
  NR_UNEVICTABLE,
  NR_WRITEBACK,
  NR_WRITEBACK_TEMP,
  sumNodeItem,
  sumZoneItem,
} from "../../frame/vmstat.ts";
import { ALLOC_WMARK_LOW, watermark } from "../../frame/watermark.ts";
import { SWAP_FREE, SWAP_TOTAL } from "../../space/swap.ts";
import { hasZswap, ZSWAP_STORED, zswapTotalPages } from "../../space/zswap.ts";
import { vmCommitLimit, vmCommitted } from "../../vm/accounting.ts";
import type { VmState } from "../../vm/state.ts";

/** Size of the vmalloc area in kB, one less than 32 TiB or 12800 TiB: by levels of the page tables, from 4. */
const VMALLOC_TOTAL_KB: readonly number[] = [34359738367, 13743895347199];
/** What a CPU's own variables take. */
const PERCPU_KB = 276;
const MIB2 = 2097152;
const GIB = 1073741824;

/** The text of /proc/meminfo. */
export function showMeminfo(k: VmState): string {
  const node = (item: number): number => sumNodeItem(k.vmstat, item);
  const slabReclaimable = node(NR_SLAB_RECLAIMABLE_B);
  const slabOther = node(NR_SLAB_UNRECLAIMABLE_B);
  const cached = Math.max(0, node(NR_FILE_PAGES) - node(NR_SWAPCACHE));
  const [activeAnon, inactiveAnon] = [node(NR_ACTIVE_ANON), node(NR_INACTIVE_ANON)];
  const [activeFile, inactiveFile] = [node(NR_ACTIVE_FILE), node(NR_INACTIVE_FILE)];
  const [map4k, map2m, map1g] = directMap(k);
  return (
    line("MemTotal", k.boot[BOOT_TOTALRAM] * 4) +
    line("MemFree", sumZoneItem(k.vmstat, NR_FREE_PAGES) * 4) +
    line("MemAvailable", availablePages(k) * 4) +
    line("Buffers", 0) +
    line("Cached", cached * 4) +
    line("SwapCached", node(NR_SWAPCACHE) * 4) +
    line("Active", (activeAnon + activeFile) * 4) +
    line("Inactive", (inactiveAnon + inactiveFile) * 4) +
    line("Active(anon)", activeAnon * 4) +
    line("Inactive(anon)", inactiveAnon * 4) +
    line("Active(file)", activeFile * 4) +
    line("Inactive(file)", inactiveFile * 4) +
    line("Unevictable", node(NR_UNEVICTABLE) * 4) +
    line("Mlocked", sumZoneItem(k.vmstat, NR_MLOCK) * 4) +
    line("SwapTotal", k.swap.state[SWAP_TOTAL] * 4) +
    line("SwapFree", k.swap.state[SWAP_FREE] * 4) +
    (hasZswap(k)
      ? line("Zswap", zswapTotalPages(k) * 4) + line("Zswapped", k.zswap.state[ZSWAP_STORED] * 4)
      : "") +
    line("Dirty", node(NR_FILE_DIRTY) * 4) +
    line("Writeback", node(NR_WRITEBACK) * 4) +
    line("AnonPages", node(NR_ANON_MAPPED) * 4) +
    line("Mapped", node(NR_FILE_MAPPED) * 4) +
    line("Shmem", node(NR_SHMEM) * 4) +
    line("KReclaimable", (slabReclaimable + node(NR_KERNEL_MISC_RECLAIMABLE)) * 4) +
    line("Slab", (slabReclaimable + slabOther) * 4) +
    line("SReclaimable", slabReclaimable * 4) +
    line("SUnreclaim", slabOther * 4) +
    line("KernelStack", node(NR_KERNEL_STACK_KB)) +
    line("PageTables", node(NR_PAGETABLE) * 4) +
    line("SecPageTables", node(NR_SECONDARY_PAGETABLE) * 4) +
    line("NFS_Unstable", 0) +
    line("Bounce", sumZoneItem(k.vmstat, NR_BOUNCE) * 4) +
    line("WritebackTmp", node(NR_WRITEBACK_TEMP) * 4) +
    line("CommitLimit", vmCommitLimit(k) * 4) +
    line("Committed_AS", vmCommitted(k) * 4) +
    line("VmallocTotal", VMALLOC_TOTAL_KB[k.machine.levels - 4]) +
    line("VmallocUsed", 0) +
    line("VmallocChunk", 0) +
    line("Percpu", PERCPU_KB * k.machine.cpus) +
    // The one label that is longer than its column.
    "HardwareCorrupted:     0 kB\n" +
    line("AnonHugePages", node(NR_ANON_THPS) * 4) +
    line("ShmemHugePages", node(NR_SHMEM_THPS) * 4) +
    line("ShmemPmdMapped", node(NR_SHMEM_PMDMAPPED) * 4) +
    line("FileHugePages", node(NR_FILE_THPS) * 4) +
    line("FilePmdMapped", node(NR_FILE_PMDMAPPED) * 4) +
    line("Unaccepted", sumZoneItem(k.vmstat, NR_UNACCEPTED) * 4) +
    "HugePages_Total:       0\nHugePages_Free:        0\nHugePages_Rsvd:        0\nHugePages_Surp:        0\n" +
    line("Hugepagesize", 2048) +
    line("Hugetlb", 0) +
    line("DirectMap4k", map4k / 1024) +
    line("DirectMap2M", map2m / 1024) +
    line("DirectMap1G", map1g / 1024)
  );
}

/** Pages that programs could get without swapping (Linux: si_mem_available). */
export function availablePages(k: VmState): number {
  let low = 0;
  for (let zone = 1; zone < k.zone.count; zone++) low += watermark(k, zone, ALLOC_WMARK_LOW);
  const cache = sumNodeItem(k.vmstat, NR_ACTIVE_FILE) + sumNodeItem(k.vmstat, NR_INACTIVE_FILE);
  const reclaimable =
    sumNodeItem(k.vmstat, NR_SLAB_RECLAIMABLE_B) + sumNodeItem(k.vmstat, NR_KERNEL_MISC_RECLAIMABLE);
  const free = sumZoneItem(k.vmstat, NR_FREE_PAGES) - k.boot[BOOT_TOTALRESERVE];
  // Half of the cache, or the low watermark's worth of it, has to stay.
  return Math.max(0, free + usable(cache, low) + usable(reclaimable, low));
}

function usable(pages: number, low: number): number {
  return pages - Math.min(Math.floor(pages / 2), low);
}

/** Bytes of memory the kernel maps with 4 KiB, 2 MiB and 1 GiB pages. */
function directMap(k: VmState): [number, number, number] {
  let [small, large, huge] = [0, 0, 0];
  for (const { kind, startByte, endByte } of k.machine.e820) {
    if (kind !== "usable") continue;
    const inLarge = aligned(startByte, endByte, MIB2);
    const inHuge = aligned(startByte, endByte, GIB);
    small += endByte - startByte - inLarge;
    large += inLarge - inHuge;
    huge += inHuge;
  }
  return [small, large, huge];
}

/** Bytes of a range that whole pages of a size cover. */
function aligned(startByte: number, endByte: number, size: number): number {
  return Math.max(0, Math.floor(endByte / size) * size - Math.ceil(startByte / size) * size);
}

/** A label in 16 columns and a number in 8. */
function line(label: string, kbytes: number): string {
  return `${`${label}:`.padEnd(16)}${String(Math.floor(kbytes)).padStart(8)} kB\n`;
}
