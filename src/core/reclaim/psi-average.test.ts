/**
 * Averages worked out by hand from kernel/sched/psi.c and include/linux/sched/loadavg.h (6.12): 2048 is one, EXP_10s 1677,
 * EXP_60s 1981, EXP_300s 2034.
 */
import { expect, test } from "vitest";
import { averageText, PSI_PERIOD_NS, updateAverages } from "./psi-average.ts";

/** The three averages after a sample. */
function sampled(before: readonly number[], missed: number, percent: number): number[] {
  const averages = Int32Array.from(before);
  updateAverages(averages, 0, missed, (PSI_PERIOD_NS / 100) * percent, PSI_PERIOD_NS);
  return [...averages];
}

test("a period is two seconds and one tick", () => {
  expect(PSI_PERIOD_NS).toBe(2_004_000_000);
});

test("a stall of a whole period makes averages of 18.11, 3.27 and 0.68 percent", () => {
  // 100 * 2048 * (2048 - 1677) = 75,980,800; plus 2047 for a rising average, by 2048: 37100.99; the others likewise.
  expect(sampled([0, 0, 0], 0, 100)).toEqual([37100, 6700, 1400]);
  expect([37100, 6700, 1400].map(averageText)).toEqual(["18.11", "3.27", "0.68"]);
});

test("a falling average is rounded down", () => {
  // 37100 * 1677 / 2048 = 30379.2; 6700 * 1981 / 2048 = 6480.8; 1400 * 2034 / 2048 = 1390.4
  expect(sampled([37100, 6700, 1400], 0, 0)).toEqual([30379, 6480, 1390]);
});

test("periods without a sample are taken at once, by a power that is rounded at each step", () => {
  // 1677² / 2048 = 1373.2 -> 1373; times 1677 = 1124.3 -> 1124 of 2048 for three periods: 37100 * 1124 / 2048 = 20361.7,
  // and the sample of nothing: 20361 * 1677 / 2048 = 16672.6. The others: 1981² -> 1916 -> 1853, 2034² -> 2020 -> 2006.
  expect(sampled([37100, 6700, 1400], 3, 0)).toEqual([16672, 5863, 1361]);
});

test("an average can reach one hundred percent", () => {
  let averages = [0, 0, 0];
  for (let period = 0; period < 100; period++) averages = sampled(averages, 0, 100);
  expect(averageText(averages[0]!)).toBe("100.00");
});

test("a sample counts in whole percents", () => {
  // 1.9 % is one: 2048 * 371 / 2048, rounded up.
  expect(sampled([0, 0, 0], 0, 1.9)[0]).toBe(371);
});
