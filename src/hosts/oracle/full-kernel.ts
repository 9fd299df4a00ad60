/**
 * Debian's Linux 6.12 for ordinary machines, for what its cloud kernel is built without (zswap). Disks, ext4 and lz4 are modules there: those
 * that a boot needs go into the initramfs, and the controller loads them in the order of their names.
 * Linux: Documentation/admin-guide/mm/zswap.rst (6.12)
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { KernelMachine } from "./kernel-run.ts";
import { cacheDirectory } from "./tools.ts";

/** A file for the initramfs. */
interface ArchiveFile {
  readonly path: string;
  readonly mode: number;
  readonly bytes?: Uint8Array;
}

/** Whether a machine's kernel is the full one. */
function wantsFull(machine: KernelMachine | undefined): boolean {
  return machine?.pressure?.zswap === true;
}

/** The kernel of a machine: `usual`, or the full one. Throws an Error with one line when that was not fetched. */
export function kernelOf(machine: KernelMachine, usual: string): string {
  if (!wantsFull(machine)) return usual;
  const names = namesIn("kernel").filter((name) => name.startsWith("vmlinuz-6.12."));
  names.sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
  const newest = names.at(-1);
  if (newest === undefined)
    throw new Error("there is no Linux 6.12 with zswap to boot: run tools/oracle/fetch-kernel.sh --full");
  return path.join(folder(), "kernel", newest);
}

/** What tells the controller to switch zswap on. */
export function fullKernelWords(machine: KernelMachine): string {
  return wantsFull(machine) ? " pagewalk.zswap" : "";
}

/** The modules that a machine's kernel needs. */
export function moduleFiles(machine: KernelMachine | undefined): ArchiveFile[] {
  if (!wantsFull(machine)) return [];
  const modules = namesIn("modules").map((name) => ({
    path: `modules/${name}`,
    mode: 0o100644,
    bytes: readFileSync(path.join(folder(), "modules", name)),
  }));
  return [{ path: "modules", mode: 0o040755 }, ...modules];
}

/** Where fetch-kernel.sh --full puts it. */
function folder(): string {
  return path.join(cacheDirectory(), "full");
}

function namesIn(name: string): string[] {
  try {
    return readdirSync(path.join(folder(), name)).sort();
  } catch {
    return [];
  }
}
