import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

/** The built command, as a user runs it. `npm test` builds it first. */
const COMMAND = path.join(import.meta.dirname, "../../dist/pagewalk.js");
const UUID = "01234567-89ab-cdef-0123-456789abcdef";
const folder = mkdtempSync(path.join(tmpdir(), "pagewalk-swap-"));
afterAll(() => rmSync(folder, { recursive: true }));

function run(command: string, ...args: string[]): { code: number | null; out: string; errors: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", cwd: folder });
  return { code: status, out: stdout ?? "", errors: stderr ?? "" };
}

function swap(...args: string[]): { code: number | null; out: string; errors: string } {
  return run(process.execPath, COMMAND, "swap", ...args);
}

function isThere(command: string): boolean {
  return spawnSync("which", [command]).status === 0 || spawnSync(command, ["--version"]).error === undefined;
}

test("mkswap makes an area that show reads, whole and for root alone", () => {
  const made = swap("mkswap", "a.img", "1M", "-L", "spare", "-U", UUID, "--json");
  expect(made.errors).toBe("");
  expect(JSON.parse(made.out)).toMatchObject({ sizeBytes: 1048576, pages: 255, uuid: UUID, label: "spare", refusals: [] });
  const file = statSync(path.join(folder, "a.img"));
  expect([file.size, file.mode & 0o777]).toEqual([1048576, 0o600]);
  expect(file.blocks * 512).toBeGreaterThanOrEqual(1048576);
  const shown = swap("show", "a.img");
  expect(shown.code).toBe(0);
  expect(shown.out).toBe(
    `a.img: swap area, version 1\n  size       1020 KiB for pages (255 pages after the header)\n  UUID       ${UUID}\n  label      spare\n  bad pages  none\n`,
  );
});

test("an existing file stays unless --force", () => {
  writeFileSync(path.join(folder, "mine"), "mine");
  const refused = swap("mkswap", "mine", "1M");
  expect([refused.code, refused.out, refused.errors]).toEqual([2, "", "pagewalk: mine is there already: --force replaces it\n"]);
  expect(readFileSync(path.join(folder, "mine"), "utf8")).toBe("mine");
  expect(swap("mkswap", "mine", "1M", "--force").code).toBe(0);
});

test("what cannot be is one line and exit code 2", () => {
  for (const args of [["x.img", "many"], ["x.img", "36K"], ["x.img", "1M", "-L", "longer than sixteen"], ["x.img", "1M", "-U", "1"], ["no/x.img", "1M"]]) {
    const ended = swap("mkswap", ...args);
    expect([ended.code, ended.out, ended.errors.trimEnd().split("\n").length]).toEqual([2, "", 1]);
  }
});

test("show says what swapon would refuse, and that a file is no area", () => {
  swap("mkswap", "cut.img", "1M");
  truncateSync(path.join(folder, "cut.img"), 524288);
  expect(swap("show", "cut.img").out).toContain("swapon would refuse it: the file ends 512 KiB before the area does");
  expect(JSON.parse(swap("show", "cut.img", "--json").out)).toMatchObject({ refusals: [expect.stringContaining("512 KiB")] });
  writeFileSync(path.join(folder, "noise"), new Uint8Array(8192).fill(7));
  const ended = swap("show", "noise");
  expect([ended.code, ended.out, ended.errors]).toEqual([1, "", "pagewalk: noise: no swap area: it has no header of version 1\n"]);
  expect(swap("show", "nothing").code).toBe(2);
});

test.skipIf(!isThere("/usr/sbin/blkid"))("the real blkid sees a swap area (skipped where there is no /usr/sbin/blkid)", () => {
  swap("mkswap", "b.img", "1M", "-L", "spare", "-U", UUID);
  const seen = run("/usr/sbin/blkid", "-p", "-o", "export", "b.img").out;
  expect(seen).toContain(`LABEL=spare\nUUID=${UUID}\n`);
  expect(seen).toContain("TYPE=swap\n");
});

test.skipIf(!isThere("/usr/sbin/mkswap"))("an area of the real mkswap is read (skipped where there is no /usr/sbin/mkswap)", () => {
  writeFileSync(path.join(folder, "real.img"), new Uint8Array(1048576), { mode: 0o600 });
  expect(run("/usr/sbin/mkswap", "-L", "spare", "-U", UUID, "real.img").code).toBe(0);
  expect(JSON.parse(swap("show", "real.img", "--json").out)).toMatchObject({ pages: 255, uuid: UUID, label: "spare", refusals: [] });
  swap("mkswap", "ours.img", "1M", "-L", "spare", "-U", UUID);
  expect(readFileSync(path.join(folder, "ours.img")).equals(readFileSync(path.join(folder, "real.img")))).toBe(true);
});
