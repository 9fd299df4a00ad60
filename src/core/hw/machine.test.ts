import { describe, expect, test } from "vitest";
import { completeMachine, type MachineInput, machineFrames, machineNodeOf } from "./machine.ts";
import { PRESETS } from "./presets.ts";

const MIB = 1048576;
const GIB = 1073741824;

test("memory lies where a PC has it: low memory, a hole below 1 MiB, a hole below 4 GiB, the rest above", () => {
  const machine = completeMachine({ sizeBytes: 6 * GIB });
  const usable = machine.e820
    .filter((range) => range.kind === "usable")
    .map((range) => [range.startByte, range.endByte]);
  expect(usable).toEqual([
    [0, 654336],
    [MIB, 3 * GIB],
    [4 * GIB, 7 * GIB],
  ]);
  expect(machineFrames(machine)).toBe((7 * GIB) / 4096);
});

test("nodes lie one behind the other", () => {
  const machine = completeMachine({
    nodes: [
      { sizeBytes: 4 * GIB, cpus: [0] },
      { sizeBytes: 4 * GIB, cpus: [1] },
    ],
  });
  expect(machineNodeOf(machine, 4 * GIB)).toBe(0);
  expect(machineNodeOf(machine, 5 * GIB)).toBe(1);
  expect(machineNodeOf(machine, 3.5 * GIB)).toBe(-1);
  expect(machine.distances).toEqual([
    [10, 20],
    [20, 10],
  ]);
});

test("CPUs nobody placed are dealt out to the nodes in equal runs", () => {
  const machine = completeMachine({ cpus: 5, nodes: [{ sizeBytes: GIB }, { sizeBytes: GIB }] });
  expect(machine.nodes.map((node) => node.cpus)).toEqual([
    [0, 1, 2],
    [3, 4],
  ]);
});

test("every preset is a machine", () => {
  for (const [name, input] of Object.entries(PRESETS)) expect(completeMachine(input).name).toBe(name);
});

test("a completed machine completes to itself", () => {
  const machine = completeMachine(PRESETS["server-2x128g"]!);
  expect(completeMachine(machine as MachineInput)).toEqual(machine);
});

describe("a machine that cannot exist is refused, naming the field", () => {
  const refused: [string, MachineInput, RegExp][] = [
    ["no memory", {}, /^sizeBytes:/],
    ["too little memory", { sizeBytes: 4 * MIB }, /^sizeBytes:/],
    ["part of a page", { sizeBytes: 64 * MIB + 1 }, /^sizeBytes:/],
    ["no node", { nodes: [] }, /^nodes:/],
    ["more than 2 TiB", { sizeBytes: 4096 * GIB }, /^sizeBytes:/],
    ["a size that is no number", { sizeBytes: Number.NaN }, /^sizeBytes:/],
    ["half a CPU", { sizeBytes: GIB, cpus: 1.5 }, /^cpus:/],
    ["a CPU that is not there", { cpus: 2, nodes: [{ sizeBytes: GIB, cpus: [0, 7] }] }, /^nodes\[0\]\.cpus:/],
    [
      "a CPU in two nodes",
      {
        cpus: 2,
        nodes: [
          { sizeBytes: GIB, cpus: [0, 1] },
          { sizeBytes: GIB, cpus: [1] },
        ],
      },
      /^nodes\[1\]\.cpus:/,
    ],
    ["a CPU in no node", { cpus: 2, nodes: [{ sizeBytes: GIB, cpus: [0] }] }, /^nodes:/],
    [
      "overlapping ranges",
      {
        e820: [
          { startByte: 0, endByte: GIB },
          { startByte: MIB, endByte: 2 * GIB },
        ],
      },
      /^e820:.*overlap/,
    ],
    ["a range that ends before it starts", { e820: [{ startByte: GIB, endByte: 0 }] }, /^e820\[0\]:/],
    ["no usable range", { e820: [{ startByte: 0, endByte: GIB, kind: "reserved" }] }, /^e820:/],
    [
      "a range of an unknown node",
      { nodes: [{ cpus: [0] }], e820: [{ startByte: 0, endByte: GIB, node: 3 }] },
      /^e820\[0\]\.node:/,
    ],
    [
      "less RAM in a node than its map",
      { nodes: [{ sizeBytes: MIB }], e820: [{ startByte: 0, endByte: GIB }] },
      /^nodes\[0\]\.sizeBytes:/,
    ],
    [
      "overlapping reserved ranges",
      {
        sizeBytes: GIB,
        reserved: [
          { startByte: 0, endByte: MIB },
          { startByte: 4096, endByte: 8192 },
        ],
      },
      /^reserved:/,
    ],
    ["three levels of page tables", { sizeBytes: GIB, levels: 3 }, /^levels:/],
    ["memory the processor cannot reach", { sizeBytes: 8 * GIB, physBits: 32 }, /^physBits:/],
    ["another kernel", { sizeBytes: GIB, kernel: "5.4" }, /^kernel:/],
    ["an unknown knob", { sizeBytes: GIB, knobs: { "vm.speed": 11 } }, /^vm\.speed:/],
    ["a knob out of range", { sizeBytes: GIB, knobs: { "vm.swappiness": 300 } }, /^vm\.swappiness:/],
    ["an unknown field", { sizeBytes: GIB, colour: "red" } as MachineInput, /^colour:/],
    ["a TLB with three sets", { sizeBytes: GIB, tlb: { l2: { sets: 3, ways: 4 } } }, /^tlb\.l2\.sets:/],
    ["a distance matrix of another size", { sizeBytes: GIB, distances: [[10, 20]] }, /^distances\[0\]:/],
    [
      "a disk that gives nothing",
      { sizeBytes: GIB, disks: [{ bytesPerSecond: 0 }] },
      /^disks\[0\]\.bytesPerSecond:/,
    ],
    ["no frame with contents", { sizeBytes: GIB, contentFrames: 0 }, /^contentFrames:/],
  ];
  test.each(refused)("%s", (_, input, message) => {
    expect(() => completeMachine(input)).toThrow(RangeError);
    expect(() => completeMachine(input)).toThrow(message);
  });
});

test("tunables of zswap are for kernels that have it", () => {
  const knobs = { "/sys/module/zswap/parameters/enabled": 1 };
  expect(() => completeMachine({ sizeBytes: 2 ** 26, knobs })).toThrow(/built without zswap/);
  expect(completeMachine({ sizeBytes: 2 ** 26, knobs, config: { zswap: "lz4" } }).config.zswap).toBe("lz4");
});
