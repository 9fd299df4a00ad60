import { expect, test } from "vitest";
import {
  ARENA,
  ARENA_ADDR,
  emptySpace,
  fixtureFile,
  mapPages,
  picture,
  protOf,
} from "../../../test/support/vma-layout.ts";
import { EACCES, EINVAL, ENOMEM } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import { FLAGS, MAPPING, PAGE_WORDS, PG_anonExclusive } from "../frame/page.ts";
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_NX_HIGH,
  PTE_PRESENT,
  PTE_PROTNONE,
  PTE_RW,
  PTE_SPECIAL,
  PTE_USER,
  pteHigh,
  pteLow,
} from "../hw/pte.ts";
import { takeSlot } from "../hw/ram.ts";
import { O_RDONLY } from "../space/file.ts";
import { findPte } from "../space/pagetable.ts";
import { anonVmaPrepare } from "../space/rmap.ts";
import { checkVmas, VM_ACCOUNT } from "../space/vma.ts";
import { findVma } from "../space/vma-tree.ts";
import { checkCommitted } from "./accounting.ts";
import {
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_NORESERVE,
  MAP_PRIVATE,
  MAP_SHARED,
  PROT_GROWSDOWN,
  PROT_GROWSUP,
  PROT_READ,
  PROT_WRITE,
} from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMprotect } from "./mprotect.ts";
import type { VmState } from "./state.ts";

function protect(k: VmState, mm: number, at: number, pages: number, letter: string): number {
  return doMprotect(k, mm, ARENA_ADDR + at * PAGE_SIZE, pages * PAGE_SIZE, protOf(letter));
}

/** Writes an entry for page `at` of the arena by hand, the tables above it in frames from 200 on. Returns its word. */
function mapFrame(
  k: VmState,
  mm: number,
  at: number,
  entry: { pfn: number; low: number; high: number },
): number {
  const { words, slot } = k.ram;
  // The arena begins at 256 MiB: entry 0 of the top table, entry 0 below it, entry 128 below that.
  let table = k.mm.pgd[mm];
  for (const [index, frame] of [
    [0, 200],
    [0, 201],
    [128, 202],
  ] as const) {
    takeSlot(k, frame);
    words[slot[table] * 1024 + index * 2] = pteLow(frame, 0x67);
    table = frame;
  }
  const pte = findPte(k, mm, ARENA + at);
  words[pte] = pteLow(entry.pfn, entry.low);
  words[pte + 1] = pteHigh(entry.pfn, entry.high);
  return pte;
}

/** Marks a frame as an anonymous page; `exclusive` when it belongs to one address space alone. */
function anonymous(k: VmState, pfn: number, exclusive: boolean): void {
  k.page[pfn * PAGE_WORDS + MAPPING] = 3;
  if (exclusive) k.page[pfn * PAGE_WORDS + FLAGS] |= PG_anonExclusive;
}

const PRESENT = PTE_PRESENT | PTE_USER | PTE_ACCESSED;

test("the range is cut out at both ends, its neighbours keep their permissions, and what is alike now joins", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 3);
  mapPages(k, mm, 3, 3, "r");
  expect(protect(k, mm, 1, 4, "x")).toBe(0);
  expect(picture(k, mm, 6)).toBe("w|xxxx|r");
  checkVmas(k);
});

test("a hole ends the call, and what came before it is done", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  mapPages(k, mm, 3, 2);
  expect(protect(k, mm, 0, 5, "r")).toBe(-ENOMEM);
  expect(picture(k, mm, 5)).toBe("rr|.|ww");
  expect(protect(k, mm, 2, 3, "r")).toBe(-ENOMEM);
  expect(picture(k, mm, 5)).toBe("rr|.|ww");
});

test("nothing is protected with success, odd addresses and unknown bits are refused", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 2);
  expect(doMprotect(k, mm, ARENA_ADDR, 0, PROT_READ)).toBe(0);
  expect(doMprotect(k, mm, ARENA_ADDR + 1, PAGE_SIZE, PROT_READ)).toBe(-EINVAL);
  expect(doMprotect(k, mm, ARENA_ADDR, PAGE_SIZE, 0x10)).toBe(-EINVAL);
  expect(doMprotect(k, mm, ARENA_ADDR, 2 ** 64 - PAGE_SIZE, PROT_READ)).toBe(-ENOMEM);
  expect(doMprotect(k, mm, ARENA_ADDR, PAGE_SIZE, PROT_READ | PROT_GROWSDOWN | PROT_GROWSUP)).toBe(-EINVAL);
});

test("a shared mapping of a file opened for reading never becomes writable", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k, "/a", O_RDONLY);
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: 2 * PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_SHARED | MAP_FIXED,
    file,
    pgoff: 0,
  });
  expect(protect(k, mm, 0, 2, "w")).toBe(-EACCES);
  expect(protect(k, mm, 0, 2, "x")).toBe(0);
});

test("PROT_GROWSDOWN reaches down to the start of a stack", () => {
  const { k, mm } = emptySpace();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN;
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: 4 * PAGE_SIZE,
    prot: PROT_READ | PROT_WRITE,
    flags,
    file: NONE,
    pgoff: 0,
  });
  expect(doMprotect(k, mm, ARENA_ADDR + 2 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_GROWSDOWN)).toBe(0);
  expect(picture(k, mm, 4)).toBe("rrr|w");
  mapPages(k, mm, 8, 2);
  expect(doMprotect(k, mm, ARENA_ADDR + 8 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_GROWSDOWN)).toBe(-EINVAL);
  expect(doMprotect(k, mm, ARENA_ADDR + 8 * PAGE_SIZE, PAGE_SIZE, PROT_READ | PROT_GROWSUP)).toBe(-EINVAL);
});

test("memory is promised when it becomes writable, and given back only while nothing was written", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 4, "r");
  protect(k, mm, 0, 4, "w");
  expect(k.committed[0]).toBe(4);
  protect(k, mm, 0, 4, "r");
  expect(k.committed[0]).toBe(0);
  protect(k, mm, 0, 4, "w");
  const vma = findVma(k, mm, ARENA);
  anonVmaPrepare(k, vma);
  protect(k, mm, 0, 4, "r");
  expect(k.committed[0]).toBe(4);
  expect(k.vma.flags[vma] & VM_ACCOUNT).toBe(VM_ACCOUNT);
  checkCommitted(k);
});

test("memory without a promise stays without one", () => {
  const { k, mm } = emptySpace();
  const flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE;
  doMmap(k, mm, { addr: ARENA_ADDR, len: PAGE_SIZE, prot: PROT_READ, flags, file: NONE, pgoff: 0 });
  protect(k, mm, 0, 1, "w");
  expect(k.committed[0]).toBe(0);
});

test("totals move from one kind to the other", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 4);
  protect(k, mm, 0, 3, "x");
  expect([k.mm.totalVm[mm], k.mm.dataVm[mm], k.mm.execVm[mm]]).toEqual([4, 1, 3]);
});

test("the limit on VMAs stops a cut", () => {
  const { k, mm } = emptySpace({ "vm.max_map_count": 2 });
  mapPages(k, mm, 0, 4);
  expect(protect(k, mm, 1, 1, "r")).toBe(-ENOMEM);
  // The lower cut was made before the upper one failed, as Linux does.
  expect(picture(k, mm, 4)).toBe("w|www");
});

test("a page that belongs to one address space alone becomes writable at once, others wait for a store", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 4, "r");
  anonymous(k, 300, true);
  anonymous(k, 301, false);
  const own = mapFrame(k, mm, 0, { pfn: 300, low: PRESENT, high: PTE_NX_HIGH });
  const shared = mapFrame(k, mm, 1, { pfn: 301, low: PRESENT, high: PTE_NX_HIGH });
  const zero = mapFrame(k, mm, 2, { pfn: 302, low: PRESENT | PTE_SPECIAL, high: PTE_NX_HIGH });
  protect(k, mm, 0, 4, "w");
  expect([own, shared, zero].map((pte) => (k.ram.words[pte] & PTE_RW) !== 0)).toEqual([true, false, false]);
});

test("a page of a shared file becomes writable at once only when it is dirty", () => {
  const { k, mm } = emptySpace();
  doMmap(k, mm, {
    addr: ARENA_ADDR,
    len: 2 * PAGE_SIZE,
    prot: PROT_READ,
    flags: MAP_SHARED | MAP_FIXED,
    file: fixtureFile(k),
    pgoff: 0,
  });
  const clean = mapFrame(k, mm, 0, { pfn: 300, low: PRESENT, high: PTE_NX_HIGH });
  const dirty = mapFrame(k, mm, 1, { pfn: 301, low: PRESENT | PTE_DIRTY, high: PTE_NX_HIGH });
  protect(k, mm, 0, 2, "w");
  expect([clean, dirty].map((pte) => (k.ram.words[pte] & PTE_RW) !== 0)).toEqual([false, true]);
});

test("no access keeps the page and hides it, and access brings it back with its dirty bit", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 1);
  anonymous(k, 300, true);
  const pte = mapFrame(k, mm, 0, { pfn: 300, low: PRESENT | PTE_RW | PTE_DIRTY, high: PTE_NX_HIGH });
  protect(k, mm, 0, 1, "n");
  expect(k.ram.words[pte]).toBe(pteLow(300, PTE_PROTNONE | PTE_ACCESSED | PTE_DIRTY));
  protect(k, mm, 0, 1, "a");
  expect(k.ram.words[pte]).toBe(pteLow(300, PRESENT | PTE_RW | PTE_DIRTY));
  expect(k.ram.words[pte + 1]).toBe(0);
});

test("translations are flushed when permissions shrink or grow, not when nothing is mapped", () => {
  const { k, mm } = emptySpace();
  mapPages(k, mm, 0, 4);
  anonymous(k, 300, true);
  const before = k.mm.tlbGen[mm];
  protect(k, mm, 0, 4, "r");
  expect(k.mm.tlbGen[mm]).toBe(before);
  mapFrame(k, mm, 1, { pfn: 300, low: PRESENT, high: PTE_NX_HIGH });
  protect(k, mm, 0, 4, "w");
  expect(k.mm.tlbGen[mm]).toBe(before + 1);
  protect(k, mm, 0, 4, "n");
  expect(k.mm.tlbGen[mm]).toBe(before + 2);
  // An entry nobody may use is in no TLB.
  protect(k, mm, 0, 4, "r");
  expect(k.mm.tlbGen[mm]).toBe(before + 2);
});
