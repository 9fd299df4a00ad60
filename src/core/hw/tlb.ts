/**
 * Translation look-aside buffers: per CPU a first level for data and one for instructions, each with arrays for
 * 4 KiB, 2 MiB and 1 GiB pages, and a second level that both share. Set-associative, true LRU in a set, tagged with
 * the ASID (the processor's PCID), so that a switch of address space keeps what the others cached.
 *
 *   (asid, vpn) --hash--> bucket -> entry -> entry …          an entry: [high, tag, pfn, rights, L1D, L1I, L2, next]
 *                                     |  \
 *                     place in L1D/L1I    place in L2         a place (set, way): [entry, tick or next, previous, -]
 *
 * One translation is one entry however many arrays hold it; it lives while it has a place. A hit is therefore one
 * hashed look-up instead of a comparison with every way. A page is filled into L1 and L2 together; each array evicts
 * by itself (neither inclusive nor exclusive, as in Intel cores since Skylake).
 *
 * The order of use is kept in two ways: small sets stamp a place with a tick when it hits, so that a hit is one store
 * and a miss compares the ways; the large sets of the second level are rings, where a miss takes the last place and
 * makes it the first by turning the ring.
 * Linux: arch/x86/mm/tlb.c (6.12)   Doc: Intel SDM vol. 3A, 4.10; Documentation/arch/x86/tlb.rst
 */
import { bug } from "../base/bug.ts";
import type { Cpu, Mm } from "../base/types.ts";
import { vpnHigh, vpnLow } from "../base/types.ts";
import type { Machine } from "./machine.ts";
import type { HwState, TlbColumns } from "./state.ts";
import {
  createRings,
  ENTRY_HIGH,
  ENTRY_L1D,
  ENTRY_L1I,
  ENTRY_L2,
  ENTRY_NEXT,
  ENTRY_PFN,
  ENTRY_RIGHTS,
  ENTRY_TAG,
  evictNext,
  giveEntry,
  giveSecondLevel,
  isInRing,
  NR_TLB_ARRAYS,
  PLACE_ENTRY,
  PLACE_TICK,
  recycleEntry,
  SHAPE_WORDS,
  SIZE_1G,
  SIZE_2M,
  SIZE_4K,
  TAG_ASID_SHIFT,
  TAG_SIZE_SHIFT,
  TLB_L1D4K,
  TLB_L1I4K,
  TLB_L2,
  takeEntry,
  takeFirstLevel,
  takePlace,
  tlbHash,
  touchSecondLevel,
} from "./tlb-places.ts";

/** Dynamic ASIDs of a CPU (Linux: TLB_NR_DYN_ASIDS), and the stride of their columns. */
export const NR_ASIDS = 6;
export const ASID_STRIDE = 8;

/** Counters of a CPU, in accesses or events. */
export const TLB_ACCESSES = 0;
export const TLB_FETCHES = 1;
export const TLB_L1D_MISSES = 2;
export const TLB_L1I_MISSES = 3;
export const TLB_L2_HITS = 4;
export const TLB_WALKS = 5;
/** Walks that only set D: a store through a clean translation. */
export const TLB_DIRTY_WALKS = 6;
export const TLB_FLUSH_ONE = 7;
export const TLB_FLUSH_ALL = 8;
export const TLB_SHOOTDOWNS_SENT = 9;
export const TLB_SHOOTDOWNS_RECEIVED = 10;
/** Loads of CR3, and those of them that had to flush the ASID. */
export const TLB_SWITCHES = 11;
export const TLB_SWITCH_FLUSHES = 12;
export const TLB_COUNTERS = 16;

/** Slots of `tableCache`, a power of two. */
export const TABLE_CACHE_SLOTS = 256;

const MAX_TICK = 0x7f000000;

/** Empty TLBs for every CPU of the machine. */
export function createTlb(machine: Machine): TlbColumns {
  const spec = machine.tlb;
  const arrays = [spec.l1d4k, spec.l1d2m, spec.l1d1g, spec.l1i4k, spec.l1i2m, spec.l2, spec.l2Huge1g];
  const shape = new Int32Array(NR_TLB_ARRAYS * SHAPE_WORDS);
  let places = 1;
  arrays.forEach((array, which) => {
    shape.set([places, array.sets, array.ways], which * SHAPE_WORDS);
    places += array.sets * array.ways;
  });
  let buckets = 64;
  while (buckets < places * 2) buckets *= 2;
  const cpus = machine.cpus;
  const rings = createRings(cpus, places, shape);
  const asidContext = new Float64Array(cpus * ASID_STRIDE);
  // Every CPU boots on the kernel's own address space, context 1, in ASID 0.
  for (let cpu = 0; cpu < cpus; cpu++) asidContext[cpu * ASID_STRIDE] = 1;
  return {
    shape,
    entriesPerCpu: places,
    placesPerCpu: places,
    bucketsPerCpu: buckets,
    entry: new Int32Array(cpus * places * 8),
    bucket: new Int32Array(cpus * buckets),
    ...rings,
    tick: new Int32Array(cpus),
    freeEntry: new Int32Array(cpus),
    fresh: new Int32Array(cpus),
    used: new Int32Array(cpus),
    usedHuge: new Int32Array(cpus),
    loadedMm: new Int32Array(cpus),
    loadedAsid: new Int32Array(cpus),
    nextAsid: new Int32Array(cpus).fill(1),
    isLazy: new Uint8Array(cpus),
    asidContext,
    asidGeneration: new Float64Array(cpus * ASID_STRIDE),
    tableCache: new Int32Array(TABLE_CACHE_SLOTS * 4),
    walk: new Int32Array(8),
    counter: new Float64Array(cpus * TLB_COUNTERS),
  };
}

/** The entry of a translation on this CPU, or NONE. `tag` is complete: low part, ASID and size. */
export function findTlbEntry(k: HwState, cpu: Cpu, high: number, tag: number): number {
  const tlb = k.tlb;
  const words = tlb.entry;
  const base = cpu * tlb.entriesPerCpu;
  let entry = tlb.bucket[cpu * tlb.bucketsPerCpu + (tlbHash(high, tag) & (tlb.bucketsPerCpu - 1))]!;
  while (entry !== 0) {
    const at = (base + entry) << 3;
    if (words[at + ENTRY_TAG] === tag && words[at + ENTRY_HIGH] === high) return entry;
    entry = words[at + ENTRY_NEXT]!;
  }
  return 0;
}

/**
 * Caches a translation in L1 (of instructions when `fetch`, of data otherwise) and L2. `k.tlb.walk` holds its frame
 * and rights, as the walk left them. An entry that is there already gets the new rights.
 */
export function fillTlb(k: HwState, cpu: Cpu, high: number, tag: number, fetch: boolean): void {
  const entry = findTlbEntry(k, cpu, high, tag);
  if (entry === 0) addTlbEntry(k, cpu, high, tag, fetch);
  else {
    const tlb = k.tlb;
    const at = (cpu * tlb.entriesPerCpu + entry) << 3;
    tlb.entry[at + ENTRY_PFN] = tlb.walk[0]!;
    tlb.entry[at + ENTRY_RIGHTS] = tlb.walk[1]!;
    promoteTlbEntry(k, cpu, entry, fetch);
    touchSecondLevel(tlb, cpu, entry);
  }
}

/** fillTlb for a translation that the CPU is known not to have. */
export function addTlbEntry(k: HwState, cpu: Cpu, high: number, tag: number, fetch: boolean): void {
  const tlb = k.tlb;
  const words = tlb.entry;
  const size = tag >>> TAG_SIZE_SHIFT;
  const entry = size === SIZE_4K ? recycleEntry(tlb, cpu, tag) : takeEntry(tlb, cpu);
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  const hash = cpu * tlb.bucketsPerCpu + (tlbHash(high, tag) & (tlb.bucketsPerCpu - 1));
  words[at + ENTRY_HIGH] = high;
  words[at + ENTRY_TAG] = tag;
  words[at + ENTRY_PFN] = tlb.walk[0]!;
  words[at + ENTRY_RIGHTS] = tlb.walk[1]!;
  words[at + ENTRY_NEXT] = tlb.bucket[hash]!;
  tlb.bucket[hash] = entry;
  if (size === SIZE_4K) {
    takePlace(tlb, cpu, fetch ? TLB_L1I4K : TLB_L1D4K, entry, fetch ? ENTRY_L1I : ENTRY_L1D);
    return;
  }
  tlb.usedHuge[cpu]!++;
  takeFirstLevel(tlb, cpu, entry, fetch);
  giveSecondLevel(tlb, cpu, entry, tag);
}

/** Gives an entry a place in L1, as after a hit in L2; a place it has is used anew. */
export function promoteTlbEntry(k: HwState, cpu: Cpu, entry: number, fetch: boolean): void {
  const tlb = k.tlb;
  const place = tlb.entry[((cpu * tlb.entriesPerCpu + entry) << 3) + (fetch ? ENTRY_L1I : ENTRY_L1D)]!;
  if (place !== 0) tlb.place[(cpu * tlb.placesPerCpu + place) * 4 + PLACE_TICK] = ++tlb.tick[cpu]!;
  else takeFirstLevel(tlb, cpu, entry, fetch);
}

/** Marks a hit in L2 (the place used last), then fills L1. */
export function hitSecondLevel(k: HwState, cpu: Cpu, entry: number, fetch: boolean): void {
  touchSecondLevel(k.tlb, cpu, entry);
  takeFirstLevel(k.tlb, cpu, entry, fetch);
}

/** Keeps ticks below 2^31: called with the number of ticks that may come before the next call. */
export function rewindTicks(k: HwState, cpu: Cpu, coming: number): void {
  const tlb = k.tlb;
  if (tlb.tick[cpu]! + coming < MAX_TICK) return;
  // Ticks become ranks, so the order of use inside every set stays what it was. Rings have none.
  const { shape } = tlb;
  const used: number[] = [];
  for (let array = 0; array < NR_TLB_ARRAYS; array++) {
    if (array === TLB_L2) continue;
    const first = cpu * tlb.placesPerCpu + shape[array * SHAPE_WORDS]!;
    const end = first + shape[array * SHAPE_WORDS + 1]! * shape[array * SHAPE_WORDS + 2]!;
    for (let place = first; place < end; place++)
      if (tlb.place[place * 4 + PLACE_TICK] !== 0) used.push(place);
  }
  used.sort((a, b) => tlb.place[a * 4 + PLACE_TICK]! - tlb.place[b * 4 + PLACE_TICK]!);
  used.forEach((place, rank) => {
    tlb.place[place * 4 + PLACE_TICK] = rank + 1;
  });
  tlb.tick[cpu] = used.length + 1;
}

/** Drops one entry from every array of the CPU. */
export function dropTlbEntry(k: HwState, cpu: Cpu, entry: number): void {
  const tlb = k.tlb;
  const at = (cpu * tlb.entriesPerCpu + entry) << 3;
  for (let word = ENTRY_L1D; word <= ENTRY_L2; word++) {
    const place = tlb.entry[at + word]!;
    if (place === 0) continue;
    const record = (cpu * tlb.placesPerCpu + place) * 4;
    tlb.place[record + PLACE_ENTRY] = 0;
    if (isInRing(tlb, place)) evictNext(tlb, cpu, place);
    else tlb.place[record + PLACE_TICK] = 0;
    tlb.entry[at + word] = 0;
  }
  giveEntry(tlb, cpu, entry);
}

/** Drops the translations of one page, of whatever size, in one ASID of one CPU (INVLPG, INVPCID). */
export function dropTlbPage(k: HwState, cpu: Cpu, asid: number, vpn: number): void {
  const high = vpnHigh(vpn);
  const low = vpnLow(vpn);
  const asidBits = asid << TAG_ASID_SHIFT;
  const small = findTlbEntry(k, cpu, high, low | asidBits);
  if (small !== 0) dropTlbEntry(k, cpu, small);
  if (k.tlb.usedHuge[cpu] === 0) return;
  const middle = findTlbEntry(k, cpu, high, (low & ~511) | asidBits | (SIZE_2M << TAG_SIZE_SHIFT));
  if (middle !== 0) dropTlbEntry(k, cpu, middle);
  const large = findTlbEntry(k, cpu, high, asidBits | (SIZE_1G << TAG_SIZE_SHIFT));
  if (large !== 0) dropTlbEntry(k, cpu, large);
}

/** Drops every translation of one ASID of one CPU (a write of CR3 without the no-flush bit). */
export function dropTlbAsid(k: HwState, cpu: Cpu, asid: number): void {
  const tlb = k.tlb;
  if (tlb.used[cpu] === 0) return;
  const words = tlb.entry;
  const base = cpu * tlb.entriesPerCpu;
  const fresh = tlb.fresh[cpu]!;
  for (let entry = 1; entry <= fresh; entry++) {
    const at = (base + entry) << 3;
    const hasPlace = words[at + ENTRY_L1D]! | words[at + ENTRY_L1I]! | words[at + ENTRY_L2]!;
    if (hasPlace !== 0 && ((words[at + ENTRY_TAG]! >>> TAG_ASID_SHIFT) & 15) === asid)
      dropTlbEntry(k, cpu, entry);
  }
}

/** Drops one page of `mm` from the TLB of this one CPU; the caller flushes the other CPUs (space/tlb-flush.ts does all). */
export function flushTlbPage(k: HwState, cpu: Cpu, mm: Mm, vpn: number): void {
  if (k.tlb.loadedMm[cpu] !== mm) return;
  dropTlbPage(k, cpu, k.tlb.loadedAsid[cpu]!, vpn);
  k.tlb.counter[cpu * TLB_COUNTERS + TLB_FLUSH_ONE]!++;
}

/** Drops everything of `mm` from the TLB of this one CPU. */
export function flushTlbMm(k: HwState, cpu: Cpu, mm: Mm): void {
  if (k.tlb.loadedMm[cpu] !== mm) return;
  dropTlbAsid(k, cpu, k.tlb.loadedAsid[cpu]!);
  k.tlb.counter[cpu * TLB_COUNTERS + TLB_FLUSH_ALL]!++;
}

/** Walks every array and every chain. Bug when a place and its entry disagree, or an entry is out of reach. */
export function checkTlb(k: HwState): void {
  const tlb = k.tlb;
  for (let cpu = 0; cpu < k.machine.cpus; cpu++) {
    let held = 0;
    for (let place = 1; place < tlb.placesPerCpu; place++) {
      const entry = tlb.place[(cpu * tlb.placesPerCpu + place) * 4 + PLACE_ENTRY]!;
      if (entry === 0) continue;
      const at = (cpu * tlb.entriesPerCpu + entry) << 3;
      const words = tlb.entry;
      if (
        words[at + ENTRY_L1D] !== place &&
        words[at + ENTRY_L1I] !== place &&
        words[at + ENTRY_L2] !== place
      ) {
        bug(`cpu ${cpu}: TLB place ${place} holds entry ${entry}, which does not know it`);
      }
      if (findTlbEntry(k, cpu, words[at + ENTRY_HIGH]!, words[at + ENTRY_TAG]!) !== entry) {
        bug(`cpu ${cpu}: TLB entry ${entry} is not in its chain`);
      }
      held++;
    }
    if (held < tlb.used[cpu]!) bug(`cpu ${cpu}: ${tlb.used[cpu]} TLB entries in use, ${held} places held`);
  }
}
