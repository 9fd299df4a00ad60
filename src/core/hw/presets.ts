/**
 * Machines by name, for `--machine NAME`. All are x86-64; a name says what the size is like, not whose board it is.
 * Linux: none   Doc: docs/map.md
 */
import type { MachineInput } from "./machine.ts";

const MIB = 1048576;
const GIB = 1073741824;

/** A desktop SSD and a hard disk, beside the data-centre drive that is the default. */
const SSD = { name: "sda", readNs: 120000, bytesPerSecond: 5e8, rotational: false };
const SD_CARD = { name: "mmcblk0", readNs: 600000, bytesPerSecond: 4e7, rotational: false };

/** `count` nodes of `sizeBytes`, with `cpusEach` CPUs in a row. */
function nodes(count: number, sizeBytes: number, cpusEach: number): NonNullable<MachineInput["nodes"]> {
  return Array.from({ length: count }, (_, node) => ({
    sizeBytes,
    cpus: Array.from({ length: cpusEach }, (_, i) => node * cpusEach + i),
  }));
}

/** Distances of a two-level machine: 10 to itself, `near` within a socket's pair, `far` to the others. */
function sockets(count: number, near: number, far: number): number[][] {
  return Array.from({ length: count }, (_, from) =>
    Array.from({ length: count }, (_, to) => (from === to ? 10 : from >> 1 === to >> 1 ? near : far)),
  );
}

/** The machines. The command's default is laptop-16g. */
export const PRESETS: Readonly<Record<string, MachineInput>> = {
  tiny: { name: "tiny", sizeBytes: 64 * MIB, cpus: 1, contentFrames: 16384 },
  "container-512m": { name: "container-512m", sizeBytes: 512 * MIB, cpus: 1 },
  "vm-2g": { name: "vm-2g", sizeBytes: 2 * GIB, cpus: 2 },
  "pi-4g": { name: "pi-4g", sizeBytes: 4 * GIB, cpus: 4, disks: [SD_CARD] },
  "laptop-16g": { name: "laptop-16g", sizeBytes: 16 * GIB, cpus: 8 },
  "desktop-32g": { name: "desktop-32g", sizeBytes: 32 * GIB, cpus: 16, disks: [SSD] },
  "server-2x128g": {
    name: "server-2x128g",
    nodes: nodes(2, 128 * GIB, 32),
    distances: [
      [10, 21],
      [21, 10],
    ],
  },
  "server-8x128g": {
    name: "server-8x128g",
    nodes: nodes(8, 128 * GIB, 16),
    distances: sockets(8, 16, 22),
    levels: 5,
    physBits: 52,
  },
};
