/**
 * Replays a recording on a booted machine: a program for each recorded process, for src/programs/driver.ts to run.
 *
 *   stream 0 -> task, whose program plays: runs of accesses | exec | calls | fork -> a task for the child's stream | exit
 *
 * What the kernel chose is chosen again (addresses, descriptors, pids), what the program did is done again, in its order.
 * Threads of one process are one stream and run on one task, one after the other, as valgrind ran them.
 * Doc: docs/pwt.md
 */
import {
  ACCESS_KERNEL,
  ACCESS_LOAD,
  ACCESS_STORE,
  access,
  BLOCKED,
  createTask,
  doExecve,
  FAULT_OOM,
  findTask,
  type Kernel,
  killTask,
  NONE,
  panicMessage,
  readElf,
  readHiwaterRss,
  runAccesses,
  SIGKILL,
  SWAP_UNKNOWN_CONTENTS,
  syscall,
  TASK_ZOMBIE,
  type Task,
} from "../../core/index.ts";
import { attempt, type Program, type Programs, TURN_BLOCKED, TURN_ENDED, TURN_OVER } from "../driver.ts";
import { setRange } from "./address-map.ts";
import { bareProgram } from "./bare-program.ts";
import { planCall } from "./calls.ts";
import {
  type ChunkSource,
  EVENT_CALL,
  EVENT_EXEC,
  EVENT_EXIT,
  EVENT_FILE,
  EVENT_NONE,
  EVENT_NOTE,
  type ExecEvent,
  type FileEvent,
  type ProgramFile,
} from "./events.ts";
import { cacheFile, type FileSpec, inodeOf, isRegular } from "./files.ts";
import { formatError } from "./format-error.ts";
import { placeImage, placeStack, type SegmentList } from "./placement.ts";
import {
  type CallAction,
  createProcess,
  createSpace,
  nextRuns,
  note,
  type Replay,
  type ReplayProcess,
  type ReplaySummary,
  type TouchAction,
} from "./process.ts";

/** How a recording is to be replayed. */
export interface ReplayOptions {
  /** Files that are in the page cache before the program starts. */
  readonly cached?: readonly FileSpec[];
  /** Called for each task when its process is about to end, before its memory is given back. */
  readonly beforeExit?: (task: Task) => void;
}

/** A replay that has been set up: programs to drive, and what becomes of them. */
export interface StartedReplay {
  readonly programs: Programs;
  readonly summary: ReplaySummary;
}

/** Runs played in one go: long enough to be fast, short enough for turns to end in time. */
const SLICE_RUNS = 4096;
/** Memory that a bare trace gets where it touches: 2 MiB. */
const BARE_PAGES = 512;
const PROT_ALL = 7;
/** MAP_PRIVATE, MAP_ANONYMOUS, MAP_FIXED_NOREPLACE. */
const BARE_FLAGS = 0x100022;
/** Pages below vm.mmap_min_addr of a bare trace go above 4 GiB. */
const LOW_PAGES = 16;
const LOW_SHIFT = 1048576;
const NR_MMAP = 9;
const NR_VFORK = 58;
const NR_FORK = 57;
const NR_CLONE = 56;
const NR_EXIT_GROUP = 231;
const PAGE = 4096;

/** Sets up the replay of a source: a task for its stream 0. Driving the programs throws a FormatError for damaged data. */
export function startReplay(k: Kernel, source: ChunkSource, options: ReplayOptions = {}): StartedReplay {
  // A recording has no values: a page that was stored to may look all zeros, and is not.
  k.swap.state[SWAP_UNKNOWN_CONTENTS] = 1;
  const summary: ReplaySummary = { accesses: 0, calls: new Map(), notes: new Map(), ended: [] };
  const replay: Replay = {
    source,
    inodes: new Map(),
    pids: new Map(),
    summary,
    beforeExit: options.beforeExit,
  };
  for (const file of options.cached ?? []) {
    const inode = isRegular(file) ? inodeOf(replay.inodes, k, file) : NONE;
    if (inode > 0) cacheFile(k, inode);
  }
  const programs: Programs = new Map();
  const task = createTask(k, { comm: "trace" });
  const process = createProcess(0, task);
  if (source.isBare) startBare(replay, k, process);
  programs.set(task, programOf(replay, process));
  return { programs, summary };
}

/** Gives a trace that names no program an address space. Addresses that no program may map are moved up. */
function startBare(replay: Replay, k: Kernel, process: ReplayProcess): void {
  const headers = bareProgram();
  const file: FileEvent = {
    type: EVENT_FILE,
    id: 0,
    path: "/trace",
    mode: 0o100755,
    dev: 0x801,
    ino: 1,
    sizeBytes: PAGE,
  };
  process.files.set(0, file);
  cacheFile(k, inodeOf(replay.inodes, k, file));
  const event: ExecEvent = {
    type: EVENT_EXEC,
    program: { file: 0, headers, base: 0 },
    interpreter: null,
    argv: ["trace"],
    envLengths: [],
    stackPointer: 0,
  };
  attempt(k, process.task, () => execRecorded(replay, k, process, event));
  process.space = createSpace();
  setRange(process.space.map, 0, LOW_PAGES, LOW_SHIFT);
}

/** A process as the driver wants it. */
function programOf(replay: Replay, process: ReplayProcess): Program {
  return {
    run: (k, _task, untilNs, programs) => runProcess(replay, k, process, untilNs, programs),
    end: (k, signal) => endProcess(replay, k, process, signal),
  };
}

/** Plays until the turn is over, the process waits, or it has ended. */
function runProcess(
  replay: Replay,
  k: Kernel,
  process: ReplayProcess,
  untilNs: number,
  programs: Programs,
): number {
  const now = k.clock.ns;
  if (process.length < 0 && !nextRuns(replay, process)) return endProcess(replay, k, process, 0);
  do {
    const hasRuns = process.at < process.length;
    const outcome = hasRuns ? playRuns(replay, k, process) : playEvent(replay, k, process, programs);
    if (outcome !== TURN_OVER) return outcome;
    // Killed in a call, for want of memory.
    const signal = k.task.fatalSignal[process.task]!;
    if (signal !== 0) return endProcess(replay, k, process, signal);
    if (!hasRuns && !nextRuns(replay, process)) return endProcess(replay, k, process, 0);
  } while (now[0]! < untilNs);
  return TURN_OVER;
}

/** Plays the next slice of the chunk's runs. TURN_OVER when the process can go on. */
function playRuns(replay: Replay, k: Kernel, process: ReplayProcess): number {
  const { task, runs } = process;
  const to = Math.min(process.at + SLICE_RUNS, process.length);
  process.at = runAccesses(k, task, runs, process.at, to);
  if (process.at === to) return TURN_OVER;
  if (runs.outcome[0] === BLOCKED) return TURN_BLOCKED;
  // On a machine that has panicked nobody ends any more.
  if (runs.outcome[0] === FAULT_OOM && panicMessage(k) !== undefined) return TURN_BLOCKED;
  if (runs.outcome[0] === FAULT_OOM) return endProcess(replay, k, process, SIGKILL);
  if (replay.source.isBare && mapTouched(k, process)) return TURN_OVER;
  note(
    replay,
    "accesses to pages that were mapped when they were recorded and are not mapped here were left out",
  );
  process.at++;
  return TURN_OVER;
}

/** Maps anonymous memory around the page that a bare trace touches next. False when that cannot be. */
function mapTouched(k: Kernel, process: ReplayProcess): boolean {
  const { high, low } = process.runs;
  const page = high[process.at]! * 262144 + (low[process.at]! >>> 2);
  const first = Math.floor(page / BARE_PAGES) * BARE_PAGES;
  for (const [start, pages] of [
    [first, BARE_PAGES],
    [page, 1],
  ] as const) {
    if (syscall(k, process.task, NR_MMAP, [start * PAGE, pages * PAGE, PROT_ALL, BARE_FLAGS, -1, 0]) >= 0)
      return true;
  }
  return false;
}

/** Plays the chunk's event. TURN_OVER when that is done. */
function playEvent(replay: Replay, k: Kernel, process: ReplayProcess, programs: Programs): number {
  const { event } = process.chunk;
  switch (event.type) {
    case EVENT_NONE:
      return TURN_OVER;
    case EVENT_NOTE:
      note(replay, event.text);
      return TURN_OVER;
    case EVENT_FILE:
      process.files.set(event.id, event);
      return TURN_OVER;
    case EVENT_EXEC:
      return playExec(replay, k, process, event);
    case EVENT_EXIT:
      return endProcess(replay, k, process, event.status);
    case EVENT_CALL:
      if (!process.isEventPlanned) process.actions = planCall(replay, k, process, event);
      process.isEventPlanned = true;
      return playActions(replay, k, process, programs);
  }
}

/** Does what is left of a call, one action after the other; an action that waits is asked again. */
function playActions(replay: Replay, k: Kernel, process: ReplayProcess, programs: Programs): number {
  const { task } = process;
  while (process.actions.length > 0) {
    const action = process.actions[0]!;
    const result =
      action.kind === "touch"
        ? playTouch(k, task, action)
        : playCallAction(replay, k, process, action, programs);
    if (result === BLOCKED) return TURN_BLOCKED;
    if (k.task.state[task] === TASK_ZOMBIE) return TURN_ENDED;
    // Its result may have put other actions at the front: they come next.
    process.actions.splice(process.actions.indexOf(action), 1);
  }
  return TURN_OVER;
}

/** Touches pages in the kernel's name. A page that cannot be touched ends it, as it ends a copy with EFAULT. */
function playTouch(k: Kernel, task: Task, action: TouchAction): number {
  const kind = (action.isStore ? ACCESS_STORE : ACCESS_LOAD) | ACCESS_KERNEL;
  for (; action.page < action.end; action.page++) {
    const result = access(k, task, action.page, kind);
    if (result < 0) return result;
  }
  return 0;
}

/** Makes a call on the simulated kernel. Returns its result, or BLOCKED. */
function playCallAction(
  replay: Replay,
  k: Kernel,
  process: ReplayProcess,
  action: CallAction,
  programs: Programs,
): number {
  const { task } = process;
  const result = syscall(k, task, action.nr, action.args);
  const isFork = action.nr === NR_FORK || action.nr === NR_VFORK || action.nr === NR_CLONE;
  if (isFork) adoptChild(replay, k, process, result === BLOCKED ? k.task.progress[task]! : result, programs);
  if (result !== BLOCKED) action.done?.(result);
  return result;
}

/** Gives the task that a fork made the program of its stream, once. */
function adoptChild(
  replay: Replay,
  k: Kernel,
  process: ReplayProcess,
  pid: number,
  programs: Programs,
): void {
  const { event } = process.chunk;
  if (event.type !== EVENT_CALL || event.child < 0 || pid <= 0 || replay.pids.get(event.result) === pid)
    return;
  const child = findTask(k, pid);
  const sharesSpace = k.task.mm[child] === k.task.mm[process.task];
  replay.pids.set(event.result, pid);
  programs.set(child, programOf(replay, createProcess(event.child, child, process, sharesSpace)));
}

/** Plays an execve, the first of a process or a later one. */
function playExec(replay: Replay, k: Kernel, process: ReplayProcess, event: ExecEvent): number {
  const { task } = process;
  const result = execRecorded(replay, k, process, event);
  if (result === BLOCKED) return TURN_BLOCKED;
  if (result === 0) return TURN_OVER;
  note(replay, `execve of ${process.files.get(event.program.file)!.path} failed (${result})`);
  return k.task.state[task] === TASK_ZOMBIE ? TURN_ENDED : endProcess(replay, k, process, SIGKILL);
}

/** Executes the recorded program from its headers, and notes where its parts are now. Returns as doExecve. */
function execRecorded(replay: Replay, k: Kernel, process: ReplayProcess, event: ExecEvent): number {
  const { task } = process;
  const program = programFile(replay, k, process, event.program);
  const interpreter = event.interpreter === null ? null : programFile(replay, k, process, event.interpreter);
  process.request ??= {
    path: commandPath(program.path, event.argv[0] ?? ""),
    inode: program.inode,
    image: program.image,
    ...(interpreter === null ? {} : { interpreterInode: interpreter.inode, interpreter: interpreter.image }),
    argv: event.argv,
    // The environment's text was not recorded, only how much of the stack it takes.
    envp: event.envLengths.map((length) => "e".repeat(length)),
  };
  const result = doExecve(k, task, process.request as Parameters<typeof doExecve>[2]);
  if (result === BLOCKED) return BLOCKED;
  process.request = undefined;
  if (result < 0) return result;
  process.space = createSpace();
  placeImage(process, program.image, event.program.base, k.program.bias[task]!);
  if (interpreter !== null)
    placeImage(process, interpreter.image, event.interpreter!.base, k.program.interpreterBias[task]!);
  placeStack(k, process, event.stackPointer);
  // Valgrind hides the vdso, whose headers the C library reads when it starts.
  const vdso = k.mm.vdso[k.task.mm[task]!]! / PAGE;
  playTouch(k, task, { kind: "touch", page: vdso, end: vdso + 1, isStore: false });
  return 0;
}

/** The path that was executed: the recording has the file that it led to, and argv[0] tells by which name. */
function commandPath(file: string, name: string): string {
  return name.includes("/") || name === "" ? name || file : file.slice(0, file.lastIndexOf("/") + 1) + name;
}

interface FoundProgram {
  readonly path: string;
  readonly inode: number;
  readonly image: Extract<ReturnType<typeof readElf>, { errno: 0 }> & SegmentList;
}

/** A program file of an exec: its inode here, and what its recorded headers say. */
function programFile(replay: Replay, k: Kernel, process: ReplayProcess, recorded: ProgramFile): FoundProgram {
  const file = process.files.get(recorded.file);
  const image = readElf(recorded.headers);
  if (file === undefined)
    throw formatError(
      "recording",
      `stream ${process.stream}`,
      `a program's file ${recorded.file} was not announced`,
    );
  if (image.errno !== 0)
    throw formatError("recording", `stream ${process.stream}`, `${file.path} is no program: ${image.reason}`);
  return { path: file.path, inode: inodeOf(replay.inodes, k, file), image };
}

/** Ends the process with a wait status, after looking at what it used. */
function endProcess(replay: Replay, k: Kernel, process: ReplayProcess, status: number): number {
  const { task } = process;
  const t = k.task;
  replay.beforeExit?.(task);
  replay.summary.ended.push({
    stream: process.stream,
    pid: t.pid[task]!,
    comm: t.comm[task]!,
    status,
    minorFaults: t.minFlt[task]! + t.goneMinFlt[task]! + t.cMinFlt[task]!,
    majorFaults: t.majFlt[task]! + t.goneMajFlt[task]! + t.cMajFlt[task]!,
    peakRssKb: Math.max(readHiwaterRss(k, t.mm[task]!), t.maxRss[task]!, t.cMaxRss[task]!) * 4,
  });
  if ((status & 127) !== 0) killTask(k, task, status & 127);
  else syscall(k, task, NR_EXIT_GROUP, [status >> 8]);
  return TURN_ENDED;
}
