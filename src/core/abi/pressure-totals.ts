/**
 * What memory pressure has cost a machine so far, in pages: the figures that runs are compared by.
 * Linux: mm/vmstat.c (6.12)   Doc: docs/script.md, section 10
 */
import {
  NR_NODE_ITEMS,
  PGPGIN,
  PGPGOUT,
  PSWPIN,
  PSWPOUT,
  WORKINGSET_REFAULT_ANON,
  WORKINGSET_REFAULT_FILE,
  ZSWPIN,
  ZSWPOUT,
} from "../frame/vmstat.ts";
import type { AbiState } from "./state.ts";

/** Sectors of a page, which pgpgin and pgpgout count in. */
const SECTORS = 8;

/** Pages read from and written to swap, refaults, pages read from and written to other disks, out of and into zswap, since boot. */
export interface PressureTotals {
  readonly swapin: number;
  readonly swapout: number;
  readonly refault_anon: number;
  readonly refault_file: number;
  readonly filein: number;
  readonly fileout: number;
  readonly zswpin: number;
  readonly zswpout: number;
}

/** Reads them off the counters of /proc/vmstat; pgpgin and pgpgout count what goes to swap, too. */
export function readPressureTotals(k: AbiState): PressureTotals {
  const { event, node } = k.vmstat;
  let anon = 0;
  let file = 0;
  for (let at = 0; at < node.length; at += NR_NODE_ITEMS) {
    anon += node[at + WORKINGSET_REFAULT_ANON];
    file += node[at + WORKINGSET_REFAULT_FILE];
  }
  return {
    swapin: event[PSWPIN],
    swapout: event[PSWPOUT],
    refault_anon: anon,
    refault_file: file,
    filein: event[PGPGIN] / SECTORS - event[PSWPIN],
    fileout: event[PGPGOUT] / SECTORS - event[PSWPOUT],
    zswpin: event[ZSWPIN],
    zswpout: event[ZSWPOUT],
  };
}
