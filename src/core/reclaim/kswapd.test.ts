/**
 * What mm/vmscan.c (6.12) says of kswapd's runs: balance_pgdat, kswapd_try_to_sleep, throttle_direct_reclaim.
 */
import { expect, test } from "vitest";
import { fileMachine, newFile } from "../../../test/support/file-machine.ts";
import { ZONE_NORMAL } from "../frame/mmzone.ts";
import {
  KSWAPD_LOW_WMARK_HIT_QUICKLY,
  NR_FREE_PAGES,
  NR_ZONE_ITEMS,
  PAGEOUTRUN,
  PGSCAN_DIRECT_THROTTLE,
} from "../frame/vmstat.ts";
import type { Kernel } from "../kernel.ts";
import { warmFile } from "../vm/file-read.ts";
import { GFP_KERNEL } from "./gfp.ts";
import { runKswapds, throttleDirectReclaim, wakeKswapd } from "./kswapd.ts";

const PAGE = 4096;
const MS = 1000000;

/** The first zone with pages. */
function someZone(k: Kernel): number {
  return k.zone.managedPages.findIndex((pages) => pages > 0);
}

/** Boosts a zone as a stolen pageblock does, wakes kswapd, and lets it do what it has to. */
function boostAndWake(k: Kernel, pages: number): void {
  k.zone.watermarkBoost[someZone(k)] = pages;
  wakeKswapd(k, 0, 0, ZONE_NORMAL);
  for (let ms = 0; ms < 50; ms++) {
    k.clock.ns[0]! += MS;
    runKswapds(k);
  }
}

// Of lists shorter than 4096 pages the first, softest round scans nothing, and a boost is given up.
test("a boost of the watermarks is made good for by reclaim and is over then", () => {
  const { k, task } = fileMachine({ sizeBytes: 2 ** 28, knobs: { "/sys/kernel/mm/lru_gen/enabled": 0 } });
  const { inode } = newFile(k, task, 32768 * PAGE);
  warmFile(k, inode);
  const before = k.file.nrPages[inode]!;
  const runs = k.vmstat.event[PAGEOUTRUN]!;
  boostAndWake(k, 256);
  expect(k.vmstat.event[PAGEOUTRUN]).toBe(runs + 1);
  expect(k.zone.watermarkBoost[someZone(k)]).toBe(0);
  expect(before - k.file.nrPages[inode]!).toBeGreaterThanOrEqual(256);
});

test("kswapd that is woken within a tenth of a second after a run is counted as woken too early", () => {
  const { k } = fileMachine();
  boostAndWake(k, 256);
  expect(k.vmstat.event[KSWAPD_LOW_WMARK_HIT_QUICKLY]).toBe(0);
  boostAndWake(k, 256);
  expect(k.vmstat.event[KSWAPD_LOW_WMARK_HIT_QUICKLY]).toBe(1);
  k.clock.ns[0]! += 100 * MS;
  boostAndWake(k, 256);
  expect(k.vmstat.event[KSWAPD_LOW_WMARK_HIT_QUICKLY]).toBe(1);
});

test("direct reclaim is held up only while less than half of the reserves is free", () => {
  const { k } = fileMachine();
  throttleDirectReclaim(k, GFP_KERNEL, 0);
  expect(k.vmstat.event[PGSCAN_DIRECT_THROTTLE]).toBe(0);
  for (let zone = 1; zone <= 4; zone++) {
    const free = k.vmstat.zone[zone * NR_ZONE_ITEMS + NR_FREE_PAGES]!;
    k.zone.watermarkMin[zone] = free * 2;
  }
  throttleDirectReclaim(k, GFP_KERNEL, 0);
  expect(k.vmstat.event[PGSCAN_DIRECT_THROTTLE]).toBe(1);
});
