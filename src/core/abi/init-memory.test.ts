/** What process 1 has in memory from the start, as a machine file says. */
import { expect, test } from "vitest";
import { NR_ANON_MAPPED, NR_SHMEM, sumNodeItem } from "../frame/vmstat.ts";
import { boot, checkKernel } from "../index.ts";
import { exactRss, MM_ANONPAGES, MM_SHMEMPAGES } from "../space/mm.ts";
import { initTask } from "../space/task.ts";

test("init has its pages on the lists of reclaim when the first program starts, and no time has passed", () => {
  const k = boot({ sizeBytes: 2 ** 26, init: { anonBytes: 18 * 4096, sharedBytes: 36 * 4096 } });
  expect(sumNodeItem(k.vmstat, NR_ANON_MAPPED)).toBe(18);
  expect(sumNodeItem(k.vmstat, NR_SHMEM)).toBe(36);
  const mm = k.task.mm[initTask(k)]!;
  expect([MM_ANONPAGES, MM_SHMEMPAGES].map((member) => exactRss(k, mm, member))).toEqual([18, 36]);
  expect(k.clock.ns[0]).toBe(0);
  checkKernel(k);
});

test("without a word about it init has no address space", () => {
  const k = boot({ sizeBytes: 2 ** 26 });
  expect(k.task.mm[initTask(k)]).toBe(0);
});
