/**
 * The transcript's words: how a statement's line is put together, and how results are written.
 * Doc: docs/script.md, section 9
 */
import {
  errnoName,
  FAULT_OOM,
  FAULT_SEGV_ACCERR,
  FAULT_SEGV_MAPERR,
  FAULT_SIGBUS,
  SIGBUS,
  SIGKILL,
  SIGSEGV,
} from "../../core/index.ts";
import { formatAddress, type Regions } from "./regions.ts";

/** Faults a statement took. */
export interface FaultCount {
  readonly minor: number;
  readonly major: number;
}

/** The first line of a transcript. */
export function basesLine(bases: {
  readonly text: number;
  readonly heap: number;
  readonly top: number;
  readonly stack: number;
}): string {
  const hex = (address: number) => `0x${address.toString(16)}`;
  return `bases text=${hex(bases.text)} heap=${hex(bases.heap)} top=${hex(bases.top)} stack=${hex(bases.stack)}`;
}

/** `STATEMENT = RESULT minor N major N`. */
export function resultLine(statement: string, result: string, faults: FaultCount): string {
  const minor = faults.minor > 0 ? ` minor ${faults.minor}` : "";
  const major = faults.major > 0 ? ` major ${faults.major}` : "";
  return `${statement} = ${result}${minor}${major}`;
}

/** A line of what `show` prints. */
export function shownLine(line: string): string {
  return `| ${line}`;
}

/** `-1 EINVAL` for a negative errno. */
export function formatErrno(result: number): string {
  return `-1 ${errnoName(-result)}`;
}

/** An outcome below 0 of an access at `address`: the signal, its code and the address. */
export function formatSignal(regions: Regions, code: number, address: number): string {
  if (code === FAULT_OOM) return "SIGKILL";
  const where = formatAddress(regions, address);
  if (code === FAULT_SEGV_MAPERR) return `SIGSEGV SEGV_MAPERR ${where}`;
  if (code === FAULT_SEGV_ACCERR) return `SIGSEGV SEGV_ACCERR ${where}`;
  return `SIGBUS BUS_ADRERR ${where}`;
}

/** The signal number of an outcome, for killing the task with it. */
export function signalOf(code: number): number {
  if (code === FAULT_OOM) return SIGKILL;
  return code === FAULT_SIGBUS ? SIGBUS : SIGSEGV;
}

/** Whether a processor with this many levels of page tables has the address: 48 or 57 bits, sign-extended. */
export function isCanonical(address: number, levels: number): boolean {
  const end = levels === 5 ? 2 ** 56 : 2 ** 47;
  return address >= -end && address < end;
}

const SIGNAL_NAMES: Readonly<Record<number, string>> = {
  [SIGBUS]: "SIGBUS",
  [SIGKILL]: "SIGKILL",
  [SIGSEGV]: "SIGSEGV",
};

/** What a wait status says: `exited 3`, `killed SIGSEGV`. */
export function formatWaitStatus(status: number): string {
  const signal = status & 0x7f;
  if (signal === 0) return `exited ${(status >> 8) & 0xff}`;
  return `killed ${SIGNAL_NAMES[signal] ?? `signal ${signal}`}`;
}

/** The value of 1, 2, 4 or 8 little-endian bytes in hexadecimal; for other lengths the hash that was computed. */
export function formatLoaded(bytes: Uint8Array, length: number, hash: number): string {
  if (length !== 1 && length !== 2 && length !== 4 && length !== 8) return formatFnv(hash);
  let value = 0n;
  for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(bytes[i]!);
  return `0x${value.toString(16)}`;
}

/** `fnv 0x811c9dc5`. */
export function formatFnv(hash: number): string {
  return `fnv 0x${hash.toString(16).padStart(8, "0")}`;
}
