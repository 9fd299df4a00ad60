/**
 * Random programs that have more memory than there is room for, against a plain shadow: pages go to swap and come back
 * while disks fail, swap is full, allocations fail, areas are taken out of use in the middle, and pages are moved. Every byte is compared
 * and every invariant walked after each step.
 *
 *   load, store     what was stored is there; or SIGBUS, and then the slot's read has failed; or, where nobody may be
 *                   killed for memory, a wait for it; and nothing else
 *   MADV_FREE       what was stored, or zeros for good
 *   fork, mmap …    what they return, or ENOMEM and then nothing has changed
 *   OOM             a process that is gone was counted as killed
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { OOM_KILL, PSWPIN, PSWPOUT } from "../../src/core/frame/vmstat.ts";
import { PTE_POISONED_HIGH } from "../../src/core/hw/pte.ts";
import {
  addSwapArea,
  addZramSwap,
  BLOCKED,
  boot,
  checkKernel,
  FAULT_OOM,
  FAULT_SIGBUS,
  findTask,
  type Kernel,
  quiesceDisks,
  type Task,
  writeFile,
} from "../../src/core/index.ts";
import { findPte } from "../../src/core/space/pagetable.ts";
import { SLOT_BAD, SLOT_STATE, swapRecord } from "../../src/core/space/swap.ts";
import {
  adoptTask,
  callGuest,
  createGuest,
  type GuestRange,
  loadGuest,
  makeFile,
  storeGuest,
} from "../../src/programs/script/guest.ts";
import { enterCgroup, setCgroup } from "../../src/programs/script/pressure.ts";
import { fillOf } from "./fill.ts";
import { FILE_DISK, PRESSURE_SETTINGS, type PressureSetting } from "./pressure-settings.ts";
import { forkSpace, PAGE, type ShadowFile, type ShadowPage, type ShadowSpace, shadowAccess } from "./shadow.ts";

const ARENA = 0x10000000;
const FILE_PAGES = 12;
const MOST_TASKS = 4;
const SYS = { open: 2, mmap: 9, mprotect: 10, munmap: 11, madvise: 28, fork: 57, exit: 60, swapoff: 168 };
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const O_RDWR = 2;
const ENOMEM = -12;
const ADVICE = { MADV_WILLNEED: 3, MADV_DONTNEED: 4, MADV_FREE: 8, MADV_COLD: 20, MADV_PAGEOUT: 21 };

interface Process {
  readonly task: Task;
  readonly pid: number;
  readonly space: ShadowSpace;
}

interface World {
  readonly k: Kernel;
  readonly setting: PressureSetting;
  readonly processes: Process[];
  readonly file: ShadowFile;
  readonly fd: number;
  /** Transfers that failed, by what the disks were told. */
  errors: number;
  kills: number;
  readonly figures: PressureFigures;
}

/** What happened in all programs of a setting, so that a test can tell that something did. */
export interface PressureFigures {
  steps: number;
  swapOuts: number;
  swapIns: number;
  errors: number;
  lost: number;
  oomFaults: number;
  kills: number;
  swapOffs: number;
  failedCalls: number;
}

interface Step {
  readonly verb: string;
  readonly who: number;
  readonly page: number;
  readonly pages: number;
  readonly at: number;
  readonly value: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.oneof(
    { weight: 14, arbitrary: fc.constant("store") },
    { weight: 12, arbitrary: fc.constant("load") },
    { weight: 4, arbitrary: fc.constantFrom("mapAnon", "mapAnon", "mapPrivate", "mapShared") },
    { weight: 4, arbitrary: fc.constantFrom("unmap", "protect", "advise", "advise", "advise") },
    { weight: 2, arbitrary: fc.constantFrom("fork", "fork", "fork", "exit", "swapOff", "swapOn", "swapOn", "swapOn") },
    { weight: 3, arbitrary: fc.constantFrom("breakDisk", "breakDisk", "quiet", "compact") },
  ),
  who: fc.nat(MOST_TASKS - 1),
  page: fc.nat(0xffff),
  pages: fc.integer({ min: 1, max: 64 }),
  at: fc.nat(PAGE - 1),
  value: fc.nat(0xffffff),
});

/** A machine with one program, in its cgroup, and its areas in use. */
function createWorld(setting: PressureSetting, figures: PressureFigures): World {
  const knobs = { "kernel.randomize_va_space": 0, "vm.overcommit_memory": 1, "capabilities=": 1 };
  const k = boot({ ...setting.machine, knobs: { ...setting.machine.knobs, ...knobs } });
  const guest = createGuest(k, ["f"]);
  if (typeof guest === "string") throw new Error(guest);
  const task = guest.main;
  assert.equal(makeFile(k, "f", FILE_PAGES * PAGE), 0);
  const bytes = new Uint8Array(FILE_PAGES * PAGE);
  new Int32Array(bytes.buffer).forEach((_, word, words) => {
    words[word] = fillOf("f", Math.floor((word * 4) / PAGE));
  });
  const fd = callGuest(k, task, SYS.open, ["f", O_RDWR, 0]);
  assert.ok(fd >= 0);
  if (setting.limits !== undefined) {
    assert.equal(setCgroup(k, "g", setting.limits), 0);
    assert.ok(enterCgroup(k, task, "g") >= 0);
  }
  assert.ok(writeFile(k, "/sys/kernel/mm/lru_gen/enabled", setting.isGenerational ? "y\n" : "n\n") >= 0);
  if (setting.isImmune) assert.ok(writeFile(k, `/proc/${k.task.pid[task]!}/oom_score_adj`, "-1000\n") >= 0);
  const first: Process = { task, pid: k.task.pid[task]!, space: new Map() };
  const world = { k, setting, processes: [first], file: { bytes }, fd, errors: 0, kills: 0, figures };
  for (let area = 0; area < setting.areas.length; area++) turnOn(world, area);
  map(world, first, { verb: "", who: 0, page: 0, pages: setting.arenaPages, at: 0, value: 3 }, undefined, MAP_PRIVATE | MAP_ANONYMOUS);
  return world;
}

/** The path of an area; one on zram has the device's, of which a setting has one. */
function pathOf({ setting }: World, area: number): string {
  return setting.areas[area]!.zramLimit === undefined ? `/dev/swap${area}` : "/dev/zram0";
}

/** Takes an area into use unless it is. */
function turnOn(world: World, area: number): void {
  const { k, setting } = world;
  const path = pathOf(world, area);
  if (k.swap.path.includes(path)) return;
  const { pages, prio, flags, zramLimit } = setting.areas[area]!;
  const made =
    zramLimit === undefined
      ? addSwapArea(k, { pages, prio, flags, disk: FILE_DISK + 1 + area, path })
      : addZramSwap(k, { sizeBytes: pages * 4096, limitBytes: zramLimit, prio });
  // A device has no frames to begin with when the machine is full.
  assert.ok(made >= 0 || (zramLimit !== undefined && made === ENOMEM));
}

/** Runs something during which disks may fail, and counts what did. */
function counted<T>(world: World, run: () => T): T {
  const { failNext } = world.k.disk;
  const before = [...failNext];
  const result = run();
  before.forEach((was, disk) => {
    if (was === 0 || failNext[disk] !== 0) return;
    world.errors++;
    world.figures.errors++;
  });
  return result;
}

/** Whether the kernel must send SIGBUS for a page in swap: the slot's last read failed, or swapoff could not read it. */
function isLost({ k }: World, { task }: Process, vpn: number): boolean {
  const pte = findPte(k, k.task.mm[task]!, vpn);
  if (pte < 0 || (k.ram.words[pte]! & 1) !== 0) return false;
  const high = k.ram.words[pte + 1]!;
  if (high === PTE_POISONED_HIGH) return true;
  return high !== 0 && (k.swap.slot[swapRecord(k, high) + SLOT_STATE]! & SLOT_BAD) !== 0;
}

/** Checks the signal an access ended with at `address`; `expected` is what the shadow says of it. */
function checkSignal(world: World, process: Process, address: number, code: number, expected: number): void {
  if (code === FAULT_OOM || code === BLOCKED) {
    world.figures.oomFaults++;
    assert.ok(world.setting.isImmune, "an allocation failed and nobody was killed");
    return;
  }
  if (code === FAULT_SIGBUS && expected >= 0) {
    world.figures.lost++;
    assert.ok(world.errors > 0, "SIGBUS without a failed transfer");
    assert.ok(isLost(world, process, Math.floor(address / PAGE)), `SIGBUS at ${address.toString(16)}, whose slot was read`);
    return;
  }
  assert.equal(code, Math.min(expected, 0), `at ${address.toString(16)}`);
}

function isKilled({ k }: World, { task, pid }: Process): boolean {
  return findTask(k, pid) !== task || k.task.fatalSignal[task] !== 0 || k.task.mm[task] === 0;
}

/** The loaded bytes of one page, from byte `from` of it: what the shadow says; after MADV_FREE all zeros, too. */
function compare(process: Process, address: number, bytes: Uint8Array): void {
  const { space } = process;
  const page = space.get(Math.floor(address / PAGE))!;
  if (page.isFreed === true && page.own !== undefined) settleFreed(page, address % PAGE, bytes);
  assert.ok(shadowAccess(space, address, undefined) >= 0, `a byte at ${address.toString(16)}, which must not be read`);
  const from = address % PAGE;
  const expected = pageBytes(page).subarray(from, from + bytes.length);
  if (Buffer.compare(bytes, expected) !== 0)
    assert.deepEqual(bytes, expected, `at ${address.toString(16)} of pid ${process.pid}`);
}

const ZEROS = new Uint8Array(PAGE);

/** What a page must contain. */
function pageBytes(page: ShadowPage): Uint8Array {
  if (page.own !== undefined) return page.own;
  return page.file === undefined ? ZEROS : page.file.bytes.subarray(page.index * PAGE, (page.index + 1) * PAGE);
}

/** Bytes of a page that may have been dropped: if they are not what was stored, it has been. */
function settleFreed(page: ShadowPage, from: number, bytes: Uint8Array): void {
  const own = page.own!;
  if (bytes.every((byte, i) => byte === own[from + i])) return;
  page.own = undefined;
  page.isFreed = false;
}

function load(world: World, process: Process, range: GuestRange): void {
  const { k } = world;
  const head = new Uint8Array(range.length);
  const outcome = counted(world, () => loadGuest(k, process.task, range, head, 0));
  if (isKilled(world, process)) return;
  for (let done = 0; done < outcome.done; ) {
    const address = range.address + done;
    const bytes = Math.min(PAGE - (address % PAGE), outcome.done - done);
    compare(process, address, head.subarray(done, done + bytes));
    done += bytes;
  }
  if (outcome.done === range.length) return;
  const expected = shadowAccess(process.space, outcome.address, undefined);
  checkSignal(world, process, outcome.address, outcome.code, expected);
}

/** Pages that may have been dropped are read before they are stored into, one by one: making room for one may drop the next. */
function store(world: World, process: Process, range: GuestRange, value: number): void {
  if (!hasFreed(process, range)) {
    storeRange(world, process, range, value);
    return;
  }
  const end = range.address + range.length;
  for (let address = range.address; address < end && !isKilled(world, process); ) {
    const length = Math.min(end - address, PAGE - (address % PAGE));
    const vpn = Math.floor(address / PAGE);
    if (process.space.get(vpn)?.isFreed === true)
      load(world, process, { address: vpn * PAGE, length: PAGE, isQuiet: false });
    if (!isKilled(world, process)) storeRange(world, process, { address, length, isQuiet: false }, value);
    address += length;
  }
}

function storeRange(world: World, process: Process, range: GuestRange, value: number): void {
  const { k } = world;
  const outcome = counted(world, () => storeGuest(k, process.task, range, value));
  if (isKilled(world, process)) return;
  for (let done = 0; done < outcome.done; ) {
    const address = range.address + done;
    const beyond = Math.min(outcome.done, done + PAGE - (address % PAGE));
    // The first byte goes the long way, which checks and makes a copy of the page where there must be one.
    assert.equal(shadowAccess(process.space, address, byteOf(value, done)), 0);
    const page = process.space.get(Math.floor(address / PAGE))!;
    page.isFreed = false;
    const bytes = pageBytes(page);
    for (let i = done; i < beyond; i++) bytes[(address % PAGE) + i - done] = byteOf(value, i);
    done = beyond;
  }
  if (outcome.done === range.length) return;
  // Asked with a load: a store that is refused must not reach the shadow.
  const page = process.space.get(Math.floor(outcome.address / PAGE));
  const isRefused = page !== undefined && (page.prot & 2) === 0;
  const expected = isRefused ? shadowAccess(process.space, outcome.address, 0) : shadowAccess(process.space, outcome.address, undefined);
  checkSignal(world, process, outcome.address, outcome.code, expected);
}

/** Byte `i` of what a store writes. */
function byteOf(value: number, i: number): number {
  return (value >>> ((i & 3) * 8)) & 0xff;
}

/** Whether a page of the range may have been dropped. */
function hasFreed({ space }: Process, range: GuestRange): boolean {
  for (let vpn = Math.floor(range.address / PAGE); vpn * PAGE < range.address + range.length; vpn++)
    if (space.get(vpn)?.isFreed === true) return true;
  return false;
}

/** A call that needs memory. Returns whether it was done; ENOMEM: it was not. */
function succeeded(world: World, result: number): boolean {
  if (result >= 0) return true;
  assert.equal(result, ENOMEM);
  world.figures.failedCalls++;
  return false;
}

const VERBS: Readonly<Record<string, (world: World, process: Process, step: Step) => void>> = {
  store(world, process, { page, at, pages, value }) {
    const length = (pages * PAGE) >> 1;
    store(world, process, { address: ARENA + page * PAGE + at, length, isQuiet: false }, value);
  },
  load(world, process, { page, at, pages }) {
    const length = (pages * PAGE) >> 1;
    load(world, process, { address: ARENA + page * PAGE + at, length, isQuiet: false });
  },
  mapAnon(world, process, each) {
    map(world, process, each, undefined, MAP_PRIVATE | MAP_ANONYMOUS);
  },
  mapPrivate(world, process, each) {
    map(world, process, { ...each, pages: Math.min(each.pages, FILE_PAGES) }, world.file, MAP_PRIVATE);
  },
  mapShared(world, process, each) {
    map(world, process, { ...each, pages: Math.min(each.pages, FILE_PAGES) }, world.file, MAP_SHARED);
  },
  unmap(world, { task, space }, each) {
    const pages = each.pages >> 2;
    if (pages === 0) return;
    const result = callGuest(world.k, task, SYS.munmap, [ARENA + each.page * PAGE, pages * PAGE]);
    if (succeeded(world, result)) forEachPage(each.page, pages, (vpn) => space.delete(vpn));
  },
  protect(world, { task, space }, each) {
    const prot = each.value & 7;
    const result = counted(world, () =>
      callGuest(world.k, task, SYS.mprotect, [ARENA + each.page * PAGE, each.pages * PAGE, prot]),
    );
    let isHole = false;
    forEachPage(each.page, each.pages, (vpn) => {
      const page = space.get(vpn);
      if (page === undefined) isHole = true;
      else if (!isHole) page.prot = prot;
    });
    assert.equal(result, isHole ? ENOMEM : 0);
  },
  advise(world, { task, space }, each) {
    const names = Object.keys(ADVICE) as (keyof typeof ADVICE)[];
    const advice = ADVICE[names[each.value % names.length]!];
    const range = [ARENA + each.page * PAGE, each.pages * PAGE, advice];
    const result = counted(world, () => callGuest(world.k, task, SYS.madvise, range));
    let expected = 0;
    forEachPage(each.page, each.pages, (vpn) => {
      const page = space.get(vpn);
      if (page === undefined) expected = expected === -22 ? expected : ENOMEM;
      else if (advice === ADVICE.MADV_DONTNEED) {
        page.own = undefined;
        page.isFreed = false;
      } else if (advice === ADVICE.MADV_FREE) {
        // A file's page ends the call.
        if (page.file !== undefined) expected = -22;
        else if (expected !== -22 && page.own !== undefined) page.isFreed = true;
      }
    });
    assert.equal(result, expected);
  },
  fork(world, { task, space }) {
    const { k, processes } = world;
    if (processes.length >= MOST_TASKS) return;
    const pid = counted(world, () => callGuest(k, task, SYS.fork, []));
    if (!succeeded(world, pid)) return;
    const child = { task: findTask(k, pid), pid, space: forkSpace(space) };
    processes.push(child);
    if (!isKilled(world, child)) counted(world, () => adoptTask(k, pid));
  },
  exit({ k, processes }, process) {
    if (process === processes[0]) return;
    callGuest(k, process.task, SYS.exit, [7]);
    processes.splice(processes.indexOf(process), 1);
  },
  swapOff(world, process, { value }) {
    const path = pathOf(world, value % world.setting.areas.length);
    if (!world.k.swap.path.includes(path)) return;
    const result = counted(world, () => callGuest(world.k, process.task, SYS.swapoff, [path]));
    if (isKilled(world, process)) return;
    if (!succeeded(world, result)) return;
    world.figures.swapOffs++;
    assert.ok(!world.k.swap.path.includes(path));
  },
  swapOn(world, _, { value }) {
    turnOn(world, value % world.setting.areas.length);
  },
  compact({ k }) {
    assert.equal(writeFile(k, "/proc/sys/vm/compact_memory", "1"), 0);
  },
  breakDisk({ k, setting }, _, { value }) {
    k.disk.failNext[FILE_DISK + 1 + (value % setting.areas.length)] = 1;
  },
  quiet({ k }) {
    quiesceDisks(k);
  },
};

function map(world: World, process: Process, each: Step, file: ShadowFile | undefined, flags: number): void {
  const prot = each.value & 1 ? 3 : each.value & 7;
  const index = file === undefined ? 0 : each.at % FILE_PAGES;
  const address = ARENA + each.page * PAGE;
  const args = [address, each.pages * PAGE, prot, flags | MAP_FIXED, file === undefined ? -1 : world.fd, index * PAGE];
  const result = counted(world, () => callGuest(world.k, process.task, SYS.mmap, args));
  if (!succeeded(world, result)) return;
  assert.equal(result, address);
  const shared = (flags & MAP_SHARED) !== 0;
  forEachPage(each.page, each.pages, (vpn, i) => {
    process.space.set(vpn, { prot, file, index: index + i, shared, own: undefined });
  });
}

function forEachPage(first: number, pages: number, visit: (vpn: number, i: number) => void): void {
  for (let i = 0; i < pages; i++) visit(ARENA / PAGE + first + i, i);
}

/**
 * Forgets processes that were killed for memory; there must have been such kills. Who takes an area out of use goes
 * first, whatever its oom_score_adj is (Linux: OOM_FLAG_ORIGIN).
 */
function bury(world: World, origin: Process | undefined): void {
  const { k, processes, figures } = world;
  for (let i = processes.length - 1; i >= 0; i--) {
    if (!isKilled(world, processes[i]!)) continue;
    assert.ok(!world.setting.isImmune || processes[i] === origin, "a process that may not be killed is gone");
    processes.splice(i, 1);
    world.kills++;
    figures.kills++;
  }
  assert.ok(k.vmstat.event[OOM_KILL]! >= world.kills, "a process is gone that was not killed for memory");
}

/** Reads everything that is left. */
function compareAll(world: World): void {
  for (const process of [...world.processes]) {
    for (const [vpn, page] of process.space) {
      if (isKilled(world, process)) break;
      if (page.prot !== 0) load(world, process, { address: vpn * PAGE, length: PAGE, isQuiet: false });
    }
  }
  bury(world, undefined);
  checkKernel(world.k);
}

/**
 * Runs `runs` programs of `steps` steps in a setting; throws with the smallest failing program. Returns what happened.
 */
export function runPressureModel(name: string, runs: number, steps: number): PressureFigures {
  const setting = PRESSURE_SETTINGS.find((each) => each.name === name)!;
  const figures = { steps: 0, swapOuts: 0, swapIns: 0, errors: 0, lost: 0, oomFaults: 0, kills: 0, swapOffs: 0, failedCalls: 0 };
  fc.assert(
    fc.property(fc.array(step, { minLength: steps, maxLength: steps }), (program) => {
      const world = createWorld(setting, figures);
      for (const each of program) {
        const process = world.processes[each.who % world.processes.length];
        if (process === undefined) break;
        VERBS[each.verb]!(world, process, { ...each, page: each.page % setting.arenaPages, pages: each.pages * setting.scale });
        bury(world, each.verb === "swapOff" ? process : undefined);
        checkKernel(world.k);
        figures.steps++;
      }
      compareAll(world);
      const { event } = world.k.vmstat;
      figures.swapIns += event[PSWPIN]!;
      figures.swapOuts += event[PSWPOUT]!;
    }),
    { numRuns: runs, seed: 20240612, endOnFailure: true },
  );
  return figures;
}
