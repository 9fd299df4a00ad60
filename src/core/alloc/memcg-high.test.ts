/**
 * The arithmetic of memory.high, against the table that mm/memcontrol.c prints in its comment: what 6.12 makes a task wait
 * that charges one batch of 64 pages while its cgroup, whose limit is 100 MiB, stands at so many MiB.
 */
import { expect, test } from "vitest";
import { highDelay, overageOf } from "./memcg-high.ts";

const MIB = 256;

/** MiB of usage, milliseconds. The comment's are for a finer clock than 250 ticks a second: a tick is 4 ms. */
const TABLE: readonly (readonly [number, number])[] = [
  [100, 0],
  [101, 6],
  [102, 25],
  [103, 57],
  [105, 159],
  [107, 313],
  [110, 639],
  [113, 1081],
  [117, 1849],
];

test("the wait grows with the square of the overage", () => {
  for (const [usage, ms] of TABLE) {
    const ticks = highDelay(64, overageOf(usage * MIB, 100 * MIB));
    expect(ticks * 4).toBeLessThanOrEqual(ms);
    expect(ticks * 4).toBeGreaterThan(ms - 4);
  }
});

test("a task that charges half a batch waits half as long", () => {
  expect(highDelay(32, overageOf(110 * MIB, 100 * MIB))).toBe(Math.floor(159 / 2));
});

test("a limit of zero counts as one of one page", () => {
  expect(overageOf(5, 0)).toBe(4 * 1048576);
  expect(overageOf(0, 0)).toBe(0);
});
