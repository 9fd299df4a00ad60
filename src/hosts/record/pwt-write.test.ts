/** A recording comes back as it was written, and whatever happens to the file is noticed. */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Chunk,
  createChunk,
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NONE,
  EVENT_NOTE,
  type ReplayEvent,
} from "../../programs/replay/events.ts";
import { BLOCK_HEADER_BYTES, FILE_HEADER_BYTES, PACK_NONE } from "../../programs/replay/pwt-format.ts";
import { openPwt } from "../../programs/replay/pwt-read.ts";
import { createPwtWriter, finishPwt, flushStream, writeChunk } from "./pwt-write.ts";

const META = { command: ["ls", "-l"], recorder: "none", kernel: "6.12", fetchPages: 8, dataPages: 4 };

interface Plain {
  readonly stream: number;
  readonly runs: readonly { page: number; kind: number; count: number }[];
  readonly event: ReplayEvent;
}

const EVENTS: readonly ReplayEvent[] = [
  { type: EVENT_NONE },
  {
    type: EVENT_CALL,
    nr: 9,
    thread: 1,
    args: [0, 8192, 3, 34, -1, 0x7ffff7fff000],
    result: 0x7ffff7dd4000,
    strings: [-1, -1, 12, -1, -1, -1],
    file: 3,
    child: -1,
  },
  { type: EVENT_CALL, nr: 57, thread: 2, args: [], result: -12, strings: [], file: -1, child: 4 },
  {
    type: EVENT_EXEC,
    program: { file: 0, headers: Uint8Array.from([127, 69, 76, 70]), base: 0x108000 },
    interpreter: { file: 1, headers: Uint8Array.from([127]), base: 0x4000000 },
    argv: ["ls", "-l", "ü€😀"],
    envLengths: [12, 0, 300],
    stackPointer: 0x1fff0006a0,
  },
  {
    type: EVENT_EXEC,
    program: { file: 0, headers: new Uint8Array(0), base: 0 },
    interpreter: null,
    argv: [],
    envLengths: [],
    stackPointer: 16,
  },
  { type: EVENT_EXIT, status: 256 },
  {
    type: EVENT_FILE,
    id: 2,
    path: "/etc/ld.so.cache",
    mode: 0o100644,
    dev: 65024,
    ino: 9007199254740991,
    sizeBytes: 36887,
  },
  { type: EVENT_NOTE, text: "The heap stopped growing." },
];

const plainChunk: fc.Arbitrary<Plain> = fc.record({
  stream: fc.integer({ min: 0, max: 3 }),
  runs: fc.array(
    fc.record({
      page: fc.oneof(fc.integer({ min: 0, max: 600 }), fc.integer({ min: 0, max: 2 ** 45 })),
      kind: fc.integer({ min: 0, max: 3 }),
      count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 0x7fffffff })),
    }),
    { maxLength: 60 },
  ),
  event: fc.constantFrom(...EVENTS),
});

test("chunks come back as they were written, stream by stream", () => {
  fc.assert(
    fc.property(fc.array(plainChunk, { maxLength: 30 }), fc.integer({ min: 1, max: 9 }), (sparse, every) => {
      const order = [...new Set(sparse.map(({ stream }) => stream))];
      const chunks = sparse.map((chunk) => ({ ...chunk, stream: order.indexOf(chunk.stream) }));
      const file = write(chunks, every);
      for (let stream = 0; stream < 4; stream++) {
        expect(readStream(file, stream)).toEqual(chunks.filter((chunk) => chunk.stream === stream));
      }
    }),
  );
});

test("a file cut off at any byte is refused when it is opened", () => {
  const file = write(sample(), 2);
  for (let length = 0; length < file.length; length++) {
    expect(() => open(file.slice(0, length)), `cut at ${length}`).toThrow(/^t\.pwt: byte \d+: /);
  }
});

test("a changed byte anywhere is noticed, at the latest when its block is read", () => {
  const file = write(sample(), 2);
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: file.length - 1 }),
      fc.integer({ min: 1, max: 255 }),
      (at, change) => {
        const damaged = file.slice();
        damaged[at]! ^= change;
        expect(() => readAll(damaged)).toThrow(/^t\.pwt: /);
      },
    ),
    { numRuns: 2000 },
  );
});

test("every byte around a block's border may be damaged without being missed", () => {
  const file = write(sample(), 2);
  for (const border of borders(file)) {
    for (
      let at = Math.max(0, border - 4);
      at < Math.min(file.length, border + BLOCK_HEADER_BYTES + 2);
      at++
    ) {
      const damaged = file.slice();
      damaged[at]! ^= 0x10;
      expect(() => readAll(damaged), `byte ${at}`).toThrow(/^t\.pwt: /);
    }
  }
});

test("a block that is missing is noticed", () => {
  const file = write(sample(), 2);
  const at = borders(file);
  for (let block = 0; block + 1 < at.length; block++) {
    const without = new Uint8Array([...file.slice(0, at[block]!), ...file.slice(at[block + 1]!)]);
    expect(() => open(without), `block ${block}`).toThrow(/^t\.pwt: /);
  }
});

test("bytes after the closing block are refused", () => {
  const file = write(sample(), 2);
  expect(() => open(new Uint8Array([...file, 0]))).toThrow("expected the end of the file");
});

test("another version is named", () => {
  const file = write([], 1);
  file[8] = 9;
  expect(() => open(file)).toThrow("byte 12: the file header is damaged");
});

test("what is no recording is told so", () => {
  expect(() => open(new TextEncoder().encode("I  0401ab70,3\nI  0401ab73,5\n"))).toThrow(
    "t.pwt: byte 0: expected the mark",
  );
});

function sample(): Plain[] {
  return EVENTS.map((event, i) => ({
    stream: i % 2,
    runs: [{ page: i * 1000, kind: i % 4, count: i * 20 + 1 }],
    event,
  }));
}

/** A file of the chunks, each stream flushed after every `every` of them. */
function write(chunks: readonly Plain[], every: number): Uint8Array {
  const parts: number[] = [];
  const output = {
    packing: PACK_NONE,
    pack: (bytes: Uint8Array) => bytes.slice(),
    write: (bytes: Uint8Array) => void parts.push(...bytes),
  };
  const writer = createPwtWriter(output, META);
  const chunk = createChunk();
  chunks.forEach((plain, i) => {
    chunk.length = plain.runs.length;
    plain.runs.forEach((run, row) => {
      chunk.page[row] = run.page;
      chunk.kind[row] = run.kind;
      chunk.count[row] = run.count;
    });
    chunk.event = plain.event;
    writeChunk(writer, plain.stream, chunk);
    if (i % every === 0) flushStream(writer, plain.stream);
  });
  finishPwt(writer);
  return Uint8Array.from(parts);
}

function open(file: Uint8Array): ReturnType<typeof openPwt> {
  return openPwt({
    name: "t.pwt",
    readAt: (offset, length) => file.slice(offset, offset + length),
    unpack: (_, bytes) => bytes,
  });
}

function readStream(file: Uint8Array, stream: number): Plain[] {
  const source = open(file);
  const chunk: Chunk = createChunk();
  const chunks: Plain[] = [];
  while (source.next(stream, chunk)) {
    const runs = Array.from({ length: chunk.length }, (_, i) => ({
      page: chunk.page[i]!,
      kind: chunk.kind[i]!,
      count: chunk.count[i]!,
    }));
    chunks.push({ stream, runs, event: chunk.event });
  }
  return chunks;
}

function readAll(file: Uint8Array): void {
  for (let stream = 0; stream < 4; stream++) readStream(file, stream);
}

/** Where the blocks begin. */
function borders(file: Uint8Array): number[] {
  const view = new DataView(file.buffer);
  const found: number[] = [];
  for (let at = FILE_HEADER_BYTES; at < file.length; at += BLOCK_HEADER_BYTES + view.getUint32(at + 16, true))
    found.push(at);
  return found;
}
