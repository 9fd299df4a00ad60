import { expect, test } from "vitest";
import { buildElf, type ElfPart } from "../../../test/support/elf-file.ts";
import { EIO, ELIBBAD, ENOEXEC } from "../base/errno.ts";
import {
  ELF_INTERPRETER,
  ET_DYN,
  ET_EXEC,
  PF_R,
  PF_W,
  PF_X,
  PT_GNU_STACK,
  PT_INTERP,
  PT_LOAD,
  readElf,
} from "./elf.ts";

const TEXT: ElfPart = {
  type: PT_LOAD,
  flags: PF_R | PF_X,
  offset: 0,
  vaddr: 0x400000,
  fileBytes: 0x10c,
  memoryBytes: 0x10c,
};

/** A good program whose bytes the test may spoil. */
function spoiled(change: (bytes: Uint8Array, view: DataView) => void): Uint8Array {
  const bytes = buildElf({ type: ET_EXEC, entry: 0x400100, parts: [TEXT] });
  change(bytes, new DataView(bytes.buffer));
  return bytes;
}

test("a static program gives its type, entry and segments", () => {
  const image = readElf(
    buildElf({
      type: ET_EXEC,
      entry: 0x400100,
      parts: [TEXT, { ...TEXT, flags: PF_R | PF_W, vaddr: 0x7ffff7fcb000 }],
    }),
  );
  expect(image).toMatchObject({
    errno: 0,
    type: ET_EXEC,
    entry: 0x400100,
    interpreter: "",
    executableStack: undefined,
  });
  if (image.errno !== 0) return;
  expect(image.segments).toMatchObject([
    { vaddr: 0x400000, fileBytes: 0x10c, align: 0x1000 },
    { vaddr: 0x7ffff7fcb000 },
  ]);
});

test("the interpreter is named by the first PT_INTERP, without its zero byte", () => {
  expect(
    readElf(
      buildElf({ type: ET_DYN, entry: 0x40, parts: [TEXT], interpreter: "/lib64/ld-linux-x86-64.so.2" }),
    ),
  ).toMatchObject({ errno: 0, interpreter: "/lib64/ld-linux-x86-64.so.2" });
});

test("PT_GNU_STACK says whether the stack may run", () => {
  const stack = (flags: number): ElfPart => ({
    type: PT_GNU_STACK,
    flags,
    offset: 0,
    vaddr: 0,
    fileBytes: 0,
    memoryBytes: 0,
  });
  expect(readElf(buildElf({ type: ET_EXEC, entry: 0, parts: [TEXT, stack(PF_R | PF_W)] }))).toMatchObject({
    executableStack: false,
  });
  expect(
    readElf(buildElf({ type: ET_EXEC, entry: 0, parts: [TEXT, stack(PF_R | PF_W | PF_X)] })),
  ).toMatchObject({ executableStack: true });
});

test("what is no x86-64 program is refused with ENOEXEC and a reason", () => {
  expect(readElf(new Uint8Array(0))).toEqual({ errno: ENOEXEC, reason: "not an ELF file" });
  expect(readElf(new Uint8Array([0x23, 0x21, 0x2f]))).toEqual({ errno: ENOEXEC, reason: "not an ELF file" });
  expect(readElf(spoiled((_, view) => view.setUint16(16, 1, true)))).toMatchObject({
    errno: ENOEXEC,
    reason: expect.stringContaining("type 1"),
  });
  expect(readElf(spoiled((_, view) => view.setUint16(18, 183, true)))).toMatchObject({
    errno: ENOEXEC,
    reason: expect.stringContaining("machine 183"),
  });
});

test("program headers of another size, none, too many or behind the end are refused with ENOEXEC", () => {
  expect(readElf(spoiled((_, view) => view.setUint16(54, 32, true)))).toMatchObject({ errno: ENOEXEC });
  expect(readElf(spoiled((_, view) => view.setUint16(56, 0, true)))).toMatchObject({ errno: ENOEXEC });
  expect(readElf(spoiled((_, view) => view.setUint16(56, 74, true)))).toMatchObject({
    errno: ENOEXEC,
    reason: "74 program headers; 1 to 73 are possible",
  });
  expect(readElf(spoiled((_, view) => view.setUint16(56, 73, true)))).toMatchObject({
    errno: ENOEXEC,
    reason: "the program headers end behind the file",
  });
  expect(readElf(spoiled(() => undefined).subarray(0, 100))).toMatchObject({ errno: ENOEXEC });
});

test("an interpreter name must be whole, short and end with a zero byte", () => {
  const named = (offset: number, fileBytes: number): Uint8Array =>
    buildElf({
      type: ET_EXEC,
      entry: 0,
      parts: [{ type: PT_INTERP, flags: PF_R, offset, vaddr: 0, fileBytes, memoryBytes: fileBytes }],
    });
  expect(readElf(named(0, 1))).toMatchObject({ errno: ENOEXEC });
  expect(readElf(named(0, 4097))).toMatchObject({ errno: ENOEXEC });
  expect(readElf(named(0, 4))).toMatchObject({
    errno: ENOEXEC,
    reason: expect.stringContaining("zero byte"),
  });
  expect(readElf(named(100, 400))).toMatchObject({ errno: EIO });
});

test("a bad interpreter is refused with ELIBBAD, a cut-off one with EIO", () => {
  expect(readElf(new Uint8Array(100), ELF_INTERPRETER)).toMatchObject({ errno: ELIBBAD });
  expect(readElf(new Uint8Array(63), ELF_INTERPRETER)).toMatchObject({ errno: EIO });
  expect(
    readElf(
      spoiled((_, view) => view.setUint16(56, 0, true)),
      ELF_INTERPRETER,
    ),
  ).toMatchObject({ errno: ELIBBAD });
  expect(
    readElf(
      spoiled((_, view) => view.setUint16(16, 9, true)),
      ELF_INTERPRETER,
    ),
  ).toMatchObject({ errno: 0, type: 9 });
});
