/**
 * Chunks to bytes and back: the payload of a .pwt block.
 *
 * A page is written as the number of a slot when it stands in a table of 256 pages that writer and reader keep alike (a
 * page's slot follows from its number, a newcomer takes the slot), else as the distance from the last page written so.
 * The same page keeps the same byte, which is what a dictionary compressor likes. The table is emptied at every block, so
 * a block can be read alone.
 * Doc: docs/pwt.md
 */
import {
  type ByteReader,
  type ByteWriter,
  getByte,
  getBytes,
  getSigned,
  getText,
  getVarint,
  putByte,
  putBytes,
  putSigned,
  putText,
  putVarint,
  reserve,
} from "./bytes.ts";
import {
  CHUNK_RUNS,
  type Chunk,
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NONE,
  EVENT_NOTE,
  NO_EVENT,
  type ProgramFile,
  type ReplayEvent,
} from "./events.ts";
import { formatError } from "./format-error.ts";

/** The table of pages written before, and the page the next distance counts from. */
export interface PageTable {
  readonly slots: Float64Array;
  last: number;
}

const SLOTS = 256;
const MISS = 4;
const COUNT_SHIFT = 3;
/** Counts 1 to 31 stand in the head byte as 0 to 30; 31 there says that the rest follows. */
const COUNT_MORE = 31;
const RUN_BYTES = 20;

/** An empty table. */
export function createPageTable(): PageTable {
  return { slots: new Float64Array(SLOTS).fill(-1), last: 0 };
}

/** Empties the table, at the start of a block. */
export function clearPageTable(table: PageTable): void {
  table.slots.fill(-1);
  table.last = 0;
}

/** Appends one chunk. */
export function putChunk(w: ByteWriter, table: PageTable, chunk: Chunk): void {
  const { page, kind, count, length } = chunk;
  const { slots } = table;
  putVarint(w, length);
  for (let i = 0; i < length; i++) {
    reserve(w, RUN_BYTES);
    const runPage = page[i]!;
    const slot = slotOf(runPage);
    const short = Math.min(count[i]! - 1, COUNT_MORE);
    const isHit = slots[slot] === runPage;
    w.bytes[w.length++] = kind[i]! | (isHit ? 0 : MISS) | (short << COUNT_SHIFT);
    if (isHit) w.bytes[w.length++] = slot;
    else {
      putSigned(w, runPage - table.last);
      table.last = runPage;
      slots[slot] = runPage;
    }
    if (short === COUNT_MORE) putVarint(w, count[i]! - 1 - COUNT_MORE);
  }
  putEvent(w, chunk.event);
}

/** Reads the next chunk into `chunk`; false at the end of the payload. */
export function getChunk(r: ByteReader, table: PageTable, chunk: Chunk): boolean {
  if (r.at === r.end) return false;
  const length = getVarint(r);
  if (length > CHUNK_RUNS)
    throw formatError(
      r.name,
      `byte ${r.base + r.at}`,
      `expected at most ${CHUNK_RUNS} runs, found ${length}`,
    );
  const { slots } = table;
  for (let i = 0; i < length; i++) {
    const head = getByte(r);
    let runPage: number;
    if ((head & MISS) === 0) runPage = slots[getByte(r)]!;
    else {
      runPage = table.last + getSigned(r);
      table.last = runPage;
      if (runPage >= 0) slots[slotOf(runPage)] = runPage;
    }
    if (runPage < 0)
      throw formatError(r.name, `byte ${r.base + r.at}`, "expected a page that was written before");
    const short = head >> COUNT_SHIFT;
    chunk.page[i] = runPage;
    chunk.kind[i] = head & 3;
    chunk.count[i] = short < COUNT_MORE ? short + 1 : getVarint(r) + 1 + COUNT_MORE;
  }
  chunk.length = length;
  chunk.event = getEvent(r);
  return true;
}

/** A page's place in the table: a multiplicative hash of its low 32 bits. */
function slotOf(page: number): number {
  return Math.imul(page | 0, 0x9e3779b1) >>> 24;
}

/** Writes an event: its type, then its fields in the order in which docs/pwt.md lists them. */
function putEvent(w: ByteWriter, event: ReplayEvent): void {
  putByte(w, event.type);
  switch (event.type) {
    case EVENT_CALL:
      putVarint(w, event.nr);
      putVarint(w, event.thread);
      putByte(w, event.args.length);
      event.args.forEach((arg, i) => {
        putSigned(w, arg);
        putSigned(w, event.strings[i] ?? -1);
      });
      putSigned(w, event.result);
      putSigned(w, event.file);
      putSigned(w, event.child);
      break;
    case EVENT_EXEC:
      putProgram(w, event.program);
      putByte(w, event.interpreter === null ? 0 : 1);
      if (event.interpreter !== null) putProgram(w, event.interpreter);
      putVarint(w, event.argv.length);
      for (const text of event.argv) putText(w, text);
      putVarint(w, event.envLengths.length);
      for (const length of event.envLengths) putVarint(w, length);
      putVarint(w, event.stackPointer);
      break;
    case EVENT_EXIT:
      putVarint(w, event.status);
      break;
    case EVENT_FILE:
      putVarint(w, event.id);
      putText(w, event.path);
      putVarint(w, event.mode);
      putVarint(w, event.dev);
      putVarint(w, event.ino);
      putVarint(w, event.sizeBytes);
      break;
    case EVENT_NOTE:
      putText(w, event.text);
      break;
    case EVENT_NONE:
      break;
  }
}

/** Writes a program file of an exec: id, headers, load address. */
function putProgram(w: ByteWriter, program: ProgramFile): void {
  putVarint(w, program.file);
  putBytes(w, program.headers);
  putVarint(w, program.base);
}

/** Reads a program file. Its headers are copied: the block's bytes go when the next one is read. */
function getProgram(r: ByteReader): ProgramFile {
  return { file: getVarint(r), headers: new Uint8Array(getBytes(r)), base: getVarint(r) };
}

/** Reads an event; a format error when its type is none of those there are. */
function getEvent(r: ByteReader): ReplayEvent {
  const type = getByte(r);
  switch (type) {
    case EVENT_NONE:
      return NO_EVENT;
    case EVENT_CALL: {
      const nr = getVarint(r);
      const thread = getVarint(r);
      const args: number[] = [];
      const strings: number[] = [];
      for (let left = getByte(r); left > 0; left--) {
        args.push(getSigned(r));
        strings.push(getSigned(r));
      }
      return {
        type,
        nr,
        thread,
        args,
        strings,
        result: getSigned(r),
        file: getSigned(r),
        child: getSigned(r),
      };
    }
    case EVENT_EXEC: {
      const program = getProgram(r);
      const interpreter = getByte(r) === 0 ? null : getProgram(r);
      const argv = getList(r, getText);
      const envLengths = getList(r, getVarint);
      return { type, program, interpreter, argv, envLengths, stackPointer: getVarint(r) };
    }
    case EVENT_EXIT:
      return { type, status: getVarint(r) };
    case EVENT_FILE: {
      const id = getVarint(r);
      const path = getText(r);
      return {
        type,
        id,
        path,
        mode: getVarint(r),
        dev: getVarint(r),
        ino: getVarint(r),
        sizeBytes: getVarint(r),
      };
    }
    case EVENT_NOTE:
      return { type, text: getText(r) };
    default:
      throw formatError(r.name, `byte ${r.base + r.at - 1}`, `expected an event, found type ${type}`);
  }
}

/** Reads a number of items, each by `get`. */
function getList<T>(r: ByteReader, get: (r: ByteReader) => T): T[] {
  const items: T[] = [];
  for (let left = getVarint(r); left > 0; left--) items.push(get(r));
  return items;
}
