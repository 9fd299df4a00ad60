/** Takes framed output apart. */
import { expect, test } from "vitest";
import { createFrameReader, readFrames } from "./frames.ts";

const OUTPUT = [
  "@@ kernel 6.12.1",
  "@@ begin one",
  "bases text=0x400000",
  "show maps",
  "| a line",
  "@@ end one 0",
  "@@ begin two words",
  "bases text=0x400000",
  "@@ error two words:3:1: no task is named q",
  "@@ end two words 1",
  "",
].join("\n");

test("every transcript comes back with its lines, its status and its errors", () => {
  const reader = createFrameReader();
  readFrames(reader, OUTPUT);
  expect(reader.release).toBe("6.12.1");
  expect(reader.transcripts).toEqual([
    { name: "one", text: "bases text=0x400000\nshow maps\n| a line\n", status: 0, errors: [] },
    {
      name: "two words",
      text: "bases text=0x400000\n",
      status: 1,
      errors: ["two words:3:1: no task is named q"],
    },
  ]);
});

test("it does not matter where the stream is cut", () => {
  const whole = createFrameReader();
  readFrames(whole, OUTPUT);
  const pieces = createFrameReader();
  for (const letter of OUTPUT) readFrames(pieces, letter);
  expect(pieces.transcripts).toEqual(whole.transcripts);
});

test("a stream that ends early names the script that was under way", () => {
  const reader = createFrameReader();
  readFrames(reader, "@@ kernel 6.12.1\n@@ begin one\nbases");
  expect(reader.unfinished).toBe("one");
  expect(reader.transcripts).toEqual([]);
});
