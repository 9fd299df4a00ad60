/**
 * Situations in which memory runs out, recorded on a real 6.12 (golden/oom, PROVENANCE.md): the same processes die in the same
 * order, and the kernel's log says the same about it, but for what depends on memory that the model does not have (kernel
 * stacks, slab): what the process has got that asks for memory, and the machine's own figures.
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { boot, checkKernel, type Kernel, type MachineInput } from "../../src/core/index.ts";
import { formatScriptError } from "../../src/programs/script/ast.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";

const GOLDEN = fileURLToPath(new URL("../../golden", import.meta.url));
const FOLDER = path.join(GOLDEN, "oom");
const MIB = 1048576;
const CASES = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** They were recorded with classic reclaim. */
const CLASSIC = { "/sys/kernel/mm/lru_gen/enabled": 0 };

/** The machine a situation was recorded on. */
function machineOf(name: string): Kernel {
  const disks = [{ name: "nvme0n1" }, { name: "nvme1n1" }];
  if (!name.startsWith("global-")) return boot({ cpus: 1, sizeBytes: 512 * MIB, levels: 4, disks, knobs: CLASSIC });
  const whole = JSON.parse(readFileSync(path.join(GOLDEN, "fidelity/machine-256m.json"), "utf8")) as MachineInput;
  // Without the pages of process 1: how many of them are in swap decides some tens of pages of a task that fills it.
  const { e820, reserved, held, knobs } = whole;
  return boot({ cpus: 1, sizeBytes: 256 * MIB, levels: 4, disks, e820, reserved, held, knobs: { ...knobs, ...CLASSIC } });
}

/** What the model prints. */
function transcriptOf(name: string): string[] {
  const k = machineOf(name);
  const { script } = readScript(readFileSync(path.join(FOLDER, name, "script.pw"), "utf8"), `${name}.pw`);
  const lines: string[] = [];
  const error = runScript(k, script, (line) => lines.push(line));
  if (error !== undefined) throw new Error(formatScriptError(error));
  checkKernel(k);
  return lines;
}

/** Names of those that were killed, in order. */
function victims(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^\| .*: Killed process (\S+) \(/.exec(line)?.[1] ?? []);
}

/** Lines of the log that are about memory, without what is about the emulated machine: traces, registers, the controller. */
function report(lines: readonly string[]): string[] {
  const log = lines.slice(lines.indexOf("show dmesg") + 1).filter((line) => line.startsWith("| "));
  let isTrace = false;
  return log.filter((line) => {
    if (line === "| Call Trace:") isTrace = true;
    const isOurs = !isTrace && !/^\| (CPU: |Hardware name: |Adding |nvme|hrtimer)| init$/.test(line);
    if (line === "|  </TASK>") isTrace = false;
    return isOurs;
  });
}

/** A line with its numbers taken out: its form. The kinds of free blocks depend on what is free. */
function formOf(line: string): string {
  return line
    .replace(/(\d+)\*(\d+)kB( \([UMEHI]+\))?/g, "N*$2kB")
    // The operator is the controller there, init here.
    .replace(/(init invoked .*oom_score_adj=)-1000/, "$10")
    .replace(/gfp_mask=\S+\(\S+\)/, "gfp_mask=0xN(FLAGS)")
    .replace(/all_unreclaimable\? (yes|no)/, "all_unreclaimable? ?")
    .replace(/ +\d+/g, " N")
    .replace(/\d+/g, "N");
}

/** Whether a line is the same whatever the kernel itself needs: everything about processes that do not ask for memory. */
function isExact(line: string, askers: ReadonlySet<string>): boolean {
  if (/^\| (oom-kill:|Tasks in )/.test(line)) return true;
  const named = /^\| \[ *(\S+)\]/.exec(line)?.[1] ?? /: Killed process (\S+) \(/.exec(line)?.[1];
  return named !== undefined && !askers.has(named);
}

/** Tasks whose accesses or calls met the limit: they may have got some pages more here. */
function askersOf(name: string): Set<string> {
  const script = readFileSync(path.join(FOLDER, name, "script.pw"), "utf8");
  const last = script.split("\n").findLast((line) => line.includes("scan store") || line.includes("POPULATE"));
  return new Set([/^(\w+):/.exec(last ?? "")?.[1] ?? "main"]);
}

test("there are thirty situations and more", () => {
  expect(CASES.length).toBeGreaterThanOrEqual(30);
});

describe.each(CASES)("%s", (name) => {
  const real = readFileSync(path.join(FOLDER, name, "transcript.txt"), "utf8").trimEnd().split("\n");
  const model = transcriptOf(name);

  test("the same processes are killed", () => {
    expect(victims(real)).not.toEqual([]);
    expect(victims(model)).toEqual(victims(real));
  });

  test("the log has the same form", () => {
    expect(report(model).map(formOf)).toEqual(report(real).map(formOf));
  });

  test("what the log says of those that do not ask for memory is the same", () => {
    const askers = askersOf(name);
    const exact = (lines: readonly string[]): string[] => report(lines).filter((line) => isExact(line, askers));
    expect(exact(model)).toEqual(exact(real));
  });

  const hasSwap = real.some((line) => line.startsWith("swap "));
  test.skipIf(name.startsWith("global-") || hasSwap)("memory.stat has the same pages within a hundredth", () => {
    const pages = (lines: readonly string[]): number[] =>
      ["anon", "inactive_anon", "active_anon", "file"].map((field) => {
        const line = lines.find((each) => each.startsWith(`| ${field} `))!;
        return Number(line.split(" ")[2]) / 4096;
      });
    const found = pages(model);
    for (const [i, expected] of pages(real).entries()) expect(Math.abs(found[i]! - expected)).toBeLessThan(41);
  });

  test("the cgroup's events count the same kills", () => {
    const events = (lines: readonly string[]): string[] => lines.filter((line) => /^\| oom_(group_)?kill /.test(line));
    expect(events(model)).toEqual(events(real));
  });
});
