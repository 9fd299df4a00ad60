/**
 * The files of MGLRU below /sys/kernel/debug. SHOWN and SHOWN_FULL are what Debian's 6.12 printed of a cgroup in which a loop had
 * stored to 56 MiB at a limit of 48; the numbers are put into the columns here, so what is compared is the form.
 * Linux: mm/vmscan.c (6.12)   Doc: Documentation/admin-guide/mm/multigen_lru.rst
 */
import { expect, test } from "vitest";
import { fileMachine } from "../../../test/support/file-machine.ts";
import { storePages } from "../../../test/support/task-memory.ts";
import { EACCES, EINVAL, ERANGE } from "../base/errno.ts";
import { checkKernel, type Kernel } from "../kernel.ts";
import { genRow, LRU_GEN_ANON } from "../space/lru-gen.ts";
import { makeDirectory, readFile, writeFile } from "./vfs.ts";

const FILE = "/sys/kernel/debug/lru_gen";
const FULL = "/sys/kernel/debug/lru_gen_full";
const ADDR = 0x10000000;

const SHOWN = `memcg     2 /g
 node     0
          3        420      10150           0 
          4        152          0           0 
          5        148       2045           0 
`;

const SHOWN_FULL = `memcg     2 /g
 node     0
          2        420          0x          0x
                     0          0x          0x          0x          0x          0x          0x
                     1          0x          0x          0x          0x          0x          0x
                     2          0x          0x          0x          0x          0x          0x
                     3          0x          0x          0x          0x          0x          0x
                                0x          0x          0x          0x
          3        420      10150           0 
                     0          0r       2113e          0p          0r          0e          0p
                     1          0r          0e          0p          0r          0e          0p
                     2          0r          0e          0p          0r          0e          0p
                     3          0r          0e          0p          0r          0e          0p
                                0x          0x          0x          0x
          4        152          0           0 
                     0          0x          0x          0x          0x          0x          0x
                     1          0x          0x          0x          0x          0x          0x
                     2          0x          0x          0x          0x          0x          0x
                     3          0x          0x          0x          0x          0x          0x
                                0x          0x          0x          0x
          5        148       2045           0 
                     0          0R          0T          0x          0R          0T          0x
                     1          0R          0T          0x          0R          0T          0x
                     2          0R          0T          0x          0R          0T          0x
                     3          0R          0T          0x          0R          0T          0x
                            24618T      12263Y         50F         24A
`;

/** A machine with MGLRU, and a task whose pages are as many as asked for and just stored to. */
function withPages(pages: number): { k: Kernel; sizes: () => string[] } {
  const { k, task } = fileMachine();
  storePages(k, task, ADDR, pages);
  const sizes = (): string[] =>
    String(readFile(k, FILE))
      .split("\n")
      .slice(2, -1)
      .map((line) => line.trim().replace(/^(\d+) +\d+ +(\d+) +\d+$/, "$1:$2"));
  return { k, sizes };
}

test("generations are shown as 6.12 shows them", () => {
  const { k } = fileMachine();
  expect(makeDirectory(k, "/sys/fs/cgroup/g")).toBe(0);
  expect(writeFile(k, "/sys/fs/cgroup/cgroup.subtree_control", "+memory")).toBe(0);
  const g = k.lruGen;
  k.clock.ns[0] = 4e9;
  g.maxSeq[1] = 5;
  g.minSeq.set([3, 3], 2);
  for (const [seq, ageMs, pages] of [
    [2, 420, 0],
    [3, 420, 10150],
    [4, 152, 0],
    [5, 148, 2045],
  ] as const) {
    g.birthNs[4 + (seq & 3)] = 4e9 - ageMs * 1e6;
    g.nrPages[genRow(1, seq & 3, LRU_GEN_ANON, 1)] = pages;
  }
  g.evicted[8] = 2113;
  g.walkStats.set([24618, 12263, 50, 24], 4);
  expect(String(readFile(k, FILE)).slice(-SHOWN.length)).toBe(SHOWN);
  expect(String(readFile(k, FULL)).slice(-SHOWN_FULL.length)).toBe(SHOWN_FULL);
  expect(writeFile(k, FULL, "+ 1 0 3")).toBe(-EACCES);
});

test('"+" ages: once for a number, and with force even when four are taken', () => {
  const { k, sizes } = withPages(62);
  expect(sizes()).toEqual(["0:0", "1:0", "2:0", "3:62"]);
  expect(writeFile(k, FILE, "+ 1 0 3 1 0")).toBe(-ERANGE);
  expect(writeFile(k, FILE, "+ 1 0 4")).toBe(-EINVAL);
  expect(writeFile(k, FILE, "+ 1 0 3 1 1; + 1 0 4 1 1\n")).toBe(0);
  expect(sizes()).toEqual(["2:0", "3:62", "4:0", "5:0"]);
  expect(writeFile(k, FILE, "+ 1 0 3")).toBe(0);
  checkKernel(k);
});

test('"-" evicts the generations up to a number, if they are not the two youngest', () => {
  const { k } = withPages(62);
  expect(writeFile(k, FILE, "- 1 0 2")).toBe(-EINVAL);
  for (const wrong of ["", "* 1 0 1", "- 1 0", "- 9 0 0", "- 1 1 0", "- 1 0 0 201", "- 1 0 0 60 5 x"])
    expect(writeFile(k, FILE, wrong), wrong).toBe(-EINVAL);
  expect(writeFile(k, FILE, "- 1 0 1 0")).toBe(0);
  checkKernel(k);
});
