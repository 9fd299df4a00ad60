/**
 * Where the pages of the recorded process are in the replayed one.
 *
 * The kernel chose most addresses of the recorded process (and valgrind, between the two, chose others than Linux would
 * have). The replayed kernel chooses its own, so each range that was mapped is kept with the distance to its new place.
 * Pages in no range are where they were.
 *
 *     recorded   0x108000 program | 0x4000000 ld.so | 0x4835000 library …            0x1fff000000 stack
 *     replayed   0x55…4000 program … 0x7f… library | ld.so | … stack 0x7ff…
 *
 * Doc: docs/pwt.md
 */

/** Ranges in page numbers, ordered, none touching another's pages. */
export interface AddressMap {
  readonly start: number[];
  readonly end: number[];
  /** What is added to a recorded page number. */
  readonly shift: number[];
}

/** Part of a range that moved as one: recorded byte address, its new one, length in bytes. */
export interface Piece {
  readonly from: number;
  readonly to: number;
  readonly bytes: number;
}

const PAGE = 4096;

/** A map in which nothing has moved. */
export function createAddressMap(): AddressMap {
  return { start: [], end: [], shift: [] };
}

/** A copy that changes no more with the first: the address space of a forked child. */
export function copyAddressMap(map: AddressMap): AddressMap {
  return { start: [...map.start], end: [...map.end], shift: [...map.shift] };
}

/** Sets where the recorded pages [start, end) are; what was known of them before is forgotten. */
export function setRange(map: AddressMap, start: number, end: number, shift: number): void {
  if (end <= start) return;
  const first = findRange(map, start);
  let last = first;
  while (last < map.start.length && map.start[last]! < end) last++;
  const ranges: [number, number, number][] = [[start, end, shift]];
  if (last > first && map.start[first]! < start)
    ranges.unshift([map.start[first]!, start, map.shift[first]!]);
  if (last > first && map.end[last - 1]! > end) ranges.push([end, map.end[last - 1]!, map.shift[last - 1]!]);
  map.start.splice(first, last - first, ...ranges.map((range) => range[0]));
  map.end.splice(first, last - first, ...ranges.map((range) => range[1]));
  map.shift.splice(first, last - first, ...ranges.map((range) => range[2]));
}

/** Row of the first range that ends behind the page. */
export function findRange(map: AddressMap, page: number): number {
  const { end } = map;
  let low = 0;
  let high = end.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (end[middle]! > page) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The new place of a recorded page. */
export function movedPage(map: AddressMap, page: number): number {
  const row = findRange(map, page);
  return row < map.start.length && map.start[row]! <= page ? page + map.shift[row]! : page;
}

/** The new place of a recorded byte address. */
export function movedAddress(map: AddressMap, address: number): number {
  const page = Math.floor(address / PAGE);
  return movedPage(map, page) * PAGE + (address - page * PAGE);
}

/** Whether a range knows the page. */
export function isKnown(map: AddressMap, page: number): boolean {
  const row = findRange(map, page);
  return row < map.start.length && map.start[row]! <= page;
}

/** Cuts a recorded byte range where it falls into parts that moved differently. */
export function movedPieces(map: AddressMap, address: number, bytes: number): Piece[] {
  const pieces: Piece[] = [];
  const beyond = address + bytes;
  for (let at = address; at < beyond; ) {
    const page = Math.floor(at / PAGE);
    const row = findRange(map, page);
    const isInside = row < map.start.length && map.start[row]! <= page;
    const border = isInside
      ? map.end[row]!
      : row < map.start.length
        ? map.start[row]!
        : Number.POSITIVE_INFINITY;
    const to = Math.min(beyond, border * PAGE);
    const moved = at + (isInside ? map.shift[row]! * PAGE : 0);
    const before = pieces.at(-1);
    if (before !== undefined && before.to + before.bytes === moved)
      pieces[pieces.length - 1] = { ...before, bytes: before.bytes + to - at };
    else pieces.push({ from: at, to: moved, bytes: to - at });
    at = to;
  }
  return pieces;
}
