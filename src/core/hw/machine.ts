/**
 * The machine file: what computer is simulated. A person gives what matters (`MachineInput`), `completeMachine` adds
 * the rest and refuses what cannot exist.
 *
 * Physical memory is an e820 map, as firmware hands it over: ranges of bytes with holes between them. Without one, the
 * map of a PC is laid out for the nodes' sizes: 640 KiB, a hole to 1 MiB, RAM up to 3 GiB, a hole for devices, and the
 * rest from 4 GiB on, node behind node.
 *
 *   0      640K  1M                 3G          4G                          top
 *   |usable|hole|usable             |hole (PCI) |usable: rest of node 0 | node 1 | …
 *
 * Linux: arch/x86/kernel/e820.c, drivers/acpi/numa/srat.c (6.12)   Doc: Documentation/arch/x86/boot.rst
 */
import { badConfig } from "../base/bug.ts";
import { createKnobs } from "../base/knobs.ts";
import { PAGE_SIZE } from "../base/types.ts";
import {
  type HeldInput,
  type HeldRange,
  type InitInput,
  type InitMemory,
  readHeld,
  readInit,
} from "./held.ts";
import { completeConfig, type KernelConfig } from "./kernel-config.ts";
import { type TlbSpec, USUAL_TLB } from "./tlb-spec.ts";

/** A disk: time until the first byte of a read, in ns, and bytes a second after that. */
export interface DiskSpec {
  readonly name: string;
  /** Latency of a read and, when it is another, of a write. */
  readonly readNs: number;
  readonly writeNs: number;
  /** What a request takes besides its bytes while no other can pass: a disk limited to so many requests a second has 1e9 / that. */
  readonly requestNs: number;
  /** Of reads and, when it is another, of writes. */
  readonly bytesPerSecond: number;
  readonly writeBytesPerSecond: number;
  readonly rotational: boolean;
  /** Requests it takes at a time; who submits one more waits until the oldest is done (Linux: queue/nr_requests). */
  readonly queueDepth: number;
}

/** A NUMA node: bytes of RAM, and its CPUs. */
export interface NodeSpec {
  readonly sizeBytes: number;
  readonly cpus: readonly number[];
}

/** What firmware says a range is. Only "usable" becomes memory. */
export type E820Kind = "usable" | "reserved" | "acpi" | "nvs" | "unusable";

/** One range of the firmware's map: [startByte, endByte), and the node it belongs to. */
export interface E820Range {
  readonly startByte: number;
  readonly endByte: number;
  readonly kind: E820Kind;
  readonly node: number;
}

/** A range of bytes that boot keeps for itself: [startByte, endByte), rounded outwards to pages. */
export interface ReservedRange {
  readonly startByte: number;
  readonly endByte: number;
  readonly what: string;
  /** True when only boot needs it (initrd, init sections): it is freed after watermarks were set. */
  readonly isFreed: boolean;
}

/** A machine, complete and checked. */
export interface Machine {
  readonly name: string;
  readonly kernel: "6.12";
  readonly config: KernelConfig;
  readonly cpus: number;
  readonly nodes: readonly NodeSpec[];
  /** By node, by node: relative distance, 10 to itself (ACPI SLIT). */
  readonly distances: readonly (readonly number[])[];
  /** Ascending, not overlapping. */
  readonly e820: readonly E820Range[];
  /** Ascending, not overlapping: memory the page allocator does not get. Undefined: boot works it out. */
  readonly reserved: readonly ReservedRange[] | undefined;
  /** Ascending, not overlapping: memory the page allocator has given away before the first program starts. */
  readonly held: readonly HeldRange[];
  /** What process 1, which sleeps, has in memory from the start, in bytes: anonymous memory of its own, and shared memory. */
  readonly init: InitMemory;
  /** Bytes that only movable pages may use (Linux: movablecore=). */
  readonly movableBytes: number;
  /** Levels of the page tables. */
  readonly levels: 4 | 5;
  /** Physical address bits of the processor. */
  readonly physBits: number;
  /** Bytes of last level cache behind each CPU's own data cache slice (Linux: cpu_cacheinfo.per_cpu_data_slice_size). */
  readonly cacheSliceBytes: number;
  readonly tlb: TlbSpec;
  readonly disks: readonly DiskSpec[];
  /** How many times as long as on the reference core (hw/clock.ts) everything takes that a CPU does: an emulated one is slow. */
  readonly cpuSlowdown: number;
  /** Tunables by path, as an operator sets them after boot. */
  readonly knobs: Readonly<Record<string, number>>;
  readonly seed: number;
  /** Frames that can have contents of their own at one time; the others hold one repeated word. */
  readonly contentFrames: number;
  /** How many times smaller a page becomes that is compressed, where its contents or its compressor are not at hand. */
  readonly compressionRatio: number;
}

/** A node as a machine file gives it. */
export interface NodeInput {
  readonly sizeBytes?: number | undefined;
  readonly cpus?: readonly number[] | undefined;
}

/** A machine as a person gives it. Either `sizeBytes`, `nodes` or `e820` says how much memory there is. */
export interface MachineInput {
  readonly name?: string | undefined;
  readonly kernel?: string | undefined;
  readonly config?: Partial<KernelConfig> | undefined;
  readonly cpus?: number | undefined;
  readonly sizeBytes?: number | undefined;
  readonly nodes?: readonly NodeInput[] | undefined;
  readonly distances?: readonly (readonly number[])[] | undefined;
  readonly e820?:
    | readonly {
        readonly startByte: number;
        readonly endByte: number;
        readonly kind?: E820Kind | undefined;
        readonly node?: number | undefined;
      }[]
    | undefined;
  readonly reserved?:
    | readonly {
        readonly startByte: number;
        readonly endByte: number;
        readonly what?: string | undefined;
        readonly isFreed?: boolean | undefined;
      }[]
    | undefined;
  readonly held?: readonly HeldInput[] | undefined;
  readonly init?: InitInput | undefined;
  readonly movableBytes?: number | undefined;
  readonly levels?: number | undefined;
  readonly physBits?: number | undefined;
  readonly cacheSliceBytes?: number | undefined;
  readonly tlb?: Partial<TlbSpec> | undefined;
  readonly disks?: readonly Partial<DiskSpec>[] | undefined;
  readonly cpuSlowdown?: number | undefined;
  readonly knobs?: Readonly<Record<string, number>> | undefined;
  readonly seed?: number | undefined;
  readonly contentFrames?: number | undefined;
  readonly compressionRatio?: number | undefined;
}

const KIB = 1024;
const MIB = 1048576;
const GIB = 1073741824;
/** The largest machine: page records are one array of 2^32 words at most. */
const MOST_BYTES = 2199023255552;
/** Zone rows have 8 bits in a page's flags: four zones a node, row 0 unused. */
const MOST_NODES = 63;
const MOST_CPUS = 512;
const LEAST_BYTES = 16 * MIB;
const MOST_CONTENT_FRAMES = 4194303;
/** What to expect of a compressor (Documentation/admin-guide/blockdev/zram.rst: "we expect a 2:1 compression ratio"). */
const USUAL_RATIO = 2;
/** 4 GiB of contents; untouched ones cost nothing. */
const USUAL_CONTENT_FRAMES = 1048576;
/** Where device memory begins below 4 GiB, as QEMU's i440fx and many PCs have it. */
const PCI_HOLE_START = 3 * GIB;
const PCI_HOLE_END = 4 * GIB;
const KINDS: readonly string[] = ["usable", "reserved", "acpi", "nvs", "unusable"];

/** A data-centre NVMe drive: 80 µs to the first byte, 3 GB/s. */
const USUAL_DISK: DiskSpec = {
  name: "nvme0n1",
  readNs: 80000,
  writeNs: 80000,
  requestNs: 0,
  bytesPerSecond: 3e9,
  writeBytesPerSecond: 3e9,
  rotational: false,
  queueDepth: 1023,
};

const FIELDS: readonly string[] = [
  "name",
  "kernel",
  "config",
  "cpus",
  "sizeBytes",
  "nodes",
  "distances",
  "e820",
  "reserved",
  "held",
  "init",
  "movableBytes",
  "levels",
  "physBits",
  "cacheSliceBytes",
  "tlb",
  "disks",
  "cpuSlowdown",
  "knobs",
  "seed",
  "contentFrames",
  "compressionRatio",
];

/** The machine with everything filled in. RangeError naming the field when it cannot exist. */
export function completeMachine(input: MachineInput): Machine {
  for (const field of Object.keys(input))
    if (!FIELDS.includes(field)) badConfig(field, "no such field in a machine");
  const kernel = input.kernel ?? "6.12";
  if (kernel !== "6.12") badConfig("kernel", `${kernel} is not a kernel Pagewalk models (6.12)`);
  const levels = input.levels ?? 4;
  if (levels !== 4 && levels !== 5) badConfig("levels", `${levels} is neither 4 nor 5`);
  const knobs = { ...input.knobs };
  createKnobs(knobs);
  const config = completeConfig(input.config, knobs);
  const cpus = integer("cpus", input.cpus ?? countCpus(input.nodes), 1, MOST_CPUS);
  const physBits = integer("physBits", input.physBits ?? 46, 32, 52);
  const e820 = input.e820 === undefined ? layOut(nodeSizes(input)) : readMap(input.e820, input.nodes?.length);
  const top = e820.at(-1)!.endByte;
  if (top > 2 ** physBits) badConfig("physBits", `${physBits} bits do not reach the top of memory`);
  const nodes = completeNodes(input, e820, cpus);
  const frames = Math.ceil(top / PAGE_SIZE);
  return {
    name: input.name ?? "machine",
    kernel,
    config,
    cpus,
    nodes,
    distances: completeDistances(input.distances, nodes.length),
    e820,
    reserved: input.reserved === undefined ? undefined : readReserved(input.reserved),
    held: readHeld(input.held ?? [], MOST_BYTES),
    init: readInit(input.init ?? {}, MOST_BYTES),
    movableBytes: integer("movableBytes", input.movableBytes ?? 0, 0, MOST_BYTES),
    levels,
    physBits,
    cacheSliceBytes: integer("cacheSliceBytes", input.cacheSliceBytes ?? 2 * MIB, 0, GIB),
    tlb: completeTlb(input.tlb),
    disks: (input.disks ?? [USUAL_DISK]).map(completeDisk),
    cpuSlowdown: slowdown(input.cpuSlowdown ?? 1),
    knobs,
    seed: integer("seed", input.seed ?? 1, 0, Number.MAX_SAFE_INTEGER),
    contentFrames: integer(
      "contentFrames",
      input.contentFrames ?? Math.min(frames, USUAL_CONTENT_FRAMES),
      64,
      MOST_CONTENT_FRAMES,
    ),
    compressionRatio: ratio(input.compressionRatio ?? USUAL_RATIO),
  };
}

function ratio(value: number): number {
  return value >= 1 && value <= PAGE_SIZE
    ? value
    : badConfig("compressionRatio", `${value} is not between 1 and ${PAGE_SIZE}`);
}

function slowdown(value: number): number {
  return value > 0 && value <= 1000 ? value : badConfig("cpuSlowdown", `${value} is not between 0 and 1000`);
}

/** Node of the byte address, or -1 when no usable range has it. */
export function machineNodeOf(machine: Machine, byteAddress: number): number {
  for (const range of machine.e820) {
    if (range.kind === "usable" && byteAddress >= range.startByte && byteAddress < range.endByte)
      return range.node;
  }
  return -1;
}

/** Page frames from 0 to the end of the last usable range, holes included. */
export function machineFrames(machine: Machine): number {
  let frames = 0;
  for (const range of machine.e820) {
    if (range.kind === "usable") frames = Math.max(frames, Math.floor(range.endByte / PAGE_SIZE));
  }
  return frames;
}

function integer(field: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value)) badConfig(field, `${value} is not a whole number`);
  if (value < least || value > most) badConfig(field, `${value} is outside ${least} to ${most}`);
  return value;
}

function countCpus(nodes: readonly NodeInput[] | undefined): number {
  let cpus = 0;
  for (const node of nodes ?? []) cpus += node.cpus?.length ?? 0;
  return cpus === 0 ? 1 : cpus;
}

/** Bytes of each node, from the nodes or from the total. */
function nodeSizes(input: MachineInput): number[] {
  if (input.nodes === undefined) {
    if (input.sizeBytes === undefined)
      badConfig("sizeBytes", "missing, and neither nodes nor e820 say how much memory there is");
    return [checkSize("sizeBytes", input.sizeBytes)];
  }
  if (input.nodes.length === 0) badConfig("nodes", "a machine has at least one node");
  return input.nodes.map((node, i) => {
    if (node.sizeBytes === undefined) badConfig(`nodes[${i}].sizeBytes`, "missing, and there is no e820 map");
    return checkSize(`nodes[${i}].sizeBytes`, node.sizeBytes);
  });
}

function checkSize(field: string, bytes: number): number {
  integer(field, bytes, LEAST_BYTES, MOST_BYTES);
  if (bytes % PAGE_SIZE !== 0) badConfig(field, `${bytes} is not a multiple of the page size ${PAGE_SIZE}`);
  return bytes;
}

/** The map of a PC with these nodes, one behind the other. */
function layOut(sizes: readonly number[]): E820Range[] {
  const map: E820Range[] = [
    { startByte: 0, endByte: 639 * KIB, kind: "usable", node: 0 },
    { startByte: 639 * KIB, endByte: 640 * KIB, kind: "reserved", node: 0 },
    { startByte: 960 * KIB, endByte: MIB, kind: "reserved", node: 0 },
  ];
  let at = MIB;
  sizes.forEach((bytes, node) => {
    let rest = node === 0 ? bytes - MIB : bytes;
    if (at < PCI_HOLE_START) {
      const below = Math.min(rest, PCI_HOLE_START - at);
      map.push({ startByte: at, endByte: at + below, kind: "usable", node });
      at += below;
      rest -= below;
    }
    if (at === PCI_HOLE_START) at = PCI_HOLE_END;
    if (rest > 0) map.push({ startByte: at, endByte: at + rest, kind: "usable", node });
    at += rest;
  });
  checkTop("nodes", map);
  return map;
}

/** Checks and orders a map that was given. */
function readMap(given: NonNullable<MachineInput["e820"]>, nrNodes: number | undefined): E820Range[] {
  const map = given.map((range, i) => {
    const field = `e820[${i}]`;
    const startByte = integer(`${field}.startByte`, range.startByte, 0, Number.MAX_SAFE_INTEGER);
    const endByte = integer(`${field}.endByte`, range.endByte, 0, Number.MAX_SAFE_INTEGER);
    if (endByte <= startByte) badConfig(field, "ends before it starts");
    const kind = range.kind ?? "usable";
    if (!KINDS.includes(kind)) badConfig(`${field}.kind`, `${kind} is none of ${KINDS.join(", ")}`);
    const node = integer(`${field}.node`, range.node ?? 0, 0, (nrNodes ?? MOST_NODES) - 1);
    return { startByte, endByte, kind, node };
  });
  map.sort((a, b) => a.startByte - b.startByte || a.endByte - b.endByte);
  for (let i = 1; i < map.length; i++) {
    if (map[i].startByte < map[i - 1].endByte) {
      badConfig("e820", `ranges at ${map[i - 1].startByte} and ${map[i].startByte} overlap`);
    }
  }
  if (!map.some((range) => range.kind === "usable")) badConfig("e820", "no usable range");
  // What lies above the last usable range is devices, which the memory manager never sees.
  while (map.at(-1)!.kind !== "usable") map.pop();
  checkTop("e820", map);
  return map;
}

function checkTop(field: string, map: readonly E820Range[]): void {
  if (map.at(-1)!.endByte > MOST_BYTES) badConfig(field, `memory ends above ${MOST_BYTES} bytes (2 TiB)`);
  let usable = 0;
  for (const range of map) if (range.kind === "usable") usable += range.endByte - range.startByte;
  if (usable < LEAST_BYTES - MIB) badConfig(field, `${usable} usable bytes are too few to boot`);
}

function completeNodes(input: MachineInput, map: readonly E820Range[], cpus: number): NodeSpec[] {
  let nrNodes = input.nodes?.length ?? 1;
  for (const range of map) nrNodes = Math.max(nrNodes, range.node + 1);
  if (nrNodes > MOST_NODES) badConfig("nodes", `${nrNodes} are more than ${MOST_NODES}`);
  const named = input.nodes?.some((node) => node.cpus !== undefined) ?? false;
  const owner = new Array<number>(cpus).fill(-1);
  const nodes: NodeSpec[] = [];
  for (let node = 0; node < nrNodes; node++) {
    const given = input.nodes?.[node];
    // Without a word about CPUs they are dealt out in equal runs.
    const list = named ? [...(given?.cpus ?? [])] : share(cpus, node, nrNodes);
    for (const cpu of list) {
      integer(`nodes[${node}].cpus`, cpu, 0, cpus - 1);
      if (owner[cpu] !== -1)
        badConfig(`nodes[${node}].cpus`, `CPU ${cpu} already belongs to node ${owner[cpu]}`);
      owner[cpu] = node;
    }
    let usable = 0;
    for (const range of map)
      if (range.kind === "usable" && range.node === node) usable += range.endByte - range.startByte;
    const sizeBytes = given?.sizeBytes ?? usable;
    if (usable > sizeBytes) badConfig(`nodes[${node}].sizeBytes`, `the e820 map gives it ${usable} bytes`);
    nodes.push({ sizeBytes, cpus: list });
  }
  const lost = owner.indexOf(-1);
  if (lost >= 0) badConfig("nodes", `CPU ${lost} belongs to no node`);
  return nodes;
}

function share(cpus: number, node: number, nrNodes: number): number[] {
  const list: number[] = [];
  for (let cpu = 0; cpu < cpus; cpu++) if (Math.floor((cpu * nrNodes) / cpus) === node) list.push(cpu);
  return list;
}

function completeDistances(given: MachineInput["distances"], nrNodes: number): number[][] {
  const rows: number[][] = [];
  if (given !== undefined && given.length !== nrNodes)
    badConfig("distances", `${given.length} rows for ${nrNodes} nodes`);
  for (let from = 0; from < nrNodes; from++) {
    const row = given?.[from];
    if (row !== undefined && row.length !== nrNodes)
      badConfig(`distances[${from}]`, `${row.length} entries for ${nrNodes} nodes`);
    rows.push([]);
    for (let to = 0; to < nrNodes; to++) {
      const distance = row?.[to] ?? (from === to ? 10 : 20);
      integer(`distances[${from}][${to}]`, distance, from === to ? 10 : 11, from === to ? 10 : 254);
      rows[from].push(distance);
    }
  }
  return rows;
}

function readReserved(given: NonNullable<MachineInput["reserved"]>): ReservedRange[] {
  const list = given.map((range, i) => {
    const startByte = integer(`reserved[${i}].startByte`, range.startByte, 0, MOST_BYTES);
    const endByte = integer(`reserved[${i}].endByte`, range.endByte, 0, MOST_BYTES);
    if (endByte <= startByte) badConfig(`reserved[${i}]`, "ends before it starts");
    return { startByte, endByte, what: range.what ?? "reserved", isFreed: range.isFreed ?? false };
  });
  list.sort((a, b) => a.startByte - b.startByte || a.endByte - b.endByte);
  for (let i = 1; i < list.length; i++) {
    if (list[i].startByte < list[i - 1].endByte) {
      badConfig("reserved", `ranges at ${list[i - 1].startByte} and ${list[i].startByte} overlap`);
    }
  }
  return list;
}

function completeTlb(given: Partial<TlbSpec> | undefined): TlbSpec {
  const spec = { ...USUAL_TLB, ...given };
  for (const key of Object.keys(spec) as (keyof TlbSpec)[]) {
    if (!(key in USUAL_TLB)) badConfig(`tlb.${key}`, "no such TLB array");
    const { sets, ways } = spec[key];
    integer(`tlb.${key}.sets`, sets, 1, 65536);
    integer(`tlb.${key}.ways`, ways, 1, 1024);
    if (2 ** Math.round(Math.log2(sets)) !== sets)
      badConfig(`tlb.${key}.sets`, `${sets} is not a power of two`);
  }
  return spec;
}

function completeDisk(given: Partial<DiskSpec>, i: number): DiskSpec {
  const writeNs = given.writeNs ?? given.readNs ?? USUAL_DISK.writeNs;
  const writeBytesPerSecond =
    given.writeBytesPerSecond ?? given.bytesPerSecond ?? USUAL_DISK.writeBytesPerSecond;
  const disk = { ...USUAL_DISK, ...given, writeNs, writeBytesPerSecond };
  integer(`disks[${i}].readNs`, disk.readNs, 0, 1e12);
  integer(`disks[${i}].writeNs`, disk.writeNs, 0, 1e12);
  integer(`disks[${i}].requestNs`, disk.requestNs, 0, 1e12);
  for (const field of ["bytesPerSecond", "writeBytesPerSecond"] as const)
    if (!(disk[field] > 0)) badConfig(`disks[${i}].${field}`, `${disk[field]} is not positive`);
  integer(`disks[${i}].queueDepth`, disk.queueDepth, 1, 16384);
  return disk;
}
