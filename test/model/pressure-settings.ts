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
  /** Pages of each area, header included, and SWP_* besides. */
  readonly areas: readonly { readonly pages: number; readonly prio: number; readonly flags: number }[];
  /** MGLRU rather than the two lists. */
  readonly isGenerational: boolean;
  /** Nobody may be killed: allocations fail instead. */
  readonly isImmune: boolean;
}

const DISK = { readNs: 80_000, writeNs: 80_000, bytesPerSecond: 2e9, queueDepth: 64, rotational: false };
const DISKS = [DISK, DISK, { ...DISK, rotational: true }];

const ZSWAP_ON = { "/sys/module/zswap/parameters/enabled": 1 };

/** The settings that the test runs. */
export const PRESSURE_SETTINGS: readonly PressureSetting[] = [
  {
    name: "a cgroup and two areas with a queue",
    machine: { name: "m", cpus: 2, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS },
    limits: [{ file: "memory.max", value: 460 * 1024 }],
    arenaPages: 128,
    scale: 1,
    areas: [
      { pages: 96, prio: 5, flags: SWP_SOLIDSTATE },
      { pages: 200, prio: 1, flags: SWP_SOLIDSTATE },
    ],
    isGenerational: false,
    isImmune: false,
  },
  {
    name: "a cgroup, devices without a queue, memory.swap.max",
    machine: { name: "m", cpus: 1, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS },
    limits: [
      { file: "memory.max", value: 480 * 1024 },
      { file: "memory.high", value: 420 * 1024 },
      { file: "memory.swap.max", value: 600 * 1024 },
    ],
    arenaPages: 128,
    scale: 1,
    areas: [
      { pages: 300, prio: 3, flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO },
      { pages: 300, prio: 3, flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO },
    ],
    isGenerational: false,
    isImmune: false,
  },
  {
    name: "a cgroup in which nobody may be killed, rotating disk",
    machine: { name: "m", cpus: 2, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS },
    limits: [{ file: "memory.max", value: 460 * 1024 }],
    arenaPages: 128,
    scale: 1,
    areas: [
      { pages: 100, prio: 2, flags: SWP_SOLIDSTATE },
      { pages: 130, prio: 7, flags: 0 },
    ],
    isGenerational: false,
    isImmune: true,
  },
  {
    name: "a whole machine",
    machine: { name: "m", cpus: 2, sizeBytes: 16 * 1048576, contentFrames: 8192, disks: DISKS },
    arenaPages: 3200,
    scale: 24,
    areas: [
      { pages: 1500, prio: 2, flags: SWP_SOLIDSTATE },
      { pages: 900, prio: 2, flags: SWP_SOLIDSTATE },
    ],
    isGenerational: false,
    isImmune: false,
  },
  {
    name: "a cgroup in generations",
    machine: { name: "m", cpus: 2, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS },
    limits: [{ file: "memory.max", value: 460 * 1024 }],
    arenaPages: 128,
    scale: 1,
    areas: [
      { pages: 300, prio: 5, flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO },
      { pages: 200, prio: 1, flags: SWP_SOLIDSTATE },
    ],
    isGenerational: true,
    isImmune: false,
  },
  {
    name: "zswap with its shrinker, a cgroup and an area with a queue",
    machine: {
      ...{ name: "m", cpus: 2, sizeBytes: 32 * 1048576, contentFrames: 4096, disks: DISKS },
      config: { zswap: "lz4" },
      compressionRatio: 3,
      knobs: { ...ZSWAP_ON, "/sys/module/zswap/parameters/shrinker_enabled": 1 },
    },
    limits: [
      { file: "memory.max", value: 460 * 1024 },
      { file: "memory.zswap.max", value: 80 * 1024 },
    ],
    arenaPages: 128,
    scale: 1,
    areas: [
      { pages: 96, prio: 5, flags: SWP_SOLIDSTATE },
      { pages: 200, prio: 1, flags: SWP_SOLIDSTATE },
    ],
    isGenerational: false,
    isImmune: false,
  },
  {
    name: "zswap whose pool is soon full, a cgroup in generations",
    machine: {
      ...{ name: "m", cpus: 1, sizeBytes: 16 * 1048576, contentFrames: 4096, disks: DISKS },
      config: { zswap: "zstd" },
      compressionRatio: 1.2,
      knobs: { ...ZSWAP_ON, "/sys/module/zswap/parameters/max_pool_percent": 1 },
    },
    limits: [{ file: "memory.max", value: 460 * 1024 }],
    arenaPages: 128,
    scale: 1,
    areas: [{ pages: 300, prio: 2, flags: SWP_SOLIDSTATE | SWP_SYNCHRONOUS_IO }],
    isGenerational: true,
    isImmune: false,
  },
];
