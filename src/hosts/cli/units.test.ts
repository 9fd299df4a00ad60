import { expect, test } from "vitest";
import { areaChart } from "./report/chart.ts";
import { bytes, count, duration, percent } from "./units.ts";

test("sizes take the largest binary unit that keeps them at least 1", () => {
  expect([0, 1023, 1024, 1536, 104857600, 1099511627776].map(bytes)).toEqual([
    "0 B",
    "1023 B",
    "1 KiB",
    "1.5 KiB",
    "100 MiB",
    "1 TiB",
  ]);
});

test("times take the unit that leaves one to three digits before the point", () => {
  expect([12, 1500, 2_500_000, 3_210_000_000].map(duration)).toEqual(["12 ns", "1.5 µs", "2.5 ms", "3.21 s"]);
});

test("counts are grouped and shares of nothing are a dash", () => {
  expect(count(1234567)).toBe("1,234,567");
  expect([percent(1, 8), percent(0, 0)]).toEqual(["12.5 %", "-"]);
});

test("the chart's highest column fills its height and a half is half as high", () => {
  expect(areaChart([0, 4, 8], 10, 2)).toEqual(["  █", " ██"]);
});

test("a chart narrower than its samples keeps every peak", () => {
  expect(areaChart([1, 9, 1, 1], 2, 1)).toEqual(["█▁"]);
});
