import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { boot, hashKernel, type MachineInput } from "../../src/core/index.ts";
import { drive } from "../../src/programs/driver.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";
import { openTraceFile } from "../../src/hosts/record/pwt-file.ts";

const ROOT = path.join(import.meta.dirname, "../..");
const MACHINE: MachineInput = { name: "determinism", cpus: 4, sizeBytes: 512 * 1048576 };

/** The hash after replaying the committed recording. */
function replayHash(seed: number): string {
  const trace = openTraceFile(path.join(ROOT, "recordings/ls.pwt"));
  const k = boot({ ...MACHINE, seed });
  drive(k, trace.start(k, { cached: trace.files }).programs);
  return hashKernel(k);
}

function scriptHash(text: string, seed: number): string {
  const k = boot({ ...MACHINE, seed });
  const { script, errors } = readScript(text, "script.pw");
  expect(errors).toEqual([]);
  runScript(k, script, () => {});
  return hashKernel(k);
}

test("the same recording on the same machine gives the same columns, byte for byte", () => {
  expect(replayHash(7)).toBe(replayHash(7));
});

test("another seed gives another address space layout, and so another hash", () => {
  expect(replayHash(7)).not.toBe(replayHash(8));
});

test("golden scripts give the same columns twice, on a kernel booted beside another", () => {
  const folder = path.join(ROOT, "golden/linux-6.12-x86_64");
  const names = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory() && !entry.name.startsWith("boot-"));
  // Every tenth: they differ in little that hashing could tell.
  for (const { name } of names.filter((_, index) => index % 10 === 0)) {
    const text = readFileSync(path.join(folder, name, "script.pw"), "utf8");
    expect(scriptHash(text, 1), name).toBe(scriptHash(text, 1));
  }
});

test("one stored byte more gives another hash", () => {
  const map = "a = mmap(NULL, 64K, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\nstore a 4 1\n";
  expect(scriptHash(`${map}store a+100 1 1\n`, 1)).not.toBe(scriptHash(`${map}store a+100 1 2\n`, 1));
});
