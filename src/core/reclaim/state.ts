/**
 * Floor 5 as data: the view of the kernel object that reclaim has.
 * Linux: mm/internal.h, mm/vmscan.c (6.12)   Doc: Documentation/mm/page_reclaim.rst
 */
import type { SpaceState } from "../space/state.ts";

/** What floor 5 sees of the kernel. */
export type ReclaimState = SpaceState;
