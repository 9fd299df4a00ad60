/**
 * /proc/vmstat: every counter, one a line: zone items, NUMA events, node items, the limits of dirty memory, events.
 * Linux: mm/vmstat.c vmstat_show, mm/page-writeback.c (6.12)   Doc: Documentation/filesystems/proc.rst
 */
import { BOOT_MEMMAP_PAGES, BOOT_TOTALRESERVE } from "../../frame/mmzone.ts";
import { foldPcp } from "../../frame/pcp.ts";
import type { FrameState } from "../../frame/state.ts";
import {
  EVENT_NAMES,
  isCountedInHugePages,
  NODE_ITEM_NAMES,
  NR_ACTIVE_FILE,
  NR_FREE_PAGES,
  NR_INACTIVE_FILE,
  PGPGIN,
  PGPGOUT,
  sumNodeItem,
  sumZoneItem,
  ZONE_ITEM_NAMES,
  ZSWPIN,
  ZSWPWB,
} from "../../frame/vmstat.ts";

const HPAGE_PAGES = 512;
/** vm.dirty_ratio (20 %) and vm.dirty_background_ratio (10 %) in 1/4096, rounded down as the kernel does. */
const DIRTY_RATIO = 819;
const DIRTY_BACKGROUND_RATIO = 409;

/** The text of /proc/vmstat. */
export function showVmstat(k: FrameState): string {
  foldPcp(k);
  const v = k.vmstat;
  let text = "";
  ZONE_ITEM_NAMES.forEach((name, item) => {
    text += `${name} ${sumZoneItem(v, item)}\n`;
  });
  NODE_ITEM_NAMES.forEach((name, item) => {
    const pages = sumNodeItem(v, item);
    text += `${name} ${isCountedInHugePages(item) ? Math.floor(pages / HPAGE_PAGES) : pages}\n`;
  });
  const dirtyable = dirtyablePages(k);
  text += `nr_dirty_threshold ${Math.floor((DIRTY_RATIO * dirtyable) / 4096)}\n`;
  text += `nr_dirty_background_threshold ${Math.floor((DIRTY_BACKGROUND_RATIO * dirtyable) / 4096)}\n`;
  text += `nr_memmap_pages 0\nnr_memmap_boot_pages ${k.boot[BOOT_MEMMAP_PAGES]}\n`;
  EVENT_NAMES.forEach((name, item) => {
    if (item >= ZSWPIN && item <= ZSWPWB && k.machine.config.zswap === "none") return;
    // Counted in sectors, printed in kB.
    const value = item === PGPGIN || item === PGPGOUT ? Math.floor(v.event[item] / 2) : v.event[item];
    text += `${name} ${value}\n`;
  });
  return `${text}nr_unstable 0\n`;
}

/** Pages that could be dirty: free ones beyond the reserves, and the page cache (Linux: global_dirtyable_memory). */
function dirtyablePages(k: FrameState): number {
  const free = sumZoneItem(k.vmstat, NR_FREE_PAGES);
  const beyond = Math.max(0, free - k.boot[BOOT_TOTALRESERVE]);
  return beyond + sumNodeItem(k.vmstat, NR_INACTIVE_FILE) + sumNodeItem(k.vmstat, NR_ACTIVE_FILE) + 1;
}
