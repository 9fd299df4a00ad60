/**
 * Cutting a VMA in two.
 *
 *        |------- vma -------|                      at
 *        |--- new ---|-- vma --|   newBelow: the new row is the lower part
 *        |--- vma ---|-- new --|   otherwise: the new row is the upper part
 *
 * Both parts keep flags and file; both are in the anon_vmas of the whole. The limit on the number of VMAs is checked
 * by splitVma but not by splitVmaUnchecked, whose callers have looked already.
 * Linux: mm/vma.c __split_vma, split_vma (6.12)   Doc: Documentation/mm/process_addrs.rst
 */
import { EINVAL, ENOMEM } from "../base/errno.ts";
import { NONE, type Vma } from "../base/types.ts";
import { getFile } from "../space/file.ts";
import { linkFileVma } from "../space/rmap.ts";
import { cloneVmaRow, freeVma } from "../space/vma-rows.ts";
import { insertVma, setVmaRange } from "../space/vma-tree.ts";
import { cloneAnonVmas, roomForVma } from "./rmap-room.ts";
import type { VmState } from "./state.ts";

/**
 * Splits at a vpn inside the VMA. Returns the new row, -ENOMEM (vm.max_map_count is reached, or no row is free), or
 * -EINVAL (the kernel's own pages do not split).
 */
export function splitVma(k: VmState, vma: Vma, at: number, newBelow: boolean): Vma {
  if (k.mm.mapCount[k.vma.mm[vma]] >= k.knob.maxMapCount) return -ENOMEM;
  return splitVmaUnchecked(k, vma, at, newBelow);
}

/** splitVma without the limit on the number of VMAs. */
export function splitVmaUnchecked(k: VmState, vma: Vma, at: number, newBelow: boolean): Vma {
  const columns = k.vma;
  if (columns.special[vma] !== 0) return -EINVAL;
  const mm = columns.mm[vma];
  if (roomForVma(k) < 0) return -ENOMEM;
  const part = cloneVmaRow(k, vma, mm);
  if (part === NONE) return -ENOMEM;
  const error = cloneAnonVmas(k, part, vma);
  if (error < 0) {
    columns.file[part] = NONE;
    freeVma(k, part);
    return error;
  }
  const lowerPages = at - columns.start[vma];
  if (newBelow) {
    columns.end[part] = at;
    columns.pgoff[vma] += lowerPages;
    setVmaRange(k, vma, at, columns.end[vma]);
  } else {
    columns.start[part] = at;
    columns.pgoff[part] += lowerPages;
    setVmaRange(k, vma, columns.start[vma], at);
  }
  insertVma(k, mm, part);
  if (columns.file[part] !== NONE) {
    getFile(k, columns.file[part]);
    linkFileVma(k, part);
  }
  return part;
}
