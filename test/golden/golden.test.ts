/**
 * Pagewalk against the real kernel: every case under golden/ whose transcript was recorded is run here on the machine
 * of the case, and the two transcripts are compared line by line, but for what the case's differs.txt lets differ.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { boot, type MachineInput } from "../../src/core/index.ts";
import { compressPage } from "../../src/hosts/cli/compressor.ts";
import { formatScriptError } from "../../src/programs/script/ast.ts";
import { readScript } from "../../src/programs/script/check.ts";
import { compareTranscripts, readDiffers } from "../../src/programs/script/compare.ts";
import { runScript } from "../../src/programs/script/run.ts";

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../golden/linux-6.12-x86_64");
const LEAST_CASES = 60;

const cases = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(path.join(FOLDER, entry.name, "script.pw")))
  .map((entry) => entry.name)
  .sort();

function read(name: string, file: string): string {
  return readFileSync(path.join(FOLDER, name, file), "utf8");
}

/** The transcript of a case on Pagewalk; its last line is the error that stopped the script, if one did. */
function transcriptOf(name: string): string {
  const { script, errors } = readScript(read(name, "script.pw"), "script.pw");
  if (errors.length > 0) return errors.map((error) => `${formatScriptError(error)}\n`).join("");
  const lines: string[] = [];
  const machine = JSON.parse(read(name, "machine.json")) as MachineInput;
  // As the controller sets it before it runs a script.
  const k = boot({ ...machine, knobs: { "/sys/kernel/mm/lru_gen/enabled": 0, ...machine.knobs } }, compressPage);
  const error = runScript(k, script, (line) => lines.push(line));
  if (error !== undefined) lines.push(formatScriptError(error));
  return lines.map((line) => `${line}\n`).join("");
}

/** What is wrong with the case; "" when it is equal. */
function compareCase(name: string): string {
  const differsPath = path.join(FOLDER, name, "differs.txt");
  const rules = existsSync(differsPath) ? readDiffers(readFileSync(differsPath, "utf8")) : [];
  if (typeof rules === "string") return rules;
  const real = { name: `${name} on Linux 6.12`, text: read(name, "transcript.txt") };
  return compareTranscripts(real, { name: `${name} on Pagewalk`, text: transcriptOf(name) }, rules).report;
}

describe("golden cases of Linux 6.12", () => {
  test("there are enough of them, and each has its machine", () => {
    expect(cases.length).toBeGreaterThanOrEqual(LEAST_CASES);
    for (const name of cases) expect(existsSync(path.join(FOLDER, name, "machine.json")), name).toBe(true);
  });

  for (const name of cases) {
    const isRecorded = existsSync(path.join(FOLDER, name, "transcript.txt"));
    test.skipIf(!isRecorded)(`${name}${isRecorded ? "" : " (no transcript recorded)"}`, () => {
      expect(compareCase(name)).toBe("");
    });
  }
});
