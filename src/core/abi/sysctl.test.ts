import { expect, test } from "vitest";
import { machine } from "../../../test/support/exec-machine.ts";
import { EINVAL } from "../base/errno.ts";
import { checkKernel } from "../kernel.ts";
import { readFile, writeFile } from "./vfs.ts";

test("a sysctl that sizes the reserves changes the watermarks at once", () => {
  const { k } = machine();
  const before = String(readFile(k, "/proc/zoneinfo"));
  expect(writeFile(k, "/proc/sys/vm/min_free_kbytes", "4096")).toBe(0);
  const after = String(readFile(k, "/proc/zoneinfo"));
  expect(after).not.toBe(before);
  const mins = [...after.matchAll(/^ {8}min {6}(\d+)$/gm)].map((match) => Number(match[1]));
  expect(mins.reduce((sum, pages) => sum + pages, 0)).toBeGreaterThanOrEqual(1022);
  expect(writeFile(k, "/proc/sys/vm/percpu_pagelist_high_fraction", "7")).toBe(-EINVAL);
  expect(writeFile(k, "/proc/sys/vm/percpu_pagelist_high_fraction", "8")).toBe(0);
  checkKernel(k);
});
