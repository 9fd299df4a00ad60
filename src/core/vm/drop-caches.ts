/**
 * vm.drop_caches: what is cached and can be read again is let go, at an operator's word.
 *
 *   1  clean pages of files that nobody maps       2  slab: inodes and directory entries       3  both
 *   4  (with any of them) the kernel's log stays silent about it
 *
 * Differs: of slab objects there are only nodes of page caches that remember evicted pages.
 * Linux: fs/drop_caches.c (6.12)   Doc: Documentation/admin-guide/sysctl/vm.rst
 */
import { DROP_PAGECACHE, DROP_SLAB } from "../frame/vmstat.ts";
import { dropSlab } from "../reclaim/shrinker.ts";
import type { VmState } from "./state.ts";
import { invalidatePages } from "./truncate.ts";

/** Bits of what is written to vm.drop_caches. */
const DROP_PAGES = 1;
const DROP_OBJECTS = 2;

/** Drops what the bits of `what` name from every file's cache. Dirty, locked and mapped pages stay. */
export function dropCaches(k: VmState, what: number): void {
  const { event } = k.vmstat;
  if ((what & DROP_PAGES) !== 0) {
    // Inodes are looked at by number; every one of them is, so the order cannot be seen.
    for (let inode = 1; inode < k.file.rows[0]; inode++)
      invalidatePages(k, inode, 0, Number.MAX_SAFE_INTEGER);
    event[DROP_PAGECACHE]++;
  }
  if ((what & DROP_OBJECTS) !== 0) {
    dropSlab(k);
    event[DROP_SLAB]++;
  }
}
