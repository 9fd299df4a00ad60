import { expect, test } from "vitest";
import { vpnHigh, vpnLow } from "../base/types.ts";
import { createClock } from "./clock.ts";
import { completeMachine, type MachineInput } from "./machine.ts";
import {
  ACCESS_FETCH,
  ACCESS_LOAD,
  ACCESS_STORE,
  isCanonical,
  NOT_CANONICAL,
  PF_INSTR,
  PF_PROT,
  PF_USER,
  PF_WRITE,
  WALK_PFN,
  WALK_SIZE,
  walkTables,
} from "./mmu.ts";
import { PRESETS } from "./presets.ts";
import {
  PTE_ACCESSED,
  PTE_DIRTY,
  PTE_NX_HIGH,
  PTE_PRESENT,
  PTE_PSE,
  PTE_RW,
  PTE_USER,
  pteHigh,
  pteLow,
} from "./pte.ts";
import { createRam, takeSlot } from "./ram.ts";
import type { HwState } from "./state.ts";
import { createTlb } from "./tlb.ts";
import { SIZE_1G, SIZE_2M, SIZE_4K } from "./tlb-places.ts";

const PGD = 1;
const ALL = PTE_PRESENT | PTE_RW | PTE_USER;

/** A machine whose frames 1, 2, 3 … are the tables on the way to `vpn`; `leafLevel` 1 is a 4 KiB page. */
function tables(
  vpn: number,
  leaf: { low: number; high?: number; level?: number },
  input: MachineInput = {},
): HwState {
  const machine = completeMachine({ ...PRESETS.tiny, ...input });
  const k = {
    machine,
    clock: createClock(machine),
    ram: createRam(machine),
    tlb: createTlb(machine),
  } as unknown as HwState;
  let table = PGD;
  for (let level = machine.levels; level >= (leaf.level ?? 1); level--) {
    const at = takeSlot(k, table) * 1024 + (Math.floor(vpn / 512 ** (level - 1)) % 512) * 2;
    const isLeaf = level === (leaf.level ?? 1);
    k.ram.words[at] = isLeaf ? leaf.low : pteLow(table + 1, ALL);
    k.ram.words[at + 1] = isLeaf ? (leaf.high ?? 0) : 0;
    table++;
  }
  return k;
}

function walk(k: HwState, vpn: number, kind: number): number {
  return walkTables(k, PGD, vpnHigh(vpn), vpnLow(vpn), kind);
}

function leafOf(k: HwState, page: number, levels = 4): number {
  return k.ram.words[k.ram.slot[levels]! * 1024 + (page % 512) * 2]!;
}

test("a load sets the accessed bit and leaves the dirty bit alone", () => {
  const k = tables(0x12345, { low: pteLow(77, ALL) });
  expect(walk(k, 0x12345, ACCESS_LOAD)).toBe(0);
  expect([k.tlb.walk[WALK_PFN], k.tlb.walk[WALK_SIZE]]).toEqual([77, SIZE_4K]);
  expect(leafOf(k, 0x12345) & (PTE_ACCESSED | PTE_DIRTY)).toBe(PTE_ACCESSED);
});

test("a store sets accessed and dirty", () => {
  const k = tables(0x7ffffffff, { low: pteLow(77, ALL) });
  expect(walk(k, 0x7ffffffff, ACCESS_STORE)).toBe(0);
  expect(leafOf(k, 0x7ffffffff) & (PTE_ACCESSED | PTE_DIRTY)).toBe(PTE_ACCESSED | PTE_DIRTY);
});

test("an absent entry refuses with the access in the error code and sets nothing", () => {
  const k = tables(5, { low: 0 });
  expect(walk(k, 5, ACCESS_LOAD)).toBe(-1 - PF_USER);
  expect(walk(k, 5, ACCESS_STORE)).toBe(-1 - (PF_USER | PF_WRITE));
  expect(walk(k, 5, ACCESS_FETCH)).toBe(-1 - (PF_USER | PF_INSTR));
  expect(leafOf(k, 5)).toBe(0);
});

test("a store to a read-only page is a protection fault and does not set the dirty bit", () => {
  const k = tables(5, { low: pteLow(77, PTE_PRESENT | PTE_USER) });
  expect(walk(k, 5, ACCESS_STORE)).toBe(-1 - (PF_PROT | PF_USER | PF_WRITE));
  expect(leafOf(k, 5) & (PTE_ACCESSED | PTE_DIRTY)).toBe(0);
});

test("a supervisor page refuses the user", () => {
  const k = tables(5, { low: pteLow(77, PTE_PRESENT | PTE_RW) });
  expect(walk(k, 5, ACCESS_LOAD)).toBe(-1 - (PF_PROT | PF_USER));
});

test("NX refuses fetches and nothing else", () => {
  const k = tables(5, { low: pteLow(77, ALL), high: PTE_NX_HIGH });
  expect(walk(k, 5, ACCESS_FETCH)).toBe(-1 - (PF_PROT | PF_USER | PF_INSTR));
  expect(walk(k, 5, ACCESS_STORE)).toBe(0);
});

test("frames beyond 4 GiB keep their upper bits", () => {
  const k = tables(5, { low: pteLow(0x1234567, ALL), high: pteHigh(0x1234567, PTE_NX_HIGH) });
  expect(walk(k, 5, ACCESS_LOAD)).toBe(0);
  expect(k.tlb.walk[WALK_PFN]).toBe(0x1234567);
});

test("a 2 MiB leaf maps the page at its offset in the large page", () => {
  const k = tables(512 * 3 + 9, { low: pteLow(0x400, ALL | PTE_PSE), level: 2 });
  expect(walk(k, 512 * 3 + 9, ACCESS_LOAD)).toBe(0);
  expect([k.tlb.walk[WALK_PFN], k.tlb.walk[WALK_SIZE]]).toEqual([0x409, SIZE_2M]);
});

test("a 1 GiB leaf maps the page at its offset in the large page", () => {
  const k = tables(262144 + 777, { low: pteLow(0x40000, ALL | PTE_PSE), level: 3 });
  expect(walk(k, 262144 + 777, ACCESS_STORE)).toBe(0);
  expect([k.tlb.walk[WALK_PFN], k.tlb.walk[WALK_SIZE]]).toEqual([0x40000 + 777, SIZE_1G]);
});

test("five levels reach pages that four cannot", () => {
  const vpn = 2 ** 40 + 3;
  const k = tables(vpn, { low: pteLow(77, ALL) }, { levels: 5, physBits: 52 });
  expect(walk(k, vpn, ACCESS_LOAD)).toBe(0);
  expect(k.tlb.walk[WALK_PFN]).toBe(77);
  expect(isCanonical(k, vpn)).toBe(true);
});

test("addresses between the halves do not exist; those of the kernel are not the user's", () => {
  const k = tables(5, { low: pteLow(77, ALL) });
  expect(walk(k, 2 ** 35, ACCESS_LOAD)).toBe(NOT_CANONICAL);
  expect(walk(k, -1, ACCESS_LOAD)).toBe(-1 - (PF_PROT | PF_USER));
  expect([
    isCanonical(k, 2 ** 35 - 1),
    isCanonical(k, 2 ** 35),
    isCanonical(k, -(2 ** 35)),
    isCanonical(k, -(2 ** 35) - 1),
  ]).toEqual([true, false, true, false]);
});
