/**
 * The kernel put together: every column of every floor in one object, boot, a hash of the whole state, and all checks.
 *
 *   machine file -> completeMachine -> columns at full length -> frames, zones, free lists -> zero page, init -> ready
 *
 * Linux: init/main.c, mm/mm_init.c (6.12)   Doc: docs/map.md
 */
import { giveInitMemory } from "./abi/init-memory.ts";
import { checkPrograms } from "./abi/program.ts";
import { type AbiState, createProgramColumns } from "./abi/state.ts";
import { badConfig } from "./base/bug.ts";
import { createDmesg } from "./base/dmesg.ts";
import { createHash, type HashState, hashDigits, hashText, hashWords } from "./base/hash.ts";
import { createKnobs } from "./base/knobs.ts";
import { createRng } from "./base/rng.ts";
import { createTrace } from "./base/trace.ts";
import { createXarray } from "./base/xarray.ts";
import { bootFrames, createFrameColumns } from "./frame/boot.ts";
import { checkBuddy } from "./frame/buddy.ts";
import { PAGE_WORDS } from "./frame/page.ts";
import { checkPcp } from "./frame/pcp.ts";
import { checkZones } from "./frame/zone.ts";
import { createClock } from "./hw/clock.ts";
import { checkDisks, createDisk } from "./hw/disk.ts";
import { completeMachine, type Machine, type MachineInput } from "./hw/machine.ts";
import { checkPlugs } from "./hw/plug.ts";
import { checkRam, createRam, WORDS_PER_PAGE } from "./hw/ram.ts";
import { checkTlb, createTlb } from "./hw/tlb.ts";
import { checkCompaction, createCompaction } from "./reclaim/compaction.ts";
import { checkPsi } from "./reclaim/psi.ts";
import { createPsiColumns } from "./reclaim/psi-group.ts";
import { createReclaimColumns } from "./reclaim/scan-control.ts";
import type { Compressor } from "./reclaim/state.ts";
import { checkFiles, createFileColumns } from "./space/file.ts";
import { createKmem } from "./space/kmem.ts";
import { checkKmem } from "./space/kmem-check.ts";
import { checkLruvecs } from "./space/lru-check.ts";
import { createLruGen } from "./space/lru-gen.ts";
import { bootLruGen } from "./space/lru-gen-memcg.ts";
import { createLruvec } from "./space/lruvec.ts";
import { checkMemcgs, createMemcgColumns } from "./space/memcg.ts";
import { checkMemcgWatch, createMemcgWatch } from "./space/memcg-watch.ts";
import { checkMms, checkRss, createMmColumns } from "./space/mm.ts";
import { checkNodeSlab, createNodeSlab } from "./space/node-slab.ts";
import { checkPageCache } from "./space/pagecache.ts";
import { checkPageTables } from "./space/pagetable.ts";
import { checkRmap, createAnonVmaColumns } from "./space/rmap.ts";
import { checkShadowNodes, createShadows } from "./space/shadow-nodes.ts";
import { checkShmem } from "./space/shmem.ts";
import { createSwapColumns, MAX_SWAPFILES, MOST_SLOTS, SLOT_WORDS } from "./space/swap.ts";
import { checkSwapCache } from "./space/swap-cache.ts";
import { checkSwap } from "./space/swap-check.ts";
import { checkTasks, createInit, createTaskColumns } from "./space/task.ts";
import { checkTranslations } from "./space/tlb-check.ts";
import { checkCpuMasks } from "./space/tlb-flush.ts";
import { checkVmas, createVmaColumns } from "./space/vma.ts";
import { checkWriteback } from "./space/writeback.ts";
import { createWriteback } from "./space/writer.ts";
import { checkGather } from "./space/zap.ts";
import { checkZram, createZram } from "./space/zram.ts";
import { checkZsmalloc, createZsmalloc, OBJ_WORDS } from "./space/zsmalloc.ts";
import { checkZswap, createZswap } from "./space/zswap.ts";
import { checkCommitted, createCommitted, setupReserves } from "./vm/accounting.ts";
import { bootZeroPage, createImagePages } from "./vm/zero-page.ts";

/** A whole kernel: what every floor sees together. */
export type Kernel = AbiState;

/**
 * Rows of the tables of software objects. They grow with the machine, as what Linux could keep in its memory does, up
 * to what a machine of any size may have at one time; and a small machine boots in a moment.
 */
const MOST_MMS = 4096;
const MOST_TASKS = 32768;
const MOST_VMAS = 1048576;
const MOST_INODES = 65536;
const MOST_OPEN_FILES = 262144;
const MOST_MEMCGS = 512;
const MOST_SHADOWS = 4194304;
/** The machine that has them all, in frames: 16 GiB. */
const FULL_FRAMES = 4194304;
/** The share that the smallest machine has. */
const LEAST_SHARE = 1 / 64;

/** Without a library the machine's compression ratio says how small pages become. */
const NO_COMPRESSOR: Compressor = () => undefined;

/** Boots the machine. RangeError naming the field when it cannot exist. */
export function boot(input: MachineInput, compressor: Compressor = NO_COMPRESSOR): Kernel {
  const machine = completeMachine(input);
  const k = createKernel(machine, compressor);
  bootFrames(k);
  if (k.boot[0]! <= 0) badConfig("e820", "no page is left for the page allocator");
  setupReserves(k);
  bootZeroPage(k);
  bootLruGen(k);
  createInit(k);
  giveInitMemory(k);
  return k;
}

/** Every column, at full length and untouched. One literal, so that every kernel has the same shape. */
function createKernel(machine: Machine, compressor: Compressor): Kernel {
  const ram = createRam(machine);
  const frames = createFrameColumns(machine, { ram });
  const share = Math.min(1, Math.max(LEAST_SHARE, ram.nrFrames / FULL_FRAMES));
  const rows = (most: number): number => Math.ceil(most * share);
  const xarray = createXarray(ram.nrFrames);
  const hasZswap = machine.config.zswap !== "none";
  return {
    machine,
    compressor,
    knob: createKnobs(machine.knobs),
    rng: createRng(machine.seed),
    trace: createTrace(),
    dmesg: createDmesg(),
    clock: createClock(machine),
    ram,
    tlb: createTlb(machine),
    page: frames.page,
    zone: frames.zone,
    pcp: frames.pcp,
    vmstat: frames.vmstat,
    zonelist: frames.zonelist,
    preferred: frames.preferred,
    localZone: frames.localZone,
    cpuNode: frames.cpuNode,
    pageblock: frames.pageblock,
    boot: frames.boot,
    mm: createMmColumns(rows(MOST_MMS), machine.cpus),
    vma: createVmaColumns(rows(MOST_VMAS)),
    anonVma: createAnonVmaColumns(rows(MOST_VMAS)),
    lruvec: createLruvec(MOST_MEMCGS, machine.nodes.length, machine.cpus, machine.seed),
    lruGen: createLruGen(ram.nrFrames, MOST_MEMCGS, machine.nodes.length, rows(MOST_MMS)),
    memcg: createMemcgColumns(MOST_MEMCGS, machine.nodes.length, machine.cpus),
    kmem: createKmem(MOST_MEMCGS, machine.cpus),
    memcgWatch: createMemcgWatch(MOST_MEMCGS, machine.nodes.length, machine.cpus),
    pageMemcg: new Uint16Array(ram.nrFrames),
    swap: createSwapColumns(machine.cpus),
    zsmalloc: createZsmalloc(ram.nrFrames),
    zram: createZram(MOST_SLOTS, MAX_SWAPFILES),
    zswap: createZswap(hasZswap ? MOST_SLOTS : 0, MOST_MEMCGS, machine),
    shadow: createShadows(Math.min(ram.nrFrames, MOST_SHADOWS), xarray, MOST_MEMCGS * machine.nodes.length),
    nodeSlab: createNodeSlab(MOST_SLOTS, xarray.parent.length),
    reclaim: createReclaimColumns(machine.nodes.length),
    compaction: createCompaction(machine.nodes.length, frames.zone.count, ram.nrFrames),
    psi: createPsiColumns(MOST_MEMCGS, machine.cpus, rows(MOST_TASKS) + machine.nodes.length),
    file: createFileColumns(rows(MOST_INODES), rows(MOST_OPEN_FILES)),
    xarray,
    disk: createDisk(machine.disks),
    writeback: createWriteback(Math.max(1, machine.disks.length), MOST_MEMCGS),
    task: createTaskColumns(rows(MOST_TASKS)),
    committed: createCommitted(machine.cpus),
    zeroPfn: createImagePages(),
    program: createProgramColumns(MOST_TASKS),
  };
}

/**
 * A hash of every column: equal for two runs of the same machine, program and seed, in Node and in a browser.
 * Sixteen hexadecimal digits. Rows that were never used and frames that boot left untouched are zero by construction
 * and are passed over, so it costs what the machine uses.
 */
export function hashKernel(k: Kernel): string {
  const hash = createHash();
  hashText(hash, JSON.stringify(k.machine));
  const tables = usedRows(k);
  for (const [name, words] of columnsOf(k)) {
    hashText(hash, name);
    const perFrame = WORDS_PER_FRAME[name] ?? 0;
    if (perFrame > 0) hashFrames(k, hash, words, perFrame);
    else hashWords(hash, words, 0, usedLength(tables, name, words.length));
  }
  return hashDigits(hash);
}

/** Columns with a place for every frame, and the words of it. */
const WORDS_PER_FRAME: Readonly<Record<string, number>> = {
  page: PAGE_WORDS,
  pageMemcg: 0.5,
  "lruGen.page": 0.25,
  "ram.fill": 1,
  "ram.slot": 1,
};

/** Columns of pressure information by group and CPU. */
const PSI_PLACES = ["tasks", "mask", "sinceNs", "times", "seen"];

/** A table of which only the first rows were ever used. */
interface UsedRows {
  /** Columns whose path begins like this belong to it; the first table that fits counts. */
  readonly prefix: string;
  readonly used: number;
  readonly all: number;
}

/** How much of each table of software objects was ever used. */
function usedRows(k: Kernel): readonly UsedRows[] {
  const { mm, vma, anonVma, task, file, disk, xarray, ram } = k;
  const openFiles = ["inode", "openFlags", "position", "refcount", "ra", "errorsSeen", "charged"].map(
    (column) => ({
      prefix: `file.${column}`,
      used: file.rows[1]!,
      all: file.refcount.length,
    }),
  );
  return [
    { prefix: "ram.words", used: ram.slotCount[1]!, all: ram.freeSlots.length },
    { prefix: "ram.freeSlots", used: ram.slotCount[1]!, all: ram.freeSlots.length },
    { prefix: "mm.", used: mm.rowCount[1]!, all: mm.users.length },
    { prefix: "vma.", used: vma.rows[1]!, all: vma.mm.length },
    { prefix: "anonVma.chain", used: anonVma.rowCount[3]!, all: anonVma.chainVma.length },
    { prefix: "anonVma.freeChains", used: anonVma.rowCount[3]!, all: anonVma.chainVma.length },
    { prefix: "anonVma.", used: anonVma.rowCount[1]!, all: anonVma.root.length },
    // A descriptor table may lie beyond the last task's row.
    { prefix: "task.fd", used: task.pid.length, all: task.pid.length },
    { prefix: "task.", used: task.rows[0]!, all: task.pid.length },
    ...openFiles,
    { prefix: "file.", used: file.rows[0]!, all: file.dev.length },
    { prefix: "xarray.", used: xarray.state[0]!, all: xarray.parent.length },
    { prefix: "disk.blockWords", used: disk.blockState[2]!, all: disk.blockWords.length / WORDS_PER_PAGE },
    { prefix: "disk.block", used: disk.blockState[0]!, all: disk.blockFill.length },
    { prefix: "swap.slot", used: k.swap.state[2]!, all: k.swap.slot.length / SLOT_WORDS },
    { prefix: "lruGen.mm", used: mm.rowCount[1]!, all: mm.users.length },
    { prefix: "lruGen.fifo", used: 512, all: 512 },
    { prefix: "lruGen.", used: k.memcg.rows[0]!, all: MOST_MEMCGS },
    { prefix: "memcgWatch.", used: k.memcg.rows[0]!, all: MOST_MEMCGS },
    { prefix: "shadow.node", used: xarray.state[0]!, all: xarray.parent.length },
    ...PSI_PLACES.map((column) => ({
      prefix: `psi.${column}`,
      used: k.memcg.rows[0]! * k.machine.cpus,
      all: MOST_MEMCGS * k.machine.cpus,
    })),
    { prefix: "nodeSlab.leaf", used: k.swap.state[2]! / 64, all: k.nodeSlab.leaf.length },
    { prefix: "nodeSlab.slab", used: k.nodeSlab.state[2]!, all: k.nodeSlab.slab.length },
    { prefix: "shadow.value", used: k.shadow.rows[0]!, all: k.shadow.value.length },
    { prefix: "zsmalloc.object", used: k.zsmalloc.rows[0]!, all: k.zsmalloc.object.length / OBJ_WORDS },
    { prefix: "zsmalloc.zspage", used: k.zsmalloc.rows[2]!, all: k.zsmalloc.zspage.length / OBJ_WORDS },
    { prefix: "zswap.entry", used: k.swap.state[2]!, all: k.zswap.entry.length },
    { prefix: "zram.entry", used: k.swap.state[2]!, all: k.zram.entry.length },
    { prefix: "swap.cluster", used: k.swap.state[2]! / 512, all: k.swap.clusterCount.length },
    { prefix: "disk.", used: disk.state[0]!, all: disk.completeNs.length },
  ];
}

/** Words of a column up to its last used row; all of them where its length is no multiple of the table's. */
function usedLength(tables: readonly UsedRows[], name: string, words: number): number {
  const table = tables.find(({ prefix }) => name.startsWith(prefix));
  if (table === undefined || words < table.all) return words;
  return Math.min(words, Math.ceil(words / table.all) * (table.used + 1));
}

/** Hashes a column by frame, all but the ranges that nobody has touched since boot. */
function hashFrames(k: Kernel, hash: HashState, words: Int32Array, wordsPerFrame: number): void {
  let at = 0;
  const { firstRange, endRange, rangeStart, rangeEnd } = k.zone;
  const untouched: { start: number; end: number }[] = [];
  for (let zone = 1; zone < k.zone.count; zone++) {
    for (let range = firstRange[zone]!; range < endRange[zone]!; range++) {
      untouched.push({ start: rangeStart[range]!, end: rangeEnd[range]! });
    }
  }
  untouched.sort((a, b) => a.start - b.start);
  for (const { start, end } of untouched) {
    hashWords(hash, words, Math.ceil(at * wordsPerFrame), Math.ceil(start * wordsPerFrame));
    at = Math.max(at, end);
  }
  hashWords(hash, words, Math.ceil(at * wordsPerFrame), words.length);
}

/** Every column with a path of names, as words, in a fixed order. */
function columnsOf(k: Kernel): [string, Int32Array][] {
  const found: [string, Int32Array][] = [];
  const visit = (name: string, value: unknown): void => {
    if (ArrayBuffer.isView(value)) found.push([name, asWords(value)]);
    else if (typeof value === "string") found.push([name, codes(value)]);
    else if (typeof value === "number") found.push([name, asWords(Float64Array.of(value))]);
    else if (typeof value === "object" && value !== null) {
      for (const key of Object.keys(value).sort())
        visit(`${name}.${key}`, (value as Record<string, unknown>)[key]);
    }
  };
  for (const key of Object.keys(k).sort()) {
    if (key !== "machine") visit(key, (k as unknown as Record<string, unknown>)[key]);
  }
  return found;
}

function codes(text: string): Int32Array {
  return Int32Array.from(text, (character) => character.codePointAt(0)!);
}

/** The column's memory as words; a tail shorter than a word is widened. */
function asWords(view: ArrayBufferView): Int32Array {
  const whole = Math.floor(view.byteLength / 4);
  if (whole * 4 === view.byteLength) return new Int32Array(view.buffer, view.byteOffset, whole);
  const bytes = new Uint8Array((whole + 1) * 4);
  bytes.set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return new Int32Array(bytes.buffer);
}

/** Walks every table; bug() when an invariant does not hold anywhere. Slow: for tests. */
export function checkKernel(k: Kernel): void {
  checkRam(k);
  checkTlb(k);
  checkDisks(k);
  checkPlugs(k);
  checkZones(k);
  checkBuddy(k);
  checkPcp(k);
  checkMms(k);
  checkVmas(k);
  checkPageTables(k);
  checkRss(k);
  checkRmap(k);
  checkCpuMasks(k);
  checkTranslations(k);
  checkLruvecs(k);
  checkMemcgs(k);
  checkKmem(k);
  checkMemcgWatch(k);
  checkSwap(k);
  checkSwapCache(k);
  checkZsmalloc(k);
  checkZswap(k);
  checkZram(k);
  checkGather(k);
  checkFiles(k);
  checkPrograms(k);
  checkPageCache(k);
  checkWriteback(k);
  checkShadowNodes(k);
  checkNodeSlab(k);
  checkPsi(k);
  checkCompaction(k);
  checkShmem(k);
  checkTasks(k);
  checkCommitted(k);
}
