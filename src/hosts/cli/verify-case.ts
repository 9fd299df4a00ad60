/**
 * One comparison of Pagewalk with a real kernel: a script, the machine it runs on here, the transcript that a kernel gave, and the rules that
 * say which lines may differ.
 *
 *   kernel asked      rules                                        machine
 *   6.12 (qemu)       differs.txt                                  the case's
 *   6.18 (host)       differs-6.18.txt, differs.txt if it applies  one like the host
 *
 * Doc: docs/script.md, section 13; golden/VERSIONS.md
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { boot, completeMachine, type MachineInput } from "../../core/index.ts";
import { formatScriptError, type Script } from "../../programs/script/ast.ts";
import { readScript } from "../../programs/script/check.ts";
import { compareTranscripts, type DifferRule, readDiffers } from "../../programs/script/compare.ts";
import { runScript } from "../../programs/script/run.ts";
import type { KernelMachine, KernelTranscript } from "../oracle/kernel-run.ts";
import { compressPage } from "./compressor.ts";
import { parseMachine } from "./machine-file.ts";
import { fileProblem, userError } from "./user-error.ts";

/** A script that can be read. */
export interface VerifyCase {
  /** Of the script; what stands beside it belongs to it. */
  readonly path: string;
  readonly text: string;
  readonly script: Script;
}

/** What comparing a case gave. */
export interface CaseResult {
  /** What differs and must not; "" when nothing does. */
  readonly report: string;
  /** Pairs of lines that differ and may. */
  readonly accepted: number;
}

/** The machine of the golden cases, for scripts that stand without a machine.json. */
const USUAL_MACHINE: MachineInput = { name: "vm-1g", cpus: 1, sizeBytes: 1073741824 };
/** What the runner sets in its virtual machine (tools/oracle/controller/world.c) and Pagewalk boots with otherwise. */
const AS_ASKED: Readonly<Record<string, number>> = { "/sys/kernel/mm/lru_gen/enabled": 0 };
/** The kernel that Pagewalk models. */
const MODELLED = "6.12";

/** Reads a script. UserError when it cannot be read or has an error. */
export function readCase(file: string): VerifyCase {
  const text = readText(file);
  const { script, errors } = readScript(text, file);
  if (errors.length > 0) throw userError(errors.map(formatScriptError).join("\n"));
  return { path: file, text, script };
}

/** The scripts of the golden cases below a folder. */
export function goldenScripts(folder: string): string[] {
  if (!existsSync(folder)) throw userError("no script was named, and the golden cases are not installed");
  return readdirSync(folder)
    .sort()
    .map((name) => path.join(folder, name, "script.pw"))
    .filter((file) => existsSync(file));
}

/** The machine of a case: machine.json beside the script, else one with 1 CPU and 1 GiB. */
export function machineOf(each: VerifyCase): MachineInput {
  const beside = path.join(path.dirname(each.path), "machine.json");
  return existsSync(beside) ? parseMachine(beside, readText(beside)) : USUAL_MACHINE;
}

/** What a real kernel has to be given of a machine. */
export function kernelMachineOf(input: MachineInput): KernelMachine {
  const { cpus, nodes, levels } = completeMachine(input);
  return { cpus, memoryBytes: nodes.reduce((sum, node) => sum + node.sizeBytes, 0), levels };
}

/** Compares what the kernel `release` gave with what Pagewalk gives on `machine`. */
export function compareCase(
  each: VerifyCase,
  real: KernelTranscript,
  release: string,
  machine: MachineInput,
): CaseResult {
  if (real.status !== 0) {
    const reason = real.errors.join("\n") || `the runner ended with status ${real.status}`;
    return { report: `${reason}\n`, accepted: 0 };
  }
  const lines: string[] = [];
  const error = runScript(
    boot({ ...machine, knobs: { ...AS_ASKED, ...machine.knobs } }, compressPage),
    each.script,
    (line) => lines.push(line),
  );
  if (error !== undefined) lines.push(formatScriptError(error));
  return compareTranscripts(
    { name: `${each.path} on Linux ${release}`, text: real.text },
    { name: `${each.path} on Pagewalk`, text: lines.map((line) => `${line}\n`).join("") },
    rulesOf(each, release),
  );
}

/** The rules for a case on a kernel. Those of the modelled kernel's own machine need not apply to another kernel's. */
export function rulesOf(each: VerifyCase, release: string): readonly DifferRule[] {
  const version = versionOf(release);
  const usual = readRules(each, "differs.txt");
  if (version === MODELLED) return usual;
  return [...readRules(each, `differs-${version}.txt`), ...usual.map((rule) => ({ ...rule, mayIdle: true }))];
}

/** "6.18" of "6.18.44-amd64"; "" when the release does not begin with two numbers. */
export function versionOf(release: string): string {
  return /^\d+\.\d+/.exec(release)?.[0] ?? "";
}

function readRules(each: VerifyCase, name: string): readonly DifferRule[] {
  const file = path.join(path.dirname(each.path), name);
  if (!existsSync(file)) return [];
  const rules = readDiffers(readText(file), name);
  if (typeof rules === "string") throw userError(`${path.dirname(each.path)}: ${rules}`);
  return rules;
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw fileProblem(file, error);
  }
}
