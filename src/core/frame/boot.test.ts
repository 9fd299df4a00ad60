import { expect, test } from "vitest";
import { checkFrames, frameKernel } from "../../../test/support/frames.ts";
import { completeMachine } from "../hw/machine.ts";
import { PRESETS } from "../hw/presets.ts";
import { usualReserved } from "./boot.ts";
import { BOOT_TOTALRAM, PCP_BATCH, PCP_HIGH_MAX, PCP_HIGH_MIN } from "./mmzone.ts";
import { pcpRow } from "./pcp-tune.ts";
import { NR_FREE_PAGES, sumZoneItem } from "./vmstat.ts";
import { checkZones } from "./zone.ts";

const MIB = 1048576;
const GIB = 1073741824;

test("without a word about it, boot reserves about what the kernel does", () => {
  // MemTotal of golden/linux-6.12-x86_64/boot-512m, boot-2g and boot-6g, in kB. Their firmware keeps 128 KiB more for itself.
  const real: [number, number, number][] = [
    [512 * MIB, 1, 474840],
    [2 * GIB, 2, 2020552],
    [6 * GIB, 4, 6073256],
  ];
  for (const [sizeBytes, cpus, kbytes] of real) {
    const k = frameKernel({ sizeBytes, cpus, reserved: undefined });
    expect(Math.abs((k.boot[BOOT_TOTALRAM] * 4) / kbytes - 1)).toBeLessThan(0.002);
  }
});

test("reserved ranges keep apart and inside memory on every preset", () => {
  for (const input of Object.values(PRESETS)) {
    const machine = completeMachine(input);
    let end = 0;
    for (const range of usualReserved(machine)) {
      expect(range.startByte).toBeGreaterThanOrEqual(end);
      expect(range.endByte).toBeGreaterThan(range.startByte);
      end = range.endByte;
    }
    expect(end).toBeLessThanOrEqual(machine.e820.at(-1)!.endByte);
  }
});

test("a terabyte on eight nodes boots without touching its pages", () => {
  const k = frameKernel({ ...PRESETS["server-8x128g"], reserved: undefined });
  checkZones(k);
  expect(k.boot[BOOT_TOTALRAM]).toBeGreaterThan((1024 * GIB * 0.98) / 4096);
  // In the middle of every node nothing has been written.
  for (let node = 0; node < 8; node++) {
    const first = (k.zone.startPfn[node * 4 + 3] + 16000000) * 8;
    expect(k.page.subarray(first, first + 80000).every((word) => word === 0)).toBe(true);
  }
});

test("every managed page is free or on the first CPU's lists after boot", () => {
  const k = frameKernel({ sizeBytes: 512 * MIB, reserved: undefined });
  let lists = 0;
  for (let zone = 1; zone < k.zone.count; zone++) lists += k.pcp.rows[pcpRow(k, zone, 0)];
  expect(sumZoneItem(k.vmstat, NR_FREE_PAGES) + lists).toBe(k.boot[BOOT_TOTALRAM]);
  expect(lists).toBeGreaterThan(0);
  checkFrames(k);
});

test("pages at the border of a hole that is not page aligned belong to nobody", () => {
  const k = frameKernel({
    e820: [
      { startByte: 0, endByte: 20 * MIB + 100 },
      { startByte: 21 * MIB - 100, endByte: 32 * MIB },
    ],
  });
  expect(k.zone.presentPages[2]).toBe(4 * 256 + 11 * 256);
  expect(k.zone.spannedPages[2]).toBe(16 * 256);
  checkFrames(k);
});

test("knobs of the machine file are set as an operator would after boot", () => {
  const usual = frameKernel({ sizeBytes: GIB });
  const asked = frameKernel({ sizeBytes: GIB, knobs: { "vm.min_free_kbytes": 65536 } });
  const shared = frameKernel({ sizeBytes: GIB, cpus: 4, knobs: { "vm.percpu_pagelist_high_fraction": 16 } });
  expect(usual.knob.minFreeKbytes).toBeGreaterThan(3000);
  const min = (k: typeof usual): number => k.zone.watermarkMin[1] + k.zone.watermarkMin[2];
  expect(min(asked)).toBeGreaterThanOrEqual(65536 / 4 - 2);
  expect(min(usual)).toBeLessThan(1100);
  const row = pcpRow(shared, 2, 0);
  expect(shared.pcp.rows[row + PCP_HIGH_MIN]).toBe(shared.pcp.rows[row + PCP_HIGH_MAX]);
  expect(shared.pcp.rows[row + PCP_HIGH_MAX]).toBe(
    Math.max(
      Math.floor(Math.floor(shared.zone.managedPages[2] / 16) / 4),
      4 * shared.pcp.rows[row + PCP_BATCH],
    ),
  );
});
