import { expect, test } from "vitest";
import { checkFrames, FIRST, frames } from "../../../test/support/frames.ts";
import { checkRam, copyContent, dropSlot, loadWord, setFill, storeWord, takeSlot } from "./ram.ts";

test("a frame holds its fill word until a different word is written, and then keeps the others", () => {
  const k = frames("abc.");
  setFill(k, FIRST, 7);
  expect([loadWord(k, FIRST, 0), loadWord(k, FIRST, 1023)]).toEqual([7, 7]);
  storeWord(k, FIRST, 3, 7);
  expect(k.ram.slot[FIRST]).toBe(0);
  storeWord(k, FIRST, 3, 8);
  expect(k.ram.slot[FIRST]).toBeGreaterThan(0);
  expect([loadWord(k, FIRST, 2), loadWord(k, FIRST, 3), loadWord(k, FIRST, 4)]).toEqual([7, 8, 7]);
  checkRam(k);
  dropSlot(k, FIRST);
});

test("words are 32 bits, signed", () => {
  const k = frames("a");
  storeWord(k, FIRST, 0, 0xffffffff);
  expect(loadWord(k, FIRST, 0)).toBe(-1);
  storeWord(k, FIRST, 0, -1);
});

test("a copy takes the contents, whichever form they have", () => {
  const k = frames("abcd");
  setFill(k, FIRST, 5);
  storeWord(k, FIRST, 9, 6);
  setFill(k, FIRST + 1, 1);
  copyContent(k, FIRST, FIRST + 2);
  expect([loadWord(k, FIRST + 2, 8), loadWord(k, FIRST + 2, 9)]).toEqual([5, 6]);
  copyContent(k, FIRST + 1, FIRST + 2);
  expect([loadWord(k, FIRST + 2, 8), loadWord(k, FIRST + 2, 9)]).toEqual([1, 1]);
  expect(k.ram.slot[FIRST + 2]).toBe(0);
  checkRam(k);
});

test("a slot that is used again holds nothing of its last owner", () => {
  const k = frames("ab");
  storeWord(k, FIRST, 4, 44);
  const slot = k.ram.slot[FIRST];
  dropSlot(k, FIRST);
  setFill(k, FIRST + 1, 2);
  expect(takeSlot(k, FIRST + 1)).toBe(slot);
  expect(loadWord(k, FIRST + 1, 4)).toBe(2);
});

test("more contents than the machine file promised is an error that names the field", () => {
  const k = frames("a".repeat(512));
  const most = k.machine.contentFrames;
  for (let i = 0; i < most; i++) takeSlot(k, 100 + i);
  expect(() => takeSlot(k, FIRST + 1)).toThrow(/^contentFrames:/);
});

test("a slot with two owners is found", () => {
  const k = frames("ab..");
  k.ram.slot[FIRST + 1] = takeSlot(k, FIRST);
  expect(() => checkRam(k)).toThrow("another owner");
  expect(() => checkFrames(k)).toThrow();
});
