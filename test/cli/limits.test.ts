import { spawnSync } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { limitsReportSchema } from "../../src/hosts/cli/report/limits-schema.ts";

/** The built command, as a user runs it. `npm test` builds it first. */
const COMMAND = path.join(import.meta.dirname, "../../dist/pagewalk.js");
const RECORDING = path.join(import.meta.dirname, "../../recordings/ls.pwt");

function run(...args: string[]): { code: number | null; out: string; errors: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, "run", RECORDING, ...args], { encoding: "utf8" });
  return { code: status, out: stdout, errors: stderr };
}

test("limits side by side: each run keeps to its own, and the smaller one costs more", () => {
  const { code, out } = run("--limit", "max,600K,400K", "--swap", "64M", "-j", "-");
  expect(code).toBe(0);
  const { limits, runs } = limitsReportSchema.parse(JSON.parse(out));
  expect(limits).toEqual([null, 600 * 1024, 400 * 1024]);
  const [free, middle, small] = runs;
  expect(free!.pressure.swapout + free!.faults.major + free!.cgroup!.events["max"]!).toBe(0);
  for (const limited of [middle!, small!]) {
    expect(limited.cgroup!.peakBytes).toBeLessThanOrEqual(limited.cgroup!.limitBytes!);
    expect(limited.cgroup!.events["max"]).toBeGreaterThan(0);
    expect(limited.accesses).toBe(free!.accesses);
  }
  expect(small!.faults.major).toBeGreaterThan(middle!.faults.major);
  expect(small!.virtualNs).toBeGreaterThan(middle!.virtualNs);
  expect(middle!.virtualNs).toBeGreaterThan(free!.virtualNs);
});

test("a limit that the program cannot live in ends it, and the command with 1", () => {
  const { code, out } = run("--limit", "max,300K");
  expect(code).toBe(1);
  expect(out).toMatch(/300 KiB\s+SIGKILL/);
});

test("a list that is none, and a transcript of several runs, are refused in one line", () => {
  expect(run("--limit", "48M,,24M").errors).toMatch(/expected a size of at least a page, e\.g\. 48M/);
  expect(run("--limit", "48M,24M", "-t", "-")).toMatchObject({ code: 2, out: "", errors: expect.stringMatching(/^[^\n]*--transcript: only one run has one\n$/) as string });
});
