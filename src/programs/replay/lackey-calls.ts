/**
 * Reads the lines that valgrind's `--trace-syscalls=yes` puts between the accesses.
 *
 *     SYSCALL[7232,1](9) sys_mmap ( 0x0, 8192, 3, 34, 4294967295, 0 ) --> [pre-success] Success(0x4835000)
 *     SYSCALL[7232,1](257) sys_openat ( 4294967196, 0x40290b1(/etc/ld.so.cache), 524288 ) --> [async] ...
 *     SYSCALL[7232,1](257) ... [async] --> Success(0x4)
 *     SYSCALL[7232,1](58) sys_fork ( )   fork: process 7232 created child 7233
 *      --> [pre-success] Success(0x1c41)
 *
 * A call that waits is written twice, and any line may be broken before its result.
 * Doc: valgrind manual, section "Basic Options"
 */

/** A call as far as it has been read. */
export interface LackeyCall {
  readonly nr: number;
  readonly name: string;
  readonly thread: number;
  readonly args: readonly number[];
  /** By argument: the string valgrind shows behind an address, or undefined. */
  readonly strings: readonly (string | undefined)[];
  /** Process made by this call, from the remark behind it; 0 for none. */
  childPid: number;
  /** Undefined until it is known. */
  result: number | undefined;
}

/** Calls without result, by thread, and the thread whose line was broken off. */
export interface LackeyCalls {
  readonly open: Map<number, LackeyCall>;
  lastThread: number;
}

const NR_CLONE = 56;
const NR_ARCH_PRCTL = 158;

/** A reader that has seen nothing. */
export function createLackeyCalls(): LackeyCalls {
  return { open: new Map(), lastThread: 0 };
}

/** Reads a line; returns the call that it completes, or undefined. */
export function readCallLine(calls: LackeyCalls, line: string): LackeyCall | undefined {
  const head = /^SYSCALL\[(\d+),(\d+)\]\((\d+)\) ?(.*)$/s.exec(line);
  if (head === null) {
    const call = calls.open.get(calls.lastThread);
    return call === undefined ? undefined : takeRemark(calls, call, line);
  }
  const thread = Number(head[2]);
  const nr = Number(head[3]);
  const rest = head[4]!;
  calls.lastThread = thread;
  const known = calls.open.get(thread);
  if (rest.startsWith("... [async]") && known !== undefined && known.nr === nr)
    return takeRemark(calls, known, rest);
  const name = /^\w*/.exec(rest)![0];
  const { args, strings, end } = readArguments(nr, rest, name.length);
  const call: LackeyCall = { nr, name, thread, args, strings, childPid: 0, result: undefined };
  calls.open.set(thread, call);
  return takeRemark(calls, call, rest.slice(end));
}

/** What stands behind the arguments: a remark about a child, a result. */
function takeRemark(calls: LackeyCalls, call: LackeyCall, text: string): LackeyCall | undefined {
  const child = /process \d+ created child (\d+)/.exec(text);
  if (child !== null) call.childPid = Number(child[1]);
  const result = /(Success|Failure)\(0x([0-9a-f]+)\)/.exec(text);
  if (result === null) return undefined;
  const value = Number.parseInt(result[2]!, 16);
  call.result = result[1] === "Failure" ? -value : signed(value);
  calls.open.delete(call.thread);
  return call;
}

/** Reads `( 0x0, 8192, 0x40290b1(/etc/ld.so.cache) )` from `at` on; `end` is behind it. */
function readArguments(
  nr: number,
  text: string,
  from: number,
): { args: number[]; strings: (string | undefined)[]; end: number } {
  const args: number[] = [];
  const strings: (string | undefined)[] = [];
  let at = text.indexOf("(", from) + 1;
  // Behind "unimplemented" stands prose, not arguments.
  const isCall = !text.startsWith("unimplemented") && /^ *\($/.test(text.slice(from, at));
  if (!isCall) return { args, strings, end: from };
  for (;;) {
    const word = /^ *(?:(-?[0-9a-zA-Z]+)|(?=\)))/.exec(text.slice(at));
    if (word === null) return { args, strings, end: at };
    at += word[0].length;
    let string: string | undefined;
    if (word[1] !== undefined && text[at] === "(") {
      // The string itself may hold parentheses: it ends before the next argument or the end of the call.
      const close = /\)(?=, | \)|\))/.exec(text.slice(at));
      const end = close === null ? text.length : at + close.index;
      string = text.slice(at + 1, end);
      at = end + 1;
    }
    if (word[1] !== undefined) {
      args.push(numberOf(nr, args.length, word[1]));
      strings.push(string);
    }
    const separator = /^ *([,)])/.exec(text.slice(at));
    if (separator === null) return { args, strings, end: at };
    at += separator[0].length;
    if (separator[1] === ")") return { args, strings, end: at };
  }
}

/** Some arguments are in hexadecimal without a mark; which ones is known by call. */
function numberOf(nr: number, argument: number, word: string): number {
  if (word.startsWith("0x")) return signed(Number.parseInt(word.slice(2), 16));
  const isHex =
    (nr === NR_CLONE && argument === 0) || (nr === NR_ARCH_PRCTL && argument === 1) || !/^-?\d+$/.test(word);
  const value = Number.parseInt(word, isHex ? 16 : 10);
  return Number.isNaN(value) ? 0 : signed(value);
}

/** A 64-bit register as a signed number, exact where a program's addresses and sizes are. */
function signed(value: number): number {
  return value >= 2 ** 63 ? value - 2 ** 64 : value > 2 ** 52 ? 2 ** 52 : value;
}
