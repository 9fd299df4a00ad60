import { expect, test } from "vitest";
import { drawPage, drawVma, procKernel } from "../../../../test/support/proc-kernel.ts";
import { PG_dirty, PG_referenced, PG_swapbacked } from "../../frame/page.ts";
import { PTE_ACCESSED, PTE_DIRTY, PTE_SPECIAL } from "../../hw/pte.ts";
import {
  VM_ACCOUNT,
  VM_GROWSDOWN,
  VM_LOCKED,
  VM_MAYEXEC,
  VM_MAYREAD,
  VM_MAYWRITE,
  VM_READ,
  VM_SOFTDIRTY,
  VM_WRITE,
} from "../../space/vma.ts";
import { showMaps } from "./maps.ts";
import { emptyStats, gatherStats, showSmaps, vmFlagsLine } from "./smaps.ts";
import { showSmapsRollup } from "./smaps-rollup.ts";

const RW = VM_READ | VM_WRITE | VM_MAYREAD | VM_MAYWRITE | VM_MAYEXEC;
const USED = PTE_ACCESSED | PTE_DIRTY;

test("smaps prints the stack of a fresh program as Debian's 6.12 printed it", () => {
  const kernel = procKernel();
  const { k, mm, task } = kernel;
  drawVma(kernel, { start: 0x7ffffffde, end: 0x7ffffffff, flags: RW | VM_GROWSDOWN | VM_ACCOUNT });
  k.mm.startStack[mm] = 0x7fffffffee40;
  drawPage(kernel, 0x7fffffffe, { pfn: 100, bits: USED, flags: PG_swapbacked, refs: 2 });
  expect(
    showSmaps(k, task),
  ).toBe(`7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
KernelPageSize:        4 kB
MMUPageSize:           4 kB
Rss:                   4 kB
Pss:                   4 kB
Pss_Dirty:             4 kB
Shared_Clean:          0 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
Referenced:            4 kB
Anonymous:             4 kB
KSM:                   0 kB
LazyFree:              0 kB
AnonHugePages:         0 kB
ShmemPmdMapped:        0 kB
FilePmdMapped:         0 kB
Shared_Hugetlb:        0 kB
Private_Hugetlb:       0 kB
Swap:                  0 kB
SwapPss:               0 kB
Locked:                0 kB
THPeligible:           0
ProtectionKey:         0
VmFlags: rd wr mr mw me gd ac 
`);
});

test("a page that three map counts a third, kept to 1/4096 byte until the sum is cut", () => {
  const kernel = procKernel();
  const vma = drawVma(kernel, { start: 0x10, end: 0x20, flags: RW });
  for (let page = 0; page < 3; page++)
    drawPage(kernel, 0x10 + page, { pfn: 100 + page, bits: PTE_ACCESSED, refs: 4, mapcount: 3, mapping: 2 });
  const stats = emptyStats();
  gatherStats(kernel.k, vma, stats);
  // 4096 * 4096 / 3 is 5592405 for each page, so the three make 4095.99 bytes, which is 3 kB and not 4.
  expect(stats).toMatchObject({
    resident: 12288,
    pss: 16777215,
    pssFile: 16777215,
    sharedClean: 12288,
    privateClean: 0,
    referenced: 12288,
  });
  expect(showSmaps(kernel.k, kernel.task)).toContain("Pss:                   3 kB\n");
});

test("dirty is the entry's or the page's, private is a mapcount below two or a single reference", () => {
  const kernel = procKernel();
  const vma = drawVma(kernel, { start: 0x10, end: 0x20, flags: RW | VM_LOCKED });
  drawPage(kernel, 0x10, { pfn: 100, bits: USED, refs: 3, mapcount: 2, mapping: 2 });
  drawPage(kernel, 0x11, { pfn: 101, flags: PG_dirty | PG_referenced, refs: 2, mapcount: 1, mapping: 2 });
  drawPage(kernel, 0x12, { pfn: 102, refs: 1, mapcount: 2, mapping: 3, flags: PG_swapbacked });
  const stats = emptyStats();
  gatherStats(kernel.k, vma, stats);
  expect(stats).toMatchObject({
    sharedDirty: 4096,
    privateDirty: 4096,
    privateClean: 4096,
    referenced: 8192,
    anonymous: 4096,
    lazyfree: 0,
  });
  expect(stats.pss / 4096).toBe(2048 + 4096 + 4096);
  expect(stats.pssLocked).toBe(stats.pss);
});

test("an anonymous page that is not swap-backed and not dirty is LazyFree", () => {
  const kernel = procKernel();
  const vma = drawVma(kernel, { start: 0x10, end: 0x20, flags: RW });
  drawPage(kernel, 0x10, { pfn: 100, bits: PTE_ACCESSED, refs: 2 });
  drawPage(kernel, 0x11, { pfn: 101, bits: USED, refs: 2 });
  const stats = emptyStats();
  gatherStats(kernel.k, vma, stats);
  expect(stats).toMatchObject({ anonymous: 8192, lazyfree: 4096 });
});

test("the zero page and the kernel's data pages do not count", () => {
  const kernel = procKernel();
  const vma = drawVma(kernel, { start: 0x10, end: 0x20, flags: RW });
  drawPage(kernel, 0x10, { pfn: 100, bits: PTE_ACCESSED | PTE_SPECIAL });
  const stats = emptyStats();
  gatherStats(kernel.k, vma, stats);
  expect(stats).toEqual(emptyStats());
});

test("the rollup adds all VMAs up and tells the kinds of Pss apart", () => {
  const kernel = procKernel();
  drawVma(kernel, { start: 0x10, end: 0x20, flags: RW });
  drawVma(kernel, { start: 0x400, end: 0x500, flags: RW });
  drawPage(kernel, 0x10, { pfn: 100, bits: USED, refs: 2, flags: PG_swapbacked });
  drawPage(kernel, 0x400, { pfn: 101, refs: 2, mapping: 2 });
  drawPage(kernel, 0x4ff, { pfn: 102, refs: 3, mapcount: 2, mapping: 2, flags: PG_swapbacked });
  const text = String(showSmapsRollup(kernel.k, kernel.task));
  expect(text.split("\n").slice(0, 8)).toEqual([
    "00010000-00500000 ---p 00000000 00:00 0                                  [rollup]",
    "Rss:                  12 kB",
    "Pss:                  10 kB",
    "Pss_Dirty:             4 kB",
    "Pss_Anon:              4 kB",
    "Pss_File:              4 kB",
    "Pss_Shmem:             2 kB",
    "Shared_Clean:          4 kB",
  ]);
});

test("VmFlags are printed in the order of their bits", () => {
  expect(vmFlagsLine(VM_SOFTDIRTY | VM_ACCOUNT | RW)).toBe("VmFlags: rd wr mr mw me ac sd \n");
  expect(vmFlagsLine(0x80000800 | 0)).toBe("VmFlags: ?? mg \n");
});

test("a kernel built otherwise prints no soft-dirty mark and no key, and its [vsyscall] page behind all VMAs", () => {
  const kernel = procKernel({ softDirty: false, protectionKeys: false, vsyscall: "xonly" });
  drawVma(kernel, { start: 0x400, end: 0x401, flags: VM_READ | VM_SOFTDIRTY });
  const lines = showSmaps(kernel.k, kernel.task).split("\n");
  const gate = "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]";
  expect(lines.filter((line) => /^(VmFlags|ProtectionKey|Size|[0-9a-f]+-)/.test(line))).toEqual([
    "00400000-00401000 r--p 00000000 00:00 0 ",
    "Size:                  4 kB",
    "VmFlags: rd ",
    gate,
    "Size:                  4 kB",
    "VmFlags: ex ",
  ]);
  expect(showMaps(kernel.k, kernel.task)).toBe(`00400000-00401000 r--p 00000000 00:00 0 \n${gate}\n`);
});
