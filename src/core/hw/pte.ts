/**
 * x86-64 page table entries. An entry is 64 bits, kept as two words side by side: low (bits 0-31), high (bits 32-63).
 *
 *   63  62....59 58..52 51 ............ 12 11..9  8  7   6 5 4   3   2  1  0
 *   NX  (pkey)   (soft) page frame number  (soft) G PS/  D A PCD PWT US RW P
 *                                                   PAT
 *
 * The frame number has its low 20 bits in the low word and the rest in the high word; NX is the sign of the high word.
 * An entry that names a place in swap has neither P nor G; its high word is the swap entry, its low word keeps two bits.
 * Differs: Linux packs type and inverted offset over both words (against L1TF); nobody but the kernel reads them.
 * Linux: arch/x86/include/asm/pgtable_types.h (6.12)   Doc: Intel SDM vol. 3A, 4.5
 */
export const PTE_PRESENT = 1;
export const PTE_RW = 2;
export const PTE_USER = 4;
export const PTE_ACCESSED = 0x20;
export const PTE_DIRTY = 0x40;
/** In an entry above the last level: it maps a 2 MiB or 1 GiB page itself. */
export const PTE_PSE = 0x80;
export const PTE_GLOBAL = 0x100;
/** In an entry without PRESENT: the page is there and nobody may touch it (Linux: _PAGE_PROTNONE, the same bit as G). */
export const PTE_PROTNONE = 0x100;
/** Either of these: the entry holds a frame (Linux: pte_present). */
export const PTE_MAPPED = PTE_PRESENT | PTE_PROTNONE;
/** What an entry above the last level has when Linux makes it (Linux: _PAGE_TABLE). */
export const PTE_TABLE = 0x67;
/** Software bit 9, Linux's _PAGE_SPECIAL: a frame without reference counting (the zero page, vvar). */
export const PTE_SPECIAL = 0x200;
/** Software bit 11, Linux's _PAGE_SOFT_DIRTY. */
export const PTE_SOFT_DIRTY = 0x800;
/** Sign of the high word: instructions may not be fetched. */
export const PTE_NX_HIGH = 0x80000000 | 0;

/** Entries in one table, and the words they take. */
export const PTRS_PER_TABLE = 512;
export const WORDS_PER_TABLE = 1024;

/** In an entry without a frame that names a place in swap: the page was soft-dirty; it was this process's alone. */
export const PTE_SWP_SOFT_DIRTY = 2;
export const PTE_SWP_EXCLUSIVE = 0x8;

/** The high word of an entry whose page is lost: a touch is a SIGBUS (Linux: PTE_MARKER_POISONED, of type SWP_PTE_MARKER). */
export const PTE_POISONED_HIGH = 31 * 2 ** 26 + 2;

/** True for an entry that is neither empty nor maps a frame: its high word is a swap entry, or PTE_POISONED_HIGH. */
export function isSwapPte(low: number, high: number): boolean {
  return (low & PTE_MAPPED) === 0 && high !== 0;
}

/** The frame an entry points to. */
export function ptePfn(low: number, high: number): number {
  return ((low >>> 12) | (high << 20)) >>> 0;
}

/** Low word of an entry for a frame with these low flag bits. */
export function pteLow(pfn: number, flags: number): number {
  return (pfn << 12) | flags;
}

/** High word of an entry for a frame: its upper bits, and NX or 0. */
export function pteHigh(pfn: number, nx: number): number {
  return (pfn >>> 20) | nx;
}
