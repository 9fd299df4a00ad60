/**
 * Pagewalk against the kernel of this machine: every golden script runs there and on a machine like this one here. Needs x86-64 Linux of a
 * version whose differences are listed (golden/VERSIONS.md), ptrace and a C compiler; what is missing is a reason to skip, never a failure.
 */
import { release } from "node:os";
import { fileURLToPath } from "node:url";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { MachineInput } from "../../src/core/index.ts";
import { compareCase, goldenScripts, kernelMachineOf, machineOf, readCase, versionOf } from "../../src/hosts/cli/verify-case.ts";
import { HOST_PROBE, readHostMachine } from "../../src/hosts/oracle/host-machine.ts";
import type { KernelRun } from "../../src/hosts/oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../../src/hosts/oracle/run-on-kernel.ts";

const FOLDER = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../golden/linux-6.12-x86_64");
/** Kernels whose differences from 6.12 are listed. */
const LISTED = ["6.12", "6.18"];
const RUN_TIMEOUT_MS = 180_000;
/** No golden script maps as much as this without MAP_NORESERVE: more memory changes no result, and only makes each boot longer. */
const ENOUGH_BYTES = 2 * 1024 ** 3;

/** Why this machine's kernel is not asked; undefined when it can be. */
function whyNotLive(): string | undefined {
  const version = versionOf(release());
  if (process.platform === "linux" && !LISTED.includes(version))
    return `differences of Linux ${release()} are not listed`;
  return whyNotKernel("host");
}

const reason = whyNotLive();

describe.skipIf(reason !== undefined)(`the live kernel${reason === undefined ? "" : ` (${reason})`}`, () => {
  const cases = goldenScripts(FOLDER).map(readCase);
  let run: KernelRun | undefined;
  let machine: MachineInput | undefined;
  let trouble = "";

  beforeAll(async () => {
    const scripts = cases.map((each) => ({ name: each.path, text: each.text, machine: kernelMachineOf(machineOf(each)) }));
    try {
      run = await runOnKernel([...scripts, HOST_PROBE], { kernel: "host" });
    } catch (error) {
      trouble = `the kernel can not be asked: ${error instanceof Error ? error.message : String(error)}`;
      return;
    }
    const probe = run.transcripts.find(({ name }) => name === HOST_PROBE.name);
    const host = readHostMachine(probe?.text ?? "");
    if (host.missing === undefined) machine = { ...host.value, sizeBytes: Math.min(host.value.sizeBytes, ENOUGH_BYTES) };
    else trouble = `this machine can not be modelled: ${host.missing}`;
  }, RUN_TIMEOUT_MS);

  for (const each of cases) {
    test(path.basename(path.dirname(each.path)), async (context) => {
      if (run === undefined || machine === undefined) return context.skip(trouble);
      const real = run.transcripts.find(({ name }) => name === each.path);
      if (real === undefined) return context.skip(run.skipped.find(({ name }) => name === each.path)?.reason);
      // A statement that could not run at all: a limit or a filter of this machine.
      if (real.status !== 0) return context.skip(real.errors.join("; "));
      if (compareCase(each, real, run.release, machine).report === "") return;
      // Other work on a live machine can disturb one run (DAMON clears accessed bits); what differs is asked once more.
      const again = await runOnKernel([{ name: each.path, text: each.text, machine: kernelMachineOf(machineOf(each)) }], { kernel: "host" });
      expect(compareCase(each, again.transcripts[0]!, run.release, machine).report).toBe("");
    });
  }
});
