/**
 * Traces of computer-architecture courses, one access a line: l or s, the address, and how many instructions ran since
 * the access before. Those instructions are not in the trace, so they are not replayed.
 *
 *     l 0x1fffff50 1
 *     s 0x1fffff58 4
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

const LINE = /^\s*([lsLS])\s+0[xX]([0-9a-fA-F]{1,12})(?:\s+\d+)?\s*$/;
const PAGE = 4096;

/** Whether the file begins with such lines. */
export function isCourseLs(start: Uint8Array): boolean {
  const lines = firstLines(start, 5);
  return lines.length > 0 && lines.every((line) => LINE.test(line));
}

/** Opens such a trace. Reading throws a FormatError naming the line that is none. */
export function openCourseLs(input: TraceInput, isExact = false): ChunkSource {
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
            `expected "l 0xADDRESS GAP" or "s 0xADDRESS GAP", found "${text.slice(0, 40)}"`,
          );
        }
        const page = Math.floor(Number.parseInt(match[2]!, 16) / PAGE);
        mergeData(sink.merger, page, match[1]!.toLowerCase() === "s" ? KIND_STORE : KIND_LOAD);
        emitIfFull(sink, isMergerFull(sink.merger));
      }),
    isExact,
  );
}
