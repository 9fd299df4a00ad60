/**
 * Takes the controller's output apart: several transcripts in one stream, each between a `@@ begin` and a `@@ end` line, with
 * `@@ error` lines for what went to the error stream, and a `@@ clock` line where it was asked for. No line of a transcript begins with `@@`, because no statement does.
 */
import type { KernelTranscript, OnTranscript } from "./kernel-run.ts";

/** What was read so far. */
export interface FrameReader {
  release: string;
  readonly transcripts: KernelTranscript[];
  /** The name of the script whose transcript is not complete yet; "" for none. */
  unfinished: string;
  /** The text after the last line end. */
  rest: string;
  lines: string[];
  errors: string[];
  clock: string;
}

/** A reader that has read nothing. */
export function createFrameReader(): FrameReader {
  return { release: "", transcripts: [], unfinished: "", rest: "", lines: [], errors: [], clock: "" };
}

/** Reads the next piece of output. */
export function readFrames(reader: FrameReader, piece: string, onTranscript: OnTranscript = () => {}): void {
  const lines = (reader.rest + piece).split("\n");
  reader.rest = lines.pop()!;
  for (const line of lines) readLine(reader, line, onTranscript);
}

function readLine(reader: FrameReader, line: string, onTranscript: OnTranscript): void {
  const frame = /^@@ (kernel|begin|error|clock|end) (.*)$/.exec(line);
  if (frame === null) {
    if (reader.unfinished !== "") reader.lines.push(line);
    return;
  }
  const content = frame[2]!;
  if (frame[1] === "kernel") reader.release = content;
  else if (frame[1] === "error") reader.errors.push(content);
  else if (frame[1] === "clock") reader.clock = content;
  else if (frame[1] === "begin") {
    reader.unfinished = content;
    reader.lines = [];
    reader.errors = [];
    reader.clock = "";
  } else finish(reader, content, onTranscript);
}

/** Ends a transcript; `content` is `NAME STATUS`. */
function finish(reader: FrameReader, content: string, onTranscript: OnTranscript): void {
  const blank = content.lastIndexOf(" ");
  const transcript: KernelTranscript = {
    name: content.slice(0, blank),
    text: reader.lines.map((line) => `${line}\n`).join(""),
    status: Number(content.slice(blank + 1)),
    errors: reader.errors,
    ...(reader.clock === "" ? {} : { clock: reader.clock }),
  };
  reader.unfinished = "";
  reader.transcripts.push(transcript);
  onTranscript(transcript);
}
