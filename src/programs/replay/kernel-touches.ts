/**
 * Which user memory the kernel itself reads and writes in the calls that a replay does not hand to the simulated
 * kernel: such an access faults like the program's own, in the kernel's name.
 *
 * `r` is read (copy_from_user), `w` written (copy_to_user). Strings are known from the recording and always read.
 * Linux: the prototypes in include/linux/syscalls.h (6.12)   Doc: man 2 of each call
 */
import type { CallEvent } from "./events.ts";

/** A piece of user memory that the kernel touches, by recorded address. */
export interface UserTouch {
  readonly address: number;
  readonly bytes: number;
  readonly isStore: boolean;
}

/** Size of a piece: bytes, or what it depends on. */
type Size = number | "result" | { readonly argument: number; readonly unit: number };
type Row = readonly [argument: number, mode: "r" | "w", size: Size];

const STAT_BYTES = 144;
const items = (argument: number, unit: number): Size => ({ argument, unit });

/** By call number. Calls that are not here touch no user memory, or only strings. */
const TOUCHES: Readonly<Record<number, readonly Row[]>> = {
  0: [[1, "w", "result"]], // read
  1: [[1, "r", "result"]], // write
  4: [[1, "w", STAT_BYTES]], // stat
  5: [[1, "w", STAT_BYTES]], // fstat
  6: [[1, "w", STAT_BYTES]], // lstat
  7: [[0, "w", items(1, 8)]], // poll
  13: [
    [1, "r", 32],
    [2, "w", 32],
  ], // rt_sigaction
  14: [
    [1, "r", 8],
    [2, "w", 8],
  ], // rt_sigprocmask
  17: [[1, "w", "result"]], // pread64
  18: [[1, "r", "result"]], // pwrite64
  19: [[1, "r", items(2, 16)]], // readv: the list; where it points to is not recorded
  20: [[1, "r", items(2, 16)]], // writev
  22: [[0, "w", 8]], // pipe
  35: [[0, "r", 16]], // nanosleep
  42: [[1, "r", items(2, 1)]], // connect
  44: [[1, "r", "result"]], // sendto
  45: [[1, "w", "result"]], // recvfrom
  46: [[1, "r", 56]], // sendmsg
  47: [[1, "w", 56]], // recvmsg
  49: [[1, "r", items(2, 1)]], // bind
  51: [[1, "w", 16]], // getsockname
  52: [[1, "w", 16]], // getpeername
  53: [[3, "w", 8]], // socketpair
  63: [[0, "w", 390]], // uname
  78: [[1, "w", "result"]], // getdents
  79: [[0, "w", "result"]], // getcwd
  89: [[1, "w", "result"]], // readlink
  97: [[1, "w", 16]], // getrlimit
  98: [[1, "w", STAT_BYTES]], // getrusage
  99: [[0, "w", 112]], // sysinfo
  100: [[0, "w", 32]], // times
  131: [
    [0, "r", 24],
    [1, "w", 24],
  ], // sigaltstack
  137: [[1, "w", 120]], // statfs
  138: [[1, "w", 120]], // fstatfs
  160: [[1, "r", 16]], // setrlimit
  191: [[2, "w", "result"]], // getxattr
  192: [[2, "w", "result"]], // lgetxattr
  193: [[2, "w", "result"]], // fgetxattr
  194: [[1, "w", "result"]], // listxattr
  195: [[1, "w", "result"]], // llistxattr
  202: [[0, "r", 4]], // futex
  204: [[2, "w", "result"]], // sched_getaffinity
  217: [[1, "w", "result"]], // getdents64
  229: [[1, "w", 16]], // clock_getres
  230: [[2, "r", 16]], // clock_nanosleep
  232: [[1, "w", 12]], // epoll_wait
  247: [[2, "w", 128]], // waitid
  262: [[2, "w", STAT_BYTES]], // newfstatat
  267: [[2, "w", "result"]], // readlinkat
  271: [[0, "w", items(1, 8)]], // ppoll
  293: [[0, "w", 8]], // pipe2
  302: [
    [2, "r", 16],
    [3, "w", 16],
  ], // prlimit64
  318: [[0, "w", "result"]], // getrandom
  332: [[4, "w", 256]], // statx
};

const NR_IOCTL = 16;
/** What the ioctls of a terminal write (TCGETS, TIOCGWINSZ, FIONREAD); of others nothing is known. */
const IOCTL_BYTES: Readonly<Record<number, number>> = { 21505: 36, 21523: 8, 21531: 4 };

/** What the kernel touched in a recorded call, in the order of the arguments. A call that failed wrote nothing. */
export function touchesOf(call: CallEvent): UserTouch[] {
  const found: UserTouch[] = [];
  call.strings.forEach((length, argument) => {
    if (length >= 0) found.push({ address: call.args[argument]!, bytes: length + 1, isStore: false });
  });
  for (const [argument, mode, size] of TOUCHES[call.nr] ?? [])
    addTouch(found, call, argument, mode === "w", sizeOf(call, size));
  if (call.nr === NR_IOCTL) addTouch(found, call, 2, true, IOCTL_BYTES[call.args[1]!] ?? 0);
  return found;
}

/** Adds an argument's memory, unless it is a null pointer, empty, or would have been written by a call that failed. */
function addTouch(
  found: UserTouch[],
  call: CallEvent,
  argument: number,
  isStore: boolean,
  bytes: number,
): void {
  const address = call.args[argument] ?? 0;
  if (address <= 0 || bytes <= 0 || (isStore && call.result < 0)) return;
  found.push({ address, bytes, isStore });
}

/** Bytes of a piece in this call. */
function sizeOf(call: CallEvent, size: Size): number {
  if (typeof size === "number") return size;
  return size === "result" ? call.result : (call.args[size.argument] ?? 0) * size.unit;
}
