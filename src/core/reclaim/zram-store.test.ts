/**
 * zram by the arithmetic of drivers/block/zram and mm/zsmalloc.c of 6.12: what is stored how, what it takes, what is refused.
 */
import { expect, test } from "vitest";
import { call, check, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { numbersOf, pageOut, swappedOut } from "../../../test/support/task-memory.ts";
import { readFile, writeFile } from "../abi/vfs.ts";
import { EACCES, EBUSY, EINVAL, ENODEV } from "../base/errno.ts";
import type { Task } from "../base/types.ts";
import { NR_ZSPAGES, sumZoneItem } from "../frame/vmstat.ts";
import type { Kernel } from "../kernel.ts";
import { addZramSwap } from "./zram-store.ts";

const [MUNMAP, SWAPOFF] = [11, 168];
const BLOCK = "/sys/block/zram0";
const PAGES = 512;
const TEN = Array.from({ length: 10 }, (_, i) => i + 1);

function zramMachine(compressionRatio: number, limitBytes = 0): { k: Kernel; task: Task } {
  const { k, task } = fileMachine({ compressionRatio, knobs: { "capabilities=": 1 } });
  expect(addZramSwap(k, { sizeBytes: PAGES * PAGE, limitBytes, prio: 1 })).toBe(0);
  return { k, task };
}

const mmStat = (k: Kernel): number[] =>
  String(readFile(k, `${BLOCK}/mm_stat`))
    .trim()
    .split(/\s+/)
    .map(Number);

test("pages lie compressed in frames of the zones, and come back one by one without the swap cache", () => {
  const { k, task } = zramMachine(2);
  const addr = swappedOut(k, task, 10);
  // The header and ten pages of 2048 bytes: 15 to a group of 8 frames.
  expect(mmStat(k)).toEqual([11 * PAGE, 11 * 2048, 8 * PAGE, 0, 8 * PAGE, 0, 0, 0, 0]);
  expect(sumZoneItem(k.vmstat, NR_ZSPAGES)).toBe(8);
  expect(readFile(k, "/proc/swaps")).toMatch(/^\/dev\/zram0 +partition\t2044\t\t256\t\t1$/m);
  check(k);
  expect(numbersOf(k, task, addr, 10)).toEqual(TEN);
  expect(readFile(k, "/proc/vmstat")).toMatch(/\npswpin 10\npswpout 10\n/);
  expect(readFile(k, "/proc/vmstat")).toMatch(/\nswap_ra 0\n/);
  expect(readFile(k, "/proc/meminfo")).toMatch(/^SwapCached: +0 kB$/m);
  check(k);
});

test("what becomes 3625 bytes or more is stored whole", () => {
  const { k, task } = zramMachine(PAGE / 3623.5);
  swappedOut(k, task, 2);
  expect(mmStat(k).slice(7)).toEqual([0, 0]);
  const huge = zramMachine(PAGE / 3624.5);
  swappedOut(huge.k, huge.task, 2);
  expect(mmStat(huge.k)).toEqual([3 * PAGE, 3 * PAGE, 3 * PAGE, 0, 3 * PAGE, 0, 0, 3, 3]);
  check(huge.k);
});

test("what mem_limit leaves no room for stays in memory, dirty, and counts as a failed write", () => {
  const { k, task } = zramMachine(1, 4 * PAGE);
  const addr = swappedOut(k, task, 10);
  expect(mmStat(k)).toEqual([4 * PAGE, 4 * PAGE, 4 * PAGE, 4 * PAGE, 5 * PAGE, 0, 0, 4, 4]);
  expect(readFile(k, `${BLOCK}/io_stat`)).toBe("       0        7 0        0\n");
  expect(numbersOf(k, task, addr, 10)).toEqual(TEN);
  check(k);
  expect(writeFile(k, `${BLOCK}/mem_limit`, "1M")).toBe(0);
  expect(pageOut(k, task, addr, 10)).toBe(0);
  // The copies of the three that came back are still there: their slots are with the CPU.
  expect(mmStat(k).slice(2, 5)).toEqual([14 * PAGE, 1048576, 14 * PAGE]);
  check(k);
});

test("a run of slots goes at once with its mapping, a single one when the CPU gives back what it collected", () => {
  const { k, task } = zramMachine(2);
  const addr = swappedOut(k, task, 10);
  call(k, task, MUNMAP, [addr + PAGE, PAGE]);
  expect(mmStat(k)[0]).toBe(11 * PAGE);
  call(k, task, MUNMAP, [addr + 2 * PAGE, 8 * PAGE]);
  expect(mmStat(k)[0]).toBe(3 * PAGE);
  expect(readFile(k, `${BLOCK}/io_stat`)).toBe("       0        0 0        8\n");
  check(k);
  expect(call(k, task, SWAPOFF, ["/dev/zram0"])).toBe(0);
  expect(mmStat(k)[0]).toBe(PAGE);
  expect(numbersOf(k, task, addr, 1)).toEqual([1]);
  check(k);
});

test("files that order something refuse as the kernel's do", () => {
  const { k, task } = zramMachine(2);
  expect(readFile(k, `${BLOCK}/disksize`)).toBe(`${PAGES * PAGE}\n`);
  expect(readFile(k, `${BLOCK}/comp_algorithm`)).toBe("[lz4] lz4hc zstd deflate \n");
  expect(readFile(k, `${BLOCK}/backing_dev`)).toBe("none\n");
  expect(readFile(k, `${BLOCK}/reset`)).toBe(-EACCES);
  expect(writeFile(k, `${BLOCK}/comp_algorithm`, "lzo")).toBe(-EINVAL);
  expect(writeFile(k, `${BLOCK}/comp_algorithm`, "zstd")).toBe(-EBUSY);
  expect(writeFile(k, `${BLOCK}/disksize`, "1M")).toBe(-EBUSY);
  expect(writeFile(k, `${BLOCK}/reset`, "1")).toBe(-EBUSY);
  expect(writeFile(k, `${BLOCK}/writeback`, "all")).toBe(-EINVAL);
  expect(writeFile(k, `${BLOCK}/writeback`, "idle")).toBe(-ENODEV);
  expect(call(k, task, SWAPOFF, ["/dev/zram0"])).toBe(0);
  expect(writeFile(k, `${BLOCK}/reset`, "1")).toBe(0);
  expect(sumZoneItem(k.vmstat, NR_ZSPAGES)).toBe(0);
  expect(readFile(k, `${BLOCK}/initstate`)).toBe("0\n");
  expect(writeFile(k, `${BLOCK}/comp_algorithm`, "zstd\n")).toBe(0);
  expect(readFile(k, `${BLOCK}/comp_algorithm`)).toBe("lz4 lz4hc [zstd] deflate \n");
  expect(writeFile(k, `${BLOCK}/mem_used_max`, "1")).toBe(-EINVAL);
  check(k);
});
