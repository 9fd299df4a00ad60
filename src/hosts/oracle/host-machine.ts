/**
 * What of this machine decides how a script runs on its kernel: memory, processors, levels of page tables, what its kernel was built to
 * tell, who we are, tunables. Pagewalk boots the same machine, so that what still differs differs because of the kernel's version.
 * Linux: Documentation/filesystems/proc.rst (6.12)
 */
import { readFileSync } from "node:fs";
import type { KernelScript } from "./kernel-run.ts";
import type { Found } from "./tools.ts";

/** A machine like this one, in the words of a machine file. */
export interface HostMachine {
  readonly name: string;
  readonly cpus: number;
  readonly sizeBytes: number;
  readonly levels: 4 | 5;
  readonly contentFrames: number;
  readonly config: {
    readonly softDirty: boolean;
    readonly protectionKeys: boolean;
    readonly vsyscall: "none" | "xonly";
  };
  readonly knobs: Readonly<Record<string, number>>;
}

/** Frames with contents of their own: 1 GiB, as on the machines of the golden cases; scripts write less. */
const CONTENT_FRAMES = 262144;

/** The fields of an entry of smaps that Linux 6.12 prints, on every machine or on one with protection keys. */
const SMAPS_FIELDS =
  "Size KernelPageSize MMUPageSize Rss Pss Pss_Dirty Shared_Clean Shared_Dirty Private_Clean Private_Dirty Referenced Anonymous KSM LazyFree " +
  "AnonHugePages ShmemPmdMapped FilePmdMapped Shared_Hugetlb Private_Hugetlb Swap SwapPss Locked THPeligible ProtectionKey VmFlags";

/** Tunables that decide what calls return and that Pagewalk has too. */
const TUNABLES = ["vm.overcommit_memory", "vm.overcommit_ratio", "vm.max_map_count"] as const;

/** CAP_SYS_ADMIN, which overcommit accounting asks for. */
const CAP_SYS_ADMIN = 21;

/** What the layout of a process is on every kernel that was built for it (docs/script.md, section 11). */
const USUAL_BASES = "bases text=0x400000 heap=0x401000 top=0x7ffff7ff9000 stack=0x7ffffffff000";

/**
 * A script that asks the kernel what /proc does not tell: the lowest address that mmap gives. A security module may have one higher than
 * vm.mmap_min_addr, and a hint below it is moved up to it.
 */
export const HOST_PROBE: KernelScript = {
  name: "probe",
  text: "mmap(4K, 4K, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)\nshow maps\n",
};

/** This machine, or why it cannot be modelled. `probe`: HOST_PROBE's transcript. `read` gives the text of a file below /proc. */
export function readHostMachine(
  probe: string,
  read: (file: string) => string = readProc,
): Found<HostMachine> {
  try {
    return readFacts(probe, read);
  } catch (error) {
    return { missing: `reading /proc: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function readFacts(probe: string, read: (file: string) => string): Found<HostMachine> {
  const smaps = read("self/smaps");
  const lowest = /^\| ([0-9a-f]+)-/m.exec(probe)?.[1];
  if (lowest === undefined || !probe.startsWith(`${USUAL_BASES}\n`))
    return { missing: `its processes are laid out differently: ${probe.split("\n")[0]}` };
  const unlike = whyUnlike(read, smaps);
  if (unlike !== undefined) return { missing: unlike };
  const cpuinfo = read("cpuinfo");
  return {
    value: {
      name: "this machine",
      cpus: cpuinfo.match(/^processor\b/gm)?.length ?? 1,
      sizeBytes: memoryBytes(read("meminfo")),
      levels: /^flags\b.*\bla57\b/m.test(cpuinfo) ? 5 : 4,
      contentFrames: CONTENT_FRAMES,
      config: {
        softDirty: /^VmFlags:.*\bsd\b/m.test(smaps),
        protectionKeys: /^ProtectionKey:/m.test(smaps),
        vsyscall: smaps.includes("[vsyscall]") ? "xonly" : "none",
      },
      knobs: {
        ...Object.fromEntries(TUNABLES.map((name) => [name, Number(read(`sys/${name.replace(".", "/")}`))])),
        "/sys/kernel/mm/lru_gen/enabled": lruGen(read),
        "vm.mmap_min_addr": Number.parseInt(lowest, 16),
        "capabilities=": hasCapability(read("self/status"), CAP_SYS_ADMIN) ? 1 : 0,
      },
    },
  };
}

/** Which parts of MGLRU are on; none where the kernel was built without it. */
function lruGen(read: (file: string) => string): number {
  try {
    return Number(read("../sys/kernel/mm/lru_gen/enabled")) || 0;
  } catch {
    return 0;
  }
}

/** What of this machine Pagewalk cannot be told, if anything. */
function whyUnlike(read: (file: string) => string, smaps: string): string | undefined {
  if (/^KernelPageSize: +(?! *4 kB)/m.test(smaps)) return "its pages are not of 4 KiB";
  if (/ r-xp .*\[vsyscall\]$/m.test(smaps)) return "its [vsyscall] page can be read";
  const known = SMAPS_FIELDS.split(" ");
  const field = [...smaps.matchAll(/^(\w+):/gm)]
    .map((match) => match[1]!)
    .find((name) => !known.includes(name));
  if (field !== undefined) return `smaps has a field ${field} that Linux 6.12 does not have`;
  if (Number(read("sys/vm/legacy_va_layout")) !== 0) return "vm.legacy_va_layout is set";
  if (/^Max (address space|data size) +(?! *unlimited)/m.test(read("self/limits")))
    return "address space is limited (ulimit)";
  return undefined;
}

function memoryBytes(meminfo: string): number {
  const match = /^MemTotal: +(\d+) kB$/m.exec(meminfo);
  if (match === null) throw new Error("meminfo has no MemTotal");
  return Number(match[1]) * 1024;
}

function hasCapability(status: string, capability: number): boolean {
  const effective = /^CapEff:\s+([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
  return ((BigInt(`0x${effective}`) >> BigInt(capability)) & 1n) === 1n;
}

function readProc(file: string): string {
  return readFileSync(`/proc/${file}`, "utf8");
}
