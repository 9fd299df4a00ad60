/**
 * Sizes as cgroup files read and write them: bytes with the letters K M G T P E, or "max".
 * Linux: mm/page_counter.c, lib/cmdline.c memparse (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EINVAL } from "../../base/errno.ts";
import { PAGE_SIZE } from "../../base/types.ts";

/** What a size at the beginning of a text is, in bytes, and the text behind it. */
interface ParsedSize {
  readonly bytes: number;
  readonly rest: string;
  readonly isFound: boolean;
}

/** Pages at which a counter is not limited (Linux: PAGE_COUNTER_MAX). */
const MOST_PAGES = 2 ** 51 - 1;
const LETTERS = "KMGTPE";

/** A size in pages for a limit's file: Infinity for "max", -EINVAL when something follows the number. */
export function parsePages(text: string): number {
  const written = text.trim();
  if (written === "max") return Number.POSITIVE_INFINITY;
  const { bytes, rest } = parseSize(written);
  if (rest !== "") return -EINVAL;
  const pages = Math.floor(bytes / PAGE_SIZE);
  return pages >= MOST_PAGES ? Number.POSITIVE_INFINITY : pages;
}

/** A limit of version 1 in pages: Infinity for -1, -EINVAL for what is no size. */
export function parseLimit(text: string): number {
  const written = text.trim();
  return written === "-1" ? Number.POSITIVE_INFINITY : written === "max" ? -EINVAL : parsePages(written);
}

/** The number at the beginning of a text (decimal, 0x…, 0…), times 1024 for each step of the letter after it. */
export function parseSize(text: string): ParsedSize {
  const match = /^(0x[0-9a-f]+|0[0-7]*|[1-9][0-9]*)?([kmgtpe]?)/i.exec(text)!;
  const digits = match[1] ?? "";
  const power = match[2] === "" ? 0 : LETTERS.indexOf(match[2].toUpperCase()) + 1;
  const isOctal = /^0[0-7]+$/.test(digits);
  const number = digits === "" ? 0 : isOctal ? Number.parseInt(digits, 8) : Number(digits);
  return { bytes: number * 1024 ** power, rest: text.slice(match[0].length), isFound: match[0] !== "" };
}

/** A limit as its file shows it. */
export function showPages(pages: number): string {
  return pages === Number.POSITIVE_INFINITY ? "max\n" : `${bytesText(pages)}\n`;
}

/** A size in bytes, exact beyond 2^53. */
export function bytesText(pages: number): string {
  return `${BigInt(Math.max(0, pages)) * BigInt(PAGE_SIZE)}`;
}
