/**
 * The places of a TLB: what an entry and a place are, which place a new entry gets and who must leave it. tlb.ts, which
 * says what a TLB is, is the way in.
 *
 *   L1 set:  way way way way       each stamped with the tick of its last use; the oldest leaves
 *   L2 set:  ring of ways          last -> first -> second -> … -> last: the last leaves, the ring turns
 *
 * Linux: none; this is the hardware   Doc: Intel SDM vol. 3A, 4.10
 */
import type { Cpu } from "../base/types.ts";
import type { TlbColumns } from "./state.ts";

/** Word offsets in an entry. */
export const ENTRY_HIGH = 0;
export const ENTRY_TAG = 1;
export const ENTRY_PFN = 2;
export const ENTRY_RIGHTS = 3;
export const ENTRY_L1D = 4;
export const ENTRY_L1I = 5;
export const ENTRY_L2 = 6;
export const ENTRY_NEXT = 7;

/** Word offsets in a place: its entry; when it was used last, or in L2 the next and previous place of its ring. */
export const PLACE_ENTRY = 0;
export const PLACE_TICK = 1;
export const PLACE_NEXT = 1;
export const PLACE_PREV = 2;

/** A tag is vpnLow | asid << 18 | size << 22, where size is one of these. */
export const TAG_ASID_SHIFT = 18;
export const TAG_SIZE_SHIFT = 22;
export const SIZE_4K = 0;
export const SIZE_2M = 1;
export const SIZE_1G = 2;

/** Rights of a translation; the first is ours, the others are the page table's own bits. */
export const RIGHT_EXEC = 1;
export const RIGHT_WRITE = 2;
export const RIGHT_USER = 4;
export const RIGHT_DIRTY = 0x40;

/** The arrays, and the three numbers `shape` keeps of each. Data of the larger sizes follow as 1 and 2: base + SIZE_*. */
export const TLB_L1D4K = 0;
export const TLB_L1I4K = 3;
export const TLB_L1I2M = 4;
export const TLB_L2 = 5;
export const TLB_L2HUGE = 6;
export const NR_TLB_ARRAYS = 7;
export const SHAPE_WORDS = 3;

/** Bucket number of a tag, before the mask of bucketsPerCpu - 1. The hot loop of vm/access.ts computes the same. */
export function tlbHash(high: number, tag: number): number {
  return tag ^ (tag >>> 15) ^ Math.imul(high, 0x9e5);
}

/** A place in the first level: of data or instructions, of the entry's page size. */
export function takeFirstLevel(tlb: TlbColumns, cpu: Cpu, entry: number, fetch: boolean): void {
  const size = tlb.entry[((cpu * tlb.entriesPerCpu + entry) << 3) + ENTRY_TAG]! >>> TAG_SIZE_SHIFT;
  // Instruction TLBs have one array for large pages of both sizes.
  const array = fetch ? (size === SIZE_4K ? TLB_L1I4K : TLB_L1I2M) : size;
  takePlace(tlb, cpu, array, entry, fetch ? ENTRY_L1I : ENTRY_L1D);
}

/** Takes the least recently used place of the entry's set, evicting who has it. An empty place has tick 0. */
export function takePlace(tlb: TlbColumns, cpu: Cpu, array: number, entry: number, word: number): void {
  const { shape, place: places, entry: words } = tlb;
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  const tag = words[at + ENTRY_TAG]!;
  const size = tag >>> TAG_SIZE_SHIFT;
  const number = size === SIZE_4K ? tag & 0x3ffff : size === SIZE_2M ? (tag & 0x3ffff) >>> 9 : words[at]!;
  const ways = shape[array * SHAPE_WORDS + 2]!;
  const base = cpu * tlb.placesPerCpu;
  const first = base + shape[array * SHAPE_WORDS]! + (number & (shape[array * SHAPE_WORDS + 1]! - 1)) * ways;
  let victim = first * 4;
  let oldest = places[victim + PLACE_TICK]!;
  for (let record = victim + 4; record < (first + ways) * 4; record += 4) {
    // Arithmetic instead of a branch that nobody can predict: the mask is all ones when this place is older.
    const younger = places[record + PLACE_TICK]! - oldest;
    const mask = younger >> 31;
    oldest += younger & mask;
    victim += (record - victim) & mask;
  }
  const evicted = places[victim + PLACE_ENTRY]!;
  if (evicted !== 0) {
    const out = (cpu * tlb.entriesPerCpu + evicted) << 3;
    words[out + word] = 0;
    if ((words[out + ENTRY_L1D]! | words[out + ENTRY_L1I]! | words[out + ENTRY_L2]!) === 0)
      giveEntry(tlb, cpu, evicted);
  }
  places[victim + PLACE_ENTRY] = entry;
  places[victim + PLACE_TICK] = ++tlb.tick[cpu]!;
  words[at + word] = (victim >> 2) - base;
}

/**
 * Takes the last place of a ring of the second level for a 4 KiB page and turns the ring, so that it is the first.
 * Returns the entry the place has from now on: the one evicted, when nothing else held it, or a free one.
 */
export function recycleEntry(tlb: TlbColumns, cpu: Cpu, tag: number): number {
  const { entry: words, place: places, ringLast } = tlb;
  const sets = tlb.shape[TLB_L2 * SHAPE_WORDS + 1]!;
  const base = cpu * tlb.placesPerCpu;
  const ring = cpu * sets + (tag & (sets - 1));
  const place = ringLast[ring]!;
  ringLast[ring] = places[(base + place) * 4 + PLACE_PREV]!;
  const old = places[(base + place) * 4 + PLACE_ENTRY]!;
  const out = (cpu * tlb.entriesPerCpu + old) << 3;
  if (old !== 0 && (words[out + ENTRY_L1D]! | words[out + ENTRY_L1I]!) === 0) {
    unchain(tlb, cpu, old);
    if (words[out + ENTRY_TAG]! >>> TAG_SIZE_SHIFT !== SIZE_4K) tlb.usedHuge[cpu]!--;
    return old;
  }
  words[out + ENTRY_L2] = 0;
  const entry = takeEntry(tlb, cpu);
  places[(base + place) * 4 + PLACE_ENTRY] = entry;
  words[((cpu * tlb.entriesPerCpu + entry) << 3) + ENTRY_L2] = place;
  return entry;
}

/** Gives an entry that the second level does not hold a place there. */
export function giveSecondLevel(tlb: TlbColumns, cpu: Cpu, entry: number, tag: number): void {
  const size = tag >>> TAG_SIZE_SHIFT;
  if (size === SIZE_1G) {
    takePlace(tlb, cpu, TLB_L2HUGE, entry, ENTRY_L2);
    return;
  }
  const sets = tlb.shape[TLB_L2 * SHAPE_WORDS + 1]!;
  const base = cpu * tlb.placesPerCpu;
  const ring = cpu * sets + ((size === SIZE_2M ? (tag & 0x3ffff) >>> 9 : tag) & (sets - 1));
  const place = tlb.ringLast[ring]!;
  tlb.ringLast[ring] = tlb.place[(base + place) * 4 + PLACE_PREV]!;
  const evicted = tlb.place[(base + place) * 4 + PLACE_ENTRY]!;
  if (evicted !== 0) leavePlace(tlb, cpu, evicted, ENTRY_L2);
  tlb.place[(base + place) * 4 + PLACE_ENTRY] = entry;
  tlb.entry[((cpu * tlb.entriesPerCpu + entry) << 3) + ENTRY_L2] = place;
}

/** Makes the entry's place in the second level the one used last; an entry that has none gets one. */
export function touchSecondLevel(tlb: TlbColumns, cpu: Cpu, entry: number): void {
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  const place = tlb.entry[at + ENTRY_L2]!;
  if (place === 0) {
    giveSecondLevel(tlb, cpu, entry, tlb.entry[at + ENTRY_TAG]!);
    return;
  }
  if (!isInRing(tlb, place)) {
    tlb.place[(cpu * tlb.placesPerCpu + place) * 4 + PLACE_TICK] = ++tlb.tick[cpu]!;
    return;
  }
  const ring = ringOf(tlb, cpu, place);
  const last = tlb.ringLast[ring]!;
  const base = cpu * tlb.placesPerCpu;
  const first = tlb.place[(base + last) * 4 + PLACE_NEXT]!;
  if (first === place) return;
  // The ring begins behind its last place, so the last becomes the first when the ring is turned by one.
  if (last === place) tlb.ringLast[ring] = tlb.place[(base + last) * 4 + PLACE_PREV]!;
  else moveBefore(tlb, cpu, place, first);
}

/** An emptied place of the second level is the next to be taken. */
export function evictNext(tlb: TlbColumns, cpu: Cpu, place: number): void {
  const ring = ringOf(tlb, cpu, place);
  const last = tlb.ringLast[ring]!;
  if (last === place) return;
  const first = tlb.place[(cpu * tlb.placesPerCpu + last) * 4 + PLACE_NEXT]!;
  // The place between the last and the first is the last: the first needs no move to get there.
  if (first !== place) moveBefore(tlb, cpu, place, first);
  tlb.ringLast[ring] = place;
}

/** Whether a place belongs to the array that keeps rings. */
export function isInRing(tlb: TlbColumns, place: number): boolean {
  const { shape } = tlb;
  const first = shape[TLB_L2 * SHAPE_WORDS]!;
  return (
    place >= first && place < first + shape[TLB_L2 * SHAPE_WORDS + 1]! * shape[TLB_L2 * SHAPE_WORDS + 2]!
  );
}

function ringOf(tlb: TlbColumns, cpu: Cpu, place: number): number {
  const { shape } = tlb;
  const set = ((place - shape[TLB_L2 * SHAPE_WORDS]!) / shape[TLB_L2 * SHAPE_WORDS + 2]!) | 0;
  return cpu * shape[TLB_L2 * SHAPE_WORDS + 1]! + set;
}

/** Moves a place of a ring between `next` and the one before that. */
function moveBefore(tlb: TlbColumns, cpu: Cpu, place: number, next: number): void {
  const places = tlb.place;
  const base = cpu * tlb.placesPerCpu;
  const record = (base + place) * 4;
  const after = places[record + PLACE_NEXT]!;
  const before = places[record + PLACE_PREV]!;
  places[(base + before) * 4 + PLACE_NEXT] = after;
  places[(base + after) * 4 + PLACE_PREV] = before;
  const last = places[(base + next) * 4 + PLACE_PREV]!;
  places[(base + last) * 4 + PLACE_NEXT] = place;
  places[record + PLACE_PREV] = last;
  places[record + PLACE_NEXT] = next;
  places[(base + next) * 4 + PLACE_PREV] = place;
}

/** Every place empty, and every set of the second level of every CPU a ring in order of its ways. */
export function createRings(
  cpus: number,
  places: number,
  shape: Int32Array,
): Pick<TlbColumns, "place" | "ringLast"> {
  const [start, sets, ways] = [
    shape[TLB_L2 * SHAPE_WORDS]!,
    shape[TLB_L2 * SHAPE_WORDS + 1]!,
    shape[TLB_L2 * SHAPE_WORDS + 2]!,
  ];
  const place = new Int32Array(cpus * places * 4);
  const ringLast = new Int32Array(cpus * sets);
  for (let cpu = 0; cpu < cpus; cpu++) {
    for (let set = 0; set < sets; set++) {
      const first = start + set * ways;
      ringLast[cpu * sets + set] = first + ways - 1;
      for (let way = 0; way < ways; way++) {
        place[(cpu * places + first + way) * 4 + PLACE_NEXT] = first + ((way + 1) % ways);
        place[(cpu * places + first + way) * 4 + PLACE_PREV] = first + ((way + ways - 1) % ways);
      }
    }
  }
  return { place, ringLast };
}

/** An entry has lost its place in one array; without any it is gone. */
function leavePlace(tlb: TlbColumns, cpu: Cpu, entry: number, word: number): void {
  const words = tlb.entry;
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  words[at + word] = 0;
  if ((words[at + ENTRY_L1D]! | words[at + ENTRY_L1I]! | words[at + ENTRY_L2]!) === 0)
    giveEntry(tlb, cpu, entry);
}

/** A free entry, counted as used. */
export function takeEntry(tlb: TlbColumns, cpu: Cpu): number {
  tlb.used[cpu]!++;
  const entry = tlb.freeEntry[cpu]!;
  if (entry === 0) return ++tlb.fresh[cpu]!;
  tlb.freeEntry[cpu] = tlb.entry[((cpu * tlb.entriesPerCpu + entry) << 3) + ENTRY_NEXT]!;
  return entry;
}

/** Takes an entry out of its chain and puts it on the free list. */
export function giveEntry(tlb: TlbColumns, cpu: Cpu, entry: number): void {
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  unchain(tlb, cpu, entry);
  if (tlb.entry[at + ENTRY_TAG]! >>> TAG_SIZE_SHIFT !== SIZE_4K) tlb.usedHuge[cpu]!--;
  tlb.entry[at + ENTRY_NEXT] = tlb.freeEntry[cpu]!;
  tlb.freeEntry[cpu] = entry;
  tlb.used[cpu]!--;
}

function unchain(tlb: TlbColumns, cpu: Cpu, entry: number): void {
  const words = tlb.entry;
  const base = cpu * tlb.entriesPerCpu;
  const at = (base + entry) << 3;
  const hash =
    cpu * tlb.bucketsPerCpu +
    (tlbHash(words[at + ENTRY_HIGH]!, words[at + ENTRY_TAG]!) & (tlb.bucketsPerCpu - 1));
  const next = words[at + ENTRY_NEXT]!;
  let before = tlb.bucket[hash]!;
  if (before === entry) {
    tlb.bucket[hash] = next;
    return;
  }
  while (words[((base + before) << 3) + ENTRY_NEXT] !== entry)
    before = words[((base + before) << 3) + ENTRY_NEXT]!;
  words[((base + before) << 3) + ENTRY_NEXT] = next;
}
