/**
 * zswap's files besides its plain numbers: which compressor and which pool it uses, and in debugfs, from when it was first
 * switched on, what it has refused and written back.
 * Differs: a compressor that does not exist is forgotten at once when it is written before zswap was ever on; Linux keeps the word until then.
 * Linux: mm/zswap.c (6.12)   Doc: Documentation/admin-guide/mm/zswap.rst
 */
import { ENOENT } from "../base/errno.ts";
import { PAGE_SIZE } from "../base/types.ts";
import {
  COMPRESSORS,
  ZSWAP_COMPRESSOR,
  ZSWAP_EVER_ON,
  ZSWAP_LIMIT_HIT,
  ZSWAP_REJECT_ALLOC,
  ZSWAP_REJECT_COMPRESS,
  ZSWAP_REJECT_KMEMCACHE,
  ZSWAP_REJECT_POOR,
  ZSWAP_REJECT_RECLAIM,
  ZSWAP_STORED,
  ZSWAP_WRITTEN_BACK,
  zswapTotalPages,
} from "../space/zswap.ts";
import type { DebugFile } from "./debugfs.ts";
import type { AbiState } from "./state.ts";

/** The one allocator of compressed pages that Debian's configuration has besides those that are about to be removed. */
const ZPOOL = "zsmalloc";

const PARAMETERS: readonly DebugFile[] = [
  {
    path: "/sys/module/zswap/parameters/compressor",
    show: (k) => `${COMPRESSORS[k.zswap.state[ZSWAP_COMPRESSOR]!]}\n`,
    write: writeCompressor,
  },
  {
    path: "/sys/module/zswap/parameters/zpool",
    show: () => `${ZPOOL}\n`,
    write: (_, text) => (text.trim() === ZPOOL ? 0 : -ENOENT),
  },
];

const COUNTS: readonly DebugFile[] = [
  count("pool_limit_hit", ZSWAP_LIMIT_HIT),
  count("reject_reclaim_fail", ZSWAP_REJECT_RECLAIM),
  count("reject_alloc_fail", ZSWAP_REJECT_ALLOC),
  count("reject_kmemcache_fail", ZSWAP_REJECT_KMEMCACHE),
  count("reject_compress_fail", ZSWAP_REJECT_COMPRESS),
  count("reject_compress_poor", ZSWAP_REJECT_POOR),
  count("written_back_pages", ZSWAP_WRITTEN_BACK),
  { path: "/sys/kernel/debug/zswap/pool_total_size", show: (k) => `${zswapTotalPages(k) * PAGE_SIZE}\n` },
  count("stored_pages", ZSWAP_STORED),
];

/** The files that there are. */
export function zswapFiles(k: AbiState): readonly DebugFile[] {
  if (k.machine.config.zswap === "none") return [];
  return isSetUp(k) ? [...PARAMETERS, ...COUNTS] : PARAMETERS;
}

function count(name: string, word: number): DebugFile {
  return { path: `/sys/kernel/debug/zswap/${name}`, show: (k) => `${k.zswap.state[word]}\n` };
}

function isSetUp(k: AbiState): boolean {
  return k.knob.zswapEnabled !== 0 || k.zswap.state[ZSWAP_EVER_ON] !== 0;
}

/** Pages from now on go into the pool of another compressor; what is in the old one stays there until it is wanted. */
function writeCompressor(k: AbiState, text: string): number {
  const which = COMPRESSORS.indexOf(text.trim());
  if (which < 0) return isSetUp(k) ? -ENOENT : 0;
  k.zswap.state[ZSWAP_COMPRESSOR] = which;
  return 0;
}
