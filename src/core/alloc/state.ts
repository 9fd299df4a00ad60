/**
 * Floor 6 as data: the view of the kernel object that allocation has.
 * Linux: mm/internal.h (6.12)   Doc: docs/map.md
 */
import type { ReclaimState } from "../reclaim/state.ts";

/** What floor 6 sees of the kernel. */
export type AllocState = ReclaimState;
