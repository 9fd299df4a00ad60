/**
 * The plain log of valgrind's lackey, with or without system calls between the accesses. Calls are replayed as far as
 * numbers go: what a descriptor stands for is not in the log, so mapped files are anonymous memory.
 * Doc: valgrind manual, chapter "Lackey"; docs/pwt.md
 */
import { type ChunkSource, EVENT_CALL, NO_EVENT } from "./events.ts";
import { formatError } from "./format-error.ts";
import { createLackeyCalls, readCallLine } from "./lackey-calls.ts";
import { createLackeyLines, endLackey, feedLackey } from "./lackey-lines.ts";
import {
  createTextSource,
  firstLines,
  type TextReader,
  type TextSink,
  type TraceInput,
} from "./text-source.ts";

const ACCESS = /^(I {2}| [LSM] )[0-9a-f]{8,16},\d+$/;
/** Lines of valgrind and of calls that stand between accesses. */
const OTHER = /^(==\d+==|--\d+--|SYSCALL\[| --> | *$)/;

/** Whether the file begins like such a log. */
export function isLackey(start: Uint8Array): boolean {
  const lines = firstLines(start, 20);
  return lines.length > 0 && lines.every((line) => ACCESS.test(line) || OTHER.test(line));
}

/** Opens such a log. Reading throws a FormatError naming the line that is none. */
export function openLackey(input: TraceInput, isExact = false): ChunkSource {
  const createReader = (sink: TextSink): TextReader => {
    const calls = createLackeyCalls();
    const lines = createLackeyLines({
      merger: sink.merger,
      leftOut: [],
      full: () => sink.emit(NO_EVENT),
      firstData: () => undefined,
      line: (text) => {
        if (text.trim() === "" || text.startsWith("==") || text.startsWith("--")) return;
        if (!OTHER.test(text)) {
          throw formatError(
            input.name,
            `line ${lines.lines}`,
            `expected an access ("I  04000000,3") or a call, found "${text.slice(0, 40)}"`,
          );
        }
        const call = readCallLine(calls, text);
        if (call === undefined) return;
        const { nr, thread, args, result } = call;
        sink.emit({ type: EVENT_CALL, nr, thread, args, result: result!, strings: [], file: -1, child: -1 });
      },
    });
    return { feed: (bytes) => feedLackey(lines, bytes, bytes.length), end: () => endLackey(lines) };
  };
  return createTextSource(input, createReader, isExact);
}
