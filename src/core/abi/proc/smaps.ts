/**
 * /proc/PID/smaps: every VMA with what of it is in memory, and how much of that is shared with whom.
 *
 * A page that N address spaces map counts PAGE_SIZE / N to the Pss of each. The division keeps 12 more bits (PSS_SHIFT)
 * and is cut off page by page; the sum is cut to bytes, then to kB, in this order, or the last digit differs.
 * A page in swap counts the same way in SwapPss, by the entries that refer to its slot.
 * Differs: AnonHugePages, ShmemPmdMapped, FilePmdMapped, Shared_Hugetlb, Private_Hugetlb and KSM are 0 and THPeligible
 * is 0 because these machines run with transparent_hugepage=never, without huge page pools or KSM.
 * ProtectionKey is printed where the processor has keys (pku), and is always key 0.
 * Linux: fs/proc/task_mmu.c show_smap, smaps_account (6.12)   Doc: Documentation/filesystems/proc.rst, 1.1
 */
import { NONE, PAGE_SIZE, type Task, type Vma } from "../../base/types.ts";
import {
  FLAGS,
  MAPCOUNT,
  MAPPING,
  PAGE_WORDS,
  PG_dirty,
  PG_referenced,
  PG_swapbacked,
  REFCOUNT,
} from "../../frame/page.ts";
import { isSwapPte, PTE_ACCESSED, PTE_DIRTY, PTE_POISONED_HIGH } from "../../hw/pte.ts";
import { forEachPte, normalPage } from "../../space/pagetable.ts";
import { countSwapped } from "../../space/shmem.ts";
import { SLOT_COUNT, swapRecord } from "../../space/swap.ts";
import { VM_EXEC, VM_LOCKED, VM_SOFTDIRTY } from "../../space/vma.ts";
import type { AbiState } from "../state.ts";
import { gateLine, mapLine } from "./maps.ts";

/** Bits a page's share keeps behind the byte (Linux: PSS_SHIFT). */
const PSS_UNITS = 4096;
const PAGE_PSS = PAGE_SIZE * PSS_UNITS;

/** The sums over one VMA, or over all of them: bytes, the `pss…` in 1/4096 bytes. */
export interface MemSizeStats {
  /** Mapped and in memory (Rss). */
  resident: number;
  /** The same by whether somebody else maps the page, and whether it differs from its file or is anonymous and written. */
  sharedClean: number;
  sharedDirty: number;
  privateClean: number;
  privateDirty: number;
  /** Used since the accessed bit was cleared last. */
  referenced: number;
  /** Without a file, copies of private file pages included. */
  anonymous: number;
  /** Given up by MADV_FREE and not written since. */
  lazyfree: number;
  /** In swap, and the shares of that. */
  swap: number;
  swapPss: number;
  /** Shares: of all pages, then by kind, then of dirty pages and of those that mlock keeps. */
  pss: number;
  pssAnon: number;
  pssFile: number;
  pssShmem: number;
  pssDirty: number;
  pssLocked: number;
}

/** VmFlags by bit; "??" is what the kernel prints for a bit without a name, "" is not printed. */
const MNEMONICS: readonly string[] = [
  "rd",
  "wr",
  "ex",
  "sh",
  "mr",
  "mw",
  "me",
  "ms",
  "gd",
  "um",
  "pf",
  "??",
  "uw",
  "lo",
  "io",
  "sr",
  "rr",
  "dc",
  "de",
  "lf",
  "ac",
  "nr",
  "ht",
  "sf",
  "ar",
  "wf",
  "dd",
  "sd",
  "mm",
  "hg",
  "nh",
  "mg",
];

/** The text of /proc/PID/smaps; empty when the task has no address space any more. */
export function showSmaps(k: AbiState, task: Task): string {
  const mm = k.task.mm[task];
  if (mm === NONE) return "";
  let text = "";
  for (let vma = k.mm.firstVma[mm]; vma !== NONE; vma = k.vma.next[vma]) text += smapEntry(k, vma);
  const gate = gateLine(k);
  return gate === "" ? text : text + entry(k, gate, { pages: 1, vmFlags: VM_EXEC, stats: emptyStats() });
}

/** The entry of one VMA: header line, fields, VmFlags. */
export function smapEntry(k: AbiState, vma: Vma): string {
  const stats = emptyStats();
  gatherStats(k, vma, stats);
  const pages = k.vma.end[vma] - k.vma.start[vma];
  return entry(k, mapLine(k, vma), { pages, vmFlags: k.vma.flags[vma], stats });
}

/** What follows a header line: size, sums, and what the kernel was built to tell. */
function entry(
  k: AbiState,
  header: string,
  about: { pages: number; vmFlags: number; stats: MemSizeStats },
): string {
  const { softDirty, protectionKeys } = k.machine.config;
  return (
    header +
    field("Size:", about.pages * PAGE_SIZE) +
    field("KernelPageSize:", PAGE_SIZE) +
    field("MMUPageSize:", PAGE_SIZE) +
    statsText(about.stats, false) +
    `THPeligible:    ${plain(0)}\n` +
    (protectionKeys ? `ProtectionKey:  ${plain(0)}\n` : "") +
    vmFlagsLine(softDirty ? about.vmFlags : about.vmFlags & ~VM_SOFTDIRTY)
  );
}

/** Bytes of a mapping of shared memory that are in swap: its file knows, entries do not (Linux: shmem_swap_usage). */
function shmemSwap(k: AbiState, vma: Vma): number {
  const file = k.vma.file[vma];
  if (file === NONE || k.file.shmem[k.file.inode[file]] === 0) return 0;
  const first = k.vma.pgoff[vma];
  return PAGE_SIZE * countSwapped(k, k.file.inode[file], first, first + k.vma.end[vma] - k.vma.start[vma]);
}

/** Sums of nothing yet. */
export function emptyStats(): MemSizeStats {
  return {
    resident: 0,
    sharedClean: 0,
    sharedDirty: 0,
    privateClean: 0,
    privateDirty: 0,
    referenced: 0,
    anonymous: 0,
    lazyfree: 0,
    swap: 0,
    swapPss: 0,
    pss: 0,
    pssAnon: 0,
    pssFile: 0,
    pssShmem: 0,
    pssDirty: 0,
    pssLocked: 0,
  };
}

/** Adds the pages of one VMA to the sums. */
export function gatherStats(k: AbiState, vma: Vma, stats: MemSizeStats): void {
  const locked = (k.vma.flags[vma] & VM_LOCKED) !== 0;
  stats.swap += shmemSwap(k, vma);
  forEachPte(k, k.vma.mm[vma], k.vma.start[vma], k.vma.end[vma], (_vpn, pte) => {
    const low = k.ram.words[pte];
    const high = k.ram.words[pte + 1];
    if (isSwapPte(low, high)) {
      if (high === PTE_POISONED_HIGH) return;
      stats.swap += PAGE_SIZE;
      stats.swapPss += Math.floor(PAGE_PSS / Math.max(1, k.swap.slot[swapRecord(k, high) + SLOT_COUNT]));
      return;
    }
    const pfn = normalPage(k, pte);
    if (pfn !== NONE) accountPage(k, stats, pfn, low, locked);
  });
}

/** Adds one mapped page to the sums. `low` is the low word of the entry that maps it. */
function accountPage(k: AbiState, stats: MemSizeStats, pfn: number, low: number, locked: boolean): void {
  const at = pfn * PAGE_WORDS;
  const pageFlags = k.page[at + FLAGS];
  const isAnon = (k.page[at + MAPPING] & 1) !== 0;
  const isDirty = (low & PTE_DIRTY) !== 0 || (pageFlags & PG_dirty) !== 0;
  if (isAnon) {
    stats.anonymous += PAGE_SIZE;
    if ((pageFlags & PG_swapbacked) === 0 && !isDirty) stats.lazyfree += PAGE_SIZE;
  }
  stats.resident += PAGE_SIZE;
  if ((low & PTE_ACCESSED) !== 0 || (pageFlags & PG_referenced) !== 0) stats.referenced += PAGE_SIZE;

  // One reference is this mapping's own: nobody else can map the page, and the mapcount need not be looked at.
  const mapcount = k.page[at + REFCOUNT] === 1 ? 1 : k.page[at + MAPCOUNT];
  const isPrivate = mapcount < 2;
  const pss = isPrivate ? PAGE_PSS : Math.floor(PAGE_PSS / mapcount);
  stats.pss += pss;
  if (isAnon) stats.pssAnon += pss;
  else if ((pageFlags & PG_swapbacked) !== 0) stats.pssShmem += pss;
  else stats.pssFile += pss;
  if (locked) stats.pssLocked += pss;
  if (isDirty) {
    stats.pssDirty += pss;
    if (isPrivate) stats.privateDirty += PAGE_SIZE;
    else stats.sharedDirty += PAGE_SIZE;
  } else if (isPrivate) stats.privateClean += PAGE_SIZE;
  else stats.sharedClean += PAGE_SIZE;
}

/** The fields smaps and smaps_rollup have in common; the rollup also tells the kinds of Pss apart. */
export function statsText(stats: MemSizeStats, rollup: boolean): string {
  const kinds = rollup
    ? pssField("Pss_Anon:", stats.pssAnon) +
      pssField("Pss_File:", stats.pssFile) +
      pssField("Pss_Shmem:", stats.pssShmem)
    : "";
  return (
    field("Rss:", stats.resident) +
    pssField("Pss:", stats.pss) +
    pssField("Pss_Dirty:", stats.pssDirty) +
    kinds +
    field("Shared_Clean:", stats.sharedClean) +
    field("Shared_Dirty:", stats.sharedDirty) +
    field("Private_Clean:", stats.privateClean) +
    field("Private_Dirty:", stats.privateDirty) +
    field("Referenced:", stats.referenced) +
    field("Anonymous:", stats.anonymous) +
    field("KSM:", 0) +
    field("LazyFree:", stats.lazyfree) +
    field("AnonHugePages:", 0) +
    field("ShmemPmdMapped:", 0) +
    field("FilePmdMapped:", 0) +
    field("Shared_Hugetlb:", 0) +
    "Private_Hugetlb:       0 kB\n" +
    field("Swap:", stats.swap) +
    pssField("SwapPss:", stats.swapPss) +
    pssField("Locked:", stats.pssLocked)
  );
}

/** The VmFlags line: two letters and a blank for every bit that is set. */
export function vmFlagsLine(vmFlags: number): string {
  let text = "VmFlags: ";
  for (let bit = 0; bit < 32; bit++) if ((vmFlags >>> bit) & 1) text += `${MNEMONICS[bit]} `;
  return `${text}\n`;
}

/** "Name:  <value in kB>": the name in 16 columns, the value in 8. */
function field(name: string, bytes: number): string {
  return `${name.padEnd(16)}${plain(Math.floor(bytes / 1024))} kB\n`;
}

function pssField(name: string, units: number): string {
  return field(name, Math.floor(units / PSS_UNITS));
}

function plain(value: number): string {
  return String(value).padStart(8);
}
