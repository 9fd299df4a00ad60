/**
 * Numbers as people read them, and sizes as they write them.
 */

const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** A size in bytes with a binary unit and at most one decimal: "1.5 GiB". */
export function bytes(count: number): string {
  let unit = 0;
  let value = count;
  while (Math.abs(value) >= 1024 && unit < BINARY.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : trim(value.toFixed(1))} ${BINARY[unit]}`;
}

/** A size in bytes as people write it ("48M", "1.5G", "65536"), in whole pages; undefined when it is none. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)([KMGT]?)(?:iB|B)?$/i.exec(text);
  if (match === null) return undefined;
  const size = Number(match[1]) * 1024 ** " KMGT".indexOf(match[2] === "" ? " " : match[2]!.toUpperCase());
  return size >= 4096 && Number.isSafeInteger(size) ? Math.floor(size / 4096) * 4096 : undefined;
}

/** A time in nanoseconds with the unit that leaves one to three digits before the point. */
export function duration(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`;
  if (ns < 1e6) return `${trim((ns / 1e3).toFixed(1))} µs`;
  if (ns < 1e9) return `${trim((ns / 1e6).toFixed(1))} ms`;
  return `${trim((ns / 1e9).toFixed(2))} s`;
}

/** A count with thin groups of three: "1,234,567". */
export function count(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}

/** A share of a whole in percent: "12.3 %"; "-" where there is no whole. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? "-" : `${((100 * part) / whole).toFixed(1)} %`;
}

function trim(decimal: string): string {
  return decimal.includes(".") ? decimal.replace(/\.?0+$/, "") : decimal;
}
