/** Tasks that run at the same time and are killed in the middle of it: their lines end, and the others go on. */
import { expect, test } from "vitest";
import { boot, checkKernel, PRESETS } from "../../src/core/index.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { runScript } from "../../src/programs/script/run.ts";

const MAP = "mmap(NULL, 8M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)";

/** The transcript's lines after the first. */
function run(lines: readonly string[]): string[] {
  const { script, errors } = readScript(lines.join("\n"), "t.pw");
  expect(errors).toEqual([]);
  const k = boot(PRESETS.tiny!);
  const transcript: string[] = [];
  expect(runScript(k, script, (line) => transcript.push(line))).toBeUndefined();
  checkKernel(k);
  return transcript.slice(1);
}

test("the one that is killed ends in its line, its further lines are dropped, the other one goes on", () => {
  const transcript = run([
    "cgroup g memory.max=4M",
    "enter g",
    "p = fork()",
    "p: oom_score_adj 900",
    `a = ${MAP}`,
    `p: b = ${MAP}`,
    "together",
    "scan store a 3M",
    "p: loop store b 2M 100000",
    "p: scan load b 1M",
    "scan load a 3M",
    "end",
    "p: load b 4",
    "p: show statm",
    "wait4(p, NULL, 0, NULL)",
  ]);
  const from = transcript.indexOf("together");
  expect(transcript[from + 1]).toMatch(/^scan store a 3M = 768 accesses/);
  expect(transcript[from + 2]).toMatch(/^p: loop store b 2M 100000 = SIGKILL after \d+$/);
  expect(transcript.slice(from + 3, from + 4)).toEqual(["p: scan load b 1M = dropped"]);
  expect(transcript[from + 4]).toMatch(/^scan load a 3M = 768 accesses/);
  expect(transcript.slice(from + 6)).toEqual([
    "p: load b 4 = dropped",
    "p: show statm",
    "wait4(p, NULL, 0, NULL) = p killed SIGKILL",
  ]);
});

test("who kills others in a call ends their lines, too; who is killed in its own call sees no result", () => {
  const populate = "mmap(NULL, 3M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0)";
  const transcript = run([
    "cgroup g memory.max=4M",
    "enter g",
    "p = fork()",
    "p: oom_score_adj 900",
    `p: b = ${MAP}`,
    "together",
    "p: loop store b 2M 100000",
    `a = ${populate}`,
    "p: scan load b 1M",
    "end",
    "c = mmap(NULL, 8M, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS|MAP_POPULATE, -1, 0)",
    "load a 4",
  ]);
  const from = transcript.indexOf("together");
  expect(transcript[from + 1]).toMatch(/^p: loop store b 2M 100000 = SIGKILL after \d+$/);
  expect(transcript[from + 2]).toMatch(/^a = mmap.* = /);
  expect(transcript[from + 3]).toBe("p: scan load b 1M = dropped");
  expect(transcript.at(-2)).toMatch(/^c = mmap.* = SIGKILL$/);
  expect(transcript.at(-1)).toBe("load a 4 = dropped");
});

test("the totals keep the faults of those that were killed, once", () => {
  const transcript = run([
    "cgroup g memory.max=4M",
    "p = fork()",
    "p: enter g",
    `p: b = ${MAP}`,
    "p: scan store b 8M",
    "show totals",
    "wait4(p, NULL, 0, NULL)",
    "show totals",
  ]);
  const faults = transcript.filter((line) => line.startsWith("| minor ")).map((line) => Number(line.slice(8)));
  const done = Number(/SIGKILL after (\d+)/.exec(transcript.join("\n"))![1]);
  expect(faults).toEqual([done, done]);
});
