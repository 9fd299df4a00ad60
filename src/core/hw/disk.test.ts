/**
 * Linux: none; this is the hardware   Doc: docs/map.md
 */
import { expect, test } from "vitest";
import { NONE } from "../base/types.ts";
import { createClock } from "./clock.ts";
import {
  checkDisks,
  createDisk,
  type DiskState,
  firstDone,
  OP_READ,
  OP_WRITE,
  retireIo,
  submitIo,
} from "./disk.ts";
import { completeMachine } from "./machine.ts";

/** A disk of 100 us latency and one byte a nanosecond. */
function disk(rotational: boolean): DiskState {
  const machine = completeMachine({ sizeBytes: 67108864 });
  const specs = [
    {
      name: "d",
      readNs: 100000,
      writeNs: 30000,
      requestNs: 0,
      bytesPerSecond: 1e9,
      writeBytesPerSecond: 1e9,
      rotational,
      queueDepth: 1023,
    },
  ];
  return { machine, clock: createClock(machine), disk: createDisk(specs) } as unknown as DiskState;
}

function read(k: DiskState, index: number, pages: number): number {
  return k.disk.completeNs[submitIo(k, { disk: 0, op: OP_READ, owner: 1, index, pages })]!;
}

test("flash overlaps the latency of its requests and sends their data one after the other", () => {
  const k = disk(false);
  expect(read(k, 0, 1)).toBe(104096);
  expect(read(k, 50, 1)).toBe(108192);
  checkDisks(k);
});

test("a disk that turns seeks for each request that does not continue the last", () => {
  const k = disk(true);
  expect(read(k, 0, 1)).toBe(104096);
  expect(read(k, 1, 1)).toBe(108192);
  expect(read(k, 50, 1)).toBe(212288);
});

test("requests are done in order, each at its time", () => {
  const k = disk(false);
  read(k, 0, 1);
  read(k, 1, 1);
  expect(firstDone(k.disk, 104095)).toBe(NONE);
  const first = firstDone(k.disk, 200000);
  expect(k.disk.index[first]).toBe(0);
  retireIo(k.disk, first);
  expect(k.disk.index[firstDone(k.disk, 200000)]).toBe(1);
  checkDisks(k);
});

test("a read does not wait for the longer latency of a write before it, only until that has passed", () => {
  const machine = completeMachine({ sizeBytes: 67108864 });
  const spec = {
    name: "d",
    readNs: 1000,
    writeNs: 90000,
    requestNs: 500,
    bytesPerSecond: 1e9,
    writeBytesPerSecond: 1e9,
    rotational: false,
    queueDepth: 64,
  };
  const k = { machine, clock: createClock(machine), disk: createDisk([spec]) } as unknown as DiskState;
  const write = submitIo(k, { disk: 0, op: OP_WRITE, owner: 1, index: 0, pages: 2 });
  expect(k.disk.completeNs[write]).toBe(500 + 8192 + 90000);
  expect(read(k, 9, 1)).toBe(500 + 8192 + 500 + 4096 + 1000);
  checkDisks(k);
});
