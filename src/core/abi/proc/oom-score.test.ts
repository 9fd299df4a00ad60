/** The arithmetic of oom_badness and proc_oom_score, and the values that oom_score_adj takes (6.12). */
import { expect, test } from "vitest";
import { procKernel } from "../../../../test/support/proc-kernel.ts";
import { EINVAL } from "../../base/errno.ts";
import { BOOT_TOTALRAM } from "../../frame/mmzone.ts";
import { oomBadness, UNKILLABLE } from "../../reclaim/oom-badness.ts";
import { addRss, MM_ANONPAGES, MM_SWAPENTS } from "../../space/mm.ts";
import { createSwapColumns } from "../../space/swap.ts";
import { createTask } from "../../space/task.ts";
import { readFile, writeFile } from "../vfs.ts";

/** A process with 1000 resident pages, 200 in swap and 6 pages of page tables, on a machine of 100999 pages. */
function process(): ReturnType<typeof procKernel> {
  const kernel = procKernel();
  const { k, mm } = kernel;
  Object.assign(k, { swap: createSwapColumns(1) });
  k.boot[BOOT_TOTALRAM] = 100999;
  addRss(k, mm, MM_ANONPAGES, 1000);
  addRss(k, mm, MM_SWAPENTS, 200);
  k.mm.pgtablesBytes[mm] = 24576;
  return kernel;
}

test("points are pages, and an adjustment is in whole thousandths of all pages", () => {
  const { k, task } = process();
  expect(oomBadness(k, task, 100999)).toBe(1206);
  expect(writeFile(k, "/proc/1/oom_score_adj", "500\n")).toBe(0);
  expect(oomBadness(k, task, 100999)).toBe(1206 + 500 * 100);
  expect(writeFile(k, "/proc/1/oom_score_adj", "-999")).toBe(0);
  expect(oomBadness(k, task, 100999)).toBe(1206 - 999 * 100);
});

test("oom_score is 666 for a process without memory, 0 for one that is never chosen", () => {
  const { k, task } = process();
  // 1206 of 100999 pages are 11 thousandths: (1000 + 11) * 2 / 3.
  expect(readFile(k, "/proc/1/oom_score")).toBe("674\n");
  expect(writeFile(k, "/proc/1/oom_score_adj", "-1000")).toBe(0);
  expect(readFile(k, "/proc/1/oom_score")).toBe("0\n");
  expect(oomBadness(k, task, 100999)).toBe(UNKILLABLE);
});

test("oom_score_adj takes numbers of any base from -1000 to 1000", () => {
  const { k } = process();
  expect(readFile(k, "/proc/1/oom_score_adj")).toBe("0\n");
  for (const text of ["1001", "-1001", "", "x", "5x", "1 2"])
    expect(writeFile(k, "/proc/1/oom_score_adj", text)).toBe(-EINVAL);
  expect(writeFile(k, "/proc/1/oom_score_adj", "0x10")).toBe(0);
  expect(readFile(k, "/proc/1/oom_score_adj")).toBe("16\n");
  expect(writeFile(k, "/proc/1/oom_score_adj", "-010")).toBe(0);
  expect(readFile(k, "/proc/1/oom_score_adj")).toBe("-8\n");
});

test("an adjustment reaches every process that shares the memory", () => {
  const { k, mm } = process();
  const other = createTask(k, { comm: "sharer", mm });
  writeFile(k, "/proc/1/oom_score_adj", "300");
  expect(readFile(k, `/proc/${k.task.pid[other]}/oom_score_adj`)).toBe("300\n");
});
