/**
 * Linux: block/blk-mq.c (6.12)   Doc: Documentation/block/biodoc.rst
 */
import { expect, test } from "vitest";
import { NONE } from "../base/types.ts";
import { createClock } from "./clock.ts";
import { checkDisks, createDisk, type DiskState, firstDone, OP_READ, OP_WRITE, retireIo } from "./disk.ts";
import { completeMachine } from "./machine.ts";
import { checkPlugs, finishPlug, flushPlug, sendPage, startPlug, switchPlug } from "./plug.ts";

function disk(): DiskState {
  const machine = completeMachine({ sizeBytes: 67108864, disks: [{ name: "a" }, { name: "b" }] });
  return { machine, clock: createClock(machine), disk: createDisk(machine.disks) } as unknown as DiskState;
}

function page(k: DiskState, op: number, index: number, disk = 0): number {
  return sendPage(k, disk, op, -1, index);
}

/** What has reached the disks, oldest first of each queue, as "first+pages". */
function sent(k: DiskState): string {
  const { head, next, index, pages } = k.disk;
  const words: string[] = [];
  for (const first of head)
    for (let row = first; row !== NONE; row = next[row]!) words.push(`${index[row]}+${pages[row]}`);
  return words.join(" ");
}

test("without a plug every page is a request of its own, sent at once", () => {
  const k = disk();
  for (const index of [7, 8, 9]) page(k, OP_WRITE, index);
  expect(sent(k)).toBe("7+1 8+1 9+1");
});

test("under a plug neighbours become one request, before or behind, and nothing is sent until it is pulled", () => {
  const k = disk();
  startPlug(k);
  const row = page(k, OP_WRITE, 8);
  expect(page(k, OP_WRITE, 9)).toBe(row);
  expect(page(k, OP_WRITE, 7)).toBe(row);
  page(k, OP_WRITE, 20);
  page(k, OP_READ, 21);
  expect(sent(k)).toBe("");
  expect(firstDone(k.disk, Number.MAX_VALUE)).toBe(NONE);
  finishPlug(k);
  expect(sent(k)).toBe("21+1 7+3 20+1");
  checkPlugs(k);
  checkDisks(k);
});

test("a plug within a plug sends nothing", () => {
  const k = disk();
  startPlug(k);
  page(k, OP_READ, 1);
  startPlug(k);
  page(k, OP_WRITE, 5);
  finishPlug(k);
  expect(sent(k)).toBe("");
  finishPlug(k);
  expect(sent(k)).toBe("1+1 5+1");
});

test("a request has 128 pages at most, and the next pulls the plug when the oldest has 32", () => {
  const k = disk();
  startPlug(k);
  for (let index = 0; index < 128; index++) page(k, OP_WRITE, index);
  expect(sent(k)).toBe("");
  page(k, OP_WRITE, 128);
  expect(sent(k)).toBe("0+128");
});

test("a small request in front keeps the plug in until there are 32", () => {
  const k = disk();
  startPlug(k);
  page(k, OP_READ, 5000);
  for (let index = 0; index < 31 * 128; index++) page(k, OP_WRITE, index);
  expect(sent(k)).toBe("");
  page(k, OP_WRITE, 31 * 128);
  expect(sent(k).split(" ")).toHaveLength(32);
});

test("requests for two disks: the oldest of a page's disk is the one it may join, and 64 are held", () => {
  const k = disk();
  startPlug(k);
  const first = page(k, OP_WRITE, 1, 0);
  page(k, OP_WRITE, 1, 1);
  expect(page(k, OP_WRITE, 2, 0)).toBe(first);
  for (let index = 10; index < 134; index += 2) page(k, OP_WRITE, index, 1);
  expect(sent(k)).toBe("");
  page(k, OP_WRITE, 200, 1);
  expect(sent(k).split(" ")).toHaveLength(64);
});

test("who sleeps sends first; somebody else has a plug of its own", () => {
  const k = disk();
  startPlug(k);
  page(k, OP_WRITE, 1);
  const before = switchPlug(k, 1);
  page(k, OP_WRITE, 9);
  expect(sent(k)).toBe("9+1");
  switchPlug(k, before);
  flushPlug(k);
  expect(sent(k)).toBe("9+1 1+1");
  page(k, OP_WRITE, 2);
  expect(sent(k)).toBe("9+1 1+1");
  finishPlug(k);
  for (let row = firstDone(k.disk, 1e9); row !== NONE; row = firstDone(k.disk, 1e9)) retireIo(k.disk, row);
  checkDisks(k);
});
