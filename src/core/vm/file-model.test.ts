/**
 * Random programs on one file: read, write, truncate, shared mapping, write-back and eviction, compared byte for byte
 * with a plain array, with every invariant of the kernel checked on the way.
 * Linux: mm/filemap.c, mm/truncate.c (6.12)   Doc: docs/map.md
 */
import { expect, test } from "vitest";
import { call, check, fileMachine, newFile, PAGE, waitOut } from "../../../test/support/file-machine.ts";
import { FAULT_SIGBUS } from "../base/errno.ts";
import { createRng, randomBelow } from "../base/rng.ts";
import { BLOCKED } from "../base/types.ts";
import { contentWord } from "../space/file-content.ts";
import { invalidatePages, writeBackFile } from "./truncate.ts";
import { loadBytes, storeBytes } from "./user-bytes.ts";

const PAGES = 40;
const STEPS = 1500;
const CHECK_EVERY = 50;

/** Does a transfer through the mapping to its end; SIGBUS past the end of the file is an answer. */
function transfer(
  k: ReturnType<typeof fileMachine>["k"],
  task: number,
  addr: number,
  bytes: Uint8Array,
  isStore: boolean,
): number {
  let done = 0;
  while (done < bytes.length) {
    const part = bytes.subarray(done);
    const result = isStore ? storeBytes(k, task, addr + done, part) : loadBytes(k, task, addr + done, part);
    if (result === BLOCKED) waitOut(k, task);
    else if (result < 0) return result;
    else done += result;
  }
  return done;
}

/** What a new file of this size holds. */
function contents(size: number): Uint8Array {
  const shadow = new Uint8Array(PAGES * PAGE);
  for (let at = 0; at < size; at++)
    shadow[at] = contentWord(0x5eed0000, Math.floor(at / PAGE)) >>> ((at & 3) * 8);
  return shadow;
}

for (const seed of [1, 2, 3]) {
  test(`a file is what was written to it, whatever the cache does (seed ${seed})`, () => {
    const rng = createRng(seed);
    const below = (limit: number) => randomBelow(rng, limit);
    const { k, task } = fileMachine();
    let size = 17 * PAGE + 123;
    const shadow = contents(size);
    const { inode, fd } = newFile(k, task, size);
    const map = call(k, task, 9, [0x20000000, PAGES * PAGE, 3, 1, fd, 0]);
    const buffer = call(k, task, 9, [0, 4 * PAGE, 3, 0x22, -1, 0]);
    for (let step = 0; step < STEPS; step++) {
      const at = below(2) === 0 ? below(PAGES * PAGE - 3 * PAGE) : below(PAGES - 3) * PAGE;
      const length = below(2) === 0 ? 1 + below(2 * PAGE) : PAGE;
      const data = new Uint8Array(length).fill(1 + below(255));
      data[length - 1] = below(256);
      switch (below(7)) {
        case 0: {
          storeBytes(k, task, buffer + 5, data);
          expect(call(k, task, 18, [fd, buffer + 5, length, at])).toBe(length);
          shadow.set(data, at);
          size = Math.max(size, at + length);
          break;
        }
        case 1:
        case 2: {
          const expected = Math.max(0, Math.min(length, size - at));
          expect(call(k, task, 17, [fd, buffer + 3, length, at])).toBe(expected);
          const got = new Uint8Array(expected);
          if (expected > 0) loadBytes(k, task, buffer + 3, got);
          expect(Buffer.compare(got, shadow.subarray(at, at + expected))).toBe(0);
          break;
        }
        case 3: {
          const next = below(4) === 0 ? below(PAGES * PAGE) : size;
          expect(call(k, task, 77, [fd, next])).toBe(0);
          shadow.fill(0, Math.min(next, size));
          size = next;
          break;
        }
        case 4: {
          // Stores past the end in the last page are lost when the file grows; keep to the file.
          const part = data.subarray(0, Math.max(0, Math.min(length, size - at)));
          expect(transfer(k, task, map + at, part, true)).toBe(part.length);
          shadow.set(part, at);
          break;
        }
        case 5: {
          const whole = Math.ceil(size / PAGE) * PAGE;
          const result = transfer(k, task, map + at, data, false);
          if (at + length > whole) expect(result).toBe(FAULT_SIGBUS);
          else expect(Buffer.compare(data, shadow.subarray(at, at + length))).toBe(0);
          break;
        }
        default:
          writeBackFile(k, inode);
          if (below(3) === 0) call(k, task, 11, [map, PAGES * PAGE]);
          invalidatePages(k, inode, 0, PAGES);
          call(k, task, 9, [0x20000000, PAGES * PAGE, 3, 0x11, fd, 0]);
      }
      if (step % CHECK_EVERY === 0) check(k);
    }
    check(k);
  });
}
