/**
 * Modules of a virtual machine's kernel: those that a boot needs go into the initramfs, and the controller loads them in the order of their
 * names. Debian's cloud kernel needs them for zram. Its kernel for ordinary machines is there for what the cloud kernel is built without
 * (zswap); disks, ext4 and lz4 are modules of it.
 * Linux: Documentation/admin-guide/mm/zswap.rst, Documentation/admin-guide/blockdev/zram.rst (6.12)
 */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { KernelMachine, KernelScript } from "./kernel-run.ts";
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
  const names = namesIn(path.join(fullFolder(), "kernel")).filter((name) => name.startsWith("vmlinuz-6.12."));
  names.sort((left, right) => left.localeCompare(right, "en", { numeric: true }));
  const newest = names.at(-1);
  if (newest === undefined)
    throw new Error("there is no Linux 6.12 with zswap to boot: run tools/oracle/fetch-kernel.sh --full");
  return path.join(fullFolder(), "kernel", newest);
}

/** What tells the controller to switch zswap on. */
export function fullKernelWords(machine: KernelMachine): string {
  return wantsFull(machine) ? " pagewalk.zswap" : "";
}

/** A `swap` statement whose area is a zram device. */
const ZRAM_AREA = /^[ \t]*swap[ \t][^#\n]*[ \t]zram\b/m;

/** The modules that the kernel of the scripts' machine needs. Throws an Error with one line when those of zram were not fetched. */
export function moduleFiles(scripts: readonly KernelScript[]): ArchiveFile[] {
  const isFull = wantsFull(scripts[0]!.machine);
  const hasZram = scripts.some((script) => ZRAM_AREA.test(script.text));
  if (!isFull && !hasZram) return [];
  if (isFull && hasZram) throw new Error("the kernel with zswap is booted without the modules of zram");
  const folder = path.join(isFull ? fullFolder() : cacheDirectory(), "modules");
  const names = namesIn(folder);
  if (hasZram && names.length === 0)
    throw new Error("there are no modules of zram to load: run tools/oracle/fetch-kernel.sh again");
  // The controller loads those of zram, which it knows by their names, when a script wants them.
  const place = isFull ? "modules" : "zram";
  const modules = names.map((name) => ({
    path: `${place}/${isFull ? name : name.replace(/^[0-9]+-/, "")}`,
    mode: 0o100644,
    bytes: readFileSync(path.join(folder, name)),
  }));
  return [{ path: place, mode: 0o040755 }, ...modules];
}

/** Where fetch-kernel.sh --full puts it. */
function fullFolder(): string {
  return path.join(cacheDirectory(), "full");
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
