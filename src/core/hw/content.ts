/**
 * Bytes between frames, and between frames and the blocks of a disk. A frame or a block that holds one word, repeated,
 * is copied as that word; only when bytes differ does anybody own 4 KiB.
 *
 *   frame 00cc00cc…  --copy bytes 2 to 9 to byte 4-->  frame 0: its own 4 KiB now, eight bytes of it not zero
 *   frame 0          --copy any part-->                frame 0: nothing to do
 *   frame            --saveBlock-->  block (a fill word, or a slot of its own pool)  --loadBlock-->  another frame
 *
 * Linux: none; this is the hardware   Doc: docs/map.md
 */
import { NONE, PAGE_SIZE, type Pfn } from "../base/types.ts";
import type { DiskColumns, DiskState } from "./disk.ts";
import { copyContent, setFill, takeSlot, WORDS_PER_PAGE } from "./ram.ts";
import type { HwState } from "./state.ts";

/** Part of a frame: `bytes` bytes from byte `at` on. */
export interface FramePart {
  readonly pfn: Pfn;
  readonly at: number;
  readonly bytes: number;
}

/**
 * Copies a part of one frame to byte `at` of another, or of the same; parts do not cross the end of a frame. Bytes move
 * one by one, upwards, as the processor's string move does it: where a part is copied onto its own continuation, its
 * beginning is repeated.
 */
export function copyBytes(k: HwState, from: FramePart, to: Pfn, at: number): void {
  const { ram } = k;
  if (from.bytes === 0) return;
  const ahead = at - from.at;
  if (from.pfn === to && ahead > 0 && ahead < from.bytes) {
    for (let done = 0; done < from.bytes; done += ahead) {
      const bytes = Math.min(ahead, from.bytes - done);
      copyBytes(k, { pfn: to, at: from.at + done, bytes }, to, at + done);
    }
    return;
  }
  if (from.bytes === PAGE_SIZE) {
    copyContent(k, from.pfn, to);
    return;
  }
  const source = ram.slot[from.pfn];
  // The source is one word throughout: what arrives is that word, turned by the distance the bytes move.
  if (source === NONE) {
    fillBytes(k, { pfn: to, at, bytes: from.bytes }, rotated(ram.fill[from.pfn], at - from.at));
    return;
  }
  const target = takeSlot(k, to);
  // Windows of one frame each: a view of all bytes would be longer than typed arrays can be where contents reach 4 GiB.
  slotBytes(k, target).set(slotBytes(k, source).subarray(from.at, from.at + from.bytes), at);
}

function slotBytes(k: HwState, slot: number): Uint8Array {
  return new Uint8Array(k.ram.words.buffer, k.ram.words.byteOffset + slot * PAGE_SIZE, PAGE_SIZE);
}

/** Writes what a frame contains into `bytes`, 4096 of them. */
export function contentBytes(k: HwState, pfn: Pfn, bytes: Uint8Array): void {
  const slot = k.ram.slot[pfn];
  if (slot !== NONE) bytes.set(slotBytes(k, slot));
  else new Int32Array(bytes.buffer, bytes.byteOffset, WORDS_PER_PAGE).fill(k.ram.fill[pfn]);
}

/** Sets a part of a frame to a word, repeated, as it would lie there if the whole frame were filled with it. */
export function fillBytes(k: HwState, part: FramePart, word: number): void {
  const { ram } = k;
  if (part.bytes === 0) return;
  if (part.bytes === PAGE_SIZE) {
    setFill(k, part.pfn, word);
    return;
  }
  // What is there already needs no slot: reading zeros into a page of zeros is the common case.
  if (ram.slot[part.pfn] === NONE && ram.fill[part.pfn] === (word | 0)) return;
  const slot = takeSlot(k, part.pfn);
  const bytes = slotBytes(k, slot);
  const beyond = part.at + part.bytes;
  // Single bytes up to the first whole word, whole words, single bytes.
  const firstWord = Math.min(beyond, (part.at + 3) & ~3);
  const lastWord = Math.max(firstWord, beyond & ~3);
  for (let i = part.at; i < firstWord; i++) bytes[i] = word >>> ((i & 3) * 8);
  ram.words.fill(word, slot * WORDS_PER_PAGE + (firstWord >> 2), slot * WORDS_PER_PAGE + (lastWord >> 2));
  for (let i = lastWord; i < beyond; i++) bytes[i] = word >>> ((i & 3) * 8);
}

/**
 * Keeps what the frame contains in a block of the disk: in `block`, or in a new one when that is NONE.
 * Returns the block, or NONE when the disk's store is full; then nothing is kept.
 */
export function saveBlock(k: DiskState, pfn: Pfn, block: number): number {
  const { ram, disk: d } = k;
  const slot = ram.slot[pfn];
  const row = block === NONE ? takeBlock(d) : block;
  if (row === NONE) return NONE;
  if (slot === NONE) {
    d.blockFill[row] = ram.fill[pfn];
    dropBlockSlot(d, row);
    return row;
  }
  const own = d.blockSlot[row] === NONE ? takeBlockSlot(d, row) : d.blockSlot[row];
  if (own === NONE) {
    if (block === NONE) freeBlock(d, row);
    return NONE;
  }
  d.blockWords.set(
    ram.words.subarray(slot * WORDS_PER_PAGE, (slot + 1) * WORDS_PER_PAGE),
    own * WORDS_PER_PAGE,
  );
  return row;
}

/** Fills the frame with what a block contains. */
export function loadBlock(k: DiskState, block: number, pfn: Pfn): void {
  const { ram, disk: d } = k;
  const own = d.blockSlot[block];
  setFill(k, pfn, d.blockFill[block]);
  if (own === NONE) return;
  const slot = takeSlot(k, pfn);
  ram.words.set(
    d.blockWords.subarray(own * WORDS_PER_PAGE, (own + 1) * WORDS_PER_PAGE),
    slot * WORDS_PER_PAGE,
  );
}

/** Gives a block back. */
export function freeBlock(d: DiskColumns, block: number): void {
  dropBlockSlot(d, block);
  d.blockFill[block] = d.blockState[1];
  d.blockState[1] = block;
}

/**
 * Sets every byte of a block from byte `at` on to zero. With an empty pool it stays as it is: the page that was cut
 * there is dirty in the cache, and its next write-back replaces the block.
 */
export function clearBlockTail(d: DiskColumns, block: number, at: number): void {
  if (d.blockSlot[block] === NONE) {
    const fill = d.blockFill[block];
    if (fill === 0) return;
    const slot = takeBlockSlot(d, block);
    if (slot === NONE) return;
    d.blockWords.fill(fill, slot * WORDS_PER_PAGE, (slot + 1) * WORDS_PER_PAGE);
  }
  const begin = d.blockWords.byteOffset + d.blockSlot[block] * PAGE_SIZE;
  new Uint8Array(d.blockWords.buffer, begin, PAGE_SIZE).fill(0, at);
}

/** The word as it lies when its repetition is moved by `by` bytes. */
function rotated(word: number, by: number): number {
  const bits = (((by % 4) + 4) % 4) * 8;
  return bits === 0 ? word : (word << bits) | (word >>> (32 - bits));
}

/** blockState: [0] first block never used, [1] first free block (chained by blockFill), [2] and [3] the same of slots. */
function takeBlock(d: DiskColumns): number {
  const free = d.blockState[1];
  if (free !== NONE) {
    d.blockState[1] = d.blockFill[free];
    return free;
  }
  return d.blockState[0] >= d.blockFill.length ? NONE : d.blockState[0]++;
}

/** Gives the block a slot of its own, or NONE when the pool is empty. Free slots are chained by their first words. */
function takeBlockSlot(d: DiskColumns, block: number): number {
  const free = d.blockState[3];
  if (free !== NONE) {
    d.blockState[3] = d.blockWords[free * WORDS_PER_PAGE];
    d.blockSlot[block] = free;
    return free;
  }
  if (d.blockState[2] * WORDS_PER_PAGE >= d.blockWords.length) return NONE;
  d.blockSlot[block] = d.blockState[2]++;
  return d.blockSlot[block];
}

/** Takes the block's slot away, if it has one; it is its fill word again. */
function dropBlockSlot(d: DiskColumns, block: number): void {
  const slot = d.blockSlot[block];
  if (slot === NONE) return;
  d.blockSlot[block] = NONE;
  d.blockWords[slot * WORDS_PER_PAGE] = d.blockState[3];
  d.blockState[3] = slot;
}
