/**
 * /proc/pressure: how long tasks of the machine were held up for want of memory, I/O and CPUs.
 * Linux: kernel/sched/psi.c (6.12)   Doc: Documentation/accounting/psi.rst
 */
import { ROOT_MEMCG } from "../../base/types.ts";
import { showPressure } from "../../reclaim/psi.ts";
import { PSI_CPU, PSI_IO, PSI_MEM } from "../../reclaim/psi-group.ts";
import { tryProcTrigger } from "../pressure-watch.ts";
import type { AbiState } from "../state.ts";

/** A file below /proc/pressure: what it shows, and what a write of a trigger returns. */
interface PressureFile {
  readonly name: string;
  readonly show: (k: AbiState) => string;
  readonly write: (k: AbiState, text: string) => number;
}

/** The files, in the kernel's order. */
export const PRESSURE_FILES: readonly PressureFile[] = [
  pressureFile("pressure/io", PSI_IO),
  pressureFile("pressure/memory", PSI_MEM),
  pressureFile("pressure/cpu", PSI_CPU),
];

function pressureFile(name: string, resource: number): PressureFile {
  return {
    name,
    show: (k: AbiState) => showPressure(k, ROOT_MEMCG, resource),
    write: (k: AbiState, text: string) => tryProcTrigger(k, resource, text),
  };
}
