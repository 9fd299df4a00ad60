/**
 * What page frames contain. A frame that nobody looked into closely holds one word, repeated; a frame that needs its
 * 4 KiB owns a slot in a pool of contents:
 *
 *   pfn      fill     slot
 *    7     00000000    .       all zeros, 4 bytes of memory
 *    8     5eed0008    .       a page of a file, all one word
 *    9        -        3  -->  words[3 * 1024 …]: a page table, or data that differs from word to word
 *
 * Slot 0 is NONE. A frame gives its slot back when it is freed, so contents never outlive their owner.
 * Linux: none; this is the hardware   Doc: docs/map.md
 */
import { badConfig, bug } from "../base/bug.ts";
import { NONE, type Pfn } from "../base/types.ts";
import { type Machine, machineFrames } from "./machine.ts";
import type { HwState, RamColumns } from "./state.ts";

/** Words of 32 bits in a page. */
export const WORDS_PER_PAGE = 1024;

const ON_STACK = 0;
const FIRST_NEVER_USED = 1;

/** RAM for the machine, all zeros. */
export function createRam(machine: Machine): RamColumns {
  const nrFrames = machineFrames(machine);
  const slots = machine.contentFrames + 1;
  const slotCount = new Int32Array(2);
  slotCount[FIRST_NEVER_USED] = 1;
  return {
    nrFrames,
    fill: new Int32Array(nrFrames),
    slot: new Int32Array(nrFrames),
    words: new Int32Array(slots * WORDS_PER_PAGE),
    freeSlots: new Int32Array(slots),
    slotCount,
  };
}

/**
 * Gives the frame its own 1024 words, filled with its fill word; a frame that has them keeps them. Returns the slot.
 * RangeError naming contentFrames when the pool is empty: the machine file promised too few.
 */
export function takeSlot(k: HwState, pfn: Pfn): number {
  const ram = k.ram;
  const owned = ram.slot[pfn];
  if (owned !== NONE) return owned;
  const { slotCount, words } = ram;
  const fill = ram.fill[pfn];
  let slot: number;
  if (slotCount[ON_STACK] > 0) {
    slot = ram.freeSlots[--slotCount[ON_STACK]];
    words.fill(fill, slot * WORDS_PER_PAGE, (slot + 1) * WORDS_PER_PAGE);
  } else {
    slot = slotCount[FIRST_NEVER_USED];
    if (slot >= ram.freeSlots.length)
      badConfig("contentFrames", `all ${slot - 1} frames with contents of their own are in use`);
    slotCount[FIRST_NEVER_USED] = slot + 1;
    // A slot nobody used is zeros already, and stays unbacked by memory until somebody writes.
    if (fill !== 0) words.fill(fill, slot * WORDS_PER_PAGE, (slot + 1) * WORDS_PER_PAGE);
  }
  ram.slot[pfn] = slot;
  return slot;
}

/** Takes the frame's own words away, if it has any; it is filled with its fill word again. */
export function dropSlot(k: HwState, pfn: Pfn): void {
  const ram = k.ram;
  const slot = ram.slot[pfn];
  if (slot === NONE) return;
  ram.slot[pfn] = NONE;
  ram.freeSlots[ram.slotCount[ON_STACK]++] = slot;
}

/** Makes the frame hold one word, repeated, and nothing else. */
export function setFill(k: HwState, pfn: Pfn, word: number): void {
  if (k.ram.slot[pfn] !== NONE) dropSlot(k, pfn);
  k.ram.fill[pfn] = word;
}

/** Copies what one frame contains to another. */
export function copyContent(k: HwState, from: Pfn, to: Pfn): void {
  const ram = k.ram;
  const source = ram.slot[from];
  ram.fill[to] = ram.fill[from];
  if (source === NONE) {
    dropSlot(k, to);
    return;
  }
  const slot = takeSlot(k, to);
  ram.words.copyWithin(slot * WORDS_PER_PAGE, source * WORDS_PER_PAGE, (source + 1) * WORDS_PER_PAGE);
}

/** The word at `wordIndex` (0 to 1023) of the frame, as a signed integer. */
export function loadWord(k: HwState, pfn: Pfn, wordIndex: number): number {
  const ram = k.ram;
  const slot = ram.slot[pfn];
  return slot === NONE ? ram.fill[pfn] : ram.words[slot * WORDS_PER_PAGE + wordIndex];
}

/** Writes the word at `wordIndex` of the frame. Writing what is there already needs no slot. */
export function storeWord(k: HwState, pfn: Pfn, wordIndex: number, value: number): void {
  const ram = k.ram;
  let slot = ram.slot[pfn];
  if (slot === NONE) {
    if (ram.fill[pfn] === (value | 0)) return;
    slot = takeSlot(k, pfn);
  }
  ram.words[slot * WORDS_PER_PAGE + wordIndex] = value;
}

/** Walks the pool. Invariants: no slot has two owners; every used slot is owned or on the stack of free ones. */
export function checkRam(k: HwState): void {
  const { nrFrames, slot, freeSlots, slotCount } = k.ram;
  const used = slotCount[FIRST_NEVER_USED];
  const seen = new Uint8Array(used);
  let found = 0;
  for (let i = 0; i < slotCount[ON_STACK]; i++) {
    const free = freeSlots[i];
    if (free <= 0 || free >= used || seen[free] !== 0)
      bug(`content slot ${free} is on the free stack twice or never used`);
    seen[free] = 1;
    found++;
  }
  for (let pfn = 0; pfn < nrFrames; pfn++) {
    const own = slot[pfn];
    if (own === NONE) continue;
    if (own < 0 || own >= used || seen[own] !== 0)
      bug(`content slot ${own} of frame ${pfn} has another owner`);
    seen[own] = 1;
    found++;
  }
  if (found !== used - 1) bug(`${used - 1 - found} content slots are lost`);
}
