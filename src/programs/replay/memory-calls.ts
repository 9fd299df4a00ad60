/**
 * Recorded calls that change mappings, replayed. The kernel chose most addresses then, and it chooses again now.
 *
 * Valgrind stops the heap of brk at 8 MiB; glibc then maps memory instead. Linux would have let the heap grow, so that is
 * what the replay does with the mapping that follows a brk refused by valgrind.
 * Doc: docs/pwt.md
 */
import { isKnown, movedPieces } from "./address-map.ts";
import { callName } from "./call-names.ts";
import { fdArg, PAGE, type Planning } from "./planning.ts";
import { type Action, type CallAction, note, remember } from "./process.ts";

const PROT_READ_WRITE = 3;
const MAP_TYPE = 15;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MAP_LOCKED = 0x2000;
const MAP_HUGETLB = 0x40000;
const MAP_FIXED_NOREPLACE = 0x100000;
const NR_MMAP = 9;
const NR_MUNMAP = 11;
const NR_BRK = 12;

/** A mapping: at a fixed place it goes where that place is now, else the kernel chooses. */
export function planMmap(p: Planning): Action[] {
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
  if (!isFixed)
    return isHeapInstead(p) ? [growHeap(p, chosen(call.result, bytes, 0))] : [chosen(call.result, bytes, 0)];
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

/** Whether a mapping is what glibc takes when the heap cannot grow, which on Linux it could have. */
function isHeapInstead(p: Planning): boolean {
  const { space } = p.process;
  const [address, bytes = 0, prot, flags] = p.call.args;
  const { heapWanted } = space;
  space.heapWanted = 0;
  return (
    heapWanted > 0 &&
    bytes >= heapWanted &&
    address === 0 &&
    prot === PROT_READ_WRITE &&
    flags === (MAP_PRIVATE | MAP_ANONYMOUS)
  );
}

/** Grows the heap by a recorded mapping; `otherwise` is done when it cannot grow here either. */
function growHeap(p: Planning, otherwise: CallAction): CallAction {
  const { call, process } = p;
  const { space } = process;
  const bytes = Math.ceil(call.args[1]! / PAGE) * PAGE;
  const from = space.heapEnd;
  return {
    kind: "call",
    nr: NR_BRK,
    args: [from + bytes],
    done: (result) => {
      if (result !== from + bytes) {
        process.actions.unshift(otherwise);
        return;
      }
      space.heapEnd = result;
      remember(process, call.result, from, bytes);
    },
  };
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
export function planByRange(p: Planning): Action[] {
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

/**
 * The heap begins where each kernel put it, and grows by the same steps. Where valgrind refused to let it grow, how much
 * was wanted is kept for planMmap.
 */
export function planBrk(p: Planning): Action[] {
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
        space.heapEnd = result;
      },
    };
    if (asked === 0) return [learn];
    note(p.replay, "the first brk was no question: the heap may begin elsewhere");
    return [learn];
  }
  if (asked === 0) return [];
  if (asked !== call.result) {
    space.heapWanted = Math.max(0, asked - call.result);
    return [];
  }
  const target = space.heapTo + asked - space.heapFrom;
  return [
    {
      kind: "call",
      nr: NR_BRK,
      args: [target],
      done: (result) => {
        if (result !== target) note(p.replay, "brk was refused; it succeeded when it was recorded");
        else remember(process, space.heapFrom, space.heapTo, asked - space.heapFrom);
        space.heapEnd = result;
      },
    },
  ];
}

/**
 * mremap is not in the simulated kernel. No content moves: what the call moved stays where it is, under its new recorded
 * address; what it cut off is unmapped; what it added is mapped behind the old end if there is room, else elsewhere.
 * Faults and resident memory are those of mremap; the mappings are in more pieces.
 */
export function planMremap(p: Planning): Action[] {
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
