/**
 * The smallest program: for traces that name no program, so that their process has an address space with a stack and a
 * heap like any other. Its one page lies where no 32-bit trace reaches.
 * Doc: man 5 elf
 */

const BASE = 0x600000000000;
const FILE_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/** Headers of a static ELF program with one segment, its own first page. */
export function bareProgram(): Uint8Array {
  const size = FILE_HEADER_BYTES + PROGRAM_HEADER_BYTES;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  const put64 = (at: number, value: number): void => {
    view.setUint32(at, value >>> 0, true);
    view.setUint32(at + 4, Math.floor(value / 4294967296), true);
  };
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // ET_EXEC
  view.setUint16(18, 62, true); // x86-64
  view.setUint32(20, 1, true);
  put64(24, BASE + size); // entry
  put64(32, FILE_HEADER_BYTES); // program headers
  view.setUint16(52, FILE_HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, 1, true);
  view.setUint32(FILE_HEADER_BYTES, 1, true); // PT_LOAD
  view.setUint32(FILE_HEADER_BYTES + 4, 5, true); // readable, executable
  put64(FILE_HEADER_BYTES + 16, BASE);
  put64(FILE_HEADER_BYTES + 24, BASE);
  put64(FILE_HEADER_BYTES + 32, size);
  put64(FILE_HEADER_BYTES + 40, size);
  put64(FILE_HEADER_BYTES + 48, 4096);
  return bytes;
}
