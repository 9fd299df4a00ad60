import { expect, test } from "vitest";
import { drawVma, procKernel } from "../../../../test/support/proc-kernel.ts";
import { NONE } from "../../base/types.ts";
import { VM_EXEC, VM_MAYSHARE, VM_READ, VM_SHARED, VM_WRITE, VMA_VDSO, VMA_VVAR } from "../../space/vma.ts";
import { showMaps } from "./maps.ts";

test("maps prints what Debian's 6.12 printed for a static program with a bss", () => {
  const kernel = procKernel();
  const { k, mm, task } = kernel;
  drawVma(kernel, { start: 0x400, end: 0x401, flags: VM_READ, path: "/t2", pgoff: 0, dev: 2, ino: 16 });
  drawVma(kernel, {
    start: 0x401,
    end: 0x402,
    flags: VM_READ | VM_EXEC,
    path: "/t2",
    pgoff: 1,
    dev: 2,
    ino: 16,
  });
  drawVma(kernel, { start: 0x404, end: 0x408, flags: VM_READ | VM_WRITE });
  k.vma.special[drawVma(kernel, { start: 0x7ffff7ff9, end: 0x7ffff7ffd, flags: VM_READ })] = VMA_VVAR;
  k.vma.special[drawVma(kernel, { start: 0x7ffff7ffd, end: 0x7ffff7fff, flags: VM_READ | VM_EXEC })] =
    VMA_VDSO;
  drawVma(kernel, { start: 0x7ffffffde, end: 0x7ffffffff, flags: VM_READ | VM_WRITE });
  k.mm.startBrk[mm] = 0x408000;
  k.mm.brk[mm] = 0x408000;
  k.mm.startStack[mm] = 0x7fffffffee40;
  expect(showMaps(k, task)).toBe(
    "00400000-00401000 r--p 00000000 00:02 16                                 /t2\n" +
      "00401000-00402000 r-xp 00001000 00:02 16                                 /t2\n" +
      "00404000-00408000 rw-p 00000000 00:00 0 \n" +
      "7ffff7ff9000-7ffff7ffd000 r--p 00000000 00:00 0                          [vvar]\n" +
      "7ffff7ffd000-7ffff7fff000 r-xp 00000000 00:00 0                          [vdso]\n" +
      "7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0                          [stack]\n",
  );
});

test("a VMA that reaches into the heap is [heap]", () => {
  const kernel = procKernel();
  const { k, mm, task } = kernel;
  drawVma(kernel, { start: 0x555555580, end: 0x5555555a1, flags: VM_READ | VM_WRITE });
  k.mm.startBrk[mm] = 0x555555580000;
  k.mm.brk[mm] = 0x5555555a1000;
  expect(showMaps(k, task)).toBe(
    "555555580000-5555555a1000 rw-p 00000000 00:00 0                          [heap]\n",
  );
});

test("device numbers, a shared mapping and a deleted file are shown; a newline in a path is escaped", () => {
  const kernel = procKernel();
  const { k, task } = kernel;
  const vma = drawVma(kernel, {
    start: 0x10,
    end: 0x20,
    flags: VM_READ | VM_SHARED | VM_MAYSHARE,
    path: "/a\nb",
    pgoff: 0x123456,
    dev: 0xfe00,
    ino: 2181401,
  });
  k.file.linkCount[k.file.inode[k.vma.file[vma]]] = 0;
  expect(showMaps(k, task)).toBe(
    "00010000-00020000 r--s 123456000 fe:00 2181401                           /a\\012b (deleted)\n",
  );
});

test("a task without an address space has empty maps", () => {
  const { k, task } = procKernel();
  k.task.mm[task] = NONE;
  expect(showMaps(k, task)).toBe("");
});
