/**
 * zswap by the arithmetic of mm/zswap.c and mm/zsmalloc.c of 6.12: what is kept, charged, refused and written back.
 */
import { expect, test } from "vitest";
import { call, check, fileMachine, PAGE } from "../../../test/support/file-machine.ts";
import { numbersOf, swappedOut } from "../../../test/support/task-memory.ts";
import { makeDirectory, readFile, removeDirectory, writeFile } from "../abi/vfs.ts";
import type { Task } from "../base/types.ts";
import { NR_ZSPAGES, PSWPIN, PSWPOUT, sumZoneItem, ZSWPIN, ZSWPOUT, ZSWPWB } from "../frame/vmstat.ts";
import type { Kernel } from "../kernel.ts";
import { addSwapArea, SWP_SOLIDSTATE, SWP_SYNCHRONOUS_IO } from "../space/swap.ts";
import { maxPoolPages } from "./zswap-shrink.ts";

const MADVISE = 28;
const MADV_PAGEOUT = 21;
const PARAMETERS = "/sys/module/zswap/parameters";
const ENABLED = `${PARAMETERS}/enabled`;

function zswapMachine(knobs: Record<string, number> = {}, compressionRatio = 2): { k: Kernel; task: Task } {
  const { k, task } = fileMachine({
    config: { zswap: "lzo" },
    compressionRatio,
    knobs: { "capabilities=": 1, [ENABLED]: 1, ...knobs },
  });
  addSwapArea(k, {
    pages: 2000,
    prio: 1,
    disk: 0,
    flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO,
    path: "/dev/nvme1n1",
  });
  return { k, task };
}

const events = (k: Kernel): number[] =>
  [ZSWPOUT, ZSWPIN, ZSWPWB, PSWPOUT, PSWPIN].map((item) => k.vmstat.event[item]!);

test("pages that fit stay in memory, and come back dirty without a read", () => {
  const { k, task } = zswapMachine();
  const addr = swappedOut(k, task, 10);
  expect(events(k)).toEqual([10, 0, 0, 0, 0]);
  // 2048 bytes and 8 of the handle: class 2064, whose groups are 8 frames for 15 objects, as those of 2176 are.
  expect(sumZoneItem(k.vmstat, NR_ZSPAGES)).toBe(8);
  expect(readFile(k, "/proc/meminfo")).toMatch(/^Zswap: {10} *32 kB\nZswapped: {8} *40 kB$/m);
  check(k);
  expect(numbersOf(k, task, addr, 10)).toEqual(Array.from({ length: 10 }, (_, i) => i + 1));
  expect(events(k)).toEqual([10, 10, 0, 0, 0]);
  expect(sumZoneItem(k.vmstat, NR_ZSPAGES)).toBe(0);
  check(k);
});

test("switched off, or a page that does not compress: it is written", () => {
  const { k, task } = zswapMachine();
  expect(writeFile(k, ENABLED, "0")).toBe(0);
  expect(readFile(k, ENABLED)).toBe("N\n");
  swappedOut(k, task, 3);
  expect(events(k)).toEqual([0, 0, 0, 3, 0]);
});

test("a kernel without zswap has none of its files and rows", () => {
  const { k } = fileMachine();
  expect(readFile(k, ENABLED)).toBe(-2);
  expect(readFile(k, "/proc/meminfo")).not.toContain("Zswap");
  expect(readFile(k, "/proc/vmstat")).not.toContain("zswp");
});

test("a full pool refuses until the worker has written the oldest down to the threshold", () => {
  const { k, task } = zswapMachine({ [`${PARAMETERS}/max_pool_percent`]: 1 });
  swappedOut(k, task, 1200);
  const [out, , back, disk] = events(k);
  expect(sumZoneItem(k.vmstat, NR_ZSPAGES)).toBeLessThanOrEqual(maxPoolPages(k) + 8);
  expect(out! + disk! - back!).toBe(1200);
  expect(back).toBeGreaterThan(0);
  check(k);
});

test("a cgroup pays for the bytes, has its own limit, and may forbid the disk", () => {
  const { k, task } = zswapMachine();
  for (const [path, text] of [
    ["cgroup.subtree_control", "+memory"],
    ["a/cgroup.procs", String(k.task.pid[task])],
    ["a/memory.zswap.max", "16384"],
  ]) {
    makeDirectory(k, "/sys/fs/cgroup/a");
    expect(writeFile(k, `/sys/fs/cgroup/${path}`, text!)).toBe(0);
  }
  const addr = swappedOut(k, task, 20);
  const group = (file: string): string => String(readFile(k, `/sys/fs/cgroup/a/memory.${file}`));
  // Four pages are eight halves; then every store has the oldest entry that had its second chance written first.
  expect(group("zswap.current")).toBe("16384\n");
  expect(group("stat")).toMatch(/^kernel [1-9]/m);
  expect(group("stat")).toMatch(/^zswap 16384\nzswapped 32768$/m);
  check(k);
  expect(writeFile(k, "/sys/fs/cgroup/a/memory.zswap.writeback", "0")).toBe(0);
  const written = events(k)[3];
  expect(numbersOf(k, task, addr, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  expect(call(k, task, MADVISE, [addr, 20 * PAGE, MADV_PAGEOUT])).toBe(0);
  // What does not fit stays in memory.
  expect(events(k)[3]).toBe(written);
  expect(group("zswap.current")).toBe("16384\n");
  check(k);
  // The parent takes over what is left of a cgroup that is gone.
  expect(writeFile(k, "/sys/fs/cgroup/cgroup.procs", String(k.task.pid[task]))).toBe(0);
  expect(removeDirectory(k, "/sys/fs/cgroup/a")).toBe(0);
  check(k);
  expect(numbersOf(k, task, addr, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  check(k);
});
