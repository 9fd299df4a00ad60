/**
 * `pagewalk swap`: makes files that the real swapon takes as swap areas, and says what a file holds that somebody made.
 *
 *   mkswap FILE SIZE      header, then zeros to the end: every block is there, as swapon demands, and only root reads it
 *   show FILE             the header's size, UUID, label and bad pages; and what swapon would refuse
 *
 * Doc: man 8 mkswap, man 8 swapon
 */
import { randomUUID } from "node:crypto";
import {
  closeSync,
  existsSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { Command } from "commander";
import { readSwapHeader, type SwapHeader, uuidText, writeSwapHeader } from "../../core/index.ts";
import { bytes, count, parseBytes } from "./units.ts";
import { EXIT_FAILED, fileProblem, userError } from "./user-error.ts";

const PAGE = 4096;
/** mkswap makes no smaller areas, and the header has no room for more pages or a longer label. */
const FEWEST_PAGES = 10;
const MOST_PAGES = 2 ** 32;
const LABEL_BYTES = 16;
/** Zeros are written in pieces of this size. */
const PIECE = 1 << 20;
const UUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** What both sub-verbs print with --json. */
interface AreaReport {
  readonly file: string;
  /** Bytes of the area with its header, and of the file. */
  readonly sizeBytes: number;
  readonly fileBytes: number;
  readonly pages: number;
  readonly uuid: string;
  readonly label: string;
  readonly badPages: readonly number[];
  /** Why swapon would refuse the file; empty: it would not. */
  readonly refusals: readonly string[];
}

interface MakeOptions {
  readonly label?: string;
  readonly uuid?: string;
  readonly force?: true;
  readonly json?: true;
}

/** The verb with its sub-verbs. */
export function swapCommand(): Command {
  const command = new Command("swap").description("make and read files that Linux uses as swap areas");
  command
    .command("mkswap")
    .description("make a swap area, as mkswap does")
    .argument("<file>", "file to make")
    .argument("<size>", "size with the header, as 64M or 1G")
    .option("-L, --label <text>", "label, up to 16 bytes")
    .option("-U, --uuid <uuid>", "UUID, in place of a random one")
    .option("-f, --force", "replace a file that is there")
    .option("--json", "print what was made as JSON")
    .addHelpText("after", "\nExample:\n  pagewalk swap mkswap swap.img 64M -L spare && sudo swapon swap.img")
    .action(make);
  command
    .command("show")
    .description("print what the header of a swap area says")
    .argument("<file>", "file or device")
    .option("--json", "print it as JSON")
    .addHelpText("after", "\nExample:\n  pagewalk swap show swap.img")
    .action(show);
  return command;
}

function make(file: string, size: string, options: MakeOptions): void {
  const sizeBytes = parseBytes(size);
  if (sizeBytes === undefined) throw userError(`${size} is no size of whole pages: write it as 64M or 1G`);
  const pages = sizeBytes / PAGE;
  if (pages < FEWEST_PAGES || pages > MOST_PAGES)
    throw userError(`${size} is not between ${bytes(FEWEST_PAGES * PAGE)} and ${bytes(MOST_PAGES * PAGE)}`);
  const label = options.label ?? "";
  if (Buffer.byteLength(label) > LABEL_BYTES)
    throw userError(`the label is longer than ${LABEL_BYTES} bytes`);
  const uuid = options.uuid ?? randomUUID();
  if (!UUID.test(uuid)) throw userError(`${uuid} is no UUID: write it as ${randomUUID()}`);
  if (existsSync(file)) {
    if (!statSync(file).isFile()) throw userError(`${file} is no regular file`);
    if (options.force !== true) throw userError(`${file} is there already: --force replaces it`);
  }
  const header: SwapHeader = {
    lastPage: pages - 1,
    uuid: Uint8Array.from(Buffer.from(uuid.replaceAll("-", ""), "hex")),
    label,
    badPages: [],
  };
  writeArea(file, sizeBytes, writeSwapHeader(header));
  const report = describe(file, header, sizeBytes, []);
  process.stdout.write(options.json === true ? jsonText(report) : areaText(report));
}

/** Writes the whole area; on any failure nothing of it is left. */
function writeArea(file: string, sizeBytes: number, page: Uint8Array): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, "w", 0o600);
  } catch (error) {
    throw fileProblem(file, error);
  }
  try {
    const zeros = new Uint8Array(PIECE);
    writeSync(descriptor, page, 0, PAGE, 0);
    for (let at = PAGE; at < sizeBytes; at += PIECE)
      writeSync(descriptor, zeros, 0, Math.min(PIECE, sizeBytes - at), at);
    ftruncateSync(descriptor, sizeBytes);
    closeSync(descriptor);
  } catch (error) {
    closeSync(descriptor);
    rmSync(file, { force: true });
    throw fileProblem(file, error);
  }
}

function show(file: string, options: { readonly json?: true }): void {
  let descriptor: number;
  try {
    descriptor = openSync(file, "r");
  } catch (error) {
    throw fileProblem(file, error);
  }
  try {
    const page = new Uint8Array(PAGE);
    const { size, blocks } = fstatSync(descriptor);
    const header = readSync(descriptor, page, 0, PAGE, 0) === PAGE ? readSwapHeader(page) : undefined;
    if (header === undefined)
      throw userError(`${file}: no swap area: it has no header of version 1`, EXIT_FAILED);
    const report = describe(file, header, size, refusalsOf(header, size, blocks * 512));
    process.stdout.write(options.json === true ? jsonText(report) : areaText(report));
  } catch (error) {
    throw error instanceof Error && "code" in error ? fileProblem(file, error) : error;
  } finally {
    closeSync(descriptor);
  }
}

/** What swapon would not take. A device has no size of its own here, so nothing is said of one. */
function refusalsOf(header: SwapHeader, size: number, onDisk: number): string[] {
  const refusals: string[] = [];
  const needed = (header.lastPage + 1) * PAGE;
  if (size > 0 && size < needed) refusals.push(`the file ends ${bytes(needed - size)} before the area does`);
  if (size > 0 && onDisk < Math.min(size, needed)) refusals.push("the file has holes");
  if (size > 0 && header.badPages.length > 0) refusals.push("only a device may have bad pages");
  return refusals;
}

function describe(file: string, header: SwapHeader, fileBytes: number, refusals: string[]): AreaReport {
  const { lastPage, label, badPages } = header;
  const sizeBytes = (lastPage + 1) * PAGE;
  return {
    file,
    sizeBytes,
    fileBytes,
    pages: lastPage,
    uuid: uuidText(header.uuid),
    label,
    badPages,
    refusals,
  };
}

function jsonText(report: AreaReport): string {
  return `${JSON.stringify(report, null, 2)}\n`;
}

function areaText({ file, pages, uuid, label, badPages, refusals }: AreaReport): string {
  const lines = [
    `${file}: swap area, version 1`,
    `  size       ${bytes(pages * PAGE)} for pages (${count(pages)} pages after the header)`,
    `  UUID       ${uuid}`,
    `  label      ${label === "" ? "none" : label}`,
    `  bad pages  ${badPages.length === 0 ? "none" : badPages.join(" ")}`,
    ...refusals.map((refusal) => `  swapon would refuse it: ${refusal}`),
  ];
  return `${lines.join("\n")}\n`;
}
