/**
 * Traces of operating-systems courses, one access a line: address in hexadecimal, R or W.
 *
 *     0041f7a0 R
 *     13f5e2c0 R
 *     0041f7a1 W
 *
 * Doc: docs/pwt.md
 */
import type { ChunkSource } from "./events.ts";
import { formatError } from "./format-error.ts";
import { isMergerFull, KIND_LOAD, KIND_STORE, mergeData } from "./merge.ts";
import {
  createLineReader,
  createTextSource,
  emitIfFull,
  firstLines,
  type TraceInput,
} from "./text-source.ts";

const LINE = /^\s*(?:0[xX])?([0-9a-fA-F]{1,12})\s+([RWrw])\s*$/;
const PAGE = 4096;

/** Whether the file begins with such lines. */
export function isCourseHex(start: Uint8Array): boolean {
  const lines = firstLines(start, 5);
  return lines.length > 0 && lines.every((line) => LINE.test(line));
}

/** Opens such a trace. Reading throws a FormatError naming the line that is none. */
export function openCourseHex(input: TraceInput, isExact = false): ChunkSource {
  return createTextSource(
    input,
    (sink) =>
      createLineReader((text, number) => {
        const match = LINE.exec(text);
        if (match === null) {
          if (text.trim() === "" || text.startsWith("#")) return;
          throw formatError(
            input.name,
            `line ${number}`,
            `expected "ADDRESS R" or "ADDRESS W", found "${text.slice(0, 40)}"`,
          );
        }
        const page = Math.floor(Number.parseInt(match[1]!, 16) / PAGE);
        mergeData(sink.merger, page, match[2]!.toUpperCase() === "W" ? KIND_STORE : KIND_LOAD);
        emitIfFull(sink, isMergerFull(sink.merger));
      }),
    isExact,
  );
}
