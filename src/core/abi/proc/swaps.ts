/**
 * /proc/swaps: the swap areas in use, one a line, sizes in kB, the header page not counted.
 * Linux: mm/swapfile.c swap_show (6.12)   Doc: man 5 proc_swaps
 */
import { NONE } from "../../base/types.ts";
import { findInode, S_IFMT, S_IFREG } from "../../space/file.ts";
import { MAX_SWAPFILES, SWP_USED } from "../../space/swap.ts";
import type { VmState } from "../../vm/state.ts";

const PATH_COLUMNS = 40;
/** From here on a number reaches the next tabulator by itself. */
const WIDE_KB = 10000000;

/** The text of /proc/swaps. */
export function showSwaps(k: VmState): string {
  const { flags, path, pages, inuse, prio } = k.swap;
  let text = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
  for (let type = 0; type < MAX_SWAPFILES; type++) {
    if ((flags[type] & SWP_USED) === 0) continue;
    const name = escapePath(path[type]);
    const blanks = " ".repeat(Math.max(1, PATH_COLUMNS - name.length));
    const kind = isFile(k, path[type]) ? "file\t" : "partition";
    text += `${name}${blanks}${kind}\t${kbytes(pages[type] - 1)}\t${kbytes(inuse[type])}\t${prio[type]}\n`;
  }
  return text;
}

function isFile(k: VmState, path: string): boolean {
  const inode = findInode(k, path);
  return inode !== NONE && (k.file.mode[inode] & S_IFMT) === S_IFREG;
}

/** A number of pages in kB, and the tabulator that a short one needs. */
function kbytes(count: number): string {
  const kb = count * 4;
  return kb < WIDE_KB ? `${kb}\t` : String(kb);
}

/** The path with blanks, tabulators, newlines and backslashes in octal. */
function escapePath(path: string): string {
  return path.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, "0")}`);
}
