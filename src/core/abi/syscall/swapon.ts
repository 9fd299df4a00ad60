/**
 * swapon(2): a file with mkswap's header becomes a swap area.
 * Differs: areas on block devices come with the machine, so only regular files are named here; bad pages, which Linux
 * takes on devices alone, are refused. Discarding is accepted and does nothing.
 * Linux: mm/swapfile.c (6.12)   Doc: man 2 swapon
 */
import { EBUSY, EINVAL, EISDIR, ENOENT, ENOMEM, EPERM } from "../../base/errno.ts";
import { BLOCKED, type Inode, NONE, PAGE_SIZE, type Pfn, type Task } from "../../base/types.ts";
import { FLAGS, PAGE_WORDS, PG_uptodate } from "../../frame/page.ts";
import { loadWord, WORDS_PER_PAGE } from "../../hw/ram.ts";
import { GFP_HIGHUSER_MOVABLE } from "../../reclaim/gfp.ts";
import { findInode, S_IFDIR, S_IFMT, S_IFREG } from "../../space/file.ts";
import { isUptodate } from "../../space/io.ts";
import { findPage, isOnDisk, pageRequest, startReads } from "../../space/pagecache.ts";
import { addSwapArea, MAX_SWAPFILES, SWP_SOLIDSTATE, SWP_USED } from "../../space/swap.ts";
import { readSwapHeader } from "../../space/swap-header.ts";
import { sleepOn } from "../../vm/file-tail.ts";
import { addPage } from "../../vm/readahead.ts";
import { nextLeastPriority } from "../../vm/swapoff.ts";
import { writeBackFile } from "../../vm/truncate.ts";
import type { AbiState } from "../state.ts";
import { numberArg, type SyscallArgs, stringArg } from "./row.ts";

/** The area's priority is in the low 15 bits. */
export const SWAP_FLAG_PREFER = 0x8000;
const SWAP_FLAG_PRIO_MASK = 0x7fff;
/** The two above and the three of discarding. */
const SWAP_FLAGS_VALID = 0x7ffff;

/**
 * swapon(path, flags). Returns 0, -EINVAL (unknown flags, no regular file, no header Linux takes, shorter than its header
 * says, holes), -EPERM (not root, or no more areas), -ENOENT, -EISDIR, -EBUSY (in use already), -ENOMEM, or BLOCKED (the
 * header is read).
 */
export function sysSwapon(k: AbiState, task: Task, args: SyscallArgs): number {
  const flags = numberArg(args, 1);
  if ((flags & ~SWAP_FLAGS_VALID) !== 0) return -EINVAL;
  if (k.knob.privileged === 0 || !isTypeFree(k)) return -EPERM;
  const path = stringArg(args, 0);
  const inode = path === "" ? NONE : findInode(k, path);
  const refused = mayBeArea(k, inode, path);
  if (refused < 0) return refused;
  const pfn = headerPage(k, task, inode);
  if (pfn < 0) return pfn;
  const pages = areaPages(k, inode, pfn);
  if (pages < 0) return pages;
  const disk = k.file.disk[inode];
  const type = addSwapArea(k, {
    pages,
    prio: (flags & SWAP_FLAG_PREFER) !== 0 ? flags & SWAP_FLAG_PRIO_MASK : nextLeastPriority(k),
    disk,
    flags: k.disk.rotational[disk] === 0 ? SWP_SOLIDSTATE : 0,
    path,
  });
  return type < 0 ? type : 0;
}

function isTypeFree(k: AbiState): boolean {
  for (let type = 0; type < MAX_SWAPFILES; type++) if ((k.swap.flags[type] & SWP_USED) === 0) return true;
  return false;
}

function mayBeArea(k: AbiState, inode: Inode, path: string): number {
  if (inode === NONE) return -ENOENT;
  const kind = k.file.mode[inode] & S_IFMT;
  if (kind === S_IFDIR) return -EISDIR;
  if (kind !== S_IFREG) return -EINVAL;
  return k.swap.path.includes(path) ? -EBUSY : 0;
}

/** Page 0 of the file, read. Returns its frame, BLOCKED, -ENOMEM, or -EINVAL when there is none or it cannot be read. */
function headerPage(k: AbiState, task: Task, inode: Inode): Pfn {
  if (k.file.sizeBytes[inode] < PAGE_SIZE) return -EINVAL;
  let pfn = findPage(k, inode, 0);
  if (pfn === NONE) {
    pfn = addPage(k, inode, 0, GFP_HIGHUSER_MOVABLE);
    if (pfn < 0) return -ENOMEM;
    startReads(k, inode, 0, 1);
  } else if (!isUptodate(k, pfn) && pageRequest(k, pfn) === NONE) startReads(k, inode, 0, 1);
  if (!isUptodate(k, pfn) && sleepOn(k, task, pfn) === BLOCKED) return BLOCKED;
  return (k.page[pfn * PAGE_WORDS + FLAGS] & PG_uptodate) !== 0 ? pfn : -EINVAL;
}

/** Pages of the area, the header's included, or -EINVAL. */
function areaPages(k: AbiState, inode: Inode, pfn: Pfn): number {
  const words = new Uint32Array(WORDS_PER_PAGE);
  for (let i = 0; i < WORDS_PER_PAGE; i++) words[i] = loadWord(k, pfn, i);
  const header = readSwapHeader(new Uint8Array(words.buffer));
  if (header === undefined || header.badPages.length > 0) return -EINVAL;
  const pages = header.lastPage + 1;
  if (pages > Math.floor(k.file.sizeBytes[inode] / PAGE_SIZE)) return -EINVAL;
  writeBackFile(k, inode);
  for (let index = 0; index < pages; index++) if (!isOnDisk(k, inode, index)) return -EINVAL;
  return pages;
}
