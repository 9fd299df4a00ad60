import { expect, test } from "vitest";
import { frameKernel } from "../../../test/support/frames.ts";
import type { MachineInput } from "../hw/machine.ts";
import { ZONE_DMA, ZONE_MOVABLE } from "./mmzone.ts";
import { refreshOpen, zoneNode, zoneOf, zoneType } from "./zone.ts";

const MIB = 1048576;
const GIB = 1073741824;

/** Node and type of each zone that node's allocations try, as "0Normal 0DMA32 …". */
function order(input: MachineInput, node: number): string {
  const k = frameKernel(input);
  const names = ["DMA", "DMA32", "Normal", "Movable"];
  const list: string[] = [];
  for (let at = node * k.zone.count; k.zonelist[at] !== 0; at++)
    list.push(`${zoneNode(k.zonelist[at])}${names[zoneType(k.zonelist[at])]}`);
  return list.join(" ");
}

test("zones are tried from the highest down, near nodes before far ones", () => {
  const nodes = [
    { sizeBytes: 5 * GIB, cpus: [0] },
    { sizeBytes: GIB, cpus: [1] },
  ];
  expect(order({ nodes }, 0)).toBe("0Normal 0DMA32 0DMA 1Normal");
  expect(order({ nodes }, 1)).toBe("1Normal 0Normal 0DMA32 0DMA");
});

test("with equal distances each node prefers the one after it, so that none takes everybody's overflow", () => {
  const nodes = Array.from({ length: 4 }, (_, i) => ({ sizeBytes: GIB, cpus: [i] }));
  const first = (node: number): string =>
    [
      ...new Set(
        order({ nodes }, node)
          .split(" ")
          .map((zone) => zone.charAt(0)),
      ),
    ].join("");
  // "Fallback order for Node …" in golden/linux-6.12-x86_64/boot-4x256m/dmesg-memory.
  expect([first(0), first(1), first(2), first(3)]).toEqual(["0123", "1230", "2301", "3012"]);
});

test("a node without memory takes from its neighbours", () => {
  const input = {
    cpus: 2,
    nodes: [{ cpus: [0] }, { cpus: [1] }],
    e820: [{ startByte: 0, endByte: 64 * MIB, node: 0 }],
  };
  expect(order(input, 1)).toBe("0DMA32 0DMA");
});

test("the zone of an untouched frame is found by its address", () => {
  const k = frameKernel({ sizeBytes: 5 * GIB });
  expect([zoneOf(k, 1), zoneOf(k, 4095), zoneOf(k, 4096), zoneOf(k, 1048576)]).toEqual([1, 1, 2, 3]);
  expect(zoneOf(k, 900000)).toBe(2);
  expect(zoneOf(k, 0)).toBe(0);
});

test("a zone is open while it has more free pages than the mark and what is kept for lower zones", () => {
  const k = frameKernel({ sizeBytes: GIB });
  expect([k.localZone[ZONE_DMA], k.localZone[ZONE_MOVABLE]]).toEqual([1, 2]);
  k.zone.watermarkHigh[2] = 1e9;
  refreshOpen(k, 2);
  expect(k.localZone[ZONE_MOVABLE]).toBe(0);
});
