/**
 * Random programs against a plain shadow: mappings, protections, discards, forks, files, every byte compared and every
 * invariant walked after each step.
 */
import assert from "node:assert/strict";
import fc from "fast-check";
import { boot, checkKernel, type Kernel, type Task } from "../../src/core/index.ts";
import { adoptTask, callGuest, createGuest, loadGuest, makeFile, storeGuest } from "../../src/programs/script/guest.ts";
import { fillOf } from "./fill.ts";
import { forkSpace, PAGE, type ShadowFile, shadowAccess, type ShadowSpace } from "./shadow.ts";

/** The arena where everything is mapped: pages at this address. */
const ARENA = 0x10000000;
const ARENA_PAGES = 48;
const FILE_PAGES = 12;
const MOST_TASKS = 4;

const SYS_MMAP = 9;
const SYS_MPROTECT = 10;
const SYS_MUNMAP = 11;
const SYS_MADVISE = 28;
const SYS_FORK = 57;
const SYS_EXIT = 60;
const SYS_WAIT4 = 61;
const SYS_FTRUNCATE = 77;
const SYS_OPEN = 2;
const MAP_SHARED = 1;
const MAP_PRIVATE = 2;
const MAP_FIXED = 0x10;
const MAP_ANONYMOUS = 0x20;
const MADV_DONTNEED = 4;
const O_RDWR = 2;

interface Process {
  readonly task: Task;
  readonly pid: number;
  readonly space: ShadowSpace;
}

interface World {
  readonly k: Kernel;
  readonly processes: Process[];
  readonly file: ShadowFile;
  readonly fd: number;
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
    { weight: 12, arbitrary: fc.constant("store") },
    { weight: 8, arbitrary: fc.constant("load") },
    { weight: 3, arbitrary: fc.constantFrom("mapAnon", "mapPrivate", "mapShared") },
    { weight: 3, arbitrary: fc.constantFrom("unmap", "protect", "discard") },
    { weight: 1, arbitrary: fc.constantFrom("fork", "exit", "truncate") },
  ),
  who: fc.nat(MOST_TASKS - 1),
  page: fc.nat(ARENA_PAGES - 1),
  pages: fc.integer({ min: 1, max: 10 }),
  at: fc.nat(PAGE - 1),
  value: fc.nat(0xffffff),
});

function createWorld(): World {
  const k = boot({ name: "model", cpus: 2, sizeBytes: 24 * 1048576, contentFrames: 4096, knobs: { "kernel.randomize_va_space": 0 } });
  const guest = createGuest(k, ["f"]);
  if (typeof guest === "string") throw new Error(guest);
  assert.equal(makeFile(k, "f", FILE_PAGES * PAGE), 0);
  const bytes = new Uint8Array(FILE_PAGES * PAGE);
  new Int32Array(bytes.buffer).forEach((_, word, words) => {
    words[word] = fillOf("f", Math.floor((word * 4) / PAGE));
  });
  const fd = callGuest(k, guest.main, SYS_OPEN, ["f", O_RDWR, 0]);
  assert.ok(fd >= 0);
  return { k, processes: [{ task: guest.main, pid: pidOf(k, guest.main), space: new Map() }], file: { bytes }, fd };
}

function pidOf(k: Kernel, task: Task): number {
  return k.task.pid[task]!;
}

const VERBS: Readonly<Record<string, (world: World, process: Process, step: Step) => void>> = {
  store({ k }, { task, space }, { page, at, pages, value }) {
    const address = ARENA + page * PAGE + at;
    const length = pages * 3;
    const outcome = storeGuest(k, task, { address, length, isQuiet: true }, value);
    for (let i = 0; i < length; i++) {
      const code = shadowAccess(space, address + i, (value >>> ((i & 3) * 8)) & 0xff);
      if (code !== 0) {
        assert.deepEqual([outcome.code, outcome.address, outcome.done], [code, address + i, i]);
        return;
      }
    }
    assert.deepEqual([outcome.code, outcome.done], [0, length]);
  },
  load({ k }, { task, space }, { page, at, pages }) {
    const address = ARENA + page * PAGE + at;
    const length = pages * 300;
    const head = new Uint8Array(length);
    const outcome = loadGuest(k, task, { address, length, isQuiet: true }, head, 0);
    for (let i = 0; i < length; i++) {
      const byte = shadowAccess(space, address + i, undefined);
      if (byte < 0) {
        assert.deepEqual([outcome.code, outcome.address, outcome.done], [byte, address + i, i]);
        return;
      }
      assert.equal(head[i], byte, `byte ${i} at ${(address + i).toString(16)} is ${head[i]}, must be ${byte}`);
    }
    assert.deepEqual([outcome.code, outcome.done], [0, length]);
  },
  mapAnon(world, process, step) {
    map(world, process, step, undefined, MAP_PRIVATE | MAP_ANONYMOUS);
  },
  mapPrivate(world, process, step) {
    map(world, process, step, world.file, MAP_PRIVATE);
  },
  mapShared(world, process, step) {
    map(world, process, step, world.file, MAP_SHARED);
  },
  unmap({ k }, { task, space }, step) {
    assert.equal(callGuest(k, task, SYS_MUNMAP, [ARENA + step.page * PAGE, step.pages * PAGE]), 0);
    forEachPage(step, (vpn) => space.delete(vpn));
  },
  protect({ k }, { task, space }, step) {
    const prot = step.value & 7;
    const result = callGuest(k, task, SYS_MPROTECT, [ARENA + step.page * PAGE, step.pages * PAGE, prot]);
    // A hole ends the call with ENOMEM; what lies before it has been changed.
    let isHole = false;
    forEachPage(step, (vpn) => {
      const page = space.get(vpn);
      if (page === undefined) isHole = true;
      else if (!isHole) page.prot = prot;
    });
    assert.equal(result, isHole ? -12 : 0);
  },
  discard({ k }, { task, space }, step) {
    const result = callGuest(k, task, SYS_MADVISE, [ARENA + step.page * PAGE, step.pages * PAGE, MADV_DONTNEED]);
    let isHole = false;
    forEachPage(step, (vpn) => {
      const page = space.get(vpn);
      if (page === undefined) isHole = true;
      else page.own = undefined;
    });
    assert.equal(result, isHole ? -12 : 0);
  },
  fork({ k, processes }, { task, space }) {
    if (processes.length >= MOST_TASKS) return;
    const pid = callGuest(k, task, SYS_FORK, []);
    assert.ok(pid > 0);
    processes.push({ task: adoptTask(k, pid), pid, space: forkSpace(space) });
  },
  exit({ k, processes }, process) {
    if (process === processes[0]) return;
    callGuest(k, process.task, SYS_EXIT, [7]);
    processes.splice(processes.indexOf(process), 1);
    callGuest(k, processes[0]!.task, SYS_WAIT4, [-1, 0, 1, 0]);
  },
  truncate({ k, processes, file, fd }, { task }, step) {
    const pages = step.page % (FILE_PAGES + 1);
    assert.equal(callGuest(k, task, SYS_FTRUNCATE, [fd, pages * PAGE]), 0);
    const grown = new Uint8Array(pages * PAGE);
    grown.set(file.bytes.subarray(0, grown.length));
    file.bytes = grown;
    // Truncation unmaps private copies of pages past the end as well.
    for (const { space } of processes) {
      for (const page of space.values()) if (page.file !== undefined && page.index >= pages) page.own = undefined;
    }
  },
};

function map({ k, fd }: World, { task, space }: Process, step: Step, file: ShadowFile | undefined, flags: number): void {
  const prot = step.value & 7;
  const index = file === undefined ? 0 : step.at % FILE_PAGES;
  const address = ARENA + step.page * PAGE;
  const result = callGuest(k, task, SYS_MMAP, [address, step.pages * PAGE, prot, flags | MAP_FIXED, file === undefined ? -1 : fd, index * PAGE]);
  assert.equal(result, address);
  forEachPage(step, (vpn, i) => {
    space.set(vpn, { prot, file, index: index + i, shared: (flags & MAP_SHARED) !== 0, own: undefined });
  });
}

function forEachPage(step: Step, visit: (vpn: number, i: number) => void): void {
  for (let i = 0; i < step.pages; i++) visit(ARENA / PAGE + step.page + i, i);
}

/** Runs `runs` programs of `steps` steps; throws with the smallest failing program, or the first one when there are many runs. Returns the steps made. */
export function runModel(runs: number, steps: number): number {
  let made = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: steps, maxLength: steps }), (program) => {
      const world = createWorld();
      for (const each of program) {
        const process = world.processes[each.who % world.processes.length]!;
        VERBS[each.verb]!(world, process, each);
        checkKernel(world.k);
        made++;
      }
    }),
    { numRuns: runs, seed: 20240612, endOnFailure: runs > 20 },
  );
  return made;
}
