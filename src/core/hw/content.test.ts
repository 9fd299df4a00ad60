/**
 * Linux: none; this is the hardware   Doc: docs/map.md
 */
import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { copyBytes, fillBytes, freeBlock, loadBlock, saveBlock } from "./content.ts";
import { loadWord, setFill, storeWord } from "./ram.ts";

const A = 3000;
const B = 3001;

/** Bytes of a frame. */
function bytesOf(k: Parameters<typeof loadWord>[0], pfn: number): number[] {
  return Array.from({ length: 4096 }, (_, at) => (loadWord(k, pfn, at >> 2) >>> ((at & 3) * 8)) & 255);
}

test("any part of a frame can be filled or copied, and nothing else changes", () => {
  const { k } = fileMachine();
  for (const [at, bytes, to] of [
    [0, 1, 3],
    [1, 2, 0],
    [1, 9, 2],
    [5, 4091, 0],
    [2, 100, 7],
    [4, 4, 8],
    [3, 1, 4095],
  ] as const) {
    setFill(k, A, 0x04030201);
    setFill(k, B, 0);
    const expected = new Array<number>(4096).fill(0);
    for (let i = 0; i < bytes; i++) expected[to + i] = ((at + i) & 3) + 1;
    copyBytes(k, { pfn: A, at, bytes }, B, to);
    expect(bytesOf(k, B)).toEqual(expected);
    storeWord(k, A, 1000, 0x55);
    copyBytes(k, { pfn: A, at, bytes }, B, to);
    for (let i = 0; i < bytes; i++) expected[to + i] = bytesOf(k, A)[at + i]!;
    expect(bytesOf(k, B)).toEqual(expected);
    fillBytes(k, { pfn: B, at, bytes }, 0x0d0c0b0a);
    for (let i = at; i < at + bytes; i++) expected[i] = (i & 3) + 10;
    expect(bytesOf(k, B)).toEqual(expected);
  }
});

test("a block keeps a frame's contents, one word or many", () => {
  const { k } = fileMachine();
  setFill(k, A, 7);
  const plain = saveBlock(k, A, 0);
  storeWord(k, A, 9, 8);
  const mixed = saveBlock(k, A, 0);
  loadBlock(k, plain, B);
  expect([loadWord(k, B, 9), k.ram.slot[B]]).toEqual([7, 0]);
  loadBlock(k, mixed, B);
  expect([loadWord(k, B, 8), loadWord(k, B, 9)]).toEqual([7, 8]);
  freeBlock(k.disk, mixed);
  expect(saveBlock(k, A, 0)).toBe(mixed);
});

test("parts of frames are copied on a machine with 4 GiB of contents", () => {
  const { k } = fileMachine({ sizeBytes: 6442450944, contentFrames: 1048576 });
  storeWord(k, A, 1, 0x44434241);
  setFill(k, B, 0);
  copyBytes(k, { pfn: A, at: 5, bytes: 2 }, B, 8);
  expect(loadWord(k, B, 2)).toBe(0x4342);
});
