/** Memory in use from the start. */
import { expect, test } from "vitest";
import { checkFrames, frameKernel } from "../../../test/support/frames.ts";
import { completeMachine, type MachineInput } from "../hw/machine.ts";
import { isHeld } from "./held-pages.ts";
import { MIGRATE_MOVABLE, MIGRATE_RECLAIMABLE, MIGRATE_UNMOVABLE } from "./mmzone.ts";
import { NR_FREE_PAGES, sumZoneItem } from "./vmstat.ts";

const MIB = 1048576;

test("held pages are managed and not free, and their pageblocks have their type", () => {
  const reserved = [{ startByte: 0, endByte: MIB }];
  const plain = frameKernel({ sizeBytes: 64 * MIB, reserved });
  const held = [
    { startByte: 32 * MIB, endByte: 33 * MIB, migratetype: "reclaimable" },
    { startByte: 40 * MIB + 4096, endByte: 40 * MIB + 4097 },
  ];
  const k = frameKernel({ sizeBytes: 64 * MIB, reserved, held });
  expect(k.zone.managedPages[2]).toBe(plain.zone.managedPages[2]);
  expect(sumZoneItem(k.vmstat, NR_FREE_PAGES)).toBe(sumZoneItem(plain.vmstat, NR_FREE_PAGES) - 257);
  expect([16, 17, 20, 21].map((block) => k.pageblock[block])).toEqual([
    MIGRATE_RECLAIMABLE,
    MIGRATE_MOVABLE,
    MIGRATE_UNMOVABLE,
    MIGRATE_MOVABLE,
  ]);
  expect(isHeld(k.machine, 40 * 256 + 1)).toBe(true);
  expect(isHeld(k.machine, 40 * 256)).toBe(false);
  checkFrames(k);
});

test("a range that ends before it starts, overlaps, or has another type is refused by name", () => {
  const machine = (held: MachineInput["held"]): (() => unknown) => {
    return () => completeMachine({ sizeBytes: 64 * MIB, held });
  };
  expect(machine([{ startByte: MIB, endByte: MIB }])).toThrow(/held\[0\]\.endByte/);
  expect(machine([{ startByte: 0, endByte: MIB, migratetype: "cma" }])).toThrow(/held\[0\]\.migratetype/);
  expect(
    machine([
      { startByte: 0, endByte: MIB },
      { startByte: 4096, endByte: 2 * MIB },
    ]),
  ).toThrow(/overlap/);
});
