/**
 * Pressure files of a cgroup: how long its tasks were held up, and a switch that says whether this is counted at all.
 * Linux: kernel/cgroup/cgroup.c, kernel/sched/psi.c (6.12)   Doc: Documentation/admin-guide/cgroup-v2.rst
 */
import { EINVAL, ERANGE } from "../../base/errno.ts";
import type { Memcg } from "../../base/types.ts";
import { enablePressure, showPressure } from "../../reclaim/psi.ts";
import { PSI_CPU, PSI_IO, PSI_MEM } from "../../reclaim/psi-group.ts";
import { tryTrigger } from "../pressure-watch.ts";
import type { AbiState } from "../state.ts";
import type { CgroupFile } from "./file.ts";

/** The files, in the kernel's order. */
export const PRESSURE_FILES: readonly CgroupFile[] = [
  pressureFile("io.pressure", PSI_IO),
  pressureFile("memory.pressure", PSI_MEM),
  pressureFile("cpu.pressure", PSI_CPU),
  {
    name: "cgroup.pressure",
    onRoot: true,
    show: (k, memcg) => `${k.psi.enabled[memcg]}\n`,
    write: writeSwitch,
  },
];

/** What is written must be a trigger; it ends when the file is closed, here at once (watchPressure keeps one). */
function pressureFile(name: string, resource: number): CgroupFile {
  return {
    name,
    onRoot: true,
    isShown: (k, memcg) => k.psi.enabled[memcg] !== 0,
    show: (k, group) => showPressure(k, group, resource),
    write: (k, group, text) => tryTrigger(k, { group, resource }, text),
  };
}

/** Returns 0, or a negative errno: EINVAL no number, ERANGE neither 0 nor 1. */
function writeSwitch(k: AbiState, memcg: Memcg, text: string): number {
  const written = text.trim();
  if (!/^[+-]?[0-9]+$/.test(written)) return -EINVAL;
  const value = Number(written);
  if (value !== 0 && value !== 1) return -ERANGE;
  enablePressure(k, memcg, value === 1);
  return 0;
}
