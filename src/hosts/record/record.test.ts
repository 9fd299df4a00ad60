/** Recording real programs, where valgrind is installed; and files that come whole or not at all. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { boot, PRESETS } from "../../core/index.ts";
import { drive } from "../../programs/driver.ts";
import { createChunk, EVENT_CALL, EVENT_EXEC, type ReplayEvent } from "../../programs/replay/events.ts";
import { BLOCK_MOST_BYTES } from "../../programs/replay/pwt-format.ts";
import { readHeaders, withoutValgrind } from "./facts.ts";
import { createPwtFile, openPwtFile, openTraceFile } from "./pwt-file.ts";
import { writeChunk } from "./pwt-write.ts";
import { findProgram, findValgrind, record } from "./record.ts";

const directory = fs.mkdtempSync(path.join(os.tmpdir(), "pagewalk-test-"));
afterAll(() => fs.rmSync(directory, { recursive: true, force: true }));

const META = { command: ["x"], recorder: "test", kernel: "6.12", fetchPages: 8, dataPages: 4 };
const ENV = { PATH: "/usr/bin:/bin", LANG: "C" };
const hasValgrind = findValgrind() !== undefined && process.platform === "linux" && process.arch === "x64";
const hasShell =
  hasValgrind && findProgram("sh", ENV) !== undefined && findProgram("true", ENV) !== undefined;

test.skipIf(!hasShell)("a program and its children are recorded and replayed (needs valgrind)", async () => {
  const file = path.join(directory, "sh.pwt");
  const result = await record("sh", ["-c", "true; exit 3"], file, { stdio: "ignore", env: ENV });
  expect(result.exitCode).toBe(3);
  const reader = openPwtFile(file);
  expect(reader.meta.command).toEqual(["sh", "-c", "true; exit 3"]);
  expect(reader.totals.streams).toBe(result.processes);
  expect(fs.readdirSync(directory)).toEqual(["sh.pwt"]);
  const exec = eventsOf(file).find((event) => event.type === EVENT_EXEC)!;
  expect(exec).toMatchObject({
    argv: [expect.stringMatching(/sh$/), "-c", "true; exit 3"],
    envLengths: [18, 6],
  });
  const opened = reader.totals.files.map((one) => one.path);
  expect(opened.filter((name) => name.includes("vgpreload"))).toEqual([]);
  const trace = openTraceFile(file);
  const k = boot(PRESETS.tiny!);
  const { programs, summary } = trace.start(k, { cached: trace.files });
  expect(drive(k, programs).stuck).toEqual([]);
  expect(summary.ended.at(-1)).toMatchObject({ stream: 0, status: 768, majorFaults: 0 });
  expect(summary.accesses).toBe(reader.totals.accesses);
  expect([...summary.notes.keys()]).toEqual([]);
});

test.skipIf(!hasValgrind)("a recording that is stopped leaves nothing (needs valgrind)", async () => {
  const file = path.join(directory, "stopped.pwt");
  const abort = new AbortController();
  const before = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith("pagewalk-"));
  const recording = record("sleep", ["60"], file, { stdio: "ignore", env: ENV, signal: abort.signal });
  setTimeout(() => abort.abort(), 500);
  await expect(recording).rejects.toThrow("stopped; nothing was written");
  expect(fs.readdirSync(directory).filter((name) => name.startsWith("stopped"))).toEqual([]);
  const after = fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith("pagewalk-"));
  expect(
    after.filter(
      (name) => !before.includes(name) && fs.existsSync(path.join(os.tmpdir(), name, String(process.pid))),
    ),
  ).toEqual([]);
});

test.skipIf(!hasValgrind)("a program that is not there is named (needs valgrind)", async () => {
  await expect(record("no-such-program", [], path.join(directory, "no.pwt"), { env: ENV })).rejects.toThrow(
    "no-such-program: no such program",
  );
  expect(fs.existsSync(path.join(directory, "no.pwt"))).toBe(false);
});

test("a file has its name only when it is whole", () => {
  const file = path.join(directory, "whole.pwt");
  const writing = createPwtFile(file, META);
  expect(fs.existsSync(file)).toBe(false);
  writing.finish();
  expect(openPwtFile(file).meta).toEqual(META);
  expect(fs.readdirSync(directory).filter((name) => name.includes("partial"))).toEqual([]);
  const discarded = createPwtFile(path.join(directory, "discarded.pwt"), META);
  discarded.discard();
  expect(fs.readdirSync(directory).filter((name) => name.startsWith("discarded"))).toEqual([]);
});

test("a long recording is written and read a block at a time", () => {
  const file = path.join(directory, "long.pwt");
  const writing = createPwtFile(file, META);
  const chunk = createChunk();
  for (let i = 0; i < 60_000; i++) {
    chunk.page[i] = (i * 7919) % 5003;
    chunk.kind[i] = i % 4;
    chunk.count[i] = 1 + (i % 50);
  }
  chunk.length = 60_000;
  for (let i = 0; i < 40; i++) {
    writeChunk(writing.writer, i % 2, chunk);
    for (const { bytes } of writing.writer.streams.values())
      expect(bytes.bytes.length).toBeLessThanOrEqual(BLOCK_MOST_BYTES);
  }
  const totals = writing.finish();
  expect(totals.runs).toBe(2_400_000);
  expect(totals.blocks).toBeGreaterThan(4);
  const reader = openPwtFile(file);
  let runs = 0;
  for (const stream of [1, 0]) while (reader.next(stream, chunk)) runs += chunk.length;
  expect(runs).toBe(2_400_000);
});

test("the environment is the program's own", () => {
  const environment = [
    "A=1",
    "VALGRIND_LAUNCHER=/usr/bin/valgrind.bin",
    "LD_PRELOAD=/usr/libexec/valgrind/vgpreload_core-amd64-linux.so",
  ];
  expect(withoutValgrind(environment)).toEqual(["A=1"]);
  const both = "LD_PRELOAD=/usr/libexec/valgrind/vgpreload_core-amd64-linux.so:/lib/mine.so";
  expect(withoutValgrind([both])).toEqual(["LD_PRELOAD=/lib/mine.so"]);
});

test("headers are read up to the interpreter's name, and only of ELF files", () => {
  const headers = readHeaders(process.execPath);
  if (process.platform === "linux") expect([...headers!.subarray(0, 4)]).toEqual([0x7f, 0x45, 0x4c, 0x46]);
  expect(readHeaders(import.meta.filename)).toBeUndefined();
  expect(readHeaders("/no/such/file")).toBeUndefined();
});

function eventsOf(file: string): ReplayEvent[] {
  const reader = openPwtFile(file);
  const chunk = createChunk();
  const events: ReplayEvent[] = [];
  while (reader.next(0, chunk)) events.push(chunk.event);
  expect(events.some((event) => event.type === EVENT_CALL)).toBe(true);
  return events;
}
