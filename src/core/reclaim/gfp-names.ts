/**
 * GFP flags in words, as the kernel's messages have them: a whole combination where its name is known, then the single
 * flags that are left.
 *
 *   0x140cca   GFP_HIGHUSER_MOVABLE|__GFP_COMP
 *
 * Linux: include/trace/events/mmflags.h, mm/debug.c, lib/vsprintf.c (6.12)   Doc: Documentation/core-api/printk-formats.rst
 */
import {
  __GFP_ACCOUNT,
  __GFP_COMP,
  __GFP_DIRECT_RECLAIM,
  __GFP_DMA,
  __GFP_DMA32,
  __GFP_FS,
  __GFP_HARDWALL,
  __GFP_HIGH,
  __GFP_HIGHMEM,
  __GFP_IO,
  __GFP_KSWAPD_RECLAIM,
  __GFP_MEMALLOC,
  __GFP_MOVABLE,
  __GFP_NOFAIL,
  __GFP_NOMEMALLOC,
  __GFP_NORETRY,
  __GFP_NOWARN,
  __GFP_RECLAIM,
  __GFP_RECLAIMABLE,
  __GFP_RETRY_MAYFAIL,
  __GFP_THISNODE,
  __GFP_WRITE,
  __GFP_ZERO,
  GFP_ATOMIC,
  GFP_HIGHUSER,
  GFP_HIGHUSER_MOVABLE,
  GFP_KERNEL,
  GFP_KERNEL_ACCOUNT,
  GFP_NOFS,
  GFP_NOIO,
  GFP_NOWAIT,
  GFP_USER,
} from "./gfp.ts";

/** What huge pages are allocated with. */
const GFP_TRANSHUGE = 0x1c24ca;
const GFP_TRANSHUGE_LIGHT = 0x1c20ca;

/** Names in the order in which they are looked for. */
const NAMES: readonly (readonly [name: string, flags: number])[] = [
  ["GFP_TRANSHUGE", GFP_TRANSHUGE],
  ["GFP_TRANSHUGE_LIGHT", GFP_TRANSHUGE_LIGHT],
  ["GFP_HIGHUSER_MOVABLE", GFP_HIGHUSER_MOVABLE],
  ["GFP_HIGHUSER", GFP_HIGHUSER],
  ["GFP_USER", GFP_USER],
  ["GFP_KERNEL_ACCOUNT", GFP_KERNEL_ACCOUNT],
  ["GFP_KERNEL", GFP_KERNEL],
  ["GFP_NOFS", GFP_NOFS],
  ["GFP_ATOMIC", GFP_ATOMIC],
  ["GFP_NOIO", GFP_NOIO],
  ["GFP_NOWAIT", GFP_NOWAIT],
  ["GFP_DMA", __GFP_DMA],
  ["__GFP_HIGHMEM", __GFP_HIGHMEM],
  ["GFP_DMA32", __GFP_DMA32],
  ["__GFP_HIGH", __GFP_HIGH],
  ["__GFP_IO", __GFP_IO],
  ["__GFP_FS", __GFP_FS],
  ["__GFP_NOWARN", __GFP_NOWARN],
  ["__GFP_RETRY_MAYFAIL", __GFP_RETRY_MAYFAIL],
  ["__GFP_NOFAIL", __GFP_NOFAIL],
  ["__GFP_NORETRY", __GFP_NORETRY],
  ["__GFP_COMP", __GFP_COMP],
  ["__GFP_ZERO", __GFP_ZERO],
  ["__GFP_NOMEMALLOC", __GFP_NOMEMALLOC],
  ["__GFP_MEMALLOC", __GFP_MEMALLOC],
  ["__GFP_HARDWALL", __GFP_HARDWALL],
  ["__GFP_THISNODE", __GFP_THISNODE],
  ["__GFP_RECLAIMABLE", __GFP_RECLAIMABLE],
  ["__GFP_MOVABLE", __GFP_MOVABLE],
  ["__GFP_ACCOUNT", __GFP_ACCOUNT],
  ["__GFP_WRITE", __GFP_WRITE],
  ["__GFP_RECLAIM", __GFP_RECLAIM],
  ["__GFP_DIRECT_RECLAIM", __GFP_DIRECT_RECLAIM],
  ["__GFP_KSWAPD_RECLAIM", __GFP_KSWAPD_RECLAIM],
];

/** The flags in words, joined by "|"; bits without a name in hexadecimal. */
export function gfpNames(gfp: number): string {
  const words: string[] = [];
  let left = gfp;
  for (const [name, flags] of NAMES) {
    if (left === 0 || (left & flags) !== flags) continue;
    words.push(name);
    left &= ~flags;
  }
  if (left !== 0) words.push(`0x${left.toString(16)}`);
  return words.join("|");
}
