import { expect, test } from "vitest";
import { machine } from "../../../test/support/exec-machine.ts";
import { EINVAL, ERANGE } from "../base/errno.ts";
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

test("a dirty limit in bytes switches off the one in percent, but not when it is what it was; too many pages are refused", () => {
  const { k } = machine();
  const write = (name: string, text: string) => writeFile(k, `/proc/sys/vm/${name}`, text);
  expect(write("dirty_bytes", "1048576")).toBe(0);
  expect([k.knob.dirtyBytes, k.knob.dirtyRatio]).toEqual([1048576, 0]);
  // The ratio is 0 already: the limit in bytes stays.
  expect(write("dirty_ratio", "0")).toBe(0);
  expect([k.knob.dirtyBytes, k.knob.dirtyRatio]).toEqual([1048576, 0]);
  expect(write("dirty_bytes", "17592186040321")).toBe(-ERANGE);
  expect(write("dirty_background_bytes", "17592186040321")).toBe(-ERANGE);
  expect([k.knob.dirtyBytes, k.knob.dirtyBackgroundBytes]).toEqual([1048576, 0]);
  // Of the background's two, any write of one switches the other off.
  expect(write("dirty_background_bytes", "17592186040320")).toBe(0);
  expect(write("dirty_background_ratio", "0")).toBe(0);
  expect([k.knob.dirtyBackgroundBytes, k.knob.dirtyBackgroundRatio]).toEqual([0, 0]);
});
