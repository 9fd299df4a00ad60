/**
 * MGLRU under pressure: nothing stored is lost, and every invariant holds.
 */
import { expect, test } from "vitest";
import { boot, checkKernel, PRESETS } from "../../src/core/index.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";

const KNOB = "/sys/kernel/mm/lru_gen/enabled";

/** The transcript of a script on a small machine; its machine is checked afterwards. */
function run(enabled: number, statements: readonly string[]): string[] {
  const { script, errors } = readScript(`${statements.join("\n")}\n`, "t.pw");
  expect(errors).toEqual([]);
  const k = boot({ ...PRESETS.tiny!, knobs: { [KNOB]: enabled } });
  const lines: string[] = [];
  expect(runScript(k, script, (line) => lines.push(line))).toBeUndefined();
  checkKernel(k);
  return lines;
}

const PRESSURE = [
  "swap 32M",
  "cgroup g memory.max=4M",
  "enter g",
  "a = mmap(NULL, 8M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)",
  "scan store a 8M",
];

/** Hash of what the last statement loaded. */
function loaded(lines: readonly string[]): string {
  return /fnv (\S+)/.exec(lines.at(-1)!)![1]!;
}

test("what is evicted comes back as it was stored", () => {
  const classic = run(0, [...PRESSURE, "zipf mix a 8M 20000", "scan load a 8M"]);
  const mglru = run(7, [...PRESSURE, "zipf mix a 8M 20000", "scan load a 8M"]);
  expect(loaded(mglru)).toBe(loaded(classic));
});

test("files read through descriptors under MGLRU", () => {
  const lines = run(7, [
    "cgroup g memory.max=4M",
    "enter g",
    "file f 8M",
    'fd = open("f", O_RDONLY)',
    "m = mmap(NULL, 8M, PROT_READ, MAP_SHARED, fd, 0)",
    "scan load m 8M",
    "zipf load m 8M 5000",
    "show vmstat workingset_refault_file",
  ]);
  expect(Number(/\d+$/.exec(lines.at(-1)!)![0])).toBeGreaterThan(0);
});
