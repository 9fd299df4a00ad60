import { expect, test } from "vitest";
import { FAULT_OOM, FAULT_SEGV_ACCERR, FAULT_SEGV_MAPERR, FAULT_SIGBUS } from "../../core/index.ts";
import { bindRegion, type Regions } from "./regions.ts";
import {
  basesLine,
  formatErrno,
  formatLoaded,
  formatSignal,
  formatWaitStatus,
  isCanonical,
  resultLine,
} from "./transcript.ts";

test("faults are named after the result, and left out when there were none", () => {
  expect(resultLine("load a 4", "0x0", { minor: 1, major: 0 })).toBe("load a 4 = 0x0 minor 1");
  expect(resultLine("load a 4", "0x0", { minor: 2, major: 3 })).toBe("load a 4 = 0x0 minor 2 major 3");
  expect(resultLine("drop f", "ok", { minor: 0, major: 0 })).toBe("drop f = ok");
});

test("the first line gives the bases", () => {
  expect(basesLine({ text: 0x400000, heap: 0x401000, top: 0x7ffff7ff9000, stack: 0x7ffffffff000 })).toBe(
    "bases text=0x400000 heap=0x401000 top=0x7ffff7ff9000 stack=0x7ffffffff000",
  );
});

test("an error is -1 and its name", () => {
  expect(formatErrno(-12)).toBe("-1 ENOMEM");
});

test("a signal has its code and the address that caused it", () => {
  const regions: Regions = new Map();
  bindRegion(regions, "a", 0x10000, 4096);
  expect(formatSignal(regions, FAULT_SEGV_MAPERR, 0x11000)).toBe("SIGSEGV SEGV_MAPERR a+4K");
  expect(formatSignal(regions, FAULT_SEGV_ACCERR, 0x10001)).toBe("SIGSEGV SEGV_ACCERR a+1");
  expect(formatSignal(regions, FAULT_SIGBUS, 0x10000)).toBe("SIGBUS BUS_ADRERR a");
  expect(formatSignal(regions, FAULT_OOM, 0x10000)).toBe("SIGKILL");
});

test("addresses have 48 bits with four levels of page tables and 57 with five", () => {
  expect([2 ** 47 - 1, 2 ** 47, -(2 ** 47), 2 ** 56].map((address) => isCanonical(address, 4))).toEqual([
    true,
    false,
    true,
    false,
  ]);
  expect([2 ** 47, 2 ** 56 - 4096, 2 ** 56].map((address) => isCanonical(address, 5))).toEqual([
    true,
    true,
    false,
  ]);
});

test("a wait status is an exit code or a signal", () => {
  expect(formatWaitStatus(3 << 8)).toBe("exited 3");
  expect(formatWaitStatus(11)).toBe("killed SIGSEGV");
  expect(formatWaitStatus(7)).toBe("killed SIGBUS");
});

test("one, two, four and eight loaded bytes are a number, others a hash", () => {
  const bytes = Uint8Array.of(0x78, 0x56, 0x34, 0x12, 0, 0, 0, 0x80);
  expect([1, 2, 4, 8].map((length) => formatLoaded(bytes, length, 0))).toEqual([
    "0x78",
    "0x5678",
    "0x12345678",
    "0x8000000012345678",
  ]);
  expect(formatLoaded(bytes, 3, 0xbeef)).toBe("fnv 0x0000beef");
});
