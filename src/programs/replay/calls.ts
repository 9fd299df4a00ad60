/**
 * Recorded system calls, replayed: which of them the simulated kernel does, with what arguments, and what memory the
 * kernel touches in the others.
 *
 * The recorded result says whether a call succeeded; one that failed changed nothing and is played only for what it
 * read. Addresses are moved to where their pages are now, and an address that the kernel chose it chooses again. Files are
 * the regular ones only: pipes, terminals, sockets and directories are memory that is touched.
 * Doc: docs/pwt.md
 */
import { installFd, type Kernel, openFile } from "../../core/index.ts";
import { movedAddress, movedPieces } from "./address-map.ts";
import { callName } from "./call-names.ts";
import type { CallEvent, FileEvent } from "./events.ts";
import { inodeOf, isRegular } from "./files.ts";
import { touchesOf, type UserTouch } from "./kernel-touches.ts";
import { planBrk, planByRange, planMmap, planMremap } from "./memory-calls.ts";
import { fdArg, PAGE, type Planning, touches } from "./planning.ts";
import { type Action, note, type Replay, type ReplayProcess } from "./process.ts";

const O_TRUNC = 0o1000;
const O_ACCMODE = 3;
const SEEK_SET = 0;
const NR_LSEEK = 8;
const NR_DUP = 32;
const NR_CLONE = 56;
const NR_WAIT4 = 61;
const NR_FTRUNCATE = 77;
const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const CLONE_VM = 0x100;
const CLONE_VFORK = 0x4000;
const CLONE_PARENT_SETTID = 0x100000;
const CLONE_CHILD_SETTID = 0x1000000;
/** Pages of clock data before the code of the vdso. */
const VVAR_PAGES = 4;

/** The planner of each call that is more than touched memory. */
const PLANNERS: Readonly<Record<number, (p: Planning) => Action[]>> = {
  0: planTransfer,
  1: planTransfer,
  2: planOpen,
  3: planClose,
  8: planSeek,
  9: planMmap,
  10: planByRange,
  11: planByRange,
  12: planBrk,
  17: planTransfer,
  18: planTransfer,
  25: planMremap,
  26: planByRange,
  28: planByRange,
  32: planDup,
  33: planDup,
  56: planFork,
  57: planFork,
  58: planFork,
  61: planWait,
  72: planFcntl,
  74: planByFd,
  75: planByFd,
  77: planFtruncate,
  85: planOpen,
  96: planClock,
  201: planClock,
  228: planClock,
  247: planWaitid,
  257: planOpen,
  292: planDup,
  309: planClock,
  435: planNothing,
  437: planOpen,
};

/** Calls after which something is missing in the replay, and what. */
const NOT_PLAYED: Readonly<Record<number, string>> = {
  19: "readv: the buffers behind its list were not recorded",
  20: "writev: the buffers behind its list were not recorded",
  29: "System V shared memory is not in the simulated kernel",
  30: "System V shared memory is not in the simulated kernel",
  40: "sendfile moves no page here",
  76: "truncate by path is not played",
  149: "mlock is not in the simulated kernel",
  285: "fallocate is not in the simulated kernel",
  326: "copy_file_range moves no page here",
};

/** The actions that replay a call, in order. Counts the call. */
export function planCall(replay: Replay, k: Kernel, process: ReplayProcess, call: CallEvent): Action[] {
  const name = callName(call.nr);
  const counted = replay.summary.calls.get(name) ?? { count: 0, errors: 0 };
  counted.count++;
  if (call.result < 0) counted.errors++;
  replay.summary.calls.set(name, counted);
  const planning = { replay, k, process, call };
  const planner = call.result < 0 ? undefined : PLANNERS[call.nr];
  const missing = NOT_PLAYED[call.nr];
  if (missing !== undefined && call.result >= 0) note(replay, missing);
  return planner === undefined ? touches(planning, touchesOf(call)) : planner(planning);
}

/** clone3 as valgrind answers it: ENOSYS, upon which the C library uses clone. */
function planNothing(): Action[] {
  return [];
}

/** read, write, pread, pwrite: by the page cache for a regular file, else memory that is touched. */
function planTransfer(p: Planning): Action[] {
  const { call, process } = p;
  const fd = process.fds.get(fdArg(call, 0));
  if (fd === undefined || call.result === 0) return touches(p, touchesOf(call));
  const pieces = movedPieces(process.space.map, call.args[1]!, call.result);
  return pieces.map((piece) => ({
    kind: "call",
    nr: call.nr,
    args: [fd, piece.to, piece.bytes, (call.args[3] ?? 0) + piece.from - call.args[1]!],
    done: (result) => {
      if (result !== piece.bytes)
        note(p.replay, `${callName(call.nr)} transferred less than it did when it was recorded`);
    },
  }));
}

/** An open gives a descriptor for a regular file; anything else is known by what its calls touch. */
function planOpen(p: Planning): Action[] {
  const { call, process, replay, k } = p;
  const actions = touches(p, touchesOf(call));
  const file = process.files.get(call.file);
  process.fds.delete(call.result);
  if (file === undefined || !isRegular(file)) return actions;
  const flags = flagsOf(call);
  const fd = openModelled(replay, k, process, file, flags);
  if (fd < 0) return actions;
  process.fds.set(call.result, fd);
  if ((flags & O_TRUNC) !== 0) actions.push({ kind: "call", nr: NR_FTRUNCATE, args: [fd, 0] });
  return actions;
}

/** Opens a recorded file for the task; returns its descriptor, or a negative errno. */
function openModelled(
  replay: Replay,
  k: Kernel,
  process: ReplayProcess,
  file: FileEvent,
  flags: number,
): number {
  const inode = inodeOf(replay.inodes, k, file);
  if (inode < 0) return inode;
  // Emptying needs a descriptor to write to, which O_TRUNC alone does not give.
  const mode = (flags & O_TRUNC) !== 0 && (flags & O_ACCMODE) === 0 ? 2 : flags & O_ACCMODE;
  const open = openFile(k, inode, mode | (flags & 0o2000));
  return open < 0 ? open : installFd(k, process.task, open);
}

/** O_* flags of an open; openat2 has them in memory that was not recorded, so it opens to read and write. */
function flagsOf(call: CallEvent): number {
  if (call.nr === 85) return O_TRUNC | 1;
  return call.nr === 2 ? call.args[1]! : call.nr === 257 ? call.args[2]! : 2;
}

/** A descriptor that stands for nothing here is closed without a call. */
function planClose(p: Planning): Action[] {
  const recorded = fdArg(p.call, 0);
  const fd = p.process.fds.get(recorded);
  p.process.fds.delete(recorded);
  return fd === undefined ? [] : [{ kind: "call", nr: p.call.nr, args: [fd] }];
}

/** The position that lseek came to is set as it is: the file may have had another size. */
function planSeek(p: Planning): Action[] {
  const fd = p.process.fds.get(fdArg(p.call, 0));
  return fd === undefined ? [] : [{ kind: "call", nr: NR_LSEEK, args: [fd, p.call.result, SEEK_SET] }];
}

/** dup, dup2, dup3 and the fcntl that does the same: the result stands for the same open file. */
function planDup(p: Planning): Action[] {
  const { fds } = p.process;
  const fd = fds.get(fdArg(p.call, 0));
  const replaced = fds.get(p.call.result);
  const actions: Action[] = [];
  if (p.call.nr !== NR_DUP && replaced !== undefined && fdArg(p.call, 0) !== p.call.result) {
    actions.push({ kind: "call", nr: 3, args: [replaced] });
    fds.delete(p.call.result);
  }
  if (fd !== undefined)
    actions.push({
      kind: "call",
      nr: NR_DUP,
      args: [fd],
      done: (result) => void fds.set(p.call.result, result),
    });
  return actions;
}

/** Of fcntl only the commands that make a descriptor matter. */
function planFcntl(p: Planning): Action[] {
  const command = p.call.args[1];
  return command === F_DUPFD || command === F_DUPFD_CLOEXEC ? planDup(p) : [];
}

/** A file gets its recorded length. */
/** fsync and fdatasync. */
function planByFd(p: Planning): Action[] {
  const fd = p.process.fds.get(fdArg(p.call, 0));
  return fd === undefined ? [] : [{ kind: "call", nr: p.call.nr, args: [fd] }];
}

function planFtruncate(p: Planning): Action[] {
  const fd = p.process.fds.get(fdArg(p.call, 0));
  return fd === undefined ? [] : [{ kind: "call", nr: NR_FTRUNCATE, args: [fd, p.call.args[1]!] }];
}

/** fork, vfork, clone: a process of its own gets a task; a thread goes on as part of its process. */
function planFork(p: Planning): Action[] {
  const { call, process } = p;
  const { map } = process.space;
  if (call.nr !== NR_CLONE) return [{ kind: "call", nr: call.nr, args: [] }];
  const flags = call.args[0]!;
  const parentTid = call.args[2] ?? 0;
  const childTid = call.args[3] ?? 0;
  if ((flags & CLONE_VM) !== 0 && (flags & CLONE_VFORK) === 0) {
    note(p.replay, "threads of a process ran one after the other, as valgrind runs them");
    const words: UserTouch[] = [];
    if ((flags & CLONE_PARENT_SETTID) !== 0) words.push({ address: parentTid, bytes: 4, isStore: true });
    if ((flags & CLONE_CHILD_SETTID) !== 0) words.push({ address: childTid, bytes: 4, isStore: true });
    return touches(p, words);
  }
  return [
    {
      kind: "call",
      nr: NR_CLONE,
      args: [flags, 0, parentTid && movedAddress(map, parentTid), childTid && movedAddress(map, childTid), 0],
    },
  ];
}

/** Waits for the child that ended when it was recorded. */
function planWait(p: Planning): Action[] {
  const { call, replay, process } = p;
  const { map } = process.space;
  const child = replay.pids.get(call.result);
  if (call.result === 0 || child === undefined) return [];
  const status = call.args[1] ?? 0;
  const usage = call.args[3] ?? 0;
  return [
    {
      kind: "call",
      nr: NR_WAIT4,
      args: [child, status && movedAddress(map, status), 0, usage && movedAddress(map, usage)],
    },
  ];
}

/** waitid tells in its buffer whom it waited for, so any child will do. */
function planWaitid(p: Planning): Action[] {
  return [...touches(p, touchesOf(p.call)), { kind: "call", nr: NR_WAIT4, args: [-1, 0, 0, 0] }];
}

/**
 * The clock calls of vdso, which valgrind hides so that they become system calls. Without it the program fetches from
 * the vdso and reads the kernel's page of clock data beside it.
 */
function planClock(p: Planning): Action[] {
  const { k, process, call } = p;
  const vdso = Math.floor(k.mm.vdso[k.task.mm[process.task]!]! / PAGE);
  const own: Action[] = [];
  if (vdso > 0)
    own.push(
      { kind: "touch", page: vdso, end: vdso + 1, isStore: false },
      { kind: "touch", page: vdso - VVAR_PAGES, end: vdso - VVAR_PAGES + 1, isStore: false },
    );
  const buffer = call.nr === 228 ? call.args[1]! : call.args[0]!;
  return buffer > 0 ? [...own, ...touches(p, [{ address: buffer, bytes: 16, isStore: true }])] : own;
}
