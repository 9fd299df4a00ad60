/**
 * Turns the console output of a described boot (init) into a golden folder: the kernel's files verbatim, the lines of its
 * log that concern memory, and machine.json, the machine Pagewalk boots to be compared with them.
 *
 * machine.json has the firmware's map and NUMA nodes from the log, and as reserved what /proc/kpageflags calls so, plus
 * what the kernel gave back after its watermarks were set ("Freeing …" in the log): those ranges are free by now, so they
 * are found again by their size, between reserved ones.
 * Linux: arch/x86/kernel/e820.c, init/main.c (6.12)   Doc: golden/linux-6.12-x86_64/boot-512m/PROVENANCE.md
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

interface Range {
  startByte: number;
  endByte: number;
}

const FILES = ["zoneinfo", "zoneinfo-scale-500", "buddyinfo", "vmstat", "meminfo", "pagetypeinfo", "reserved"];
const MEMORY_LINE = /e820|RAMDISK|SRAT: Node|Zone ranges|DMA|Normal|Movable|memory node|node {3}\d|On node|percpu:|hash table|Fallback|Memory:|Freeing|Built/;

/** The parts of the console output, by the name after `===`. */
function readParts(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  const pieces = text.replaceAll("\r", "").split(/(?:^|\n|.*?)=== (\S+)\n/);
  for (let i = 1; i < pieces.length; i += 2) parts.set(pieces[i]!, `${pieces[i + 1]!.replace(/\n$/, "")}\n`);
  return parts;
}

/** The firmware's usable ranges, cut at node borders. */
function readMap(log: string): (Range & { kind: string; node: number })[] {
  const nodes = [...log.matchAll(/SRAT: Node (\d+) PXM \d+ \[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\]/g)].map((m) => ({
    node: Number(m[1]), startByte: Number.parseInt(m[2]!, 16), endByte: Number.parseInt(m[3]!, 16) + 1,
  }));
  if (nodes.length === 0) nodes.push({ node: 0, startByte: 0, endByte: Number.MAX_SAFE_INTEGER });
  const map: (Range & { kind: string; node: number })[] = [];
  for (const m of log.matchAll(/BIOS-e820: \[mem 0x([0-9a-f]+)-0x([0-9a-f]+)\] (\w+)/g)) {
    const startByte = Number.parseInt(m[1]!, 16);
    const endByte = Number.parseInt(m[2]!, 16) + 1;
    for (const node of nodes) {
      const start = Math.max(startByte, node.startByte);
      const end = Math.min(endByte, node.endByte);
      if (m[3] === "usable" && start < end) map.push({ startByte: start, endByte: end, kind: "usable", node: node.node });
    }
  }
  return map;
}

/** Reserved ranges, and those freed late. */
function readReserved(parts: Map<string, string>, usable: readonly Range[]): (Range & { what: string; isFreed: boolean })[] {
  const log = parts.get("dmesg")!;
  const ranges = [...parts.get("reserved")!.matchAll(/(\w+) (?:0x)?([0-9a-f]+)-0x([0-9a-f]+)/g)].map((m) => ({
    kind: m[1]!, startByte: Number.parseInt(m[2]!, 16), endByte: Number.parseInt(m[3]!, 16),
  }));
  const list: (Range & { what: string; isFreed: boolean })[] = [];
  for (const range of ranges) {
    if (range.kind !== "reserved") continue;
    for (const u of usable) {
      const startByte = Math.max(range.startByte, u.startByte);
      const endByte = Math.min(range.endByte, u.endByte);
      if (startByte < endByte) list.push({ startByte, endByte, what: "PG_reserved", isFreed: false });
    }
  }
  // Alternatives lie at the end of the init sections and were freed earlier, before watermarks were set.
  const early = Number(/Freeing SMP alternatives memory: (\d+)K/.exec(log)?.[1] ?? 0) * 1024;
  for (const m of log.matchAll(/Freeing (initrd|unused decrypted|unused kernel image \([^)]*\)) memory: (\d+)K/g)) {
    const bytes = Number(m[2]) * 1024;
    const gap = m[1]!.includes("initmem") ? bytes + early : bytes;
    const found = ranges.filter((r) => r.kind === "managed" && r.endByte - r.startByte === gap);
    if (found.length !== 1) throw new Error(`${found.length} free ranges of ${gap} bytes for ${m[1]}`);
    list.push({ startByte: found[0]!.startByte, endByte: found[0]!.startByte + bytes, what: m[1]!, isFreed: true });
  }
  return list.sort((a, b) => a.startByte - b.startByte);
}

/** "0-1,4" as numbers. */
function readCpus(text: string): number[] {
  return text.trim().split(",").filter((part) => part !== "").flatMap((part) => {
    const [first, last] = part.split("-").map(Number);
    return Array.from({ length: (last ?? first!) - first! + 1 }, (_, i) => first! + i);
  });
}

const [consolePath, folder, qemu] = process.argv.slice(2);
if (consolePath === undefined || folder === undefined) throw new Error("usage: make-case.ts CONSOLE FOLDER QEMU-ARGUMENTS");
const parts = readParts(readFileSync(consolePath, "utf8"));
if (!parts.has("end")) throw new Error(`${consolePath} is not complete`);
const log = parts.get("dmesg")!;
const cmdline = parts.get("cmdline")!.trim();
const e820 = readMap(log);
const movable = /movablecore=(\d+)M/.exec(cmdline)?.[1];
const nodeNames = [...parts.keys()].filter((key) => /^node\d+\/cpulist$/.test(key));
const machine = {
  name: path.basename(folder),
  nodes: nodeNames.map((key) => ({ cpus: readCpus(parts.get(key)!) })),
  distances: nodeNames.map((key) => parts.get(key.replace("cpulist", "distance"))!.trim().split(/\s+/).map(Number)),
  levels: parts.get("meminfo")!.includes("VmallocTotal:   13743895347199 kB") ? 5 : 4,
  e820,
  reserved: readReserved(parts, e820),
  ...(movable === undefined ? {} : { movableBytes: Number(movable) * 1048576 }),
  knobs: cmdline.includes("transparent_hugepage=never") ? {} : { "/sys/kernel/mm/transparent_hugepage/enabled": 2 },
};
mkdirSync(folder, { recursive: true });
for (const file of FILES) writeFileSync(path.join(folder, file), parts.get(file)!);
writeFileSync(path.join(folder, "dmesg-memory"), `${log.split("\n").filter((line) => MEMORY_LINE.test(line)).join("\n")}\n`);
writeFileSync(path.join(folder, "machine.json"), `${JSON.stringify(machine, null, 1)}\n`);
writeFileSync(path.join(folder, "PROVENANCE.md"), `# Where these files come from

Recorded by \`tools/oracle/boot/record.sh\` (${new Date().toISOString().slice(0, 10)}): what a kernel in QEMU says of its memory, one second after boot.

* Kernel: ${parts.get("version")!.trim()}
* Command line: \`${cmdline}\`
* QEMU: \`-cpu max,-cx16 ${qemu ?? ""}\`

\`zoneinfo\`, \`buddyinfo\`, \`vmstat\`, \`meminfo\` and \`pagetypeinfo\` are the files of /proc, verbatim; \`zoneinfo-scale-500\` is
zoneinfo after \`vm.watermark_scale_factor\` was set to 500. \`reserved\` is /proc/kpageflags as ranges
(\`tools/oracle/boot/reserved.c\`). \`dmesg-memory\` has the lines of the kernel's log that concern memory.
\`machine.json\` was made from \`dmesg-memory\` and \`reserved\` (\`tools/oracle/boot/make-case.ts\`).
`);
