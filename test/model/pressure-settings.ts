/**
 * The machines and limits under which random programs run short of memory: cgroups and a whole machine, areas with a queue,
 * without one, on a rotating disk, one that is soon full.
 */
import { type MachineInput, SWP_SOLIDSTATE } from "../../src/core/index.ts";
import { SWP_SYNCHRONOUS_IO } from "../../src/core/space/swap.ts";

/** Row of the disks of a machine below: files lie on the first, each area on one of its own. */
export const FILE_DISK = 0;

/** A machine, what its programs may use, and its areas of swap. */
export interface PressureSetting {
  readonly name: string;
  readonly machine: MachineInput;
  /** Files of the cgroup that all programs are in; none: the whole machine is short of memory. */
  readonly limits?: readonly { readonly file: string; readonly value: number }[];
  readonly arenaPages: number;
  /** By how much more pages at a time than 1 to 64. */
  readonly scale: number;
  /** Pages of each area, header included, and SWP_* besides; or bytes of memory that it may take, for one on zram (0: any). */
  readonly areas: readonly {
    readonly pages: number;
    readonly prio: number;
    readonly flags: number;
    readonly zramLimit?: number;
  }[];
  /** MGLRU rather than the two lists. */
  readonly isGenerational: boolean;
  /** Nobody may be killed: allocations fail instead. */
  readonly isImmune: boolean;
}

const DISK = { readNs: 80_000, writeNs: 80_000, bytesPerSecond: 2e9, queueDepth: 64, rotational: false };
const DISKS = [DISK, DISK, { ...DISK, rotational: true }];

const KIB = 1024;
const MACHINE: MachineInput = { name: "m", cpus: 2, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS };
const MEMORY_MAX = { file: "memory.max", value: 460 * KIB };

/** What most settings have: all programs in a cgroup of 115 pages. */
const CGROUP = {
  machine: MACHINE,
  limits: [MEMORY_MAX],
  arenaPages: 128,
  scale: 1,
  isGenerational: false,
  isImmune: false,
};

/** A machine that swaps through zswap with its compressor, whose pages compress so well, and with these parameters. */
function zswapMachine(zswap: "lz4" | "zstd", compressionRatio: number, parameters: Record<string, number>): MachineInput {
  const given = Object.entries({ enabled: 1, ...parameters });
  const knobs = Object.fromEntries(given.map(([name, value]) => [`/sys/module/zswap/parameters/${name}`, value]));
  return { ...MACHINE, config: { zswap }, compressionRatio, knobs };
}

const QUEUE = SWP_SOLIDSTATE;
const NO_QUEUE = SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO;
const ROTATING = 0;

/** The settings that the test runs. */
export const PRESSURE_SETTINGS: readonly PressureSetting[] = [
  {
    ...CGROUP,
    name: "a cgroup and two areas with a queue",
    areas: [
      { pages: 96, prio: 5, flags: QUEUE },
      { pages: 200, prio: 1, flags: QUEUE },
    ],
  },
  {
    ...CGROUP,
    name: "a cgroup, devices without a queue, memory.swap.max",
    machine: { ...MACHINE, cpus: 1 },
    limits: [
      { file: "memory.max", value: 480 * KIB },
      { file: "memory.high", value: 420 * KIB },
      { file: "memory.swap.max", value: 600 * KIB },
    ],
    areas: [
      { pages: 300, prio: 3, flags: NO_QUEUE },
      { pages: 300, prio: 3, flags: NO_QUEUE },
    ],
  },
  {
    ...CGROUP,
    name: "a cgroup in which nobody may be killed, rotating disk",
    areas: [
      { pages: 100, prio: 2, flags: QUEUE },
      { pages: 130, prio: 7, flags: ROTATING },
    ],
    isImmune: true,
  },
  {
    name: "a whole machine",
    machine: { ...MACHINE, sizeBytes: 16 * 1048576, contentFrames: 8192 },
    arenaPages: 3200,
    scale: 24,
    areas: [
      { pages: 1500, prio: 2, flags: QUEUE },
      { pages: 900, prio: 2, flags: QUEUE },
    ],
    isGenerational: false,
    isImmune: false,
  },
  {
    ...CGROUP,
    name: "a cgroup in generations",
    areas: [
      { pages: 300, prio: 5, flags: NO_QUEUE },
      { pages: 200, prio: 1, flags: QUEUE },
    ],
    isGenerational: true,
  },
  {
    ...CGROUP,
    name: "zswap with its shrinker, a cgroup and an area with a queue",
    machine: zswapMachine("lz4", 3, { shrinker_enabled: 1 }),
    limits: [MEMORY_MAX, { file: "memory.zswap.max", value: 80 * KIB }],
    areas: [
      { pages: 96, prio: 5, flags: QUEUE },
      { pages: 200, prio: 1, flags: QUEUE },
    ],
  },
  {
    ...CGROUP,
    name: "zswap whose pool is soon full, a cgroup in generations",
    machine: { ...zswapMachine("zstd", 1.2, { max_pool_percent: 1 }), cpus: 1, sizeBytes: 16 * 1048576 },
    areas: [{ pages: 300, prio: 2, flags: NO_QUEUE }],
    isGenerational: true,
  },
  {
    ...CGROUP,
    name: "zram with a limit before a disk, a cgroup",
    areas: [
      { pages: 150, prio: 5, flags: NO_QUEUE, zramLimit: 64 * KIB },
      { pages: 200, prio: 1, flags: QUEUE },
    ],
  },
];
