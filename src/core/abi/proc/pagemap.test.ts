import { expect, test } from "vitest";
import { drawPage, drawSwapped, drawVma, procKernel } from "../../../../test/support/proc-kernel.ts";
import { EFBIG, EINVAL } from "../../base/errno.ts";
import { PTE_SOFT_DIRTY, PTE_SPECIAL, PTE_SWP_SOFT_DIRTY } from "../../hw/pte.ts";
import { VM_READ, VM_SOFTDIRTY, VM_WRITE } from "../../space/vma.ts";
import { pagemapBytes, pagemapFile } from "./pagemap.ts";

/** The entries as the 16 hexadecimal digits that a dump of the file shows. */
function entries(kernel: ReturnType<typeof procKernel>, from: number, count: number): string[] {
  const bytes = pagemapBytes(kernel.k, kernel.mm, from, count);
  const view = new DataView(bytes.buffer);
  return Array.from({ length: count }, (_, index) =>
    view
      .getBigUint64(index * 8, true)
      .toString(16)
      .padStart(16, "0"),
  );
}

test("entries say present, file, exclusive and soft-dirty, and name the frame", () => {
  const kernel = procKernel();
  drawVma(kernel, { start: 0x400, end: 0x406, flags: VM_READ | VM_WRITE | VM_SOFTDIRTY });
  drawPage(kernel, 0x401, { pfn: 0x3d9, mapcount: 1 });
  drawPage(kernel, 0x402, { pfn: 0x3da, mapcount: 2, mapping: 4 });
  drawPage(kernel, 0x403, { pfn: 0x3db, bits: PTE_SPECIAL });
  expect(entries(kernel, 0x3ff, 6)).toEqual([
    "0000000000000000", // outside every VMA
    "0080000000000000", // nothing there, but the VMA is soft-dirty
    "81800000000003d9", // anonymous, mapped once
    "a0800000000003da", // a file's, mapped twice
    "80800000000003db", // the zero page has no record to be counted by
    "0080000000000000",
  ]);
});

test("a VMA that is not soft-dirty shows the entry's own bit", () => {
  const kernel = procKernel();
  drawVma(kernel, { start: 0x7ffffffde, end: 0x7ffffffff, flags: VM_READ | VM_WRITE });
  drawPage(kernel, 0x7fffffffe, { pfn: 0x3e2, bits: PTE_SOFT_DIRTY });
  drawPage(kernel, 0x7fffffffd, { pfn: 0x3e3 });
  expect(entries(kernel, 0x7fffffffc, 4)).toEqual([
    "0000000000000000",
    "81000000000003e3",
    "81800000000003e2",
    "0000000000000000",
  ]);
});

test("reads must be of whole entries, have an end, and stop at the end of user space", () => {
  const kernel = procKernel();
  expect(pagemapFile(kernel.k, kernel.task, { offset: 4, length: 8 })).toBe(-EINVAL);
  expect(pagemapFile(kernel.k, kernel.task, { offset: 8, length: 7 })).toBe(-EINVAL);
  expect(pagemapFile(kernel.k, kernel.task, { offset: 0, length: -1 })).toBe(-EFBIG);
  expect(pagemapFile(kernel.k, kernel.task, { offset: 0x7fffffffe * 8, length: 80 })).toHaveLength(8);
});

test("a page in swap shows its area's type, its slot and the bit of its entry", () => {
  const kernel = procKernel();
  drawVma(kernel, { start: 0x400, end: 0x403, flags: VM_READ | VM_WRITE });
  drawSwapped(kernel, 0x400, 5);
  drawSwapped(kernel, 0x401, 3 * 2 ** 26 + 0x1234, PTE_SWP_SOFT_DIRTY);
  expect(entries(kernel, 0x400, 3)).toEqual(["40000000000000a0", "4080000000024683", "0000000000000000"]);
});
