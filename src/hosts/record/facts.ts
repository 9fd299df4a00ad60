/**
 * What the recorder learns about a running process and its files from outside: /proc and the files themselves.
 * Doc: man 5 proc, man 5 elf
 */
import fs from "node:fs";
import path from "node:path";

/** A file as the recording keeps it. */
export interface FileFacts {
  readonly path: string;
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
  readonly sizeBytes: number;
}

/** A program file, its headers, and where it was loaded. */
export interface LoadedFile {
  readonly facts: FileFacts;
  readonly headers: Uint8Array;
  readonly base: number;
}

/** What a process began with. */
export interface ImageFacts {
  readonly program: LoadedFile;
  readonly interpreter: LoadedFile | null;
  readonly argv: readonly string[];
  readonly envLengths: readonly number[];
}

/** One file mapping of a process. */
interface Mapping {
  readonly start: number;
  readonly offset: number;
  readonly path: string;
}

const S_IFMT = 0o170000;
const S_IFCHR = 0o020000;
const PT_LOAD = 1;
const PT_INTERP = 3;
const ELF_HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;

/**
 * Facts about a path, or undefined when there is no such file. Files of /proc and /sys call themselves regular but have no
 * pages: the recording has them as devices.
 */
export function fileFacts(file: string, shownPath = file): FileFacts | undefined {
  try {
    const stat = fs.statSync(file);
    const isKernels = /^\/(proc|sys)\//.test(shownPath);
    const mode = isKernels ? (stat.mode & ~S_IFMT) | S_IFCHR : stat.mode;
    return { path: shownPath, mode, dev: stat.dev, ino: stat.ino, sizeBytes: stat.size };
  } catch {
    return undefined;
  }
}

/** Facts about what a process's descriptor refers to; by its path when the process has closed it already. */
export function openFacts(pid: number, fd: number, name: string): FileFacts | undefined {
  const absolute = path.isAbsolute(name) ? name : path.join(linkTarget(`/proc/${pid}/cwd`) ?? "/", name);
  const target = linkTarget(`/proc/${pid}/fd/${fd}`);
  // A descriptor may have been closed and opened again for another file by now: then the path is what is left.
  const isSame =
    target !== undefined && fs.existsSync(absolute) ? target === realPath(absolute) : target !== undefined;
  return (isSame ? fileFacts(`/proc/${pid}/fd/${fd}`, absolute) : undefined) ?? fileFacts(absolute);
}

/**
 * What a process that valgrind has just begun to run was started with; undefined when it is gone.
 * Valgrind's own option words are skipped, and what it added to the environment is taken out.
 */
export function imageFacts(pid: number): ImageFacts | undefined {
  const words = readStrings(`/proc/${pid}/cmdline`);
  const environment = readStrings(`/proc/${pid}/environ`);
  const tool = linkTarget(`/proc/${pid}/exe`);
  const mappings = readMappings(pid).filter((mapping) => mapping.path !== tool && mapping.offset === 0);
  const first = mappings[0];
  if (words === undefined || environment === undefined || first === undefined) return undefined;
  const program = loadedFile(first);
  if (program === undefined) return undefined;
  const interpreterPath = interpreterOf(program.headers);
  const wanted = interpreterPath === undefined ? undefined : realPath(interpreterPath);
  const found = mappings.find((mapping) => realPath(mapping.path) === wanted);
  const interpreter = found === undefined ? null : (loadedFile(found) ?? null);
  if ((interpreterPath === undefined) !== (interpreter === null)) return undefined;
  let argument = 1;
  while (argument < words.length && words[argument]!.startsWith("-")) argument++;
  return {
    program,
    interpreter,
    argv: words.slice(argument),
    envLengths: withoutValgrind(environment).map((text) => Buffer.byteLength(text)),
  };
}

/** The environment as it was before valgrind added its own. */
export function withoutValgrind(environment: readonly string[]): string[] {
  const kept: string[] = [];
  for (const text of environment) {
    if (text.startsWith("VALGRIND_LAUNCHER=")) continue;
    if (!text.startsWith("LD_PRELOAD=")) kept.push(text);
    else {
      const own = text
        .slice("LD_PRELOAD=".length)
        .split(":")
        .filter((word) => word !== "" && !isPreload(word));
      if (own.length > 0) kept.push(`LD_PRELOAD=${own.join(":")}`);
    }
  }
  return kept;
}

/** Whether a path is one of the libraries that valgrind loads into every program. */
export function isPreload(file: string): boolean {
  return /\/vgpreload_[^/]*\.so$/.test(file);
}

/** A mapped program file; undefined when it is gone or no ELF file. */
function loadedFile(mapping: Mapping): LoadedFile | undefined {
  const facts = fileFacts(mapping.path);
  const headers = facts === undefined ? undefined : readHeaders(mapping.path);
  if (facts === undefined || headers === undefined) return undefined;
  return { facts, headers, base: mapping.start - firstAddress(headers) };
}

/** The bytes of a file up to the end of its program headers and interpreter path; undefined when it is no 64-bit ELF. */
export function readHeaders(file: string): Uint8Array | undefined {
  let bytes: Buffer;
  try {
    const fd = fs.openSync(file, "r");
    bytes = Buffer.alloc(65536);
    bytes = bytes.subarray(0, fs.readSync(fd, bytes, 0, bytes.length, 0));
    fs.closeSync(fd);
  } catch {
    return undefined;
  }
  if (bytes.length < ELF_HEADER_BYTES || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2)
    return undefined;
  let end = ELF_HEADER_BYTES;
  for (const { type, at, offset, size } of programHeaders(bytes)) {
    end = Math.max(end, at + PROGRAM_HEADER_BYTES, type === PT_INTERP ? offset + size : 0);
  }
  return end <= bytes.length ? Uint8Array.from(bytes.subarray(0, end)) : undefined;
}

/** The program headers of an ELF file, each with its place in the file. */
function programHeaders(
  bytes: Uint8Array,
): { type: number; at: number; offset: number; address: number; size: number }[] {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const table = Number(view.readBigUInt64LE(32));
  const step = view.readUInt16LE(54);
  const found = [];
  for (let i = 0; i < view.readUInt16LE(56); i++) {
    const at = table + i * step;
    if (at + PROGRAM_HEADER_BYTES > view.length) break;
    const offset = Number(view.readBigUInt64LE(at + 8));
    found.push({
      type: view.readUInt32LE(at),
      at,
      offset,
      address: Number(view.readBigUInt64LE(at + 16)),
      size: Number(view.readBigUInt64LE(at + 32)),
    });
  }
  return found;
}

/** Path of the interpreter that a program asks for; undefined for a static one. */
function interpreterOf(headers: Uint8Array): string | undefined {
  const found = programHeaders(headers).find(({ type }) => type === PT_INTERP);
  if (found === undefined) return undefined;
  return Buffer.from(headers.subarray(found.offset, found.offset + found.size))
    .toString()
    .replace(/\0.*$/s, "");
}

/** Page of the first segment: what the first mapping of the file shows. */
function firstAddress(headers: Uint8Array): number {
  const first = programHeaders(headers).find(({ type }) => type === PT_LOAD);
  return first === undefined ? 0 : Math.floor(first.address / 4096) * 4096;
}

/** Mappings of files, by address. Memory that belongs to no file has inode 0. */
function readMappings(pid: number): Mapping[] {
  const found: Mapping[] = [];
  for (const line of readText(`/proc/${pid}/maps`)?.split("\n") ?? []) {
    const match = /^([0-9a-f]+)-[0-9a-f]+ \S+ ([0-9a-f]+) \S+ (\d+) +(\/.*)$/.exec(line);
    if (match !== null && match[3] !== "0") {
      found.push({
        start: Number.parseInt(match[1]!, 16),
        offset: Number.parseInt(match[2]!, 16),
        path: match[4]!,
      });
    }
  }
  return found;
}

/** A file of strings that end with 0 (cmdline, environ); undefined when the process is gone. */
function readStrings(file: string): string[] | undefined {
  const text = readText(file);
  return text === undefined || text === "" ? undefined : text.replace(/\0$/, "").split("\0");
}

/** A file's text, or undefined when it cannot be read. */
function readText(file: string): string | undefined {
  try {
    return fs.readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
}

/** Where a symbolic link leads, or undefined. */
function linkTarget(link: string): string | undefined {
  try {
    return fs.readlinkSync(link);
  } catch {
    return undefined;
  }
}

/** A path without links, or undefined when nothing is there. */
function realPath(file: string): string | undefined {
  try {
    return fs.realpathSync(file);
  } catch {
    return undefined;
  }
}
