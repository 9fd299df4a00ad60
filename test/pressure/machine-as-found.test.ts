/** The machine of the whole-machine cases boots as it was found. Figures are those of its /proc/zoneinfo. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { PCP_COUNT, ZONES_PER_NODE } from "../../src/core/frame/mmzone.ts";
import { pcpRow } from "../../src/core/frame/pcp-tune.ts";
import { NR_FREE_PAGES, NR_ZONE_ITEMS } from "../../src/core/frame/vmstat.ts";
import type { MachineInput } from "../../src/core/index.ts";
import { checkFrames, frameKernel } from "../support/frames.ts";

test("a machine as it was found has the limits that its kernel had", () => {
  const text = readFileSync("golden/fidelity/machine-256m.json", "utf8");
  const { e820, reserved, held, knobs } = JSON.parse(text) as MachineInput;
  const k = frameKernel({ e820, reserved, held, knobs });
  const of = (zone: number): number[] => [
    k.zone.managedPages[zone]!,
    k.zone.watermarkMin[zone]!,
    k.zone.watermarkLow[zone]!,
    k.zone.watermarkHigh[zone]!,
  ];
  expect(of(1)).toEqual([3840, 32, 40, 48]);
  expect(of(2)).toEqual([50701, 431, 538, 645]);
  expect(k.zone.lowmemReserve[ZONES_PER_NODE + 1]).toBe(190);
  expect(k.vmstat.zone[NR_ZONE_ITEMS + NR_FREE_PAGES]).toBe(3808);
  const free = k.vmstat.zone[2 * NR_ZONE_ITEMS + NR_FREE_PAGES]! + k.pcp.rows[pcpRow(k, 2, 0) + PCP_COUNT]!;
  // 39181 in the zone's lists and 354 in those of its processor; not all of the latter could be told from pages in use.
  expect(Math.abs(free - (39181 + 354))).toBeLessThan(150);
  checkFrames(k);
});
