/**
 * Words every floor uses: handles, columns, and the values that mean "no" and "later".
 *
 * A handle is a row number with a flavour. Mixing two flavours is a compile error, plain numbers fit, and at run
 * time it is a number and nothing else. Row 0 of every table is NONE, so a zeroed column means "nothing there".
 * Doc: docs/map.md
 */

/** A number that names a row of one particular table. */
export type Flavour<F extends string> = number & { readonly __is?: F };

/** Page frame number: physical address >> 12. Frame 0 belongs to the firmware, so 0 is NONE. */
export type Pfn = Flavour<"pfn">;
/** Row of the zone table (node * 4 + zone type + 1). */
export type Zone = Flavour<"zone">;
/** NUMA node id, from 0. */
export type Node = Flavour<"node">;
/** Processor number, from 0. */
export type Cpu = Flavour<"cpu">;
/** Row of the VMA table. */
export type Vma = Flavour<"vma">;
/** Row of the address space table. */
export type Mm = Flavour<"mm">;
/** Row of the task table. */
export type Task = Flavour<"task">;
/** Row of the inode table; the page cache (Linux: address_space) hangs from it. */
export type Inode = Flavour<"inode">;
/** Row of the open file table (Linux: struct file). */
export type OpenFile = Flavour<"open-file">;
/** Row of the anon_vma table. */
export type AnonVma = Flavour<"anon-vma">;

/** Row of the memory cgroup table. Row 0 is the root: a page that nobody charged belongs to it, so zero means untouched here, too. */
export type Memcg = Flavour<"memcg">;
/** Row of the LRU lists: memcg * number of nodes + node. */
export type Lruvec = Flavour<"lruvec">;
/** A place in a swap area: type * 2^26 + page number there; 0 is NONE, because page 0 of an area is its header. */
export type SwapEntry = Flavour<"swap-entry">;

/** A column of handles of one flavour. */
export type Column<H extends number> = Int32Array & { [row: number]: H };

/** No row. Every table leaves row 0 unused. */
export const NONE = 0;

/** The memory cgroup that every task is in until it is moved. */
export const ROOT_MEMCG = 0;

/** Bytes in a base page. */
export const PAGE_SIZE = 4096;

/**
 * "Not yet": the operation waits for a row that is not finished (a read from disk, a child). Nothing was lost; the
 * scheduler asks again when the row completes (Linux: VM_FAULT_RETRY). Below every errno, so `< 0` covers it too.
 */
export const BLOCKED = -0x10000;

/**
 * High and low part of a virtual page number. The low part is the last two levels of the page table (18 bits), the
 * high part everything above (18 bits with 4 levels, 27 with 5): both are small integers, which a vpn is not.
 */
const VPN_LOW_SIZE = 262144;

/** The part of a vpn above its last 18 bits, as a small integer. */
export function vpnHigh(vpn: number): number {
  return Math.floor(vpn / VPN_LOW_SIZE) | 0;
}

/** The last 18 bits of a vpn, as a small integer. */
export function vpnLow(vpn: number): number {
  return (vpn - Math.floor(vpn / VPN_LOW_SIZE) * VPN_LOW_SIZE) | 0;
}

/** Puts the two halves together again. */
export function vpnOf(high: number, low: number): number {
  return high * VPN_LOW_SIZE + low;
}
