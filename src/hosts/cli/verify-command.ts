/**
 * `pagewalk verify`: runs scripts on Pagewalk and on a real kernel, and prints the differences.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import { boot, type MachineInput } from "../../core/index.ts";
import { formatScriptError, type Script } from "../../programs/script/ast.ts";
import { readScript } from "../../programs/script/check.ts";
import { compareTranscripts, type DifferRule, readDiffers } from "../../programs/script/compare.ts";
import { runScript } from "../../programs/script/run.ts";
import type { KernelChoice, KernelTranscript } from "../oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../oracle/run-on-kernel.ts";
import { loadMachineInput, parseMachine } from "./machine-file.ts";
import { EXIT_FAILED, fileProblem, userError } from "./user-error.ts";

/** The machine of the golden cases, for scripts that stand without a machine.json. */
const USUAL_MACHINE: MachineInput = { name: "vm-1g", cpus: 1, sizeBytes: 1073741824 };
const GOLDEN = path.join(path.dirname(fileURLToPath(import.meta.url)), "../golden/linux-6.12-x86_64");

interface VerifyOptions {
  readonly kernel: KernelChoice;
  readonly machine?: string;
}

interface Case {
  readonly path: string;
  readonly text: string;
  readonly script: Script;
}

/** The verb. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("run scripts on Pagewalk and on a real kernel, and print the differences")
    .argument("[scripts...]", "scripts (.pw); without any, the golden cases")
    .addOption(
      new Option("-k, --kernel <kernel>", "this machine's kernel, or Debian's 6.12 booted in QEMU").choices(["host", "qemu"]).default("host"),
    )
    .option("-m, --machine <machine>", "the simulated machine; else machine.json beside the script, else one with 1 CPU and 1 GiB")
    .addHelpText("after", "\nExamples:\n  pagewalk verify cow.pw\n  pagewalk verify --kernel qemu")
    .action(verify);
}

async function verify(scripts: string[], options: VerifyOptions): Promise<void> {
  const cases = (scripts.length > 0 ? scripts : goldenScripts()).map(readCase);
  const reason = whyNotKernel(options.kernel);
  if (reason !== undefined) throw userError(`the ${options.kernel} kernel can not be asked: ${reason}`, EXIT_FAILED);
  let equal = 0;
  let different = 0;
  const run = await runOnKernel(cases.map(({ path: name, text }) => ({ name, text })), { kernel: options.kernel }).catch((error: unknown) => {
    throw userError(error instanceof Error ? error.message : String(error), EXIT_FAILED);
  });
  for (const each of cases) {
    const real = run.transcripts.find(({ name }) => name === each.path);
    if (real === undefined) continue;
    const report = compare(each, real, run.release, options);
    if (report === "") equal++;
    else different++;
    process.stdout.write(report === "" ? `equal    ${each.path}\n` : `DIFFERS  ${each.path}\n${report}`);
  }
  for (const { name, reason: why } of run.skipped) process.stdout.write(`skipped  ${name}: ${why}\n`);
  process.stdout.write(`${equal} equal, ${different} different, ${run.skipped.length} skipped, on Linux ${run.release}\n`);
  if (different > 0) process.exitCode = EXIT_FAILED;
}

/** What differs; "" when nothing does. */
function compare(each: Case, real: KernelTranscript, release: string, options: VerifyOptions): string {
  if (real.status !== 0) return `${real.errors.join("\n") || `the runner ended with status ${real.status}`}\n`;
  const lines: string[] = [];
  const k = boot(machineOf(each, options));
  const error = runScript(k, each.script, (line) => lines.push(line));
  if (error !== undefined) lines.push(formatScriptError(error));
  return compareTranscripts(
    { name: `${each.path} on Linux ${release}`, text: real.text },
    { name: `${each.path} on Pagewalk`, text: lines.map((line) => `${line}\n`).join("") },
    rulesOf(each, release),
  ).report;
}

function machineOf(each: Case, options: VerifyOptions): MachineInput {
  if (options.machine !== undefined) return loadMachineInput(options.machine);
  const beside = path.join(path.dirname(each.path), "machine.json");
  return existsSync(beside) ? parseMachine(beside, readText(beside)) : USUAL_MACHINE;
}

/** What may differ: differs.txt on the kernel that is modelled, differs-6.18.txt on another release of that number. */
function rulesOf(each: Case, release: string): readonly DifferRule[] {
  const version = /^\d+\.\d+/.exec(release)?.[0] ?? "";
  const names = version === "6.12" ? ["differs.txt"] : ["differs.txt", `differs-${version}.txt`];
  return names.flatMap((name) => {
    const file = path.join(path.dirname(each.path), name);
    if (!existsSync(file)) return [];
    const rules = readDiffers(readText(file));
    if (typeof rules === "string") throw userError(`${path.dirname(each.path)}: ${rules}`);
    return rules;
  });
}

function readCase(file: string): Case {
  const text = readText(file);
  const { script, errors } = readScript(text, file);
  if (errors.length > 0) throw userError(errors.map(formatScriptError).join("\n"));
  return { path: file, text, script };
}

function goldenScripts(): string[] {
  if (!existsSync(GOLDEN)) throw userError("no script was named, and the golden cases are not installed");
  return readdirSync(GOLDEN)
    .map((name) => path.join(GOLDEN, name, "script.pw"))
    .filter((file) => existsSync(file));
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fileProblem(file, error);
  }
}
