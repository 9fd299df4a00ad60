/**
 * Pressure stall information beside real runs: golden/fidelity/psi-* were recorded on Linux 6.12 in QEMU, four runs each, and
 * what memory.pressure says there is within what the runs say.
 *
 * The recording machine was busy, so that its time passed slowly: how slowly is taken from one case (psi-high-classic: a page
 * put out cost 60 to 100 µs of memory stall) and holds for all. What disks take is that of golden/fidelity/calibration.json.
 * Totals of io.pressure are not compared: QEMU's throttle lets a disk catch up while the processor works, a disk here does not.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { boot } from "../../src/core/kernel.ts";
import { parseScript } from "../../src/programs/script/parser.ts";
import { runScript } from "../../src/programs/script/run.ts";

const FOLDER = path.join(import.meta.dirname, "../../golden/fidelity");
/** The busy emulator beside the reference processor. */
const SLOWDOWN = 30;
const PAGE = 4096;

interface CaseMachine {
  readonly policy: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly swapIops: number;
}

/** Totals of the group's memory.pressure in a transcript, in µs: some, full. */
function memoryStall(transcript: string): number[] {
  const lines = /^show pressure cgroup g\n((?:\| .*\n)+)/m.exec(transcript)![1]!;
  return [...lines.matchAll(/total=([0-9]+)/g)].map((match) => Number(match[1]));
}

/** The case's transcript here. */
function predict(name: string): string {
  const machine = JSON.parse(readFileSync(path.join(FOLDER, name, "machine.json"), "utf8")) as CaseMachine;
  const speeds = JSON.parse(readFileSync(path.join(FOLDER, "calibration.json"), "utf8")) as Record<string, Record<string, number>>;
  const { readNs, writeNs, requestNs, pageNs, fileByteNs } = speeds["6.12"]!;
  const k = boot({
    cpus: machine.cpus,
    sizeBytes: machine.memoryBytes,
    levels: 4,
    cpuSlowdown: SLOWDOWN,
    disks: [
      { name: "nvme0n1", readNs: readNs!, bytesPerSecond: Math.round(1e9 / fileByteNs!) },
      {
        name: "nvme1n1",
        readNs: readNs!,
        writeNs: writeNs!,
        requestNs: machine.swapIops > 0 ? 1e9 / machine.swapIops : requestNs!,
        bytesPerSecond: Math.round((PAGE * 1e9) / pageNs!),
      },
    ],
    knobs: { "/sys/kernel/mm/lru_gen/enabled": machine.policy === "mglru" ? 7 : 0 },
  });
  const parsed = parseScript(readFileSync(path.join(FOLDER, name, "script.pw"), "utf8"), "script.pw");
  expect(parsed.errors).toEqual([]);
  const lines: string[] = [];
  expect(runScript(k, parsed.script, (line) => lines.push(line))).toBeUndefined();
  return lines.map((line) => `${line}\n`).join("");
}

for (const name of readdirSync(FOLDER).filter((each) => each.startsWith("psi-"))) {
  test(`${name}: memory stalls are within those of the real runs`, () => {
    const runs = readdirSync(path.join(FOLDER, name, "runs"))
      .map((file) => memoryStall(readFileSync(path.join(FOLDER, name, "runs", file), "utf8")));
    expect(runs.length).toBeGreaterThanOrEqual(4);
    const ours = memoryStall(predict(name));
    for (let kind = 0; kind < 2; kind++) {
      const real = runs.map((run) => run[kind]!);
      expect(ours[kind]).toBeGreaterThanOrEqual(Math.min(...real));
      expect(ours[kind]).toBeLessThanOrEqual(Math.max(...real));
    }
    // One task alone: whenever it is held up, all are.
    if (!name.includes("together")) for (const run of [...runs, ours]) expect(run[1]).toBe(run[0]);
  });
}
