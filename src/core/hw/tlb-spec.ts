/**
 * The TLB that a machine has: how its arrays are made, and those of a usual server.
 * Linux: arch/x86/mm/tlb.c (6.12)   Doc: Intel 64 and IA-32 Architectures Optimization Reference Manual
 */

/** Sets and ways of one TLB array. */
interface TlbArray {
  readonly sets: number;
  readonly ways: number;
}

/** TLB arrays of one CPU: first level split by kind and page size, second level shared by 4 KiB and 2 MiB pages. */
export interface TlbSpec {
  readonly l1d4k: TlbArray;
  readonly l1d2m: TlbArray;
  readonly l1d1g: TlbArray;
  readonly l1i4k: TlbArray;
  readonly l1i2m: TlbArray;
  readonly l2: TlbArray;
  readonly l2Huge1g: TlbArray;
}

/** Skylake server (Intel optimization manual, table "TLB Parameters of the Skylake Microarchitecture"). */
export const USUAL_TLB: TlbSpec = {
  l1d4k: { sets: 16, ways: 4 },
  l1d2m: { sets: 8, ways: 4 },
  l1d1g: { sets: 1, ways: 4 },
  l1i4k: { sets: 16, ways: 8 },
  l1i2m: { sets: 1, ways: 8 },
  l2: { sets: 128, ways: 12 },
  l2Huge1g: { sets: 4, ways: 4 },
};
