/**
 * Arithmetic on addresses and lengths in bytes, which are wider than 32 bits and, as a program passes them, 64 bits
 * without sign. Numbers up to 2^53 are exact; above that a number keeps its top 53 bits, enough to be refused rightly.
 * Linux: include/linux/align.h (6.12)   Doc: docs/style.md
 */
import { PAGE_SIZE } from "../base/types.ts";

/** One more than the largest 64-bit number. */
export const TWO_TO_64 = 2 ** 64;

/** An argument as the kernel sees it: a negative number stands for its 64-bit pattern. */
export function unsigned(value: number): number {
  return value < 0 ? TWO_TO_64 + value : value;
}

/** Rounds a byte count or an address up to whole pages. The result may be 2^64, which is 0 in the kernel's words. */
export function pageAlign(bytes: number): number {
  return Math.ceil(bytes / PAGE_SIZE) * PAGE_SIZE;
}

/** Remainder of a division, not negative; for numbers beyond 32 bits. */
export function remainder(bytes: number, unit: number): number {
  return bytes - Math.floor(bytes / unit) * unit;
}

/** Whether the number is a multiple of the page size. */
export function isPageAligned(bytes: number): boolean {
  return remainder(bytes, PAGE_SIZE) === 0;
}
