/**
 * The kernel's messages: a ring of records, each with a level and a time. The oldest go when there are more than 4096, or
 * more than 128 KiB of text.
 *
 *   printk(k, LOG_ERR, "Out of memory: Killed process 7 (a)")        6,41,1250000,-;Out of memory: …     /dev/kmsg
 *                                                                    [    1.250000] Out of memory: …     dmesg
 *
 * A record may have several lines; dmesg writes the time before each of them.
 * Linux: kernel/printk/printk.c, printk_ringbuffer.c (6.12)   Doc: Documentation/ABI/testing/dev-kmsg
 */

/** Levels, the kernel's numbers. */
export const LOG_EMERG = 0;
export const LOG_ERR = 3;
export const LOG_WARNING = 4;
export const LOG_INFO = 6;

/** Records by number modulo their most; [0] the oldest kept, [1] the next number, [2] bytes of text kept. */
export interface DmesgColumns {
  readonly text: string[];
  readonly level: Uint8Array;
  readonly timeNs: Float64Array;
  readonly rows: Float64Array;
}

/** What of the kernel a message needs: the ring, and the running CPU's clock. */
export interface DmesgView {
  readonly dmesg: DmesgColumns;
  readonly clock: { readonly ns: Float64Array };
}

/** Debian's CONFIG_LOG_BUF_SHIFT 17, and a record for every 32 bytes of it. */
const MOST_BYTES = 131072;
const MOST_RECORDS = 4096;
const OLDEST = 0;
const NEXT = 1;
const BYTES = 2;
/** printk without a level: the default one. */
const FACILITY_KERN = 0;

/** An empty ring. */
export function createDmesg(): DmesgColumns {
  return {
    text: [],
    level: new Uint8Array(MOST_RECORDS),
    timeNs: new Float64Array(MOST_RECORDS),
    rows: new Float64Array(3),
  };
}

/** Adds a message of one or more lines, without the last line's end. */
export function printk(k: DmesgView, level: number, text: string): void {
  const { dmesg } = k;
  const { rows } = dmesg;
  const row = rows[NEXT]! % MOST_RECORDS;
  while (rows[NEXT]! - rows[OLDEST]! >= MOST_RECORDS || rows[BYTES]! + text.length > MOST_BYTES) {
    if (rows[OLDEST] === rows[NEXT]) break;
    rows[BYTES]! -= dmesg.text[rows[OLDEST]! % MOST_RECORDS]!.length;
    rows[OLDEST]!++;
  }
  dmesg.text[row] = text;
  dmesg.level[row] = level;
  dmesg.timeNs[row] = k.clock.ns[0]!;
  rows[BYTES]! += text.length;
  rows[NEXT]!++;
}

/** The number that the next record will have. */
export function dmesgEnd(k: DmesgView): number {
  return k.dmesg.rows[NEXT]!;
}

/** The lines of the messages from a record on, without their times. */
export function messages(k: DmesgView, from: number): string {
  return records(k, from, (row) => `${k.dmesg.text[row]!}\n`);
}

/** The messages from a record number on, as dmesg prints them: the time before every line. */
export function readDmesg(k: DmesgView, from = 0): string {
  return records(k, from, (row) => {
    const prefix = `[${seconds(k.dmesg.timeNs[row]!)}] `;
    return k.dmesg.text[row]!.split("\n")
      .map((line) => `${prefix}${line}\n`)
      .join("");
  });
}

/** The same as /dev/kmsg gives them: level, number, microseconds; line ends inside a record are escaped. */
export function readKmsg(k: DmesgView): string {
  return records(k, 0, (row, number) => {
    const priority = FACILITY_KERN * 8 + k.dmesg.level[row]!;
    const text = k.dmesg.text[row]!.replaceAll("\n", "\\x0a");
    return `${priority},${number},${Math.floor(k.dmesg.timeNs[row]! / 1000)},-;${text}\n`;
  });
}

function records(k: DmesgView, from: number, format: (row: number, number: number) => string): string {
  const { rows } = k.dmesg;
  let text = "";
  for (let number = Math.max(from, rows[OLDEST]!); number < rows[NEXT]!; number++)
    text += format(number % MOST_RECORDS, number);
  return text;
}

/** Seconds with microseconds, five places before the point. */
function seconds(ns: number): string {
  const us = Math.floor(ns / 1000);
  const whole = Math.floor(us / 1000000);
  return `${String(whole).padStart(5)}.${String(us - whole * 1000000).padStart(6, "0")}`;
}
