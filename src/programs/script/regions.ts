/**
 * Writes addresses relative to what the script knows by name, so that a transcript does not depend on where the kernel
 * put things.
 * Doc: docs/script.md, section 9
 */

/** A named piece of the address space, in bytes: [start, end). `end` may equal `start`. */
export interface Region {
  readonly name: string;
  readonly start: number;
  readonly end: number;
}

/** Regions in the order they were bound, one a name. */
export type Regions = Map<string, Region>;

const FARTHEST = 1099511627776;

/** Binds a name anew; it counts as bound last. */
export function bindRegion(regions: Regions, name: string, start: number, length: number): void {
  regions.delete(name);
  regions.set(name, { name, start, end: start + Math.ceil(length / 4096) * 4096 });
}

/** The region an address is written relative to; undefined when none is near. */
export function nearestRegion(regions: Regions, address: number): Region | undefined {
  if (address < 0) return undefined;
  let nearest: Region | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const region of regions.values()) {
    const isInside = region.start <= address && address < region.end;
    const away = address < region.start ? region.start - address : address - region.end;
    const distance = isInside ? -1 : away;
    if (distance <= least) {
      nearest = region;
      least = distance;
    }
  }
  return least > FARTHEST ? undefined : nearest;
}

/** An address as the transcript writes it: `a`, `a+64K`, `top-1M`, `NULL`, or hexadecimal. */
export function formatAddress(regions: Regions, address: number): string {
  return formatRelative(nearestRegion(regions, address), address);
}

/** The same relative to a region already chosen. */
export function formatRelative(region: Region | undefined, address: number): string {
  if (address === 0) return "NULL";
  if (region === undefined) return formatHex(address);
  const offset = address - region.start;
  if (offset === 0) return region.name;
  return offset > 0 ? `${region.name}+${formatSize(offset)}` : `${region.name}-${formatSize(-offset)}`;
}

/** A 64-bit address in hexadecimal; a negative number is a kernel address. */
export function formatHex(address: number): string {
  return `0x${BigInt.asUintN(64, BigInt(address)).toString(16)}`;
}

const SUFFIXES = [
  ["T", 1099511627776],
  ["G", 1073741824],
  ["M", 1048576],
  ["K", 1024],
] as const;

/** A number of bytes with the largest suffix that divides it. */
export function formatSize(bytes: number): string {
  if (bytes === 0) return "0";
  for (const [suffix, unit] of SUFFIXES) if (bytes % unit === 0) return `${bytes / unit}${suffix}`;
  return String(bytes);
}
