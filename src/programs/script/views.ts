/**
 * Turns what the kernel's files say into the lines `show` prints: masks what two machines cannot agree on (devices,
 * inodes, directories), picks the mappings and fields that were asked for, and draws pagemap in runs.
 * Linux: fs/proc/task_mmu.c (6.12)   Doc: docs/script.md, section 10
 */
import { formatRelative, formatSize, nearestRegion, type Regions } from "./regions.ts";

/** Where the path of a mapping's header line begins. */
const PATH_COLUMN = 73;

/** `start-end perms offset device inode[ path]` of maps and smaps. */
const HEADER = /^(([0-9a-f]+)-([0-9a-f]+) [rwxps-]{4} [0-9a-f]+) [0-9a-f]+:[0-9a-f]+ [0-9]+ ?(.*)$/;

/** Lines of a file's text, without the last line's end. */
export function linesOf(text: string): string[] {
  return text.replace(/\n$/, "").split("\n");
}

/** Header lines with device 00:00 and inode 0, the path in its column; other lines as they are. */
export function maskMappings(lines: readonly string[]): string[] {
  return lines.map((line) => {
    const match = HEADER.exec(line);
    if (match === null) return line;
    const path = match[4]!.trim();
    const head = `${match[1]} 00:00 0 `;
    return path === "" ? head : head.padEnd(PATH_COLUMN) + path;
  });
}

/** The entries of smaps whose mappings touch [start, end). */
export function smapsBetween(lines: readonly string[], start: number, end: number): string[] {
  const picked: string[] = [];
  let isIn = false;
  for (const line of lines) {
    const match = HEADER.exec(line);
    if (match !== null) isIn = Number.parseInt(match[2]!, 16) < end && start < Number.parseInt(match[3]!, 16);
    if (isIn) picked.push(line);
  }
  return picked;
}

/** The memory lines of /proc/PID/status. */
export function memoryLines(lines: readonly string[]): string[] {
  return lines.filter((line) => line.startsWith("Vm") || line.startsWith("Rss"));
}

const PAGEMAP_FLAGS: readonly (readonly [number, string])[] = [
  [0x80000000, "present"],
  [0x40000000, "swapped"],
  [0x20000000, "file"],
  [0x01000000, "exclusive"],
  [0x02000000, "uffd-wp"],
  [0x00800000, "soft-dirty"],
];

/** Names of the flags in the high word of a pagemap entry. */
function pagemapFlags(high: number): string {
  const names = PAGEMAP_FLAGS.filter(([bit]) => (high & bit) !== 0).map(([, name]) => name);
  return names.length === 0 ? "none" : names.join(" ");
}

/** Pagemap entries (8 bytes a page, little-endian) from the page at `start`, one line a run of equal flags. */
export function pagemapLines(regions: Regions, start: number, entries: Uint8Array): string[] {
  const view = new DataView(entries.buffer, entries.byteOffset, entries.byteLength);
  const pages = Math.floor(entries.length / 8);
  const lines: string[] = [];
  let first = 0;
  for (let page = 1; page <= pages; page++) {
    const flags = pagemapFlags(view.getUint32(first * 8 + 4, true));
    if (page < pages && pagemapFlags(view.getUint32(page * 8 + 4, true)) === flags) continue;
    const from = start + first * 4096;
    const region = nearestRegion(regions, from);
    lines.push(`${formatRelative(region, from)}..${formatRelative(region, start + page * 4096)} ${flags}`);
    first = page;
  }
  return lines;
}

/** Runs of cached pages, in bytes; `isCached` by page index. */
export function cachedLines(pages: number, isCached: (page: number) => boolean): string[] {
  const lines: string[] = [];
  let first = -1;
  for (let page = 0; page <= pages; page++) {
    const isIn = page < pages && isCached(page);
    if (isIn && first < 0) first = page;
    if (isIn || first < 0) continue;
    lines.push(`${formatSize(first * 4096)}..${formatSize(page * 4096)}`);
    first = -1;
  }
  return lines.length === 0 ? ["none"] : lines;
}

/** Pids in a row of the OOM killer's table of tasks, and after words that they follow. */
const PID_COLUMNS = /^(\[ *)([0-9]+)(\] +[0-9]+)( +)([0-9]+)/;
const PID_WORDS = /(process |victim |pid=|PID: |pid:)([0-9]+)/g;

/** A kernel message with the names of the script's tasks for their pids, as wide as those were in columns. */
export function namePids(line: string, names: ReadonlyMap<number, string>): string {
  const nameOf = (pid: string): string => names.get(Number(pid)) ?? pid;
  const placed = (blanks: string, pid: string): string => nameOf(pid).padStart(blanks.length + pid.length);
  const row = PID_COLUMNS.exec(line);
  if (row === null) return line.replace(PID_WORDS, (_, word: string, pid: string) => word + nameOf(pid));
  const [all, open, pid, uid, blanks, tgid] = row as unknown as string[];
  return `[${placed(open!.slice(1), pid!)}${uid}${placed(blanks!, tgid!)}${line.slice(all!.length)}`;
}

/** A field's name as the kernel writes it: `Active_anon` stands for `Active(anon)`. */
export function kernelField(name: string): string {
  return name.replace(/_(anon|file)$/, "($1)");
}

/** Numbers by field of /proc/vmstat (`name N`) or /proc/meminfo (`name: N kB`). */
export function fieldValues(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const line of linesOf(text)) {
    const match = /^(\S+?):?\s+(\d+)/.exec(line);
    if (match !== null) values.set(match[1]!, Number(match[2]));
  }
  return values;
}

/** `name +3`, `name -3`, `name 0`. */
export function changeLine(name: string, change: number): string {
  return `${name} ${change > 0 ? "+" : ""}${change}`;
}
