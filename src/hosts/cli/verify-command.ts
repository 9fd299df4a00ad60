/**
 * `pagewalk verify`: runs scripts on Pagewalk and on a real kernel, and prints the differences. For this machine's kernel Pagewalk boots a
 * machine like this one, so that a difference is one between kernels.
 * Doc: docs/script.md, section 13; golden/VERSIONS.md
 */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { Command, Option } from "commander";
import type { MachineInput } from "../../core/index.ts";
import { HOST_PROBE, readHostMachine } from "../oracle/host-machine.ts";
import type { KernelChoice, KernelRun, KernelScript } from "../oracle/kernel-run.ts";
import { runOnKernel, whyNotKernel } from "../oracle/run-on-kernel.ts";
import { loadMachineInput } from "./machine-file.ts";
import { EXIT_FAILED, userError } from "./user-error.ts";
import {
  compareCase,
  goldenScripts,
  kernelMachineOf,
  machineOf,
  readCase,
  type VerifyCase,
} from "./verify-case.ts";

const GOLDEN = path.join(path.dirname(fileURLToPath(import.meta.url)), "../golden/linux-6.12-x86_64");

interface VerifyOptions {
  readonly kernel: KernelChoice;
  readonly machine?: string;
}

/** The verb. */
export function verifyCommand(): Command {
  return new Command("verify")
    .description("run scripts on Pagewalk and on a real kernel, and print the differences")
    .argument("[scripts...]", "scripts (.pw); without any, the golden cases")
    .addOption(
      new Option("-k, --kernel <kernel>", "this machine's kernel, or Debian's 6.12 booted in QEMU")
        .choices(["host", "qemu"])
        .default("host"),
    )
    .option(
      "-m, --machine <machine>",
      "the simulated machine; else one like this machine (host), or machine.json beside the script (qemu)",
    )
    .addHelpText("after", "\nExamples:\n  pagewalk verify cow.pw\n  pagewalk verify --kernel qemu")
    .action(verify);
}

async function verify(scripts: string[], options: VerifyOptions): Promise<void> {
  const cases = (scripts.length > 0 ? scripts : goldenScripts(GOLDEN)).map(readCase);
  const reason = whyNotKernel(options.kernel);
  if (reason !== undefined)
    throw userError(`the ${options.kernel} kernel can not be asked: ${reason}`, EXIT_FAILED);
  const probes = options.kernel === "host" ? [HOST_PROBE] : [];
  const run = await ask([...cases.map(jobOf), ...probes], options.kernel);
  const machine = machineFor(options, run);
  let equal = 0;
  let different = 0;
  let withRules = 0;
  for (const each of cases) {
    const real = run.transcripts.find(({ name }) => name === each.path);
    if (real === undefined) continue;
    let { report, accepted } = compareCase(each, real, run.release, machine(each));
    if (report !== "" && options.kernel === "host") {
      // Other work on a live machine can disturb one run: what differs is asked once more before it counts.
      const again = await ask([jobOf(each)], options.kernel);
      ({ report, accepted } = compareCase(each, again.transcripts[0]!, run.release, machine(each)));
    }
    if (report === "") equal++;
    else different++;
    if (report === "" && accepted > 0) withRules++;
    const listed = accepted === 0 ? "" : ` (listed differences: ${accepted})`;
    process.stdout.write(
      report === "" ? `equal    ${each.path}${listed}\n` : `DIFFERS  ${each.path}\n${report}`,
    );
  }
  for (const { name, reason: why } of run.skipped) process.stdout.write(`skipped  ${name}: ${why}\n`);
  process.stdout.write(
    `${equal} equal${withRules > 0 ? ` (${withRules} of them with listed differences)` : ""}, ${different} different, ${run.skipped.length} skipped, on Linux ${run.release}\n`,
  );
  if (different > 0) process.exitCode = EXIT_FAILED;
}

/** Runs scripts on the kernel; why it could not is the user's business. */
async function ask(jobs: readonly KernelScript[], kernel: KernelChoice): Promise<KernelRun> {
  return runOnKernel(jobs, { kernel }).catch((error: unknown) => {
    throw userError(error instanceof Error ? error.message : String(error), EXIT_FAILED);
  });
}

function jobOf(each: VerifyCase): KernelScript {
  return { name: each.path, text: each.text, machine: kernelMachineOf(machineOf(each)) };
}

/** Which machine Pagewalk boots for a case. */
function machineFor(options: VerifyOptions, run: KernelRun): (each: VerifyCase) => MachineInput {
  if (options.machine !== undefined) {
    const chosen = loadMachineInput(options.machine);
    return () => chosen;
  }
  if (options.kernel === "qemu") return machineOf;
  const host = readHostMachine(run.transcripts.find(({ name }) => name === HOST_PROBE.name)?.text ?? "");
  if (host.missing !== undefined)
    throw userError(`this machine can not be modelled: ${host.missing}`, EXIT_FAILED);
  return () => host.value;
}
