/**
 * The trace formats there are, one file each. Which one a file has is told from its content.
 * Doc: docs/pwt.md
 */
import type { Kernel } from "../../core/index.ts";
import { isCourseHex, openCourseHex } from "./course-hex.ts";
import { isCourseLs, openCourseLs } from "./course-ls.ts";
import type { ChunkSource } from "./events.ts";
import { formatError } from "./format-error.ts";
import { isLackey, openLackey } from "./lackey.ts";
import { isPwt, type PwtFileFacts } from "./pwt-format.ts";
import { openPwt } from "./pwt-read.ts";
import { type ReplayOptions, type StartedReplay, startReplay } from "./replay.ts";
import type { TraceInput } from "./text-source.ts";

/** One format. */
export interface TraceFormat {
  readonly name: string;
  /** For people, in a few words. */
  readonly about: string;
  /** Whether a file that begins with these bytes has it. */
  readonly detect: (start: Uint8Array) => boolean;
  /** `isExact`: the accesses of a text come in their exact order (createMerger). */
  readonly open: (input: TraceInput, isExact: boolean) => Omit<OpenTrace, "format">;
}

/** A trace ready to be replayed. */
export interface OpenTrace {
  /** Name of its format. */
  readonly format: string;
  /** Sets up its replay on a booted machine: programs for src/programs/driver.ts. Once. */
  readonly start: (k: Kernel, options?: ReplayOptions) => StartedReplay;
  /** Its accesses, for readers that run no machine. A reader starts either this or a replay. */
  readonly source: ChunkSource;
  /** Processes in it: streams 0 to this - 1. */
  readonly streams: number;
  /** The command that was recorded, and how; empty when the format does not say. */
  readonly about: string;
  /** Accesses in all; 0 when that is not known before the end. */
  readonly accesses: number;
  /** Files that the program will use. */
  readonly files: readonly PwtFileFacts[];
}

/** Bytes of a file's beginning that detection looks at. */
export const DETECT_BYTES = 4096;

/** The list. */
export const FORMATS: readonly TraceFormat[] = [
  { name: "pwt", about: "a recording made by pagewalk record", detect: isPwt, open: openRecording },
  {
    name: "lackey",
    about: "the log of valgrind --tool=lackey --trace-mem=yes",
    detect: isLackey,
    open: (input, isExact) => plain(openLackey(input, isExact)),
  },
  {
    name: "course-hex",
    about: "course trace, lines of ADDRESS R|W",
    detect: isCourseHex,
    open: (input, isExact) => plain(openCourseHex(input, isExact)),
  },
  {
    name: "course-ls",
    about: "course trace, lines of l|s 0xADDRESS GAP",
    detect: isCourseLs,
    open: (input, isExact) => plain(openCourseLs(input, isExact)),
  },
];

/** The format of a file that begins with these bytes, or undefined. */
export function detectFormat(start: Uint8Array): TraceFormat | undefined {
  return FORMATS.find((format) => format.detect(start));
}

/** Opens a trace of any format. Throws a FormatError when it has none of them or is damaged. */
export function openTrace(input: TraceInput, isExact = false): OpenTrace {
  const format = detectFormat(input.readAt(0, DETECT_BYTES));
  if (format !== undefined) return { ...format.open(input, isExact), format: format.name };
  const known = FORMATS.map(({ name }) => name).join(", ");
  throw formatError(input.name, "byte 0", `expected a trace in one of the formats ${known}`);
}

function openRecording(input: TraceInput): Omit<OpenTrace, "format"> {
  const reader = openPwt(input);
  const { command, recorder, kernel } = reader.meta;
  const about = `${command.join(" ")} (recorded with ${recorder} on Linux ${kernel})`;
  const { accesses, files, streams } = reader.totals;
  return {
    about,
    accesses,
    files,
    streams,
    source: reader,
    start: (k, options) => startReplay(k, reader, options),
  };
}

function plain(source: ChunkSource): Omit<OpenTrace, "format"> {
  const start: OpenTrace["start"] = (k, options) => startReplay(k, source, options);
  return { about: "", accesses: 0, files: [], streams: 1, source, start };
}
