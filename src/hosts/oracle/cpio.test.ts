/** Writes cpio archives. */
import { spawnSync } from "node:child_process";
import { expect, test } from "vitest";
import { writeArchive } from "./cpio.ts";
import { findProgram } from "./tools.ts";

const cpio = findProgram("cpio");

test("an archive begins with the magic of newc and ends with the trailer", () => {
  const text = Buffer.from(
    writeArchive([{ path: "init", mode: 0o100755, bytes: Buffer.from("#!") }]),
  ).toString("latin1");
  expect(text.startsWith("070701")).toBe(true);
  expect(text.includes("TRAILER!!!")).toBe(true);
  expect(text.length % 4).toBe(0);
});

test.skipIf(cpio === undefined)("cpio lists what was put in", () => {
  const archive = writeArchive([
    { path: "scripts", mode: 0o040755 },
    { path: "scripts/a", mode: 0o100644, bytes: Buffer.from("load text 1\n") },
  ]);
  const listed = spawnSync(cpio!, ["-it", "--quiet"], { input: archive, encoding: "utf8" });
  expect(listed.stdout).toBe("scripts\nscripts/a\n");
});
