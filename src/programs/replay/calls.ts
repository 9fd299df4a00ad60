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
import { isKnown, movedAddress, movedPieces } from "./address-map.ts";
import { callName } from "./call-names.ts";
import type { CallEvent, FileEvent } from "./events.ts";
import { inodeOf, isRegular } from "./files.ts";
import { touchesOf, type UserTouch } from "./kernel-touches.ts";
import { type Action, type CallAction, note, type Replay, type ReplayProcess, remember } from "./process.ts";

/** What every call is planned from. */
interface Planning {
  readonly replay: Replay;
  readonly k: Kernel;
  readonly process: ReplayProcess;
  readonly call: CallEvent;
}

const PAGE = 4096;
const PROT_READ_WRITE = 3;
const MAP_TYPE = 15;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_LOCKED = 0x2000;
const MAP_HUGETLB = 0x40000;
const MAP_FIXED_NOREPLACE = 0x100000;
const O_TRUNC = 0o1000;
const O_ACCMODE = 3;
const SEEK_SET = 0;
const NR_LSEEK = 8;
const NR_MMAP = 9;
const NR_MUNMAP = 11;
const NR_BRK = 12;
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
  28: planByRange,
  32: planDup,
  33: planDup,
  56: planFork,
  57: planFork,
  58: planFork,
  61: planWait,
  72: planFcntl,
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
  26: "msync is not in the simulated kernel",
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

/** Touched memory as actions, where its pages are now. */
function touches(p: Planning, found: readonly UserTouch[]): Action[] {
  return found.flatMap(({ address, bytes, isStore }) =>
    movedPieces(p.process.space.map, address, bytes).map((piece) => ({
      kind: "touch" as const,
      page: Math.floor(piece.to / PAGE),
      end: Math.floor((piece.to + piece.bytes - 1) / PAGE) + 1,
      isStore,
    })),
  );
}

function planNothing(): Action[] {
  return [];
}

/** A recorded descriptor as the process passed it: an int in a register. */
function fdArg(call: CallEvent, index: number): number {
  return (call.args[index] ?? -1) | 0;
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

function flagsOf(call: CallEvent): number {
  if (call.nr === 85) return O_TRUNC | 1;
  return call.nr === 2 ? call.args[1]! : call.nr === 257 ? call.args[2]! : 2;
}

function planClose(p: Planning): Action[] {
  const recorded = fdArg(p.call, 0);
  const fd = p.process.fds.get(recorded);
  p.process.fds.delete(recorded);
  return fd === undefined ? [] : [{ kind: "call", nr: p.call.nr, args: [fd] }];
}

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

function planFcntl(p: Planning): Action[] {
  const command = p.call.args[1];
  return command === F_DUPFD || command === F_DUPFD_CLOEXEC ? planDup(p) : [];
}

function planFtruncate(p: Planning): Action[] {
  const fd = p.process.fds.get(fdArg(p.call, 0));
  return fd === undefined ? [] : [{ kind: "call", nr: NR_FTRUNCATE, args: [fd, p.call.args[1]!] }];
}

/** A mapping: at a fixed place it goes where that place is now, else the kernel chooses. */
function planMmap(p: Planning): Action[] {
  const { call, process } = p;
  const [address = 0, bytes = 0, prot = 0, , , offset = 0] = call.args;
  const { flags, fd } = mappingOf(p);
  const isFixed = (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) !== 0;
  const chosen = (from: number, length: number, skip: number): CallAction => ({
    kind: "call",
    nr: NR_MMAP,
    args: [0, length, prot, flags & ~(MAP_FIXED | MAP_FIXED_NOREPLACE), fd, offset + skip],
    done: (result) => {
      if (result < 0) note(p.replay, "a mapping that succeeded when it was recorded was refused");
      else remember(process, from, result, length);
    },
  });
  if (!isFixed) return [chosen(call.result, bytes, 0)];
  return movedPieces(process.space.map, address, bytes).map((piece) => {
    const skip = piece.from - address;
    // Nothing was at this place before: the new kernel may have something there, which is not to be replaced.
    const isFree = !isKnown(process.space.map, Math.floor(piece.from / PAGE));
    return {
      kind: "call",
      nr: NR_MMAP,
      args: [piece.to, piece.bytes, prot, isFree ? flags | MAP_FIXED_NOREPLACE : flags, fd, offset + skip],
      done: (result) => {
        if (result >= 0) remember(process, piece.from, piece.to, piece.bytes);
        else process.actions.unshift(chosen(piece.from, piece.bytes, skip));
      },
    };
  });
}

/** Flags and descriptor for the simulated kernel: what it does not have becomes private anonymous memory. */
function mappingOf(p: Planning): { flags: number; fd: number } {
  let flags = p.call.args[3]! & ~(MAP_LOCKED | MAP_HUGETLB);
  const fd = (flags & MAP_ANONYMOUS) !== 0 ? -1 : (p.process.fds.get(fdArg(p.call, 4)) ?? -1);
  if ((p.call.args[3]! & MAP_HUGETLB) !== 0)
    note(p.replay, "memory of huge pages was mapped with small ones");
  if (fd < 0 && (flags & MAP_ANONYMOUS) === 0) {
    note(p.replay, "a mapping of something that is no regular file is anonymous memory here");
    flags |= MAP_ANONYMOUS;
  }
  if (fd < 0 && (flags & MAP_TYPE) === MAP_SHARED) {
    note(p.replay, "shared anonymous memory is private here");
    flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
  }
  return { flags, fd };
}

/** munmap, mprotect, madvise: once for each part of the range that moved as one. */
function planByRange(p: Planning): Action[] {
  const { call, process } = p;
  const [address = 0, bytes = 0, third = 0] = call.args;
  const length = Math.ceil(bytes / PAGE) * PAGE;
  return movedPieces(process.space.map, address, length).map((piece) => ({
    kind: "call",
    nr: call.nr,
    args: [piece.to, piece.bytes, third],
    done: (result) => {
      if (result < 0) note(p.replay, `${callName(call.nr)} was refused; it succeeded when it was recorded`);
    },
  }));
}

/** The heap begins where each kernel put it, and grows by the same steps. */
function planBrk(p: Planning): Action[] {
  const { call, process } = p;
  const { space } = process;
  const [asked = 0] = call.args;
  if (space.heapFrom === 0) {
    const learn: CallAction = {
      kind: "call",
      nr: NR_BRK,
      args: [0],
      done: (result) => {
        space.heapFrom = call.result;
        space.heapTo = result;
      },
    };
    if (asked === 0) return [learn];
    note(p.replay, "the first brk was no question: the heap may begin elsewhere");
    return [learn];
  }
  if (asked === 0 || asked !== call.result) return [];
  const target = space.heapTo + asked - space.heapFrom;
  return [
    {
      kind: "call",
      nr: NR_BRK,
      args: [target],
      done: (result) => {
        if (result !== target) note(p.replay, "brk was refused; it succeeded when it was recorded");
        else remember(process, space.heapFrom, space.heapTo, asked - space.heapFrom);
      },
    },
  ];
}

/**
 * mremap is not in the simulated kernel. No content moves: what the call moved stays where it is, under its new recorded
 * address; what it cut off is unmapped; what it added is mapped behind the old end if there is room, else elsewhere.
 * Faults and resident memory are those of mremap; the mappings are in more pieces.
 */
function planMremap(p: Planning): Action[] {
  const { call, process, replay } = p;
  const { map } = process.space;
  const [from = 0, oldBytes = 0, newBytes = 0] = call.args;
  const oldLength = Math.ceil(oldBytes / PAGE) * PAGE;
  const newLength = Math.ceil(newBytes / PAGE) * PAGE;
  note(replay, "mremap: the mapping was enlarged or cut in place instead of moved");
  const kept = movedPieces(map, from, Math.min(oldLength, newLength));
  const cut = movedPieces(map, from + newLength, Math.max(0, oldLength - newLength));
  for (const piece of kept) remember(process, call.result + piece.from - from, piece.to, piece.bytes);
  const actions: Action[] = cut.map((piece) => ({
    kind: "call",
    nr: NR_MUNMAP,
    args: [piece.to, piece.bytes],
  }));
  const added = newLength - oldLength;
  const last = kept.at(-1);
  if (added <= 0 || last === undefined) return actions;
  const mapAt = (at: number, flags: number, done: (result: number) => void): CallAction => ({
    kind: "call",
    nr: NR_MMAP,
    args: [at, added, PROT_READ_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0],
    done,
  });
  const place = (result: number): void => remember(process, call.result + oldLength, result, added);
  actions.push(
    mapAt(last.to + last.bytes, MAP_FIXED_NOREPLACE, (result) => {
      if (result >= 0) place(result);
      else process.actions.unshift(mapAt(0, 0, place));
    }),
  );
  return actions;
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
