/**
 * One run of a workload: a machine of its own is booted, the workload runs on it, and what its memory did is put together.
 */
import { boot, hashKernel, type Kernel, type Machine, readDmesg, readFile } from "../../core/index.ts";
import { groupDirectory } from "../../programs/script/pressure.ts";
import { compressPage } from "./compressor.ts";
import { buildMachine, type Compressor } from "./machine-file.ts";
import { createCollector } from "./report/collect.ts";
import type { RunReport } from "./report/schema.ts";
import { EXIT_FAILED, userError } from "./user-error.ts";
import { GROUP, openWorkload, type Pressure, type Workload, type WorkloadResult } from "./workload.ts";

declare const PAGEWALK_VERSION: string;

/** What the command line says of the machine, and of the pressure on the workload. */
export interface RunSetup extends Pressure {
  readonly machine: string;
  readonly set: Readonly<Record<string, number>>;
  readonly seed: number | undefined;
  /** The compressor of zswap, if the kernel is to have it. */
  readonly zswap?: Compressor | undefined;
}

/** Runs it. UserError when the workload or the machine is not what it should be. */
export function runOnce(path: string, setup: RunSetup): { report: RunReport; result: WorkloadResult } {
  const workload = openWorkload(path);
  const machine = buildMachine(setup.machine, setup.set, setup.seed, setup.zswap);
  const k = bootMachine(setup.machine, machine);
  const collector = createCollector(k);
  const started = process.hrtime.bigint();
  const result = runOn(workload, k, collector, setup);
  const hostSeconds = Number(process.hrtime.bigint() - started) / 1e9;
  const collected = collector.finish();
  const report: RunReport = {
    schema: "pagewalk-run-report/1",
    version: PAGEWALK_VERSION,
    workload: { path, kind: workload.kind },
    machine: {
      name: machine.name,
      cpus: machine.cpus,
      nodes: machine.nodes.length,
      ramBytes: machine.nodes.reduce((sum, node) => sum + node.sizeBytes, 0),
      seed: machine.seed,
      settings: { ...machine.knobs },
    },
    outcome: { ok: result.ok, message: result.message },
    accesses: result.accesses,
    hostSeconds,
    ...collected,
    faults: {
      ...collected.faults,
      perMillionAccesses:
        result.accesses === 0
          ? 0
          : ((collected.faults.minor + collected.faults.major) * 1e6) / result.accesses,
    },
    pressure: result.pressure,
    stalls: readStalls(k, setup.limitBytes !== 0),
    ...(setup.limitBytes === 0 ? {} : { cgroup: readCgroup(k, setup.limitBytes) }),
    calls: result.calls,
    dmesg: readDmesg(k).split("\n").slice(0, -1),
    notes: result.notes,
    hash: hashKernel(k),
  };
  return { report, result };
}

/** How long tasks of the workload's cgroup, or of the machine, were held up. */
function readStalls(k: Kernel, hasGroup: boolean): RunReport["stalls"] {
  const totals = (resource: string): [number, number] => {
    const path = hasGroup ? `${groupDirectory(k, GROUP)}/${resource}.pressure` : `/proc/pressure/${resource}`;
    const [some = "0", full = "0"] = Array.from(
      String(readFile(k, path)).matchAll(/total=([0-9]+)/g),
      (match) => match[1],
    );
    return [Number(some), Number(full)];
  };
  const [memorySomeUs, memoryFullUs] = totals("memory");
  const [ioSomeUs, ioFullUs] = totals("io");
  return { memorySomeUs, memoryFullUs, ioSomeUs, ioFullUs };
}

/** What the files of the workload's cgroup say at the end. */
function readCgroup(k: Kernel, limit: number | "max"): NonNullable<RunReport["cgroup"]> {
  const text = (file: string): string => String(readFile(k, `${groupDirectory(k, GROUP)}/${file}`)).trim();
  const events: Record<string, number> = {};
  for (const line of text("memory.events").split("\n")) {
    const [name = "", value = "0"] = line.split(" ");
    events[name] = Number(value);
  }
  return { limitBytes: limit === "max" ? null : limit, peakBytes: Number(text("memory.peak")), events };
}

/** Runs the workload; a pool that the machine file made too small is the user's to mend. */
function runOn(
  workload: Workload,
  k: Kernel,
  collector: ReturnType<typeof createCollector>,
  pressure: Pressure,
): WorkloadResult {
  try {
    return workload.run(k, collector, pressure);
  } catch (error) {
    if (error instanceof RangeError) throw userError(error.message, EXIT_FAILED);
    if (error instanceof Error && error.name === "FormatError") throw userError(error.message);
    throw error;
  }
}

function bootMachine(name: string, machine: Machine): Kernel {
  try {
    return boot(machine, compressPage);
  } catch (error) {
    if (error instanceof RangeError) throw userError(`${name}: ${error.message}`);
    throw error;
  }
}
