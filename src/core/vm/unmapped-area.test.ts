import { expect, test } from "vitest";
import { ARENA_ADDR, emptySpace, fixtureFile } from "../../../test/support/vma-layout.ts";
import { ENOMEM } from "../base/errno.ts";
import { NONE, PAGE_SIZE } from "../base/types.ts";
import {
  MAP_32BIT,
  MAP_ABOVE4G,
  MAP_ANONYMOUS,
  MAP_FIXED,
  MAP_GROWSDOWN,
  MAP_NORESERVE,
  MAP_PRIVATE,
  PROT_READ,
} from "./mman.ts";
import { doMmap } from "./mmap.ts";
import { doMunmap } from "./munmap.ts";
import type { VmState } from "./state.ts";
import { DEFAULT_MAP_WINDOW, pickMmapLayout } from "./unmapped-area.ts";

const MIB = 2 ** 20;
const ANON = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
/** mmap_base of a program whose stack may be 8 MiB, not randomised: 128 MiB, which is more, below the end. */
const BASE = 0x7ffff7fff000;

function map(
  k: VmState,
  mm: number,
  len: number,
  changes: { addr?: number; flags?: number; file?: number; pgoff?: number } = {},
): number {
  const { addr = 0, flags = 0, file = NONE, pgoff = 0 } = changes;
  const kind = file === NONE ? ANON : MAP_PRIVATE;
  return doMmap(k, mm, { addr, len, prot: PROT_READ, flags: kind | flags, file, pgoff });
}

test("mappings go down from the base", () => {
  const { k, mm } = emptySpace();
  expect(k.mm.mmapBase[mm]).toBe(BASE);
  expect(map(k, mm, PAGE_SIZE)).toBe(BASE - PAGE_SIZE);
  expect(map(k, mm, 3 * PAGE_SIZE)).toBe(BASE - 4 * PAGE_SIZE);
});

test("the highest hole that is long enough is taken, not the best", () => {
  const { k, mm } = emptySpace();
  map(k, mm, 16 * PAGE_SIZE);
  doMunmap(k, mm, BASE - 4 * PAGE_SIZE, 2 * PAGE_SIZE);
  doMunmap(k, mm, BASE - 8 * PAGE_SIZE, PAGE_SIZE);
  expect(map(k, mm, 3 * PAGE_SIZE)).toBe(BASE - 19 * PAGE_SIZE);
  expect(map(k, mm, PAGE_SIZE)).toBe(BASE - 3 * PAGE_SIZE);
});

test("anonymous memory of whole huge pages begins at one, other sizes do not", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, 2 * MIB)).toBe(0x7ffff7c00000);
  expect(map(k, mm, 3 * MIB)).toBe(0x7ffff7c00000 - 3 * MIB);
  expect(map(k, mm, 4 * MIB)).toBe(0x7ffff7400000);
});

test("a hint leaves anonymous memory as it is asked for", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, 2 * MIB, { addr: ARENA_ADDR + PAGE_SIZE })).toBe(ARENA_ADDR + PAGE_SIZE);
  // Taken: searched for without alignment.
  expect(map(k, mm, 2 * MIB, { addr: ARENA_ADDR + PAGE_SIZE })).toBe(BASE - 2 * MIB);
});

test("a file of at least a huge page agrees with its offset below 2 MiB", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k);
  expect(map(k, mm, 2 * MIB + PAGE_SIZE, { file }) % (2 * MIB)).toBe(0);
  expect(map(k, mm, 6 * MIB, { file, pgoff: 3 }) % (2 * MIB)).toBe(3 * PAGE_SIZE);
  const { k: fresh, mm: alone } = emptySpace();
  expect(map(fresh, alone, 2 * MIB - PAGE_SIZE, { file: fixtureFile(fresh) })).toBe(
    BASE - 2 * MIB + PAGE_SIZE,
  );
  expect(map(fresh, alone, 2 * MIB, { file: fixtureFile(fresh), pgoff: 1 })).toBe(BASE - 4 * MIB + PAGE_SIZE);
});

test("a file's hint is taken only where 2 MiB more would be free", () => {
  const { k, mm } = emptySpace();
  const file = fixtureFile(k);
  map(k, mm, PAGE_SIZE, { addr: ARENA_ADDR + 5 * MIB, flags: MAP_FIXED });
  expect(map(k, mm, 2 * MIB, { file, addr: ARENA_ADDR + PAGE_SIZE })).toBe(ARENA_ADDR + PAGE_SIZE);
  expect(map(k, mm, 2 * MIB, { file, addr: ARENA_ADDR + 3 * MIB - PAGE_SIZE })).not.toBe(
    ARENA_ADDR + 3 * MIB - PAGE_SIZE,
  );
});

test("a hint inside a page is rounded down, one below the minimum is moved up to it", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, PAGE_SIZE, { addr: ARENA_ADDR + 5 })).toBe(ARENA_ADDR);
  expect(map(k, mm, PAGE_SIZE, { addr: PAGE_SIZE })).toBe(65536);
});

test("the guard gap below a stack stays free", () => {
  const { k, mm } = emptySpace();
  map(k, mm, PAGE_SIZE, { addr: BASE - PAGE_SIZE, flags: MAP_FIXED | MAP_GROWSDOWN });
  expect(map(k, mm, PAGE_SIZE)).toBe(BASE - PAGE_SIZE - MIB - PAGE_SIZE);
  expect(map(k, mm, PAGE_SIZE, { addr: BASE - 2 * PAGE_SIZE })).toBe(BASE - PAGE_SIZE - MIB - 2 * PAGE_SIZE);
  expect(map(k, mm, PAGE_SIZE, { addr: BASE - 2 * PAGE_SIZE, flags: MAP_FIXED })).toBe(BASE - 2 * PAGE_SIZE);
});

test("when nothing is free below the base, the lowest hole above the legacy base is taken", () => {
  const { k, mm } = emptySpace();
  map(k, mm, BASE - 65536, { addr: 65536, flags: MAP_FIXED });
  expect(map(k, mm, PAGE_SIZE)).toBe(BASE);
  expect(map(k, mm, 2 ** 40)).toBe(-ENOMEM);
});

test("the legacy layout goes up from a third of user space", () => {
  const { k, mm } = emptySpace({ "vm.legacy_va_layout": 1 });
  expect(map(k, mm, PAGE_SIZE)).toBe(0x2aaaaaaaa000 + PAGE_SIZE);
  expect(map(k, mm, PAGE_SIZE)).toBe(0x2aaaaaaac000);
});

test("MAP_32BIT takes the lowest hole of the second gigabyte, MAP_ABOVE4G nothing below the fourth", () => {
  const { k, mm } = emptySpace();
  expect(map(k, mm, PAGE_SIZE, { flags: MAP_32BIT })).toBe(0x40000000);
  expect(map(k, mm, 2 ** 30, { flags: MAP_32BIT })).toBe(-ENOMEM);
  map(k, mm, BASE - 2 ** 32, { addr: 2 ** 32, flags: MAP_FIXED });
  expect(map(k, mm, PAGE_SIZE, { flags: MAP_ABOVE4G })).toBe(BASE);
});

test("with five levels only a hint beyond 47 bits gives an address there", () => {
  const { k, mm } = emptySpace({}, 5);
  expect(map(k, mm, PAGE_SIZE)).toBe(BASE - PAGE_SIZE);
  expect(map(k, mm, PAGE_SIZE, { addr: 2 ** 50 })).toBe(2 ** 50);
  // Taken: the search goes down from the base, moved up by what lies beyond 47 bits.
  expect(map(k, mm, PAGE_SIZE, { addr: 2 ** 50 })).toBe(BASE + 2 ** 56 - 2 ** 47 - PAGE_SIZE);
  // A hint that would cross the border is no hint.
  expect(map(k, mm, 2 * PAGE_SIZE, { addr: DEFAULT_MAP_WINDOW - PAGE_SIZE })).toBe(BASE - 3 * PAGE_SIZE);
});

test("the base moves by whole pages when addresses are randomised, and by the largest stack shift", () => {
  const { k, mm } = emptySpace();
  pickMmapLayout(k, mm, true);
  const pages = (DEFAULT_MAP_WINDOW - k.mm.mmapBase[mm]) / PAGE_SIZE;
  expect(Number.isInteger(pages)).toBe(true);
  expect(pages).toBeGreaterThanOrEqual(0x3fffff + 256 + 2048);
  expect(pages).toBeLessThan(0x3fffff + 256 + 2048 + 2 ** 28);
});

test("a larger stack limit lowers the base, an unlimited one to a sixth of user space", () => {
  const { k, mm } = emptySpace({ RLIMIT_STACK: 2 ** 30 });
  expect(k.mm.mmapBase[mm]).toBe(DEFAULT_MAP_WINDOW - 2 ** 30 - MIB);
  const unlimited = emptySpace({ RLIMIT_STACK: Number.MAX_SAFE_INTEGER });
  expect(unlimited.k.mm.mmapBase[unlimited.mm]).toBe(0x155555556000);
});
